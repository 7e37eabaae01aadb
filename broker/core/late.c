/* late.c: what a worker says about jobs that are not in memory: parked by loss, or ended long ago.
 * The store is asked, and nothing is acknowledged before it has answered. */
#include "core/state.h"

#define LATE_MAX 200000 /* jobs that are asked for at once; one HELLO may go beyond */

struct late {
    uint8_t session[SESSION_ID_BYTES];
    uint64_t hello;
    bool results; /* RESULTS; else jobs held by a HELLO */
    uint32_t count;
    struct blob *frame;
    uint64_t *ids; /* of the OP_JOBS */
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
    late->ids = ids;
    request->late = late;
    struct op *op = core_op(core, OP_JOBS);
    op->jobs.ids = ids;
    op->jobs.count = count;
    op->jobs.owner = request;
    s->lookups++;
    core->late += count;
    return late;
}

bool late_full(const struct core *core)
{
    return core->late >= LATE_MAX;
}

static struct slice result_at(const struct event *e, uint32_t at)
{
    struct slice lengths = e->results.result_lengths;
    size_t offset = 0;
    if (!lengths.len)
        return SLICE_EMPTY;
    for (uint32_t i = 0; i < at; i++)
        offset += slice_u32_at(lengths, i);
    return slice_of(e->results.results.data + offset, slice_u32_at(lengths, at));
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
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = missing[i];
        struct late_one *one = &late->ones[i];
        one->id = late->ids[i] = job_refs_id(&e->results.jobs, at);
        one->run = job_refs_run(&e->results.jobs, at);
        one->outcome = e->results.outcomes.len ? e->results.outcomes.data[at] : OUTCOME_COMPLETED;
        one->end = run_end_of(e, at, result_at(e, at));
    }
}

void late_held(struct core *core, struct session *s, const uint64_t *held_ids, const uint32_t *runs,
               const uint32_t *ms, uint32_t count)
{
    struct event like = {.type = EV_WORKER_HELLO, .route = s->route};
    struct late *late = ask(core, s, count, &like);
    if (!late)
        return;
    for (uint32_t i = 0; i < count; i++) {
        late->ones[i].id = late->ids[i] = held_ids[i];
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
    core->late -= late->count;
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
    session_after_open(core, s);
    if (s->lookups == 0 || --s->lookups > 0 || !s->route)
        return;
    if (s->welcome_owed)
        hello_welcome(core, s);
    else
        results_acknowledge(core, s);
}
