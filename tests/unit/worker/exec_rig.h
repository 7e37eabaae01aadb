/* exec_rig.h: runs commands as muster-worker does, without a broker: supervisor, pool and one job
 * at a time. */
#ifndef TESTS_EXEC_RIG_H
#define TESTS_EXEC_RIG_H

#include "exec.h"
#include "pool.h"

struct exec_rig {
    struct supervisor supervisor;
    struct exec_handler handlers[64];
    size_t count;
    struct pool *pool;
    struct job_batch *batch; /* the newest job's */
    struct slice schedule;   /* the next jobs are runs of this one; empty: of none */
    uint64_t nominal_ms;
    int orphaned; /* times that the supervisor was found dead */
};

/* Before any thread of the test. The commands get their SIGKILL 300 ms after SIGTERM. */
void exec_rig_init(struct exec_rig *r, const char *const *commands, size_t count);
void exec_rig_fini(struct exec_rig *r);

/* Starts command `index` as a job with these args (one msgpack value) and this run_timeout. */
struct job *exec_rig_start(struct exec_rig *r, size_t index, struct slice args,
                           uint32_t timeout_ms);
/* Waits for the end; the job is valid until the next start. */
void exec_rig_wait(struct exec_rig *r, struct job *job);
/* Both, with empty args and a minute. */
struct job *exec_rig_run(struct exec_rig *r, size_t index);
void exec_rig_stop(struct exec_rig *r, struct job *job, enum job_stop why);

#endif
