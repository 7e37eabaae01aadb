/* worker_core.h: the session of a worker at one broker, as a pure machine: time, messages and job
 * events in; messages to send, jobs to start and to stop out, through the callbacks. No clock,
 * socket, thread or log.
 *
 * Paranoid Pirate liveness both ways, HELLO numbers, credit, results kept until acknowledged,
 * drain. The callbacks must not call back into the machine. Times are monotonic milliseconds. */
#ifndef WORKER_WORKER_CORE_H
#define WORKER_WORKER_CORE_H

#include "base/rng.h"
#include "results.h"

#define RELEASE_AFTER_MS 200u /* a job not started by then goes back */
/* Held jobs in one HELLO part: within any broker's frame limit (at most HELLO_HELD_MAX). */
#define HELLO_PART_JOBS 2048u

/* What HELLO tells; everything is borrowed for the machine's life. */
struct worker_identity {
    uint8_t session[SESSION_ID_BYTES];
    struct slice name, host;
    uint32_t pid, slots;
    const struct slice *queues;
    uint32_t queue_count;
    const uint32_t *weights; /* one a queue, or NULL: all 1 */
    bool strict;
    const struct slice *kinds;
    uint32_t kind_count;
};

struct worker_core_ops {
    void (*open)(void *ctx); /* make a socket and connect; answer by _connected or _lost */
    void (*close)(void *ctx, bool linger); /* destroy it; linger: let what was sent leave first */
    void (*send)(void *ctx, const struct msg *m);
    /* Run every job of the batch; each comes back once by worker_core_finished, revoked or not. The
     * frame that is being handled becomes the batch's. */
    void (*start)(void *ctx, struct job_batch *batch);
    void (*stop)(void *ctx, struct job *job);                /* job->stop has been set */
    void (*ready)(void *ctx);                                /* WELCOME came */
    void (*note)(void *ctx, bool trouble, const char *text); /* for people */
};

enum link_state {
    LINK_CLOSED,   /* waits for open_ms */
    LINK_OPENING,  /* no connection yet */
    LINK_GREETING, /* HELLO sent, no WELCOME yet */
    LINK_SERVING,
    LINK_ENDED /* drained, GOODBYE said */
};

struct worker_core {
    const struct worker_identity *who;
    const struct worker_core_ops *ops;
    void *ctx;
    struct rng rng;

    enum link_state state;
    uint64_t open_ms;    /* when to open, while closed */
    uint64_t opened_ms;  /* start of the newest attempt */
    uint64_t greeted_ms; /* when HELLO was sent, then when WELCOME came */
    uint64_t heard_ms, sent_ms;
    uint64_t ticked_ms; /* a long gap means that this process did not run */
    uint32_t failures;  /* attempts without a lasting session in a row */
    bool trouble_told;

    uint64_t hello; /* number of the last HELLO */
    uint64_t epoch; /* of the last WELCOME, as all below */
    uint32_t heartbeat_ms, lease_ms, spread_ms;
    uint32_t max_payload;

    struct list fresh;  /* batches by arrival, until RELEASE_AFTER_MS have passed */
    struct list old;    /* those of which the unstarted jobs were given back */
    uint32_t held_jobs; /* to be reported */
    uint32_t abandoned; /* not to be reported, still running */
    struct results results;

    uint64_t run_ns;    /* moving average of a job's run time */
    bool measured;      /* run_ns has a value */
    bool gave_back;     /* released for want of time; no prefetch until the next result */
    uint32_t elsewhere; /* slots that other brokers' jobs use */
    uint32_t share;     /* slots that are this broker's whatever the others do */
    bool credit_told;
    uint32_t credit; /* last one told */
    bool draining;
    bool short_of_memory; /* something could not be kept: say HELLO again, so that the broker knows
                           */
};

/* `seed` makes the jitter. The first attempt opens at once, on the first tick. */
void worker_core_init(struct worker_core *c, const struct worker_identity *who,
                      const struct worker_core_ops *ops, void *ctx, uint64_t seed);
/* Frees the results and the batches. No job may be with a handler any more. */
void worker_core_fini(struct worker_core *c);

/* Does what is due and sends what has gathered. Call after a round of messages and events. */
void worker_core_tick(struct worker_core *c, uint64_t now);
/* When tick has something to do next, if nothing happens before. UINT64_MAX: never. */
uint64_t worker_core_deadline(const struct worker_core *c);

void worker_core_connected(struct worker_core *c, uint64_t now);
void worker_core_lost(struct worker_core *c, const char *why, uint64_t now);
void worker_core_message(struct worker_core *c, const struct msg *m, uint64_t now);
/* A job came back: run to an end, or met as revoked. The job is gone afterwards. */
void worker_core_finished(struct worker_core *c, struct job *job);
/* How many slots the jobs of other brokers use now. */
void worker_core_elsewhere(struct worker_core *c, uint32_t slots);
/* No new jobs; what has not begun goes back; GOODBYE when all is acknowledged. */
void worker_core_drain(struct worker_core *c);

static inline bool worker_core_ended(const struct worker_core *c)
{
    return c->state == LINK_ENDED;
}

#endif
