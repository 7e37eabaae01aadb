/* schedule_view.c: the state of a schedule as JSON and as words. */
#include "cli/schedule_view.h"

#include <inttypes.h>

#include "base/text.h"
#include "cli/occurrence.h"
#include "cli/table.h"
#include "json.h"
#include "scheduler/entry_view.h"

#define SECOND_MS  1000
#define OVERDUE_MS 5000 /* then somebody is told; a scheduler takes milliseconds */

/* ---- times ---- */

json_t *schedule_time(uint64_t unix_ms)
{
    char text[TIME_TEXT_BYTES];
    time_format(unix_ms, text);
    return unix_ms ? json_string(text) : json_null();
}

json_t *schedule_time_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return schedule_time(json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0);
}

json_t *schedule_seconds(uint64_t unix_ms)
{
    char text[TIME_TEXT_BYTES];
    time_format(unix_ms, text);
    return unix_ms ? json_sprintf("%.19sZ", text) : json_null();
}

static struct slice last_part(struct slice name)
{
    size_t at = name.len;
    while (at > 0 && name.data[at - 1] != '/')
        at--;
    return slice_of(name.data + at, name.len - at);
}

json_t *schedule_rule(const struct msg_schedule *s, bool brief)
{
    char every[DURATION_TEXT_BYTES];
    duration_format(s->every_s * SECOND_MS, every);
    if (s->every_s)
        return json_sprintf("every %s", every);
    if (s->timezone.len == 0 || slice_is(s->timezone, "UTC"))
        return json_sprintf("%.*s", SLICE_FMT(s->cron));
    struct slice zone = brief ? last_part(s->timezone) : s->timezone;
    return json_sprintf("%.*s %.*s", SLICE_FMT(s->cron), SLICE_FMT(zone));
}

bool schedule_next(const struct schedule_seen *seen, struct occurrence *ret)
{
    /* What lies before `through` is not fired again, even if the clock went back. */
    uint64_t after = seen->told.through_ms > seen->now_ms ? seen->told.through_ms : seen->now_ms;
    return seen->planned && plan_next(&seen->plan, (int64_t)(after / SECOND_MS), ret);
}

uint64_t schedule_owed(const struct schedule_seen *seen)
{
    struct occurrence due;
    if (!seen->planned || seen->told.paused || seen->told.through_ms >= seen->now_ms ||
        !plan_next(&seen->plan, (int64_t)(seen->told.through_ms / SECOND_MS), &due))
        return 0;
    uint64_t due_ms = (uint64_t)due.utc * SECOND_MS;
    return due_ms <= seen->now_ms ? due_ms : 0;
}

uint64_t schedule_overdue(const struct schedule_seen *seen)
{
    uint64_t owed_ms = schedule_owed(seen);
    return owed_ms && seen->now_ms - owed_ms >= OVERDUE_MS ? seen->now_ms - owed_ms : 0;
}

const char *schedule_state(const struct schedule_seen *seen)
{
    struct occurrence next;
    if (!seen->planned)
        return "error";
    if (!schedule_owed(seen) && !schedule_next(seen, &next))
        return "ended";
    if (seen->told.paused)
        return "paused";
    return seen->plan.start > (int64_t)(seen->now_ms / SECOND_MS) ? "begins" : "active";
}

void schedule_tell_overdue(const struct cli *cli, uint64_t count, uint64_t longest_ms)
{
    char text[32];
    if (count == 0 || cli->json)
        return;
    table_duration(text, sizeof text, (double)longest_ms);
    (void)fflush(stdout);
    (void)fprintf(stderr,
                  "muster: %" PRIu64 " schedule%s overdue, by up to %s: is a muster scheduler "
                  "running?\n",
                  count, count == 1 ? " is" : "s are", text);
}

/* ---- JSON ---- */

static json_t *last_json(const json_t *last)
{
    if (!json_is_object(last))
        return json_null();
    return json_pack("{s:o, s:O?, s:O?, s:O?, s:o}", "nominal_time",
                     schedule_time_of(last, "nominal"), "verdict", json_object_get(last, "verdict"),
                     "reason", json_object_get(last, "reason"), "job", json_object_get(last, "job"),
                     "judged_at", schedule_time_of(last, "judged"));
}

static json_t *next_json(const struct schedule_seen *seen, unsigned count)
{
    json_t *times = json_array();
    struct occurrence next;
    bool more = !seen->told.paused && schedule_next(seen, &next);
    for (unsigned i = 0; i < count && more; i++, more = plan_next(&seen->plan, next.utc, &next))
        (void)json_array_append_new(times, occurrence_json(&next));
    return times;
}

json_t *schedule_json(const struct schedule_seen *seen, unsigned count)
{
    json_t *state = msgpack_to_jansson(seen->raw);
    if (!json_is_object(state)) {
        json_decref(state);
        return NULL;
    }
    json_t *runs = json_object_get(state, "runs");
    json_t *object =
        json_pack("{s:O, s:O?, s:b, s:s, s:o, s:o, s:o, s:O, s:o, s:o, s:o, s:s?}", "name",
                  json_object_get(state, "name"), "source", json_object_get(state, "source"),
                  "paused", seen->told.paused, "state", schedule_state(seen), "through",
                  schedule_time(seen->told.through_ms), "owed_since",
                  schedule_time(schedule_owed(seen)), "waiting", schedule_time_of(state, "waiting"),
                  "runs", json_is_array(runs) ? runs : json_null(), "last",
                  last_json(json_object_get(state, "last")), "next", next_json(seen, count),
                  "entry", seen->readable ? entry_view(&seen->definition) : json_null(), "error",
                  seen->planned ? NULL : seen->why);
    json_decref(state);
    return object;
}
