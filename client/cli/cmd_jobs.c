/* cmd_jobs.c: the commands that take ids: show, wait, cancel. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/jobs.h"
#include "cli/progress.h"
#include "json.h"

/* ---- show ---- */

static int tell_one(const struct cli *cli, const muster_reply_t *reply, const char *word)
{
    int error = 0;
    struct slice entry = job_entry_first(reply);
    if (!job_entry_check(entry, reply, &error))
        return cli_error(cli, error, "job %s: %s", word, jobs_error_text(error));
    if (cli->json) {
        cli_print_json(entry);
        return EXIT_DONE;
    }
    json_t *job = msgpack_to_jansson(entry);
    if (!job)
        return cli_error(cli, MUSTER_EPROTO, "the broker's answer is no job");
    jobs_print_one(cli, job);
    json_decref(job);
    return EXIT_DONE;
}

static int show(struct cli *cli, const char *command, char **words)
{
    uint64_t *ids;
    muster_reply_t *reply;
    int status = cli_ids(cli, command, words, 1, &ids);
    if (status)
        return status;
    status = cli_open(cli);
    if (!status) {
        int error = muster_get(cli->client, ids, 1, cli_timeout_ms(cli), &reply);
        if (error && !(reply && cli_body(reply).len))
            status = cli_reply_error(cli, error, reply, words[0]);
        else
            status = tell_one(cli, reply, words[0]);
        muster_reply_destroy(&reply);
    }
    free(ids);
    return status;
}

static int run_show(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    (void)count;
    return show(cli, "show", args);
}

static int run_parked_show(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    (void)count;
    return show(cli, "parked show", args);
}

const struct cli_command cmd_show = {
    .min_args = 1,
    .max_args = 1,
    .run = run_show,
    .details = "A job that waits says what for. Finished jobs are kept for a while, without their "
               "args. --json\n"
               "has all fields.",
};
const struct cli_command cmd_parked_show = {.min_args = 1, .max_args = 1, .run = run_parked_show};

/* ---- wait and cancel ---- */

/* Jobs that did not complete make the exit status 1 where no state is an error by itself. */
static int each(struct cli *cli, const char *command, jobs_ask_fn *ask, uint64_t timeout_ms,
                char **args, int count, unsigned wanted)
{
    uint64_t *ids;
    int status = cli_ids(cli, command, args, count, &ids);
    if (status)
        return status;
    status = cli_open(cli);
    if (!status) {
        struct jobs_out out;
        jobs_begin(&out, cli, true, wanted);
        status = jobs_each(&out, ask, ids, (size_t)count, timeout_ms);
        int missing = jobs_end(&out);
        if (!status && !missing && wanted == JOBS_ANY_STATE && out.unhappy)
            status = EXIT_JOBS;
        status = status ? status : missing;
    }
    free(ids);
    return status;
}

static int run_wait(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    return each(cli, "wait", muster_wait, cli_wait_ms(cli), args, count, JOBS_ANY_STATE);
}

/* ---- cancel by filter ---- */

struct cancel_values {
    bool all;
    const char *queue, *kind, *state;
};

static const struct option_row cancel_rows[] = {
    {"queue", OPTION_NAME, "QUEUE", "all jobs of this queue", offsetof(struct cancel_values, queue),
     0, 0},
    {"kind", OPTION_NAME, "KIND", "all jobs of this kind; with --queue: of both",
     offsetof(struct cancel_values, kind), 0, 0},
    {"state", OPTION_TEXT, "STATE", "only jobs that are scheduled, ready or running",
     offsetof(struct cancel_values, state), 0, 0},
    {"all", OPTION_FLAG, NULL, "all jobs of all queues", offsetof(struct cancel_values, all), 0, 0},
    {0},
};

struct cancelled { /* so far */
    uint64_t count, running;
    struct progress progress;
};

static int add_slice(struct cli *cli, struct cancelled *c, const muster_reply_t *reply)
{
    json_t *body = msgpack_to_jansson(cli_body(reply));
    const json_t *count = body ? json_object_get(body, "cancelled") : NULL;
    const json_t *running = body ? json_object_get(body, "running") : NULL;
    bool good = json_is_integer(count) && json_is_integer(running);
    if (good) {
        c->count += (uint64_t)json_integer_value(count);
        c->running += (uint64_t)json_integer_value(running);
    }
    json_decref(body);
    return good ? EXIT_DONE : cli_error(cli, MUSTER_EPROTO, "the broker's answer cannot be read");
}

/* The broker takes a bounded slice at a time, and says where to go on. */
static int cancel_slices(struct cli *cli, const struct cancel_values *v, struct cancelled *c)
{
    struct muster_filter filter = {.state = v->state, .queue = v->queue, .kind = v->kind};
    muster_reply_t *before = NULL, *reply;
    bool more = true;
    int status = EXIT_DONE;
    while (more && !status) {
        int error = muster_cancel_all(cli->client, &filter, before, cli_timeout_ms(cli), &reply);
        if (error)
            progress_clear(&c->progress);
        status = error ? cli_reply_error(cli, error, reply, "") : add_slice(cli, c, reply);
        more = !error && muster_reply_more(reply, NULL);
        muster_reply_destroy(&before);
        before = reply;
        progress_show(&c->progress, 0, c->count, "jobs cancelled", clock_ms());
    }
    muster_reply_destroy(&before);
    progress_clear(&c->progress);
    if (status)
        cli_note(cli, "the same command again cancels the rest");
    return status;
}

static int cancel_matching(struct cli *cli, const struct cancel_values *v)
{
    struct cancelled c = {0};
    enum job_state state;
    if (v->state && (job_state_parse(slice_str(v->state), &state) || state > JOB_RUNNING))
        return cli_usage(cli, "cancel", "--state is scheduled, ready or running, not \"%s\"",
                         v->state);
    int status = cli_open(cli);
    if (status)
        return status;
    progress_begin(&c.progress, !cli->json, 0, clock_ms());
    status = cancel_slices(cli, v, &c);
    if (cli->json)
        printf("{\"cancelled\":%" PRIu64 ",\"running\":%" PRIu64 "}\n", c.count, c.running);
    else if (c.running)
        printf("cancelled %" PRIu64 " jobs, %" PRIu64 " of them running\n", c.count, c.running);
    else
        printf("cancelled %" PRIu64 " job%s\n", c.count, c.count == 1 ? "" : "s");
    return status;
}

static int run_cancel(struct cli *cli, const void *values, char **args, int count)
{
    const struct cancel_values *v = values;
    bool filtered = v->queue || v->kind || v->state;
    if (count > 0 ? filtered || v->all : !filtered && !v->all)
        return cli_usage(cli, "cancel", "cancel needs either ids, or --queue, --kind or --all");
    if (count == 0 && v->all && (v->queue || v->kind))
        return cli_usage(cli, "cancel", "--all is for all queues and kinds");
    if (count == 0 && !v->all && !v->queue && !v->kind)
        return cli_usage(cli, "cancel", "--state goes with --queue, --kind or --all");
    if (count == 0)
        return cancel_matching(cli, v);
    return each(cli, "cancel", muster_cancel, cli_timeout_ms(cli), args, count,
                1u << JOB_CANCELLED);
}

const struct cli_command cmd_wait = {
    .min_args = 1,
    .max_args = -1,
    .run = run_wait,
    .details = "Prints the jobs when all have completed, or are parked, cancelled or expired (exit "
               "status 1).\n"
               "--timeout ends the waiting with exit status 6; else it has no limit.",
};
const struct cli_command cmd_cancel = {
    .rows = cancel_rows,
    .values_size = sizeof(struct cancel_values),
    .max_args = -1,
    .run = run_cancel,
    .details = "A running job's processes get SIGTERM, and SIGKILL after 10 s; its result no "
               "longer counts.\n"
               "By filter: all that had been submitted when the command began and have not ended; "
               "parked jobs\n"
               "have ended (muster parked delete). It goes slice by slice while the broker serves "
               "others; after an\n"
               "interruption, the same command again cancels the rest.",
};
