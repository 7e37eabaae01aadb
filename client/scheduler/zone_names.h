/* zone_names.h: which zones there are in a folder of tzdata, to find the one that was meant. */
#ifndef SCHEDULER_ZONE_NAMES_H
#define SCHEDULER_ZONE_NAMES_H

#include "base/slice.h"

#define ZONE_NAME_SIZE 65 /* with NUL */

struct zone_names {
    char (*names)[ZONE_NAME_SIZE]; /* sorted */
    size_t count, cap;
    bool read;                    /* the folder was looked through */
    char current[ZONE_NAME_SIZE]; /* of zone_names_current() */
};

/* Letters, digits and . _ + - in parts with / between them, none of which begins with a dot: what
 * cannot lead out of tzdata's folder. */
bool zone_name_valid(struct slice name);
/* Looks through the folder once; until zone_names_fini() there is no second look. What cannot be
 * read is as if it were not there. */
void zone_names_read(struct zone_names *n, const char *directory);
/* "UTC+2", "GMT-5", "+02:00": no zone, but an offset from UTC. */
bool zone_name_is_offset(struct slice name);
/* A place whose zone may be meant by an abbreviation such as PST, or by any name that is as short;
 * NULL: it is no abbreviation. */
const char *zone_name_place(struct slice name);
/* The name nearest to this one, or NULL; it lives as long as the list. What looks like an offset or
 * an abbreviation is near to nothing but itself in another case. */
const char *zone_names_nearest(const struct zone_names *n, struct slice name);
/* The name that tzdata has today for what it used to call `name` ("US/Pacific"), by the links of
 * the folder's tzdata.zi; NULL if there is none. */
const char *zone_names_current(struct zone_names *n, const char *directory, struct slice name);
void zone_names_fini(struct zone_names *n); /* as it was at first: all zero */

#endif
