/* event.h: what can happen to the core. Slices and blobs are borrowed for the step; what is kept is
 * copied or referenced.
 *
 * A peer is known by its route: which of the broker's connections it speaks over. The net layer
 * makes routes; the core only compares them. */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "core/batch.h"
#include "core/schedule_def.h"

typedef uint64_t route_t; /* 0: none */

enum event_type {
#define EVENT(symbol, name) EV_##symbol,
#include "core/event.def"
    EV_COUNT
};

/* A column of jobs as RESULTS and HELLO name them: ids[i] or first_id + 256 * i, runs[i] or 1. */
struct job_refs {
    uint32_t count;
    uint64_t first_id;
    struct slice ids, runs; /* COL64, COL32 */
};

static inline uint64_t job_refs_id(const struct job_refs *refs, uint32_t at)
{
    return refs->ids.len ? slice_u64_at(refs->ids, at) : refs->first_id + 256 * (uint64_t)at;
}

static inline uint32_t job_refs_run(const struct job_refs *refs, uint32_t at)
{
    return refs->runs.len ? slice_u32_at(refs->runs, at) : 1;
}

struct event {
    enum event_type type;
    uint64_t now_ms;  /* monotonic */
    uint64_t wall_ms; /* Unix ms */
    route_t route;
    uint64_t request; /* request number of the message */
    union {
        struct { /* WORKER_HELLO: one part of it */
            const uint8_t *session;
            uint64_t number, results_next;
            uint32_t part, parts;
            struct slice name, host;
            uint32_t pid, slots;
            bool strict, draining;
            const struct slice *queues, *kinds;
            uint32_t queue_count, kind_count;
            struct slice weights; /* COL32, one a queue, or empty */
            struct job_refs held;
            struct slice held_ms; /* COL32 */
        } worker_hello;
        struct {
            uint64_t hello;
            uint32_t credit;
        } credit;
        struct {
            uint64_t hello, number;
            struct job_refs jobs;
            struct slice outcomes;       /* COL8 or empty */
            struct slice result_lengths; /* COL32 or empty */
            struct slice results;
            const struct detail *details; /* one a job, or NULL when there are none */
            struct slice run_us;          /* COL32 or empty */
            struct blob *frame;           /* what the slices lie in */
        } results;
        struct {
            const uint8_t *session;
            uint64_t number, submit_confirmed, done_confirmed;
        } client_hello;
        struct {
            uint64_t number, confirmed;
            struct slice queue, kind;
            uint8_t priority;
            uint64_t delay_ms, at_ms; /* 0: now */
            struct job_spec spec;   /* the core fills in expires_ms and notify; meta is borrowed */
            uint64_t expires_in_ms; /* 0: never */
            bool notify;
            uint32_t count;
            struct slice arg_lengths, args, key_lengths, keys;
            struct blob *frame;
        } submit;
        struct {
            uint64_t number;
        } done_ack;
        struct {              /* GET, WAIT, CANCEL, PARKED by ids */
            struct slice ids; /* COL64 */
            uint32_t hold_ms; /* WAIT */
        } ids;
        struct {
            int state; /* enum job_state, or -1 for any */
            struct slice queue, kind;
            uint64_t after;
            uint32_t limit;
        } list;
        struct {
            int state; /* enum job_state, or -1 for any that has not ended */
            struct slice queue, kind;
            uint64_t upto; /* the highest id that is meant; 0: what there is now */
            struct match_at from;
        } cancel_all;
        struct {              /* PARKED */
            bool remove;      /* delete instead of retry */
            bool all;         /* by filter instead of ids */
            struct slice ids; /* COL64 */
            struct slice queue, kind;
            uint64_t after;
        } parked;
        struct {
            struct slice queue;
            bool paused;
        } pause;
        struct {
            struct slice directory;
            uint64_t token;
            uint32_t hold_ms;
        } backup;
        struct {
            struct slice source;
            const struct schedule_def *defs; /* checked one by one */
            uint32_t count;
        } schedule_put;
        struct {
            struct slice name; /* only this one; empty: all */
            uint64_t epoch, after, since;
            uint32_t limit, hold_ms;
        } schedules;
        struct {
            uint8_t action; /* enum schedule_action */
            const struct slice *names;
            uint32_t count;
            struct slice source; /* only its own; empty: any */
        } schedule_act;
        struct {
            uint64_t epoch;
            uint32_t count;
            uint8_t mode; /* enum fire_mode */
            uint8_t overlap;
            /* COL64, COL64 or empty, COL64 */
            struct slice revisions, previous_ms, nominals_ms;
            struct slice asks, firsts_ms, counts; /* COL8, COL64, COL32, each or empty */
        } fire;
        struct {
            struct slice name;
            uint64_t before_ms, from_ms;
            uint32_t limit;
        } ledger;
        struct {
            struct slice source, code, text;
        } notice;
        struct {
            struct batch *batch; /* comes back with its answers; the core gives it back by ACT_FREE
                                    or uses it again */
        } stored;
        struct {
            uint32_t topics; /* bits of enum topic: what anyone watches */
        } watch;
        struct {
            const struct boot *boot;
        } boot;
    };
};

/* A decoded DETAIL. */
struct detail {
    struct slice code, message, log, signal;
    int16_t exit_status; /* -1: none */
    uint64_t delay_ms;
    bool has_delay;
};

#endif
