/* muster/client.h: submit jobs to muster brokers, follow them, and operate their queues.
 *
 * One handle is one client of one or several brokers: a thread, and a session with each broker,
 * that reconnect by themselves. Any thread may call any function of a handle;
 * muster_client_destroy() ends the calls that others are waiting in.
 *
 * Several brokers are shards: each has jobs of its own, and a job's id says whose it is. A
 * submitted batch goes to a connected broker, to the one with the least on its way, and stays with
 * it until it is acknowledged or the handle ends: a broker that is away gets nothing new, and what
 * it may have already is never given to another one. Jobs keep their order at each broker only.
 * Requests by id go to the brokers of the ids. Those without ids say below whom they ask. Two
 * endpoints that answer with the same shard are two ways to it: whichever is connected is used.
 *
 * A handle that is NULL or no client gives MUSTER_EINVAL; one that was destroyed MUSTER_ECLOSED;
 * the parent process's, in a child, MUSTER_ESTATE. Functions that wait (they have a timeout) give
 * MUSTER_ESTATE in callbacks on the handle's thread. muster/common.h has the other conventions. */
#ifndef MUSTER_CLIENT_H
#define MUSTER_CLIENT_H

#include <muster/common.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_client muster_client_t;
typedef struct muster_reply muster_reply_t;

#define MUSTER_DEFAULT_BROKER "tcp://127.0.0.1:7670"

/* ---- the handle ---- */

struct muster_client_options {
    /* frontend endpoints, tcp://host:port or ipc://path, at most 256; an entry may name several,
     * with commas between them. None (count 0): those of $MUSTER_BROKER, else
     * MUSTER_DEFAULT_BROKER */
    const char *const *brokers;
    size_t broker_count;
    const char *name; /* label for people: 1 to 128 of [A-Za-z0-9._:/-]; NULL: none */
    /* jobs that one message may carry: 1 to 512; 0: 512. Small ones cost throughput. */
    uint32_t batch;
    /* Callbacks run only in muster_client_process(), in the thread that calls it; then
     * muster_submit() never blocks. */
    bool own_loop;
};

/* Starts the thread that connects, and returns at once, whether or not there is a broker. `options`
 * may be NULL. MUSTER_EINVAL when an option is not valid, with the reason in `why` (if why_bytes is
 * not 0); MUSTER_ENOMEM, MUSTER_EIO; MUSTER_EFULL above 65536 handles. *ret_client is NULL then. */
MUSTER_API int muster_client_new(const struct muster_client_options *options,
                                 muster_client_t **ret_client, char *why, size_t why_bytes);
/* Says GOODBYE, ends the thread, frees what is behind the handle, and sets *client to NULL. What is
 * not acknowledged by then is told to its callbacks as MUSTER_ECLOSED (with own_loop, in this
 * call): call muster_client_flush() first. Calls that other threads wait in end with
 * MUSTER_ECLOSED. Blocks for a second at most, and while a callback or muster_client_process()
 * runs. 0, also for NULL and *client == NULL; MUSTER_ECLOSED for one that is destroyed already;
 * MUSTER_ESTATE in a callback of the handle's own, which then stays as it is. */
MUSTER_API int muster_client_destroy(muster_client_t **client);

struct muster_broker_info {
    uint64_t epoch;          /* raised with every start of the broker */
    uint32_t max_payload;    /* bytes of args of one job */
    uint32_t shard;          /* the low 8 bits of its jobs' ids */
    char feed[256];          /* the feed's endpoint, or "" */
    char broker_version[65]; /* or "" */
};

/* Waits until a broker has answered, and tells of the first that is connected. `ret_info` may be
 * NULL. MUSTER_ENOBROKER when the time is over; what the brokers said if all refuse this client. */
MUSTER_API int muster_client_ready(muster_client_t *client, uint64_t timeout_ms,
                                   struct muster_broker_info *ret_info);

struct muster_client_status {
    uint32_t brokers;   /* in the options */
    uint32_t connected; /* of those: they answer */
    /* why the client cannot go on, or why a broker puts submits off (MUSTER_ENOSPACE ...), or 0 */
    int error;
    uint64_t pending; /* jobs submitted, neither acknowledged nor refused */
};

/* How the handle stands; does not block. On an error *ret_status is all 0. */
MUSTER_API int muster_client_status(muster_client_t *client,
                                    struct muster_client_status *ret_status);

/* ---- submit ---- */

/* What became of one submitted job. */
struct muster_ack {
    int error;        /* 0: the job is on disk */
    uint64_t id;      /* when error is 0 */
    bool duplicate;   /* the idempotency key was used before: `id` is the first job's */
    const char *text; /* on an error: for people; valid during the callback */
};

/* How one job ended. */
struct muster_end {
    uint64_t id;
    const char *state;  /* "completed", "cancelled", "expired" or "parked" */
    const void *result; /* one msgpack value, or NULL; valid during the callback */
    size_t result_bytes;
    const char *code;    /* of what did not complete, else ""; valid during the callback */
    const char *message; /* likewise */
};

/* Callbacks run on the handle's thread, one at a time, or, with own_loop, in
 * muster_client_process(). On the handle's thread they must be quick, and functions that wait are
 * MUSTER_ESTATE there. muster_submit() in a callback never blocks: MUSTER_EFULL instead. */
typedef void muster_ack_fn(void *user, const struct muster_ack *ack);
typedef void muster_end_fn(void *user, const struct muster_end *end);

struct muster_job {
    const char *kind;  /* which handler: 1 to 128 of [A-Za-z0-9._:/-], first a letter or digit */
    const char *queue; /* NULL: "default" */
    const void *args;  /* one msgpack value; NULL: an empty map */
    size_t args_bytes;
    int priority;            /* 0 (first) to 9; MUSTER_JOB says 5 */
    bool nonblocking;        /* MUSTER_EFULL instead of waiting for room */
    uint64_t delay_ms;       /* not before so long from now */
    uint64_t at_ms;          /* not before this Unix time; 0: none */
    uint32_t max_attempts;   /* failures until it is parked; 0: 25 */
    uint64_t run_timeout_ms; /* of one attempt; 0: 30 minutes */
    uint64_t expires_in_ms;  /* never runs after so long from now; 0: no limit */
    /* "exponential:2s:1h", "linear:5s:10m", "fixed:30s"; NULL: exponential:15s:6h */
    const char *backoff;
    const char *idempotency_key; /* up to 256 bytes; NULL: none. Known to one broker: with several
                                    of them a second submit may go to another one */
    const void *meta;            /* up to 1024 bytes that go with the job */
    size_t meta_bytes;
    muster_ack_fn *on_ack; /* NULL: nobody asks */
    muster_end_fn *on_end; /* NULL: nobody asks. Not called for a duplicate: use muster_wait() */
    void *user;            /* for both */
};

/* A job of one kind with all else as by default: struct muster_job job = MUSTER_JOB("email.send");
 * In C++ before C++20: struct muster_job job = {}; job.kind = ...; job.priority = 5; */
#define MUSTER_JOB(kind_name)                                                                      \
    {                                                                                              \
        .kind = (kind_name), .priority = 5                                                         \
    }

/* Hands one job to the handle. Jobs with the same options are gathered into one message while an
 * earlier one is on its way, and sent at once when none is. They keep their order (at a broker),
 * but for what it is too busy to take at once; jobs with other options may overtake within a
 * message.
 *
 * Blocks while there is no broker or too much is unacknowledged; not if the job is nonblocking, the
 * handle has own_loop, or in a callback: MUSTER_EFULL then. 0 means taken, not stored: on_ack
 * tells, exactly once. On an error nothing was taken and no callback is called: MUSTER_EINVAL,
 * MUSTER_ETOOBIG: a value of the job is wrong; MUSTER_ECLOSED, MUSTER_ENOMEM; what the brokers said
 * if all refuse this client. */
MUSTER_API int muster_submit(muster_client_t *client, const struct muster_job *job);

/* As above, but waits for the acknowledgement (the callback fields are not used), also with
 * own_loop. `ret_ack` may be NULL. On an error `text` says more, if text_bytes is not 0. After
 * MUSTER_ETIMEOUT, MUSTER_ENOBROKER or the reason for which the broker puts submits off the job may
 * still be stored: only an idempotency key makes it safe to submit it again. */
MUSTER_API int muster_submit_wait(muster_client_t *client, const struct muster_job *job,
                                  uint64_t timeout_ms, struct muster_ack *ret_ack, char *text,
                                  size_t text_bytes);

/* Waits until everything submitted so far is acknowledged or refused: 0; MUSTER_ETIMEOUT: some is
 * not; MUSTER_EFULL: with own_loop, muster_client_process() has to run first. *ret_left (which may
 * be NULL) is the count of those that are neither. */
MUSTER_API int muster_client_flush(muster_client_t *client, uint64_t timeout_ms,
                                   uint64_t *ret_left);

/* Waits until a nonblocking muster_submit() may find room: 0, MUSTER_ETIMEOUT, or as
 * muster_client_flush(). */
MUSTER_API int muster_client_await_room(muster_client_t *client, uint64_t timeout_ms);

/* ---- in an event loop of one's own (own_loop) ---- */

/* A descriptor that is readable when there is something for muster_client_process(): callbacks, or
 * room after muster_submit() had said MUSTER_EFULL. For poll() and the like: do not read or close
 * it; it is the handle's. MUSTER_ESTATE without own_loop. */
MUSTER_API int muster_client_fd(muster_client_t *client);
/* Runs the callbacks that are due, in this thread, and returns how many; does not wait for more.
 * Call it whenever the descriptor is readable: what is told and not processed is bounded, and
 * sending stops there. MUSTER_ESTATE without own_loop, in another thread at the same time, and in a
 * callback. */
MUSTER_API int muster_client_process(muster_client_t *client);

/* ---- questions and orders ---- */

/* Each waits up to timeout_ms for the answer: 0, MUSTER_ETIMEOUT, MUSTER_ENOBROKER (nobody who
 * could answer is connected), MUSTER_ECLOSED, MUSTER_EINVAL, MUSTER_ENOMEM, or what the broker
 * said. *ret_reply is the caller's then, to be destroyed, also after an error that the broker said
 * (it is NULL when there was no answer). Jobs come as msgpack maps, with the names that the output
 * of `muster show --json` has.
 *
 * With several brokers: ids are answered by theirs. muster_list() asks those that are connected (a
 * new handle gives all of them a second to be) and puts the jobs in order; muster_queues() and
 * muster_workers() put one broker's entries after the other's, so that a queue or a worker may come
 * once a broker. muster_parked_all(), muster_cancel_all() and muster_pause() go to all brokers, and
 * fail if one does not answer; saying them again is harmless; a queue need not exist at each of
 * them. muster_stats() and muster_snapshot() ask the first that is connected. */

/* An array of jobs in the order of `ids` (1 to 1000); nil for what is not found. */
MUSTER_API int muster_get(muster_client_t *client, const uint64_t *ids, size_t count,
                          uint64_t timeout_ms, muster_reply_t **ret_reply);
/* As muster_get(), but waits until all have ended or are parked; after the time is over the reply
 * is there all the same, with MUSTER_ETIMEOUT. */
MUSTER_API int muster_wait(muster_client_t *client, const uint64_t *ids, size_t count,
                           uint64_t timeout_ms, muster_reply_t **ret_reply);
/* Cancels; a running job is stopped by its worker. Reply as muster_get(). */
MUSTER_API int muster_cancel(muster_client_t *client, const uint64_t *ids, size_t count,
                             uint64_t timeout_ms, muster_reply_t **ret_reply);

struct muster_filter {
    const char *state; /* NULL: any */
    const char *queue;
    const char *kind;
    uint64_t after; /* ids above this one */
    uint32_t limit; /* 0: 100; at most 1000 */
};

/* An array of jobs by rising id; NULL as the filter lets all through. Go on after what
 * muster_reply_more() says. */
MUSTER_API int muster_list(muster_client_t *client, const struct muster_filter *filter,
                           uint64_t timeout_ms, muster_reply_t **ret_reply);

/* Cancels a slice of the jobs that match the filter's state ("scheduled", "ready", "running"; NULL:
 * these three), queue and kind, have not ended, and had been submitted when the first slice was
 * asked for. `before` is the reply of the slice before, NULL for the first: go on while
 * muster_reply_more(). The body is a map: cancelled, and how many of those were running. */
MUSTER_API int muster_cancel_all(muster_client_t *client, const struct muster_filter *filter,
                                 const muster_reply_t *before, uint64_t timeout_ms,
                                 muster_reply_t **ret_reply);

enum muster_parked_action { MUSTER_PARKED_RETRY = 1, MUSTER_PARKED_DELETE = 2 };

/* Retries or deletes these parked jobs; reply as muster_get(). */
MUSTER_API int muster_parked(muster_client_t *client, enum muster_parked_action action,
                             const uint64_t *ids, size_t count, uint64_t timeout_ms,
                             muster_reply_t **ret_reply);
/* All that the filter's queue, kind and after let through, a slice at a time: go on while
 * muster_reply_more(). An array of the jobs of this slice. */
MUSTER_API int muster_parked_all(muster_client_t *client, enum muster_parked_action action,
                                 const struct muster_filter *filter, uint64_t timeout_ms,
                                 muster_reply_t **ret_reply);

/* Pauses a queue, or resumes it; running jobs go on. Kept over restarts of the broker. */
MUSTER_API int muster_pause(muster_client_t *client, const char *queue, bool paused,
                            uint64_t timeout_ms, muster_reply_t **ret_reply);
/* An array of queues with their counts. */
MUSTER_API int muster_queues(muster_client_t *client, uint64_t timeout_ms,
                             muster_reply_t **ret_reply);
/* An array of workers, as the broker sees them. */
MUSTER_API int muster_workers(muster_client_t *client, uint64_t timeout_ms,
                              muster_reply_t **ret_reply);
/* A map: what the broker says of itself. */
MUSTER_API int muster_stats(muster_client_t *client, uint64_t timeout_ms,
                            muster_reply_t **ret_reply);
/* A map: the state that the feed's events go on from. */
MUSTER_API int muster_snapshot(muster_client_t *client, uint64_t timeout_ms,
                               muster_reply_t **ret_reply);
/* Has the broker copy everything into `directory`, an absolute path on its host: an empty folder,
 * or one to be made. The reply comes when that is done, or after hold_ms (at most 60 s) with how
 * far it is: a map with "state", "running" or "done"; ask again with the same `token`, a random
 * number of the caller's, until it is done. For a handle with one broker; others are MUSTER_EINVAL.
 */
MUSTER_API int muster_backup(muster_client_t *client, const char *directory, uint64_t token,
                             uint64_t hold_ms, uint64_t timeout_ms, muster_reply_t **ret_reply);

/* ---- replies ---- */

/* A reply is the caller's own memory, for one thread at a time; NULL is an empty one. Nothing here
 * blocks. */

/* The answer: one msgpack value (0 bytes: none), valid until the reply is destroyed. `ret_bytes`
 * may be NULL. */
MUSTER_API const void *muster_reply_body(const muster_reply_t *reply, size_t *ret_bytes);
/* The code of the error that the broker said, "" when done. */
MUSTER_API const char *muster_reply_code(const muster_reply_t *reply);
/* The same for people, or "". */
MUSTER_API const char *muster_reply_text(const muster_reply_t *reply);
/* Whether the answer was cut: go on after *ret_after (which may be NULL). */
MUSTER_API bool muster_reply_more(const muster_reply_t *reply, uint64_t *ret_after);
/* Of muster_snapshot(): the broker's epoch, and the turn whose events are in it. */
MUSTER_API void muster_reply_turn(const muster_reply_t *reply, uint64_t *ret_epoch,
                                  uint64_t *ret_turn);
/* Frees it and sets *reply to NULL; NULL and *reply == NULL are harmless. */
MUSTER_API void muster_reply_destroy(muster_reply_t **reply);

#ifdef __cplusplus
}
#endif

#endif
