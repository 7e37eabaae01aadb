/* cmd_schedule_history.c: schedule history: what became of a schedule's nominal times. */
#include <inttypes.h>

#include "cli/commands.h"
#include "cli/ledger_page.h"
#include "cli/schedule_view.h"
#include "cli/table.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     10000000

struct history_values {
    struct option_number from, limit;
};

static const struct option_row rows[] = {
    {"from", OPTION_TIME, "TIME", "none of times before this",
     offsetof(struct history_values, from), 0, 0},
    {"limit", OPTION_COUNT, "N", "at most so many lines (100)",
     offsetof(struct history_values, limit), 1, LIMIT_MAX},
    {0},
};

/* ---- one row ---- */

static json_t *told_row(const json_t *row)
{
    json_t *count = json_object_get(row, "count");
    return json_pack("{s:o, s:O?, s:O?, s:O?, s:o, s:o, s:O?}", "nominal_time",
                     schedule_time_of(row, "nominal"), "verdict", json_object_get(row, "verdict"),
                     "reason", json_object_get(row, "reason"), "job", json_object_get(row, "job"),
                     "judged_at", schedule_time_of(row, "judged"), "first_time",
                     schedule_time_of(row, "first"), "count", count);
}

/* A row for many has no job: what many means stands there. */
static json_t *job_cell(const json_t *row)
{
    uint64_t count = ledger_number(row, "count"), first = ledger_number(row, "first");
    if (!count)
        return json_incref(json_object_get(row, "job"));
    json_t *from = schedule_seconds(first);
    json_t *cell = first ? json_sprintf("%" PRIu64 " from %s", count, json_string_value(from))
                         : json_sprintf("%" PRIu64 " times", count);
    json_decref(from);
    return cell;
}

static json_t *table_row(const json_t *row)
{
    return json_pack(
        "{s:o, s:O?, s:O?, s:o?, s:o}", "time", schedule_seconds(ledger_number(row, "nominal")),
        "verdict", json_object_get(row, "verdict"), "reason", json_object_get(row, "reason"), "job",
        job_cell(row), "judged", schedule_seconds(ledger_number(row, "judged")));
}

/* ---- all ---- */

/* Adds a page to the table, or prints it. */
static int tell_page(const struct cli *cli, const json_t *page, uint64_t told, json_t *table)
{
    size_t index;
    json_t *row;
    json_array_foreach(page, index, row)
    {
        if (!cli->json) {
            if (json_array_append_new(table, table_row(row)))
                return cli_error(cli, MUSTER_ENOMEM, "out of memory");
            continue;
        }
        json_t *one = told_row(row);
        (void)putchar(told + index ? ',' : '[');
        (void)json_dumpf(one, stdout, JSON_COMPACT);
        json_decref(one);
    }
    return 0;
}

static int read_all(struct cli *cli, struct ledger_question *q, uint64_t limit, json_t *table,
                    uint64_t *ret_told)
{
    bool more = true;
    int status = 0;
    while (!status && more && *ret_told < limit) {
        json_t *page;
        uint64_t left = limit - *ret_told;
        q->limit = (uint32_t)(left < LEDGER_PAGE_ROWS ? left : LEDGER_PAGE_ROWS);
        status = ledger_page_read(cli, q, &page, &more);
        if (!status)
            status = tell_page(cli, page, *ret_told, table);
        *ret_told += json_array_size(page);
        json_decref(page);
    }
    return status;
}

static void print_table(const struct cli *cli, const json_t *table, const char *name)
{
    static const struct table_column wide[] = {
        {"NOMINAL", "time", TABLE_TEXT},  {"VERDICT", "verdict", TABLE_TEXT},
        {"REASON", "reason", TABLE_TEXT}, {"JOB", "job", TABLE_TEXT},
        {"JUDGED", "judged", TABLE_TEXT}, {0}};
    static const struct table_column narrow[] = {{"NOMINAL", "time", TABLE_TEXT},
                                                 {"VERDICT", "verdict", TABLE_TEXT},
                                                 {"REASON", "reason", TABLE_TEXT},
                                                 {"JOB", "job", TABLE_TEXT},
                                                 {0}};
    static const struct table_column *const layouts[] = {wide, narrow};
    table_print(cli, table_fit(cli, layouts, 2, table), table);
    if (json_array_size(table) == 0)
        cli_note(cli, "nothing is known of times of %s in that span", name);
}

static int run(struct cli *cli, const void *values, char **args, int count)
{
    const struct history_values *v = values;
    struct ledger_question q = {.name = args[0], .from_ms = v->from.given ? v->from.value : 0};
    uint64_t told = 0;
    int status = schedules_check_names(cli, "schedule history", args, count);
    status = status ? status : cli_open(cli);
    if (status)
        return status;
    json_t *table = json_array();
    status = read_all(cli, &q, v->limit.given ? v->limit.value : LIMIT_DEFAULT, table, &told);
    if (cli->json && (!status || told))
        printf("%s]\n", told ? "" : "[");
    else if (!cli->json && (!status || told))
        print_table(cli, table, args[0]);
    json_decref(table);
    return status;
}

const struct cli_command cmd_schedule_history = {
    .rows = rows,
    .values_size = sizeof(struct history_values),
    .min_args = 1,
    .max_args = 1,
    .run = run,
    .details = "Newest first. JOB: the run, or the one that it would have overlapped. A line for "
               "many times says\n"
               "there how many they are, and from when. Lines are kept for the schedule's "
               "catch_up_window and a\n"
               "day more. Times of runs by hand (reason trigger) are when they were asked for.",
};
