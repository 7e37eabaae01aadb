/* run.h: what the worker's own handlers and its pool need beside the public muster_run_*. A handler
 * holds a number (base/handle.h), not the job: it is good in the handler's thread, until the
 * handler returns. */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include <muster/worker.h>

#include "job.h"

/* This thread runs the job's handler from now on, until run_leave(). job->value is set. */
void run_enter(struct job *job);
void run_leave(void);
/* The job whose handler runs in this thread, or NULL. */
struct job *run_current(void);
/* What its handler holds. */
static inline muster_run_t *run_of(const struct job *job)
{
    return (muster_run_t *)job->value;
}

/* The nominal time of a run of a schedule as handlers get it: RFC 3339 in UTC, with milliseconds
 * only where they are not 0; else empty. TIME_TEXT_BYTES; returns `out`. */
const char *run_nominal_time(const muster_run_t *run, char *out);

/* Why the job is to stop. In its handler's thread. */
enum job_stop run_stop(const muster_run_t *run);
/* Names an outcome that only the worker itself may name: OUTCOME_CANCELLED, OUTCOME_TIMEOUT. As
 * muster_run_fail(). */
int run_stopped(muster_run_t *run, enum outcome outcome, const char *code, const char *message);
/* After the handler has returned: an outcome for the silent, and time-out for those whose time was
 * over. */
void run_conclude(struct job *job);

#endif
