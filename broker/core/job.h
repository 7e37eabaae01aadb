/* job.h: what a job is, in memory and to the store. */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include "base/backoff.h"
#include "base/blob.h"
#include "base/job_state.h"
#include "base/limits.h"

/* Stored: a bit never changes its meaning. */
enum job_flag {
    /* its last run was handed out and lost: granting it again takes a new run, by a commit */
    JOB_SPENT = 1,
    JOB_LOSS_PARKED = 2, /* parked by losses alone: a late result still counts */
    JOB_NOTIFY = 4,      /* its client session is told the end */
    JOB_KEYED = 8,       /* holds an idempotency key */
    JOB_HAS_ROW = 16,    /* has a row by id; else its only row is the lane's */
    /* due_ms follows the wall clock; otherwise it is a delay and follows the monotonic one */
    JOB_AT = 32,
    JOB_SCHEDULE = 64, /* a run of a schedule: has a row by id, and its end is looked for */
};

/* What identifies a job and what changes in its life: the head of its record. */
struct job_head {
    uint64_t id;
    uint64_t seq;        /* order in the lane within its priority: the id of a plain job */
    uint64_t created_ms; /* Unix ms */
    uint64_t due_ms;     /* Unix ms: scheduled for, or since when it is ready; parked: since when */
    uint64_t delay_ms;   /* the delay that was asked for when due_ms was set; 0: none, or JOB_AT */
    uint32_t lane;
    uint32_t run;      /* fencing number, 1 for the first */
    uint32_t failures; /* counted against max_attempts */
    uint32_t losses;   /* counted against MAX_LOSSES */
    uint32_t attempts; /* attempts recorded, of any outcome */
    uint16_t flags;    /* enum job_flag */
    uint8_t priority;
    uint8_t state; /* enum job_state; a running job is stored as ready */
};

/* What was asked for at submit and never changes. Jobs of one SUBMIT share it. */
struct job_spec {
    uint32_t refs;           /* in memory only */
    uint32_t max_attempts;   /* failures until it is parked */
    uint32_t run_timeout_ms; /* of one attempt */
    struct backoff backoff;
    uint64_t expires_ms;              /* Unix ms after which it never runs; 0: never expires */
    uint8_t notify[SESSION_ID_BYTES]; /* client session that is told the end, with JOB_NOTIFY */
    struct slice meta;                /* at most META_MAX_BYTES */
    struct slice schedule;            /* the name of the schedule that it is a run of, or empty */
    uint64_t nominal_ms;              /* that run's nominal time, Unix ms */
};

#define JOB_SPEC_DEFAULT                                                                           \
    ((struct job_spec){.max_attempts = MAX_ATTEMPTS_DEFAULT,                                       \
                       .run_timeout_ms = RUN_TIMEOUT_DEFAULT_MS,                                   \
                       .backoff = BACKOFF_DEFAULT})

enum attempt_outcome {
    ATTEMPT_COMPLETED,
    ATTEMPT_FAILED,
    ATTEMPT_LOST,
    ATTEMPT_TIMEOUT,
    ATTEMPT_SNOOZED,
    ATTEMPT_RELEASED,
    ATTEMPT_CANCELLED,
    ATTEMPT_OUTCOME_COUNT
};

/* One run of a job, as recorded. Slices borrow. */
struct attempt {
    uint32_t number; /* 1, 2, ... in the order of recording */
    uint32_t run;
    uint8_t outcome;               /* enum attempt_outcome */
    int16_t exit_status;           /* -1: none */
    uint64_t started_ms, ended_ms; /* Unix ms; 0: not known */
    struct slice worker, code, message, log, signal;
};

#endif
