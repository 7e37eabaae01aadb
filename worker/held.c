/* held.c: the jobs of one broker in this process: which wait, which run, which are not ours any
 * more, and how many more to ask for. */
#include "held.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"

#define PREFETCH_NS       20000000u /* prefetch covers this much measured run time */
#define JOB_OVERHEAD_NS   2000u     /* what a job costs the process whatever its handler does */
#define PREFETCH_MAX      (PREFETCH_NS / JOB_OVERHEAD_NS)
#define BACKLOG_BYTES_MAX (8u << 20) /* results beyond the window until no more jobs are taken */
#define BACKLOG_JOBS_MAX  65536u
#define EAGER_RUN_NS      1000000u

static void report(struct worker_core *c, const struct result_entry *e)
{
    if (results_add(&c->results, e))
        c->short_of_memory = true;
}

/* Ends a job that no handler has begun. */
static void settle(struct worker_core *c, struct job *job, enum outcome outcome)
{
    report(c, &(struct result_entry){.id = job->id, .run = job->run, .outcome = (uint8_t)outcome});
    job->fate = FATE_SETTLED;
    c->held_jobs--;
}

static void release_all(struct worker_core *c, const struct msg_jobs *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        report(c, &(struct result_entry){.id = job_ref_id(m->ids, m->first_id, i),
                                         .run = m->runs.len ? slice_u32_at(m->runs, i) : 1,
                                         .outcome = OUTCOME_RELEASED});
}

bool held_take(struct worker_core *c, const struct msg_jobs *m, uint64_t now)
{
    struct job_batch *b;

    if (c->draining) {
        release_all(c, m);
        return true;
    }
    if (m->count == 0)
        return true;
    b = job_batch_new(m, now);
    if (!b)
        return false;
    b->out = b->count;
    c->held_jobs += b->count;
    list_push_back(&c->fresh, &b->link);
    c->ops->start(c->ctx, b);
    return true;
}

static struct job_batch *batch_of(struct list *link)
{
    return CONTAINER_OF(link, struct job_batch, link);
}

/* Takes back what nobody has begun; says how many. */
static uint32_t batch_release(struct worker_core *c, struct job_batch *b)
{
    uint32_t released = 0;

    for (uint32_t i = 0; i < b->count; i++) {
        struct job *job = &b->jobs[i];
        if (job->fate == FATE_HELD && job_claim(job, STAGE_REVOKED)) {
            settle(c, job, OUTCOME_RELEASED);
            released++;
        }
    }
    return released;
}

void held_review(struct worker_core *c, uint64_t now)
{
    while (!list_empty(&c->fresh)) {
        struct job_batch *b = batch_of(c->fresh.next);
        if (b->arrived_ms + RELEASE_AFTER_MS > now)
            return;
        if (batch_release(c, b))
            c->gave_back = true;
        list_remove(&b->link);
        list_push_back(&c->old, &b->link);
    }
}

void held_release_waiting(struct worker_core *c)
{
    LIST_FOREACH (it, &c->fresh)
        batch_release(c, batch_of(it));
}

/* ---- CANCEL and ABANDON ---- */

typedef void apply_fn(struct worker_core *c, struct job *job);

static void cancel_one(struct worker_core *c, struct job *job)
{
    if (job_claim(job, STAGE_REVOKED))
        settle(c, job, OUTCOME_CANCELLED);
    else if (job_ask_stop(job, STOP_CANCEL))
        c->ops->stop(c->ctx, job);
}

static void abandon_one(struct worker_core *c, struct job *job)
{
    c->held_jobs--;
    if (job_claim(job, STAGE_REVOKED)) {
        job->fate = FATE_SETTLED;
        return;
    }
    job->fate = FATE_ABANDONED;
    c->abandoned++;
    if (job_ask_stop(job, STOP_ABANDON))
        c->ops->stop(c->ctx, job);
}

static void apply_in(struct worker_core *c, struct list *batches, const struct idmap *named,
                     apply_fn *apply)
{
    LIST_FOREACH (it, batches) {
        struct job_batch *b = batch_of(it);
        for (uint32_t i = 0; i < b->count; i++) {
            struct job *job = &b->jobs[i];
            const uint8_t *at = idmap_get(named, job->id);
            if (at && job->fate == FATE_HELD && slice_u32_at(slice_of(at, 4), 0) == job->run)
                apply(c, job);
        }
    }
}

/* Applies to each job held under exactly this id and run. */
static void apply_to(struct worker_core *c, struct slice ids, struct slice runs, apply_fn *apply)
{
    struct idmap named; /* id -> its cell in the column of runs */
    size_t count = ids.len / 8;

    idmap_init(&named);
    for (size_t i = 0; i < count && i < runs.len / 4; i++) {
        const uint8_t *cell = runs.data + i * 4;
        if (idmap_put(&named, slice_u64_at(ids, i), (void *)(uintptr_t)cell))
            c->short_of_memory = true;
    }
    if (named.count) {
        apply_in(c, &c->fresh, &named, apply);
        apply_in(c, &c->old, &named, apply);
    }
    idmap_fini(&named);
}

void held_cancel(struct worker_core *c, const struct msg_cancel *m)
{
    apply_to(c, m->ids, m->runs, cancel_one);
}

void held_abandon(struct worker_core *c, const struct msg_abandon *m)
{
    apply_to(c, m->ids, m->runs, abandon_one);
}

/* ---- jobs that come back ---- */

static void measure(struct worker_core *c, uint32_t run_us)
{
    int64_t now = (int64_t)run_us * 1000, mean = (int64_t)c->run_ns;

    c->run_ns = c->measured ? (uint64_t)(mean + (now - mean) / 16) : (uint64_t)now;
    c->measured = true;
    c->gave_back = false;
}

static void finished_run(struct worker_core *c, struct job *job)
{
    if (job->fate != FATE_HELD) {
        c->abandoned--;
        return;
    }
    report(c, &(struct result_entry){.id = job->id,
                                     .run = job->run,
                                     .run_us = job->run_us,
                                     .outcome = job->outcome,
                                     .result = slice_of(job->result, job->result_len),
                                     .note = job->note});
    job->fate = FATE_SETTLED;
    c->held_jobs--;
    measure(c, job->run_us);
}

void worker_core_finished(struct worker_core *c, struct job *job)
{
    struct job_batch *b = job->batch;

    if (atomic_load_explicit(&job->stage, memory_order_relaxed) == STAGE_RUNNING)
        finished_run(c, job);
    job_clear(job);
    if (--b->out == 0)
        job_batch_free(b);
}

/* ---- credit ---- */

static uint64_t prefetch(const struct worker_core *c)
{
    uint64_t jobs;

    if (!c->measured || c->gave_back)
        return 0;
    jobs = (uint64_t)c->who->slots * PREFETCH_NS / (c->run_ns ? c->run_ns : 1);
    return jobs < PREFETCH_MAX ? jobs : PREFETCH_MAX;
}

uint32_t held_credit(const struct worker_core *c)
{
    uint32_t slots = c->who->slots;
    uint64_t mine = slots > c->elsewhere ? slots - c->elsewhere : 0;

    if (c->draining)
        return 0;
    /* Not none: that says that the worker drains. */
    if (c->results.bytes > c->results.window + BACKLOG_BYTES_MAX ||
        c->results.jobs > BACKLOG_JOBS_MAX)
        return 1;
    if (mine < c->share && !c->gave_back)
        mine = c->share;
    mine = mine > c->abandoned ? mine - c->abandoned : 0;
    mine += prefetch(c);
    return (uint32_t)(mine < CREDIT_MAX ? mine : CREDIT_MAX);
}

bool held_eager(const struct worker_core *c)
{
    return c->run_ns >= EAGER_RUN_NS && c->held_jobs < c->who->slots;
}

/* ---- what HELLO lists ---- */

static uint32_t list_batch(const struct job_batch *b, uint64_t now_us, struct held_list *l,
                           uint32_t at)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct job *job = &b->jobs[i];
        uint64_t started = atomic_load(&job->started_us);
        uint64_t ms = started && started < now_us ? (now_us - started) / 1000 : 0;

        if (job->fate != FATE_HELD)
            continue;
        l->ids[at] = job->id;
        l->runs[at] = job->run;
        l->ms[at] = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX - 1;
        if (atomic_load(&job->stage) == STAGE_WAITING)
            l->ms[at] = UINT32_MAX;
        at++;
    }
    return at;
}

int held_list_make(const struct worker_core *c, uint64_t now, struct held_list *ret)
{
    uint32_t count = c->held_jobs + c->results.jobs, at = c->results.jobs;
    uint64_t *block = malloc(((size_t)count + 1) * 16);

    memset(ret, 0, sizeof *ret);
    if (!block)
        return MUSTER_ENOMEM;
    ret->ids = block;
    ret->runs = (uint32_t *)(void *)(block + count);
    ret->ms = ret->runs + count;
    results_list(&c->results, ret->ids, ret->runs, ret->ms);
    for (const struct list *it = c->old.next; it != &c->old; it = it->next)
        at = list_batch(CONTAINER_OF(it, const struct job_batch, link), now * 1000, ret, at);
    for (const struct list *it = c->fresh.next; it != &c->fresh; it = it->next)
        at = list_batch(CONTAINER_OF(it, const struct job_batch, link), now * 1000, ret, at);
    ret->count = at;
    return 0;
}
