/* worker.c: making a worker, its handlers, and orders from outside (the other half of
 * muster/worker.h is run.c). */
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "endpoint.h"
#include "run.h"

#define DRAIN_DEFAULT_MS 25000u
#define HOST_BYTES       256

static int refuse(char *why, size_t why_bytes, const char *what, const char *value)
{
    if (why_bytes)
        snprintf(why, why_bytes, "%s%s%s%s", what, value ? ": \"" : "", value ? value : "",
                 value ? "\"" : "");
    return MUSTER_EINVAL;
}

static uint32_t cores(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) || CPU_COUNT(&set) < 1)
        return 1;
    return (uint32_t)CPU_COUNT(&set);
}

/* ---- options ---- */

static int take_brokers(struct muster_worker *w, const struct muster_worker_options *o, char *why,
                        size_t why_bytes)
{
    const char *from_env = getenv("MUSTER_BACKEND");
    const char *one = from_env && *from_env ? from_env : MUSTER_DEFAULT_BACKEND;
    const char *const *brokers = o->broker_count ? o->brokers : &one;
    char text[256];

    w->broker_count = o->broker_count ? o->broker_count : 1;
    w->brokers = calloc(w->broker_count, sizeof *w->brokers);
    if (!w->brokers)
        return MUSTER_ENOMEM;
    for (size_t i = 0; i < w->broker_count; i++) {
        if (endpoint_check(brokers[i], text, sizeof text))
            return refuse(why, why_bytes, text, NULL);
        w->brokers[i] = strdup(brokers[i]);
        if (!w->brokers[i])
            return MUSTER_ENOMEM;
    }
    return 0;
}

static int take_queues(struct muster_worker *w, const struct muster_worker_options *o, char *why,
                       size_t why_bytes)
{
    static const struct muster_worker_queue one = {"default", 1};
    const struct muster_worker_queue *queues = o->queue_count ? o->queues : &one;
    size_t count = o->queue_count ? o->queue_count : 1;

    if (count > QUEUES_PER_WORKER)
        return refuse(why, why_bytes, "more than 256 queues", NULL);
    w->queues = calloc(count, sizeof *w->queues);
    w->weights = calloc(count, sizeof *w->weights);
    if (!w->queues || !w->weights)
        return MUSTER_ENOMEM;
    w->who.queue_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        if (!name_valid(slice_str(queues[i].name)))
            return refuse(why, why_bytes, "not a queue name", queues[i].name);
        char *copy = strdup(queues[i].name);
        if (!copy)
            return MUSTER_ENOMEM;
        w->queues[i] = slice_str(copy);
        w->weights[i] = queues[i].weight ? queues[i].weight : 1;
    }
    return 0;
}

/* Host name and process id, with anything that no name may hold as '-'. */
static char *default_name(const char *host)
{
    char name[NAME_MAX_BYTES + 1];
    int n = snprintf(name, sizeof name, "%.100s-%ld", *host ? host : "worker", (long)getpid());

    for (int i = 0; i < n; i++)
        if (!name_valid(slice_of(name, (size_t)i + 1)))
            name[i] = i ? '-' : 'w';
    return strdup(name);
}

static int take_name(struct muster_worker *w, const struct muster_worker_options *o, char *why,
                     size_t why_bytes)
{
    char host[HOST_BYTES] = "";

    gethostname(host, sizeof host - 1);
    if (o->name && !name_valid(slice_str(o->name)))
        return refuse(why, why_bytes, "not a worker name", o->name);
    w->host = strdup(host);
    w->name = o->name ? strdup(o->name) : default_name(host);
    return w->host && w->name ? 0 : MUSTER_ENOMEM;
}

static int take_session(struct muster_worker *w)
{
    uint8_t *id = w->who.session;

    if (getrandom(id, SESSION_ID_BYTES, 0) != SESSION_ID_BYTES)
        return MUSTER_EIO;
    for (size_t i = 0; i < SESSION_ID_BYTES; i++)
        snprintf(w->session_text + i * 2, 3, "%02x", id[i]);
    return 0;
}

static int take_options(struct muster_worker *w, const struct muster_worker_options *o, char *why,
                        size_t why_bytes)
{
    int err;

    if (o->slots > SLOTS_MAX)
        return refuse(why, why_bytes, "slots: 1 to 65536", NULL);
    if ((err = take_brokers(w, o, why, why_bytes)) || (err = take_queues(w, o, why, why_bytes)) ||
        (err = take_name(w, o, why, why_bytes)) || (err = take_session(w)))
        return err;
    w->who.name = slice_str(w->name);
    w->who.host = slice_str(w->host);
    w->who.pid = (uint32_t)getpid();
    w->who.slots = o->slots ? o->slots : cores();
    w->who.queues = w->queues;
    w->who.weights = w->weights;
    w->who.strict = o->strict;
    w->drain_ms = o->drain_ms ? o->drain_ms : DRAIN_DEFAULT_MS;
    w->on_ready = o->on_ready;
    w->on_log = o->on_log;
    w->user = o->user;
    return 0;
}

int muster_worker_new(const struct muster_worker_options *options, muster_worker_t **ret_worker,
                      char *why, size_t why_bytes)
{
    static const struct muster_worker_options defaults;
    struct muster_worker *w = calloc(1, sizeof *w);
    int err;

    *ret_worker = NULL;
    if (why_bytes)
        *why = 0;
    if (!w)
        return MUSTER_ENOMEM;
    w->order_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    err = w->order_fd < 0 ? MUSTER_EIO
                          : take_options(w, options ? options : &defaults, why, why_bytes);
    if (err) {
        muster_worker_destroy(&w);
        return err;
    }
    *ret_worker = w;
    return 0;
}

void muster_worker_destroy(muster_worker_t **worker)
{
    struct muster_worker *w = worker ? *worker : NULL;

    if (!w)
        return;
    if (w->pool)
        pool_free(w->pool);
    for (size_t i = 0; i < w->link_count; i++)
        link_fini(&w->links[i]);
    for (size_t i = 0; i < w->handler_count; i++)
        free(w->handlers[i].kind);
    for (size_t i = 0; w->brokers && i < w->broker_count; i++)
        free(w->brokers[i]);
    for (size_t i = 0; w->queues && i < w->who.queue_count; i++)
        free((void *)(uintptr_t)w->queues[i].data);
    if (w->zmq)
        zmq_ctx_term(w->zmq);
    if (w->order_fd >= 0)
        close(w->order_fd);
    free(w->links);
    free(w->handlers);
    free(w->brokers);
    free(w->queues);
    free(w->weights);
    free(w->kinds);
    free(w->name);
    free(w->host);
    free(w);
    *worker = NULL;
}

/* ---- handlers ---- */

const struct handler *worker_handler(const struct muster_worker *w, struct slice kind)
{
    const struct handler *any = NULL;

    for (size_t i = 0; i < w->handler_count; i++) {
        if (slice_is(kind, w->handlers[i].kind))
            return &w->handlers[i];
        if (!strcmp(w->handlers[i].kind, "*"))
            any = &w->handlers[i];
    }
    return any;
}

int muster_worker_handle(muster_worker_t *w, const char *kind, muster_handler_fn *fn, void *user)
{
    struct handler *grown;

    if (w->has_run)
        return MUSTER_ESTATE;
    if (strcmp(kind, "*") != 0 && !name_valid(slice_str(kind)))
        return MUSTER_EINVAL;
    for (size_t i = 0; i < w->handler_count; i++)
        if (!strcmp(w->handlers[i].kind, kind))
            return MUSTER_EINVAL;
    if (w->handler_count == KINDS_PER_WORKER)
        return MUSTER_EFULL;
    grown = realloc(w->handlers, (w->handler_count + 1) * sizeof *grown);
    if (!grown)
        return MUSTER_ENOMEM;
    w->handlers = grown;
    grown[w->handler_count] = (struct handler){strdup(kind), fn, user};
    if (!grown[w->handler_count].kind)
        return MUSTER_ENOMEM;
    w->handler_count++;
    return 0;
}

void worker_run_job(void *worker, struct muster_run *run)
{
    const struct handler *h = run->lane->handler;

    (void)worker;
    if (h)
        h->fn(run, h->user);
    else
        (void)muster_run_fail(run, "no_handler", "this worker has no handler for the kind", 0);
    run_conclude(run);
}

/* ---- orders ---- */

static void order(struct muster_worker *w, enum worker_order what)
{
    uint64_t one = 1;
    int before = atomic_load(&w->order), saved = errno;
    ssize_t n;

    while (before < (int)what && !atomic_compare_exchange_weak(&w->order, &before, (int)what))
        continue;
    n = write(w->order_fd, &one, sizeof one);
    (void)n;       /* full is readable as well */
    errno = saved; /* this may be a signal handler */
}

void muster_worker_drain(muster_worker_t *w)
{
    order(w, ORDER_DRAIN);
}

void muster_worker_stop(muster_worker_t *w)
{
    order(w, ORDER_STOP);
}
