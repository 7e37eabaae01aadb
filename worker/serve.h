/* serve.h: the handler that has a job done by a long-lived child, by the contract of docs/exec.md
 * ("Handlers that stay"). */
#ifndef WORKER_SERVE_H
#define WORKER_SERVE_H

#include "serve_pool.h"

/* Runs one job; `user` is a struct serve_program. */
void serve_run(muster_run_t *run, void *user);

#endif
