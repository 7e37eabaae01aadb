/* schedule_def.h: what a schedule asks for: when is the schedulers' matter, which job is the
 * core's. */
#ifndef CORE_SCHEDULE_DEF_H
#define CORE_SCHEDULE_DEF_H

#include "base/schedule.h"
#include "core/job.h"

/* A SCHEDULE message read. Slices borrow from `bytes`. */
struct schedule_def {
    struct slice name;
    struct slice bytes; /* the whole SCHEDULE as it came: what schedulers read */
    /* when: only compared here */
    struct slice cron, timezone;
    uint64_t every_s, start_ms, end_ms;
    /* which job */
    struct slice queue, kind, args;
    uint8_t priority;
    uint64_t delay_ms, expires_in_ms; /* 0: none */
    struct job_spec spec;             /* without expires_ms, schedule and nominal_ms */
    /* what becomes of a nominal time */
    uint8_t overlap;  /* enum overlap */
    uint8_t catch_up; /* enum catch_up */
    uint64_t window_ms, jitter_ms;
    bool paused; /* at the beginning */
};

/* How late a run may be. */
static inline uint64_t schedule_def_window_ms(const struct schedule_def *def)
{
    bool short_one = def->catch_up == CATCH_UP_NONE && def->window_ms > CATCH_UP_NONE_WINDOW_MS;
    return short_one ? CATCH_UP_NONE_WINDOW_MS : def->window_ms;
}

#endif
