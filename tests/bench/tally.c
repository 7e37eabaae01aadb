/* tally.c: counting each job once, and the processes of a run. */
#include "tally.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

void tally_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

uint64_t tally_number(const char *text, const char *what, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || end == text || value < least || value > most)
        tally_die("%s must be a number from %" PRIu64 " to %" PRIu64 ": %s", what, least, most,
                  text);
    return value;
}

struct tally *tally_new(uint64_t jobs)
{
    size_t bytes = sizeof(struct tally) + (jobs / 64 + 1) * sizeof(uint64_t);
    struct tally *t = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t == MAP_FAILED)
        tally_die("out of memory");
    t->jobs = jobs;
    return t;
}

void tally_mark(struct tally *t, const void *payload)
{
    uint64_t index, bit;
    memcpy(&index, payload, sizeof index);
    if (index >= t->jobs) {
        t->unknown++;
        return;
    }
    bit = 1ull << index % 64;
    if (t->bits[index / 64] & bit)
        t->doubled++;
    else
        t->seen++;
    t->bits[index / 64] |= bit;
}

pid_t tally_fork(int (*role)(void *arg), void *arg)
{
    pid_t pid = fork();
    if (pid < 0)
        tally_die("cannot start a process");
    if (pid > 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    exit(role(arg));
}

void tally_await_ready(const struct tally *t, pid_t worker)
{
    uint64_t until = clock_ms() + PATIENCE_MS;
    while (!t->ready) {
        if (waitpid(worker, NULL, WNOHANG) != 0)
            tally_die("the worker has failed");
        if (clock_ms() > until)
            tally_die("the worker was not ready in time");
        (void)poll(NULL, 0, 1);
    }
}

int tally_finish(const struct tally *t, pid_t worker)
{
    int status = 0;
    if (waitpid(worker, &status, 0) != worker || status != 0)
        tally_die("the worker has failed");
    uint64_t lost = t->jobs - t->seen;
    printf("{\"jobs\":%" PRIu64 ",\"seconds\":%.6f,\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64
           ",\"unknown\":%" PRIu64 "}\n",
           t->jobs, (double)(t->last_done_us - t->first_submit_us) * 1e-6, lost, t->doubled,
           t->unknown);
    if (lost || t->doubled || t->unknown)
        fprintf(stderr,
                "of %" PRIu64 " jobs %" PRIu64 " were lost, %" PRIu64 " came twice, %" PRIu64
                " were never submitted\n",
                t->jobs, lost, t->doubled, t->unknown);
    return lost || t->doubled || t->unknown;
}
