/* bench.h: the parts of `muster bench`: a private cluster on this machine, the jobs that are pushed
 * through it, and what is measured. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "cli/cli.h"

#define BENCH_KIND          "bench.noop"
#define BENCH_BACKLOG_KIND  "bench.backlog" /* nobody handles it before the drain */
#define BENCH_PATIENCE_MS   60000           /* without any progress: something is broken */
#define BENCH_PROCESSES_MAX 64              /* of each side */
#define BENCH_LANES_MAX     90000
#define BENCH_QUEUES_MAX    250 /* a worker process takes a few more */

/* ---- what is submitted: bench_load.c ---- */

/* A list of jobs: number i is of kind i % lanes, of priority i / lanes % priorities, and so on:
 * each job has other options than the one before. A list can be given to several processes. */
struct bench_load {
    const char *kind; /* the kinds' common part */
    uint64_t jobs, payload;
    uint64_t lanes, priorities, queues; /* at least 1 each */
    uint64_t first;                     /* number of the first of `jobs` */
    bool single;                        /* each job in a message of its own */
    bool apart;                         /* in a queue that no other load has */
};

/* What a list of jobs became in this process. */
struct bench_pushed {
    uint64_t begun_us;          /* when the first submit was called */
    unsigned long long refused; /* jobs */
};

/* Opens a client that submits as the load wants it. 0 or the exit status. */
int bench_open(struct cli *cli, const struct bench_load *load);
/* Submits all, one call a job, and waits for the acknowledgements. 0 or the exit status. */
int bench_push(struct cli *cli, const struct bench_load *load, struct bench_pushed *ret_pushed);
/* The names of one lane and one queue of a load. */
#define BENCH_NAME_BYTES 48
void bench_kind_name(const struct bench_load *load, uint64_t number, char out[BENCH_NAME_BYTES]);
void bench_queue_name(const struct bench_load *load, uint64_t number, char out[BENCH_NAME_BYTES]);
/* One msgpack text of exactly so many bytes in all, at least one; NULL without memory. */
uint8_t *bench_args(size_t bytes);

/* A load as one word of a command line, and back (false: it is none). The kind is borrowed. */
#define BENCH_WORD_BYTES 256
void bench_load_word(const struct bench_load *load, char out[BENCH_WORD_BYTES]);
bool bench_load_read(char *word, struct bench_load *ret_load);

/* ---- the hidden commands: bench_children.c ---- */

/* `muster bench-worker BACKEND LOAD`: handles the kinds of the load until it is killed, or drained
 * by SIGTERM. `muster bench-submitter FRONTEND LOAD`: says "ready", waits for the end of its
 * standard input, submits, and says "done BEGUN_US REFUSED". True if argv is one of them. */
bool bench_child(int argc, char **argv, int *ret_status);

/* ---- the cluster: bench_cluster.c ---- */

struct bench_cluster {
    const struct cli *cli; /* whom errors go to */
    char folder[512];      /* "" when there is none: data, and the programs' logs */
    char musterd[512], self[512];
    char frontend[128], backend[128];
    _Atomic pid_t broker, serving; /* 0: does not run; is not ready */
    pid_t workers[2 * BENCH_PROCESSES_MAX], submitters[BENCH_PROCESSES_MAX];
    int submitter_output[BENCH_PROCESSES_MAX];
    uint32_t worker_count, submitter_count;
    bool same_ports; /* set by the owner: a broker that starts again listens where it did */
    double ready_s;  /* of the last start of the broker */

    pthread_t sampler; /* looks at the broker's memory, and that it runs */
    atomic_bool sampling;
    _Atomic uint64_t rss_anon_peak; /* bytes */
};

/* Makes a fresh folder below `parent` (NULL: ./build, else $TMPDIR, else /tmp) and finds the
 * programs. 0 or the exit status after it has said why not; tmpfs is refused. From here on SIGINT,
 * SIGTERM and SIGHUP clean up before they end the program. */
int bench_cluster_init(const struct cli *cli, struct bench_cluster *c, const char *parent);
int bench_cluster_start_broker(struct bench_cluster *c);
/* kill -9, and waits for its end. */
void bench_cluster_kill_broker(struct bench_cluster *c);
/* Starts so many more workers for that load. */
int bench_cluster_start_workers(struct bench_cluster *c, const struct bench_load *load,
                                uint32_t count);
/* Lets them go in peace, and waits for their end. */
void bench_cluster_stop_workers(struct bench_cluster *c);
/* Submits a load from so many processes, which share its jobs; waits for all. */
int bench_cluster_push(struct bench_cluster *c, const struct bench_load *load, uint32_t count,
                       struct bench_pushed *ret_pushed);
/* Stops what runs and removes the folder. */
void bench_cluster_fini(struct bench_cluster *c);
const char *bench_cluster_filesystem(const struct bench_cluster *c);
/* RssAnon of the broker in bytes; 0 when it cannot be read. */
uint64_t bench_cluster_rss_anon(const struct bench_cluster *c);
/* Processor time that the broker has used, user and kernel. */
double bench_cluster_cpu_s(const struct bench_cluster *c);
/* Bytes that the broker's data takes on the disk. */
uint64_t bench_cluster_store_bytes(const struct bench_cluster *c);

/* ---- the measuring: bench_measure.c ---- */

struct bench_times {
    double p50_ms, p99_ms;
};

/* Of several rounds. */
#define BENCH_ROUNDS_MAX 99
struct bench_rates {
    double rates[BENCH_ROUNDS_MAX];
    uint32_t count;
};

void bench_rates_add(struct bench_rates *r, double rate);
/* 0 without any. */
double bench_rates_median(const struct bench_rates *r);
double bench_rates_min(const struct bench_rates *r);
double bench_rates_max(const struct bench_rates *r);

/* Waits until so many have completed in all; an error when more have, or when any met trouble. */
int bench_await_completed(struct cli *cli, uint64_t completed);
/* Nothing but `ready` jobs is left, and so many have completed: else an error. */
int bench_expect(struct cli *cli, uint64_t ready, uint64_t completed);
/* Sorts the samples. */
struct bench_times bench_percentiles(double *seconds, size_t count);
/* One job after the other, on an idle system; *ret_jobs of them. */
int bench_latency(struct cli *cli, const struct bench_load *load, uint64_t *ret_jobs,
                  struct bench_times *ret_ack, struct bench_times *ret_result);
/* What the broker measured of its own commits. */
int bench_commits(struct cli *cli, struct bench_times *ret_commit);
/* fdatasync of 4 KiB in that folder. */
int bench_fdatasync(const struct cli *cli, const char *folder, struct bench_times *ret_sync);
/* One message from one thread to another, over ZeroMQ and loopback: bench_hop.c. */
int bench_hop(struct cli *cli, struct bench_times *ret_times);
/* Waits until so many workers have joined. */
int bench_await_workers(struct cli *cli, uint32_t count);

#endif
