/* tally.h: what the processes of one measured run share: which jobs were seen, when the first was
 * sent, and when the last completion was acknowledged. */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define PATIENCE_MS 20000 /* without any progress; then the run has failed */
#define INDEX_BYTES 8     /* each payload begins with its job's index */

struct tally {
    uint64_t jobs;
    atomic_bool ready;        /* the worker can be given jobs */
    uint64_t first_submit_us; /* monotonic; by the submitter */
    uint64_t last_done_us;    /* monotonic; by the worker: the peer has acknowledged all ends */
    uint64_t seen, doubled, unknown;
    uint64_t bits[]; /* of the jobs seen */
};

/* Says why on stderr and ends this process with status 1. */
_Noreturn void tally_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A word of the command line as a number; dies when it is none, or out of bounds. */
uint64_t tally_number(const char *text, const char *what, uint64_t least, uint64_t most);

/* In memory that children share; never freed. */
struct tally *tally_new(uint64_t jobs);
/* The worker was given the job whose payload this is (at least INDEX_BYTES). */
void tally_mark(struct tally *t, const void *payload);
/* Forks a child that dies with this process; its exit status is what `role` returns. */
pid_t tally_fork(int (*role)(void *arg), void *arg);
/* Waits in the submitter until the worker is ready; dies when the worker does. */
void tally_await_ready(const struct tally *t, pid_t worker);
/* Waits for the worker's end and prints the run as one line of JSON. The exit status: 1 when the
 * worker failed, or when a job was lost, doubled or made up. */
int tally_finish(const struct tally *t, pid_t worker);

#endif
