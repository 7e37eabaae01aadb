/* cmd_jobs.c: the commands that take ids: show, wait, cancel. */
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/jobs.h"
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

static int run_cancel(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
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
    .min_args = 1,
    .max_args = -1,
    .run = run_cancel,
    .details = "A running job's processes get SIGTERM, and SIGKILL after 10 s; its result no "
               "longer counts.",
};
