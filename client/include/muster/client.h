/* muster/client.h: submit jobs to a muster broker, follow them, and operate its queues.
 *
 * One handle is one session with one broker: a thread and a connection of its own, reconnecting by
 * itself. Any thread may call any function of a handle, except muster_client_destroy(), which comes
 * last.
 *
 * Errors are 0 or a negative number; muster_error_code() and muster_error_text() name them. Times
 * are milliseconds. Strings are UTF-8 and NUL-terminated; bytes have a length. What is passed in is
 * borrowed for the call only, but for callbacks and their `user`. */
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
    /* the broker's frontend; NULL: $MUSTER_BROKER, else MUSTER_DEFAULT_BROKER */
    const char *broker;
    const char *name; /* label for people; NULL: none */
    /* jobs that one message may carry: 1 to 512; 0: 512. Small ones cost throughput. */
    uint32_t batch;
};

/* Starts the thread that connects, and returns at once, whether or not there is a broker. `options`
 * may be NULL. */
MUSTER_API int muster_client_new(const struct muster_client_options *options, muster_client_t **ret_client);
/* Says GOODBYE, ends the thread and frees the handle; NULL and *client == NULL are harmless. What
 * is not acknowledged by then is told to its callbacks as an error: call muster_client_flush()
 * first. Blocks for a second at most. */
MUSTER_API void muster_client_destroy(muster_client_t **client);

struct muster_broker_info {
    uint64_t epoch;          /* raised with every start of the broker */
    uint32_t max_payload;    /* bytes of args of one job */
    char feed[256];          /* the feed's endpoint, or "" */
    char broker_version[65]; /* or "" */
};

/* Waits until the broker has answered. `ret_info` may be NULL. "no_broker" when the time is over;
 * what the broker said when it refuses this client. */
MUSTER_API int muster_client_ready(muster_client_t *client, uint64_t timeout_ms,
                        struct muster_broker_info *ret_info);

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

/* Callbacks run on the handle's thread, one at a time: they must be quick, and must neither
 * wait for the handle's answers nor destroy it. muster_submit() in a callback never blocks. */
typedef void muster_ack_fn(void *user, const struct muster_ack *ack);
typedef void muster_end_fn(void *user, const struct muster_end *end);

struct muster_job {
    const char *kind;  /* which handler: 1 to 128 of [A-Za-z0-9._:/-], first a letter or digit */
    const char *queue; /* NULL: "default" */
    const void *args;  /* one msgpack value; NULL: an empty map */
    size_t args_bytes;
    int priority;            /* 0 (first) to 9; MUSTER_JOB says 5 */
    bool nonblocking;        /* "full" instead of waiting for room */
    uint64_t delay_ms;       /* not before so long from now */
    uint64_t at_ms;          /* not before this Unix time; 0: none */
    uint32_t max_attempts;   /* failures until it is parked; 0: 25 */
    uint64_t run_timeout_ms; /* of one attempt; 0: 30 minutes */
    uint64_t expires_in_ms;  /* never runs after so long from now; 0: no limit */
    /* "exponential:2s:1h", "linear:5s:10m", "fixed:30s"; NULL: exponential:15s:6h */
    const char *backoff;
    const char *idempotency_key; /* up to 256 bytes; NULL: none */
    const void *meta;            /* up to 1024 bytes that go with the job */
    size_t meta_bytes;
    muster_ack_fn *on_ack; /* NULL: nobody asks */
    muster_end_fn *on_end; /* NULL: nobody asks. Not called for a duplicate: use muster_wait() */
    void *user;            /* for both */
};

/* A job of one kind with all else as by default: struct muster_job job = MUSTER_JOB("email.send");
 */
#define MUSTER_JOB(kind_name)                                                                      \
    {                                                                                              \
        .kind = (kind_name), .priority = 5                                                         \
    }

/* Hands one job to the handle. Jobs with the same options are gathered into one message while an
 * earlier one is on its way, and sent at once when none is. They keep their order; jobs with other
 * options may overtake within a message.
 *
 * Blocks while there is no broker or too much is unacknowledged (`nonblocking` does not). 0 means
 * taken, not stored: on_ack tells, exactly once. On an error nothing was taken and no callback is
 * called. */
MUSTER_API int muster_submit(muster_client_t *client, const struct muster_job *job);

/* As above, but waits for the acknowledgement (the callback fields are not used). On an error
 * `text` says more, if text_bytes is not 0. After "timeout" the job may still be stored: only an
 * idempotency key makes it safe to submit it again. */
MUSTER_API int muster_submit_wait(muster_client_t *client, const struct muster_job *job, uint64_t timeout_ms,
                       struct muster_ack *ret_ack, char *text, size_t text_bytes);

/* Waits until everything submitted so far is acknowledged or refused; returns the count of jobs
 * that are neither. */
MUSTER_API uint64_t muster_client_flush(muster_client_t *client, uint64_t timeout_ms);

/* Waits until a nonblocking muster_submit() may find room; false when the time is over. */
MUSTER_API bool muster_client_await_room(muster_client_t *client, uint64_t timeout_ms);

struct muster_client_status {
    bool connected; /* the broker answers */
    /* why the client cannot go on, or why the broker puts submits off ("disk_full"), or 0 */
    int error;
    uint64_t pending; /* jobs submitted, neither acknowledged nor refused */
};

MUSTER_API void muster_client_status(muster_client_t *client, struct muster_client_status *ret_status);

/* ---- questions and orders ---- */

/* Each waits up to timeout_ms for the broker's answer: 0, "timeout", "no_broker", or what the
 * broker said. *ret_reply is the caller's then, to be destroyed, also after an error that the
 * broker said (it is NULL when there was no answer). Jobs come as msgpack maps, with the names that
 * `muster show --json` has. */

/* An array of jobs in the order of `ids` (at most 1000); nil for what is not found. */
MUSTER_API int muster_get(muster_client_t *client, const uint64_t *ids, size_t count, uint64_t timeout_ms,
               muster_reply_t **ret_reply);
/* As muster_get(), but waits until all have ended or are parked; after the time is over the reply
 * is there all the same, with "timeout". */
MUSTER_API int muster_wait(muster_client_t *client, const uint64_t *ids, size_t count, uint64_t timeout_ms,
                muster_reply_t **ret_reply);
/* Cancels; a running job is stopped by its worker. Reply as muster_get(). */
MUSTER_API int muster_cancel(muster_client_t *client, const uint64_t *ids, size_t count, uint64_t timeout_ms,
                  muster_reply_t **ret_reply);

struct muster_filter {
    const char *state; /* NULL: any */
    const char *queue;
    const char *kind;
    uint64_t after; /* ids above this one */
    uint32_t limit; /* 0: 100; at most 1000 */
};

/* An array of jobs by rising id. */
MUSTER_API int muster_list(muster_client_t *client, const struct muster_filter *filter, uint64_t timeout_ms,
                muster_reply_t **ret_reply);

/* Cancels a slice of the jobs that match the filter's state ("scheduled", "ready", "running"; NULL:
 * these three), queue and kind, have not ended, and had been submitted when the first slice was
 * asked for. `before` is the reply of the slice before, NULL for the first: go on while
 * muster_reply_more(). The body is a map: cancelled, and how many of those were running. */
MUSTER_API int muster_cancel_all(muster_client_t *client, const struct muster_filter *filter,
                      const muster_reply_t *before, uint64_t timeout_ms, muster_reply_t **ret_reply);

enum muster_parked_action { MUSTER_PARKED_RETRY = 1, MUSTER_PARKED_DELETE = 2 };

/* Retries or deletes these parked jobs; reply as muster_get(). */
MUSTER_API int muster_parked(muster_client_t *client, enum muster_parked_action action, const uint64_t *ids,
                  size_t count, uint64_t timeout_ms, muster_reply_t **ret_reply);
/* All that the filter's queue, kind and after let through, a slice at a time: go on while
 * muster_reply_more(). */
MUSTER_API int muster_parked_all(muster_client_t *client, enum muster_parked_action action,
                      const struct muster_filter *filter, uint64_t timeout_ms,
                      muster_reply_t **ret_reply);

MUSTER_API int muster_pause(muster_client_t *client, const char *queue, bool paused, uint64_t timeout_ms,
                 muster_reply_t **ret_reply);
MUSTER_API int muster_queues(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply);
MUSTER_API int muster_workers(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply);
MUSTER_API int muster_stats(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply);
/* The state that the feed's events go on from. */
MUSTER_API int muster_snapshot(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply);

/* One msgpack value (bytes may be 0); valid until the reply is destroyed. */
MUSTER_API const void *muster_reply_body(const muster_reply_t *reply, size_t *ret_bytes);
MUSTER_API const char *muster_reply_code(const muster_reply_t *reply); /* "" when done */
MUSTER_API const char *muster_reply_text(const muster_reply_t *reply); /* for people, or "" */
/* The answer was cut; go on after *ret_after. */
MUSTER_API bool muster_reply_more(const muster_reply_t *reply, uint64_t *ret_after);
/* Of muster_snapshot(): the broker's epoch, and the turn whose events are in it. */
MUSTER_API void muster_reply_turn(const muster_reply_t *reply, uint64_t *ret_epoch, uint64_t *ret_turn);
MUSTER_API void muster_reply_destroy(muster_reply_t **reply);

#ifdef __cplusplus
}
#endif

#endif
