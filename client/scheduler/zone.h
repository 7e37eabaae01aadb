/* zone.h: one time zone: its periods of one offset, as a TZif file (RFC 9636) tells them: a list of
 * transitions, and a rule for all times after the last one. */
#ifndef SCHEDULER_ZONE_H
#define SCHEDULER_ZONE_H

#include "base/err.h"
#include "base/slice.h"

#define ZONE_FILE_MAX          (1024 * 1024) /* bytes of a file; the largest real one has 4 KiB */
#define ZONE_ABBREVIATION_SIZE 16            /* with NUL; no real one is longer than 6 */
#define ZONE_WHY_SIZE          160
/* Local time minus UTC lies strictly between these (seconds); files that say otherwise are refused.
 */
#define ZONE_OFFSET_MIN (-25 * 3600)
#define ZONE_OFFSET_MAX (26 * 3600)

struct zone;

/* A span without any change of local time. Periods are as the file has them, not merged: neighbours
 * may have the same offset, as where only the abbreviation changes, or be the same in all (DST all
 * year is written as a rule with one period a year). */
struct zone_period {
    int64_t from, until; /* UTC seconds, [from, until); INT64_MIN and INT64_MAX at the ends */
    int32_t offset;      /* local time minus UTC, seconds */
    bool dst;
    char abbreviation[ZONE_ABBREVIATION_SIZE]; /* "CEST", "+0530" */
};

/* The period that `utc` lies in. Remembers the last two: a few nanoseconds for times nearby, some
 * tens for others, 150 where the rule after the last transition is to be applied. One zone is to be
 * asked by one thread at a time. Times after the year 9999 are in the period that the year 10000
 * began with. */
void zone_period_at(const struct zone *z, int64_t utc, struct zone_period *ret);
const char *zone_name(const struct zone *z);

/* A zone from the bytes of its file, which are not needed any more afterwards. The caller calls
 * zone_free(). MUSTER_EDAMAGED: no zone's file, or a broken one; MUSTER_EINVAL: one that counts
 * leap seconds; MUSTER_ENOMEM. `why` then has the reason as half a sentence: "it ends too early".
 */
int zone_new(struct zone **ret, const char *name, struct slice bytes, char why[ZONE_WHY_SIZE]);
/* UTC, which needs no file. */
int zone_new_utc(struct zone **ret, const char *name);
/* The zone gets the content of a file that may have changed; what it had stays after an error. */
int zone_replace(struct zone *z, struct slice bytes, bool *ret_changed, char why[ZONE_WHY_SIZE]);
void zone_free(struct zone *z); /* NULL is fine */

#endif
