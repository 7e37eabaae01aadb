/* bench_children.c: what the other processes of `muster bench` do: workers whose handler does
 * nothing, and submitters beside the one that measures. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/bench.h"
#include "muster/worker.h"

#define QUEUES_ROOM (BENCH_QUEUES_MAX + 1)

static muster_worker_t *to_drain; /* by SIGTERM */

static void no_operation(muster_run_t *run, void *user)
{
    (void)run;
    (void)user;
}

static void on_sigterm(int number)
{
    (void)number;
    muster_worker_drain(to_drain);
}

/* More kinds than one worker may name: all. */
static int handle_kinds(muster_worker_t *worker, const struct bench_load *load)
{
    char name[BENCH_NAME_BYTES];
    if (load->lanes > KINDS_PER_WORKER)
        return muster_worker_handle(worker, "*", no_operation, NULL);
    int error = 0;
    for (uint64_t i = 0; i < load->lanes && !error; i++) {
        bench_kind_name(load, i, name);
        error = muster_worker_handle(worker, name, no_operation, NULL);
    }
    return error;
}

static int run_worker(const char *backend, const struct bench_load *load)
{
    char why[256] = "", names[QUEUES_ROOM][BENCH_NAME_BYTES];
    struct muster_worker_queue queues[QUEUES_ROOM];
    size_t count = load->queues < QUEUES_ROOM ? load->queues : QUEUES_ROOM;
    for (size_t i = 0; i < count; i++) {
        bench_queue_name(load, i, names[i]);
        queues[i] = (struct muster_worker_queue){names[i], 1};
    }
    struct muster_worker_options options = {.brokers = &backend,
                                            .broker_count = 1,
                                            .queues = queues,
                                            .queue_count = count,
                                            .name = "bench-worker"};
    int error = muster_worker_new(&options, &to_drain, why, sizeof why);
    if (!error) {
        (void)signal(SIGTERM, on_sigterm);
        error = handle_kinds(to_drain, load);
        error = error ? error : muster_worker_run(to_drain);
        (void)signal(SIGTERM, SIG_DFL);
        muster_worker_destroy(&to_drain);
    }
    if (error)
        fprintf(stderr, "muster bench-worker: %s %s\n", err_text(error), why);
    return error ? EXIT_REFUSED : EXIT_DONE;
}

static int run_submitter(const char *frontend, const struct bench_load *load)
{
    struct cli cli = {.broker = frontend};
    struct bench_pushed pushed;
    char nothing[16];
    int status = bench_open(&cli, load);
    if (!status) {
        puts("ready");
        (void)fflush(stdout);
        while (read(STDIN_FILENO, nothing, sizeof nothing) > 0)
            ;
        status = bench_push(&cli, load, &pushed);
    }
    if (!status)
        printf("done %" PRIu64 " %llu\n", pushed.begun_us, pushed.refused);
    (void)fflush(stdout);
    muster_client_destroy(&cli.client);
    return status;
}

bool bench_child(int argc, char **argv, int *ret_status)
{
    struct bench_load load;
    bool worker = argc > 1 && strcmp(argv[1], "bench-worker") == 0;
    bool submitter = argc > 1 && strcmp(argv[1], "bench-submitter") == 0;
    if (!worker && !submitter)
        return false;
    if (argc != 4 || !bench_load_read(argv[3], &load))
        *ret_status = EXIT_USAGE;
    else
        *ret_status = worker ? run_worker(argv[2], &load) : run_submitter(argv[2], &load);
    return true;
}
