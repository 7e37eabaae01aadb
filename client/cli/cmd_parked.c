/* cmd_parked.c: parked retry and parked delete. */
#include <stdlib.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/jobs.h"

#define RETRIED (1u << JOB_SCHEDULED | 1u << JOB_READY | 1u << JOB_RUNNING)

struct parked_values {
    bool all;
    const char *queue, *kind;
};

static const struct option_row rows[] = {
    {"all", OPTION_FLAG, NULL, "every parked job that the filters let through",
     offsetof(struct parked_values, all), 0, 0},
    {"queue", OPTION_NAME, "QUEUE", "with --all: only this queue",
     offsetof(struct parked_values, queue), 0, 0},
    {"kind", OPTION_NAME, "KIND", "with --all: only this kind",
     offsetof(struct parked_values, kind), 0, 0},
    {0},
};

/* ---- retry ---- */

static int retry_some(muster_client_t *client, const uint64_t *ids, size_t count,
                      uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    return muster_parked(client, MUSTER_PARKED_RETRY, ids, count, timeout_ms, ret_reply);
}

/* The broker takes a bounded slice at a time, and says where to go on. */
static int retry_all(struct cli *cli, struct jobs_out *out, const struct parked_values *v)
{
    struct muster_filter filter = {.queue = v->queue, .kind = v->kind};
    for (;;) {
        muster_reply_t *reply;
        int error = muster_parked_all(cli->client, MUSTER_PARKED_RETRY, &filter,
                                      cli_timeout_ms(cli), &reply);
        int status = error ? cli_reply_error(cli, error, reply, "") : jobs_add(out, reply, NULL, 0);
        bool more = !error && muster_reply_more(reply, &filter.after);
        muster_reply_destroy(&reply);
        if (status || !more)
            return status;
    }
}

/* ---- delete ---- */

/* Tells those jobs of a list that have been deleted, as they were before. */
static int tell_deleted(struct jobs_out *out, const muster_reply_t *before,
                        const muster_reply_t *after)
{
    int ignored;
    struct job_entries old = job_entries_of(before), new = job_entries_of(after);
    struct slice was, is;
    while (job_entries_next(&old, &was)) {
        if (job_entry_state(was) != JOB_PARKED || !job_entries_next(&new, &is))
            continue;
        if (!job_entry_check(is, after, &ignored))
            jobs_take(out, was);
    }
    jobs_flush(out);
    return 0;
}

/* Deletes those jobs of a list that are parked; the others are errors. `ids` names what is not
 * there, NULL for a list without holes. */
static int delete_listed(struct jobs_out *out, const muster_reply_t *list, const uint64_t *ids)
{
    uint64_t parked[IDS_PER_REQUEST];
    uint32_t parked_count = 0;
    struct job_entries entries = job_entries_of(list);
    struct slice entry;
    for (uint32_t i = 0; i < IDS_PER_REQUEST && job_entries_next(&entries, &entry); i++) {
        char text[MUSTER_ID_TEXT_BYTES] = "";
        int error = MUSTER_EPROTO;
        struct slice id = job_entry_text(entry, "id");
        if (!job_entry_check(entry, list, &error) || id.len != MUSTER_ID_TEXT_BYTES - 1) {
            if (ids)
                jobs_miss(out, ids[i], error);
        } else if (job_entry_state(entry) != JOB_PARKED) {
            jobs_refuse(out, entry);
        } else {
            memcpy(text, id.data, id.len);
            parked_count += muster_id_parse(text, &parked[parked_count]) == 0;
        }
    }
    if (parked_count == 0)
        return 0;
    muster_reply_t *reply;
    int error = muster_parked(out->cli->client, MUSTER_PARKED_DELETE, parked, parked_count,
                              cli_timeout_ms(out->cli), &reply);
    int status =
        error ? cli_reply_error(out->cli, error, reply, "") : tell_deleted(out, list, reply);
    muster_reply_destroy(&reply);
    return status;
}

static int delete_some(struct cli *cli, struct jobs_out *out, const uint64_t *ids, size_t count)
{
    for (size_t at = 0; at < count; at += IDS_PER_REQUEST) {
        size_t some = count - at < IDS_PER_REQUEST ? count - at : IDS_PER_REQUEST;
        muster_reply_t *list;
        int error = muster_get(cli->client, ids + at, some, cli_timeout_ms(cli), &list);
        int status = error && !(list && cli_body(list).len) ? cli_reply_error(cli, error, list, "")
                                                            : delete_listed(out, list, ids + at);
        muster_reply_destroy(&list);
        if (status)
            return status;
    }
    return 0;
}

static int delete_all(struct cli *cli, struct jobs_out *out, const struct parked_values *v)
{
    struct muster_filter filter = {
        .state = "parked", .queue = v->queue, .kind = v->kind, .limit = LIST_MAX};
    for (;;) {
        muster_reply_t *list;
        int error = muster_list(cli->client, &filter, cli_timeout_ms(cli), &list);
        int status = error ? cli_reply_error(cli, error, list, "") : delete_listed(out, list, NULL);
        bool more = !error && muster_reply_more(list, &filter.after);
        muster_reply_destroy(&list);
        if (status || !more)
            return status;
    }
}

/* ---- both ---- */

static int change(struct cli *cli, const char *command, bool remove, const struct parked_values *v,
                  char **args, int count)
{
    uint64_t *ids = NULL;
    if (v->all == (count > 0))
        return cli_usage(cli, command, "%s needs either ids or --all", command);
    if (!v->all && (v->queue || v->kind))
        return cli_usage(cli, command, "--queue and --kind go with --all");
    int status = v->all ? 0 : cli_ids(cli, command, args, count, &ids);
    status = status ? status : cli_open(cli);
    if (!status) {
        struct jobs_out out;
        jobs_begin(&out, cli, true, remove ? JOBS_ANY_STATE : RETRIED);
        out.says = remove ? "deleted" : NULL;
        out.retried = !remove;
        if (remove)
            status = v->all ? delete_all(cli, &out, v) : delete_some(cli, &out, ids, (size_t)count);
        else
            status = v->all ? retry_all(cli, &out, v)
                            : jobs_each(&out, retry_some, ids, (size_t)count, cli_timeout_ms(cli));
        int missing = jobs_end(&out);
        status = status ? status : missing;
    }
    free(ids);
    return status;
}

static int run_retry(struct cli *cli, const void *values, char **args, int count)
{
    return change(cli, "parked retry", false, values, args, count);
}

static int run_delete(struct cli *cli, const void *values, char **args, int count)
{
    return change(cli, "parked delete", true, values, args, count);
}

const struct cli_command cmd_parked_retry = {
    .rows = rows,
    .values_size = sizeof(struct parked_values),
    .max_args = -1,
    .run = run_retry,
    .details =
        "They are ready again, with no failures or losses counted; what is known of their earlier\n"
        "attempts stays.",
};
const struct cli_command cmd_parked_delete = {
    .rows = rows, .values_size = sizeof(struct parked_values), .max_args = -1, .run = run_delete};
