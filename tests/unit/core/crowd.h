/* crowd.h: many jobs and one worker, for tests of what depends on numbers. */
#ifndef CORE_UNIT_CROWD_H
#define CORE_UNIT_CROWD_H

#include "events.h"
#include "harness.h"

#define CROWD_HELD_MOST 16384

struct crowd {
    struct harness h;
    uint64_t submitted; /* SUBMITs so far */
    bool notify;        /* the client asks to be told the ends */
    uint64_t hello, results;
    uint64_t held[CROWD_HELD_MOST]; /* out at the worker */
    uint32_t runs[CROWD_HELD_MOST];
    uint32_t held_count;
    uint64_t given, marks, busy; /* jobs handed out, OP_MARKs, BUSYs */
    int busy_reason;
    void (*after_step)(struct crowd *c);         /* or NULL */
    void (*on_action)(const struct action *a);   /* or NULL */
    void (*on_committed)(const struct batch *b); /* or NULL */
};

extern const uint8_t crowd_client[SESSION_ID_BYTES], crowd_worker[SESSION_ID_BYTES];

/* With one client session that is welcome. */
void crowd_start(struct crowd *c, const struct core_options *options);
void crowd_stop(struct crowd *c);
/* The client says HELLO, to a broker that has started again. */
void crowd_greet(struct crowd *c);
/* One SUBMIT of `count` jobs with args of `bytes` bytes; number and confirmation are taken care of.
 */
void crowd_submit(struct crowd *c, const char *kind, uint32_t count, uint32_t bytes,
                  uint64_t delay_ms);
/* The worker says HELLO, for queue q and every kind, and has this credit. */
void crowd_hello(struct crowd *c, uint32_t slots, uint32_t credit);
/* On a new connection, listing all that it holds, in parts. */
void crowd_return(struct crowd *c, uint32_t slots, uint32_t credit);
void crowd_credit(struct crowd *c, uint32_t credit);
/* It completes up to `count` of the jobs that it holds. */
void crowd_complete(struct crowd *c, uint32_t count);

#endif
