/* cmd_bench.c: bench: the order of measurements. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "cli/bench_report.h"
#include "cli/commands.h"

#define JOBS_DEFAULT    1000000
#define PAYLOAD_DEFAULT 100
#define PAYLOAD_MAX     262144

struct bench_values {
    struct option_number jobs, payload, backlog;
    struct option_number lanes, priorities, queues, submitters, workers, rounds;
    bool single;
    const char *data;
};

#define VALUE(field) offsetof(struct bench_values, field)

static const struct option_row rows[] = {
    {"jobs", OPTION_COUNT, "N", "jobs to submit and to run (1000000)", VALUE(jobs), 1, 1000000000},
    {"payload", OPTION_SIZE, "BYTES", "args of each job (100)", VALUE(payload), 0, 0},
    {"backlog", OPTION_COUNT, "N",
     "jobs that nobody handles, in the same queue, before that; drained at the end (0)",
     VALUE(backlog), 0, 1000000000},
    {"lanes", OPTION_COUNT, "N", "kinds, each job of the next one (1)", VALUE(lanes), 1,
     BENCH_LANES_MAX},
    {"priorities", OPTION_COUNT, "N", "priorities, likewise (1)", VALUE(priorities), 1,
     PRIORITY_COUNT},
    {"queues", OPTION_COUNT, "N", "queues, likewise (1)", VALUE(queues), 1, BENCH_QUEUES_MAX},
    {"submitters", OPTION_COUNT, "N", "submitting processes (this one)", VALUE(submitters), 1,
     BENCH_PROCESSES_MAX},
    {"workers", OPTION_COUNT, "N", "worker processes (1)", VALUE(workers), 1, BENCH_PROCESSES_MAX},
    {"single", OPTION_FLAG, NULL, "each job in a message of its own", VALUE(single), 0, 0},
    {"rounds", OPTION_COUNT, "N", "run the jobs so often; the median counts (1)", VALUE(rounds), 1,
     BENCH_ROUNDS_MAX / 2},
    {"data", OPTION_TEXT, "DIR", "where to put the data: not tmpfs (./build, $TMPDIR or /tmp)",
     VALUE(data), 0, 0},
    {0},
};

struct bench {
    struct cli *cli;
    struct bench_cluster cluster;
    struct bench_load load, backlog;
    uint32_t submitters, workers, rounds;
    uint64_t ready, completed; /* what the broker must count when all is at rest */
    struct bench_result result;
};

static void say(const struct bench *b, const char *what)
{
    if (isatty(STDERR_FILENO) && !b->cli->json)
        fprintf(stderr, "bench: %s ...\n", what);
}

static double seconds_since(uint64_t begun_us)
{
    return (double)(clock_us() - begun_us) * 1e-6;
}

/* ---- steps ---- */

/* Starts the broker, and a client that submits as the load wants it. */
static int start_broker(struct bench *b)
{
    int status = bench_cluster_start_broker(&b->cluster);
    b->cli->broker = b->cluster.frontend;
    return status ? status : bench_open(b->cli, &b->load);
}

static int start_workers(struct bench *b, const struct bench_load *load)
{
    uint32_t others = b->cluster.worker_count;
    int status = bench_cluster_start_workers(&b->cluster, load, b->workers);
    return status ? status : bench_await_workers(b->cli, others + b->workers);
}

static int push(struct bench *b, const struct bench_load *load, struct bench_pushed *ret_pushed)
{
    if (b->submitters == 0)
        return bench_push(b->cli, load, ret_pushed);
    return bench_cluster_push(&b->cluster, load, b->submitters, ret_pushed);
}

/* From the first submit of any process to the last acknowledged completion, so many rounds; and the
 * broker's processor time for a job. */
static int run_rounds(struct bench *b, struct bench_rates *rates, double *ret_cpu_us)
{
    int status = 0;
    double cpu_s = bench_cluster_cpu_s(&b->cluster);
    for (uint32_t i = 0; i < b->rounds && !status; i++) {
        struct bench_pushed pushed;
        status = push(b, &b->load, &pushed);
        b->completed += b->load.jobs;
        status = status ? status : bench_await_completed(b->cli, b->completed);
        if (!status)
            bench_rates_add(rates, (double)b->load.jobs / seconds_since(pushed.begun_us));
        status = status ? status : bench_expect(b->cli, b->ready, b->completed);
    }
    cpu_s = bench_cluster_cpu_s(&b->cluster) - cpu_s;
    *ret_cpu_us = cpu_s * 1e6 / (double)(b->rounds * b->load.jobs);
    return status;
}

/* Jobs that stay, a kill -9, and a start with all of them. */
static int pile_up(struct bench *b)
{
    struct bench_pushed pushed;
    say(b, "submitting the backlog");
    int status = push(b, &b->backlog, &pushed);
    b->ready = b->backlog.jobs;
    b->result.backlog_submit_rate = (double)b->backlog.jobs / seconds_since(pushed.begun_us);
    status = status ? status : bench_expect(b->cli, b->ready, b->completed);
    if (status)
        return status;
    b->result.store_bytes = bench_cluster_store_bytes(&b->cluster);
    say(b, "killing and starting the broker");
    bench_cluster_stop_workers(&b->cluster);
    bench_cluster_kill_broker(&b->cluster);
    status = start_broker(b);
    b->result.ready_s = b->cluster.ready_s;
    status = status ? status : bench_expect(b->cli, b->ready, b->completed);
    return status ? status : start_workers(b, &b->load);
}

static int drain(struct bench *b)
{
    say(b, "draining the backlog");
    uint64_t begun_us = clock_us();
    int status = bench_cluster_start_workers(&b->cluster, &b->backlog, b->workers);
    b->completed += b->backlog.jobs;
    b->ready = 0;
    status = status ? status : bench_await_completed(b->cli, b->completed);
    b->result.drain_rate = (double)b->backlog.jobs / seconds_since(begun_us);
    return status ? status : bench_expect(b->cli, b->ready, b->completed);
}

static int measure_idle(struct bench *b)
{
    struct bench_result *r = &b->result;
    uint64_t jobs;
    say(b, "measuring the idle system");
    int status = bench_latency(b->cli, &b->load, &jobs, &r->ack, &r->result);
    if (!status)
        b->completed += jobs;
    status = status ? status : bench_expect(b->cli, b->ready, b->completed);
    status = status ? status : bench_commits(b->cli, &r->commit);
    status = status ? status : bench_fdatasync(b->cli, b->cluster.folder, &r->sync);
    return status ? status : bench_hop(b->cli, &r->hop);
}

static int run_all(struct bench *b)
{
    struct bench_result *r = &b->result;
    bool piled = b->backlog.jobs > 0;
    double again_us = 0;
    int status = start_broker(b);
    r->ready_s = b->cluster.ready_s;
    status = status ? status : start_workers(b, &b->load);
    if (status)
        return status;
    say(b, "submitting and running the jobs");
    status = run_rounds(b, piled ? &r->empty : &r->rates, piled ? &r->empty_cpu_us : &r->cpu_us);
    if (piled && !status) {
        status = pile_up(b);
        say(b, "submitting and running the jobs beside the backlog");
        status = status ? status : run_rounds(b, &r->rates, &r->cpu_us);
    }
    status = status ? status : measure_idle(b);
    if (piled && !status) {
        status = drain(b);
        say(b, "submitting and running the jobs once more");
        status = status ? status : run_rounds(b, &r->empty, &again_us);
        r->empty_cpu_us = (r->empty_cpu_us + again_us) / 2;
    }
    uint64_t store = bench_cluster_store_bytes(&b->cluster);
    if (store > r->store_bytes)
        r->store_bytes = store;
    r->filesystem = bench_cluster_filesystem(&b->cluster);
    r->rss_anon_bytes = b->cluster.rss_anon_peak;
    return status;
}

/* ---- the command ---- */

static uint64_t value_or(const struct option_number *option, uint64_t otherwise)
{
    return option->given ? option->value : otherwise;
}

static void take_values(struct bench *b, const struct bench_values *v)
{
    b->load = (struct bench_load){.kind = BENCH_KIND,
                                  .jobs = value_or(&v->jobs, JOBS_DEFAULT),
                                  .payload = value_or(&v->payload, PAYLOAD_DEFAULT),
                                  .lanes = value_or(&v->lanes, 1),
                                  .priorities = value_or(&v->priorities, 1),
                                  .queues = value_or(&v->queues, 1),
                                  .single = v->single};
    b->backlog = (struct bench_load){.kind = BENCH_BACKLOG_KIND,
                                     .jobs = v->backlog.value,
                                     .payload = b->load.payload,
                                     .lanes = 1,
                                     .priorities = 1,
                                     .queues = 1,
                                     /* workers of all kinds would take it before its time */
                                     .apart = b->load.lanes > KINDS_PER_WORKER};
    b->submitters = (uint32_t)v->submitters.value;
    b->workers = (uint32_t)value_or(&v->workers, 1);
    b->rounds = (uint32_t)value_or(&v->rounds, 1);
}

static int run_bench(struct cli *cli, const void *values, char **args, int count)
{
    (void)args;
    (void)count;
    struct bench b = {.cli = cli};
    take_values(&b, values);
    if (b.load.payload < 1 || b.load.payload > PAYLOAD_MAX)
        return cli_usage(cli, "bench", "--payload must be 1 to %d bytes", PAYLOAD_MAX);
    if (b.load.lanes * b.load.queues > BENCH_LANES_MAX)
        return cli_usage(cli, "bench", "--lanes times --queues must be at most %d",
                         BENCH_LANES_MAX);
    const struct bench_values *v = values;
    int status = bench_cluster_init(cli, &b.cluster, v->data);
    if (!status)
        status = run_all(&b);
    if (!status) {
        struct bench_shape shape = {&b.load, b.backlog.jobs, b.submitters ? b.submitters : 1,
                                    b.workers, b.rounds};
        bench_report(cli->json, &shape, &b.result);
    }
    muster_client_destroy(&cli->client);
    bench_cluster_fini(&b.cluster);
    return status;
}

const struct cli_command cmd_bench = {
    .rows = rows,
    .values_size = sizeof(struct bench_values),
    .run = run_bench,
    .details =
        "Starts a broker of its own with default settings, one worker process with a C "
        "handler that does\n"
        "nothing, and submits from this process, one call a job. Times are from the first "
        "submit to the\n"
        "last acknowledged completion, then of single jobs on the idle system. Cleans up what it "
        "made.\n"
        "\n"
        "With --backlog the jobs run before the backlog is there, beside it (the broker has been "
        "killed\n"
        "and started again meanwhile), and once more after workers for it have drained it. In the "
        "end the\n"
        "broker's counters must be those of what was submitted.",
};
