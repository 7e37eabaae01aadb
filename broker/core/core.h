/* core.h: the broker's mind. Events in, actions out, time in the event; no clock, socket, file,
 * thread or log.
 *
 * "Durable, then speak": every object remembers the last batch that changed it, and every action
 * that tells its state waits until that batch is stored. */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "core/action.h"

struct core;

struct core_options {
    uint64_t heartbeat_ms; /* how often each side says something */
    uint64_t lease_ms;     /* silence after which a session's jobs run elsewhere */
    uint64_t restart_grace_ms;
    uint64_t window_bytes;    /* memory for jobs that wait: 64 MiB */
    uint32_t out_max;         /* jobs out at workers, in all: 1 M */
    uint64_t uncommitted_max; /* bytes of submits not yet durable: above it core_frontend_open() is
                                 false */
    uint64_t seed;            /* of its random numbers */
    uint8_t shard;
};

#define CORE_OPTIONS_DEFAULT                                                                       \
    ((struct core_options){.heartbeat_ms = 1000,                                                   \
                           .lease_ms = 10000,                                                      \
                           .restart_grace_ms = 30000,                                              \
                           .window_bytes = 64u << 20,                                              \
                           .out_max = 1000000,                                                     \
                           .uncommitted_max = 8u << 20,                                            \
                           .seed = 1})

struct core *core_new(const struct core_options *options); /* NULL when out of memory */
void core_destroy(struct core **core);

/* Takes one event in, to the end or not at all. Then core_actions says what to do. EV_BOOT comes
 * first. */
void core_step(struct core *core, const struct event *event);
/* The actions of the last step, in order. */
const struct action *core_actions(const struct core *core, uint32_t *ret_count);
/* How sending an ACT_JOBS went; false: the frame was not taken, and nothing of it is granted. To be
 * called before the next action is looked at; it may add actions. */
void core_sent(struct core *core, const struct action *action, bool sent);
/* An ACT_DONE, or its ends from `number` on, could not be sent: they are told when the client
 * speaks again. */
void core_done_unsent(struct core *core, const struct action *action, uint64_t number);
/* The caller tells which ACT_SUBMIT_ACK the peer's socket did not take. */
void core_ack_unsent(struct core *core, const struct action *action);

/* When it wants EV_TICK next (monotonic ms); UINT64_MAX: never. */
uint64_t core_next_deadline(const struct core *core);
/* False while uncommitted bytes, or questions on their way, exceed their limit: do not read the
 * frontend. */
bool core_frontend_open(const struct core *core);
/* True when it holds changes or work that EV_TURN would act on. */
bool core_wants_turn(const struct core *core);

/* ---- what the caller may look at, between steps ---- */

/* One job of an ACT_JOBS. */
struct job_grant {
    uint64_t id;
    uint32_t run, attempt, run_timeout_ms, lane;
    struct slice queue, kind, args, meta;
    struct slice schedule; /* the run of one: its name, else empty */
    uint64_t nominal_ms;
};
void core_job_grant(const struct core *core, const struct job *job, struct job_grant *ret);

enum session_state {
    SESSION_ALIVE,
    SESSION_SUSPECT,
    SESSION_DRAINING,
    SESSION_LAPSED,
    SESSION_STATE_COUNT
};

struct worker_view {
    struct slice session, name, host;
    enum session_state state;
    uint32_t pid, slots, credit, out;
    const struct slice *queues, *kinds;
    uint32_t queue_count, kind_count;
};
/* Walks the sessions: *cursor NULL at first; false at the end. */
bool core_worker_next(const struct core *core, const void **cursor, struct worker_view *ret);
/* The ids of the jobs out at the worker that `cursor` stands at: up to `max` into ids; returns how
 * many. */
uint32_t core_worker_jobs(const struct core *core, const void *cursor, uint64_t *ids, uint32_t max);

struct core_stats {
    uint64_t workers, clients, out, doubt, resident_jobs, resident_bytes, uncommitted_bytes, lanes;
    uint64_t submits, jobs_submitted, jobs_granted, results, stale_results, duplicate_submits,
        lapses, batches;
    uint64_t trimmed_parked, disk_used, disk_free;
    uint64_t commit_us_p50, commit_us_p99;              /* of the last 1024 commits */
    uint64_t schedules, verdicts[VERDICT_STORED_COUNT]; /* since the start */
    uint64_t clock_shifts; /* times the broker did not serve for a second or more */
};
void core_get_stats(const struct core *core, struct core_stats *ret);
/* All queues together. */
void core_get_figures(const struct core *core, struct figures *ret);

enum waits_reason {
    WAITS_NONE,
    WAITS_SCHEDULED,
    WAITS_RETRY,
    WAITS_PAUSED,
    WAITS_NO_WORKER,
    WAITS_NO_CREDIT,
    WAITS_BEHIND,
    WAITS_RESTART,
    WAITS_COUNT
};
const char *waits_name(enum waits_reason reason);
const char *waits_text(enum waits_reason reason); /* a sentence for people */
const char *topic_name(enum topic topic);
bool topic_has_queue(enum topic topic);

/* Two cores fed the same events have the same digest. For tests and the simulator. */
uint64_t core_digest(const struct core *core);

#endif
