/* bench_load.c: lists of jobs that `muster bench` submits, from whichever process. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bench.h"

#define LOOK_MS 100

/* ---- names ---- */

void bench_kind_name(const struct bench_load *load, uint64_t number, char out[BENCH_NAME_BYTES])
{
    if (load->lanes == 1)
        (void)snprintf(out, BENCH_NAME_BYTES, "%s", load->kind);
    else
        (void)snprintf(out, BENCH_NAME_BYTES, "%s-%" PRIu64, load->kind, number);
}

void bench_queue_name(const struct bench_load *load, uint64_t number, char out[BENCH_NAME_BYTES])
{
    if (load->queues == 1)
        (void)snprintf(out, BENCH_NAME_BYTES, "%s", load->apart ? "bench-apart" : "default");
    else
        (void)snprintf(out, BENCH_NAME_BYTES, "bench-%" PRIu64, number);
}

typedef void name_fn(const struct bench_load *load, uint64_t number, char out[BENCH_NAME_BYTES]);

static char (*make_names(const struct bench_load *load, uint64_t count,
                         name_fn *fn))[BENCH_NAME_BYTES]
{
    char(*names)[BENCH_NAME_BYTES] = calloc(count, sizeof *names);
    for (uint64_t i = 0; names && i < count; i++)
        fn(load, i, names[i]);
    return names;
}

void bench_load_word(const struct bench_load *load, char out[BENCH_WORD_BYTES])
{
    (void)snprintf(out, BENCH_WORD_BYTES,
                   "%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%d:%s",
                   load->jobs, load->payload, load->lanes, load->priorities, load->queues,
                   load->first, load->single | load->apart << 1, load->kind);
}

bool bench_load_read(char *word, struct bench_load *ret_load)
{
    int kind_at = 0, flags = 0;
    struct bench_load l = {0};
    if (sscanf(word,
               "%" SCNu64 ":%" SCNu64 ":%" SCNu64 ":%" SCNu64 ":%" SCNu64 ":%" SCNu64 ":%d:%n",
               &l.jobs, &l.payload, &l.lanes, &l.priorities, &l.queues, &l.first, &flags,
               &kind_at) != 7 ||
        kind_at == 0 || l.lanes == 0 || l.priorities == 0 || l.queues == 0 || l.payload == 0)
        return false;
    l.kind = word + kind_at;
    l.single = flags & 1;
    l.apart = flags & 2;
    *ret_load = l;
    return true;
}

/* ---- submitting ---- */

uint8_t *bench_args(size_t bytes)
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

int bench_open(struct cli *cli, const struct bench_load *load)
{
    struct muster_client_options options = {
        .brokers = &cli->broker, .broker_count = 1, .batch = load->single ? 1 : 0};
    muster_client_destroy(&cli->client);
    int error = muster_client_new(&options, &cli->client, NULL, 0);
    if (error)
        return cli_error(cli, error, "cannot start the client: %s", err_text(error));
    error = muster_client_ready(cli->client, BENCH_PATIENCE_MS, NULL);
    return error ? cli_reply_error(cli, error, NULL, "") : 0;
}

/* Everything is acknowledged, as long as there is some progress. */
static int await_acknowledgements(struct cli *cli)
{
    uint64_t last = UINT64_MAX, left, moved_ms = clock_ms();
    while (muster_client_flush(cli->client, LOOK_MS, &left)) {
        if (left != last)
            moved_ms = clock_ms();
        last = left;
        if (clock_ms() - moved_ms > BENCH_PATIENCE_MS)
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
static int submit_all(struct cli *cli, const struct bench_load *load, struct muster_job *job,
                      char (*kinds)[BENCH_NAME_BYTES], char (*queues)[BENCH_NAME_BYTES])
{
    uint64_t kind = load->first % load->lanes;
    uint64_t priority = load->first / load->lanes % load->priorities;
    uint64_t queue = load->first / load->lanes / load->priorities % load->queues;
    for (uint64_t i = 0; i < load->jobs; i++) {
        job->kind = kinds[kind];
        job->queue = queues[queue];
        if (load->priorities > 1)
            job->priority = (int)priority;
        int error = muster_submit(cli->client, job);
        if (error)
            return cli_error(cli, error, "submit: %s", err_text(error));
        if (++kind < load->lanes)
            continue;
        kind = 0;
        if (++priority < load->priorities)
            continue;
        priority = 0;
        queue = queue + 1 < load->queues ? queue + 1 : 0;
    }
    return 0;
}

int bench_push(struct cli *cli, const struct bench_load *load, struct bench_pushed *ret_pushed)
{
    static atomic_ullong refused; /* outlives the callbacks */
    struct muster_job job = MUSTER_JOB("");
    uint8_t *args = bench_args(load->payload);
    char(*kinds)[BENCH_NAME_BYTES] = make_names(load, load->lanes, bench_kind_name);
    char(*queues)[BENCH_NAME_BYTES] = make_names(load, load->queues, bench_queue_name);
    int status =
        args && kinds && queues ? 0 : cli_error(cli, MUSTER_ENOMEM, "out of memory for the jobs");
    refused = 0;
    job.args = args;
    job.args_bytes = load->payload;
    job.on_ack = count_refused;
    job.user = &refused;
    ret_pushed->begun_us = clock_us();
    status = status ? status : submit_all(cli, load, &job, kinds, queues);
    status = status ? status : await_acknowledgements(cli);
    ret_pushed->refused = refused;
    free(args);
    free(kinds);
    free(queues);
    if (!status && refused)
        status = cli_error(cli, MUSTER_EFULL, "%llu of the jobs were refused", refused);
    return status;
}
