/* say.c: one small function an action and an operation; the tables at the end say which. */
#include "say.h"

#include <stdio.h>

#include "base/err.h"
#include "core/state.h"
#include "say_schedules.h"

#define SHOWN_MOST 12

static void job(struct buf *out, const struct namer *n, uint64_t id, uint32_t run)
{
    buf_printf(out, " %s", n->job(n->ctx, id));
    if (run)
        buf_printf(out, ".%u", run);
}

/* Of a long row of jobs the first and the last are enough. */
static bool elided(struct buf *out, const struct namer *n, uint32_t count, uint64_t first,
                   uint64_t last)
{
    if (count <= SHOWN_MOST)
        return false;
    job(out, n, first, 0);
    buf_printf(out, " ...");
    job(out, n, last, 0);
    buf_printf(out, " (%u)", count);
    return true;
}

static void text(struct buf *out, const char *label, struct slice value)
{
    if (value.len)
        buf_printf(out, " %s=%.*s", label, SLICE_FMT(value));
}

static void number(struct buf *out, const char *label, uint64_t value)
{
    if (value)
        buf_printf(out, " %s=%llu", label, (unsigned long long)value);
}

/* ---- actions ---- */

static void welcome(struct buf *out, const struct namer *n, const struct action *a)
{
    (void)n;
    number(out, "hello", a->welcome.hello);
    number(out, "results_next", a->welcome.results_next);
}

static void jobs(struct buf *out, const struct namer *n, const struct action *a)
{
    for (uint32_t i = 0; i < a->jobs.count; i++) {
        const struct job *j = a->jobs.jobs[i];
        job(out, n, j->head.id, j->head.run);
        if (j->prefetched)
            buf_printf(out, "+");
    }
}

static void results_ack(struct buf *out, const struct namer *n, const struct action *a)
{
    (void)n;
    buf_printf(out, " %llu", (unsigned long long)a->number);
}

static void refs(struct buf *out, const struct namer *n, const struct action *a)
{
    for (uint32_t i = 0; i < a->refs.count; i++)
        job(out, n, a->refs.ids[i], a->refs.runs[i]);
}

static void failure(struct buf *out, const struct namer *n, const struct action *a)
{
    (void)n;
    buf_printf(out, " %s", err_code(a->failure.error));
}

static void submit_ack(struct buf *out, const struct namer *n, const struct action *a)
{
    static const char *const outcomes[SUBMIT_OUTCOME_COUNT] = {"", "=duplicate", "=conflict"};
    uint64_t first = a->submit_ack.first_id, count = a->submit_ack.count;
    buf_printf(out, " %llu:", (unsigned long long)a->submit_ack.number);
    if (!a->submit_ack.ids && elided(out, n, a->submit_ack.count, first, first + 256 * (count - 1)))
        return;
    for (uint32_t i = 0; i < a->submit_ack.count; i++) {
        uint64_t id =
            a->submit_ack.ids ? a->submit_ack.ids[i] : a->submit_ack.first_id + 256 * (uint64_t)i;
        job(out, n, id, 0);
        if (a->submit_ack.outcomes)
            buf_printf(out, "%s", outcomes[a->submit_ack.outcomes[i]]);
    }
}

static void busy(struct buf *out, const struct namer *n, const struct action *a)
{
    (void)n;
    buf_printf(out, " %llu %s", (unsigned long long)a->busy.number, err_code(a->busy.reason));
}

static void done(struct buf *out, const struct namer *n, const struct action *a)
{
    for (uint32_t i = 0; i < a->done.count; i++) {
        const struct done_row *row = &a->done.rows[i];
        buf_printf(out, " %llu:%s=%s", (unsigned long long)row->number, n->job(n->ctx, row->id),
                   job_state_name(row->state));
        text(out, "result", row->result);
        text(out, "code", row->code);
    }
}

static void reply_code(struct buf *out, const struct namer *n, const struct action *a)
{
    (void)n;
    buf_printf(out, " %s", err_code(a->reply.error));
}

static void view(struct buf *out, const struct namer *n, const struct job_view *v)
{
    job(out, n, v->id, 0);
    if (v->error) {
        buf_printf(out, "=%s", err_code(v->error));
        return;
    }
    buf_printf(out, "=%s", v->running ? "running" : job_state_name(v->head.state));
    if (v->running)
        buf_printf(out, "@%.*s", SLICE_FMT(v->worker));
    if (v->stopping)
        buf_printf(out, "(stopping)");
    if (v->waits)
        buf_printf(out, "(%s)", waits_name(v->waits));
}

static void reply_jobs(struct buf *out, const struct namer *n, const struct action *a)
{
    for (uint32_t i = 0; i < a->reply.count; i++)
        view(out, n, &a->reply.views[i]);
    if (a->reply.more)
        buf_printf(out, " more");
}

static void reply_queues(struct buf *out, const struct namer *n, const struct action *a)
{
    (void)n;
    for (uint32_t i = 0; i < a->reply.count; i++) {
        const struct queue_view *q = &a->reply.queues[i];
        buf_printf(out, " %.*s%s:", SLICE_FMT(q->info.name), q->info.paused ? "(paused)" : "");
        number(out, "ready", q->info.counters.ready);
        number(out, "running", q->running);
        number(out, "scheduled", q->info.counters.scheduled);
        number(out, "parked", q->info.counters.parked);
        number(out, "completed", q->info.counters.completed);
        number(out, "oldest_ms", q->oldest_ready_ms);
    }
}

static void reply_cancelled(struct buf *out, const struct namer *n, const struct action *a)
{
    (void)n;
    buf_printf(out, " %u", a->cancelled.count);
    number(out, "running", a->cancelled.running);
    number(out, "more", a->cancelled.more);
}

static void reply_workers(struct buf *out, const struct namer *n, const struct action *a)
{
    static const char *const states[SESSION_STATE_COUNT] = {"", "(suspect)", "(draining)",
                                                            "(lapsed)"};
    struct worker_view w;
    (void)a;
    for (const void *at = NULL; core_worker_next(n->core, &at, &w);)
        buf_printf(out, " %.*s%s:%u/%u", SLICE_FMT(w.name), states[w.state], w.out, w.credit);
}

static void publish(struct buf *out, const struct namer *n, const struct action *a)
{
    buf_printf(out, " %s", topic_name(a->event.topic));
    if (a->event.id)
        job(out, n, a->event.id, 0);
    text(out, "queue", a->event.queue);
    text(out, "worker", a->event.worker);
    text(out, "code", a->event.code);
    text(out, "schedule", a->event.schedule);
    text(out, "text", a->event.text);
    if (a->event.nominal_ms) {
        buf_printf(out, " nominal=");
        say_time(out, a->event.nominal_ms);
    }
}

void say_action(struct buf *out, const struct namer *n, const struct action *a)
{
    static const struct {
        const char *name;
        void (*say)(struct buf *, const struct namer *, const struct action *);
    } table[ACT_TYPE_COUNT] = {
        [ACT_WORKER_WELCOME] = {"WELCOME", welcome},
        [ACT_WORKER_UNKNOWN] = {"UNKNOWN", NULL},
        [ACT_JOBS] = {"JOBS", jobs},
        [ACT_RESULTS_ACK] = {"RESULTS_ACK", results_ack},
        [ACT_ABANDON] = {"ABANDON", refs},
        [ACT_STOP_JOBS] = {"STOP", refs},
        [ACT_WORKER_ERROR] = {"ERROR", failure},
        [ACT_CLIENT_WELCOME] = {"WELCOME", welcome},
        [ACT_CLIENT_UNKNOWN] = {"UNKNOWN", NULL},
        [ACT_SUBMIT_ACK] = {"SUBMIT_ACK", submit_ack},
        [ACT_BUSY] = {"BUSY", busy},
        [ACT_DONE] = {"DONE", done},
        [ACT_CLIENT_ERROR] = {"ERROR", failure},
        [ACT_REPLY_CODE] = {"REPLY", reply_code},
        [ACT_REPLY_JOBS] = {"REPLY", reply_jobs},
        [ACT_REPLY_CANCELLED] = {"CANCELLED", reply_cancelled},
        [ACT_REPLY_QUEUES] = {"QUEUES", reply_queues},
        [ACT_REPLY_WORKERS] = {"WORKERS", reply_workers},
        [ACT_REPLY_STATS] = {"STATS", reply_queues},
        [ACT_REPLY_SNAPSHOT] = {"SNAPSHOT", reply_queues},
        [ACT_REPLY_PUT] = {"PUT", say_put},
        [ACT_REPLY_SCHEDULES] = {"SCHEDULES", say_schedules},
        [ACT_REPLY_ACTS] = {"ACTS", say_acts},
        [ACT_REPLY_FIRE] = {"FIRE", say_fire},
        [ACT_REPLY_LEDGER] = {"LEDGER", say_ledger},
        [ACT_PUBLISH] = {"PUBLISH", publish},
        [ACT_FATAL] = {"FATAL", failure},
    };
    if (!table[a->type].name)
        return;
    buf_printf(out, "%s %s", a->route ? n->route(n->ctx, a->route) : "broker", table[a->type].name);
    if (table[a->type].say)
        table[a->type].say(out, n, a);
}

/* ---- operations ---- */

static void lane(struct buf *out, const struct namer *n, uint32_t lane_number, int priority)
{
    const struct lane *l = lane_at(n->core, lane_number);
    if (l)
        buf_printf(out, " %.*s/%.*s", SLICE_FMT(l->queue->name), SLICE_FMT(l->kind));
    else
        buf_printf(out, " lane%u", lane_number);
    if (priority >= 0)
        buf_printf(out, "/%d", priority);
}

static void op_lane(struct buf *out, const struct namer *n, const struct op *op)
{
    lane(out, n, op->lane.lane, -1);
}

static void op_queue(struct buf *out, const struct namer *n, const struct op *op)
{
    (void)n;
    buf_printf(out, " %.*s%s", SLICE_FMT(op->queue.name), op->queue.paused ? " paused" : "");
}

static void op_mark(struct buf *out, const struct namer *n, const struct op *op)
{
    lane(out, n, op->mark.lane, op->mark.priority);
    job(out, n, op->mark.seq, 0);
}

static void op_worker(struct buf *out, const struct namer *n, const struct op *op)
{
    buf_printf(out, " %s%s%s", n->session(n->ctx, op->worker.session),
               op->worker.drop ? " drop" : "", op->worker.lapsed ? " lapsed" : "");
}

static void op_client(struct buf *out, const struct namer *n, const struct op *op)
{
    buf_printf(out, " %s", n->session(n->ctx, op->client.session));
}

static void op_submit(struct buf *out, const struct namer *n, const struct op *op)
{
    uint64_t first = op->submit.first_id, count = op->submit.count;
    bool row = elided(out, n, op->submit.count, first, first + 256 * (count - 1));
    for (uint32_t i = 0; !row && i < count; i++)
        job(out, n, first + 256 * (uint64_t)i, 0);
    if (op->submit.state != JOB_READY)
        buf_printf(out, " %s", job_state_name(op->submit.state));
    say_op_run(out, op);
}

static void op_update(struct buf *out, const struct namer *n, const struct op *op)
{
    const struct job_head *h = &op->update.head;
    static const char *const outcomes[ATTEMPT_OUTCOME_COUNT] = {
        "completed", "failed", "lost", "timeout", "snoozed", "released", "cancelled"};
    job(out, n, h->id, h->run);
    buf_printf(out, " %s%s", job_state_name(h->state), h->flags & JOB_SPENT ? " spent" : "");
    number(out, "failures", h->failures);
    number(out, "losses", h->losses);
    if (h->state == JOB_SCHEDULED)
        number(out, "delay", h->delay_ms);
    if (op->update.attempt)
        buf_printf(out, " attempt=%s", outcomes[op->update.attempt->outcome]);
}

static void op_end(struct buf *out, const struct namer *n, const struct op *op)
{
    for (uint32_t i = 0; i < op->end.count; i++) {
        const struct end_row *row = &op->end.rows[i];
        job(out, n, row->id, row->run);
        buf_printf(out, " %s",
                   row->state == JOB_STATE_COUNT ? "deleted" : job_state_name(row->state));
    }
}

static void op_done_taken(struct buf *out, const struct namer *n, const struct op *op)
{
    buf_printf(out, " %s %llu", n->session(n->ctx, op->done.session),
               (unsigned long long)op->done.number);
}

static void op_page(struct buf *out, const struct namer *n, const struct op *op)
{
    lane(out, n, op->page.lane, op->page.priority);
    if (op->page.after)
        buf_printf(out, " after %s", n->job(n->ctx, op->page.after));
}

static void op_jobs(struct buf *out, const struct namer *n, const struct op *op)
{
    for (uint32_t i = 0; i < op->jobs.count; i++)
        job(out, n, op->jobs.ids[i], 0);
}

void say_op(struct buf *out, const struct namer *n, const struct op *op)
{
    static const struct {
        const char *name;
        void (*say)(struct buf *, const struct namer *, const struct op *);
    } table[OP_TYPE_COUNT] = {
        [OP_LANE] = {"LANE", op_lane},
        [OP_QUEUE] = {"QUEUE", op_queue},
        [OP_MARK] = {"MARK", op_mark},
        [OP_WORKER] = {"WORKER", op_worker},
        [OP_SUBMIT] = {"SUBMIT", op_submit},
        [OP_UPDATE] = {"UPDATE", op_update},
        [OP_END] = {"END", op_end},
        [OP_DONE_TAKEN] = {"DONE_TAKEN", op_done_taken},
        [OP_PAGE] = {"page", op_page},
        [OP_DUE] = {"due", NULL},
        [OP_JOBS] = {"jobs", op_jobs},
        [OP_LIST] = {"list", NULL},
        [OP_QUEUES] = {"queues", NULL},
        [OP_CLIENT] = {"client", op_client},
        [OP_DONE] = {"done", op_client},
        [OP_CLIENT_DROP] = {"CLIENT_DROP", op_client},
        [OP_MATCH] = {"match", NULL},
        [OP_OLDEST] = {"oldest", NULL},
        [OP_IDLE] = {"idle", NULL},
        [OP_SCHEDULE] = {"SCHEDULE", say_op_schedule},
        [OP_SCHEDULE_STATE] = {"STATE", say_op_state},
        [OP_VERDICT] = {"VERDICT", say_op_verdict},
        [OP_LEDGER] = {"ledger", say_op_ledger},
    };
    buf_printf(out, "%s", table[op->type].name);
    if (table[op->type].say)
        table[op->type].say(out, n, op);
}

void say_batch(struct buf *out, const struct namer *n, const struct batch *b)
{
    buf_printf(out, "store %llu:", (unsigned long long)b->number);
    for (uint32_t i = 0; i < b->op_count; i++) {
        buf_printf(out, "%s ", i ? ";" : "");
        say_op(out, n, &b->ops[i]);
    }
}
