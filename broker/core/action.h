/* action.h: what the core wants done. Actions are carried out in order, at once, by whoever called
 * core_step; what they point to is valid until the next step. */
#ifndef CORE_ACTION_H
#define CORE_ACTION_H

#include "core/event.h"

struct job; /* core/jobs.h; the caller reads it by core_job_grant() */

enum action_type {
    /* to workers (backend) */
    ACT_WORKER_WELCOME, /* hello, results_next */
    ACT_WORKER_UNKNOWN,
    ACT_WORKER_HEARTBEAT,
    ACT_JOBS,        /* jobs: try to send, and say at once by core_sent() how it went */
    ACT_RESULTS_ACK, /* number */
    ACT_ABANDON,     /* refs */
    ACT_STOP_JOBS,   /* refs: CANCEL to the worker */
    ACT_WORKER_ERROR,
    /* to clients (frontend) */
    ACT_CLIENT_WELCOME, /* hello */
    ACT_CLIENT_UNKNOWN,
    ACT_CLIENT_HEARTBEAT,
    ACT_SUBMIT_ACK, /* submit_ack */
    ACT_BUSY,       /* busy */
    ACT_DONE,       /* done */
    ACT_CLIENT_ERROR,
    ACT_REPLY_CODE,      /* reply: done (error 0) or refused */
    ACT_REPLY_JOBS,      /* reply: views */
    ACT_REPLY_CANCELLED, /* cancelled: a slice of a cancel by filter */
    ACT_REPLY_QUEUES,    /* reply: infos */
    ACT_REPLY_WORKERS,   /* the caller walks core_worker_next */
    ACT_REPLY_STATS,     /* the caller reads core_stats, and infos */
    ACT_REPLY_SNAPSHOT,  /* all of queues, workers; infos given */
    ACT_REPLY_PUT,       /* put: of a SCHEDULE_PUT */
    ACT_REPLY_SCHEDULES, /* schedules */
    ACT_REPLY_ACTS,      /* acts: of a SCHEDULE_ACT */
    ACT_REPLY_FIRE,      /* fire */
    ACT_REPLY_LEDGER,    /* ledger */
    /* inside */
    ACT_BACKUP,  /* backup: the caller answers, in its own time */
    ACT_STORE,   /* batch: give it to the store thread */
    ACT_PUBLISH, /* event for the feed */
    ACT_FATAL,   /* the core cannot go on (out of memory at a place that cannot refuse): stop with
                    `text` */
    ACT_TYPE_COUNT
};

enum topic {
#define TOPIC(symbol, name, has_queue) TOPIC_##symbol,
#include "base/topic.def"
    TOPIC_COUNT
};

enum rate { RATE_SUBMITTED, RATE_COMPLETED, RATE_FAILED, RATE_COUNT };

enum latency {
    LATENCY_WAIT,  /* ready, until handed out */
    LATENCY_RUN,   /* as the worker measured it; else handed out, until its result came */
    LATENCY_TOTAL, /* submitted, until its completion was durable */
    LATENCY_COUNT
};

/* What happens at present: rates of the last 10 s and 60 s, latencies of the last 60 to 90 s. */
struct figures {
    double per_s[RATE_COUNT], per_s_1m[RATE_COUNT];
    struct quantiles {
        uint64_t count; /* values in them; 0: there are no quantiles */
        uint64_t us_p50, us_p95, us_p99;
    } latency[LATENCY_COUNT];
};

/* A queue with its live counts, for REPLY_QUEUES. */
struct queue_view {
    struct queue_info info;
    uint64_t running;
    uint64_t oldest_ready_ms; /* age; 0: none ready */
    struct figures figures;
};

/* A schedule, for people and for schedulers. */
struct schedule_view {
    struct slice name, source, definition; /* definition: SCHEDULE as it is on the wire */
    uint64_t revision;
    bool deleted, paused;
    uint64_t through_ms, waiting_ms;
    const uint64_t *runs; /* jobs of its that have not ended; none are told of overlap allow */
    uint32_t run_count;
    struct ledger_row last; /* judged_ms 0: none */
};

struct action {
    enum action_type type;
    route_t route;
    uint64_t request;
    union {
        struct {
            uint64_t hello, results_next;
        } welcome;
        struct {
            uint64_t hello;
            struct job **jobs;
            uint32_t count;
            struct session *session;
        } jobs;
        uint64_t number; /* RESULTS_ACK */
        struct {
            const uint64_t *ids;
            const uint32_t *runs;
            uint32_t count;
        } refs;
        struct {
            uint64_t number, first_id;
            uint32_t count;
            const uint8_t *outcomes; /* NULL: all new */
            const uint64_t *ids;     /* NULL: consecutive from first_id */
        } submit_ack;
        struct {
            uint64_t number;
            int reason;        /* MUSTER_E* */
            uint32_t retry_ms; /* 0: never */
            const char *text;  /* static, or NULL */
        } busy;
        struct {
            const struct done_row *rows; /* by rising number */
            uint32_t count;
        } done;
        struct {
            int error;                       /* MUSTER_E*, 0: done */
            const char *text;                /* static, or NULL */
            const struct job_view *views;    /* REPLY_JOBS */
            const struct queue_view *queues; /* REPLY_QUEUES, STATS, SNAPSHOT */
            uint32_t count;
            bool more;
            uint64_t after;
        } reply;
        struct {
            uint32_t count, running; /* of `count` jobs so many were running */
            bool more;               /* go on from `at`, for ids up to `upto` */
            struct match_at at;
            uint64_t upto;
        } cancelled;
        struct {
            int error; /* MUSTER_EFULL, MUSTER_EOWNED: nothing of it happened; 0: done */
            struct slice name, owner; /* owned: which one, and by whom */
            uint32_t count, changed;
        } put;
        struct {
            uint64_t epoch, revision; /* `after` of the next question */
            uint64_t newest;          /* the highest there is */
            bool reset;               /* from the beginning: forget what you know */
            bool more;
            const struct schedule_view *views; /* by rising revision */
            uint32_t count;
        } schedules;
        struct {
            const struct slice *names;
            const int *errors; /* one a name; 0: done */
            uint32_t count;
        } acts;
        struct {
            uint32_t count;
            const uint8_t *verdicts, *reasons; /* enum fire_verdict, fire_reason */
            const uint64_t *through_ms;        /* of the schedule, after this */
            const uint64_t *jobs;              /* ids; 0: none */
        } fire;
        struct {
            const struct ledger_row *rows;
            uint32_t count;
            bool more;
        } ledger;
        struct {
            struct slice directory; /* the event's */
            uint64_t token;
            uint32_t hold_ms;
        } backup;
        struct batch *batch;
        struct {
            enum topic topic;
            uint64_t id; /* 0: not about a job */
            uint32_t attempt;
            uint64_t wall_ms;
            struct slice queue, kind, worker, code;
            struct slice schedule, text; /* schedule.error: its source, and the text */
            uint64_t nominal_ms;         /* 0: none */
        } event;
        struct {
            int error;
            const char *text;
        } failure;
    };
};

#endif
