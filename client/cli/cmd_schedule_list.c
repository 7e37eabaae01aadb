/* cmd_schedule_list.c: schedule list: the broker's schedules with their state, by name. */
#include <stdlib.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/occurrence.h"
#include "cli/schedule_view.h"
#include "cli/table.h"
#include "scheduler/zones.h"

struct list_values {
    const char *source;
};

static const struct option_row rows[] = {
    {"source", OPTION_NAME, "NAME", "only those of this source",
     offsetof(struct list_values, source), 0, 0},
    {0},
};

/* What is kept of a schedule until all are known. */
struct line {
    char *name;
    uint64_t revision;
    uint64_t overdue_ms; /* for how long; 0: it is not */
    json_t *row;         /* for people; NULL: it was deleted */
    char *json;          /* for programs; likewise */
};

struct listing {
    const struct cli *cli;
    const char *source;
    struct line *lines;
    size_t count, room;
};

static void forget(void *user)
{
    struct listing *l = user;
    for (size_t i = 0; i < l->count; i++) {
        free(l->lines[i].name);
        free(l->lines[i].json);
        json_decref(l->lines[i].row);
    }
    l->count = 0;
}

/* ---- one line ---- */

static json_t *relative(uint64_t now_ms, uint64_t then_ms)
{
    char text[32];
    bool to_come = then_ms > now_ms;
    if (then_ms == 0)
        return json_null();
    table_duration(text, sizeof text, (double)(to_come ? then_ms - now_ms : now_ms - then_ms));
    return json_sprintf(to_come ? "in %s" : "%s ago", text);
}

/* `ret_at`: Unix ms, 0 for what is no time. */
static const char *next_word(const struct schedule_seen *seen, uint64_t *ret_at)
{
    struct occurrence next;
    *ret_at = 0;
    if (schedule_overdue(seen))
        return "owed";
    if (!seen->planned || seen->told.paused || !schedule_next(seen, &next))
        return schedule_state(seen);
    *ret_at = (uint64_t)next.utc * 1000;
    return NULL;
}

static json_t *row_of(const struct schedule_seen *seen, const json_t *told)
{
    uint64_t next_ms;
    const char *word = next_word(seen, &next_ms);
    const json_t *last = json_object_get(told, "last");
    const json_t *entry = json_object_get(told, "entry");
    const char *last_time = json_string_value(json_object_get(last, "nominal_time"));
    uint64_t last_ms = 0;
    if (last_time && time_parse(last_time, &last_ms))
        last_ms = 0;
    return json_pack(
        "{s:O, s:O, s:o, s:o, s:o, s:o, s:o, s:o, s:O*, s:O*, s:O*, s:O?, s:s*}", "whole_name",
        json_object_get(told, "name"), "name", json_object_get(told, "name"), "schedule",
        seen->readable ? schedule_rule(&seen->definition, false) : json_null(), "brief",
        seen->readable ? schedule_rule(&seen->definition, true) : json_null(), "next",
        word ? json_string(word) : schedule_seconds(next_ms), "next_in",
        word ? json_string(word) : relative(seen->now_ms, next_ms), "last",
        schedule_seconds(last_ms), "last_ago", relative(seen->now_ms, last_ms), "verdict",
        json_object_get(last, "verdict"), "kind", json_object_get(entry, "kind"), "queue",
        json_object_get(entry, "queue"), "source", json_object_get(told, "source"), "error",
        seen->planned ? NULL : seen->why);
}

static int fill(const struct listing *l, struct line *line, const struct schedule_seen *seen)
{
    json_t *told = schedule_json(seen, 1);
    line->overdue_ms = schedule_overdue(seen);
    if (told && l->cli->json)
        line->json = json_dumps(told, JSON_COMPACT);
    else if (told)
        line->row = row_of(seen, told);
    json_decref(told);
    return line->json || line->row ? 0 : MUSTER_ENOMEM;
}

static int take(void *user, const struct schedule_seen *seen)
{
    struct listing *l = user;
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct line *more = realloc(l->lines, room * sizeof *more);
        if (!more)
            return MUSTER_ENOMEM;
        l->lines = more;
        l->room = room;
    }
    bool wanted = !seen->told.deleted && (!l->source || slice_is(seen->told.source, l->source));
    struct line *line = &l->lines[l->count];
    *line = (struct line){.revision = seen->told.revision};
    line->name = strndup((const char *)seen->told.name.data, seen->told.name.len);
    if (!line->name)
        return MUSTER_ENOMEM;
    l->count++;
    return wanted ? fill(l, line, seen) : 0;
}

/* ---- all of them ---- */

static int by_name(const void *left, const void *right)
{
    const struct line *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : (a->revision > b->revision) - (a->revision < b->revision);
}

/* The newest of those of one name. */
static bool counts(const struct listing *l, size_t i)
{
    bool newest = i + 1 == l->count || strcmp(l->lines[i].name, l->lines[i + 1].name) != 0;
    return newest && (l->lines[i].row || l->lines[i].json);
}

static void print_json(const struct listing *l)
{
    bool first = true;
    (void)putchar('[');
    for (size_t i = 0; i < l->count; i++) {
        if (!counts(l, i))
            continue;
        printf("%s%s", first ? "" : ",", l->lines[i].json);
        first = false;
    }
    printf("]\n");
}

static void print_errors(const json_t *table)
{
    size_t index;
    json_t *row;
    json_array_foreach(table, index, row)
    {
        const char *error = json_string_value(json_object_get(row, "error"));
        if (!error)
            continue;
        cli_put(stdout, json_string_value(json_object_get(row, "whole_name")), "");
        fputs(": ", stdout);
        cli_put(stdout, error, "");
        (void)putchar('\n');
    }
}

/* From the widest on: which key of the rows stands in a column, NULL: none does. */
static const struct layout {
    const char *schedule, *next, *last, *kind, *queue, *source;
} layouts[] = {
    {"schedule", "next", "last", "kind", "queue", "source"},
    {"schedule", "next_in", "last_ago", "kind", "queue", "source"},
    {"brief", "next_in", "last_ago", "kind", "queue", "source"},
    {"brief", "next_in", "last_ago", "kind", NULL, NULL},
    {"brief", "next_in", NULL, NULL, NULL, NULL},
};
#define LAYOUTS     (sizeof layouts / sizeof layouts[0])
#define COLUMNS_MAX 9 /* with the end */

static void lay_out(const struct layout *l, struct table_column ret[COLUMNS_MAX])
{
    const struct table_column columns[] = {
        {"NAME", "name", TABLE_TEXT},       {"SCHEDULE", l->schedule, TABLE_TEXT},
        {"NEXT", l->next, TABLE_TEXT},      {"LAST", l->last, TABLE_TEXT},
        {"VERDICT", "verdict", TABLE_TEXT}, {"KIND", l->kind, TABLE_TEXT},
        {"QUEUE", l->queue, TABLE_TEXT},    {"SOURCE", l->source, TABLE_TEXT},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (columns[i].key)
            ret[count++] = columns[i];
    ret[count] = (struct table_column){0};
}

static void print_table(const struct listing *l)
{
    struct table_column columns[LAYOUTS][COLUMNS_MAX];
    const struct table_column *choice[LAYOUTS];
    json_t *table = json_array();
    for (size_t i = 0; i < l->count; i++)
        if (counts(l, i))
            (void)json_array_append(table, l->lines[i].row);
    for (size_t i = 0; i < LAYOUTS; i++) {
        lay_out(&layouts[i], columns[i]);
        choice[i] = columns[i];
    }
    const struct table_column *chosen = table_fit(l->cli, choice, LAYOUTS, table);
    table_squeeze(l->cli, chosen, table, "name", 24);
    table_squeeze(l->cli, chosen, table, "brief", 16);
    table_print(l->cli, chosen, table);
    print_errors(table);
    if (json_array_size(table) == 0)
        cli_note(l->cli, "no schedules: see muster schedule put --help, and muster scheduler");
    json_decref(table);
}

/* Nobody fires: what the table shows as next will not happen. */
static void tell_overdue(const struct listing *l)
{
    uint64_t longest = 0, count = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (!counts(l, i) || !l->lines[i].overdue_ms)
            continue;
        longest = l->lines[i].overdue_ms > longest ? l->lines[i].overdue_ms : longest;
        count++;
    }
    schedule_tell_overdue(l->cli, count, longest);
}

static int run(struct cli *cli, const void *values, char **args, int count)
{
    const struct list_values *v = values;
    struct listing l = {.cli = cli, .source = v->source};
    const struct schedules_reader reader = {.take = take, .forget = forget, .user = &l};
    struct zones *zones;
    (void)args;
    (void)count;
    int status = schedules_zones(cli, &zones);
    if (status)
        return status;
    status = cli_open(cli);
    status = status ? status : schedules_read_all(cli, zones, &reader);
    if (!status && l.count)
        qsort(l.lines, l.count, sizeof *l.lines, by_name);
    if (!status && cli->json)
        print_json(&l);
    else if (!status)
        print_table(&l);
    if (!status)
        tell_overdue(&l);
    forget(&l);
    free(l.lines);
    zones_free(zones);
    return status;
}

const struct cli_command cmd_schedule_list = {
    .rows = rows,
    .values_size = sizeof(struct list_values),
    .run = run,
    .details = "NEXT: the next time, by the broker's clock and the time zones of this machine, or "
               "paused, ended,\n"
               "or owed: a time has passed and nobody fires it. LAST and VERDICT: the newest time "
               "that was due,\n"
               "and what became of it. In a terminal too narrow for that, times are told as from "
               "now, and columns\n"
               "are left out. --json has all.",
};
