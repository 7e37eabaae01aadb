/* cmd_schedule_show.c: schedule show: one schedule with all there is to say about it. */
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/occurrence.h"
#include "cli/schedule_view.h"
#include "cli/table.h"
#include "scheduler/zones.h"

#define TIMES       5
#define TITLE_WIDTH 16
#define JOBS_SHOWN  4

static void print_text(const struct cli *cli, const char *title, json_t *text)
{
    table_print_field(cli, TITLE_WIDTH, title, text);
    json_decref(text);
}

/* What is not said is not shown; "paused" is told as the broker has it. */
static void print_entry(const struct cli *cli, const json_t *entry)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)entry, key, value)
    {
        if (strcmp(key, "name") == 0 || strcmp(key, "paused") == 0 || json_is_null(value))
            continue;
        if (strcmp(key, "args") != 0) {
            table_print_field(cli, TITLE_WIDTH, key, value);
            continue;
        }
        char *text = table_json(value);
        print_text(cli, key, text ? json_string(text) : NULL);
        free(text);
    }
}

static void print_last(const struct cli *cli, const json_t *last)
{
    const char *words[] = {"nominal_time", "verdict", "reason", "job"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *text = json_string_value(json_object_get(last, words[i]));
        words[i] = text ? text : "";
    }
    if (json_is_object(last))
        print_text(cli, "last",
                   json_sprintf("%s %s (%s)%s%s", words[0], words[1], words[2],
                                *words[3] ? " job " : "", words[3]));
}

/* Some of the ids; --json has all that the broker tells. */
static void print_jobs(const struct cli *cli, const json_t *runs)
{
    size_t count = json_array_size(runs);
    json_t *some = json_array();
    for (size_t i = 0; i < count && i < JOBS_SHOWN; i++)
        (void)json_array_append(some, json_array_get(runs, i));
    if (count > JOBS_SHOWN)
        (void)json_array_append_new(some, json_sprintf(" and %zu more", count - JOBS_SHOWN));
    print_text(cli, "jobs", some);
}

static void print_state(const struct cli *cli, const struct schedule_seen *seen, const json_t *told)
{
    const char *state = schedule_state(seen);
    json_t *start = schedule_seconds((uint64_t)seen->plan.start * 1000);
    print_text(cli, "state",
               strcmp(state, "begins") == 0 ? json_sprintf("begins %s", json_string_value(start))
                                            : json_string(state));
    json_decref(start);
    table_print_field(cli, TITLE_WIDTH, "judged up to", json_object_get(told, "through"));
    table_print_field(cli, TITLE_WIDTH, "owed since", json_object_get(told, "owed_since"));
    print_last(cli, json_object_get(told, "last"));
    table_print_field(cli, TITLE_WIDTH, "waiting", json_object_get(told, "waiting"));
    print_jobs(cli, json_object_get(told, "runs"));
    table_print_field(cli, TITLE_WIDTH, "error", json_object_get(told, "error"));
}

static void print_times(const struct cli *cli, const struct schedule_seen *seen)
{
    static const struct table_column columns[] = {{"NEXT", "local", TABLE_TEXT},
                                                  {"UTC", "utc", TABLE_TEXT},
                                                  {"NOTE", "note", TABLE_TEXT},
                                                  {0}};
    json_t *times = json_array();
    struct occurrence next;
    bool more = schedule_next(seen, &next);
    if (!more && seen->planned)
        print_text(cli, "next", json_string("none"));
    for (unsigned i = 0; i < TIMES && more; i++, more = plan_next(&seen->plan, next.utc, &next)) {
        json_t *row = occurrence_row(&next);
        if (seen->told.paused)
            (void)json_object_set_new(row, "note", json_string("paused"));
        (void)json_array_append_new(times, row);
    }
    if (json_array_size(times))
        (void)putchar('\n');
    table_print(cli, columns, times);
    json_decref(times);
}

static int print(const struct cli *cli, const struct schedule_seen *seen)
{
    json_t *told = schedule_json(seen, TIMES);
    if (!told)
        return cli_error(cli, MUSTER_EPROTO, "the broker's answer cannot be read");
    if (cli->json) {
        (void)json_dumpf(told, stdout, JSON_COMPACT);
        (void)putchar('\n');
    } else {
        table_print_field(cli, TITLE_WIDTH, "name", json_object_get(told, "name"));
        table_print_field(cli, TITLE_WIDTH, "source", json_object_get(told, "source"));
        print_entry(cli, json_object_get(told, "entry"));
        print_state(cli, seen, told);
        print_times(cli, seen);
        uint64_t overdue_ms = schedule_overdue(seen);
        schedule_tell_overdue(cli, overdue_ms != 0, overdue_ms);
    }
    json_decref(told);
    return EXIT_DONE;
}

static int run(struct cli *cli, const void *values, char **args, int count)
{
    struct schedule_seen seen;
    muster_reply_t *reply = NULL;
    struct zones *zones;
    (void)values;
    int status = schedules_check_names(cli, "schedule show", args, count);
    status = status ? status : schedules_zones(cli, &zones);
    if (status)
        return status;
    status = cli_open(cli);
    if (!status)
        status = schedules_find(cli, zones, args[0], &seen, &reply);
    if (!status)
        status = print(cli, &seen);
    muster_reply_destroy(&reply);
    zones_free(zones);
    return status;
}

const struct cli_command cmd_schedule_show = {
    .min_args = 1,
    .max_args = 1,
    .run = run,
    .details = "First the entry in the words of files, where what it does not say has its default; "
               "then its\n"
               "state: nominal times up to \"judged up to\" are decided; \"owed since\" has passed "
               "and is not, as no\n"
               "scheduler runs; \"jobs\" are its runs that have not ended. Then the next times, "
               "local and in UTC;\n"
               "while it is paused, those that it would have.",
};
