/* bench_report.h: how `muster bench` tells what it measured. */
#ifndef CLI_BENCH_REPORT_H
#define CLI_BENCH_REPORT_H

#include "cli/bench.h"

/* What was asked for. */
struct bench_shape {
    const struct bench_load *load; /* borrowed */
    uint64_t backlog;              /* 0: none */
    uint32_t submitters, workers, rounds;
};

/* What was measured; rates are jobs a second. */
struct bench_result {
    struct bench_rates rates;    /* beside the backlog, if there is one */
    struct bench_rates empty;    /* with a backlog: before it, and after it */
    double cpu_us, empty_cpu_us; /* processor time of the broker for a job, of the same rounds */
    double backlog_submit_rate, drain_rate;
    double ready_s;
    struct bench_times ack, result, commit, sync, hop;
    uint64_t rss_anon_bytes, store_bytes; /* the most that was seen */
    const char *filesystem;
};

/* On stdout, as text or as a line of JSON. */
void bench_report(bool json, const struct bench_shape *shape, const struct bench_result *result);

#endif
