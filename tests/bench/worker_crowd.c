/* worker_crowd.c: one program that is a thousand worker processes, for what they cost the broker:
 * connecting, heartbeats, jobs, and a restart under them. It starts a broker of its own, as `muster
 * bench` does, and must lie beside musterd. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/bench.h"
#include "crowd.h"

#define EXIT_SKIPPED 77 /* the data would lie in memory */
#define TICK_NS      2000000
#define RESTARTS     20 /* while somebody else has the port */

struct values {
    struct option_number workers, slots, seconds, jobs;
    const char *data;
    bool json, help;
};

#define VALUE(field) offsetof(struct values, field)

static const struct option_row rows[] = {
    {"workers", OPTION_COUNT, "N", "sessions (1000)", VALUE(workers), 1, 60000},
    {"slots", OPTION_COUNT, "N", "of each (4)", VALUE(slots), 1, 1000},
    {"seconds", OPTION_COUNT, "N", "how long to watch heartbeats (5)", VALUE(seconds), 1, 3600},
    {"jobs", OPTION_COUNT, "N", "jobs to submit and to run (200000)", VALUE(jobs), 1, 100000000},
    {"data", OPTION_TEXT, "DIR", "as for muster bench", VALUE(data), 0, 0},
    {"json", OPTION_FLAG, NULL, "print JSON, also errors", VALUE(json), 0, 0},
    {"help", OPTION_FLAG, NULL, "this text", VALUE(help), 0, 0},
    {0},
};

struct figures {
    double welcomed_s, broker_cpu, crowd_cpu, jobs_per_s, ready_s, back_s;
    uint64_t empty_bytes, crowd_bytes, peak_bytes; /* anonymous memory */
    uint64_t lost;                                 /* connections before the restart */
};

struct test {
    struct cli cli;
    struct bench_cluster cluster;
    struct crowd crowd;
    uint32_t workers, slots, seconds;
    struct bench_load load;
    uint64_t completed;
    struct figures figures;
};

static double seconds_since(uint64_t begun_us)
{
    return (double)(clock_us() - begun_us) * 1e-6;
}

static void pause_ns(time_t seconds, long ns)
{
    struct timespec t = {seconds, ns};
    (void)nanosleep(&t, NULL);
}

/* ---- the broker, from outside ---- */

static int start_broker(struct test *t)
{
    int status = bench_cluster_start_broker(&t->cluster);
    t->cli.broker = t->cluster.frontend;
    return status ? status : bench_open(&t->cli, &t->load);
}

/* At the same ports: where the crowd looks for it. */
static int restart_broker(struct test *t)
{
    struct cli quiet = t->cli;
    int status = EXIT_REFUSED;
    quiet.json = true; /* no log */
    t->cluster.cli = &quiet;
    for (int i = 0; i < RESTARTS && status; i++) {
        bench_cluster_kill_broker(&t->cluster);
        status = bench_cluster_start_broker(&t->cluster);
    }
    t->cluster.cli = &t->cli;
    t->figures.ready_s = t->cluster.ready_s;
    return status ? status : bench_open(&t->cli, &t->load);
}

/* All sessions are welcomed by the broker of this epoch or a later one. */
static int await_crowd(struct test *t, uint64_t epoch, double *ret_seconds)
{
    uint64_t begun_us = clock_us();
    t->crowd.epoch = epoch;
    t->crowd.serving = 0;
    while (t->crowd.serving < t->workers) {
        pause_ns(0, TICK_NS);
        if (seconds_since(begun_us) * 1000 > BENCH_PATIENCE_MS)
            return cli_error(&t->cli, MUSTER_ETIMEOUT, "only %u of %u sessions are welcomed",
                             t->crowd.serving, t->workers);
    }
    *ret_seconds = seconds_since(begun_us);
    return bench_await_workers(&t->cli, t->workers);
}

/* ---- what is measured ---- */

static int measure_welcome(struct test *t)
{
    struct muster_broker_info info;
    t->figures.empty_bytes = bench_cluster_rss_anon(&t->cluster);
    int error = crowd_start(&t->crowd, t->cluster.backend, BENCH_KIND, t->workers, t->slots);
    if (error)
        return cli_error(&t->cli, error, "cannot start the crowd: %s", err_text(error));
    (void)muster_client_ready(t->cli.client, BENCH_PATIENCE_MS, &info);
    return await_crowd(t, info.epoch, &t->figures.welcomed_s);
}

static void measure_heartbeats(struct test *t)
{
    pause_ns(1, 0); /* what the welcomes caused is over */
    double broker = bench_cluster_cpu_s(&t->cluster), crowd = crowd_cpu_s(&t->crowd);
    uint64_t begun_us = clock_us();
    pause_ns((time_t)t->seconds, 0);
    double took = seconds_since(begun_us);
    t->figures.broker_cpu = (bench_cluster_cpu_s(&t->cluster) - broker) / took;
    t->figures.crowd_cpu = (crowd_cpu_s(&t->crowd) - crowd) / took;
    t->figures.crowd_bytes = bench_cluster_rss_anon(&t->cluster);
}

static int measure_jobs(struct test *t)
{
    struct bench_pushed pushed;
    int status = bench_push(&t->cli, &t->load, &pushed);
    t->completed += t->load.jobs;
    status = status ? status : bench_await_completed(&t->cli, t->completed);
    t->figures.jobs_per_s = (double)t->load.jobs / seconds_since(pushed.begun_us);
    return status ? status : bench_expect(&t->cli, 0, t->completed);
}

static int measure_restart(struct test *t)
{
    struct muster_broker_info info;
    int error = muster_client_ready(t->cli.client, BENCH_PATIENCE_MS, &info);
    int status = error ? cli_reply_error(&t->cli, error, NULL, "") : restart_broker(t);
    status = status ? status : await_crowd(t, info.epoch + 1, &t->figures.back_s);
    t->figures.back_s += t->figures.ready_s;
    return status ? status : bench_expect(&t->cli, 0, t->completed);
}

static int run_all(struct test *t)
{
    t->cluster.same_ports = true;
    int status = start_broker(t);
    if (status)
        return status;
    status = measure_welcome(t);
    if (!status)
        measure_heartbeats(t);
    status = status ? status : measure_jobs(t);
    t->figures.lost = t->crowd.lost;
    status = status ? status : measure_restart(t);
    status = status ? status : measure_jobs(t); /* again: they all work */
    t->figures.peak_bytes = t->cluster.rss_anon_peak;
    return status;
}

/* ---- the program ---- */

static void report(const struct test *t)
{
    const struct figures *f = &t->figures;
    char empty[32], crowd[32], peak[32];
    uint64_t more = f->crowd_bytes > f->empty_bytes ? f->crowd_bytes - f->empty_bytes : 0;
    if (t->cli.json) {
        printf("{\"workers\":%u,\"slots\":%u,\"welcomed_s\":%.3f,\"heartbeat_cpu\":%.4f,"
               "\"crowd_cpu\":%.4f,\"session_bytes\":%" PRIu64 ",\"rss_anon_bytes\":%" PRIu64
               ",\"rss_anon_peak_bytes\":%" PRIu64 ",\"jobs\":%" PRIu64 ",\"jobs_per_s\":%.0f,"
               "\"lost\":%" PRIu64 ",\"ready_s\":%.3f,\"back_s\":%.3f}\n",
               t->workers, t->slots, f->welcomed_s, f->broker_cpu, f->crowd_cpu, more / t->workers,
               f->crowd_bytes, f->peak_bytes, t->load.jobs, f->jobs_per_s, f->lost, f->ready_s,
               f->back_s);
        return;
    }
    size_format(f->empty_bytes, empty, sizeof empty);
    size_format(f->crowd_bytes, crowd, sizeof crowd);
    size_format(f->peak_bytes, peak, sizeof peak);
    printf("%-18s %8u of %u slots\n", "sessions", t->workers, t->slots);
    printf("%-18s %8.3f s until all are welcomed\n", "start", f->welcomed_s);
    printf("%-18s %7.1f%% of a core in the broker, %.1f%% in the crowd\n", "heartbeats",
           f->broker_cpu * 100, f->crowd_cpu * 100);
    printf("%-18s %8" PRIu64 " bytes a session (%s without, %s with all, %s at most)\n",
           "broker's memory", more / t->workers, empty, crowd, peak);
    printf("%-18s %8.0f jobs/s (%" PRIu64 " jobs)\n", "throughput", f->jobs_per_s, t->load.jobs);
    printf("%-18s %8.3f s after kill -9 until all are back, %.3f s of it the broker's start\n",
           "restart", f->back_s, f->ready_s);
    printf("%-18s %8" PRIu64 " connections before that\n", "lost", f->lost);
}

static int take_options(struct test *t, struct values *v, int argc, char **argv)
{
    const struct option_set set = {rows, v};
    char why[256] = "no such word";
    for (int at = 1; at < argc;) {
        int taken = options_take(&set, 1, argv + at, argc - at, why, sizeof why);
        if (taken <= 0) {
            fprintf(stderr, "worker_crowd: %s: %s\n", argv[at], why);
            return EXIT_USAGE;
        }
        at += taken;
    }
    t->cli.json = v->json;
    t->workers = v->workers.given ? (uint32_t)v->workers.value : 1000;
    t->slots = v->slots.given ? (uint32_t)v->slots.value : 4;
    t->seconds = v->seconds.given ? (uint32_t)v->seconds.value : 5;
    t->load = (struct bench_load){.kind = BENCH_KIND,
                                  .jobs = v->jobs.given ? v->jobs.value : 200000,
                                  .payload = 100,
                                  .lanes = 1,
                                  .priorities = 1,
                                  .queues = 1};
    return 0;
}

/* A descriptor a session, here and in the broker. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    static struct test t;
    struct values v = {0};
    int status = take_options(&t, &v, argc, argv);
    if (status || v.help) {
        options_print(rows);
        return status;
    }
    raise_limit();
    status = bench_cluster_init(&t.cli, &t.cluster, v.data);
    if (status)
        return status == EXIT_REFUSED ? EXIT_SKIPPED : status;
    status = run_all(&t);
    if (!status)
        report(&t);
    muster_client_destroy(&t.cli.client);
    if (t.crowd.seats)
        crowd_stop(&t.crowd);
    bench_cluster_fini(&t.cluster);
    return status;
}
