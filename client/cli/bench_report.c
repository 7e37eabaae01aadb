/* bench_report.c: the figures of `muster bench`, for people and as JSON. */
#include "cli/bench_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

static void print_times_json(const char *name, const struct bench_times *t)
{
    printf("\"%s\":{\"p50\":%.3f,\"p99\":%.3f},", name, t->p50_ms, t->p99_ms);
}

static void print_rates_json(const char *name, const struct bench_rates *r)
{
    printf("\"%s\":%.0f,\"%s_min\":%.0f,\"%s_max\":%.0f,", name, bench_rates_median(r), name,
           bench_rates_min(r), name, bench_rates_max(r));
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static double backlog_ratio(const struct bench_result *r)
{
    return ratio(bench_rates_median(&r->rates), bench_rates_median(&r->empty));
}

static double drain_ratio(const struct bench_result *r)
{
    return ratio(r->drain_rate, bench_rates_median(&r->empty));
}

static void print_json(const struct bench_shape *shape, const struct bench_result *r)
{
    const struct bench_load *load = shape->load;
    printf("{\"jobs\":%" PRIu64 ",", load->jobs);
    print_rates_json("jobs_per_s", &r->rates);
    printf("\"broker_cpu_us\":%.3f,", r->cpu_us);
    printf("\"rounds\":%u,\"payload\":%" PRIu64 ",\"lanes\":%" PRIu64 ",\"priorities\":%" PRIu64
           ",\"queues\":%" PRIu64 ",\"submitters\":%u,\"workers\":%u,\"single\":%s,",
           shape->rounds, load->payload, load->lanes, load->priorities, load->queues,
           shape->submitters, shape->workers, load->single ? "true" : "false");
    printf("\"backlog\":%" PRIu64 ",", shape->backlog);
    if (shape->backlog) {
        print_rates_json("empty_jobs_per_s", &r->empty);
        printf("\"empty_broker_cpu_us\":%.3f,", r->empty_cpu_us);
        printf("\"backlog_ratio\":%.3f,\"backlog_submit_per_s\":%.0f,\"drain_jobs_per_s\":%.0f,"
               "\"drain_ratio\":%.3f,",
               backlog_ratio(r), r->backlog_submit_rate, r->drain_rate, drain_ratio(r));
    }
    print_times_json("submit_ack_ms", &r->ack);
    print_times_json("submit_to_result_ms", &r->result);
    print_times_json("commit_ms", &r->commit);
    print_times_json("fdatasync_ms", &r->sync);
    print_times_json("hop_ms", &r->hop);
    printf("\"rss_anon_bytes\":%" PRIu64 ",\"store_bytes\":%" PRIu64
           ",\"ready_s\":%.3f,\"filesystem\":\"%s\"}\n",
           r->rss_anon_bytes, r->store_bytes, r->ready_s, r->filesystem);
}

static void print_times(const char *name, const struct bench_times *t)
{
    printf("%-18s %8.3f ms median, %8.3f ms p99\n", name, t->p50_ms, t->p99_ms);
}

static void print_rates(const char *name, const struct bench_rates *r)
{
    printf("%-18s %8.0f jobs/s", name, bench_rates_median(r));
    if (r->count > 1)
        printf(", median of %u, %.0f to %.0f", r->count, bench_rates_min(r), bench_rates_max(r));
}

/* What is not as by default. */
static void print_shape(const struct bench_shape *shape)
{
    const struct bench_load *load = shape->load;
    const struct {
        uint64_t count;
        const char *what;
    } parts[] = {{load->lanes, "kinds"},
                 {load->priorities, "priorities"},
                 {load->queues, "queues"},
                 {shape->submitters, "submitters"},
                 {shape->workers, "workers"}};
    printf(" (%" PRIu64 " jobs of %" PRIu64 " bytes", load->jobs, load->payload);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].count > 1)
            printf(", %" PRIu64 " %s", parts[i].count, parts[i].what);
    printf("%s)\n", load->single ? ", one a message" : "");
}

static void print_backlog(const struct bench_shape *shape, const struct bench_result *r)
{
    print_rates("without backlog", &r->empty);
    printf(", %.3f us a job\n%-18s %8.2f of the rate without\n", r->empty_cpu_us, "beside it",
           backlog_ratio(r));
    printf("%-18s %8.0f jobs/s (%" PRIu64 " jobs)\n", "backlog submitted", r->backlog_submit_rate,
           shape->backlog);
    printf("%-18s %8.0f jobs/s, %.2f of the rate without\n", "backlog drained", r->drain_rate,
           drain_ratio(r));
}

static void print_text(const struct bench_shape *shape, const struct bench_result *r)
{
    char memory[32], store[32];
    size_format(r->rss_anon_bytes, memory, sizeof memory);
    size_format(r->store_bytes, store, sizeof store);
    print_rates("throughput", &r->rates);
    print_shape(shape);
    printf("%-18s %8.3f us of processor time a job\n", "broker", r->cpu_us);
    if (shape->backlog)
        print_backlog(shape, r);
    print_times("submit to ack", &r->ack);
    print_times("submit to result", &r->result);
    printf("%-18s %8.2f x (two commits and four hops)\n", "",
           ratio(r->result.p50_ms, 2 * r->commit.p50_ms + 4 * r->hop.p50_ms));
    print_times("commit", &r->commit);
    print_times("fdatasync", &r->sync);
    print_times("hop of a message", &r->hop);
    printf("%-18s %8s anonymous, at most\n", "broker's memory", memory);
    printf("%-18s %8.3f s%s\n", "broker's start", r->ready_s,
           shape->backlog ? ", with the backlog, after kill -9" : "");
    printf("%-18s %8s on %s\n", "store", store, r->filesystem);
}

void bench_report(bool json, const struct bench_shape *shape, const struct bench_result *result)
{
    if (json)
        print_json(shape, result);
    else
        print_text(shape, result);
}
