/* submit_file.c: submit --file: a line a job, in bounded memory, at the speed of the broker. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/lines.h"
#include "cli/ndjson.h"
#include "cli/progress.h"
#include "cli/submit.h"

#define LINE_SLACK_BYTES 65536 /* a line may have more than its args */
#define JSON_GROWTH      6     /* bytes of JSON for a byte of msgpack, at most: \u0000 */
#define LOOK_AGAIN_MS    100
#define LINES_PER_LOOK   1000

struct bulk {
    struct cli *cli;
    const struct submit_values *values;
    struct muster_job defaults;
    struct muster_broker_info broker;
    struct lines lines;
    struct ndjson_line line;
    struct progress progress;
    pthread_mutex_t lock; /* acknowledgements come on another thread */
    uint64_t sent, submitted, duplicates, refused, answered, unknown;
    uint64_t answered_ms; /* when the last answer came, or nothing was open */
};

/* Which line an acknowledgement is for. */
struct origin {
    struct bulk *bulk;
    uint64_t line;
};

/* Tells a bad line. Locked. */
static void refuse_line(struct bulk *b, uint64_t number, int error, const char *why)
{
    b->refused++;
    progress_clear(&b->progress);
    if (!b->cli->json) {
        fprintf(stderr, "line %" PRIu64 ": %s\n", number, why);
        return;
    }
    json_t *object = json_pack("{s:I, s:s, s:s}", "line", (json_int_t)number, "code",
                               err_code(error), "error", why);
    if (!object) /* not UTF-8 */
        object = json_pack("{s:I, s:s, s:s}", "line", (json_int_t)number, "code", err_code(error),
                           "error", err_text(error));
    (void)json_dumpf(object, stderr, JSON_COMPACT);
    (void)fputc('\n', stderr);
    json_decref(object);
}

static void on_ack(void *user, const struct muster_ack *ack)
{
    struct origin *origin = user;
    struct bulk *b = origin->bulk;
    pthread_mutex_lock(&b->lock);
    b->answered++;
    b->answered_ms = clock_ms();
    if (ack->error == MUSTER_ECLOSED)
        b->unknown++; /* we went away first */
    else if (ack->error)
        refuse_line(b, origin->line, ack->error, ack->text);
    else if (ack->duplicate)
        b->duplicates++;
    else
        b->submitted++;
    pthread_mutex_unlock(&b->lock);
    free(origin);
}

/* Draws the bar, and returns for how long no acknowledgement has come. */
static uint64_t show_progress(struct bulk *b)
{
    pthread_mutex_lock(&b->lock);
    uint64_t now = clock_ms();
    progress_show(&b->progress, b->lines.offset, b->submitted + b->duplicates, "jobs", now);
    uint64_t quiet_ms = now - b->answered_ms;
    pthread_mutex_unlock(&b->lock);
    return quiet_ms;
}

/* Nothing has been acknowledged for --timeout: says why. 0 while there is time. */
static int check_patience(struct bulk *b)
{
    uint64_t quiet_ms = show_progress(b);
    if (quiet_ms < cli_timeout_ms(b->cli))
        return 0;
    struct muster_client_status status;
    (void)muster_client_status(b->cli->client, &status);
    progress_clear(&b->progress);
    if (!status.connected)
        return cli_error(b->cli, MUSTER_ENOBROKER, "the broker at %s no longer answers",
                         b->cli->broker);
    if (status.error)
        return cli_error(b->cli, status.error, "the broker puts the jobs off: %s",
                         err_text(status.error));
    return cli_error(b->cli, MUSTER_ETIMEOUT, "no acknowledgement came in time");
}

/* Waits until there is room, as long as acknowledgements come. 0, or the exit status. */
static int send_job(struct bulk *b, struct muster_job *job, int *ret_error)
{
    pthread_mutex_lock(&b->lock);
    if (b->sent == b->answered)
        b->answered_ms = clock_ms(); /* nothing was open: the time begins now */
    b->sent++;
    pthread_mutex_unlock(&b->lock);
    job->nonblocking = true;
    for (;;) {
        *ret_error = muster_submit(b->cli->client, job);
        if (*ret_error != MUSTER_EFULL)
            return 0;
        (void)muster_client_await_room(b->cli->client, LOOK_AGAIN_MS);
        int status = check_patience(b);
        if (status)
            return status;
    }
}

static void skip_job(struct bulk *b, uint64_t line, int error, const char *why)
{
    pthread_mutex_lock(&b->lock);
    refuse_line(b, line, error, why);
    pthread_mutex_unlock(&b->lock);
}

static bool blank(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (!strchr(" \t\r", line.data[i]))
            return false;
    return true;
}

/* One good or bad line. 0, or the exit status when nothing goes on. */
static int take_line(struct bulk *b, struct slice text)
{
    char why[512], key[KEY_MAX_BYTES + 32];
    uint64_t number = b->lines.number;
    if (number % LINES_PER_LOOK == 0)
        (void)show_progress(b);
    if (blank(text))
        return 0;
    int error =
        ndjson_parse(&b->line, (const char *)text.data, text.len, &b->defaults, why, sizeof why);
    struct muster_job *job = &b->line.job;
    if (!error && job->args_bytes > b->broker.max_payload) {
        error = MUSTER_ETOOBIG;
        (void)snprintf(why, sizeof why,
                       "args: %zu bytes are over the broker's limit of %u (max-payload)",
                       job->args_bytes, b->broker.max_payload);
    }
    if (!error && b->values->idempotency_key && !job->idempotency_key) {
        (void)snprintf(key, sizeof key, "%s/%" PRIu64, b->values->idempotency_key, number);
        job->idempotency_key = key;
    }
    struct origin *origin = error ? NULL : malloc(sizeof *origin);
    if (error) {
        skip_job(b, number, error, why);
        return 0;
    }
    if (!origin)
        return cli_error(b->cli, MUSTER_ENOMEM, "out of memory");
    *origin = (struct origin){b, number};
    job->on_ack = on_ack;
    job->user = origin;
    int status = send_job(b, job, &error);
    if (status || error) {
        pthread_mutex_lock(&b->lock);
        b->sent--;
        pthread_mutex_unlock(&b->lock);
        free(origin);
    }
    if (!status && error)
        skip_job(b, number, error, err_text(error));
    return status;
}

static int read_all(struct bulk *b)
{
    for (;;) {
        struct slice text;
        int error = lines_next(&b->lines, &text);
        int status = 0;
        if (error == MUSTER_ENOTFOUND)
            return 0;
        if (error == MUSTER_ETOOBIG) {
            char why[160];
            (void)snprintf(why, sizeof why,
                           "longer than %zu bytes: args may have %u (the broker's max-payload)",
                           b->lines.line_max, b->broker.max_payload);
            skip_job(b, b->lines.number, error, why);
        } else if (error) {
            status =
                cli_error(b->cli, error, "cannot read %s: %s", b->values->file, strerror(errno));
        } else {
            status = take_line(b, text);
        }
        if (status)
            return status;
    }
}

/* Waits for the acknowledgements that are open. */
static int finish(struct bulk *b)
{
    while (muster_client_flush(b->cli->client, LOOK_AGAIN_MS, NULL)) {
        int status = check_patience(b);
        if (status)
            return status;
    }
    return 0;
}

static void tell_sum(struct bulk *b)
{
    progress_clear(&b->progress);
    if (b->cli->json)
        printf("{\"submitted\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"refused\":%" PRIu64 "}\n",
               b->submitted, b->duplicates, b->refused);
    else
        printf("%" PRIu64 " submitted, %" PRIu64 " duplicates, %" PRIu64 " refused\n", b->submitted,
               b->duplicates, b->refused);
}

static int open_file(const struct cli *cli, const char *name, int *ret_fd, uint64_t *ret_size)
{
    struct stat about;
    *ret_size = 0;
    *ret_fd = strcmp(name, "-") == 0 ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
    if (*ret_fd < 0 || fstat(*ret_fd, &about))
        return cli_usage(cli, "submit", "cannot read %s: %s", name, strerror(errno));
    if (S_ISREG(about.st_mode))
        *ret_size = (uint64_t)about.st_size;
    return 0;
}

static int submit_lines(struct cli *cli, const struct submit_values *v, const char *kind, int fd,
                        uint64_t size)
{
    static struct bulk b; /* outlives the callbacks: the client is closed at the end of main */
    b = (struct bulk){.cli = cli, .values = v, .defaults = submit_job(v, kind)};
    b.defaults.idempotency_key = NULL;
    int error = muster_client_ready(cli->client, cli_timeout_ms(cli), &b.broker);
    if (error)
        return cli_reply_error(cli, error, NULL, "");
    (void)pthread_mutex_init(&b.lock, NULL);
    size_t line_max = (size_t)b.broker.max_payload * JSON_GROWTH + LINE_SLACK_BYTES;
    lines_init(&b.lines, fd, line_max);
    ndjson_init(&b.line, line_max);
    progress_begin(&b.progress, true, size, clock_ms());
    b.answered_ms = clock_ms();
    int status = read_all(&b);
    status = status ? status : finish(&b);
    muster_client_destroy(&cli->client); /* no callback after this: the counts stand */
    tell_sum(&b);
    if (b.unknown && !cli->json)
        fprintf(stderr, "muster: %" PRIu64 " jobs were sent but not acknowledged%s\n", b.unknown,
                v->idempotency_key ? "; run it again with the same --idempotency-key" : "");
    lines_fini(&b.lines);
    ndjson_fini(&b.line);
    return status ? status : b.refused ? EXIT_JOBS : EXIT_DONE;
}

int submit_file(struct cli *cli, const struct submit_values *v, const char *kind)
{
    int fd;
    uint64_t size;
    int status = open_file(cli, v->file, &fd, &size);
    if (status)
        return status;
    status = cli_open(cli);
    if (!status)
        status = submit_lines(cli, v, kind, fd, size);
    (void)close(fd);
    return status;
}
