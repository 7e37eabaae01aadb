/* requests.c: what people ask: show, list, cancel, parked jobs, queues, pause. A change by id reads
 * the job first, so that it is in memory; then it is made; then the job is read again, behind the
 * change, and that is the answer. */
#include "core/state.h"

#define PARKED_SLICE 500 /* jobs that one PARKED by filter takes on */

struct request *request_new(struct core *core, const struct event *event)
{
    struct request *r = batch_alloc(core_batch(core), sizeof *r);
    if (!r) {
        core_fail(core, "out of memory for a request");
        return NULL;
    }
    r->type = (uint8_t)event->type;
    r->route = event->route;
    r->request = event->request;
    return r;
}

void request_refuse(struct core *core, const struct event *e, int error, const char *text)
{
    struct action *a = core_emit(core, ACT_REPLY_CODE, e->route, e->request);
    a->reply.error = error;
    a->reply.text = text;
}

/* Whoever asks must have said HELLO: the answer goes to a known session's route. UNKNOWN makes it
 * say so. */
bool request_greeted(struct core *core, const struct event *e)
{
    if (e->route == 0)
        return true; /* the broker's own question, for the feed */
    struct client *c = client_on(core, e->route);
    if (!c) {
        core_emit(core, ACT_CLIENT_UNKNOWN, e->route, 0);
        return false;
    }
    client_touch(core, c);
    return true;
}

static void read_jobs(struct core *core, struct request *r, const uint64_t *ids, uint32_t count)
{
    uint64_t *copy = batch_alloc(core_batch(core), (count ? count : 1) * sizeof *copy);
    if (!r || !copy) {
        core_fail(core, "out of memory for a request");
        return;
    }
    if (count)
        memcpy(copy, ids, count * sizeof *ids);
    struct op *op = core_op(core, OP_JOBS);
    op->jobs.ids = copy;
    op->jobs.count = count;
    op->jobs.lane_probe = true;
    op->jobs.owner = r;
    core_asks(core, count + core->lane_count);
}

void request_again(struct core *core, const struct request *like, bool changed, const uint64_t *ids,
                   uint32_t count)
{
    struct request *r = batch_alloc(core_batch(core), sizeof *r);
    if (r) {
        *r = *like;
        r->changed = changed;
    }
    read_jobs(core, r, ids, count);
}

static struct request *ask_by_ids(struct core *core, const struct event *e, struct slice column)
{
    uint32_t count = (uint32_t)(column.len / 8);
    uint64_t *ids = core_memory(core, 0, (count ? count : 1) * sizeof *ids);
    struct request *r = request_new(core, e);
    if (!ids || !r)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        ids[i] = slice_u64_at(column, i);
    read_jobs(core, r, ids, count);
    return r;
}

void core_on_get(struct core *core, const struct event *e)
{
    if (request_greeted(core, e))
        ask_by_ids(core, e, e->ids.ids);
}

void core_on_wait(struct core *core, const struct event *e)
{
    if (!request_greeted(core, e))
        return;
    struct request *r = ask_by_ids(core, e, e->ids.ids);
    if (r)
        r->hold_ms = e->ids.hold_ms ? e->ids.hold_ms : REPLY_HOLD_MS;
}

void core_on_cancel(struct core *core, const struct event *e)
{
    if (request_greeted(core, e))
        ask_by_ids(core, e, e->ids.ids);
}

/* Copying is no matter of the core: it only knows who may ask. */
void core_on_backup(struct core *core, const struct event *e)
{
    if (!request_greeted(core, e))
        return;
    struct action *a = core_emit(core, ACT_BACKUP, e->route, e->request);
    a->backup.directory = e->backup.directory;
    a->backup.token = e->backup.token;
    a->backup.hold_ms = e->backup.hold_ms;
}

static void ask_list(struct core *core, const struct event *e, int state, struct slice queue,
                     struct slice kind, uint64_t after, uint32_t limit)
{
    struct request *r = request_new(core, e);
    if (!r)
        return;
    if (e->type == EV_PARKED)
        r->remove = e->parked.remove;
    struct slice own_queue = batch_copy(core_batch(core), queue);
    struct slice own_kind = batch_copy(core_batch(core), kind);
    struct op *op = core_op(core, OP_LIST);
    op->list.state = state;
    op->list.queue = own_queue;
    op->list.kind = own_kind;
    op->list.after = after;
    op->list.limit = limit;
    op->list.owner = r;
    core_asks(core, limit + core->lane_count);
}

void core_on_parked(struct core *core, const struct event *e)
{
    if (!request_greeted(core, e))
        return;
    if (e->parked.all) {
        ask_list(core, e, JOB_PARKED, e->parked.queue, e->parked.kind, e->parked.after,
                 PARKED_SLICE);
        return;
    }
    struct request *r = ask_by_ids(core, e, e->parked.ids);
    if (r)
        r->remove = e->parked.remove;
}

/* The store knows running jobs as ready; those that run are all in memory. */
static void list_running(struct core *core, const struct event *e)
{
    uint32_t limit = e->list.limit, count = 0;
    uint64_t *ids = core_memory(core, 0, (limit + 1) * sizeof *ids);
    struct request *r = request_new(core, e);
    if (!ids || !r)
        return;
    LIST_FOREACH (si, &core->sessions) {
        const struct session *s = CONTAINER_OF(si, const struct session, link);
        LIST_FOREACH (ji, &s->jobs) {
            const struct job *job = CONTAINER_OF(ji, const struct job, link);
            const struct lane *lane = lane_at(core, job->head.lane);
            if (job->place != PLACE_OUT || job->head.id <= e->list.after ||
                (e->list.queue.len && !slice_eq(e->list.queue, lane->queue->name)) ||
                (e->list.kind.len && !slice_eq(e->list.kind, lane->kind)))
                continue;
            uint32_t at = count; /* keeps the smallest, in order */
            while (at > 0 && ids[at - 1] > job->head.id)
                at--;
            if (at == limit)
                continue;
            uint32_t move = (count < limit ? count : limit - 1) - at;
            memmove(ids + at + 1, ids + at, move * sizeof *ids);
            ids[at] = job->head.id;
            if (count < limit)
                count++;
        }
    }
    r->more = count == limit;
    r->after = count ? ids[count - 1] : e->list.after;
    read_jobs(core, r, ids, count);
}

void core_on_list(struct core *core, const struct event *e)
{
    if (!request_greeted(core, e))
        return;
    if (e->list.state == JOB_RUNNING)
        list_running(core, e);
    else
        ask_list(core, e, e->list.state, e->list.queue, e->list.kind, e->list.after, e->list.limit);
}

void tell_stop(struct core *core, struct job *job)
{
    struct session *s = job->session;
    if (!s || !s->route)
        return;
    core_emit_ref(core, job->batch, ACT_STOP_JOBS, s->route,
                  &(struct job_ref){job->head.id, job->head.run});
}

void cancel_job(struct core *core, struct job *job)
{
    struct run_end end = {.code = slice_str("cancelled"), .exit_status = -1};
    if (job->head.state == JOB_PARKED)
        return; /* it has ended; it can be deleted or retried */
    change_end(core, job, JOB_EV_CANCEL, &end);
    if (job->place == PLACE_STOPPING)
        tell_stop(core, job);
}

static void change_one(struct core *core, const struct request *r, const struct job_view *view)
{
    struct job *job = job_find(core, view->id);
    if (!job)
        job = job_from_view(core, view);
    if (!job)
        return;
    bool settled = job->changes == 0 || job->place != PLACE_NONE;
    if (r->type == EV_CANCEL) {
        cancel_job(core, job);
    } else if (job->head.state == JOB_PARKED && settled) {
        if (r->remove)
            change_delete(core, job);
        else
            change_revive(core, job);
    }
    job_seen(core, job);
}

void request_keep_page(struct core *core, struct blob *page)
{
    if (page && batch_hold(core->storing, page) != 0)
        core_fail(core, "out of memory for an answer");
    blob_unref(page);
}

static void reply_views(struct core *core, const struct request *r, struct job_view *views,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        view_overlay(core, &views[i]);
    struct action *a = core_emit(core, ACT_REPLY_JOBS, r->route, r->request);
    a->reply.views = views;
    a->reply.count = count;
    a->reply.more = r->more;
    a->reply.after = r->after;
}

/* It waits, and its time is over: expiry is lazy, and this is the first look since. A job in doubt
 * may be running. */
static bool overdue(const struct core *core, const struct job_view *view)
{
    const struct job *job = job_find(core, view->id);
    uint8_t state = job ? job->head.state : view->head.state;
    bool waits = state == JOB_READY || state == JOB_SCHEDULED;
    return view->error == 0 && waits && !(job && job->place == PLACE_DOUBT) &&
           view->spec.expires_ms && core->wall_ms >= view->spec.expires_ms;
}

/* Ends those that should have; true when there were any. */
static bool expire_seen(struct core *core, const struct job_view *views, uint32_t count)
{
    bool any = false;
    for (uint32_t i = 0; i < count; i++) {
        if (!overdue(core, &views[i]))
            continue;
        struct job *job = job_find(core, views[i].id);
        if (!job)
            job = job_from_view(core, &views[i]);
        if (!job)
            continue;
        change_end(core, job, JOB_EV_EXPIRE, NULL);
        job_seen(core, job);
        any = true;
    }
    return any;
}

void on_stored_jobs(struct core *core, struct op *op)
{
    struct request *r = op->jobs.owner;
    bool change = (r->type == EV_CANCEL || r->type == EV_PARKED) && !r->changed;
    if (r->late) {
        late_found(core, op);
    } else if (r->schedule) {
        fire_found(core, op);
    } else if (change) {
        for (uint32_t i = 0; i < op->jobs.count; i++)
            change_one(core, r, &op->jobs.views[i]);
        request_again(core, r, true, op->jobs.ids, op->jobs.count);
    } else if (expire_seen(core, op->jobs.views, op->jobs.count)) {
        request_again(core, r, r->changed, op->jobs.ids, op->jobs.count);
    } else if (r->type != EV_WAIT || r->changed ||
               !waiters_hold(core, r, op->jobs.views, op->jobs.count)) {
        reply_views(core, r, op->jobs.views, op->jobs.count);
    }
    request_keep_page(core, op->jobs.page);
    op->jobs.page = NULL;
}

/* Changes what was found, or looks at it anew. */
static void list_again(struct core *core, struct request *r, const struct op *op)
{
    uint32_t count = op->list.count;
    uint64_t *ids = core_memory(core, 0, (count ? count : 1) * sizeof *ids);
    if (!ids)
        return;
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = op->list.views[i].id;
        if (r->type == EV_PARKED)
            change_one(core, r, &op->list.views[i]);
    }
    request_again(core, r, true, ids, count);
}

void on_stored_list(struct core *core, struct op *op)
{
    struct request *r = op->list.owner;
    r->more = op->list.more;
    r->after = op->list.last;
    if (r->type == EV_PARKED || expire_seen(core, op->list.views, op->list.count))
        list_again(core, r, op);
    else
        reply_views(core, r, op->list.views, op->list.count);
    request_keep_page(core, op->list.page);
    op->list.page = NULL;
}

void core_on_pause(struct core *core, const struct event *e)
{
    if (!request_greeted(core, e))
        return;
    struct queue *q = queue_find(core, e->pause.queue);
    if (!q || !q->exists) {
        request_refuse(core, e, MUSTER_ENOTFOUND,
                       "there is no such queue: a queue exists from its first submit");
        return;
    }
    if (q->paused != e->pause.paused) {
        q->paused = e->pause.paused;
        struct op *op = core_op(core, OP_QUEUE);
        op->queue.name = q->name;
        op->queue.paused = q->paused;
        q->batch = core->batch_last;
        LIST_FOREACH (it, &q->lanes) {
            lane_changed(core, CONTAINER_OF(it, struct lane, link));
        }
        enum topic topic = q->paused ? TOPIC_QUEUE_PAUSED : TOPIC_QUEUE_RESUMED;
        if (core_watches(core, topic)) {
            struct action *a = core_emit_after(core, q->batch, ACT_PUBLISH, 0, 0);
            a->event.topic = topic;
            a->event.wall_ms = core->wall_ms;
            a->event.queue = q->name;
        }
    }
    core_emit_after(core, q->batch, ACT_REPLY_CODE, e->route, e->request);
}
