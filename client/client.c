/* client.c: making and ending handles, and what one can ask of a handle without a broker. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/fds.h"
#include "base/text.h"

/* ---- without a handle ---- */

const char *muster_version(void)
{
    return MUSTER_VERSION;
}

const char *muster_error_code(int error)
{
    return err_code(error);
}

const char *muster_error_text(int error)
{
    return err_text(error);
}

void muster_id_format(uint64_t id, char out[MUSTER_ID_TEXT_BYTES])
{
    _Static_assert(MUSTER_ID_TEXT_BYTES == JOB_ID_TEXT_BYTES, "one size of id texts");
    if (out)
        job_id_format(id, out);
}

int muster_id_parse(const char *text, uint64_t *ret_id)
{
    return text && ret_id ? job_id_parse(text, ret_id) : MUSTER_EINVAL;
}

/* ---- entering, waiting, waking ---- */

int client_enter(muster_client_t *handle, struct client **ret)
{
    struct handle *h;
    int error = handle_lock(handle, HANDLE_CLIENT, &h);
    if (!error)
        *ret = h->object;
    return error;
}

int client_enter_to_wait(muster_client_t *handle, struct client **ret)
{
    struct client *c;
    int error = client_enter(handle, &c);
    if (error)
        return error;
    if (pthread_equal(pthread_self(), c->thread)) {
        client_unlock(c);
        return MUSTER_ESTATE;
    }
    c->inside++;
    *ret = c;
    return 0;
}

void client_leave(struct client *c)
{
    if (--c->inside == 0 && c->stop)
        client_changed(c);
    client_unlock(c);
}

uint64_t client_until(uint64_t timeout_ms)
{
    uint64_t now_ms = clock_ms();
    return timeout_ms > UINT64_MAX / 4 ? UINT64_MAX : now_ms + timeout_ms;
}

void client_wake(struct client *c)
{
    if (!c->asleep)
        return;
    c->asleep = false;
    uint64_t one = 1;
    (void)!write(c->wake_fd, &one, sizeof one);
}

bool client_wait_until(struct client *c, uint64_t until_ms)
{
    struct handle *h = c->handle;
    if (until_ms == UINT64_MAX) {
        (void)pthread_cond_wait(&h->changed, &h->lock);
        return true;
    }
    struct timespec t = {.tv_sec = (time_t)(until_ms / 1000),
                         .tv_nsec = (long)(until_ms % 1000) * 1000000};
    return pthread_cond_timedwait(&h->changed, &h->lock, &t) != ETIMEDOUT;
}

bool client_connected(const struct client *c)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (c->routes[i].connected)
            return true;
    return false;
}

bool client_is_own_thread(const struct client *c)
{
    pthread_t self = pthread_self();
    return pthread_equal(self, c->thread) || (c->processing && pthread_equal(self, c->processor));
}

/* ---- options ---- */

static int refuse(char *why, size_t why_bytes, const char *what, struct slice value)
{
    if (why && why_bytes)
        (void)snprintf(why, why_bytes, "%s: \"%.*s\"", what, SLICE_FMT(value));
    return MUSTER_EINVAL;
}

/* libzmq tells a wrong endpoint only at connect: try it once, so that the caller hears of it. 0,
 * MUSTER_EINVAL or MUSTER_EIO. */
static int try_endpoint(struct client *c, const char *endpoint)
{
    void *socket = zmq_socket(c->context, ZMQ_DEALER);
    if (!socket)
        return MUSTER_EIO;
    int linger = 0;
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    bool works = zmq_connect(socket, endpoint) == 0;
    (void)zmq_close(socket);
    return works ? 0 : MUSTER_EINVAL;
}

static int add_route(struct client *c, struct slice endpoint, char *why, size_t why_bytes)
{
    struct route *r = &c->routes[c->route_count];
    r->endpoint = strndup((const char *)endpoint.data, endpoint.len);
    if (!r->endpoint)
        return MUSTER_ENOMEM;
    c->route_count++; /* freed with the others from now on */
    list_init(&r->core.submits);
    ends_init(&r->ends, told_end, c);
    int error = try_endpoint(c, r->endpoint);
    if (error == MUSTER_EINVAL)
        return refuse(why, why_bytes, "not an endpoint (tcp://host:port or ipc://path)", endpoint);
    return error ? error : route_init(r, c, c->route_count - 1);
}

/* One entry may name several brokers: a,b. */
static int add_routes(struct client *c, const char *text, char *why, size_t why_bytes)
{
    if (!text)
        return refuse(why, why_bytes, "a broker is missing", slice_str("NULL"));
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        int error = add_route(c, slice_of(at, len), why, why_bytes);
        at += len;
        if (error || !*at)
            return error;
    }
}

static size_t count_brokers(const char *const *brokers, size_t count)
{
    for (size_t i = 0, given = count; i < given; i++)
        for (const char *at = brokers[i]; at && (at = strchr(at, ',')); at++)
            count++;
    return count;
}

static int take_brokers(struct client *c, const struct muster_client_options *o, char *why,
                        size_t why_bytes)
{
    const char *from_env = getenv("MUSTER_BROKER");
    const char *one = from_env && *from_env ? from_env : MUSTER_DEFAULT_BROKER;
    const char *const *brokers = o->broker_count ? o->brokers : &one;
    size_t count = o->broker_count ? o->broker_count : 1;

    if (!brokers)
        return refuse(why, why_bytes, "brokers are missing", slice_str("NULL"));
    if (count > CLIENT_ROUTES_MAX || count_brokers(brokers, count) > CLIENT_ROUTES_MAX)
        return refuse(why, why_bytes, "more than 256 brokers", SLICE_EMPTY);
    c->routes = calloc(count_brokers(brokers, count), sizeof *c->routes);
    c->items = calloc(count_brokers(brokers, count) + 1, sizeof *c->items);
    if (!c->routes || !c->items)
        return MUSTER_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int error = add_routes(c, brokers[i], why, why_bytes);
        if (error)
            return error;
    }
    return 0;
}

static int take_options(struct client *c, const struct muster_client_options *o, char *why,
                        size_t why_bytes)
{
    const char *name = o->name ? o->name : "";
    if (*name && !name_valid(slice_str(name)))
        return refuse(why, why_bytes, "not a client name", slice_str(name));
    if (o->batch > BATCH_JOBS_MAX)
        return refuse(why, why_bytes, "batch: 1 to 512", SLICE_EMPTY);
    if (o->batch)
        c->outbox.batch_max = o->batch;
    c->own_loop = o->own_loop;
    c->name = strdup(name);
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->loop_fd = c->own_loop ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    if (c->wake_fd < 0 || (c->own_loop && c->loop_fd < 0) || !fds_for_zmq())
        return MUSTER_EIO;
    c->context = zmq_ctx_new();
    if (!c->name || !c->context)
        return MUSTER_ENOMEM;
    if (gethostname(c->host, sizeof c->host - 1))
        c->host[0] = '\0';
    return take_brokers(c, o, why, why_bytes);
}

/* ---- making and ending ---- */

static void free_inside(struct client *c)
{
    for (size_t i = 0; i < c->route_count; i++)
        route_fini(&c->routes[i]);
    outbox_fini(&c->outbox);
    buf_fini(&c->scratch);
    if (c->context)
        (void)zmq_ctx_term(c->context);
    if (c->wake_fd >= 0)
        (void)close(c->wake_fd);
    if (c->loop_fd >= 0)
        (void)close(c->loop_fd);
    free(c->routes);
    free(c->items);
    free(c->name);
    free(c);
}

static int start(struct client *c, const struct muster_client_options *options,
                 muster_client_t **ret_client, char *why, size_t why_bytes)
{
    int error = take_options(c, options, why, why_bytes);
    if (error)
        return error;
    error = handle_new(HANDLE_CLIENT, c, &c->handle);
    if (error)
        return error;
    client_lock(c); /* so that nobody sees c->thread before it is there */
    error = pthread_create(&c->thread, NULL, client_io_main, c) ? MUSTER_ENOMEM : 0;
    uintptr_t value = atomic_load(&c->handle->value);
    client_unlock(c);
    if (error) {
        handle_retire(c->handle);
        handle_free(c->handle);
        return error;
    }
    *ret_client = (muster_client_t *)value;
    return 0;
}

int muster_client_new(const struct muster_client_options *options, muster_client_t **ret_client,
                      char *why, size_t why_bytes)
{
    static const struct muster_client_options defaults;

    if (why && why_bytes)
        *why = '\0';
    if (!ret_client)
        return MUSTER_EINVAL;
    *ret_client = NULL;
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return MUSTER_ENOMEM;
    c->wake_fd = c->loop_fd = -1;
    outbox_init(&c->outbox);
    list_init(&c->calls);
    list_init(&c->abandoned);
    list_init(&c->told_batches);
    list_init(&c->told_ends);
    list_init(&c->loose_ends);
    buf_init(&c->scratch, CLIENT_CALL_MAX_BYTES);
    c->next_request = 1;
    c->made_ms = clock_ms();
    int error = start(c, options ? options : &defaults, ret_client, why, why_bytes);
    if (error)
        free_inside(c);
    return error;
}

int muster_client_destroy(muster_client_t **client)
{
    struct client *c;
    if (!client || !*client)
        return 0;
    int error = client_enter(*client, &c);
    if (!error && client_is_own_thread(c)) {
        client_unlock(c);
        return MUSTER_ESTATE;
    }
    *client = NULL;
    if (error)
        return error;
    struct handle *h = c->handle;
    handle_retire(h);
    c->stop = true;
    c->asleep = true; /* wake it in any case */
    client_wake(c);
    client_changed(c);
    while (c->inside > 0)
        (void)client_wait_until(c, UINT64_MAX);
    client_unlock(c);
    (void)pthread_join(c->thread, NULL);
    (void)told_process(c);
    free_inside(c);
    handle_free(h);
    return 0;
}

/* ---- what it knows ---- */

/* The first connected broker's, else the first one's that has ever spoken. Locked. */
static const struct muster_broker_info *some_broker(const struct client *c)
{
    const struct muster_broker_info *info = NULL;
    for (size_t i = c->route_count; i-- > 0;)
        if (c->routes[i].welcomed && (c->routes[i].connected || !info))
            info = &c->routes[i].broker;
    return info;
}

int muster_client_ready(muster_client_t *client, uint64_t timeout_ms,
                        struct muster_broker_info *ret_info)
{
    uint64_t until_ms = client_until(timeout_ms);
    struct client *c;
    int error = client_enter_to_wait(client, &c);
    if (error)
        return error;
    while (!c->welcomed && !c->failed && !c->stop && client_wait_until(c, until_ms))
        ;
    if (!c->welcomed)
        error = c->failed ? c->failed : c->stop ? MUSTER_ECLOSED : MUSTER_ENOBROKER;
    else if (c->failed)
        error = c->failed;
    if (!error && ret_info)
        *ret_info = *some_broker(c);
    client_leave(c);
    return error;
}

int muster_client_status(muster_client_t *client, struct muster_client_status *ret_status)
{
    struct client *c;
    if (!ret_status)
        return MUSTER_EINVAL;
    *ret_status = (struct muster_client_status){0};
    int error = client_enter(client, &c);
    if (error)
        return error;
    ret_status->brokers = (uint32_t)c->route_count;
    for (size_t i = 0; i < c->route_count; i++)
        ret_status->connected += c->routes[i].connected;
    ret_status->error = c->failed ? c->failed : c->putting_off;
    ret_status->pending = c->added - c->settled;
    client_unlock(c);
    return 0;
}

/* ---- the caller's own loop ---- */

int muster_client_fd(muster_client_t *client)
{
    struct client *c;
    int error = client_enter(client, &c);
    if (error)
        return error;
    int fd = c->own_loop ? c->loop_fd : MUSTER_ESTATE;
    client_unlock(c);
    return fd;
}

int muster_client_process(muster_client_t *client)
{
    struct client *c;
    int result = client_enter_to_wait(client, &c);
    if (result)
        return result;
    if (!c->own_loop || c->processing) {
        client_leave(c);
        return MUSTER_ESTATE;
    }
    c->processing = true;
    c->processor = pthread_self();
    client_unlock(c);
    result = told_process(c);
    client_lock(c);
    c->processing = false;
    client_leave(c);
    return result;
}
