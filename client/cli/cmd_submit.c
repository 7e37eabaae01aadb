/* cmd_submit.c: submit one job, and wait for it if asked to. */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/backoff.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/args_input.h"
#include "cli/commands.h"
#include "cli/job_entry.h"
#include "cli/submit.h"
#include "cli/table.h"
#include "json.h"

#define ARGS_MAX_BYTES ((size_t)64 << 20)
#define LINE_KEY_BYTES (KEY_MAX_BYTES - 21) /* leaves room for "/" and a line's number */

#define ROW(name, kind, argument, help, field, min, max)                                           \
    {                                                                                              \
        name, kind, argument, help, offsetof(struct submit_values, field), min, max                \
    }

static const struct option_row rows[] = {
    ROW("queue", OPTION_NAME, "QUEUE", "the queue (default)", queue, 0, 0),
    ROW("priority", OPTION_COUNT, "N", "0 (first) to 9 (5)", priority, 0, PRIORITY_COUNT - 1),
    ROW("delay", OPTION_DURATION, "DURATION", "not before so long from now", delay, 0,
        DELAY_MAX_MS),
    ROW("at", OPTION_TIME, "TIME", "not before this time: 2030-01-31T09:00:00Z", at, 0, 0),
    ROW("max-attempts", OPTION_COUNT, "N", "failures until it is parked (25)", max_attempts, 1,
        MAX_ATTEMPTS_MAX),
    ROW("backoff", OPTION_TEXT, "KIND:BASE:CAP",
        "exponential:2s:1h, linear:5s:10m, fixed:30s (exponential:15s:6h)", backoff, 0, 0),
    ROW("run-timeout", OPTION_DURATION, "DURATION", "longest time of one attempt (30m)",
        run_timeout, 0, RUN_TIMEOUT_MAX_MS),
    ROW("expires-in", OPTION_DURATION, "DURATION", "never runs after so long from now", expires_in,
        0, DELAY_MAX_MS),
    ROW("idempotency-key", OPTION_TEXT, "KEY", "submit once only; with --file line n has KEY/n",
        idempotency_key, 0, 0),
    ROW("meta", OPTION_TEXT, "TEXT", "up to 1 KiB that goes with the job", meta, 0, 0),
    ROW("wait", OPTION_FLAG, NULL, "wait for its end and print its result", wait, 0, 0),
    ROW("file", OPTION_TEXT, "FILE", "a job a line, as JSON (- is standard input)", file, 0, 0),
    {0},
};

struct muster_job submit_job(const struct submit_values *v, const char *kind)
{
    struct muster_job job = MUSTER_JOB(kind);
    job.queue = v->queue;
    job.priority = v->priority.given ? (int)v->priority.value : PRIORITY_DEFAULT;
    job.delay_ms = v->delay.value;
    job.at_ms = v->at.value;
    job.max_attempts = (uint32_t)v->max_attempts.value;
    job.run_timeout_ms = v->run_timeout.value;
    job.expires_in_ms = v->expires_in.value;
    job.backoff = v->backoff;
    job.idempotency_key = v->idempotency_key;
    job.meta = v->meta;
    job.meta_bytes = v->meta ? strlen(v->meta) : 0;
    return job;
}

static int check_values(const struct cli *cli, const struct submit_values *v)
{
    struct backoff parsed;
    if (v->backoff && backoff_parse(v->backoff, &parsed))
        return cli_usage(cli, "submit",
                         "--backoff: \"%s\" is not a backoff such as fixed:30s, "
                         "linear:5s:10m or exponential:2s:1h",
                         v->backoff);
    if (v->meta && strlen(v->meta) > META_MAX_BYTES)
        return cli_usage(cli, "submit", "--meta is longer than %d bytes", META_MAX_BYTES);
    size_t key_max = v->file ? LINE_KEY_BYTES : KEY_MAX_BYTES;
    if (v->idempotency_key && (!*v->idempotency_key || strlen(v->idempotency_key) > key_max))
        return cli_usage(cli, "submit", "--idempotency-key must have 1 to %zu bytes", key_max);
    if (v->run_timeout.given && v->run_timeout.value == 0)
        return cli_usage(cli, "submit", "--run-timeout must be above 0");
    if (v->expires_in.given && v->expires_in.value == 0)
        return cli_usage(cli, "submit", "--expires-in must be above 0");
    if (v->file && v->wait)
        return cli_usage(cli, "submit",
                         "--wait goes with one job; muster queues and muster monitor "
                         "tell how a file of them gets on");
    return 0;
}

/* ---- one job, its end awaited or not ---- */

struct single {
    struct cli *cli;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool acked, ended;
    struct muster_ack ack;
    char text[1025];
    char state[16], code[CODE_MAX_BYTES + 1], message[MESSAGE_MAX_BYTES + 1];
    struct buf result;
};

static void on_ack(void *user, const struct muster_ack *ack)
{
    struct single *s = user;
    pthread_mutex_lock(&s->lock);
    s->acked = true;
    s->ack = *ack;
    (void)snprintf(s->text, sizeof s->text, "%s", ack->text);
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void on_end(void *user, const struct muster_end *end)
{
    struct single *s = user;
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    (void)snprintf(s->state, sizeof s->state, "%s", end->state);
    (void)snprintf(s->code, sizeof s->code, "%s", end->code);
    (void)snprintf(s->message, sizeof s->message, "%s", end->message);
    (void)buf_append(&s->result, end->result, end->result_bytes);
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Waits for one of the flags; false when the time is over. */
static bool await(struct single *s, const bool *flag, uint64_t timeout_ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ms = timeout_ms < DELAY_MAX_MS ? timeout_ms : DELAY_MAX_MS;
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&s->lock);
    while (!*flag && pthread_cond_timedwait(&s->changed, &s->lock, &until) == 0)
        ;
    bool there = *flag;
    pthread_mutex_unlock(&s->lock);
    return there;
}

static void single_init(struct single *s, struct cli *cli)
{
    pthread_condattr_t attributes;
    *s = (struct single){.cli = cli};
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    buf_init(&s->result, ARGS_MAX_BYTES);
}

/* Submits and waits for the acknowledgement. 0 or the exit status. */
static int send_single(struct single *s, struct muster_job *job)
{
    struct cli *cli = s->cli;
    struct muster_broker_info broker;
    int error = muster_client_ready(cli->client, cli_timeout_ms(cli), &broker);
    if (error)
        return cli_reply_error(cli, error, NULL, "");
    if (job->args_bytes > broker.max_payload)
        return cli_error(cli, MUSTER_ETOOBIG,
                         "args: %zu bytes are over the broker's limit of %u (max-payload)",
                         job->args_bytes, broker.max_payload);
    error = muster_submit(cli->client, job);
    if (error)
        return cli_error(cli, error, "%s", err_text(error));
    if (!await(s, &s->acked, cli_timeout_ms(cli))) {
        struct muster_client_status status;
        (void)muster_client_status(cli->client, &status);
        error = !status.connected ? MUSTER_ENOBROKER
                : status.error    ? status.error
                                  : MUSTER_ETIMEOUT;
        return cli_error(cli, error, "the job was not acknowledged: %s", err_text(error));
    }
    if (s->ack.error) {
        int status = (int)cli_exit_of(s->ack.error);
        return cli_error_code(cli, status == EXIT_USAGE ? EXIT_REFUSED : status,
                              err_code(s->ack.error), "%s", s->text);
    }
    return 0;
}

static int tell_id(const struct single *s)
{
    char id[MUSTER_ID_TEXT_BYTES];
    muster_id_format(s->ack.id, id);
    if (s->cli->json)
        printf("{\"id\":\"%s\",\"duplicate\":%s}\n", id, s->ack.duplicate ? "true" : "false");
    else
        printf("%s\n", id);
    return EXIT_DONE;
}

/* ---- --wait ---- */

/* For people: the result, or what went wrong. */
static int tell_end(const struct single *s, const char *state, const char *code,
                    const char *message, struct slice result)
{
    char id[MUSTER_ID_TEXT_BYTES];
    muster_id_format(s->ack.id, id);
    if (strcmp(state, "completed") == 0) {
        if (result.len)
            cli_print_json(result);
        else
            printf("null\n");
        return EXIT_DONE;
    }
    return cli_error_code(s->cli, EXIT_JOBS, state, "job %s is %s%s%s%s%s", id, state,
                          *code ? ": " : "", code, *message ? ": " : "", message);
}

/* What DONE said, as a job map: the broker no longer holds the job. */
static int tell_end_json(const struct single *s, const struct muster_job *job)
{
    char id[MUSTER_ID_TEXT_BYTES];
    muster_id_format(s->ack.id, id);
    json_t *result = s->result.len ? msgpack_to_jansson(buf_slice(&s->result)) : json_null();
    json_t *error = json_null();
    if (*s->code)
        error = json_pack("{s:s, s:s}", "code", s->code, "message", s->message);
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "id", id, "kind", job->kind,
                               "queue", job->queue ? job->queue : "default", "state", s->state,
                               "result", result, "error", error);
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(object);
    return strcmp(s->state, "completed") == 0 ? EXIT_DONE : EXIT_JOBS;
}

/* From a reply of GET or WAIT: the job as JSON, or its end for people. */
static int tell_job(const struct single *s, const muster_reply_t *reply)
{
    struct slice entry = job_entry_first(reply);
    json_t *job = msgpack_to_jansson(entry);
    const char *state = json_string_value(json_object_get(job, "state"));
    const json_t *error = json_object_get(job, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    const json_t *result = json_object_get(job, "result");
    int status = state && strcmp(state, "completed") == 0 ? EXIT_DONE : EXIT_JOBS;
    if (s->cli->json) {
        cli_print_json(entry);
    } else if (status == EXIT_DONE) {
        char *text = table_json(result ? result : json_null());
        printf("%s\n", text ? text : "?");
        free(text);
    } else {
        status = tell_end(s, state ? state : "gone", code ? code : "", message ? message : "",
                          SLICE_EMPTY);
    }
    json_decref(job);
    return status;
}

static int late(const struct single *s)
{
    char id[MUSTER_ID_TEXT_BYTES];
    muster_id_format(s->ack.id, id);
    return cli_error(s->cli, MUSTER_ETIMEOUT,
                     "job %s has not ended in time; muster wait %s goes on", id, id);
}

/* A duplicate's end is told to whoever submitted it first: ask for it. */
static int wait_duplicate(struct single *s)
{
    muster_reply_t *reply;
    int ignored, status;
    int error = muster_wait(s->cli->client, &s->ack.id, 1, cli_wait_ms(s->cli), &reply);
    if (error == MUSTER_ETIMEOUT)
        status = late(s);
    else if (error)
        status = cli_reply_error(s->cli, error, reply, "");
    else if (!job_entry_check(job_entry_first(reply), reply, &ignored))
        status = cli_error(s->cli, MUSTER_EGONE, "the job was submitted before: %s",
                           err_text(MUSTER_EGONE));
    else
        status = tell_job(s, reply);
    muster_reply_destroy(&reply);
    return status;
}

/* A job that waits ends when its time is over and somebody looks at it. */
static bool await_end(struct single *s, const struct muster_job *job)
{
    uint64_t left = cli_wait_ms(s->cli);
    if (!job->expires_in_ms || left <= job->expires_in_ms)
        return await(s, &s->ended, left);
    if (await(s, &s->ended, job->expires_in_ms + 1))
        return true;
    muster_reply_t *reply;
    (void)muster_get(s->cli->client, &s->ack.id, 1, cli_timeout_ms(s->cli), &reply);
    muster_reply_destroy(&reply);
    return await(s, &s->ended, left - job->expires_in_ms);
}

static int wait_single(struct single *s, const struct muster_job *job)
{
    if (s->ack.duplicate)
        return wait_duplicate(s);
    if (!await_end(s, job))
        return late(s);
    if (!s->cli->json)
        return tell_end(s, s->state, s->code, s->message, buf_slice(&s->result));
    muster_reply_t *reply;
    int ignored, status;
    int error = muster_get(s->cli->client, &s->ack.id, 1, cli_timeout_ms(s->cli), &reply);
    if (!error && job_entry_check(job_entry_first(reply), reply, &ignored))
        status = tell_job(s, reply);
    else
        status = tell_end_json(s, job);
    muster_reply_destroy(&reply);
    return status;
}

static int submit_single(struct cli *cli, const struct submit_values *v, char **args, int count)
{
    struct buf packed;
    struct single s;
    buf_init(&packed, ARGS_MAX_BYTES);
    int status = args_input_read(cli, count > 1 ? args[1] : NULL, &packed);
    status = status ? status : cli_open(cli);
    if (status) {
        buf_fini(&packed);
        return status;
    }
    single_init(&s, cli);
    struct muster_job job = submit_job(v, args[0]);
    job.args = packed.data;
    job.args_bytes = packed.len;
    job.on_ack = on_ack;
    job.on_end = v->wait ? on_end : NULL;
    job.user = &s;
    status = send_single(&s, &job);
    if (!status)
        status = v->wait ? wait_single(&s, &job) : tell_id(&s);
    muster_client_destroy(&cli->client); /* no callback after this */
    buf_fini(&s.result);
    buf_fini(&packed);
    return status;
}

static int run_submit(struct cli *cli, const void *values, char **args, int count)
{
    const struct submit_values *v = values;
    int status = check_values(cli, v);
    if (status)
        return status;
    if (count > 0 && !name_valid(slice_str(args[0])))
        return cli_usage(
            cli, "submit",
            "\"%s\" is no kind: 1 to 128 of A-Z a-z 0-9 . _ : / -, first a letter or digit",
            args[0]);
    if (v->file && count > 1)
        return cli_usage(cli, "submit", "ARGS do not go with --file");
    if (v->file)
        return submit_file(cli, v, count ? args[0] : NULL);
    if (count == 0)
        return cli_usage(cli, "submit", "submit needs a KIND, or --file");
    return submit_single(cli, v, args, count);
}

const struct cli_command cmd_submit = {
    .rows = rows,
    .values_size = sizeof(struct submit_values),
    .max_args = 2,
    .run = run_submit,
    .details = "ARGS is any JSON value, - for standard input, or @FILE; {} when absent. Prints the "
               "job's id;\n"
               "with --wait its result, and the exit status is 1 if it did not complete.\n"
               "\n"
               "--file reads one JSON object a line, with the keys kind, args, queue, priority, "
               "delay, at,\n"
               "max_attempts, backoff, run_timeout, expires_in, idempotency_key and meta; what a "
               "line does not\n"
               "say is as on the command line. Bad lines are named on standard error and the "
               "others submitted;\n"
               "the exit status is 1 then. With --idempotency-key, running it again submits what "
               "is missing.",
};
