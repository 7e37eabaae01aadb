/* exec.h: the handler that runs a command, by the contract of docs/exec.md. */
#ifndef WORKER_EXEC_H
#define WORKER_EXEC_H

#include <muster/worker.h>

#include "job.h"
#include "supervisor.h"

/* How long after SIGTERM a command gets SIGKILL. */
struct exec_grace {
    uint32_t timeout_ms; /* run_timeout was over, or the job is somebody else's */
    uint32_t cancel_ms;  /* the job was cancelled */
    uint32_t drain_ms;   /* the worker ends */
};

#define EXEC_GRACE_DEFAULT ((struct exec_grace){5000, 10000, 2000})

/* The time that a reason to stop leaves. */
uint32_t exec_grace_for(const struct exec_grace *grace, enum job_stop stop);

/* One kind's command. */
struct exec_handler {
    const struct supervisor *supervisor;
    size_t command; /* its number there */
    struct exec_grace grace;
    /* The supervisor has died, and with it the promise that nothing is left behind: the worker must
     * end. */
    void (*on_orphaned)(void *user);
    void *user;
};

/* Runs one job; `user` is a struct exec_handler. */
void exec_run(muster_run_t *run, void *user);

#endif
