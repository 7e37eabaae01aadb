/* schedule_view.h: a schedule of the broker, told to people and programs. */
#ifndef CLI_SCHEDULE_VIEW_H
#define CLI_SCHEDULE_VIEW_H

#include <jansson.h>

#include "cli/schedules.h"

/* An object with the schedule's state, its next `count` times after the broker's now and its
 * definition as `entry`. A new reference; NULL: out of memory. */
json_t *schedule_json(const struct schedule_seen *seen, unsigned count);
/* Unix ms as RFC 3339 with milliseconds, as of jobs; null for 0. */
json_t *schedule_time(uint64_t unix_ms);
/* The same of what a message has under a key (0 or nil: null). */
json_t *schedule_time_of(const json_t *object, const char *key);
/* The same for tables: without milliseconds. */
json_t *schedule_seconds(uint64_t unix_ms);

/* "0 9 * * * Asia/Tokyo", "every 5m"; brief: "0 9 * * * Tokyo". */
json_t *schedule_rule(const struct msg_schedule *definition, bool brief);
/* When the next run is due, after the broker's now and what has been judged; false: never. */
bool schedule_next(const struct schedule_seen *seen, struct occurrence *ret);
/* The first nominal time that is due and not judged, Unix ms; 0: there is none. */
uint64_t schedule_owed(const struct schedule_seen *seen);
/* For how long that has been, ms, when it is so long that nobody fires; else 0. */
uint64_t schedule_overdue(const struct schedule_seen *seen);
/* "error", "ended", "paused", "begins" (it has a start to come) or "active". */
const char *schedule_state(const struct schedule_seen *seen);
/* On stderr, unless `count` is 0 or JSON is wanted. */
void schedule_tell_overdue(const struct cli *cli, uint64_t count, uint64_t longest_ms);

#endif
