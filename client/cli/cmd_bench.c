/* cmd_bench.c: bench: the order of measurements, and the result. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/bench.h"
#include "cli/commands.h"

#define JOBS_DEFAULT    1000000
#define PAYLOAD_DEFAULT 100
#define PAYLOAD_MAX     262144

struct bench_values {
    struct option_number jobs, payload, backlog;
    const char *data;
};

static const struct option_row rows[] = {
    {"jobs", OPTION_COUNT, "N", "jobs to submit and to run (1000000)",
     offsetof(struct bench_values, jobs), 1, 1000000000},
    {"payload", OPTION_SIZE, "BYTES", "args of each job (100)",
     offsetof(struct bench_values, payload), 0, 0},
    {"backlog", OPTION_COUNT, "N", "jobs that nobody handles, in the same queue, before that (0)",
     offsetof(struct bench_values, backlog), 0, 1000000000},
    {"data", OPTION_TEXT, "DIR", "where to put the data: not tmpfs (./build, $TMPDIR or /tmp)",
     offsetof(struct bench_values, data), 0, 0},
    {0},
};

struct bench {
    struct cli *cli;
    struct bench_cluster cluster;
    uint64_t jobs, backlog;
    size_t payload;
    double seconds;
    struct bench_times ack, result, commit, sync;
    uint64_t rss_anon_bytes;
};

static void say(const struct bench *b, const char *what)
{
    if (isatty(STDERR_FILENO) && !b->cli->json)
        fprintf(stderr, "bench: %s ...\n", what);
}

static void note_rss(struct bench *b)
{
    uint64_t bytes = bench_cluster_rss_anon(&b->cluster);
    if (bytes > b->rss_anon_bytes)
        b->rss_anon_bytes = bytes;
}

static int connect_client(struct bench *b)
{
    muster_client_destroy(&b->cli->client);
    b->cli->broker = b->cluster.frontend;
    int status = cli_open(b->cli);
    if (status)
        return status;
    int error = muster_client_ready(b->cli->client, BENCH_PATIENCE_MS, NULL);
    return error ? cli_reply_error(b->cli, error, NULL, "") : 0;
}

/* Jobs that stay, a kill -9, and a start with all of them. */
static int run_backlog(struct bench *b)
{
    say(b, "submitting the backlog");
    int status = bench_submit(b->cli, BENCH_BACKLOG_KIND, b->backlog, b->payload);
    if (status)
        return status;
    note_rss(b);
    say(b, "killing and starting the broker");
    bench_cluster_kill_broker(&b->cluster);
    status = bench_cluster_start_broker(b->cli, &b->cluster);
    return status ? status : connect_client(b);
}

static int run_all(struct bench *b)
{
    int status = bench_cluster_start_broker(b->cli, &b->cluster);
    status = status ? status : connect_client(b);
    if (!status && b->backlog)
        status = run_backlog(b);
    status = status ? status : bench_cluster_start_worker(b->cli, &b->cluster);
    status = status ? status : bench_await_worker(b->cli);
    if (status)
        return status;
    say(b, "submitting and running the jobs");
    status = bench_throughput(b->cli, b->jobs, b->payload, &b->seconds);
    note_rss(b);
    if (status)
        return status;
    say(b, "measuring the idle system");
    status = bench_latency(b->cli, b->payload, &b->ack, &b->result);
    status = status ? status : bench_commits(b->cli, &b->commit);
    return status ? status : bench_fdatasync(b->cli, b->cluster.folder, &b->sync);
}

static void print_times_json(const char *name, const struct bench_times *t)
{
    printf("\"%s\":{\"p50\":%.3f,\"p99\":%.3f},", name, t->p50_ms, t->p99_ms);
}

static void print_times(const char *name, const struct bench_times *t)
{
    printf("%-18s %8.3f ms median, %8.3f ms p99\n", name, t->p50_ms, t->p99_ms);
}

static void print_result(const struct bench *b)
{
    double rate = (double)b->jobs / b->seconds;
    const char *filesystem = bench_cluster_filesystem(&b->cluster);
    char size[32];
    if (b->cli->json) {
        printf("{\"jobs\":%" PRIu64 ",\"jobs_per_s\":%.0f,", b->jobs, rate);
        print_times_json("submit_ack_ms", &b->ack);
        print_times_json("submit_to_result_ms", &b->result);
        print_times_json("commit_ms", &b->commit);
        print_times_json("fdatasync_ms", &b->sync);
        printf("\"rss_anon_bytes\":%" PRIu64 ",\"ready_s\":%.3f,\"filesystem\":\"%s\"}\n",
               b->rss_anon_bytes, b->cluster.ready_s, filesystem);
        return;
    }
    size_format(b->rss_anon_bytes, size, sizeof size);
    printf("%-18s %8.0f jobs/s (%" PRIu64 " jobs of %zu bytes in %.2f s)\n", "throughput", rate,
           b->jobs, b->payload, b->seconds);
    print_times("submit to ack", &b->ack);
    print_times("submit to result", &b->result);
    print_times("commit", &b->commit);
    print_times("fdatasync", &b->sync);
    printf("%-18s %8s%s\n", "broker's memory", size, " anonymous");
    printf("%-18s %8.3f s%s\n", "broker's start", b->cluster.ready_s,
           b->backlog ? ", with the backlog, after kill -9" : "");
    printf("%-18s %8s\n", "filesystem", filesystem);
}

static int run_bench(struct cli *cli, const void *values, char **args, int count)
{
    const struct bench_values *v = values;
    (void)args;
    (void)count;
    struct bench b = {.cli = cli,
                      .jobs = v->jobs.given ? v->jobs.value : JOBS_DEFAULT,
                      .payload = v->payload.given ? (size_t)v->payload.value : PAYLOAD_DEFAULT,
                      .backlog = v->backlog.value};
    if (b.payload < 1 || b.payload > PAYLOAD_MAX)
        return cli_usage(cli, "bench", "--payload must be 1 to %d bytes", PAYLOAD_MAX);
    int status = bench_cluster_init(cli, &b.cluster, v->data);
    if (!status)
        status = run_all(&b);
    if (!status)
        print_result(&b);
    muster_client_destroy(&cli->client);
    bench_cluster_fini(&b.cluster);
    return status;
}

const struct cli_command cmd_bench = {
    .rows = rows,
    .values_size = sizeof(struct bench_values),
    .run = run_bench,
    .details = "Starts a broker of its own with default settings, one worker process with a C "
               "handler that does\n"
               "nothing, and submits from this process, one call a job. Times are from the first "
               "submit to the\n"
               "last acknowledged completion, then of single jobs on the idle system. With "
               "--backlog the broker\n"
               "is killed and started again under it. Cleans up what it made.",
};
