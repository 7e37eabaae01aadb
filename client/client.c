/* client.c: the callers' side of a handle: making and ending it, submitting, asking. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "wire.h"

const char *muster_error_code(int error)
{
    return err_code(error);
}

const char *muster_error_text(int error)
{
    return err_text(error);
}

const char *muster_version(void)
{
    return MUSTER_VERSION;
}

void muster_id_format(uint64_t id, char out[MUSTER_ID_TEXT_BYTES])
{
    _Static_assert(MUSTER_ID_TEXT_BYTES == JOB_ID_TEXT_BYTES, "one size of id texts");
    job_id_format(id, out);
}

int muster_id_parse(const char *text, uint64_t *ret_id)
{
    return job_id_parse(text, ret_id);
}

/* ---- time and waking ---- */

uint64_t client_until(uint64_t timeout_ms)
{
    uint64_t now_ms = clock_ms();
    return timeout_ms > UINT64_MAX / 4 ? UINT64_MAX : now_ms + timeout_ms;
}

void client_wake(muster_client_t *client)
{
    if (!client->asleep)
        return;
    client->asleep = false;
    uint64_t one = 1;
    (void)!write(client->wake_fd, &one, sizeof one);
}

bool client_wait_until(muster_client_t *client, uint64_t until_ms)
{
    if (until_ms == UINT64_MAX) {
        (void)pthread_cond_wait(&client->changed, &client->lock);
        return true;
    }
    struct timespec t = {.tv_sec = (time_t)(until_ms / 1000),
                         .tv_nsec = (long)(until_ms % 1000) * 1000000};
    return pthread_cond_timedwait(&client->changed, &client->lock, &t) != ETIMEDOUT;
}

/* ---- making and ending ---- */

static void init_lock(muster_client_t *c)
{
    pthread_condattr_t attributes;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

static void free_handle(muster_client_t *c)
{
    ends_fini(&c->ends);
    outbox_fini(&c->outbox);
    buf_fini(&c->scratch);
    if (c->context)
        (void)zmq_ctx_term(c->context);
    if (c->wake_fd >= 0)
        (void)close(c->wake_fd);
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->lock);
    free(c->endpoint);
    free(c->name);
    free(c);
}

static int init_core(muster_client_t *c)
{
    struct client_identity who = {.name = slice_str(c->name), .pid = (uint64_t)getpid()};
    if (getrandom(who.session, sizeof who.session, 0) != (ssize_t)sizeof who.session ||
        getrandom(&who.seed, sizeof who.seed, 0) != (ssize_t)sizeof who.seed)
        return MUSTER_EIO;
    if (gethostname(c->host, sizeof c->host - 1))
        c->host[0] = '\0';
    who.host = slice_str(c->host);
    client_core_init(&c->core, &who, clock_ms());
    return 0;
}

/* libzmq tells a wrong endpoint only at connect: try it once, so that the caller hears of it. */
static int check_endpoint(muster_client_t *c)
{
    void *socket = zmq_socket(c->context, ZMQ_DEALER);
    if (!socket)
        return MUSTER_ENOMEM;
    int linger = 0;
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    int error = zmq_connect(socket, c->endpoint) ? MUSTER_EINVAL : 0;
    (void)zmq_close(socket);
    return error;
}

static int init_handle(muster_client_t *c, const char *endpoint, const char *name)
{
    c->endpoint = strdup(endpoint);
    c->name = strdup(name);
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->context = zmq_ctx_new();
    if (!c->endpoint || !c->name || c->wake_fd < 0 || !c->context)
        return MUSTER_ENOMEM;
    int error = init_core(c);
    error = error ? error : check_endpoint(c);
    if (error)
        return error;
    return pthread_create(&c->thread, NULL, client_io_main, c) ? MUSTER_ENOMEM : 0;
}

int muster_client_new(const struct muster_client_options *options, muster_client_t **ret_client)
{
    const char *endpoint = options ? options->broker : NULL;
    const char *name = options && options->name ? options->name : "";
    if (!endpoint)
        endpoint = getenv("MUSTER_BROKER");
    if (!endpoint || !*endpoint)
        endpoint = MUSTER_DEFAULT_BROKER;
    uint32_t batch = options && options->batch ? options->batch : BATCH_JOBS_MAX;
    if ((*name && !name_valid(slice_str(name))) || batch > BATCH_JOBS_MAX)
        return MUSTER_EINVAL;

    muster_client_t *c = calloc(1, sizeof *c);
    if (!c)
        return MUSTER_ENOMEM;
    init_lock(c);
    outbox_init(&c->outbox);
    c->outbox.batch_max = batch;
    ends_init(&c->ends);
    list_init(&c->calls);
    list_init(&c->abandoned);
    buf_init(&c->scratch, CLIENT_CALL_MAX_BYTES);
    c->next_request = 1;
    int error = init_handle(c, endpoint, name);
    if (error) {
        free_handle(c);
        return error;
    }
    *ret_client = c;
    return 0;
}

void muster_client_destroy(muster_client_t **client)
{
    if (!client || !*client)
        return;
    muster_client_t *c = *client;
    *client = NULL;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    c->asleep = true; /* wake it in any case */
    client_wake(c);
    pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    free_handle(c);
}

int muster_client_ready(muster_client_t *c, uint64_t timeout_ms,
                        struct muster_broker_info *ret_info)
{
    uint64_t until_ms = client_until(timeout_ms);
    pthread_mutex_lock(&c->lock);
    while (!c->welcomed && !c->failed && client_wait_until(c, until_ms))
        ;
    int error = c->failed ? c->failed : c->welcomed ? 0 : MUSTER_ENOBROKER;
    if (!error && ret_info)
        *ret_info = c->broker;
    pthread_mutex_unlock(&c->lock);
    return error;
}

void muster_client_status(muster_client_t *c, struct muster_client_status *ret_status)
{
    pthread_mutex_lock(&c->lock);
    ret_status->connected = c->connected;
    ret_status->error = c->failed ? c->failed : c->putting_off;
    ret_status->pending = c->added - c->settled;
    pthread_mutex_unlock(&c->lock);
}

/* ---- submitting ---- */

/* Adds when there is room and a broker that says how much. Locked. */
static int try_add(muster_client_t *c, const struct muster_job *job)
{
    if (c->failed)
        return c->failed;
    if (!c->welcomed)
        return MUSTER_EFULL;
    if (job->args && job->args_bytes > c->broker.max_payload)
        return MUSTER_ETOOBIG;
    return outbox_add(&c->outbox, job);
}

static int add_until(muster_client_t *c, const struct muster_job *job, uint64_t until_ms)
{
    if (job->args && wire_value_check(slice_of(job->args, job->args_bytes)))
        return MUSTER_EINVAL;
    bool block = !job->nonblocking && !pthread_equal(pthread_self(), c->thread);
    pthread_mutex_lock(&c->lock);
    int error = try_add(c, job);
    while (error == MUSTER_EFULL && block && client_wait_until(c, until_ms))
        error = try_add(c, job);
    if (!error) {
        c->added++;
        if (c->asleep && !c->window_full && outbox_peek(&c->outbox))
            client_wake(c);
    }
    pthread_mutex_unlock(&c->lock);
    return error;
}

int muster_submit(muster_client_t *client, const struct muster_job *job)
{
    return add_until(client, job, UINT64_MAX);
}

uint64_t muster_client_flush(muster_client_t *c, uint64_t timeout_ms)
{
    uint64_t until_ms = client_until(timeout_ms);
    pthread_mutex_lock(&c->lock);
    while (c->added != c->settled && client_wait_until(c, until_ms))
        ;
    uint64_t left = c->added - c->settled;
    pthread_mutex_unlock(&c->lock);
    return left;
}

bool muster_client_await_room(muster_client_t *c, uint64_t timeout_ms)
{
    uint64_t until_ms = client_until(timeout_ms);
    pthread_mutex_lock(&c->lock);
    bool room = c->failed || (c->welcomed && outbox_has_room(&c->outbox));
    while (!room && client_wait_until(c, until_ms))
        room = c->failed || (c->welcomed && outbox_has_room(&c->outbox));
    pthread_mutex_unlock(&c->lock);
    return room;
}

/* One waiting submit; counted, since the acknowledgement may come after the caller went away. */
struct waiting_submit {
    muster_client_t *client;
    int holders; /* caller and callback; under the handle's lock */
    bool done;
    struct muster_ack ack;
    char text[1025];
};

static void leave(struct waiting_submit *w)
{
    if (--w->holders == 0)
        free(w);
}

static void on_waited_ack(void *user, const struct muster_ack *ack)
{
    struct waiting_submit *w = user;
    muster_client_t *c = w->client;
    pthread_mutex_lock(&c->lock);
    w->done = true;
    w->ack = *ack;
    (void)snprintf(w->text, sizeof w->text, "%s", ack->text ? ack->text : "");
    pthread_cond_broadcast(&c->changed);
    leave(w);
    pthread_mutex_unlock(&c->lock);
}

/* Why there is no acknowledgement yet. Locked. */
static int late_error(const muster_client_t *c)
{
    if (!c->connected)
        return MUSTER_ENOBROKER;
    return c->putting_off ? c->putting_off : MUSTER_ETIMEOUT;
}

int muster_submit_wait(muster_client_t *c, const struct muster_job *job, uint64_t timeout_ms,
                       struct muster_ack *ret_ack, char *text, size_t text_bytes)
{
    uint64_t until_ms = client_until(timeout_ms);
    struct waiting_submit *w = calloc(1, sizeof *w);
    if (!w)
        return MUSTER_ENOMEM;
    w->client = c;
    w->holders = 2;
    struct muster_job own = *job;
    own.on_ack = on_waited_ack;
    own.user = w;
    own.on_end = NULL;
    int error = add_until(c, &own, until_ms);
    pthread_mutex_lock(&c->lock);
    if (error) {
        w->holders = 1;
        error = error == MUSTER_EFULL && !job->nonblocking ? late_error(c) : error;
    }
    while (!error && !w->done && client_wait_until(c, until_ms))
        ;
    if (!error)
        error = w->done ? w->ack.error : late_error(c);
    if (text_bytes)
        (void)snprintf(text, text_bytes, "%s", w->done && w->text[0] ? w->text : err_text(error));
    if (!error) {
        *ret_ack = w->ack;
        ret_ack->text = "";
    }
    leave(w);
    pthread_mutex_unlock(&c->lock);
    return error;
}

/* ---- asking ---- */

static struct call *call_new(struct msg *request, uint64_t patience_ms)
{
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    list_init(&call->link);
    list_init(&call->request.link);
    call->request.number = request->request;
    call->request.patience_ms = patience_ms;
    buf_init(&call->frame, CLIENT_CALL_MAX_BYTES);
    if (wire_encode(&call->frame, request)) {
        client_call_free(call);
        return NULL;
    }
    return call;
}

/* The time is over: leaves the call to the thread, or frees it when the thread has not seen it.
 * Locked. */
static void abandon(muster_client_t *c, struct call *call)
{
    list_remove(&call->link);
    if (!call->taken) {
        client_call_free(call);
        return;
    }
    call->state = CALL_ABANDONED;
    list_push_back(&c->abandoned, &call->link);
    client_wake(c);
}

int client_ask(muster_client_t *c, struct msg *request, uint64_t timeout_ms, uint64_t patience_ms,
               muster_reply_t **ret_reply)
{
    uint64_t until_ms = client_until(timeout_ms);
    *ret_reply = NULL;
    pthread_mutex_lock(&c->lock);
    request->request = c->next_request++;
    pthread_mutex_unlock(&c->lock);
    struct call *call = call_new(request, patience_ms);
    if (!call)
        return MUSTER_ENOMEM;

    pthread_mutex_lock(&c->lock);
    list_push_back(&c->calls, &call->link);
    client_wake(c);
    while (call->state == CALL_WAITING && client_wait_until(c, until_ms))
        ;
    int error;
    if (call->state == CALL_WAITING) {
        error = c->failed ? c->failed : c->connected ? MUSTER_ETIMEOUT : MUSTER_ENOBROKER;
        abandon(c, call);
    } else {
        error = call->error;
        *ret_reply = call->reply;
        call->reply = NULL;
        client_call_free(call);
    }
    pthread_mutex_unlock(&c->lock);
    return error;
}
