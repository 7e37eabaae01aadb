/* serve_pool.h: all children of --serve: as many for each command as the worker has slots. A
 * handler takes one for a job and gives it back; those in between are looked after by a thread, the
 * keeper, which starts, restarts and ends them, and passes on what they log. */
#ifndef WORKER_SERVE_POOL_H
#define WORKER_SERVE_POOL_H

#include "serve_child.h"

struct serve_pool;

/* One command to serve: its text, borrowed for good, and its number at the supervisor. */
struct serve_command {
    const char *text;
    size_t number;
};

/* Starts `slots` children for each command, without waiting for them. 0, MUSTER_ENOMEM, or
 * MUSTER_EIO. SIGPIPE must be ignored. */
int serve_pool_new(const struct serve_host *host, const struct serve_command *commands,
                   size_t count, uint32_t slots, struct serve_pool **ret);
/* Lets the children end by closing their standard input, for up to grace_ms; then ends them. No
 * handler may run any more. NULL is harmless. */
void serve_pool_free(struct serve_pool *p, uint32_t grace_ms);

/* Command `index` of serve_pool_new(): what serve_run() wants as `user`. */
struct serve_program *serve_pool_program(struct serve_pool *p, size_t index);

/* A child that nobody has, one that is up if there is one; NULL when all have a job. */
struct serve_child *serve_pool_take(struct serve_program *program);
void serve_pool_give(struct serve_child *c);

#endif
