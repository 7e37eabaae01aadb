/* bench.h: the parts of `muster bench`: a private cluster on this machine, and what is measured
 * with it. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <sys/types.h>

#include "cli/cli.h"

#define BENCH_KIND         "bench.noop"
#define BENCH_BACKLOG_KIND "bench.backlog" /* nobody handles it */
#define BENCH_PATIENCE_MS  60000           /* without any progress: something is broken */

/* ---- the cluster: bench_cluster.c ---- */

struct bench_cluster {
    char folder[512]; /* "" when there is none: data, and the programs' logs */
    char musterd[512], self[512];
    char frontend[128], backend[128];
    pid_t broker, worker; /* 0: does not run */
    double ready_s;       /* of the last start of the broker */
};

/* Makes a fresh folder below `parent` (NULL: ./build, else $TMPDIR, else /tmp) and finds the
 * programs. 0 or the exit status after it has said why not; tmpfs is refused. From here on SIGINT,
 * SIGTERM and SIGHUP clean up before they end the program. */
int bench_cluster_init(const struct cli *cli, struct bench_cluster *c, const char *parent);
int bench_cluster_start_broker(const struct cli *cli, struct bench_cluster *c);
int bench_cluster_start_worker(const struct cli *cli, struct bench_cluster *c);
/* kill -9, and waits for its end. */
void bench_cluster_kill_broker(struct bench_cluster *c);
/* Stops what runs and removes the folder. */
void bench_cluster_fini(struct bench_cluster *c);
const char *bench_cluster_filesystem(const struct bench_cluster *c);
/* RssAnon of the broker; 0 when it cannot be read. */
uint64_t bench_cluster_rss_anon(const struct bench_cluster *c);

/* The hidden command `muster bench-worker BACKEND`: runs BENCH_KIND until it is killed. */
int bench_worker_main(int argc, char **argv);

/* ---- the measuring: bench_measure.c ---- */

struct bench_times {
    double p50_ms, p99_ms;
};

/* Submits `count` jobs, one call a job, and waits for the acknowledgements. 0 or the exit status.
 */
int bench_submit(struct cli *cli, const char *kind, uint64_t count, size_t payload);
/* The same, and waits until all have completed; tells how long it took from the first submit. */
int bench_throughput(struct cli *cli, uint64_t count, size_t payload, double *ret_seconds);
/* One job after the other, on an idle system. */
int bench_latency(struct cli *cli, size_t payload, struct bench_times *ret_ack,
                  struct bench_times *ret_result);
/* What the broker measured of its own commits. */
int bench_commits(struct cli *cli, struct bench_times *ret_commit);
/* fdatasync of 4 KiB in that folder. */
int bench_fdatasync(const struct cli *cli, const char *folder, struct bench_times *ret_sync);
/* Waits until a worker has joined. */
int bench_await_worker(struct cli *cli);

#endif
