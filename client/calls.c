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
    buf_init(&call->frame, CLIENT_CALL_MAX_BYTES);
    if (wire_encode(&call->frame, request)) {
        call_free(call);
        return NULL;
    }
    return call;
}

int call_post(struct client *c, struct msg *request, enum call_to to, size_t where,
              uint64_t patience_ms, struct call **ret)
{
    client_lock(c);
    request->request = c->next_request++;
    client_unlock(c);
    struct call *call = call_new(request, patience_ms);
    if (!call)
        return MUSTER_ENOMEM;
    call->to = to;
    call->where = where;
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

/* The time is over: leaves the call to the thread, or frees it when no route has it. Locked. */
static void abandon(struct client *c, struct call *call)
{
    list_remove(&call->link);
    if (!call->taken) {
        call_free(call);
        return;
    }
    call->state = CALL_ABANDONED;
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
