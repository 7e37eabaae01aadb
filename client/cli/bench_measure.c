/* bench_measure.c: what `muster bench` measures, as a client among others. */
#include <errno.h>
#include <fcntl.h>
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
#define LOOK_MS         100
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

static struct bench_times percentiles(double *seconds, size_t count)
{
    qsort(seconds, count, sizeof *seconds, by_value);
    return (struct bench_times){seconds[count / 2] * 1000, seconds[count * 99 / 100] * 1000};
}

/* ---- submitting ---- */

/* A msgpack text of exactly so many bytes in all, at least one. */
static uint8_t *make_args(size_t bytes)
{
    uint8_t *args = malloc(bytes + 8);
    if (!args)
        return NULL;
    memset(args, 'x', bytes + 8);
    if (bytes <= 32) {
        args[0] = (uint8_t)(0xa0 | (bytes - 1));
    } else if (bytes <= 257) {
        args[0] = 0xd9;
        args[1] = (uint8_t)(bytes - 2);
    } else if (bytes <= 65538) {
        args[0] = 0xda;
        args[1] = (uint8_t)((bytes - 3) >> 8);
        args[2] = (uint8_t)(bytes - 3);
    } else {
        args[0] = 0xdb;
        for (int i = 0; i < 4; i++)
            args[1 + i] = (uint8_t)((bytes - 5) >> (24 - 8 * i));
    }
    return args;
}

/* Everything is acknowledged, as long as there is some progress. */
static int await_acknowledgements(struct cli *cli)
{
    uint64_t last = UINT64_MAX, left;
    double moved = seconds_now();
    while ((left = muster_client_flush(cli->client, LOOK_MS)) > 0) {
        if (left != last)
            moved = seconds_now();
        last = left;
        if (seconds_now() - moved > BENCH_PATIENCE_MS / 1000.0)
            return cli_error(cli, MUSTER_ETIMEOUT, "the broker has stopped acknowledging");
    }
    return 0;
}

static void count_refused(void *user, const struct muster_ack *ack)
{
    if (ack->error)
        atomic_fetch_add((atomic_ullong *)user, 1);
}

/* The hot loop: one call a job. */
static int submit_all(struct cli *cli, struct muster_job *job, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        int error = muster_submit(cli->client, job);
        if (error)
            return cli_error(cli, error, "submit: %s", err_text(error));
    }
    return 0;
}

int bench_submit(struct cli *cli, const char *kind, uint64_t count, size_t payload)
{
    static atomic_ullong refused;
    struct muster_job job = MUSTER_JOB(kind);
    uint8_t *args = make_args(payload);
    if (!args)
        return cli_error(cli, MUSTER_ENOMEM, "out of memory");
    refused = 0;
    job.args = args;
    job.args_bytes = payload;
    job.on_ack = count_refused;
    job.user = &refused;
    int status = submit_all(cli, &job, count);
    free(args);
    status = status ? status : await_acknowledgements(cli);
    if (!status && refused)
        status = cli_error(cli, MUSTER_EFULL, "%llu of the jobs were refused",
                           (unsigned long long)refused);
    return status;
}

/* ---- counters ---- */

/* Completed, and failed or lost, attempts of all queues. */
static int read_counters(struct cli *cli, uint64_t *ret_completed, uint64_t *ret_troubled)
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
    *ret_completed = *ret_troubled = 0;
    json_array_foreach(queues, index, queue)
    {
        *ret_completed += (uint64_t)json_integer_value(json_object_get(queue, "completed"));
        *ret_troubled += (uint64_t)json_integer_value(json_object_get(queue, "failed"));
        *ret_troubled += (uint64_t)json_integer_value(json_object_get(queue, "lost"));
    }
    json_decref(queues);
    muster_reply_destroy(&reply);
    return 0;
}

int bench_throughput(struct cli *cli, uint64_t count, size_t payload, double *ret_seconds)
{
    uint64_t before, completed, last = 0, troubled;
    int status = read_counters(cli, &before, &troubled);
    if (status)
        return status;
    double begun = seconds_now(), moved = begun;
    status = bench_submit(cli, BENCH_KIND, count, payload);
    while (!status) {
        status = read_counters(cli, &completed, &troubled);
        *ret_seconds = seconds_now() - begun;
        if (status || completed - before >= count)
            break;
        if (completed != last)
            moved = seconds_now();
        last = completed;
        if (seconds_now() - moved > BENCH_PATIENCE_MS / 1000.0)
            return cli_error(cli, MUSTER_ETIMEOUT, "only %llu of %llu jobs have completed",
                             (unsigned long long)(completed - before), (unsigned long long)count);
        sleep_ns(COUNTER_TICK_NS);
    }
    if (!status && (completed - before != count || troubled))
        status =
            cli_error(cli, MUSTER_EDAMAGED, "%llu completions of %llu jobs, %llu failed or lost",
                      (unsigned long long)(completed - before), (unsigned long long)count,
                      (unsigned long long)troubled);
    return status;
}

int bench_await_worker(struct cli *cli)
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
        if (status || count > 0)
            return status;
        if (seconds_now() - begun > BENCH_PATIENCE_MS / 1000.0)
            return cli_error(cli, MUSTER_ETIMEOUT, "the worker has not joined the broker");
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

int bench_latency(struct cli *cli, size_t payload, struct bench_times *ret_ack,
                  struct bench_times *ret_result)
{
    static struct probe probes[LATENCY_JOBS]; /* outlive the callbacks */
    double acks[LATENCY_JOBS], results[LATENCY_JOBS];
    struct muster_job job = MUSTER_JOB(BENCH_KIND);
    uint8_t *args = make_args(payload);
    int status = args ? 0 : cli_error(cli, MUSTER_ENOMEM, "out of memory");
    job.args = args;
    job.args_bytes = payload;
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
    if (!status) {
        *ret_ack = percentiles(acks, LATENCY_JOBS);
        *ret_result = percentiles(results, LATENCY_JOBS);
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
        *ret_sync = percentiles(samples, SYNC_PROBES);
    return status;
}
