/* cmd_list.c: list, and parked list. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/jobs.h"

struct list_values {
    const char *state, *queue, *kind, *after;
    struct option_number limit;
};

static const struct option_row list_rows[] = {
    {"state", OPTION_TEXT, "STATE",
     "scheduled, ready, running, completed, cancelled, expired or parked",
     offsetof(struct list_values, state), 0, 0},
    {"queue", OPTION_NAME, "QUEUE", "only this queue", offsetof(struct list_values, queue), 0, 0},
    {"kind", OPTION_NAME, "KIND", "only this kind", offsetof(struct list_values, kind), 0, 0},
    {"limit", OPTION_COUNT, "N", "at most so many (100)", offsetof(struct list_values, limit), 1,
     1000000000},
    {"after", OPTION_TEXT, "ID", "only ids above this one", offsetof(struct list_values, after), 0,
     0},
    {0},
};

/* Asks page after page until the limit. */
static int list_pages(struct cli *cli, struct jobs_out *out, struct muster_filter *filter,
                      uint64_t limit, bool *ret_more)
{
    *ret_more = false;
    while (out->count < limit) {
        uint64_t left = limit - out->count;
        filter->limit = (uint32_t)(left < LIST_MAX ? left : LIST_MAX);
        muster_reply_t *reply;
        int error = muster_list(cli->client, filter, cli_timeout_ms(cli), &reply);
        int status = error ? cli_reply_error(cli, error, reply, "") : jobs_add(out, reply, NULL, 0);
        *ret_more = !error && muster_reply_more(reply, &filter->after);
        muster_reply_destroy(&reply);
        if (status || !*ret_more)
            return status;
    }
    return EXIT_DONE;
}

static int list(struct cli *cli, const char *command, const struct list_values *v,
                const char *state)
{
    struct muster_filter filter = {.state = state, .queue = v->queue, .kind = v->kind};
    enum job_state known;
    if (state && job_state_parse(slice_str(state), &known))
        return cli_usage(cli, command, "--state: \"%s\" is no state of a job", state);
    if (v->after && muster_id_parse(v->after, &filter.after))
        return cli_usage(cli, command, "--after: \"%s\" is no job id", v->after);
    int status = cli_open(cli);
    if (status)
        return status;
    struct jobs_out out;
    jobs_begin(&out, cli, false, JOBS_ANY_STATE);
    bool more;
    status = list_pages(cli, &out, &filter, v->limit.given ? v->limit.value : LIST_DEFAULT, &more);
    (void)jobs_end(&out);
    if (!status && more)
        cli_note(cli, "there are more: give a higher --limit, or the last id with --after");
    else if (!status && out.count == 0)
        cli_note(cli, "no jobs");
    return status;
}

static int run_list(struct cli *cli, const void *values, char **args, int count)
{
    (void)args;
    (void)count;
    const struct list_values *v = values;
    return list(cli, "list", v, v->state);
}

static int run_parked_list(struct cli *cli, const void *values, char **args, int count)
{
    (void)args;
    (void)count;
    return list(cli, "parked list", values, "parked");
}

const struct cli_command cmd_list = {
    .rows = list_rows, .values_size = sizeof(struct list_values), .run = run_list};
const struct cli_command cmd_parked_list = {.rows = list_rows + 1, /* without --state */
                                            .values_size = sizeof(struct list_values),
                                            .run = run_parked_list};
