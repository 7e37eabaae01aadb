/* zone_rule.h: the rule that goes on where a zone's transitions end: the footer of a TZif file,
 * written as a POSIX TZ string ("CET-1CEST,M3.5.0,M10.5.0/3"). */
#ifndef SCHEDULER_ZONE_RULE_H
#define SCHEDULER_ZONE_RULE_H

#include "scheduler/zone.h"

struct zone_rule {
    struct zone_rule_side {
        int32_t offset; /* seconds east of UTC; TZ strings count west of it */
        char abbreviation[ZONE_ABBREVIATION_SIZE];
    } standard, daylight;
    bool has_daylight; /* the rest is unused if not */
    /* When the side begins, in local time of the other side. */
    struct zone_rule_date {
        enum zone_rule_day {
            ZONE_RULE_JULIAN, /* Jn: 1 to 365; February 29 is not counted */
            ZONE_RULE_DAY,    /* n: 0 to 365; February 29 is counted */
            ZONE_RULE_WEEKDAY /* Mm.w.d */
        } kind;
        int day, month,
            week;     /* `day` is that of the week in Mm.w.d, 0 is Sunday; week 5: the last */
        int32_t time; /* seconds after that day's midnight, -167 to 167 hours */
    } daylight_begins, standard_begins;
};

/* Reads the whole text. 0, or MUSTER_EDAMAGED and the reason as half a sentence. */
int zone_rule_parse(struct slice text, struct zone_rule *ret, char why[ZONE_WHY_SIZE]);
/* The period of `utc` as if the rule had always been valid, from year 0 to 9999. */
void zone_rule_period(const struct zone_rule *rule, int64_t utc, struct zone_period *ret);

#endif
