/* plan.h: when an entry is due: cron in a time zone, or an interval. How the two changes of local
 * time are treated is told in docs/scheduler.md. Nothing here allocates. */
#ifndef SCHEDULER_PLAN_H
#define SCHEDULER_PLAN_H

#include "scheduler/cron.h"
#include "scheduler/zone.h"

#define PLAN_LAST        INT64_C(7258118399) /* 2199-12-31T23:59:59Z; nothing is due later */
#define PLAN_GAP_DROPPED (3 * 3600) /* a gap of so many seconds or more drops what lies in it */

/* All times are seconds since 1970-01-01 UTC. */
struct plan {
    struct cron cron;        /* unless every_s */
    const struct zone *zone; /* borrowed; NULL: UTC */
    uint32_t every_s;        /* all multiples of it; 0: cron */
    int64_t start, end;      /* due are times of [start, end); 0: no bound */
};

enum plan_dst {
    PLAN_DST_NONE,
    PLAN_DST_GAP,    /* moved out of a gap of local time, to its end */
    PLAN_DST_OVERLAP /* the local time comes twice */
};

struct occurrence {
    int64_t utc;
    int64_t local;  /* as the clocks there show it, in seconds since their 1970-01-01 00:00:00 */
    int32_t offset; /* local - utc */
    enum plan_dst dst;
    uint32_t dropped;   /* nominal times between the one before and this that a long gap dropped */
    int64_t dropped_at; /* when that gap was, if there are any */
};

/* The first one after `after_utc`; false: none before `end`, or up to PLAN_LAST. */
bool plan_next(const struct plan *plan, int64_t after_utc, struct occurrence *ret);
/* The last one before `before_utc`, as plan_next() tells it; false: none from `start` on, or within
 * 400 years. */
bool plan_previous(const struct plan *plan, int64_t before_utc, struct occurrence *ret);

#endif
