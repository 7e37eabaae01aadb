/* jobs.c: resident jobs: their memory, their states, and leaving whatever place they are in. */
#include "core/jobs.h"

#include <stdlib.h>

#include "core/state.h"

#define SLAB_JOBS 512

struct job_slab {
    struct job_slab *next;
    struct job jobs[SLAB_JOBS];
};

bool job_move(struct job *job, enum job_event event)
{
    static const uint8_t table[JOB_STATE_COUNT][JOB_EV_COUNT] = {
#define EDGE(from, ev, to) [JOB_##from][JOB_EV_##ev] = JOB_##to + 1,
#include "core/job_states.def"
    };
    /* Entries are state + 1, so that 0 is "no such edge". */
    uint8_t next = table[job->head.state][event];
    if (next == 0)
        return false;
    job->head.state = (uint8_t)(next - 1);
    return true;
}

static struct job *pool_take(struct job_pool *pool)
{
    if (list_empty(&pool->free)) {
        struct job_slab *slab = malloc(sizeof *slab);
        if (!slab)
            return NULL;
        slab->next = pool->slabs;
        pool->slabs = slab;
        for (size_t i = SLAB_JOBS; i-- > 0;)
            list_push_front(&pool->free, &slab->jobs[i].link);
    }
    struct job *job = CONTAINER_OF(pool->free.next, struct job, link);
    list_remove(&job->link);
    return job;
}

void job_pool_fini(struct job_pool *pool)
{
    while (pool->slabs) {
        struct job_slab *slab = pool->slabs;
        pool->slabs = slab->next;
        free(slab);
    }
}

struct job *job_new(struct core *core, const struct job_head *head, struct job_spec *spec)
{
    struct job *job = pool_take(&core->pool);
    if (!job) {
        core_fail(core, "out of memory for a job");
        return NULL;
    }
    memset(job, 0, sizeof *job);
    job->head = *head;
    list_init(&job->link);
    list_init(&job->clock);
    if (idmap_put(&core->jobs, head->id, job) != 0) {
        list_push_front(&core->pool.free, &job->link);
        core_fail(core, "out of memory for a job");
        return NULL;
    }
    spec->refs++;
    job->spec = spec;
    return job;
}

struct job *job_load(struct core *core, const struct job_head *head, const struct job_spec *like)
{
    struct job_spec *spec = spec_take(core, like);
    struct job *job = spec ? job_new(core, head, spec) : NULL;
    spec_release(spec);
    return job;
}

struct job *job_find(const struct core *core, uint64_t id)
{
    return idmap_get(&core->jobs, id);
}

void job_forget(struct core *core, struct job *job)
{
    job_unplace(core, job);
    job_drop_args(job);
    idmap_remove(&core->jobs, job->head.id);
    spec_release(job->spec);
    list_push_front(&core->pool.free, &job->link);
}

void job_set_args(struct job *job, struct blob *blob, struct slice args)
{
    struct blob *old = job->blob;
    job->blob = blob_ref(blob);
    job->args = args;
    blob_unref(old);
}

void job_drop_args(struct job *job)
{
    job_set_args(job, NULL, SLICE_EMPTY);
}

static void leave_band(struct core *core, struct job *job)
{
    struct band *band = lane_at(core, job->head.lane)->bands[job->head.priority];
    if (job->place == PLACE_WAITING) {
        if (band->unmarked == job)
            band->unmarked = job->link.next == &band->waiting
                                 ? NULL
                                 : CONTAINER_OF(job->link.next, struct job, link);
        list_remove(&job->link);
    } else {
        heap_remove(&band->returned, &job->node);
    }
    mark_leave(band, job);
    core->window_bytes -= job_cost(job);
    if (--band->resident == 0)
        core->bands_active--;
    job->place = PLACE_NONE;
    band_refresh(core, band);
}

void job_unplace(struct core *core, struct job *job)
{
    switch (job->place) {
    case PLACE_WAITING:
    case PLACE_RETURNED:
        leave_band(core, job);
        break;
    case PLACE_OUT:
    case PLACE_STOPPING:
        ungrant(core, job);
        break;
    case PLACE_DOUBT:
        list_remove(&job->link);
        core->doubt_count--;
        break;
    case PLACE_DUE:
        due_leave(core, job);
        break;
    default:
        break;
    }
    job->place = PLACE_NONE;
}

void job_stopped(struct core *core, struct job *job)
{
    if (job->changes == 0)
        job_forget(core, job);
    else
        job_unplace(core, job);
}

static bool spec_is_default(const struct job_spec *s)
{
    struct job_spec d = JOB_SPEC_DEFAULT;
    static const uint8_t nobody[SESSION_ID_BYTES];
    return s->max_attempts == d.max_attempts && s->run_timeout_ms == d.run_timeout_ms &&
           s->backoff.kind == d.backoff.kind && s->backoff.base_ms == d.backoff.base_ms &&
           s->backoff.cap_ms == d.backoff.cap_ms &&
           s->backoff.jitter_permille == d.backoff.jitter_permille && s->expires_ms == 0 &&
           s->meta.len == 0 && s->schedule.len == 0 &&
           memcmp(s->notify, nobody, sizeof nobody) == 0;
}

struct job_spec *spec_take(struct core *core, const struct job_spec *like)
{
    if (spec_is_default(like)) {
        core->default_spec->refs++;
        return core->default_spec;
    }
    struct job_spec *spec = malloc(sizeof *spec + like->meta.len + like->schedule.len);
    if (!spec) {
        core_fail(core, "out of memory for a job's options");
        return NULL;
    }
    *spec = *like;
    spec->refs = 1;
    uint8_t *bytes = (uint8_t *)(spec + 1);
    if (like->meta.len > 0) {
        memcpy(bytes, like->meta.data, like->meta.len);
        spec->meta = slice_of(bytes, like->meta.len);
    }
    if (like->schedule.len > 0) {
        memcpy(bytes + like->meta.len, like->schedule.data, like->schedule.len);
        spec->schedule = slice_of(bytes + like->meta.len, like->schedule.len);
    }
    return spec;
}

void spec_release(struct job_spec *spec)
{
    if (spec && --spec->refs == 0)
        free(spec);
}
