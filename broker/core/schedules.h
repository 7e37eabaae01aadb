/* schedules.h: the schedules, what is judged of their nominal times, and their runs that have not
 * ended. When a nominal time is, only the schedulers know. */
#ifndef CORE_SCHEDULES_H
#define CORE_SCHEDULES_H

#include "base/blob.h"
#include "base/list.h"
#include "base/map.h"
#include "core/action.h"
#include "core/schedule_def.h"

struct core;

/* A nominal time to be judged. */
struct fire_item {
    uint64_t nominal_ms, previous_ms, first_ms;
    uint32_t count;
    uint8_t ask;     /* enum fire_ask */
    uint8_t overlap; /* enum overlap */
    uint8_t reason;  /* enum fire_reason of a run */
    uint8_t over;    /* bits of enum fire_verdict: rows that it replaces */
    bool chained;    /* it is the next one; else backfill or trigger */
};

struct schedule {
    uint32_t number;           /* in the store */
    uint64_t revision;         /* of this epoch: another one with every change */
    struct list link;          /* in core->schedules, by revision */
    struct list deleted_link;  /* those that were deleted, by revision too */
    struct slice name, source; /* own memory */
    struct blob *blob;         /* the definition as it came */
    struct schedule_def def;   /* slices lie in blob */
    bool deleted;              /* kept a while to be told of */
    bool paused;
    uint64_t through_ms; /* nominal times up to here are judged, or not owed */
    uint64_t kept_ms;    /* what may be told of that once `batch` is stored */
    uint64_t owed_ms;    /* since it was put, changed or resumed */
    uint32_t chain;      /* counts how often through_ms fell back or leapt: what was on its way then
                            says nothing about it any more */
    uint32_t unstored;   /* runs, and times that wait, on their way to the store */
    struct list notes;   /* chained verdicts on their way to the store, oldest first */
    struct ledger_row last;
    uint64_t trigger_ms; /* nominal time of the last run by hand */
    uint64_t batch;      /* the last batch that changed it */

    /* runs, as far as overlap needs to know of them */
    uint64_t *runs; /* ids; also in core->schedule_runs */
    uint32_t run_count, run_cap;
    uint64_t waiting_ms;      /* a nominal time that waits for their end; 0: none */
    struct list waiting_link; /* in core->schedules_waiting: could run now */
    bool waiting_sent;        /* its job is on its way to the store */
    bool reading;             /* its runs are being read; then `held` is judged */
    struct fire_item held;
    uint64_t
        looked_ms; /* cancel_old: this nominal time is, or was just, looked for in the ledger, */
    bool looked_has_row; /* and found */
    uint64_t known_ms;   /* a backfill that nobody waited for was judged: who asks again is told */
};

struct schedule_set {
    struct strmap by_name;
    struct idmap by_number, by_revision;
    struct list all;     /* by revision, deleted ones too */
    struct list deleted; /* by revision */
    struct list waiting; /* by nothing: runs that wait, and could run */
    struct list polls;   /* held SCHEDULES */
    struct idmap runs;   /* job id -> struct schedule */
    uint64_t revision;   /* the highest */
    uint64_t forgotten;  /* deleted ones up to this revision are told of no more */
    uint32_t poll_count, deleted_count;
    uint64_t polls_due; /* no poll's time is over before this */
    uint64_t bytes;     /* of definitions */
    uint32_t high;      /* the highest number ever given */
};

void schedules_init(struct core *core);
void schedules_fini(struct core *core);
void schedules_boot(struct core *core, const struct boot *boot);
void schedules_tick(struct core *core);
/* When schedules_tick() has something to do; monotonic ms, UINT64_MAX: never. */
uint64_t schedules_deadline(const struct core *core);
/* Its definition or its pause changed: a new revision, which those who poll are told. */
void schedule_revise(struct core *core, struct schedule *s);
/* Nominal times up to now are not owed. */
void schedule_owe_from_now(struct core *core, struct schedule *s);
void on_stored_state(struct core *core, struct op *op);
/* Up to here nominal times are judged or not owed once the schedule's last batch is stored, even if
 * the store refuses what else there is in it. */
static inline uint64_t schedule_certain_ms(const struct schedule *s)
{
    return s->kept_ms > s->owed_ms ? s->kept_ms : s->owed_ms;
}
/* Tells the feed, once batch `after` is stored; `row` may be NULL. */
void publish_schedule(struct core *core, enum topic topic, uint64_t after, const struct schedule *s,
                      const struct ledger_row *row, struct slice code);

/* ---- schedule_list.c ---- */
void polls_answer(struct core *core);
void polls_tick(struct core *core);
void polls_fini(struct core *core);
void on_stored_ledger(struct core *core, struct op *op);

/* ---- fire.c ---- */
/* A waiting run is tried: nothing keeps it back any more. */
void fire_waiting(struct core *core, struct schedule *s);
/* The jobs that a run waits to cancel have been read. */
void fire_found(struct core *core, struct op *op);
void on_stored_verdict(struct core *core, struct op *op);
/* An OP_SUBMIT with a verdict is stored, or refused. */
void fire_submitted(struct core *core, const struct op *op);

/* ---- runs.c ---- */
/* 0 or MUSTER_ENOMEM; beyond SCHEDULE_RUNS_MAX it is not looked at. */
int run_add(struct core *core, struct schedule *s, uint64_t id);
/* It has ended, or never was. A run that waits is not started by this. */
void run_drop(struct core *core, struct schedule *s, uint64_t id);
/* The same; starts the one that waits when there are no others. */
void run_remove(struct core *core, struct schedule *s, uint64_t id);
void runs_forget(struct core *core, struct schedule *s);
/* A parked run of the schedule is ready again. */
void run_revived(struct core *core, struct slice schedule, uint64_t id);
/* A job of a schedule has ended, durably. */
void run_ended(struct core *core, uint64_t id);
/* Whether a row of the item is still to be looked for, and its runs to be read: nothing is
 * cancelled for a time that was judged. */
bool runs_read_row(struct core *core, struct schedule *s, const struct fire_item *item);
/* The ledger has been looked into for a run that would cancel others. */
void runs_row_found(struct core *core, const struct op *op);
/* Expiry is lazy: whether a run that should have expired is in the way is looked at here. True: the
 * item is judged once that is known and stored. */
bool runs_expire(struct core *core, struct schedule *s, const struct fire_item *item);
/* All that are in memory. */
void runs_cancel(struct core *core, struct schedule *s);

#endif
