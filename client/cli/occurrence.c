/* occurrence.c: times of schedules as text. */
#include "cli/occurrence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/civil.h"
#include "base/text.h"

void occurrence_utc(const struct occurrence *o, char text[OCCURRENCE_TEXT_BYTES])
{
    char with_ms[TIME_TEXT_BYTES];
    time_format((uint64_t)o->utc * 1000, with_ms);
    (void)snprintf(text, OCCURRENCE_TEXT_BYTES, "%.19sZ", with_ms);
}

void occurrence_local(const struct occurrence *o, char text[OCCURRENCE_TEXT_BYTES])
{
    int64_t day = civil_floor_div(o->local, CIVIL_DAY_SECONDS);
    int second = (int)(o->local - day * CIVIL_DAY_SECONDS);
    struct civil_date date = civil_date_of(day);
    int shift = abs(o->offset);
    int used = snprintf(text, OCCURRENCE_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d",
                        (int)date.year, date.month, date.day, second / 3600, second / 60 % 60,
                        second % 60, o->offset < 0 ? '-' : '+', shift / 3600, shift / 60 % 60);
    if (shift % 60)
        (void)snprintf(text + used, OCCURRENCE_TEXT_BYTES - (size_t)used, ":%02d", shift % 60);
}

/* What people should know of it: the clocks there are put forward or back. "" if nothing. */
static void occurrence_note(const struct occurrence *o, char text[OCCURRENCE_TEXT_BYTES])
{
    static const char *const notes[] = {[PLAN_DST_NONE] = "",
                                        [PLAN_DST_GAP] = "moved to the end of a gap",
                                        [PLAN_DST_OVERLAP] = "the local time comes twice"};
    (void)snprintf(text, OCCURRENCE_TEXT_BYTES, "%s", notes[o->dst]);
    if (o->dropped)
        (void)snprintf(text, OCCURRENCE_TEXT_BYTES, "%" PRIu32 " before it fell into a long gap",
                       o->dropped);
}

json_t *occurrence_json(const struct occurrence *o)
{
    static const char *const names[] = {
        [PLAN_DST_NONE] = NULL, [PLAN_DST_GAP] = "gap", [PLAN_DST_OVERLAP] = "overlap"};
    char utc[OCCURRENCE_TEXT_BYTES], local[OCCURRENCE_TEXT_BYTES];
    occurrence_utc(o, utc);
    occurrence_local(o, local);
    return json_pack("{s:s, s:s, s:s?}", "utc", utc, "local", local, "dst", names[o->dst]);
}

/* The same for narrow windows. */
static void brief_note(const struct occurrence *o, char text[OCCURRENCE_TEXT_BYTES])
{
    static const char *const notes[] = {
        [PLAN_DST_NONE] = "", [PLAN_DST_GAP] = "after gap", [PLAN_DST_OVERLAP] = "repeats"};
    (void)snprintf(text, OCCURRENCE_TEXT_BYTES, "%s", notes[o->dst]);
    if (o->dropped)
        (void)snprintf(text, OCCURRENCE_TEXT_BYTES, "%" PRIu32 " dropped", o->dropped);
}

json_t *occurrence_row(const struct occurrence *o)
{
    char utc[OCCURRENCE_TEXT_BYTES], local[OCCURRENCE_TEXT_BYTES], note[OCCURRENCE_TEXT_BYTES];
    char brief[OCCURRENCE_TEXT_BYTES];
    occurrence_utc(o, utc);
    occurrence_local(o, local);
    occurrence_note(o, note);
    brief_note(o, brief);
    return json_pack("{s:s, s:s, s:s, s:s}", "local", local, "utc", utc, "note", note, "brief",
                     brief);
}
