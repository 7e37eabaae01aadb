/* run.c: what a handler sees of its job, and says about it (the muster_run_* half of
 * muster/worker.h). Whose number is not that of this thread's job gets an error. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/handle.h"
#include "base/text.h"
#include "clean.h"
#include "pool.h"
#include "wire.h"

_Static_assert(MUSTER_RUN_ID_BYTES == JOB_ID_TEXT_BYTES, "one length for ids");

static _Thread_local struct job *current;

/* ---- whose job ---- */

void run_enter(struct job *job)
{
    current = job;
}

void run_leave(void)
{
    current = NULL;
}

struct job *run_current(void)
{
    return current;
}

/* This thread's job, if that is it; else NULL. */
static struct job *mine(const muster_run_t *run)
{
    return current && current->value == (uintptr_t)run && !handle_check(run, HANDLE_RUN) ? current
                                                                                         : NULL;
}

/* Finds the job: 0; MUSTER_EINVAL: NULL or nothing of the kind; MUSTER_ESTATE: its handler has
 * returned, or runs in another thread. */
static int find(const muster_run_t *run, struct job **ret)
{
    int error = handle_check(run, HANDLE_RUN);
    *ret = mine(run);
    return error ? error : *ret ? 0 : MUSTER_ESTATE;
}

/* ---- what the job is ---- */

const char *muster_run_id(const muster_run_t *run, char out[MUSTER_RUN_ID_BYTES])
{
    const struct job *job = mine(run);

    if (!out)
        return NULL;
    *out = '\0';
    if (job)
        job_id_format(job->id, out);
    return out;
}

const char *muster_run_token(const muster_run_t *run, char out[MUSTER_RUN_TOKEN_BYTES])
{
    const struct job *job = mine(run);
    char id[JOB_ID_TEXT_BYTES];

    if (!out)
        return NULL;
    *out = '\0';
    if (job) {
        job_id_format(job->id, id);
        snprintf(out, MUSTER_RUN_TOKEN_BYTES, "%s.%u", id, job->run);
    }
    return out;
}

static const void *give(struct slice s, size_t *ret_bytes)
{
    if (ret_bytes)
        *ret_bytes = s.len;
    return s.data;
}

const char *muster_run_kind(const muster_run_t *run, size_t *ret_bytes)
{
    const struct job *job = mine(run);
    return give(job ? job->lane->kind : SLICE_EMPTY, ret_bytes);
}

const char *muster_run_queue(const muster_run_t *run, size_t *ret_bytes)
{
    const struct job *job = mine(run);
    return give(job ? job->lane->queue : SLICE_EMPTY, ret_bytes);
}

const char *muster_run_schedule(const muster_run_t *run, size_t *ret_bytes)
{
    const struct job *job = mine(run);
    uint64_t nominal_ms;
    return give(job ? job_schedule(job, &nominal_ms) : SLICE_EMPTY, ret_bytes);
}

uint64_t muster_run_nominal_time_ms(const muster_run_t *run)
{
    const struct job *job = mine(run);
    uint64_t nominal_ms = 0;
    if (job)
        (void)job_schedule(job, &nominal_ms);
    return nominal_ms;
}

const char *run_nominal_time(const muster_run_t *run, char *out)
{
    static const char whole[] = ".000Z";
    uint64_t nominal_ms = muster_run_nominal_time_ms(run);
    size_t len;

    *out = '\0';
    if (!nominal_ms)
        return out;
    time_format(nominal_ms, out);
    len = strlen(out);
    if (len > sizeof whole - 1 && strcmp(out + len - (sizeof whole - 1), whole) == 0)
        memcpy(out + len - (sizeof whole - 1), "Z", 2);
    return out;
}

uint32_t muster_run_attempt(const muster_run_t *run)
{
    const struct job *job = mine(run);
    return job ? job->attempt : 0;
}

uint64_t muster_run_timeout_ms(const muster_run_t *run)
{
    const struct job *job = mine(run);
    return job ? job->run_timeout_ms : 0;
}

const void *muster_run_args(const muster_run_t *run, size_t *ret_bytes)
{
    static const uint8_t nil[] = {0xc0};
    const struct job *job = mine(run);

    if (!job)
        return give(SLICE_EMPTY, ret_bytes);
    return give(job->args.len ? job->args : slice_of(nil, 1), ret_bytes);
}

const void *muster_run_meta(const muster_run_t *run, size_t *ret_bytes)
{
    const struct job *job = mine(run);
    return give(job && job->meta.len ? job->meta : SLICE_EMPTY, ret_bytes);
}

size_t muster_run_result_max(const muster_run_t *run)
{
    const struct job *job = mine(run);
    return job ? job->batch->result_max : 0;
}

enum job_stop run_stop(const muster_run_t *run)
{
    const struct job *job = mine(run);
    return job ? (enum job_stop)atomic_load(&job->stop) : STOP_ABANDON;
}

bool muster_run_cancelled(const muster_run_t *run)
{
    const struct job *job = mine(run);

    if (job)
        return atomic_load_explicit(&job->stop, memory_order_relaxed) != STOP_NONE;
    return handle_raised(run, HANDLE_RUN);
}

int muster_run_cancel_fd(const muster_run_t *run)
{
    struct job *job;
    int error = find(run, &job);

    return error ? error : pool_cancel_fd(job);
}

/* ---- outcomes ---- */

/* Finds the job, if its outcome has not been named. */
static int undecided(const muster_run_t *run, struct job **ret)
{
    int error = find(run, ret);

    if (!error && (*ret)->decided)
        error = MUSTER_ESTATE;
    return error;
}

static int decide(muster_run_t *run, enum outcome outcome)
{
    struct job *job;
    int error = undecided(run, &job);

    if (error)
        return error;
    job->decided = true;
    job->outcome = (uint8_t)outcome;
    return 0;
}

/* Names the outcome with a code, a message and a delay. */
static int note_outcome(struct job *job, enum outcome outcome, const char *code,
                        const char *message, uint64_t delay_ms)
{
    struct job_note *note = job_note(job);

    if (!note)
        return MUSTER_ENOMEM;
    clean_line(slice_str(code), note->code, sizeof note->code);
    clean_line(slice_str(message), note->message, sizeof note->message);
    note->delay_ms = delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS;
    job->decided = true;
    job->outcome = (uint8_t)outcome;
    return 0;
}

static int decide_noted(muster_run_t *run, enum outcome outcome, const char *code,
                        const char *message, uint64_t delay_ms)
{
    struct job *job;
    int error = undecided(run, &job);

    return error ? error : note_outcome(job, outcome, code, message, delay_ms);
}

int muster_run_complete(muster_run_t *run, const void *result, size_t result_bytes)
{
    struct job *job;
    int error = undecided(run, &job);

    if (error)
        return error;
    if (!result_bytes)
        return decide(run, OUTCOME_COMPLETED);
    if (result_bytes > job->batch->result_max)
        return MUSTER_ETOOBIG;
    if (!result || wire_value_check(slice_of(result, result_bytes)))
        return MUSTER_EINVAL;
    job->result = malloc(result_bytes);
    if (!job->result)
        return MUSTER_ENOMEM;
    memcpy(job->result, result, result_bytes);
    job->result_len = (uint32_t)result_bytes;
    return decide(run, OUTCOME_COMPLETED);
}

int muster_run_fail(muster_run_t *run, const char *code, const char *message,
                    uint64_t retry_after_ms)
{
    return decide_noted(run, OUTCOME_FAILED, code, message, retry_after_ms);
}

int muster_run_park(muster_run_t *run, const char *code, const char *message)
{
    return decide_noted(run, OUTCOME_PARKED, code, message, 0);
}

int muster_run_discard(muster_run_t *run)
{
    return decide(run, OUTCOME_DISCARDED);
}

int muster_run_snooze(muster_run_t *run, uint64_t delay_ms)
{
    if (!delay_ms)
        return decide(run, OUTCOME_SNOOZED);
    return decide_noted(run, OUTCOME_SNOOZED, NULL, NULL, delay_ms);
}

int muster_run_release(muster_run_t *run)
{
    return decide(run, OUTCOME_RELEASED);
}

int run_stopped(muster_run_t *run, enum outcome outcome, const char *code, const char *message)
{
    return decide_noted(run, outcome, code, message, 0);
}

int muster_run_set_log(muster_run_t *run, const void *log, size_t log_bytes)
{
    struct job *job;
    int error = find(run, &job);
    struct job_note *note = error ? NULL : job_note(job);
    uint8_t *copy = NULL;

    if (error)
        return error;
    if (!log && log_bytes)
        return MUSTER_EINVAL;
    if (!note)
        return MUSTER_ENOMEM;
    if (log_bytes > LOG_LAST_BYTES) {
        log = (const uint8_t *)log + (log_bytes - LOG_LAST_BYTES);
        log_bytes = LOG_LAST_BYTES;
    }
    if (log_bytes) {
        copy = malloc(log_bytes);
        if (!copy)
            return MUSTER_ENOMEM;
        memcpy(copy, log, log_bytes);
    }
    free(note->log);
    note->log = copy;
    note->log_len = log_bytes;
    return 0;
}

int muster_run_set_exit(muster_run_t *run, int exit_status, const char *signal)
{
    struct job *job;
    int error = find(run, &job);
    struct job_note *note = error ? NULL : job_note(job);

    if (error)
        return error;
    if (!note)
        return MUSTER_ENOMEM;
    note->exit_status = exit_status >= 0 && exit_status <= 255 ? exit_status : -1;
    clean_line(slice_str(signal), note->signal, sizeof note->signal);
    return 0;
}

/* ---- the end ---- */

static void drop_result(struct job *job)
{
    free(job->result);
    job->result = NULL;
    job->result_len = 0;
}

void run_conclude(struct job *job)
{
    static const uint8_t silent[] = {
        [STOP_NONE] = OUTCOME_COMPLETED,    [STOP_DRAIN] = OUTCOME_RELEASED,
        [STOP_TIMEOUT] = OUTCOME_TIMEOUT,   [STOP_CANCEL] = OUTCOME_CANCELLED,
        [STOP_ABANDON] = OUTCOME_CANCELLED, [STOP_NOW] = OUTCOME_RELEASED,
    };
    enum job_stop stop = (enum job_stop)atomic_load(&job->stop);
    bool late = stop == STOP_TIMEOUT && job->outcome != OUTCOME_TIMEOUT;

    if (job->decided && !late)
        return;
    if (late) {
        drop_result(job);
        if (note_outcome(job, OUTCOME_TIMEOUT, "timeout", "the handler overran its run_timeout",
                         0) == 0)
            return;
    }
    job->decided = true;
    job->outcome = silent[stop];
}
