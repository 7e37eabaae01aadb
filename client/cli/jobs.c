/* jobs.c: jobs as tables, as lines, or as JSON; one of them with its attempts and its log. */
#include "cli/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cli/table.h"
#include "json.h"
#include "wire.h"

static const struct table_column job_columns[] = {
    {"ID", "id", false},
    {"KIND", "kind", false},
    {"QUEUE", "queue", false},
    {"STATE", "state", false},
    {"PRIO", "priority", true},
    {"FAILED", "failures", true},
    {"LOST", "losses", true},
    {"CREATED", "created_at", false},
    {"ERROR", "error_text", false},
    {0},
};

static const struct table_column attempt_columns[] = {
    {"ATTEMPT", "attempt", true},  {"OUTCOME", "outcome", false},
    {"WORKER", "worker", false},   {"STARTED", "started_at", false},
    {"ENDED", "ended_at", false},  {"CODE", "code", false},
    {"MESSAGE", "message", false}, {0},
};

/* ---- one job ---- */

/* "code: message" of an object that has them. */
static void add_error_text(json_t *job)
{
    json_t *error = json_object_get(job, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    if (code)
        (void)json_object_set_new(
            job, "error_text",
            json_sprintf("%s%s%s", code, message && *message ? ": " : "", message ? message : ""));
}

static void print_log(const struct cli *cli, const char *log)
{
    printf("\n%slog of the last attempt%s\n", cli_colour(cli, "bold"), cli_colour(cli, "reset"));
    while (*log) {
        size_t len = strcspn(log, "\n");
        char *line = strndup(log, len);
        printf("  ");
        cli_put(stdout, line ? line : "?", "\t");
        (void)putchar('\n');
        free(line);
        log += len + (log[len] == '\n');
    }
}

static void print_attempts(const struct cli *cli, const json_t *attempts)
{
    if (json_array_size(attempts) == 0)
        return;
    (void)putchar('\n');
    table_print(cli, attempt_columns, attempts);
    const json_t *last = json_array_get(attempts, json_array_size(attempts) - 1);
    const char *log = json_string_value(json_object_get(last, "log"));
    if (log && *log)
        print_log(cli, log);
}

void jobs_print_one(const struct cli *cli, const json_t *job)
{
    static const char *const plain[] = {"id",       "kind",       "queue",        "state",
                                        "priority", "schedule",   "nominal_time", "created_at",
                                        "run_at",   "started_at", "finished_at",  "worker",
                                        "stopping", "failures",   "max_attempts", "losses"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        table_print_field(cli, TABLE_FIELD_WIDTH, plain[i], json_object_get(job, plain[i]));
    const json_t *waits = json_object_get(job, "waits");
    table_print_field(cli, TABLE_FIELD_WIDTH, "waits", json_object_get(waits, "reason"));
    table_print_field(cli, TABLE_FIELD_WIDTH, "", json_object_get(waits, "text"));
    const json_t *error = json_object_get(job, "error");
    table_print_field(cli, TABLE_FIELD_WIDTH, "error", json_object_get(error, "code"));
    table_print_field(cli, TABLE_FIELD_WIDTH, "", json_object_get(error, "message"));
    const char *const json_fields[] = {"args", "result"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_object_get(job, json_fields[i]);
        char *text = value ? table_json(value) : NULL;
        if (text && !json_is_null(value)) {
            printf("%s%-*s%s ", cli_colour(cli, "dim"), TABLE_FIELD_WIDTH, json_fields[i],
                   cli_colour(cli, "reset"));
            cli_put(stdout, text, "");
            (void)putchar('\n');
        }
        free(text);
    }
    print_attempts(cli, json_object_get(job, "attempts"));
}

/* ---- many jobs ---- */

void jobs_begin(struct jobs_out *out, const struct cli *cli, bool brief, unsigned wanted)
{
    *out = (struct jobs_out){.cli = cli, .brief = brief, .wanted = wanted, .page = json_array()};
    if (cli->json)
        (void)putchar('[');
}

const char *jobs_error_text(int error)
{
    if (error == MUSTER_EGONE) /* the broker cannot tell which */
        return "it has finished and is no longer kept, or was never submitted";
    return error == MUSTER_ENOTFOUND ? "there is no such job" : err_text(error);
}

void jobs_miss(struct jobs_out *out, uint64_t id, int error)
{
    char text[MUSTER_ID_TEXT_BYTES];
    muster_id_format(id, text);
    jobs_flush(out);
    int status = cli_error(out->cli, error, "job %s: %s", text, jobs_error_text(error));
    out->status = out->status ? out->status : status;
}

void jobs_refuse(struct jobs_out *out, struct slice entry)
{
    int status = cli_error(out->cli, MUSTER_ESTATE, "job %.*s is %.*s",
                           SLICE_FMT(job_entry_text(entry, "id")),
                           SLICE_FMT(job_entry_text(entry, "state")));
    out->status = out->status ? out->status : status;
}

void jobs_take(struct jobs_out *out, struct slice entry)
{
    enum job_state state = job_entry_state(entry);
    out->unhappy =
        out->unhappy || state == JOB_PARKED || state == JOB_CANCELLED || state == JOB_EXPIRED;
    if (out->cli->json && out->count)
        (void)putchar(',');
    if (out->cli->json)
        cli_print_json_raw(entry);
    else
        (void)json_array_append_new(out->page, msgpack_to_jansson(entry));
    out->count++;
    if (!(out->wanted & 1u << state))
        jobs_refuse(out, entry);
}

/* A job in a line. */
static void print_brief(const struct jobs_out *out, const json_t *job)
{
    const char *state = json_string_value(json_object_get(job, "state"));
    const char *error = json_string_value(json_object_get(job, "error_text"));
    const char *id = json_string_value(json_object_get(job, "id"));
    const char *stopping = json_is_true(json_object_get(job, "stopping")) ? " (stopping)" : "";
    if (out->retried || (error && state && strcmp(error, state) == 0))
        error = NULL; /* it is over, or says "cancelled" once more */
    state = out->says ? out->says : state ? state : "?";
    const char *colour = table_state_colour(out->cli, state);
    cli_put(stdout, id ? id : "?", "");
    printf(" %s", colour);
    cli_put(stdout, state, "");
    printf("%s%s%s", *colour ? cli_colour(out->cli, "reset") : "", stopping, error ? "  " : "");
    cli_put(stdout, error ? error : "", "");
    (void)putchar('\n');
}

void jobs_flush(struct jobs_out *out)
{
    size_t index;
    json_t *job;
    json_array_foreach(out->page, index, job)
    {
        add_error_text(job);
        if (out->brief)
            print_brief(out, job);
    }
    if (!out->brief)
        table_print(out->cli, job_columns, out->page);
    (void)json_array_clear(out->page);
}

int jobs_add(struct jobs_out *out, const muster_reply_t *reply, const uint64_t *ids, size_t count)
{
    struct wire_reader r = {cli_body(reply)};
    struct wire_token array;
    if (wire_read(&r, &array) || array.kind != WIRE_ARRAY || (ids && array.count != count))
        return cli_error(out->cli, MUSTER_EPROTO, "the broker's answer is no list of these jobs");
    for (uint32_t i = 0; i < array.count; i++) {
        struct slice entry;
        int error;
        if (wire_skip(&r, &entry))
            break;
        if (job_entry_check(entry, reply, &error))
            jobs_take(out, entry);
        else if (ids)
            jobs_miss(out, ids[i], error);
    }
    jobs_flush(out);
    return 0;
}

int jobs_end(struct jobs_out *out)
{
    jobs_flush(out);
    if (out->cli->json)
        printf("]\n");
    json_decref(out->page);
    return out->status;
}

int jobs_each(struct jobs_out *out, jobs_ask_fn *ask, const uint64_t *ids, size_t count,
              uint64_t timeout_ms)
{
    for (size_t at = 0; at < count; at += IDS_PER_REQUEST) {
        size_t some = count - at < IDS_PER_REQUEST ? count - at : IDS_PER_REQUEST;
        muster_reply_t *reply;
        int error = ask(out->cli->client, ids + at, some, timeout_ms, &reply);
        int status = 0;
        if (reply && cli_body(reply).len)
            status = jobs_add(out, reply, ids + at, some);
        if (!status && error)
            status =
                cli_reply_error(out->cli, error, reply,
                                reply && error == MUSTER_ETIMEOUT ? "not all jobs have ended" : "");
        muster_reply_destroy(&reply);
        if (status)
            return status;
    }
    return 0;
}
