/* muster/worker.h: run jobs with C functions.
 *
 * One handle is one worker process in the eyes of its brokers: a name, some slots, the queues it
 * serves and a handler for each kind. muster_worker_run() does the talking in the thread that calls
 * it; handlers run in up to `slots` threads of their own, so a handler may block as long as it
 * likes without costing the process its lease.
 *
 * Errors are 0 or a negative number; muster_error_code() and muster_error_text() of
 * <muster/client.h> name them. Times are milliseconds. Strings are UTF-8 and NUL-terminated; bytes
 * have a length. What is passed in is borrowed for the call only, but for callbacks and their
 * `user`. */
#ifndef MUSTER_WORKER_H
#define MUSTER_WORKER_H

#include <muster/common.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_worker muster_worker_t;
typedef struct muster_run muster_run_t; /* one attempt at one job, in a handler's hands */

#define MUSTER_DEFAULT_BACKEND "tcp://127.0.0.1:7671"
#define MUSTER_RUN_ID_BYTES    14 /* 13 characters and NUL */
#define MUSTER_RUN_TOKEN_BYTES 25 /* id, '.', run and NUL */

struct muster_worker_queue {
    const char *name;
    uint32_t weight; /* share of this queue's jobs while several have some; 0: 1 */
};

struct muster_worker_options {
    /* backend endpoints, one connection each; NULL: $MUSTER_BACKEND, else MUSTER_DEFAULT_BACKEND */
    const char *const *brokers;
    size_t broker_count;
    const struct muster_worker_queue *queues; /* NULL: "default" */
    size_t queue_count;
    bool strict;       /* take the queues in order instead of by weight */
    uint32_t slots;    /* handlers that may run at once; 0: the number of cores */
    const char *name;  /* label for people; NULL: host name and process id */
    uint64_t drain_ms; /* time that running handlers have after muster_worker_drain(); 0: 25 s */
    /* Both are called in the thread of muster_worker_run(); NULL: nobody listens. */
    /* each time a broker has welcomed the worker */
    void (*on_ready)(void *user, const char *name, const char *session, uint32_t slots);
    /* a connection is lost (trouble) or found again */
    void (*on_log)(void *user, bool trouble, const char *text);
    void *user;
};

/* Makes a worker; connects nothing yet. "invalid" when an option is not valid, with the reason in
 * `why` (if why_bytes is not 0). */
MUSTER_API int muster_worker_new(const struct muster_worker_options *options,
                                 muster_worker_t **ret_worker, char *why, size_t why_bytes);

/* A handler runs one job, in a thread of the worker's pool, and says what became of it by one of
 * the functions below. One that says nothing has completed the job. `run` is valid until it
 * returns, and for its thread alone, but for muster_run_cancelled(). It must not call exit(). */
typedef void muster_handler_fn(muster_run_t *run, void *user);

/* Has `fn` run the jobs of this kind; "*" stands for all kinds that have no handler of their own.
 * Before muster_worker_run(). "invalid" for a bad name or a second handler for a kind, "full" above
 * 1024 kinds. */
MUSTER_API int muster_worker_handle(muster_worker_t *worker, const char *kind,
                                    muster_handler_fn *fn, void *user);

/* Works until drained or stopped, waiting for missing brokers for ever. 0: drained, and every
 * result is acknowledged; "timeout": something was left (a handler that did not end, a result that
 * no broker acknowledged); else an error. Once a handle. Signals are the caller's affair; the
 * pool's threads block them all. */
MUSTER_API int muster_worker_run(muster_worker_t *worker);

/* Takes no more jobs, gives back at no cost those that have not begun, waits up to drain_ms for
 * those that run, then asks them to stop and gives them back. From any thread, and from signal
 * handlers. */
MUSTER_API void muster_worker_drain(muster_worker_t *worker);
/* Asks all handlers to stop at once, and ends muster_worker_run() within a second. From any thread,
 * and from signal handlers. */
MUSTER_API void muster_worker_stop(muster_worker_t *worker);

/* Waits for handlers that still run, and frees the handle; NULL and *worker == NULL are harmless.
 * Not while muster_worker_run() runs. */
MUSTER_API void muster_worker_destroy(muster_worker_t **worker);

/* ---- in a handler: what the job is ---- */

MUSTER_API const char *muster_run_id(muster_run_t *run, char out[MUSTER_RUN_ID_BYTES]);
/* "id.run": changes with every run of the job, and rises: a fencing token for other systems. */
MUSTER_API const char *muster_run_token(muster_run_t *run, char out[MUSTER_RUN_TOKEN_BYTES]);
MUSTER_API const char *muster_run_kind(const muster_run_t *run,
                                       size_t *ret_bytes); /* not NUL-terminated */
MUSTER_API const char *muster_run_queue(const muster_run_t *run,
                                        size_t *ret_bytes);      /* not NUL-terminated */
MUSTER_API uint32_t muster_run_attempt(const muster_run_t *run); /* failures so far + 1 */
MUSTER_API uint64_t muster_run_timeout_ms(const muster_run_t *run);
/* The args, one msgpack value, valid until the handler returns; never NULL. */
MUSTER_API const void *muster_run_args(const muster_run_t *run, size_t *ret_bytes);
/* What the submitter sent along, or NULL and 0 bytes. */
MUSTER_API const void *muster_run_meta(const muster_run_t *run, size_t *ret_bytes);
/* Bytes that its result may have. */
MUSTER_API size_t muster_run_result_max(const muster_run_t *run);

/* True when the handler should stop soon: the job was cancelled or is somebody else's now, its time
 * is over, or the worker ends. Cheap: ask often. What the handler says afterwards counts all the
 * same, but for a time-out. */
MUSTER_API bool muster_run_cancelled(const muster_run_t *run);
/* A file descriptor that becomes readable when muster_run_cancelled() does, for poll(); the
 * worker's own: do not read or close it. Negative: an error number. */
MUSTER_API int muster_run_cancel_fd(muster_run_t *run);

/* ---- in a handler: what became of it. Each returns 0; "wrong_state" when an outcome was named
 * before; "no_memory" ---- */

/* Done. `result` is one msgpack value ("invalid" if it is not, "too_big" above
 * muster_run_result_max()), or NULL for none. */
MUSTER_API int muster_run_complete(muster_run_t *run, const void *result, size_t bytes);
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
MUSTER_API int muster_run_set_log(muster_run_t *run, const void *log, size_t bytes);
/* Of a process that did the work: its exit status (0 to 255), or the name of the signal that ended
 * it ("SIGKILL"). */
MUSTER_API int muster_run_set_exit(muster_run_t *run, int exit_status, const char *signal);

#ifdef __cplusplus
}
#endif

#endif
