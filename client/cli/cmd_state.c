/* cmd_state.c: what the broker knows of queues, workers and itself; pause and resume. */
#include <stdio.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "json.h"

static const struct table_column queue_columns[] = {
    {"QUEUE", "queue", false},
    {"PAUSED", "paused", false},
    {"READY", "ready", true},
    {"RUNNING", "running", true},
    {"SCHEDULED", "scheduled", true},
    {"PARKED", "parked", true},
    {"OLDEST", "oldest_ready_s", TABLE_SECONDS},
    {"IN/S", "submitted_per_s", TABLE_RATE},
    {"OUT/S", "completed_per_s", TABLE_RATE},
    {"FAIL/S", "failed_per_s", TABLE_RATE},
    {"WAIT", "wait_ms.p95", TABLE_MS},
    {"RUN", "run_ms.p95", TABLE_MS},
    {0},
};

static const struct table_column worker_columns[] = {
    {"WORKER", "name", false}, {"STATE", "state", false}, {"HOST", "host", false},
    {"PID", "pid", true},      {"SLOTS", "slots", true},  {"QUEUES", "queues", false},
    {"KINDS", "kinds", false}, {"JOBS", "jobs", false},   {0},
};

typedef int ask_fn(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply);

/* Asks and prints JSON; for people, returns the body as a tree. */
static int ask(struct cli *cli, ask_fn *question, json_t **ret_tree)
{
    muster_reply_t *reply;
    *ret_tree = NULL;
    int status = cli_open(cli);
    if (status)
        return status;
    int error = question(cli->client, cli_timeout_ms(cli), &reply);
    if (error)
        status = cli_reply_error(cli, error, reply, "");
    else if (cli->json)
        cli_print_json(cli_body(reply));
    else if (!(*ret_tree = msgpack_to_jansson(cli_body(reply))))
        status = cli_error(cli, MUSTER_EPROTO, "the broker's answer cannot be read");
    muster_reply_destroy(&reply);
    return status;
}

static int print_rows(struct cli *cli, ask_fn *question, const struct table_column *columns,
                      const char *none)
{
    json_t *tree;
    int status = ask(cli, question, &tree);
    if (tree && json_array_size(tree) == 0)
        cli_note(cli, "%s", none);
    if (tree)
        table_print(cli, columns, tree);
    json_decref(tree);
    return status;
}

static int run_queues(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    (void)args;
    (void)count;
    return print_rows(cli, muster_queues, queue_columns,
                      "no queues: a queue exists from its first submit");
}

static int run_workers(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    (void)args;
    (void)count;
    return print_rows(cli, muster_workers, worker_columns, "no workers are connected");
}

/* "a.b value" lines of whatever figures there are, padded to `width`; told is false to measure the
 * names alone. Returns the width of the longest. */
static int each_figure(const struct cli *cli, const char *prefix, const json_t *tree, int width,
                       bool told)
{
    const char *key;
    json_t *value;
    int widest = 0;
    json_object_foreach((json_t *)tree, key, value)
    {
        char name[128];
        int used = snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_is_object(value))
            used = each_figure(cli, name, value, width, told);
        else if (told)
            table_print_field(cli, width, name, value);
        widest = used > widest ? used : widest;
    }
    return widest;
}

static int run_stats(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    (void)args;
    (void)count;
    json_t *tree;
    int status = ask(cli, muster_stats, &tree);
    if (tree) {
        (void)json_object_del(tree, "topic"); /* that of the event with the same figures */
        (void)each_figure(cli, "", tree, each_figure(cli, "", tree, 0, false), true);
    }
    json_decref(tree);
    return status;
}

static int set_paused(struct cli *cli, const char *command, const char *queue, bool paused)
{
    muster_reply_t *reply;
    if (!name_valid(slice_str(queue)))
        return cli_usage(cli, command, "\"%s\" is no queue name", queue);
    int status = cli_open(cli);
    if (status)
        return status;
    int error = muster_pause(cli->client, queue, paused, cli_timeout_ms(cli), &reply);
    if (error)
        status = cli_reply_error(cli, error, reply, queue);
    else if (cli->json)
        printf("{\"queue\":\"%s\",\"paused\":%s}\n", queue, paused ? "true" : "false");
    else
        printf("%s %s\n", queue, paused ? "paused" : "resumed");
    muster_reply_destroy(&reply);
    return status;
}

static int run_pause(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    (void)count;
    return set_paused(cli, "pause", args[0], true);
}

static int run_resume(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    (void)count;
    return set_paused(cli, "resume", args[0], false);
}

const struct cli_command cmd_queues = {
    .run = run_queues,
    .details =
        "READY, RUNNING, SCHEDULED and PARKED are jobs now. RUNNING counts what workers have, with "
        "the few\n"
        "that wait there for a slot. OLDEST: for how long the oldest ready job has been ready. "
        "IN/S, OUT/S\n"
        "and FAIL/S: jobs submitted and completed, and attempts failed, a second, over the last "
        "10 s. WAIT\n"
        "and RUN: 95 of 100 jobs of the last minute waited, and ran, no longer than this. --json "
        "has more.",
};
const struct cli_command cmd_workers = {
    .run = run_workers,
    .details = "A worker that says nothing for three heartbeats is suspect and gets no more jobs; "
               "when its\n"
               "lease is over it is lost, and its jobs run elsewhere. SLOTS: jobs it runs at once. "
               "JOBS: ids of\n"
               "those it has.",
};
const struct cli_command cmd_stats = {
    .run = run_stats,
    .details = "docs/operations.md says which of them to watch; muster monitor broker.stats tells "
               "them again and\nagain.",
};
const struct cli_command cmd_pause = {
    .min_args = 1,
    .max_args = 1,
    .run = run_pause,
    .details =
        "Jobs that run go on; new ones are taken and wait. Kept over restarts of the broker.",
};
const struct cli_command cmd_resume = {
    .min_args = 1,
    .max_args = 1,
    .run = run_resume,
    .details = "What has waited meanwhile is handed out at once, in the usual order.",
};
