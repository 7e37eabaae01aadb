/* bench_measure.c: what `muster bench` measures, as a client among others. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/bench.h"
#include "json.h"

#define LATENCY_JOBS    400
#define WARM_UP_JOBS    20
#define SYNC_PROBES     200
#define COUNTER_TICK_NS 500000

static double seconds_now(void)
{
    return (double)clock_us() * 1e-6;
}

static void sleep_ns(long ns)
{
    struct timespec t = {0, ns};
    (void)nanosleep(&t, NULL);
}

/* ---- samples ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct bench_times bench_percentiles(double *seconds, size_t count)
{
    qsort(seconds, count, sizeof *seconds, by_value);
    return (struct bench_times){seconds[count / 2] * 1000, seconds[count * 99 / 100] * 1000};
}

void bench_rates_add(struct bench_rates *r, double rate)
{
    if (r->count == BENCH_ROUNDS_MAX)
        return;
    r->rates[r->count++] = rate;
    qsort(r->rates, r->count, sizeof r->rates[0], by_value);
}

double bench_rates_median(const struct bench_rates *r)
{
    if (r->count == 0)
        return 0;
    return (r->rates[(r->count - 1) / 2] + r->rates[r->count / 2]) / 2;
}

double bench_rates_min(const struct bench_rates *r)
{
    return r->count ? r->rates[0] : 0;
}

double bench_rates_max(const struct bench_rates *r)
{
    return r->count ? r->rates[r->count - 1] : 0;
}

/* ---- counters ---- */

static uint64_t counter(const json_t *queue, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(queue, name));
}

/* Attempts failed and lost; jobs parked, put off ... */
static const char *const troubles[] = {"failed",    "lost",      "parked",
                                       "scheduled", "cancelled", "expired"};
#define TROUBLES (sizeof troubles / sizeof troubles[0])

/* All queues' counters. */
struct counters {
    uint64_t ready, running, completed;
    uint64_t troubles[TROUBLES];
};

static int read_counters(struct cli *cli, struct counters *ret_counters)
{
    muster_reply_t *reply;
    size_t index;
    json_t *queue;
    int error = muster_queues(cli->client, BENCH_PATIENCE_MS, &reply);
    if (error) {
        int status = cli_reply_error(cli, error, reply, "queues");
        muster_reply_destroy(&reply);
        return status;
    }
    json_t *queues = msgpack_to_jansson(cli_body(reply));
    *ret_counters = (struct counters){0};
    json_array_foreach(queues, index, queue)
    {
        ret_counters->ready += counter(queue, "ready");
        ret_counters->running += counter(queue, "running");
        ret_counters->completed += counter(queue, "completed");
        for (size_t i = 0; i < TROUBLES; i++)
            ret_counters->troubles[i] += counter(queue, troubles[i]);
    }
    json_decref(queues);
    muster_reply_destroy(&reply);
    return 0;
}

static int judge(struct cli *cli, const struct counters *c, uint64_t completed)
{
    char text[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < TROUBLES; i++)
        if (c->troubles[i])
            len += (size_t)snprintf(text + len, sizeof text - len, ", %" PRIu64 " %s",
                                    c->troubles[i], troubles[i]);
    if (c->completed <= completed && len == 0)
        return 0;
    return cli_error(cli, MUSTER_EDAMAGED,
                     "the broker counts %" PRIu64 " completed%s where %" PRIu64
                     " were submitted to be completed",
                     c->completed, text, completed);
}

int bench_await_completed(struct cli *cli, uint64_t completed)
{
    struct counters now;
    uint64_t last = UINT64_MAX, moved_ms = clock_ms();
    for (;;) {
        int status = read_counters(cli, &now);
        status = status ? status : judge(cli, &now, completed);
        if (status || now.completed == completed)
            return status;
        if (now.completed != last)
            moved_ms = clock_ms();
        last = now.completed;
        if (clock_ms() - moved_ms > BENCH_PATIENCE_MS)
            return cli_error(cli, MUSTER_ETIMEOUT,
                             "only %" PRIu64 " of %" PRIu64 " jobs have completed", now.completed,
                             completed);
        sleep_ns(COUNTER_TICK_NS);
    }
}

int bench_expect(struct cli *cli, uint64_t ready, uint64_t completed)
{
    struct counters now;
    int status = read_counters(cli, &now);
    status = status ? status : judge(cli, &now, completed);
    if (status || (now.completed == completed && now.ready == ready && now.running == 0))
        return status;
    return cli_error(cli, MUSTER_EDAMAGED,
                     "the broker counts %" PRIu64 " ready, %" PRIu64 " running and %" PRIu64
                     " completed jobs instead of %" PRIu64 ", 0 and %" PRIu64,
                     now.ready, now.running, now.completed, ready, completed);
}

int bench_await_workers(struct cli *cli, uint32_t wanted)
{
    double begun = seconds_now();
    for (;;) {
        muster_reply_t *reply;
        int error = muster_workers(cli->client, BENCH_PATIENCE_MS, &reply);
        json_t *workers = error ? NULL : msgpack_to_jansson(cli_body(reply));
        size_t count = json_array_size(workers);
        json_decref(workers);
        int status = error ? cli_reply_error(cli, error, reply, "workers") : 0;
        muster_reply_destroy(&reply);
        if (status || count >= wanted)
            return status;
        if (seconds_now() - begun > BENCH_PATIENCE_MS / 1000.0)
            return cli_error(cli, MUSTER_ETIMEOUT, "a worker has not joined the broker");
        sleep_ns(COUNTER_TICK_NS);
    }
}

/* ---- latency ---- */

struct probe {
    double begun;
    double acked_s, ended_s; /* since begun; 0: not yet */
    int error;
    atomic_bool acked, ended;
};

static void on_ack(void *user, const struct muster_ack *ack)
{
    struct probe *p = user;
    p->acked_s = seconds_now() - p->begun;
    p->error = ack->error;
    p->acked = true;
    if (ack->error)
        p->ended = true;
}

static void on_end(void *user, const struct muster_end *end)
{
    struct probe *p = user;
    (void)end;
    p->ended_s = seconds_now() - p->begun;
    p->ended = true;
}

/* One job, from submit to its end. */
static int probe_once(struct cli *cli, struct muster_job *job, struct probe *p)
{
    *p = (struct probe){.begun = seconds_now()};
    job->user = p;
    int error = muster_submit(cli->client, job);
    if (error)
        return cli_error(cli, error, "submit: %s", err_text(error));
    while (!p->acked || !p->ended) {
        if (seconds_now() - p->begun > BENCH_PATIENCE_MS / 1000.0)
            return cli_error(cli, MUSTER_ETIMEOUT, "a job was not %s",
                             p->acked ? "ended" : "acknowledged");
        sleep_ns(50000);
    }
    return p->error ? cli_error(cli, p->error, "submit: %s", err_text(p->error)) : 0;
}

int bench_latency(struct cli *cli, const struct bench_load *load, uint64_t *ret_jobs,
                  struct bench_times *ret_ack, struct bench_times *ret_result)
{
    char kind[BENCH_NAME_BYTES], queue[BENCH_NAME_BYTES];
    static struct probe probes[LATENCY_JOBS]; /* outlive the callbacks */
    double acks[LATENCY_JOBS], results[LATENCY_JOBS];
    struct muster_job job = MUSTER_JOB(kind);
    uint8_t *args = bench_args(load->payload);
    bench_kind_name(load, 0, kind);
    bench_queue_name(load, 0, queue);
    int status = args ? 0 : cli_error(cli, MUSTER_ENOMEM, "out of memory");
    job.queue = queue;
    job.args = args;
    job.args_bytes = load->payload;
    job.on_ack = on_ack;
    job.on_end = on_end;
    for (int i = 0; i < WARM_UP_JOBS && !status; i++)
        status = probe_once(cli, &job, &probes[i]);
    for (int i = 0; i < LATENCY_JOBS && !status; i++) {
        status = probe_once(cli, &job, &probes[i]);
        acks[i] = probes[i].acked_s;
        results[i] = probes[i].ended_s;
    }
    free(args);
    *ret_jobs = WARM_UP_JOBS + LATENCY_JOBS;
    if (!status) {
        *ret_ack = bench_percentiles(acks, LATENCY_JOBS);
        *ret_result = bench_percentiles(results, LATENCY_JOBS);
    }
    return status;
}

/* ---- the disk ---- */

int bench_commits(struct cli *cli, struct bench_times *ret_commit)
{
    muster_reply_t *reply;
    int error = muster_stats(cli->client, BENCH_PATIENCE_MS, &reply);
    int status = error ? cli_reply_error(cli, error, reply, "stats") : 0;
    if (!error) {
        json_t *stats = msgpack_to_jansson(cli_body(reply));
        const json_t *commit = json_object_get(stats, "commit_ms");
        ret_commit->p50_ms = json_number_value(json_object_get(commit, "p50"));
        ret_commit->p99_ms = json_number_value(json_object_get(commit, "p99"));
        json_decref(stats);
    }
    muster_reply_destroy(&reply);
    return status;
}

int bench_fdatasync(const struct cli *cli, const char *folder, struct bench_times *ret_sync)
{
    static const char block[4096] = "x";
    double samples[SYNC_PROBES];
    char name[600];
    (void)snprintf(name, sizeof name, "%s/probe", folder);
    int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    bool good = fd >= 0 && pwrite(fd, block, sizeof block, 0) == (ssize_t)sizeof block &&
                fsync(fd) == 0; /* the block is there: what follows changes no metadata */
    for (int i = 0; i < SYNC_PROBES && good; i++) {
        double begun = seconds_now();
        good = pwrite(fd, block, sizeof block, 0) == (ssize_t)sizeof block && fdatasync(fd) == 0;
        samples[i] = seconds_now() - begun;
    }
    int status = good ? 0 : cli_error(cli, MUSTER_EIO, "%s: %s", name, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    if (good)
        *ret_sync = bench_percentiles(samples, SYNC_PROBES);
    return status;
}
