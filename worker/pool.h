/* pool.h: the threads that run handlers. The I/O thread hands over batches of jobs and takes back
 * chains of finished ones; all functions but pool_cancel_fd are the I/O thread's.
 *
 * Threads are made when work waits and nobody is free, up to the slots. While jobs take
 * microseconds a thread takes many at once and wakes the I/O thread rarely; then the I/O thread
 * must look by itself when pool_look_us() says so. */
#ifndef WORKER_POOL_H
#define WORKER_POOL_H

#include "job.h"

struct pool;

/* Runs one job; the job's outcome fields are its to fill. */
typedef void pool_run_fn(void *ctx, struct job *job);

/* 0; MUSTER_ENOMEM, or MUSTER_EIO when no thread can be made. */
int pool_new(uint32_t slots, pool_run_fn *run, void *ctx, struct pool **ret);
/* Waits for the handlers that run, starts no other, frees the pool. Jobs that were waiting stay the
 * caller's. */
void pool_free(struct pool *p);

/* Queues the jobs of the batch; each comes back once by pool_take, run or met as revoked. */
void pool_submit(struct pool *p, struct job_batch *batch);
/* Finished and revoked jobs, linked by `next`, or NULL. `readable`: pool_fd was. */
struct job *pool_take(struct pool *p, bool readable);
/* Sends queued jobs that were revoked straight back. */
void pool_purge(struct pool *p);

/* Readable when there is something to take, or pool_expire must be asked again. */
int pool_fd(const struct pool *p);
/* Microseconds (monotonic) at which pool_take must be tried although the fd is quiet; UINT64_MAX:
 * never. */
uint64_t pool_look_us(const struct pool *p);

/* Wakes the handler of a job whose `stop` has been set. */
void pool_stop(struct pool *p, struct job *job);
/* Asks every job that runs to stop. */
void pool_stop_all(struct pool *p, enum job_stop why);
/* Asks jobs whose run_timeout is over to stop; returns when the next one will be (us), or
 * UINT64_MAX. */
uint64_t pool_expire(struct pool *p, uint64_t now_us);
/* Handlers that run now. */
uint32_t pool_running(struct pool *p);

/* In a handler's thread: a descriptor that is readable once the job is to stop, or a negative error
 * number. */
int pool_cancel_fd(struct job *job);

#endif
