/* outbox.h: jobs on their way into SUBMITs. Jobs with the same options share an open batch; a full
 * batch is closed and waits for room in the session's window. Pure and without locks: its owner
 * guards it.
 *
 * No allocation per job: batches keep their buffers when they are given back. */
#ifndef CLIENT_OUTBOX_H
#define CLIENT_OUTBOX_H

#include "base/backoff.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "client_core.h"
#include "muster/client.h"

#define OUTBOX_OPEN_MAX   1024 /* sets of options that gather at the same time */
#define OUTBOX_CLOSED_MAX 4    /* closed batches that wait for the window; then callers wait */
/* ... of fewer jobs than a message may carry: so many */
#define OUTBOX_CLOSED_SMALL_MAX 64
#define OUTBOX_BUCKETS          2048
#define OUTBOX_BYTES_MAX        (8u << 20) /* of all that waits here; then callers wait */
/* With all columns, so that the frame is below the target. */
#define OUTBOX_BATCH_BYTES (BATCH_BYTES_TARGET - 4096)

/* What all jobs of a batch have in common. */
struct outbox_template {
    int priority;
    uint32_t max_attempts;
    uint64_t delay_ms, at_ms, run_timeout_ms, expires_in_ms;
    size_t meta_bytes;
    bool notify;
    char kind[NAME_MAX_BYTES + 1];
    char queue[NAME_MAX_BYTES + 1];
    char backoff_text[64]; /* as the caller wrote it, or "" */
    struct backoff backoff;
    uint8_t meta[META_MAX_BYTES];
};

/* Whom to tell about one job. */
struct outbox_job {
    muster_ack_fn *on_ack;
    muster_end_fn *on_end;
    void *user;
};

/* What became of a batch whose callbacks have not run; texts and columns lie in its frame. */
struct outbox_verdict {
    int error;
    uint64_t first_id;
    size_t text_bytes, ids_bytes;
};

struct outbox_batch {
    struct list link;          /* in open, closed or spare, or the owner's */
    struct outbox_batch *next; /* open: in its bucket */
    uint64_t hash;             /* of the template */
    struct client_submit submit;
    struct outbox_template template;
    /* how many had been taken when this one was opened */
    uint64_t opened_after;
    uint32_t count;
    bool listening; /* some job has a callback */
    struct buf arg_lengths, args, key_lengths, keys;
    struct buf frame; /* encoded: set by whoever sends it first */
    struct outbox_verdict verdict;
    struct outbox_job *jobs;
    uint32_t jobs_cap;
    size_t bytes; /* in the outbox's `bytes` */
};

struct outbox {
    struct list open;   /* oldest first */
    struct list closed; /* oldest first */
    struct list spare;
    size_t open_count, closed_count, spare_count;
    size_t bytes;              /* of args and keys in what is open and closed */
    struct outbox_batch *last; /* open: the one that the last job went into, or NULL */
    struct outbox_batch *buckets[OUTBOX_BUCKETS]; /* the open ones by their templates */
    uint32_t batch_max; /* jobs in one batch: BATCH_JOBS_MAX if the owner does not say less */
    uint64_t taken;     /* batches taken so far: set by the owner */
    uint64_t gate;      /* those up to this one are answered: set by the owner */
};

void outbox_init(struct outbox *o);
/* Frees every batch that is in it; batches that were taken must have been given back. */
void outbox_fini(struct outbox *o);

/* Whether another batch could be closed. */
bool outbox_has_room(const struct outbox *o);
/* Adds one job. 0; MUSTER_EFULL: wait for room; MUSTER_EINVAL, MUSTER_ETOOBIG: a value of the job
 * is wrong; MUSTER_ENOMEM. */
int outbox_add(struct outbox *o, const struct muster_job *job) MUSTER_MUSTCHECK;

/* The next batch that may go: the oldest closed one, or an open one whose predecessors on the wire
 * are answered; NULL when there is none. It stays in the outbox. */
struct outbox_batch *outbox_peek(const struct outbox *o);
/* Whether it is the oldest closed one: that may go whatever is on the wire. */
bool outbox_is_closed(const struct outbox *o, const struct outbox_batch *b);
/* Takes that batch out; it is the caller's until outbox_give_back(). */
void outbox_take(struct outbox *o, struct outbox_batch *b);
void outbox_give_back(struct outbox *o, struct outbox_batch *b);
/* Closes all that is open, so that outbox_peek() finds it. */
void outbox_close_all(struct outbox *o);

/* Bytes that its SUBMIT will count against the window. */
size_t outbox_batch_bytes(const struct outbox_batch *b);
/* Fills in the SUBMIT; slices borrow from the batch. */
void outbox_message(const struct outbox_batch *b, uint64_t confirmed, struct msg *ret);

#endif
