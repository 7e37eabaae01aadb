/* cron.h: a cron expression as sets of bits, and the times that it names on a local clock without
 * time zone. Pure; nothing here allocates. How expressions are written: docs/scheduler.md. */
#ifndef SCHEDULER_CRON_H
#define SCHEDULER_CRON_H

#include "base/err.h"
#include "scheduler/cron_field.h"

#define CRON_ERROR_SIZE 256

/* A bit stands for the number of its place: bit 7 of `hours` is 07:00 to 07:59. */
struct cron {
    uint64_t seconds, minutes;
    uint32_t hours, days, months;
    uint32_t nearest;      /* "15W": the working day nearest to the 15th, in its month */
    uint32_t before_last;  /* bit 0: "L", the last day of the month; bit n: "L-n" */
    uint64_t nth_weekdays; /* "1#2", the second Monday: bit 7 * (2 - 1) + 1 */
    uint8_t weekdays;      /* Sunday is bit 0 */
    uint8_t last_weekdays; /* "5L": the last Friday of the month */
    bool last_working_day; /* "LW" */
    /* A day fits if it fits both fields; if both are restricted (not "*" or "?"), either one. */
    bool days_restricted, weekdays_restricted;
    bool wildcard; /* the hour or the minute field begins with "*" */
};

struct cron_error {
    enum cron_field field;      /* CRON_FIELDS: no single one */
    size_t position;            /* from 1, in bytes of the expression; 0: all of it */
    char text[CRON_ERROR_SIZE]; /* one sentence with all of this and the rule, without full stop */
};

/* Five fields, six (seconds first), or a macro such as @daily. MUSTER_EINVAL: `ret_error` says why;
 * so for what never fires, as 30 February. */
int cron_parse(struct slice text, struct cron *ret, struct cron_error *ret_error);

/* The first time after `after` (the last one before `before`) that fits, in seconds since
 * 1970-01-01 00:00:00 of the local clock. False: none within 400 years, or beyond 30 million years.
 */
bool cron_next(const struct cron *c, int64_t after, int64_t *ret);
bool cron_previous(const struct cron *c, int64_t before, int64_t *ret);
bool cron_matches(const struct cron *c, int64_t local);

#endif
