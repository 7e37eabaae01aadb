/* cmd_schedule_next.c: schedule next: when an expression would fire. It asks no broker. */
#include "base/civil.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/occurrence.h"
#include "cli/schedules.h"
#include "cli/table.h"
#include "scheduler/plan.h"
#include "scheduler/zones.h"

#define COMMAND       "schedule next"
#define COUNT_DEFAULT 10
#define COUNT_MAX     100000
#define SECOND_MS     1000

struct next_values {
    const char *timezone;
    struct option_number count, from, every;
};

static const struct option_row rows[] = {
    {"timezone", OPTION_TEXT, "TZ", "whose clock the expression is of (UTC)",
     offsetof(struct next_values, timezone), 0, 0},
    {"count", OPTION_COUNT, "N", "how many times (10)", offsetof(struct next_values, count), 1,
     COUNT_MAX},
    {"from", OPTION_TIME, "TIME", "those after this time (now)", offsetof(struct next_values, from),
     0, 0},
    {"every", OPTION_DURATION, "DURATION", "an interval instead of EXPR, in whole seconds",
     offsetof(struct next_values, every), 0, DELAY_MAX_MS},
    {0},
};

static const char *weekday_of(const struct occurrence *o)
{
    static const char *const names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    return names[civil_weekday(civil_floor_div(o->local, CIVIL_DAY_SECONDS))];
}

/* ---- output ---- */

static void print_json(const struct plan *plan, struct occurrence next, uint64_t count)
{
    bool more = true;
    for (uint64_t i = 0; i < count && more; i++, more = plan_next(plan, next.utc, &next)) {
        json_t *one = occurrence_json(&next);
        (void)putchar(i ? ',' : '[');
        (void)json_dumpf(one, stdout, JSON_COMPACT);
        json_decref(one);
    }
    printf("]\n");
}

static json_t *row_of(const struct plan *plan, const struct occurrence *o)
{
    json_t *row = occurrence_row(o);
    struct zone_period period;
    zone_period_at(plan->zone, o->utc, &period);
    (void)json_object_set_new(row, "day", json_string(weekday_of(o)));
    (void)json_object_set_new(row, "zone", json_string(period.abbreviation));
    return row;
}

static int print_table(const struct cli *cli, const struct plan *plan, struct occurrence next,
                       uint64_t count)
{
    static const struct table_column wide[] = {
        {"LOCAL", "local", TABLE_TEXT}, {"DAY", "day", TABLE_TEXT},   {"ZONE", "zone", TABLE_TEXT},
        {"UTC", "utc", TABLE_TEXT},     {"NOTE", "note", TABLE_TEXT}, {0},
    };
    static const struct table_column narrow[] = {
        {"LOCAL", "local", TABLE_TEXT}, {"DAY", "day", TABLE_TEXT},    {"ZONE", "zone", TABLE_TEXT},
        {"UTC", "utc", TABLE_TEXT},     {"NOTE", "brief", TABLE_TEXT}, {0},
    };
    static const struct table_column *const layouts[] = {wide, narrow};
    json_t *array = json_array();
    bool more = true;
    int failed = 0;
    for (uint64_t i = 0; i < count && more && !failed; i++, more = plan_next(plan, next.utc, &next))
        failed = json_array_append_new(array, row_of(plan, &next));
    if (!failed)
        table_print(cli, table_fit(cli, layouts, 2, array), array);
    json_decref(array);
    return failed ? cli_error(cli, MUSTER_ENOMEM, "out of memory") : EXIT_DONE;
}

/* ---- the command ---- */

/* What is to be computed, but for the zone. */
static int read_plan(const struct cli *cli, const struct next_values *v, char **args, int count,
                     struct plan *ret)
{
    struct cron_error error;
    *ret = (struct plan){0};
    if (count > 1)
        return cli_usage(cli, COMMAND, "unexpected \"%s\": put the expression in quotes", args[1]);
    if (v->every.given == (count == 1))
        return cli_usage(cli, COMMAND, "%s needs either an expression or --every", COMMAND);
    if (v->every.given && (v->every.value == 0 || v->every.value % SECOND_MS))
        return cli_usage(cli, COMMAND, "--every: whole seconds, from 1s on");
    if (v->every.given)
        ret->every_s = (uint32_t)(v->every.value / SECOND_MS);
    else if (cron_parse(slice_str(args[0]), &ret->cron, &error))
        return cli_error(cli, MUSTER_EINVAL, "%s", error.text);
    return 0;
}

static int tell(const struct cli *cli, const struct next_values *v, const char *expression,
                const struct plan *plan)
{
    uint64_t from_ms = v->from.given ? v->from.value : clock_wall_ms();
    uint64_t count = v->count.given ? v->count.value : COUNT_DEFAULT;
    struct occurrence first;
    if (!plan_next(plan, (int64_t)(from_ms / SECOND_MS), &first)) {
        char from[TIME_TEXT_BYTES];
        time_format(from_ms, from);
        return cli_error(cli, MUSTER_EINVAL,
                         "\"%s\" never fires in %s after %s, up to the year 2199",
                         expression ? expression : "--every", zone_name(plan->zone), from);
    }
    if (!cli->json)
        return print_table(cli, plan, first, count);
    print_json(plan, first, count);
    return EXIT_DONE;
}

static int run(struct cli *cli, const void *values, char **args, int count)
{
    const struct next_values *v = values;
    struct plan plan;
    struct zones *zones;
    int status = read_plan(cli, v, args, count, &plan);
    status = status ? status : schedules_zones(cli, &zones);
    if (status)
        return status;
    int error = zones_find(zones, slice_str(v->timezone ? v->timezone : "UTC"), &plan.zone);
    if (error)
        status = cli_error(cli, error == MUSTER_ENOTFOUND ? MUSTER_EINVAL : error, "--timezone: %s",
                           zones_error(zones));
    else
        status = tell(cli, v, count ? args[0] : NULL, &plan);
    zones_free(zones);
    return status;
}

const struct cli_command cmd_schedule_next = {
    .rows = rows,
    .values_size = sizeof(struct next_values),
    .max_args = -1,
    .run = run,
    .details = "EXPR is one word: \"30 9 * * mon-fri\" (minute, hour, day of month, month, day of "
               "week; six\n"
               "fields begin with the second), or @hourly, @daily, @weekly, @monthly, @yearly. No "
               "broker is\n"
               "asked. Where local time has a gap or comes twice, the line says so.",
};
