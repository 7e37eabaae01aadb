/* run.c: what a handler sees of its job, and says about it (the muster_run_* half of
 * muster/worker.h). */
#include <stdio.h>
#include <stdlib.h>

#include <muster/worker.h>

#include "base/text.h"
#include "clean.h"
#include "pool.h"
#include "run.h"
#include "wire.h"

_Static_assert(MUSTER_RUN_ID_BYTES == JOB_ID_TEXT_BYTES, "one length for ids");

const char *muster_run_id(muster_run_t *run, char out[MUSTER_RUN_ID_BYTES])
{
    job_id_format(run->id, out);
    return out;
}

const char *muster_run_token(muster_run_t *run, char out[MUSTER_RUN_TOKEN_BYTES])
{
    char id[JOB_ID_TEXT_BYTES];

    job_id_format(run->id, id);
    snprintf(out, MUSTER_RUN_TOKEN_BYTES, "%s.%u", id, run->run);
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
    return give(run->lane->kind, ret_bytes);
}

const char *muster_run_queue(const muster_run_t *run, size_t *ret_bytes)
{
    return give(run->lane->queue, ret_bytes);
}

uint32_t muster_run_attempt(const muster_run_t *run)
{
    return run->attempt;
}

uint64_t muster_run_timeout_ms(const muster_run_t *run)
{
    return run->run_timeout_ms;
}

const void *muster_run_args(const muster_run_t *run, size_t *ret_bytes)
{
    static const uint8_t nil[] = {0xc0};

    return run->args.len ? give(run->args, ret_bytes) : give(slice_of(nil, 1), ret_bytes);
}

const void *muster_run_meta(const muster_run_t *run, size_t *ret_bytes)
{
    return run->meta.len ? give(run->meta, ret_bytes) : give(SLICE_EMPTY, ret_bytes);
}

size_t muster_run_result_max(const muster_run_t *run)
{
    return run->batch->result_max;
}

bool muster_run_cancelled(const muster_run_t *run)
{
    return atomic_load_explicit(&run->stop, memory_order_relaxed) != STOP_NONE;
}

int muster_run_cancel_fd(muster_run_t *run)
{
    return pool_cancel_fd(run);
}

/* ---- outcomes ---- */

static int decide(muster_run_t *run, enum outcome outcome)
{
    if (run->decided)
        return MUSTER_ESTATE;
    run->decided = true;
    run->outcome = (uint8_t)outcome;
    return 0;
}

/* Names the outcome with a code, a message and a delay. */
static int decide_noted(muster_run_t *run, enum outcome outcome, const char *code,
                        const char *message, uint64_t delay_ms)
{
    struct job_note *note;

    if (run->decided)
        return MUSTER_ESTATE;
    note = job_note(run);
    if (!note)
        return MUSTER_ENOMEM;
    clean_line(slice_str(code), note->code, sizeof note->code);
    clean_line(slice_str(message), note->message, sizeof note->message);
    note->delay_ms = delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS;
    return decide(run, outcome);
}

int muster_run_complete(muster_run_t *run, const void *result, size_t bytes)
{
    if (run->decided)
        return MUSTER_ESTATE;
    if (!result || !bytes)
        return decide(run, OUTCOME_COMPLETED);
    if (bytes > muster_run_result_max(run))
        return MUSTER_ETOOBIG;
    if (wire_value_check(slice_of(result, bytes)))
        return MUSTER_EINVAL;
    run->result = malloc(bytes);
    if (!run->result)
        return MUSTER_ENOMEM;
    memcpy(run->result, result, bytes);
    run->result_len = (uint32_t)bytes;
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

int muster_run_set_log(muster_run_t *run, const void *log, size_t bytes)
{
    struct job_note *note = job_note(run);
    uint8_t *copy = NULL;

    if (!note)
        return MUSTER_ENOMEM;
    if (bytes > LOG_LAST_BYTES) {
        log = (const uint8_t *)log + (bytes - LOG_LAST_BYTES);
        bytes = LOG_LAST_BYTES;
    }
    if (bytes) {
        copy = malloc(bytes);
        if (!copy)
            return MUSTER_ENOMEM;
        memcpy(copy, log, bytes);
    }
    free(note->log);
    note->log = copy;
    note->log_len = bytes;
    return 0;
}

int muster_run_set_exit(muster_run_t *run, int exit_status, const char *signal)
{
    struct job_note *note = job_note(run);

    if (!note)
        return MUSTER_ENOMEM;
    note->exit_status = exit_status >= 0 && exit_status <= 255 ? exit_status : -1;
    clean_line(slice_str(signal), note->signal, sizeof note->signal);
    return 0;
}

/* ---- the end ---- */

static void drop_result(muster_run_t *run)
{
    free(run->result);
    run->result = NULL;
    run->result_len = 0;
}

void run_conclude(muster_run_t *run)
{
    static const uint8_t silent[] = {
        [STOP_NONE] = OUTCOME_COMPLETED,    [STOP_DRAIN] = OUTCOME_RELEASED,
        [STOP_TIMEOUT] = OUTCOME_TIMEOUT,   [STOP_CANCEL] = OUTCOME_CANCELLED,
        [STOP_ABANDON] = OUTCOME_CANCELLED, [STOP_NOW] = OUTCOME_RELEASED,
    };
    enum job_stop stop = (enum job_stop)atomic_load(&run->stop);
    bool late = stop == STOP_TIMEOUT && run->outcome != OUTCOME_TIMEOUT;

    if (run->decided && !late)
        return;
    if (late) {
        drop_result(run);
        run->decided = false;
        if (run_stopped(run, OUTCOME_TIMEOUT, "timeout", "the handler overran its run_timeout") ==
            0)
            return;
    }
    run->decided = true;
    run->outcome = silent[stop];
}
