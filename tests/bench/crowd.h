/* crowd.h: many worker sessions in one thread: each the session machine of a real worker, over a
 * TCP connection of its own; jobs are done as they arrive. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"

struct crowd_seat;

struct crowd {
    pthread_t thread;
    int epoll;
    uint32_t count, slots;
    struct sockaddr_in broker;
    struct crowd_seat *seats;
    struct buf frame; /* the thread's own */
    atomic_bool stop;
    _Atomic uint64_t epoch;   /* set by the owner: welcomes of this start of the broker, or later */
    _Atomic uint32_t serving; /* sessions with such a welcome */
    _Atomic uint64_t jobs, messages, lost; /* done; received; connections that broke */
};

/* Starts so many sessions of `slots` slots at "tcp://127.0.0.1:PORT", for jobs of that kind in the
 * queue "default". 0, MUSTER_EINVAL, MUSTER_ENOMEM or MUSTER_EIO. The strings are borrowed. */
int crowd_start(struct crowd *c, const char *endpoint, const char *kind, uint32_t count,
                uint32_t slots) MUSTER_MUSTCHECK;
/* Ends the thread and all connections. */
void crowd_stop(struct crowd *c);
/* Processor time of its thread. */
double crowd_cpu_s(const struct crowd *c);

#endif
