/* route.c: one broker in the eyes of the handle's thread: its socket, and what the session machine
 * wants done. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "client.h"
#include "wire.h"

#define FRAMES_PER_TURN   64 /* then the clock and the callers are looked at again */
#define GOODBYE_LINGER_MS 1000
#define ZMTP_HEARTBEAT_MS 5000
#define RECONNECT_MS      100 /* libzmq's own, while nobody listens at the endpoint */
#define RECONNECT_MAX_MS  2000

static struct outbox_batch *batch_of(struct client_submit *s)
{
    return CONTAINER_OF(s, struct outbox_batch, submit);
}

static struct call *call_of(struct client_request *r)
{
    return CONTAINER_OF(r, struct call, request);
}

int route_init(struct route *r, struct client *c, size_t index)
{
    struct client_identity who = {
        .name = slice_str(c->name), .host = slice_str(c->host), .pid = (uint64_t)getpid()};
    if (getrandom(who.session, sizeof who.session, 0) != (ssize_t)sizeof who.session ||
        getrandom(&who.seed, sizeof who.seed, 0) != (ssize_t)sizeof who.seed)
        return MUSTER_EIO;
    r->client = c;
    r->index = index;
    client_core_init(&r->core, &who, clock_ms());
    return 0;
}

void route_fini(struct route *r)
{
    ends_fini(&r->ends);
    free(r->endpoint);
}

/* ---- the socket ---- */

static void set_int(void *socket, int option, int value)
{
    (void)zmq_setsockopt(socket, option, &value, sizeof value);
}

void route_drop_socket(struct route *r, int linger_ms)
{
    if (!r->socket)
        return;
    set_int(r->socket, ZMQ_LINGER, linger_ms);
    (void)zmq_close(r->socket);
    r->socket = NULL;
}

/* A socket that cannot be had now is asked for again at the next reconnect. */
static void connect_socket(struct route *r)
{
    route_drop_socket(r, 0);
    r->socket = zmq_socket(r->client->context, ZMQ_DEALER);
    if (!r->socket)
        return;
    set_int(r->socket, ZMQ_LINGER, 0);
    set_int(r->socket, ZMQ_SNDHWM, 0); /* the window bounds it */
    set_int(r->socket, ZMQ_RCVHWM, 0);
    set_int(r->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set_int(r->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    set_int(r->socket, ZMQ_HEARTBEAT_IVL, ZMTP_HEARTBEAT_MS);
    set_int(r->socket, ZMQ_HEARTBEAT_TIMEOUT, 3 * ZMTP_HEARTBEAT_MS);
    set_int(r->socket, ZMQ_IPV6, 1);
    if (zmq_connect(r->socket, r->endpoint))
        route_drop_socket(r, 0);
}

/* What cannot be sent now is missed by its answer, and sent again after a reconnect. */
static void send_bytes(struct route *r, const struct buf *frame)
{
    if (r->socket && !frame->error)
        (void)zmq_send(r->socket, frame->data, frame->len, ZMQ_DONTWAIT);
}

static void send_message(struct route *r, const struct msg *message)
{
    struct buf *scratch = &r->client->scratch;
    buf_reset(scratch);
    if (!wire_encode(scratch, message))
        send_bytes(r, scratch);
    if (message->type == MSG_GOODBYE)
        r->linger_ms = GOODBYE_LINGER_MS;
}

static void send_submit(struct route *r, struct outbox_batch *b, uint64_t confirmed)
{
    if (b->frame.len == 0) {
        struct msg message;
        outbox_message(b, confirmed, &message);
        if (wire_encode(&b->frame, &message))
            buf_reset(&b->frame); /* out of memory: tried again when its answer is missed */
    }
    if (b->frame.len)
        send_bytes(r, &b->frame);
}

/* ---- what came ---- */

static void copy_text(char *to, size_t size, struct slice from)
{
    (void)snprintf(to, size, "%.*s", SLICE_FMT(from));
}

static void on_acked(struct route *r, const struct client_action *a)
{
    const struct msg_submit_ack *m = &a->received->submit_ack;
    struct verdict v = {.first_id = m->first_id, .ids = m->ids, .outcomes = m->outcomes};
    told_batch(r, batch_of(a->submit), &v);
}

static void on_refused(struct route *r, const struct client_action *a)
{
    struct verdict v = {.error = a->error, .text = a->text};
    told_batch(r, batch_of(a->submit), &v);
}

static void on_deferred(struct route *r, const struct client_action *a)
{
    client_lock(r->client);
    r->client->putting_off = a->error;
    client_unlock(r->client);
}

static void on_ended(struct route *r, const struct client_action *a)
{
    const struct msg_done *m = &a->received->done;
    size_t result_at = 0, detail_at = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        size_t result = m->result_lengths.len ? slice_u32_at(m->result_lengths, i) : 0;
        size_t detail = m->detail_lengths.len ? slice_u32_at(m->detail_lengths, i) : 0;
        char code[CODE_MAX_BYTES + 1] = "", message[MESSAGE_MAX_BYTES + 1] = "";
        struct msg_detail about;
        if (detail && !wire_decode_detail(slice_of(m->details.data + detail_at, detail), &about)) {
            copy_text(code, sizeof code, about.code);
            copy_text(message, sizeof message, about.message);
        }
        struct muster_end end = {
            .id = slice_u64_at(m->ids, i),
            .state = job_state_name((enum job_state)m->states.data[i]),
            .result = result ? m->results.data + result_at : NULL,
            .result_bytes = result,
            .code = code,
            .message = message,
        };
        result_at += result;
        detail_at += detail;
        if (i >= a->skip)
            (void)ends_tell(&r->ends, &end, r->notify_open > 0);
    }
    r->core.ends_awaited = ends_count(&r->ends) > 0;
}

static void on_welcomed(struct route *r, const struct client_action *a)
{
    const struct msg_welcome *m = &a->received->welcome;
    struct client *c = r->client;
    client_lock(c);
    r->broker.epoch = m->epoch;
    r->broker.max_payload = (uint32_t)m->max_payload;
    r->broker.shard = (uint32_t)m->shard;
    copy_text(r->broker.feed, sizeof r->broker.feed, m->feed);
    copy_text(r->broker.broker_version, sizeof r->broker.broker_version, m->broker);
    r->welcomed = r->connected = true;
    c->welcomed = true;
    c->max_payload = UINT32_MAX;
    for (size_t i = 0; i < c->route_count; i++)
        if (c->routes[i].welcomed && c->routes[i].broker.max_payload < c->max_payload)
            c->max_payload = c->routes[i].broker.max_payload;
    client_changed(c);
    told_room(c);
    client_unlock(c);
}

static struct muster_reply *copy_reply(const struct msg *m)
{
    struct muster_reply *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    bool error = m->type == MSG_ERROR;
    copy_text(r->code, sizeof r->code, error ? m->error.code : m->reply.code);
    copy_text(r->text, sizeof r->text, error ? m->error.text : m->reply.text);
    if (error)
        return r;
    buf_init(&r->body, m->reply.body.len + 1);
    if (buf_append(&r->body, m->reply.body.data, m->reply.body.len)) {
        free(r);
        return NULL;
    }
    r->more = m->reply.more;
    r->after = m->reply.after;
    r->epoch = m->reply.epoch;
    r->turn = m->reply.turn;
    r->cursor_bytes = m->reply.cursor.len;
    if (r->cursor_bytes)
        memcpy(r->cursor, m->reply.cursor.data, r->cursor_bytes);
    return r;
}

/* Hands a finished call to its caller, or frees it when the caller went away. `received` is NULL
 * when nothing came. */
static void finish_call(struct client *c, struct call *call, int error, const struct msg *received)
{
    struct muster_reply *reply = received ? copy_reply(received) : NULL;
    if (received && !reply)
        error = MUSTER_ENOMEM;
    else if (received)
        error = reply->code[0] ? client_error_of(slice_str(reply->code)) : 0;
    client_lock(c);
    bool abandoned = call->state == CALL_ABANDONED;
    call->reply = reply;
    call->error = error;
    call->state = CALL_DONE;
    if (call->done_fd >= 0)
        (void)!write(call->done_fd, &(uint64_t){1}, sizeof(uint64_t));
    if (abandoned)
        list_remove(&call->link);
    else
        client_changed(c);
    client_unlock(c);
    if (abandoned)
        call_free(call);
}

/* ---- what is to be done ---- */

static void apply(struct route *r, const struct client_action *a)
{
    switch (a->kind) {
    case CLIENT_DO_CONNECT:
        connect_socket(r);
        break;
    case CLIENT_DO_SEND:
        send_message(r, &a->message);
        break;
    case CLIENT_DO_SUBMIT:
        send_submit(r, batch_of(a->submit), a->confirmed);
        break;
    case CLIENT_DO_REQUEST:
        send_bytes(r, &call_of(a->request)->frame);
        break;
    case CLIENT_DO_WELCOMED:
        on_welcomed(r, a);
        break;
    case CLIENT_DO_ACKED:
        on_acked(r, a);
        break;
    case CLIENT_DO_REFUSED:
        on_refused(r, a);
        break;
    case CLIENT_DO_DEFERRED:
        on_deferred(r, a);
        break;
    case CLIENT_DO_ENDED:
        on_ended(r, a);
        break;
    case CLIENT_DO_REPLIED:
        finish_call(r->client, call_of(a->request), 0, a->received);
        break;
    case CLIENT_DO_DROPPED:
        finish_call(r->client, call_of(a->request), a->error, NULL);
        break;
    }
}

void route_carry_out(struct route *r, uint64_t now_ms)
{
    struct client_action action;
    while (client_core_next(&r->core, now_ms, &action))
        apply(r, &action);
}

static void receive_frame(struct route *r, zmq_msg_t *frame)
{
    struct msg message;
    char why[128];
    uint64_t now_ms = clock_ms();
    struct slice bytes = slice_of(zmq_msg_data(frame), zmq_msg_size(frame));
    if (zmq_msg_more(frame) || wire_decode(bytes, &message, why, sizeof why))
        return; /* not ours: what was expected instead will be missed and asked for again */
    client_core_receive(&r->core, &message, now_ms);
    route_carry_out(r, now_ms);
}

void route_receive(struct route *r)
{
    for (int i = 0; i < FRAMES_PER_TURN && r->socket; i++) {
        zmq_msg_t frame;
        (void)zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, r->socket, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&frame);
            return;
        }
        receive_frame(r, &frame);
        (void)zmq_msg_close(&frame);
    }
}
