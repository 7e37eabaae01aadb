/* harness.h: one core with a store behind it, in virtual time. Batches wait until somebody commits
 * them; what is durable waits until somebody delivers it; a crash drops the core and all that was
 * not committed. */
#ifndef LIB_HARNESS_H
#define LIB_HARNESS_H

#include "core/core.h"
#include "store/store.h"

#define HARNESS_BATCHES       8
#define HARNESS_START_WALL_MS 1700000000000ull /* a whole second, as nominal times are */

/* All are called with `ctx`; each may be NULL. */
struct harness_hooks {
    /* An ACT_JOBS: true when the frame is taken. */
    bool (*jobs)(void *ctx, const struct action *action);
    /* Every action but ACT_STORE, ACT_JOBS included (before the hook above). */
    void (*action)(void *ctx, const struct action *action);
    /* A batch has been sealed. */
    void (*sealed)(void *ctx, struct batch *batch);
    /* About to be committed: answers may still be forced. */
    void (*committing)(void *ctx, struct batch *batch);
    /* It is durable. */
    void (*committed)(void *ctx, struct batch *batch);
    /* The core has taken an event in, and its actions are carried out. */
    void (*stepped)(void *ctx, const struct event *event);
};

struct harness {
    struct core *core;
    struct store *store;
    struct boot boot;
    struct schedule_def *defs; /* of the schedules in it */
    struct core_options options;
    uint64_t now_ms; /* monotonic */
    int64_t wall_offset;
    struct batch *queued[HARNESS_BATCHES], *durable[HARNESS_BATCHES];
    uint32_t queued_count, durable_count;
    const struct harness_hooks *hooks;
    void *ctx;
};

/* Opens a store in memory and starts a core on it. Ends the process when it cannot: harness errors
 * are our own. */
void harness_start(struct harness *h, const struct core_options *options,
                   const struct harness_hooks *hooks, void *ctx);
void harness_stop(struct harness *h);

static inline uint64_t harness_wall_ms(const struct harness *h)
{
    return (uint64_t)((int64_t)h->now_ms + h->wall_offset);
}

/* Gives the event its times and steps. */
void harness_step(struct harness *h, struct event *event);
void harness_plain(struct harness *h, enum event_type type);
/* What the loop does after the messages: TICK when one is due, TURN when it is wanted. */
void harness_turn(struct harness *h);

/* Commits the first `count` sealed batches in one transaction. */
void harness_commit(struct harness *h, uint32_t count);
/* Delivers the first durable batch. False when there is none. */
bool harness_deliver(struct harness *h);
/* Commits and delivers, with turns, until nothing is on its way. */
void harness_settle(struct harness *h);

/* The broker dies and starts again from what is durable. */
void harness_crash(struct harness *h);

/* Goes on to `now_ms`, stopping at each deadline of the core for a turn; `settle` commits after
 * each. */
void harness_advance(struct harness *h, uint64_t ms, bool settle);

#endif
