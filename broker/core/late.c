/* late.c: what a worker says about jobs that are not in memory: parked by loss, or ended long ago.
 * The store is asked, and nothing is acknowledged before it has answered. */
#include "core/state.h"

struct late {
    uint8_t session[SESSION_ID_BYTES];
    uint64_t hello;
    bool results; /* RESULTS; else jobs held by a HELLO */
    uint32_t count;
    struct blob *frame;
    struct late_one {
        uint64_t id;
        uint32_t run, ms;
        uint8_t outcome;
        struct run_end end;
    } ones[];
};

static struct late *ask(struct core *core, struct session *s, uint32_t count,
                        const struct event *like)
{
    struct late *late = batch_alloc(core_batch(core), sizeof *late + count * sizeof late->ones[0]);
    struct request *request = request_new(core, like);
    uint64_t *ids = batch_alloc(core_batch(core), count * sizeof *ids);
    if (!late || !request || !ids) {
        core_fail(core, "out of memory for late results");
        return NULL;
    }
    memcpy(late->session, s->id, SESSION_ID_BYTES);
    late->hello = s->hello;
    late->count = count;
    request->late = late;
    struct op *op = core_op(core, OP_JOBS);
    op->jobs.ids = ids;
    op->jobs.count = count;
    op->jobs.owner = request;
    s->lookups++;
    return late;
}

/* The ids of the operation that ask() has just made, to be filled in. */
static uint64_t *asked_ids(struct core *core)
{
    struct batch *b = core_batch(core);
    return (uint64_t *)(uintptr_t)b->ops[b->op_count - 1].jobs.ids;
}

static struct run_end late_end(const struct event *e, uint32_t at)
{
    struct run_end end = {.exit_status = -1};
    size_t offset = 0;
    end.ran = e->results.run_us.len > 0 && slice_u32_at(e->results.run_us, at) > 0;
    if (e->results.result_lengths.len) {
        for (uint32_t i = 0; i < at; i++)
            offset += slice_u32_at(e->results.result_lengths, i);
        end.result =
            slice_of(e->results.results.data + offset, slice_u32_at(e->results.result_lengths, at));
    }
    if (e->results.details) {
        const struct detail *d = &e->results.details[at];
        end.code = d->code;
        end.message = d->message;
        end.log = d->log;
        end.signal = d->signal;
        end.exit_status = d->exit_status;
        end.delay_ms = d->delay_ms;
        end.has_delay = d->has_delay;
    }
    return end;
}

void late_results(struct core *core, struct session *s, const struct event *e,
                  const uint32_t *missing, uint32_t count)
{
    struct late *late = ask(core, s, count, e);
    if (!late)
        return;
    late->results = true;
    late->frame = e->results.frame;
    if (late->frame && batch_hold(core_batch(core), late->frame) != 0)
        core_fail(core, "out of memory for late results");
    uint64_t *ids = asked_ids(core);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = missing[i];
        const struct job_refs *refs = &e->results.jobs;
        struct late_one *one = &late->ones[i];
        one->id = refs->ids.len ? slice_u64_at(refs->ids, at) : refs->first_id + 256 * (uint64_t)at;
        one->run = refs->runs.len ? slice_u32_at(refs->runs, at) : 1;
        one->outcome = e->results.outcomes.len ? e->results.outcomes.data[at] : OUTCOME_COMPLETED;
        one->end = late_end(e, at);
        ids[i] = one->id;
    }
}

void late_held(struct core *core, struct session *s, const uint64_t *held_ids, const uint32_t *runs,
               const uint32_t *ms, uint32_t count)
{
    struct event like = {.type = EV_WORKER_HELLO, .route = s->route};
    struct late *late = ask(core, s, count, &like);
    if (!late)
        return;
    uint64_t *ids = asked_ids(core);
    for (uint32_t i = 0; i < count; i++) {
        late->ones[i].id = ids[i] = held_ids[i];
        late->ones[i].run = runs[i];
        late->ones[i].ms = ms[i];
    }
}

static void judge_result(struct core *core, struct session *s, const struct late *late,
                         const struct late_one *one, struct job *job)
{
    if (!job || job->head.run != one->run || !result_counts(job, s)) {
        core->stats.stale_results++;
        return;
    }
    if (late->frame && batch_hold(core_batch(core), late->frame) != 0)
        core_fail(core, "out of memory for late results");
    apply_outcome(core, job, one->outcome, &one->end);
}

/* What waits for another run goes on where its last one is listed. A job parked by loss stays
 * parked, and may run on: its result will count. */
static void judge_held(struct core *core, struct session *s, const struct late *late,
                       const struct late_one *one, struct job *job)
{
    if (!s || s->hello != late->hello || !s->route)
        return;
    bool current = job && job->head.run == one->run && (job->head.flags & JOB_SPENT);
    if (!current) {
        tell_abandon(core, s, one->id, one->run, job ? job->batch : 0);
    } else if (held_adoptable(job, one->run)) {
        held_adopt(core, s, job, one->ms);
        session_refresh(core, s);
    }
}

void late_found(struct core *core, struct op *op)
{
    const struct request *request = op->jobs.owner;
    const struct late *late = request->late;
    struct session *s = session_find(core, late->session);
    for (uint32_t i = 0; i < late->count; i++) {
        const struct late_one *one = &late->ones[i];
        struct job *job = job_find(core, one->id);
        if (!job)
            job = job_from_view(core, &op->jobs.views[i]);
        if (late->results)
            judge_result(core, s, late, one, job);
        else
            judge_held(core, s, late, one, job);
        if (s && job)
            session_after(s, job);
        if (job)
            job_seen(core, job);
    }
    if (!s)
        return;
    if (core->open && core->open->op_count > 0)
        s->batch = core->open->number;
    if (s->lookups == 0 || --s->lookups > 0 || !s->route)
        return;
    if (s->welcome_owed)
        hello_welcome(core, s);
    else
        results_acknowledge(core, s);
}
