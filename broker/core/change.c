/* change.c: every change of a job that is written, and what follows when it is stored. */
#include "core/state.h"

static struct slice session_label(struct core *core, const struct job *job)
{
    return job->session ? batch_copy(core_batch(core), job->session->name) : SLICE_EMPTY;
}

static struct slice copied(struct core *core, struct slice bytes)
{
    return bytes.len ? batch_copy(core_batch(core), bytes) : SLICE_EMPTY;
}

/* The attempt that has just ended, to be recorded with the change. */
static struct attempt *attempt_of(struct core *core, struct job *job, enum attempt_outcome outcome,
                                  const struct run_end *end)
{
    struct attempt *a = batch_alloc(core_batch(core), sizeof *a);
    if (!a) {
        core_fail(core, "out of memory for an attempt");
        return NULL;
    }
    a->number = ++job->head.attempts;
    a->run = job->head.run;
    a->outcome = (uint8_t)outcome;
    a->exit_status = end ? end->exit_status : -1;
    a->started_ms = job->started_wall_ms;
    a->ended_ms = core->wall_ms;
    a->worker = session_label(core, job);
    if (end) {
        a->code = copied(core, end->code);
        a->message = copied(core, end->message);
        a->log = copied(core, end->log);
        a->signal = copied(core, end->signal);
    }
    return a;
}

static bool runs(const struct job *job)
{
    return job->place == PLACE_OUT && !job->unsent;
}

/* Leaves its place for good or until the change is stored. True when it was running there. What it
 * leaves room for in a window is brought in. */
static bool leave(struct core *core, struct job *job)
{
    struct session *s = job->session;
    bool waited = job->place == PLACE_WAITING || job->place == PLACE_RETURNED;
    bool ran = runs(job);
    job_unplace(core, job);
    if (s)
        session_refresh(core, s);
    if (waited)
        window_fill(core, lane_at(core, job->head.lane)->bands[job->head.priority]);
    return ran;
}

static struct op *update(struct core *core, struct job *job, uint64_t old_seq, bool ran)
{
    struct op *op = core_op(core, OP_UPDATE);
    op->update.ran = ran;
    lane_at(core, job->head.lane)->queue->untold += ran;
    op->update.head = job->head;
    if (job->head.state == JOB_RUNNING)
        op->update.head.state = JOB_READY;
    op->update.old_seq = old_seq;
    op->update.job = job;
    job->head.flags |= JOB_HAS_ROW;
    job->changes++;
    job->batch = core->batch_last;
    return op;
}

/* Args are wanted back when the job can be handed out soon. */
static bool wants_args(const struct core *core, const struct job *job)
{
    return lane_open(lane_at(core, job->head.lane)) &&
           core->window_bytes < core->options.window_bytes;
}

static void schedule(struct core *core, struct job *job, uint64_t delay_ms)
{
    job->head.due_ms = core_smooth_ms(core) + delay_ms;
    job->head.delay_ms = delay_ms;
    job->head.flags = (uint16_t)(job->head.flags & ~JOB_AT);
}

static void new_run(struct job *job)
{
    job->head.run++;
    job->head.flags = (uint16_t)(job->head.flags & ~(JOB_SPENT | JOB_LOSS_PARKED));
}

void change_fail(struct core *core, struct job *job, const struct run_end *end,
                 enum attempt_outcome outcome, bool park)
{
    park = park || job->head.failures + 1 >= job->spec->max_attempts;
    if (!job_move(job, park ? JOB_EV_PARK : JOB_EV_RETRY))
        return;
    struct job_head told = job->head; /* events name the attempt that failed */
    job->head.failures++;
    struct attempt *a = attempt_of(core, job, outcome, end);
    struct slice worker = a ? a->worker : SLICE_EMPTY;
    new_run(job);
    if (park)
        job->head.due_ms = core->wall_ms;
    else
        schedule(core, job,
                 end->has_delay
                     ? end->delay_ms
                     : backoff_delay_ms(&job->spec->backoff, job->head.failures, &core->rng));
    bool ran = leave(core, job);
    struct op *op = update(core, job, job->head.seq, ran);
    op->update.attempt = a;
    op->update.cause = CAUSE_FAILED;
    meter_count(core, lane_at(core, job->head.lane)->queue, RATE_FAILED, 1);
    publish_job(core, TOPIC_JOB_FAILED, job->batch, &told, worker, end->code);
    if (park)
        publish_job(core, TOPIC_JOB_PARKED, job->batch, &told, worker, end->code);
}

void change_snooze(struct core *core, struct job *job, const struct run_end *end)
{
    if (!job_move(job, JOB_EV_SNOOZE))
        return;
    struct attempt *a = attempt_of(core, job, ATTEMPT_SNOOZED, end);
    new_run(job);
    schedule(core, job, end->has_delay ? end->delay_ms : job->spec->backoff.base_ms);
    bool ran = leave(core, job);
    update(core, job, job->head.seq, ran)->update.attempt = a;
}

void change_release(struct core *core, struct job *job, bool ran)
{
    if (!job_move(job, JOB_EV_RELEASE))
        return;
    struct attempt *a = ran ? attempt_of(core, job, ATTEMPT_RELEASED, NULL) : NULL;
    new_run(job);
    bool had_run = leave(core, job);
    struct op *op = update(core, job, job->head.seq, had_run);
    op->update.attempt = a;
    op->update.want = wants_args(core, job);
}

static void park_lost(struct core *core, struct job *job)
{
    if (!job_move(job, JOB_EV_PARK))
        return;
    struct run_end end = {.code = slice_str("lost"),
                          .message =
                              slice_str("its worker was lost each time that it ran this job"),
                          .exit_status = -1};
    struct attempt *a = attempt_of(core, job, ATTEMPT_LOST, &end);
    struct slice worker = a ? a->worker : SLICE_EMPTY;
    job->head.flags |= JOB_SPENT | JOB_LOSS_PARKED;
    job->head.due_ms = core->wall_ms;
    bool ran = leave(core, job);
    struct op *op = update(core, job, job->head.seq, ran);
    op->update.attempt = a;
    op->update.cause = CAUSE_LOST;
    publish_job(core, TOPIC_JOB_LOST, job->batch, &job->head, worker, end.code);
    publish_job(core, TOPIC_JOB_PARKED, job->batch, &job->head, worker, end.code);
}

void change_lapse(struct core *core, struct job *job, bool counted)
{
    counted = counted && !job->prefetched && !job->unsent;
    if (counted && ++job->head.losses >= MAX_LOSSES) {
        park_lost(core, job);
        return;
    }
    if (!job_move(job, JOB_EV_LAPSE))
        return;
    struct attempt *a = counted ? attempt_of(core, job, ATTEMPT_LOST, NULL) : NULL;
    struct slice worker = session_label(core, job);
    job->head.flags |= JOB_SPENT;
    bool ran = leave(core, job);
    struct op *op = update(core, job, job->head.seq, ran);
    op->update.attempt = a;
    op->update.cause = counted ? CAUSE_LOST : CAUSE_NONE;
    op->update.want = wants_args(core, job);
    if (worker.len > 0)
        publish_job(core, TOPIC_JOB_LOST, job->batch, &job->head, worker, SLICE_EMPTY);
}

void change_due(struct core *core, struct job *job)
{
    uint64_t old_seq = job->head.seq;
    if (!job_move(job, JOB_EV_DUE))
        return;
    job->head.seq = core_draw_ids(core, 1);
    bool ran = leave(core, job);
    struct op *op = update(core, job, old_seq, ran);
    op->update.want = wants_args(core, job);
    struct band *band = band_get(core, lane_at(core, job->head.lane), job->head.priority);
    if (band)
        band->marked_coming -= marks_cover_submit(core, band, job->head.seq, 1);
}

void change_revive(struct core *core, struct job *job)
{
    uint64_t old_seq = job->head.seq;
    if (!job_move(job, JOB_EV_REVIVE))
        return;
    new_run(job);
    job->head.failures = job->head.losses = 0;
    job->head.seq = core_draw_ids(core, 1);
    job->head.due_ms = core->wall_ms;
    bool ran = leave(core, job);
    update(core, job, old_seq, ran)->update.want = wants_args(core, job);
    if (job->head.flags & JOB_SCHEDULE)
        run_revived(core, job->spec->schedule, job->head.id);
}

void change_adopt(struct core *core, struct job *job)
{
    if (!(job->head.flags & JOB_SPENT))
        return;
    job->head.flags = (uint16_t)(job->head.flags & ~(JOB_SPENT | JOB_LOSS_PARKED));
    update(core, job, job->head.seq, false);
}

void change_regrant(struct core *core, struct job *job)
{
    struct band *band = lane_at(core, job->head.lane)->bands[job->head.priority];
    new_run(job);
    mark_raise(core, band, job->head.seq);
    update(core, job, job->head.seq, false);
}

static struct end_row *end_op(struct core *core)
{
    struct end_row *row = batch_alloc(core_batch(core), sizeof *row);
    if (!row) {
        core_fail(core, "out of memory for the end of a job");
        return NULL;
    }
    struct op *op = core_op(core, OP_END);
    op->end.rows = row;
    op->end.count = 1;
    return row;
}

static void fill_row(struct core *core, struct job *job, struct end_row *row)
{
    row->id = job->head.id;
    row->seq = job->head.seq;
    row->lane = job->head.lane;
    row->run = job->head.run;
    row->created_ms = job->head.created_ms;
    row->started_ms = job->started_wall_ms;
    row->finished_ms = core->wall_ms;
    row->flags = job->head.flags;
    row->priority = job->head.priority;
    row->state = job->head.state;
    row->ran = runs(job);
    lane_at(core, job->head.lane)->queue->untold += row->ran;
    row->job = job;
    job->changes++;
    job->batch = core->batch_last;
}

void change_complete_row(struct core *core, struct job *job, struct end_row *row,
                         struct slice result, const struct run_end *more)
{
    (void)job_move(job, JOB_EV_COMPLETE);
    if (more)
        row->attempt = attempt_of(core, job, ATTEMPT_COMPLETED, more);
    fill_row(core, job, row);
    row->result = result;
    job_unplace(core, job);
}

void change_end(struct core *core, struct job *job, enum job_event event, const struct run_end *end)
{
    static const uint8_t outcomes[JOB_EV_COUNT] = {[JOB_EV_COMPLETE] = ATTEMPT_COMPLETED,
                                                   [JOB_EV_DISCARD] = ATTEMPT_CANCELLED,
                                                   [JOB_EV_CANCEL] = ATTEMPT_CANCELLED};
    if (!job_move(job, event))
        return;
    struct end_row *row = end_op(core);
    if (!row)
        return;
    if (job->session) {
        row->attempt = attempt_of(core, job, outcomes[event], end);
        row->worker = session_label(core, job);
    }
    fill_row(core, job, row);
    if (end) {
        row->result = end->result;
        row->code = copied(core, end->code);
        row->message = copied(core, end->message);
    }
    if (job->place == PLACE_OUT && event == JOB_EV_CANCEL && !job->unsent)
        grant_stopping(core, job);
    else
        (void)leave(core, job);
}

void change_delete(struct core *core, struct job *job)
{
    struct end_row *row = end_op(core);
    if (!row)
        return;
    fill_row(core, job, row);
    row->state = JOB_STATE_COUNT;
    (void)leave(core, job);
}

static void place_stored(struct core *core, struct job *job, const struct op *op)
{
    const struct record *r = op->update.record;
    if (job->head.state == JOB_READY) {
        if (r)
            job_set_args(job, op->update.page, r->args);
        window_place(core, job);
    } else if (job->head.state == JOB_SCHEDULED) {
        due_place(core, job);
    } else {
        struct done_row row = {
            .number = op->update.done_number, .id = job->head.id, .state = job->head.state};
        if (op->update.attempt) {
            row.code = op->update.attempt->code;
            row.message = op->update.attempt->message;
        }
        done_tell(core, job, &row);
        waiters_job_ended(core, job->head.id);
        if (job->head.flags & JOB_SCHEDULE)
            run_ended(core, job->head.id);
        job_forget(core, job);
    }
}

void on_stored_update(struct core *core, struct op *op)
{
    struct job *job = op->update.job;
    job->changes--;
    lane_at(core, job->head.lane)->queue->untold -= op->update.ran;
    if (job->changes == 0 && job->place == PLACE_NONE) {
        if (op->result == MUSTER_ENOTFOUND)
            job_forget(core, job);
        else
            place_stored(core, job, op);
    }
    blob_unref(op->update.page);
    op->update.page = NULL;
}

static void count_end(struct core *core, const struct end_row *row, const struct job *job)
{
    static const uint8_t topics[JOB_STATE_COUNT] = {[JOB_COMPLETED] = TOPIC_JOB_COMPLETED,
                                                    [JOB_CANCELLED] = TOPIC_JOB_CANCELLED,
                                                    [JOB_EXPIRED] = TOPIC_JOB_EXPIRED};
    if (row->state == JOB_STATE_COUNT)
        return;
    if (row->state == JOB_COMPLETED) {
        struct queue *q = lane_at(core, row->lane)->queue;
        meter_count(core, q, RATE_COMPLETED, 1);
        meter_latency(core, q, LATENCY_TOTAL, core_us_since(core, row->created_ms));
    }
    if (core->watched)
        publish_job(core, topics[row->state], 0, &job->head, row->worker, row->code);
}

void on_stored_end(struct core *core, struct op *op)
{
    for (uint32_t i = 0; i < op->end.count; i++) {
        struct end_row *row = &op->end.rows[i];
        struct job *job = row->job;
        lane_at(core, row->lane)->queue->untold -= row->ran;
        count_end(core, row, job);
        if (row->flags & JOB_NOTIFY) {
            struct done_row done = {.number = row->done_number,
                                    .id = row->id,
                                    .state = row->state,
                                    .result = row->result,
                                    .code = row->code,
                                    .message = row->message};
            done_tell(core, job, &done);
        }
        if (core->waiters.count > 0)
            waiters_job_ended(core, row->id);
        if (row->flags & JOB_SCHEDULE)
            run_ended(core, row->id);
        if (--job->changes == 0 && job->place == PLACE_NONE)
            job_forget(core, job);
    }
}
