/* jobs_frame.c: from grants to columns. The hot path of handing out: args that lie side by side in
 * memory (jobs of one SUBMIT, in order) are not copied one by one, and when all do, not at all. */
#include "run/jobs_frame.h"

#define ID_STEP 256 /* ids of one shard: counter + 1 */

void jobs_frame_init(struct jobs_frame *f, size_t max_bytes)
{
    memset(f, 0, sizeof *f);
    buf_init(&f->args, max_bytes);
    buf_init(&f->metas, BATCH_JOBS_MAX * META_MAX_BYTES);
}

void jobs_frame_fini(struct jobs_frame *f)
{
    buf_fini(&f->args);
    buf_fini(&f->metas);
}

static void put_u32(uint8_t *column, uint32_t index, uint32_t value)
{
    uint8_t *to = column + (size_t)index * 4;
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    to[2] = (uint8_t)(value >> 16);
    to[3] = (uint8_t)(value >> 24);
}

static void put_u64(uint8_t *column, uint32_t index, uint64_t value)
{
    put_u32(column, index * 2, (uint32_t)value);
    put_u32(column, index * 2 + 1, (uint32_t)(value >> 32));
}

static void reset(struct jobs_frame *f)
{
    f->count = f->lane_count = f->schedule_count = 0;
    f->consecutive = true;
    f->has_runs = f->has_attempts = f->has_timeouts = f->has_metas = false;
    f->args_run = SLICE_EMPTY;
    buf_reset(&f->args);
    buf_reset(&f->metas);
}

/* The lane's place in the message; jobs of one lane mostly follow each other. */
static uint32_t lane_index(struct jobs_frame *f, const struct job_grant *grant)
{
    for (uint32_t i = f->lane_count; i > 0; i--) {
        if (f->lane_ids[i - 1] == grant->lane)
            return i - 1;
    }
    f->lane_ids[f->lane_count] = grant->lane;
    f->queues[f->lane_count] = grant->queue;
    f->kinds[f->lane_count] = grant->kind;
    return f->lane_count++;
}

static void add_args(struct jobs_frame *f, struct slice args)
{
    if (!f->args_run.len) {
        f->args_run = args;
    } else if (f->args_run.data + f->args_run.len == args.data) {
        f->args_run.len += args.len;
    } else {
        (void)buf_append(&f->args, f->args_run.data, f->args_run.len);
        f->args_run = args;
    }
}

/* Runs of one schedule that follow each other share its name. */
static void add_schedule(struct jobs_frame *f, const struct job_grant *grant, uint32_t at)
{
    uint32_t count = f->schedule_count;
    if (count == 0) {
        memset(f->schedule_of, 0, sizeof f->schedule_of);
        memset(f->nominals, 0, sizeof f->nominals);
    }
    if (count == 0 || !slice_eq(f->schedules[count - 1], grant->schedule))
        f->schedules[f->schedule_count++] = grant->schedule;
    put_u32(f->schedule_of, at, f->schedule_count);
    put_u64(f->nominals, at, grant->nominal_ms);
}

static void add(struct jobs_frame *f, const struct job_grant *grant)
{
    uint32_t at = f->count++;
    if (at == 0)
        f->first_id = grant->id;
    else if (grant->id != f->last_id + ID_STEP)
        f->consecutive = false;
    f->last_id = grant->id;
    f->has_runs |= grant->run != 1;
    f->has_attempts |= grant->attempt != 1;
    f->has_timeouts |= grant->run_timeout_ms != RUN_TIMEOUT_DEFAULT_MS;
    f->has_metas |= grant->meta.len != 0;
    put_u64(f->ids, at, grant->id);
    put_u32(f->runs, at, grant->run);
    put_u32(f->lanes, at, lane_index(f, grant));
    put_u32(f->attempts, at, grant->attempt);
    put_u32(f->timeouts, at, grant->run_timeout_ms);
    put_u32(f->arg_lengths, at, (uint32_t)grant->args.len);
    put_u32(f->meta_lengths, at, (uint32_t)grant->meta.len);
    add_args(f, grant->args);
    if (grant->meta.len)
        (void)buf_append(&f->metas, grant->meta.data, grant->meta.len);
    if (grant->schedule.len)
        add_schedule(f, grant, at);
}

static struct slice column(const uint8_t *bytes, bool there, size_t size)
{
    return there ? slice_of(bytes, size) : SLICE_EMPTY;
}

/* All args: where they lie when they lie side by side, else copied together. */
static struct slice all_args(struct jobs_frame *f)
{
    if (f->args.len == 0)
        return f->args_run;
    (void)buf_append(&f->args, f->args_run.data, f->args_run.len);
    return buf_slice(&f->args);
}

int jobs_frame_fill(struct jobs_frame *f, const struct core *core, struct job *const *jobs,
                    uint32_t count, struct msg_jobs *ret)
{
    reset(f);
    for (uint32_t i = 0; i < count; i++) {
        struct job_grant grant;
        core_job_grant(core, jobs[i], &grant);
        add(f, &grant);
    }
    size_t words = (size_t)count * 4;
    ret->count = count;
    ret->first_id = f->consecutive ? f->first_id : 0;
    ret->ids = column(f->ids, !f->consecutive, words * 2);
    ret->runs = column(f->runs, f->has_runs, words);
    ret->queues = (struct strs){.items = f->queues, .count = f->lane_count};
    ret->kinds = (struct strs){.items = f->kinds, .count = f->lane_count};
    ret->lanes = column(f->lanes, f->lane_count > 1, words);
    ret->attempts = column(f->attempts, f->has_attempts, words);
    ret->run_timeouts_ms = column(f->timeouts, f->has_timeouts, words);
    ret->arg_lengths = slice_of(f->arg_lengths, words);
    ret->args = all_args(f);
    ret->meta_lengths = column(f->meta_lengths, f->has_metas, words);
    ret->metas = buf_slice(&f->metas);
    ret->schedules = (struct strs){.items = f->schedules, .count = f->schedule_count};
    ret->schedule_of = column(f->schedule_of, f->schedule_count, words);
    ret->nominals_ms = column(f->nominals, f->schedule_count, words * 2);
    return f->args.error ? f->args.error : f->metas.error;
}
