/* exec_outcome.h: from how a command ended to what becomes of the job: the table of exit codes in
 * docs/exec.md. */
#ifndef WORKER_EXEC_OUTCOME_H
#define WORKER_EXEC_OUTCOME_H

#include <muster/worker.h>

#include "capture.h"

#define SIGNAL_NAME_BYTES 32

/* "SIGKILL"; returns out. */
const char *exec_signal_name(int sig, char out[SIGNAL_NAME_BYTES]);

/* Names the outcome for a wait status, with the result from its standard output, the log and the
 * message from its standard error, and with regard to why it was asked to stop. */
void exec_outcome(muster_run_t *run, int status, const struct capture *output,
                  const struct capture *log);

#endif
