/* job.c: batches of jobs from JOBS messages; nothing of the frame is copied. */
#include "job.h"

#include <stdlib.h>

#include "wire.h"

static bool lanes_fill(struct job_batch *b, const struct msg_jobs *m)
{
    size_t queue_at = 0, kind_at = 0;

    b->lane_count = m->queues.count < m->kinds.count ? m->queues.count : m->kinds.count;
    b->lanes = calloc(b->lane_count ? b->lane_count : 1, sizeof *b->lanes);
    if (!b->lanes)
        return false;
    for (uint32_t i = 0; i < b->lane_count; i++) {
        struct job_lane *lane = &b->lanes[i];
        if (m->queues.items) {
            lane->queue = m->queues.items[i];
            lane->kind = m->kinds.items[i];
        } else if (!strs_next(&m->queues, &queue_at, &lane->queue) ||
                   !strs_next(&m->kinds, &kind_at, &lane->kind)) {
            return false;
        }
    }
    return true;
}

static uint32_t column_or(struct slice column, uint32_t i, uint32_t absent)
{
    return column.len ? slice_u32_at(column, i) : absent;
}

static bool jobs_fill(struct job_batch *b, const struct msg_jobs *m)
{
    const uint8_t *args = m->args.data, *metas = m->metas.data;

    for (uint32_t i = 0; i < b->count; i++) {
        struct job *job = &b->jobs[i];
        uint32_t lane = column_or(m->lanes, i, 0);
        uint32_t args_len = slice_u32_at(m->arg_lengths, i);
        uint32_t meta_len = column_or(m->meta_lengths, i, 0);

        if (lane >= b->lane_count)
            return false;
        job->id = job_ref_id(m->ids, m->first_id, i);
        job->run = column_or(m->runs, i, 1);
        job->attempt = column_or(m->attempts, i, 1);
        job->run_timeout_ms = column_or(m->run_timeouts_ms, i, RUN_TIMEOUT_DEFAULT_MS);
        job->lane = &b->lanes[lane];
        job->batch = b;
        job->args = slice_of(args, args_len);
        job->meta = slice_of(metas, meta_len);
        if (args_len)
            args += args_len;
        if (meta_len)
            metas += meta_len;
    }
    return true;
}

/* Rare, so that jobs keep nothing of it. */
static bool schedules_fill(struct job_batch *b, const struct msg_jobs *m)
{
    size_t cursor = 0;
    uint32_t count = m->schedules.count;

    if (!count || !m->schedule_of.len)
        return true;
    b->schedules = calloc(count, sizeof *b->schedules);
    if (!b->schedules)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (m->schedules.items)
            b->schedules[i] = m->schedules.items[i];
        else if (!strs_next(&m->schedules, &cursor, &b->schedules[i]))
            return false;
    }
    for (uint32_t i = 0; i < b->count; i++)
        if (slice_u32_at(m->schedule_of, i) > count)
            return false;
    b->schedule_of = m->schedule_of;
    b->nominals_ms = m->nominals_ms;
    return true;
}

struct slice job_schedule(const struct job *job, uint64_t *ret_nominal_ms)
{
    const struct job_batch *b = job->batch;
    size_t at = (size_t)(job - b->jobs);
    uint32_t place = b->schedules ? slice_u32_at(b->schedule_of, at) : 0;

    *ret_nominal_ms = place && b->nominals_ms.len ? slice_u64_at(b->nominals_ms, at) : 0;
    return place ? b->schedules[place - 1] : SLICE_EMPTY;
}

struct job_batch *job_batch_new(const struct msg_jobs *m, uint64_t now_ms)
{
    uint32_t count = (uint32_t)m->count;
    struct job_batch *b = calloc(1, sizeof *b + count * sizeof b->jobs[0]);

    if (!b)
        return NULL;
    list_init(&b->link);
    b->arrived_ms = now_ms;
    b->count = count;
    if (!lanes_fill(b, m) || !jobs_fill(b, m) || !schedules_fill(b, m)) {
        job_batch_free(b);
        return NULL;
    }
    return b;
}

void job_batch_free(struct job_batch *b)
{
    list_remove(&b->link);
    for (uint32_t i = 0; i < b->count; i++)
        job_clear(&b->jobs[i]);
    if (b->release)
        b->release(b->frame);
    free(b->lanes);
    free(b->schedules);
    free(b);
}

bool job_ask_stop(struct job *job, enum job_stop why)
{
    uint8_t now = atomic_load(&job->stop);

    while (now < (uint8_t)why) {
        if (atomic_compare_exchange_weak(&job->stop, &now, (uint8_t)why))
            return true;
    }
    return false;
}

struct job_note *job_note(struct job *job)
{
    if (!job->note) {
        job->note = calloc(1, sizeof *job->note);
        if (job->note)
            job->note->exit_status = -1;
    }
    return job->note;
}

void job_clear(struct job *job)
{
    if (job->note)
        free(job->note->log);
    free(job->note);
    free(job->result);
    job->note = NULL;
    job->result = NULL;
    job->result_len = 0;
}
