/* cmd_schedule_check.c: schedule check: what is wrong in a file of entries, or when each would
 * fire. It asks no broker. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/occurrence.h"
#include "cli/schedules.h"
#include "cli/table.h"
#include "scheduler/entries_file.h"
#include "scheduler/plan_of.h"
#include "wire.h"

#define COUNT_MAX  1000
#define SECOND_MS  1000
#define FAULT_SIZE 1200

struct check_values {
    struct option_number count, from;
};

static const struct option_row rows[] = {
    {"count", OPTION_COUNT, "N", "how many times of each entry (1)",
     offsetof(struct check_values, count), 1, COUNT_MAX},
    {"from", OPTION_TIME, "TIME", "those after this time (now)",
     offsetof(struct check_values, from), 0, 0},
    {0},
};

struct check {
    struct cli *cli;
    const char *path;
    struct zones *zones;
    int64_t from; /* Unix seconds */
    uint64_t count;
    struct entries entries;
    struct yaml_faults faults;
};

/* ---- what is wrong ---- */

static json_t *faults_json(const struct check *c)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->faults.count; i++) {
        const struct yaml_fault *f = &c->faults.list[i];
        (void)json_array_append_new(list, json_pack("{s:i, s:i, s:s}", "line", (int)f->line,
                                                    "column", (int)f->column, "error", f->text));
    }
    return list;
}

/* One object, whether there are faults or not; takes over the entries. */
static int tell_json(const struct check *c, json_t *entries)
{
    json_t *told = json_pack("{s:s, s:o, s:o, s:i}", "file", c->path, "entries", entries, "errors",
                             faults_json(c), "more_errors", (int)c->faults.more);
    int failed = told ? json_dumpf(told, stdout, JSON_COMPACT) : -1;
    (void)putchar('\n');
    json_decref(told);
    return failed ? MUSTER_ENOMEM : 0;
}

static int tell_faults(const struct check *c, int error)
{
    if (error == MUSTER_EIO || error == MUSTER_ENOMEM) {
        char why[FAULT_SIZE];
        yaml_faults_print(&c->faults, c->path, why, sizeof why);
        return cli_error(c->cli, error == MUSTER_EIO ? MUSTER_EINVAL : error, "%s", why);
    }
    if (c->cli->json)
        return tell_json(c, json_array()) ? EXIT_REFUSED : EXIT_JOBS;
    for (uint32_t i = 0; i < c->faults.count; i++) {
        char line[FAULT_SIZE];
        yaml_fault_print(&c->faults.list[i], c->path, line, sizeof line);
        cli_put(stderr, line, "");
        (void)fputc('\n', stderr);
    }
    if (c->faults.more)
        (void)fprintf(stderr, "%s: %u further errors\n", c->path, c->faults.more);
    return EXIT_JOBS;
}

/* ---- when ---- */

static json_t *line_of(const struct msg_schedule *s, const struct occurrence *o)
{
    json_t *row = occurrence_row(o);
    (void)json_object_set_new(row, "name", json_stringn((const char *)s->name.data, s->name.len));
    if (s->paused) {
        (void)json_object_set_new(row, "note", json_string("paused"));
        (void)json_object_set_new(row, "brief", json_string("paused"));
    }
    return row;
}

/* For JSON an array of times, for people one of lines. */
static json_t *times_of(const struct check *c, const struct msg_schedule *s,
                        const struct plan *plan)
{
    json_t *times = json_array();
    struct occurrence next = {.utc = c->from};
    int failed = 0;
    for (uint64_t n = 0; n < c->count && !failed && plan_next(plan, next.utc, &next); n++)
        failed =
            json_array_append_new(times, c->cli->json ? occurrence_json(&next) : line_of(s, &next));
    if (!failed && !c->cli->json && json_array_size(times) == 0)
        failed = json_array_append_new(times, json_pack("{s:s%, s:s, s:s}", "name", s->name.data,
                                                        s->name.len, "note", "it has ended",
                                                        "brief", "ended"));
    if (failed)
        json_decref(times);
    return failed ? NULL : times;
}

static int add_entry(const struct check *c, const struct msg_schedule *s, const struct plan *plan,
                     json_t *to)
{
    json_t *times = times_of(c, s, plan);
    int failed;
    if (c->cli->json)
        failed = json_array_append_new(to, json_pack("{s:s%, s:b, s:O}", "name", s->name.data,
                                                     s->name.len, "paused", s->paused != 0, "next",
                                                     times));
    else
        failed = json_array_extend(to, times);
    json_decref(times);
    return failed ? MUSTER_ENOMEM : 0;
}

/* All entries: what they say was checked when they were read. */
static int add_entries(const struct check *c, json_t *to)
{
    int error = 0;
    for (uint32_t i = 0; i < c->entries.count && !error; i++) {
        char why[ZONE_WHY_SIZE + CRON_ERROR_SIZE];
        struct msg_schedule s;
        struct plan plan;
        error = wire_decode_schedule(entries_at(&c->entries, i), &s, NULL, 0);
        if (!error)
            error = plan_of(c->zones, &s, &plan, why, sizeof why);
        if (!error)
            error = add_entry(c, &s, &plan, to);
    }
    return error;
}

static int tell_entries(const struct check *c)
{
    static const struct table_column wide[] = {
        {"NAME", "name", TABLE_TEXT},
        {"LOCAL", "local", TABLE_TEXT},
        {"UTC", "utc", TABLE_TEXT},
        {"NOTE", "note", TABLE_TEXT},
        {0},
    };
    static const struct table_column narrow[] = {
        {"NAME", "name", TABLE_TEXT},
        {"LOCAL", "local", TABLE_TEXT},
        {"UTC", "utc", TABLE_TEXT},
        {"NOTE", "brief", TABLE_TEXT},
        {0},
    };
    static const struct table_column *const layouts[] = {wide, narrow};
    json_t *list = json_array();
    int error = add_entries(c, list);
    if (!error && c->cli->json) {
        error = tell_json(c, json_incref(list));
    } else if (!error) {
        const struct table_column *columns = table_fit(c->cli, layouts, 2, list);
        table_squeeze(c->cli, columns, list, "name", 16);
        table_print(c->cli, columns, list);
        cli_note(c->cli, "%u entries, and nothing wrong", c->entries.count);
    }
    json_decref(list);
    return error ? cli_error(c->cli, error, "%s: %s", c->path, err_text(error)) : EXIT_DONE;
}

/* ---- the command ---- */

static int run(struct cli *cli, const void *values, char **args, int count)
{
    const struct check_values *v = values;
    struct check c = {.cli = cli, .path = args[0]};
    uint64_t from_ms = v->from.given ? v->from.value : clock_wall_ms();
    (void)count;
    c.from = (int64_t)(from_ms / SECOND_MS);
    c.count = v->count.given ? v->count.value : 1;
    int status = schedules_zones(cli, &c.zones);
    if (status)
        return status;
    yaml_faults_init(&c.faults, ENTRIES_FAULTS_MAX);
    int error = entries_read(&c.entries, c.path, c.zones, c.from, &c.faults);
    status = error ? tell_faults(&c, error) : tell_entries(&c);
    entries_fini(&c.entries);
    yaml_faults_fini(&c.faults);
    zones_free(c.zones);
    return status;
}

const struct cli_command cmd_schedule_check = {
    .rows = rows,
    .values_size = sizeof(struct check_values),
    .min_args = 1,
    .max_args = 1,
    .run = run,
    .details =
        "FILE is what muster scheduler takes: docs/scheduler.md. Nobody is asked whether the "
        "broker has\n"
        "entries of these names from elsewhere. Exit status 1: something is wrong, each fault "
        "with its\n"
        "line and column.",
};
