/* cancel_all.c: cancel by filter, a bounded slice a request. The store says which jobs match; each
 * is then cancelled as one by id is. The answer says where the slice ended: whoever asks goes on
 * from there, so that nothing needs to be remembered here. */
#include "core/state.h"

/* Jobs of one slice: one commit, some milliseconds of the store's time. */
#define SLICE_PLAIN 4096
#define SLICE_BY_ID 512 /* each of these changes rows in several tables */

/* What a slice has done so far. */
struct cancelling {
    route_t route;
    uint64_t request, upto;
    int state;
    uint64_t after; /* the last batch that any of its jobs was changed in */
    uint32_t cancelled, running;
};

static void answer(struct core *core, const struct cancelling *x, const struct match_at *at,
                   bool more)
{
    struct action *a = core_emit_after(core, x->after, ACT_REPLY_CANCELLED, x->route, x->request);
    a->cancelled.count = x->cancelled;
    a->cancelled.running = x->running;
    a->cancelled.more = more;
    a->cancelled.at = *at;
    a->cancelled.upto = x->upto;
}

static void take(struct core *core, struct cancelling *x, struct job *job)
{
    uint8_t state = job->head.state;
    bool lives = state == JOB_SCHEDULED || state == JOB_READY || state == JOB_RUNNING;
    if (lives && (x->state < 0 || x->state == state)) {
        cancel_job(core, job);
        x->cancelled++;
        x->running += state == JOB_RUNNING;
    }
    if (job->batch > x->after) /* also what others have just done to it */
        x->after = job->batch;
}

/* Who runs what is all in memory. A job that is cancelled is not running any more, so that the next
 * slice begins at the front again. */
static void cancel_running(struct core *core, const struct event *e, struct cancelling *x)
{
    LIST_FOREACH (si, &core->sessions) {
        struct session *s = CONTAINER_OF(si, struct session, link);
        LIST_FOREACH_SAFE (ji, &s->jobs) {
            struct job *job = CONTAINER_OF(ji, struct job, link);
            const struct lane *lane = lane_at(core, job->head.lane);
            if (job->place != PLACE_OUT || job->head.id > x->upto ||
                (e->cancel_all.queue.len && !slice_eq(e->cancel_all.queue, lane->queue->name)) ||
                (e->cancel_all.kind.len && !slice_eq(e->cancel_all.kind, lane->kind)))
                continue;
            if (x->cancelled == SLICE_PLAIN) {
                answer(core, x, &e->cancel_all.from, true);
                return;
            }
            take(core, x, job);
        }
    }
    answer(core, x, &e->cancel_all.from, false);
}

static void ask_store(struct core *core, const struct event *e, const struct cancelling *like)
{
    struct cancelling *x = batch_alloc(core_batch(core), sizeof *x);
    if (!x) {
        core_fail(core, "out of memory for a request");
        return;
    }
    *x = *like;
    struct slice queue = batch_copy(core_batch(core), e->cancel_all.queue);
    struct slice kind = batch_copy(core_batch(core), e->cancel_all.kind);
    struct op *op = core_op(core, OP_MATCH);
    op->match.queue = queue;
    op->match.kind = kind;
    op->match.upto = x->upto;
    op->match.from = e->cancel_all.from;
    if (x->state == JOB_SCHEDULED)
        op->match.from.by_id = true;
    op->match.limit = op->match.from.by_id ? SLICE_BY_ID : SLICE_PLAIN;
    op->match.owner = x;
    core_asks(core, op->match.limit + core->lane_count);
}

void core_on_cancel_all(struct core *core, const struct event *e)
{
    if (!request_greeted(core, e))
        return;
    struct cancelling x = {.route = e->route, .request = e->request, .state = e->cancel_all.state};
    x.upto = e->cancel_all.upto ? e->cancel_all.upto : core->id_counter << 8 | 0xff;
    if (x.state == JOB_RUNNING)
        cancel_running(core, e, &x);
    else
        ask_store(core, e, &x);
}

void on_stored_match(struct core *core, struct op *op)
{
    struct cancelling *x = op->match.owner;
    for (uint32_t i = 0; i < op->match.count && !core->failed; i++) {
        const struct record *r = &op->match.records[i];
        struct job *job = job_find(core, r->head.id);
        if (!job && lane_at(core, r->head.lane))
            job = job_load(core, &r->head, &r->spec);
        if (!job)
            continue;
        take(core, x, job);
        job_seen(core, job);
    }
    answer(core, x, &op->match.at, op->match.more);
    blob_unref(op->match.page);
    op->match.page = NULL;
}
