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
    if (why && why_bytes)
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

static int take_broker(struct worker *w, const char *endpoint, size_t len, char *why,
                       size_t why_bytes)
{
    char text[256];
    char **grown;

    if (w->broker_count == WORKER_BROKERS_MAX)
        return refuse(why, why_bytes, "more than 256 brokers", NULL);
    grown = realloc(w->brokers, (w->broker_count + 1) * sizeof *grown);
    if (!grown)
        return MUSTER_ENOMEM;
    w->brokers = grown;
    grown[w->broker_count] = strndup(endpoint, len);
    if (!grown[w->broker_count])
        return MUSTER_ENOMEM;
    w->broker_count++;
    if (endpoint_check(grown[w->broker_count - 1], text, sizeof text))
        return refuse(why, why_bytes, text, NULL);
    return 0;
}

/* One entry may name several brokers: a,b. */
static int take_entry(struct worker *w, const char *text, char *why, size_t why_bytes)
{
    if (!text)
        return refuse(why, why_bytes, "a broker is NULL", NULL);
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        int err = take_broker(w, at, len, why, why_bytes);
        at += len;
        if (err || !*at)
            return err;
    }
}

static int take_brokers(struct worker *w, const struct muster_worker_options *o, char *why,
                        size_t why_bytes)
{
    const char *from_env = getenv("MUSTER_BACKEND");
    const char *one = from_env && *from_env ? from_env : MUSTER_DEFAULT_BACKEND;
    const char *const *brokers = o->broker_count ? o->brokers : &one;
    size_t count = o->broker_count ? o->broker_count : 1;

    if (!brokers)
        return refuse(why, why_bytes, "brokers are NULL", NULL);
    for (size_t i = 0; i < count; i++) {
        int err = take_entry(w, brokers[i], why, why_bytes);
        if (err)
            return err;
    }
    return 0;
}

static int take_queues(struct worker *w, const struct muster_worker_options *o, char *why,
                       size_t why_bytes)
{
    static const struct muster_worker_queue one = {"default", 1};
    const struct muster_worker_queue *queues = o->queue_count ? o->queues : &one;
    size_t count = o->queue_count ? o->queue_count : 1;

    if (!queues)
        return refuse(why, why_bytes, "queues are NULL", NULL);
    if (count > QUEUES_PER_WORKER)
        return refuse(why, why_bytes, "more than 256 queues", NULL);
    w->queues = calloc(count, sizeof *w->queues);
    w->weights = calloc(count, sizeof *w->weights);
    if (!w->queues || !w->weights)
        return MUSTER_ENOMEM;
    w->who.queue_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        if (!name_valid(slice_str(queues[i].name)))
            return refuse(why, why_bytes, "not a queue name",
                          queues[i].name ? queues[i].name : "NULL");
        if (queues[i].weight > WEIGHT_MAX)
            return refuse(why, why_bytes, "the weight is above 1000000", queues[i].name);
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

static int take_name(struct worker *w, const struct muster_worker_options *o, char *why,
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

static int take_session(struct worker *w)
{
    uint8_t *id = w->who.session;

    if (getrandom(id, SESSION_ID_BYTES, 0) != SESSION_ID_BYTES)
        return MUSTER_EIO;
    for (size_t i = 0; i < SESSION_ID_BYTES; i++)
        snprintf(w->session_text + i * 2, 3, "%02x", id[i]);
    return 0;
}

static int take_options(struct worker *w, const struct muster_worker_options *o, char *why,
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

static void free_inside(struct worker *w)
{
    if (w->pool)
        pool_free(w->pool);
    for (size_t i = 0; i < w->link_count; i++)
        link_fini(&w->links[i]);
    for (size_t i = 0; i < w->handler_count; i++)
        free(w->handlers[i].kind);
    for (size_t i = 0; i < w->broker_count; i++)
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
}

int muster_worker_new(const struct muster_worker_options *options, muster_worker_t **ret_worker,
                      char *why, size_t why_bytes)
{
    static const struct muster_worker_options defaults;
    struct worker *w;
    int err;

    if (why && why_bytes)
        *why = 0;
    if (!ret_worker)
        return MUSTER_EINVAL;
    *ret_worker = NULL;
    w = calloc(1, sizeof *w);
    if (!w)
        return MUSTER_ENOMEM;
    w->order_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    err = w->order_fd < 0 ? MUSTER_EIO
                          : take_options(w, options ? options : &defaults, why, why_bytes);
    if (!err)
        err = handle_new(HANDLE_WORKER, w, &w->handle);
    if (err) {
        free_inside(w);
        return err;
    }
    *ret_worker = (muster_worker_t *)atomic_load(&w->handle->value);
    return 0;
}

/* Finds the handle's inside and locks it. */
static int enter(muster_worker_t *worker, struct worker **ret)
{
    struct handle *h;
    int err = handle_lock(worker, HANDLE_WORKER, &h);

    if (!err)
        *ret = h->object;
    return err;
}

static void leave(struct worker *w)
{
    pthread_mutex_unlock(&w->handle->lock);
}

int worker_begin(muster_worker_t *worker, struct worker **ret)
{
    int err = enter(worker, ret);
    struct worker *w = *ret;

    if (err)
        return err;
    if (w->has_run)
        err = MUSTER_ESTATE;
    else if (!w->handler_count)
        err = MUSTER_EINVAL;
    else
        w->has_run = w->running = true;
    leave(w);
    return err;
}

void worker_end(struct worker *w)
{
    pthread_mutex_lock(&w->handle->lock);
    w->running = false;
    leave(w);
}

int muster_worker_slots(muster_worker_t *worker)
{
    struct worker *w;
    int err = enter(worker, &w);

    if (err)
        return err;
    int slots = (int)w->who.slots;
    leave(w);
    return slots;
}

/* The caller is one of this worker's handlers. */
static bool in_handler(const struct worker *w)
{
    const struct job *job = run_current();

    return job && job->batch->owner && ((const struct link *)job->batch->owner)->worker == w;
}

int muster_worker_destroy(muster_worker_t **worker)
{
    struct worker *w;
    int err;

    if (!worker || !*worker)
        return 0;
    err = enter(*worker, &w);
    if (!err && (w->running || in_handler(w))) {
        leave(w);
        return MUSTER_ESTATE;
    }
    *worker = NULL;
    if (err)
        return err;
    struct handle *h = w->handle;
    handle_retire(h);
    leave(w);
    free_inside(w);
    handle_free(h);
    return 0;
}

/* ---- handlers ---- */

const struct handler *worker_handler(const struct worker *w, struct slice kind)
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

static int add_handler(struct worker *w, const char *kind, muster_handler_fn *fn, void *user)
{
    struct handler *grown;

    if (w->has_run)
        return MUSTER_ESTATE;
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

int muster_worker_handle(muster_worker_t *worker, const char *kind, muster_handler_fn *fn,
                         void *user)
{
    struct worker *w;
    int err;

    if (!kind || !fn || (strcmp(kind, "*") != 0 && !name_valid(slice_str(kind))))
        return MUSTER_EINVAL;
    err = enter(worker, &w);
    if (err)
        return err;
    err = add_handler(w, kind, fn, user);
    leave(w);
    return err;
}

void worker_run_job(void *worker, struct job *job)
{
    const struct handler *h = job->lane->handler;
    muster_run_t *run = run_of(job);

    (void)worker;
    if (h)
        h->fn(run, h->user);
    else
        (void)muster_run_fail(run, "no_handler", "this worker has no handler for the kind", 0);
    run_conclude(job);
}

/* ---- orders ---- */

/* No lock: this may be a signal handler. */
static int order(muster_worker_t *worker, enum worker_order what)
{
    struct handle *h;
    int err = handle_hold(worker, HANDLE_WORKER, &h), saved = errno;
    uint64_t one = 1;

    if (err)
        return err;
    struct worker *w = h->object;
    int before = atomic_load(&w->order);
    while (before < (int)what && !atomic_compare_exchange_weak(&w->order, &before, (int)what))
        continue;
    ssize_t n = write(w->order_fd, &one, sizeof one);
    (void)n; /* full is readable as well */
    handle_drop(h);
    errno = saved;
    return 0;
}

int muster_worker_drain(muster_worker_t *worker)
{
    return order(worker, ORDER_DRAIN);
}

int muster_worker_stop(muster_worker_t *worker)
{
    return order(worker, ORDER_STOP);
}
