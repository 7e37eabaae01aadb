/* run.h: what the worker's own handlers and its pool need beside the public muster_run_*. */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include "job.h"

/* Names an outcome that only the worker itself may name: OUTCOME_CANCELLED, OUTCOME_TIMEOUT. As
 * muster_run_fail(). */
int run_stopped(struct muster_run *run, enum outcome outcome, const char *code,
                const char *message);
/* After the handler has returned: an outcome for the silent, and time-out for those whose time was
 * over. */
void run_conclude(struct muster_run *run);

#endif
