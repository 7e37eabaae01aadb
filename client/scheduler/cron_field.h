/* cron_field.h: the fields of a cron expression: names, limits, and the words that stand for
 * numbers. */
#ifndef SCHEDULER_CRON_FIELD_H
#define SCHEDULER_CRON_FIELD_H

#include "base/slice.h"

/* In the order of an expression of six fields. */
enum cron_field {
    CRON_SECOND,
    CRON_MINUTE,
    CRON_HOUR,
    CRON_DAY,
    CRON_MONTH,
    CRON_WEEKDAY,
    CRON_FIELDS /* no field: the whole expression */
};

struct cron_field_rule {
    const char *name;  /* as errors call it */
    int min, max;      /* what may be written; a weekday of 7 is Sunday, as 0 */
    const char *words; /* three letters each, for min, min + 1 ...; "" for none */
};

const struct cron_field_rule *cron_field_rule(enum cron_field field);
/* The number that three letters stand for, in any case, or -1. */
int cron_field_word(enum cron_field field, struct slice word);

#endif
