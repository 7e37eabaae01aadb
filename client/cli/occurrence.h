/* occurrence.h: a time of a schedule, on the clocks there and in UTC. */
#ifndef CLI_OCCURRENCE_H
#define CLI_OCCURRENCE_H

#include <jansson.h>

#include "scheduler/plan.h"

#define OCCURRENCE_TEXT_BYTES 64

/* "2026-03-29T01:00:00Z" */
void occurrence_utc(const struct occurrence *o, char text[OCCURRENCE_TEXT_BYTES]);
/* "2026-03-29T03:00:00+02:00", from 1969 on; with seconds in the offset where it has some. */
void occurrence_local(const struct occurrence *o, char text[OCCURRENCE_TEXT_BYTES]);
/* {"utc", "local", "dst"}; NULL: out of memory. */
json_t *occurrence_json(const struct occurrence *o);
/* A line of a table: {"local", "utc", "note"}, the note being what people should know of it: the
 * clocks there are put forward or back; "brief" is the note in a few letters. NULL: out of memory.
 */
json_t *occurrence_row(const struct occurrence *o);

#endif
