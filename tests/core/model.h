/* model.h: what is known of every job from outside the core: what was committed, sent, reported and
 * acknowledged. It judges each of these against the promises, and ends the process at the first
 * that is broken. */
#ifndef CORE_TESTS_MODEL_H
#define CORE_TESTS_MODEL_H

#include "base/map.h"
#include "core/core.h"

#define MODEL_LANES 64

struct known_job {
    uint64_t id;
    char args[32]; /* how they begin: who submitted it */
    uint64_t args_hash;
    /* as committed */
    uint64_t seq;
    uint32_t lane, run;
    uint16_t flags;
    uint8_t priority, state;
    bool ended;
    uint8_t notify[SESSION_ID_BYTES];
    bool wants_done; /* its client session is owed its end */
    uint32_t told;   /* how often a DONE told it */
    /* as sealed, perhaps lost by a crash */
    bool sealed_end;
    uint32_t sealed_run;
    /* sent to and heard from workers */
    uint32_t granted_run, reported_run;
    uint64_t granted_to;
    /* a run of a schedule: its number, else 0 */
    uint32_t schedule;
    uint64_t nominal_ms;
    bool overlaps; /* the schedule has an eye on it */
    bool was_parked;
};

struct known_submit {
    bool committed;
    int result;
    uint64_t first_id;
    uint32_t count;
    uint8_t outcomes[BATCH_JOBS_MAX];
    uint64_t ids[BATCH_JOBS_MAX];
};

struct model {
    struct idmap jobs;      /* id -> struct known_job */
    struct strmap submits;  /* session, number -> struct known_submit */
    struct idmap schedules; /* number -> struct known_schedule; model_schedules.c */
    uint64_t marks[MODEL_LANES][PRIORITY_COUNT];
    uint64_t submitted, ended, acked_results;
    uint64_t verdicts[VERDICT_COUNT]; /* stored, and refused by the store */
    uint64_t started;                 /* runs that waited */
    uint64_t judged;                  /* changes of ledgers */
};

/* Says what is broken, and where (the driver's seed and step), and aborts. */
_Noreturn void model_broken(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Text that model_broken puts first. */
extern char model_where[128];

void model_init(struct model *m);
void model_fini(struct model *m);

struct known_job *model_job(const struct model *m, uint64_t id);

void model_sealed(struct model *m, const struct batch *b);
void model_committed(struct model *m, const struct batch *b);
void model_crashed(struct model *m);
/* A JOBS frame was taken by the connection of the session `key`. */
void model_granted(struct model *m, const struct core *core, const struct job *job, uint64_t key);
/* RESULTS that name this run have reached the core. */
void model_reported(struct model *m, uint64_t id, uint32_t run, uint64_t key);
/* They were acknowledged. */
void model_results_acked(struct model *m, uint64_t id, uint32_t run, uint64_t key);
void model_submit_acked(struct model *m, const uint8_t *session, const struct action *a);
/* A DONE row has reached its client. */
void model_told(struct model *m, const struct done_row *row);
/* An event of the feed. */
void model_published(struct model *m, const struct action *a);
void model_viewed(struct model *m, const struct job_view *view);
/* The client session is gone: nobody is owed anything by its jobs. */
void model_client_gone(struct model *m, const uint8_t *session);
/* Jobs that are neither ended nor parked. */
uint64_t model_alive(const struct model *m);
/* At rest: everything has come to its end, and everybody was told. */
void model_at_rest(const struct model *m);

#endif
