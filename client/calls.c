/* calls.c: a request and its REPLY, between a caller and the handle's thread. */
#include <stdlib.h>

#include "client.h"
#include "wire.h"

void call_free(struct call *call)
{
    if (!call)
        return;
    muster_reply_destroy(&call->reply);
    buf_fini(&call->frame);
    free(call);
}

static struct call *call_new(struct msg *request, uint64_t patience_ms)
{
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    list_init(&call->link);
    list_init(&call->request.link);
    call->request.number = request->request;
    call->request.patience_ms = patience_ms;
    call->done_fd = -1;
    buf_init(&call->frame, CLIENT_CALL_MAX_BYTES);
    if (wire_encode(&call->frame, request)) {
        call_free(call);
        return NULL;
    }
    return call;
}

static int post(struct client *c, struct msg *request, enum call_to to, size_t where,
                uint64_t patience_ms, int done_fd, struct call **ret)
{
    client_lock(c);
    request->request = c->next_request++;
    client_unlock(c);
    struct call *call = call_new(request, patience_ms);
    if (!call)
        return MUSTER_ENOMEM;
    call->to = to;
    call->where = where;
    call->done_fd = done_fd;
    client_lock(c);
    bool closed = c->stop; /* the thread has had its last look, perhaps */
    if (!closed) {
        list_push_back(&c->calls, &call->link);
        client_wake(c);
    }
    client_unlock(c);
    if (closed) {
        call_free(call);
        return MUSTER_ECLOSED;
    }
    *ret = call;
    return 0;
}

int call_post(struct client *c, struct msg *request, enum call_to to, size_t where,
              uint64_t patience_ms, struct call **ret)
{
    return post(c, request, to, where, patience_ms, -1, ret);
}

/* The time is over: leaves the call to the thread, or frees it when no route has it. Locked. */
static void abandon(struct client *c, struct call *call)
{
    list_remove(&call->link);
    if (!call->taken) {
        call_free(call);
        return;
    }
    call->state = CALL_ABANDONED;
    call->done_fd = -1; /* it may be closed by then */
    list_push_back(&c->abandoned, &call->link);
    client_wake(c);
}

int call_collect(struct client *c, struct call *call, uint64_t until_ms, muster_reply_t **ret_reply)
{
    int error;
    *ret_reply = NULL;
    client_lock(c);
    while (call->state == CALL_WAITING && client_wait_until(c, until_ms))
        ;
    if (call->state == CALL_WAITING) {
        const struct route *r = call->taken;
        bool connected = r ? r->connected : call->to == TO_ANY && client_connected(c);
        error = c->failed ? c->failed : connected ? MUSTER_ETIMEOUT : MUSTER_ENOBROKER;
        abandon(c, call);
    } else {
        error = call->error;
        *ret_reply = call->reply;
        call->reply = NULL;
        call_free(call);
    }
    client_unlock(c);
    return error;
}

/* ---- without waiting ---- */

int client_ask(muster_client_t *handle, struct msg *request, uint64_t patience_ms, int done_fd,
               struct call **ret)
{
    struct client *c;
    int error = client_enter_to_wait(handle, &c);
    if (error)
        return error;
    client_unlock(c);
    error = post(c, request, TO_ROUTE, 0, patience_ms, done_fd, ret);
    client_lock(c);
    client_leave(c);
    return error;
}

bool client_answered(muster_client_t *handle, const struct call *call)
{
    struct client *c;
    if (client_enter(handle, &c))
        return true; /* client_take() says why */
    bool done = call->state == CALL_DONE;
    client_unlock(c);
    return done;
}

bool client_first_connected(muster_client_t *handle)
{
    struct client *c;
    if (client_enter(handle, &c))
        return false;
    bool connected = c->routes[0].connected;
    client_unlock(c);
    return connected;
}

int client_take(muster_client_t *handle, struct call *call, uint64_t timeout_ms,
                muster_reply_t **ret_reply)
{
    struct client *c;
    *ret_reply = NULL;
    int error = client_enter_to_wait(handle, &c);
    if (error)
        return error;
    client_unlock(c);
    error = call_collect(c, call, client_until(timeout_ms), ret_reply);
    client_lock(c);
    client_leave(c);
    return error;
}
