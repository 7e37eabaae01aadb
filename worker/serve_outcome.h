/* serve_outcome.h: from what a child said, or did instead, to what becomes of the job: the tables
 * of docs/exec.md. */
#ifndef WORKER_SERVE_OUTCOME_H
#define WORKER_SERVE_OUTCOME_H

#include "serve_child.h"
#include "serve_line.h"

/* It answered. */
void serve_outcome_answer(muster_run_t *run, const struct serve_answer *answer);
/* It broke the rules: a failure with this code. */
void serve_outcome_fault(muster_run_t *run, const char *code, const char *message);
/* It has ended in the midst of the job. */
void serve_outcome_end(muster_run_t *run, const struct serve_child *c);
/* The job was told to stop before a child had begun it. */
void serve_outcome_unbegun(muster_run_t *run);

#endif
