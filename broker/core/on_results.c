/* on_results.c: what became of runs. Results are fenced: only the last run of a job changes it. */
#include "core/state.h"

struct results { /* one RESULTS being worked off */
    struct session *s;
    const struct event *e;
    struct end_row *rows;
    uint32_t row_count;
    struct slice worker;
    uint32_t *missing; /* positions of jobs that are not in memory */
    uint32_t missing_count;
    size_t result_at; /* bytes of results before this job's */
    bool kept;        /* the frame is held by the open batch */
};

struct run_end run_end_of(const struct event *e, uint32_t at, struct slice result)
{
    struct run_end end = {.exit_status = -1, .result = result};
    end.ran = e->results.run_us.len > 0 && slice_u32_at(e->results.run_us, at) > 0;
    if (!e->results.details)
        return end;
    const struct detail *d = &e->results.details[at];
    end.code = d->code;
    end.message = d->message;
    end.log = d->log;
    end.signal = d->signal;
    end.exit_status = d->exit_status;
    end.delay_ms = d->delay_ms;
    end.has_delay = d->has_delay;
    return end;
}

static void named(struct run_end *end, const char *code)
{
    if (end->code.len == 0)
        end->code = slice_str(code);
}

void apply_outcome(struct core *core, struct job *job, enum outcome outcome,
                   const struct run_end *given)
{
    struct run_end end = *given;
    switch (outcome) {
    case OUTCOME_COMPLETED:
        change_end(core, job, JOB_EV_COMPLETE, &end);
        break;
    case OUTCOME_FAILED:
        named(&end, "failed");
        change_fail(core, job, &end, ATTEMPT_FAILED, false);
        break;
    case OUTCOME_TIMEOUT:
        named(&end, "timeout");
        change_fail(core, job, &end, ATTEMPT_TIMEOUT, false);
        break;
    case OUTCOME_PARKED:
        named(&end, "parked");
        change_fail(core, job, &end, ATTEMPT_FAILED, true);
        break;
    case OUTCOME_DISCARDED:
        end.code = slice_str("discarded");
        change_end(core, job, JOB_EV_DISCARD, &end);
        break;
    case OUTCOME_SNOOZED:
        change_snooze(core, job, &end);
        break;
    default: /* released; or stopped for a cancel that this job never had */
        change_release(core, job, end.ran);
        break;
    }
}

bool result_counts(const struct job *job, const struct session *s)
{
    if (job->place == PLACE_OUT)
        return job->session == s && !job->unsent;
    if (job->place == PLACE_DOUBT)
        return true;
    return (job->head.flags & JOB_SPENT) &&
           (job->head.state == JOB_READY || job->head.state == JOB_PARKED);
}

static void hold_frame(struct core *core, struct results *r)
{
    if (r->kept || !r->e->results.frame)
        return;
    r->kept = true;
    if (batch_hold(core_batch(core), r->e->results.frame) != 0)
        core_fail(core, "out of memory for results");
}

/* Most completions are a result and no more: their attempt is who ran it and when. */
static void completed(struct core *core, struct results *r, struct job *job, uint32_t at,
                      struct slice result)
{
    const struct detail *d = r->e->results.details ? &r->e->results.details[at] : NULL;
    struct end_row *row = &r->rows[r->row_count++];
    hold_frame(core, r);
    if (d && (d->exit_status >= 0 || d->log.len)) {
        struct run_end end = run_end_of(r->e, at, result);
        change_complete_row(core, job, row, result, &end);
    } else {
        change_complete_row(core, job, row, result, NULL);
    }
    row->worker = r->worker;
}

/* Before the job's place changes. */
static void measure(struct core *core, const struct event *e, const struct job *job, uint32_t at)
{
    uint64_t us = e->results.run_us.len > 0 ? slice_u32_at(e->results.run_us, at)
                                            : core_us_since(core, job->started_wall_ms);
    meter_latency(core, lane_at(core, job->head.lane)->queue, LATENCY_RUN, us);
}

static void one(struct core *core, struct results *r, uint32_t at)
{
    const struct event *e = r->e;
    uint64_t id = job_refs_id(&e->results.jobs, at);
    uint32_t run = job_refs_run(&e->results.jobs, at);
    enum outcome outcome =
        e->results.outcomes.len ? e->results.outcomes.data[at] : OUTCOME_COMPLETED;
    size_t len = e->results.result_lengths.len ? slice_u32_at(e->results.result_lengths, at) : 0;
    struct slice result = slice_of(e->results.results.data + r->result_at, len);
    r->result_at += len;

    struct job *job = job_find(core, id);
    if (job)
        session_after(r->s, job);
    if (!job) {
        r->missing[r->missing_count++] = at;
    } else if (job->head.run != run || (job->place == PLACE_STOPPING && job->session != r->s)) {
        core->stats.stale_results++;
    } else if (job->place == PLACE_STOPPING) {
        job_stopped(core, job);
    } else if (!result_counts(job, r->s)) {
        core->stats.stale_results++;
    } else if (outcome == OUTCOME_COMPLETED && job->place == PLACE_OUT) {
        measure(core, e, job, at);
        completed(core, r, job, at, result);
    } else {
        struct run_end end = run_end_of(e, at, result);
        if (end.ran)
            measure(core, e, job, at);
        hold_frame(core, r);
        apply_outcome(core, job, outcome, &end);
    }
}

static bool prepare(struct core *core, struct results *r)
{
    uint32_t n = r->e->results.jobs.count;
    r->rows = batch_alloc(core_batch(core), n * sizeof *r->rows);
    r->missing = core_memory(core, 0, n * sizeof *r->missing);
    r->worker = batch_copy(core_batch(core), r->s->name);
    return r->rows && r->missing;
}

static void finish(struct core *core, struct results *r)
{
    struct session *s = r->s;
    if (r->row_count > 0) {
        struct op *op = core_op(core, OP_END);
        op->end.rows = r->rows;
        op->end.count = r->row_count;
    }
    if (r->missing_count > 0)
        late_results(core, s, r->e, r->missing, r->missing_count);
    session_after_open(core, s);
    s->results_next++;
}

void results_acknowledge(struct core *core, struct session *s)
{
    if (s->lookups == 0)
        core_emit_after(core, s->batch, ACT_RESULTS_ACK, s->route, 0)->number = s->results_next - 1;
}

static bool any_missing(const struct core *core, const struct event *e)
{
    for (uint32_t i = 0; i < e->results.jobs.count; i++)
        if (!job_find(core, job_refs_id(&e->results.jobs, i)))
            return true;
    return false;
}

void core_on_results(struct core *core, const struct event *e)
{
    struct session *s = session_on(core, e->route);
    if (!s || e->results.hello != s->hello) {
        core_emit(core, ACT_WORKER_UNKNOWN, e->route, 0);
        return;
    }
    session_touch(core, s);
    core->dispatch_wanted = true;
    bool next = e->results.number == s->results_next;
    /* One before it is missing, or there is no room now: HELLO makes it resend. */
    if (e->results.number > s->results_next || (next && late_full(core) && any_missing(core, e))) {
        core_emit(core, ACT_WORKER_UNKNOWN, e->route, 0);
        return;
    }
    if (next) {
        struct results r = {.s = s, .e = e};
        if (!prepare(core, &r)) {
            core_fail(core, "out of memory for results");
            return;
        }
        core->stats.results += e->results.jobs.count;
        for (uint32_t i = 0; i < e->results.jobs.count; i++)
            one(core, &r, i);
        finish(core, &r);
        session_refresh(core, s);
    }
    results_acknowledge(core, s);
}
