/* muster/worker.h: run jobs with C functions.
 *
 * One handle is one worker process in the eyes of its brokers: a name, some slots, the queues it
 * serves and a handler for each kind. muster_worker_run() does the talking in the thread that calls
 * it; handlers run in up to `slots` threads of their own, so a handler may block as long as it
 * likes without costing the process its lease. Several brokers are served at the same time; they
 * share the slots.
 *
 * A handle that is NULL or no worker gives MUSTER_EINVAL; one that was destroyed MUSTER_ECLOSED;
 * the parent process's, in a child, MUSTER_ESTATE. muster/common.h has the other conventions. */
#ifndef MUSTER_WORKER_H
#define MUSTER_WORKER_H

#include <muster/common.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_worker muster_worker_t;
typedef struct muster_run muster_run_t; /* one attempt at one job, in a handler's hands */

#define MUSTER_DEFAULT_BACKEND "tcp://127.0.0.1:7671"
#define MUSTER_RUN_ID_BYTES    MUSTER_ID_TEXT_BYTES
#define MUSTER_RUN_TOKEN_BYTES 25 /* id, '.', run and NUL */

/* ---- the handle ---- */

struct muster_worker_queue {
    const char *name;
    uint32_t weight; /* share of this queue's jobs while several have some, up to 1000000; 0: 1 */
};

struct muster_worker_options {
    /* backend endpoints, tcp://host:port or ipc://path, at most 256, one connection each; an entry
     * may name several, with commas between them. None (count 0): those of $MUSTER_BACKEND, else
     * MUSTER_DEFAULT_BACKEND */
    const char *const *brokers;
    size_t broker_count;
    const struct muster_worker_queue *queues; /* none (count 0): "default" */
    size_t queue_count;                       /* at most 256 */
    bool strict;                              /* take the queues in order instead of by weight */
    uint32_t slots; /* handlers that may run at once, at most 65536; 0: the number of cores */
    const char
        *name; /* label for people: 1 to 128 of [A-Za-z0-9._:/-]; NULL: host and process id */
    uint64_t drain_ms; /* time that running handlers have after muster_worker_drain(); 0: 25 s */
    /* Both are called in the thread of muster_worker_run(); NULL: nobody listens. */
    /* each time a broker has welcomed the worker */
    void (*on_ready)(void *user, const char *name, const char *session, uint32_t slots);
    /* a connection is lost (trouble) or found again */
    void (*on_log)(void *user, bool trouble, const char *text);
    void *user; /* for both */
};

/* Makes a worker; connects nothing yet and starts no thread. `options` may be NULL. MUSTER_EINVAL
 * when an option is not valid, with the reason in `why` (if why_bytes is not 0); MUSTER_ENOMEM,
 * MUSTER_EIO; MUSTER_EFULL above 65536 handles. *ret_worker is NULL then. */
MUSTER_API int muster_worker_new(const struct muster_worker_options *options,
                                 muster_worker_t **ret_worker, char *why, size_t why_bytes);

/* A handler runs one job, in a thread of the worker's pool, and says what became of it by one of
 * the functions below. One that says nothing has completed the job. `run` is valid until it
 * returns, and for its thread alone, but for muster_run_cancelled(): elsewhere and later it is
 * MUSTER_ESTATE. It must not call exit(). */
typedef void muster_handler_fn(muster_run_t *run, void *user);

/* Has `fn` run the jobs of this kind; "*" stands for all kinds that have no handler of their own.
 * Any thread; does not block. MUSTER_EINVAL for a bad name, a NULL, or a second handler for a kind;
 * MUSTER_EFULL above 1024 kinds; MUSTER_ESTATE once muster_worker_run() was called. */
MUSTER_API int muster_worker_handle(muster_worker_t *worker, const char *kind,
                                    muster_handler_fn *fn, void *user);

/* How many handlers may run at once, at least 1; or a negative error number. Any thread; does not
 * block. */
MUSTER_API int muster_worker_slots(muster_worker_t *worker);

/* Works until drained or stopped, waiting for missing brokers for ever. 0: drained, and every
 * result is acknowledged; MUSTER_ETIMEOUT: something was left (a handler that did not end, a result
 * that no broker acknowledged); MUSTER_EINVAL: no handler; MUSTER_ESTATE: it runs, or has run: once
 * a handle; MUSTER_EIO, MUSTER_ENOMEM: no descriptor, thread or memory. Signals are the caller's
 * affair; the pool's threads block them all. */
MUSTER_API int muster_worker_run(muster_worker_t *worker);

/* Takes no more jobs, gives back at no cost those that have not begun, waits up to drain_ms for
 * those that run, then asks them to stop and gives them back. Returns at once. From any thread, and
 * from signal handlers. */
MUSTER_API int muster_worker_drain(muster_worker_t *worker);
/* Asks all handlers to stop at once, and ends muster_worker_run() within a second. Returns at once.
 * From any thread, and from signal handlers. */
MUSTER_API int muster_worker_stop(muster_worker_t *worker);

/* Waits for handlers that still run, frees what is behind the handle, and sets *worker to NULL. 0,
 * also for NULL and *worker == NULL; MUSTER_ECLOSED for one that is destroyed already;
 * MUSTER_ESTATE while muster_worker_run() runs and in a handler of its own: the handle then stays
 * as it is. Not in signal handlers. */
MUSTER_API int muster_worker_destroy(muster_worker_t **worker);

/* ---- in a handler: what the job is ----
 *
 * None of these blocks. Of a run that is over, another thread's or NULL they tell nothing: "", NULL
 * and 0 bytes, 0. `ret_bytes` may be NULL. Pointers are valid until the handler returns. */

/* The job's id, as people see it; returns `out`. */
MUSTER_API const char *muster_run_id(const muster_run_t *run, char out[MUSTER_RUN_ID_BYTES]);
/* "id.run": changes with every run of the job, and rises: a fencing token for other systems.
 * Returns `out`. */
MUSTER_API const char *muster_run_token(const muster_run_t *run, char out[MUSTER_RUN_TOKEN_BYTES]);
/* The job's kind, not NUL-terminated. */
MUSTER_API const char *muster_run_kind(const muster_run_t *run, size_t *ret_bytes);
/* The job's queue, not NUL-terminated. */
MUSTER_API const char *muster_run_queue(const muster_run_t *run, size_t *ret_bytes);
/* The name of the schedule that the job is a run of, not NUL-terminated; NULL and 0 bytes: it is a
 * run of none. */
MUSTER_API const char *muster_run_schedule(const muster_run_t *run, size_t *ret_bytes);
/* The time that the schedule names for this run, whenever it runs: Unix time in ms; 0: it is a run
 * of none. */
MUSTER_API uint64_t muster_run_nominal_time_ms(const muster_run_t *run);
/* Failures so far + 1. */
MUSTER_API uint32_t muster_run_attempt(const muster_run_t *run);
/* The time that one attempt may take. */
MUSTER_API uint64_t muster_run_timeout_ms(const muster_run_t *run);
/* The args, one msgpack value; never NULL in the handler. */
MUSTER_API const void *muster_run_args(const muster_run_t *run, size_t *ret_bytes);
/* What the submitter sent along, or NULL and 0 bytes. */
MUSTER_API const void *muster_run_meta(const muster_run_t *run, size_t *ret_bytes);
/* Bytes that its result may have. */
MUSTER_API size_t muster_run_result_max(const muster_run_t *run);

/* True when the handler should stop soon: the job was cancelled or is somebody else's now, its time
 * is over, or the worker ends; also when the handler has returned. Cheap: ask often. Any thread.
 * What the handler says afterwards counts all the same, but for a time-out. */
MUSTER_API bool muster_run_cancelled(const muster_run_t *run);
/* A file descriptor that becomes readable when muster_run_cancelled() does, for poll(); the
 * worker's own: do not read or close it. Negative: an error number (MUSTER_EIO: no descriptor). */
MUSTER_API int muster_run_cancel_fd(const muster_run_t *run);

/* ---- in a handler: what became of it ----
 *
 * Each returns 0; MUSTER_ESTATE when an outcome was named before, when the handler has returned and
 * in another thread; MUSTER_EINVAL for a run that is NULL; MUSTER_ENOMEM. On an error nothing was
 * named. None blocks; what is passed in is copied. */

/* Done. `result` is one msgpack value (MUSTER_EINVAL if it is not, MUSTER_ETOOBIG above
 * muster_run_result_max()); 0 bytes: none. */
MUSTER_API int muster_run_complete(muster_run_t *run, const void *result, size_t result_bytes);
/* Failed: tried again after the job's backoff, or after retry_after_ms if that is not 0, until
 * max_attempts. `code` (up to 128 bytes) is for programs, `message` (up to 1024) for people; longer
 * ones are cut, NULL is empty. */
MUSTER_API int muster_run_fail(muster_run_t *run, const char *code, const char *message,
                               uint64_t retry_after_ms);
/* Failed for good: kept among the parked jobs until somebody retries or deletes it. */
MUSTER_API int muster_run_park(muster_run_t *run, const char *code, const char *message);
/* Not wanted any more: ends as cancelled, code "discarded". */
MUSTER_API int muster_run_discard(muster_run_t *run);
/* Again later, at no cost; 0: after the base delay of the job's backoff. */
MUSTER_API int muster_run_snooze(muster_run_t *run, uint64_t delay_ms);
/* Not here, not now: ready again at once, at no cost. */
MUSTER_API int muster_run_release(muster_run_t *run);

/* Beside an outcome, at any time before the handler returns: */
/* What it logged; the last 64 KiB are kept. Replaces what was set before. */
MUSTER_API int muster_run_set_log(muster_run_t *run, const void *log, size_t log_bytes);
/* Of a process that did the work: its exit status (0 to 255), or the name of the signal that ended
 * it ("SIGKILL"). */
MUSTER_API int muster_run_set_exit(muster_run_t *run, int exit_status, const char *signal);

#ifdef __cplusplus
}
#endif

#endif
