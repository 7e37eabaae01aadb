/* worker.h: the inside of a worker handle: what it was told, and what runs while
 * muster_worker_run() does. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <muster/worker.h>

#include "base/handle.h"
#include "link.h"
#include "pool.h"

#define WORKER_BROKERS_MAX 256

struct handler {
    char *kind;
    muster_handler_fn *fn;
    void *user;
};

/* What somebody in another thread, or a signal handler, has asked for; a greater one replaces a
 * smaller one. */
enum worker_order { ORDER_NONE, ORDER_DRAIN, ORDER_STOP };

struct worker {
    struct handle *handle; /* its lock guards the handlers, has_run and running */
    struct worker_identity who;
    char session_text[SESSION_ID_BYTES * 2 + 1];
    char *name, *host;
    char **brokers;
    size_t broker_count;
    struct slice *queues;
    uint32_t *weights;
    struct slice *kinds; /* of the handlers, made when it runs */
    struct handler *handlers;
    size_t handler_count;
    uint64_t drain_ms;
    void (*on_ready)(void *user, const char *name, const char *session, uint32_t slots);
    void (*on_log)(void *user, bool trouble, const char *text);
    void *user;

    _Atomic int order; /* enum worker_order */
    int order_fd;      /* eventfd: order has changed */
    bool has_run, running;

    /* while it runs */
    void *zmq;
    struct pool *pool;
    struct link *links;
    size_t link_count;
    int order_seen;
    uint64_t stop_ms;    /* drain: when handlers are asked to stop; UINT64_MAX: not draining */
    uint64_t give_up_ms; /* when to leave whatever is left */
};

/* Begins the one run of a handle: 0; MUSTER_ESTATE: it has run, or does; MUSTER_EINVAL: it has no
 * handler, or is none. */
int worker_begin(muster_worker_t *worker, struct worker **ret);
/* The run is over: it may be destroyed. */
void worker_end(struct worker *w);

/* The handler for a kind, or the one for "*", or NULL. */
const struct handler *worker_handler(const struct worker *w, struct slice kind);
/* Runs one job in a thread of the pool. */
void worker_run_job(void *worker, struct job *job);

#endif
