/* client_io.c: the thread of a client handle: its socket, and what the session machine wants done.
 */
#include <stdio.h>
#include <stdlib.h>
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

/* ---- the socket ---- */

static void set_int(void *socket, int option, int value)
{
    (void)zmq_setsockopt(socket, option, &value, sizeof value);
}

static void drop_socket(muster_client_t *c, int linger_ms)
{
    if (!c->socket)
        return;
    set_int(c->socket, ZMQ_LINGER, linger_ms);
    (void)zmq_close(c->socket);
    c->socket = NULL;
}

/* A socket that cannot be had now is asked for again at the next reconnect. */
static void connect_socket(muster_client_t *c)
{
    drop_socket(c, 0);
    c->socket = zmq_socket(c->context, ZMQ_DEALER);
    if (!c->socket)
        return;
    set_int(c->socket, ZMQ_LINGER, 0);
    set_int(c->socket, ZMQ_SNDHWM, 0); /* the window bounds it */
    set_int(c->socket, ZMQ_RCVHWM, 0);
    set_int(c->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set_int(c->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    set_int(c->socket, ZMQ_HEARTBEAT_IVL, ZMTP_HEARTBEAT_MS);
    set_int(c->socket, ZMQ_HEARTBEAT_TIMEOUT, 3 * ZMTP_HEARTBEAT_MS);
    set_int(c->socket, ZMQ_IPV6, 1);
    if (zmq_connect(c->socket, c->endpoint))
        drop_socket(c, 0);
}

/* What cannot be sent now is missed by its answer, and sent again after a reconnect. */
static void send_bytes(muster_client_t *c, const struct buf *frame)
{
    if (c->socket && !frame->error)
        (void)zmq_send(c->socket, frame->data, frame->len, ZMQ_DONTWAIT);
}

static void send_message(muster_client_t *c, const struct msg *message)
{
    buf_reset(&c->scratch);
    if (!wire_encode(&c->scratch, message))
        send_bytes(c, &c->scratch);
    if (message->type == MSG_GOODBYE)
        c->linger_ms = GOODBYE_LINGER_MS;
}

static void send_submit(muster_client_t *c, struct outbox_batch *b, uint64_t confirmed)
{
    if (b->frame.len == 0) {
        struct msg message;
        outbox_message(b, confirmed, &message);
        if (wire_encode(&b->frame, &message))
            buf_reset(&b->frame); /* out of memory: tried again when its answer is missed */
    }
    if (b->frame.len)
        send_bytes(c, &b->frame);
}

/* ---- what came ---- */

/* Everything about the batch is told: it goes back, and whoever waits looks again. */
static void settle(muster_client_t *c, struct outbox_batch *b, int putting_off)
{
    if (b->template.notify && --c->notify_open == 0)
        ends_forget_early(&c->ends);
    c->core.ends_awaited = ends_count(&c->ends) > 0;
    pthread_mutex_lock(&c->lock);
    c->settled += b->count;
    c->putting_off = putting_off;
    outbox_give_back(&c->outbox, b);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void tell_ack(muster_client_t *c, struct outbox_batch *b, const struct msg_submit_ack *m)
{
    for (uint32_t i = 0; b->listening && i < b->count; i++) {
        const struct outbox_job *job = &b->jobs[i];
        uint8_t outcome = m->outcomes.len ? m->outcomes.data[i] : SUBMIT_NEW;
        struct muster_ack ack = {
            .id = m->ids.len ? slice_u64_at(m->ids, i) : m->first_id + (uint64_t)i * 256,
            .duplicate = outcome == SUBMIT_DUPLICATE,
            .text = "",
        };
        if (outcome != SUBMIT_NEW && outcome != SUBMIT_DUPLICATE) {
            ack.error = MUSTER_ECONFLICT;
            ack.text = err_text(MUSTER_ECONFLICT);
        }
        /* Out of memory for an expectation: the end is not told; muster_wait() still finds it. */
        if (job->on_ack)
            job->on_ack(job->user, &ack);
        if (job->on_end && outcome == SUBMIT_NEW)
            (void)ends_expect(&c->ends, ack.id, job->on_end, job->user);
    }
    settle(c, b, 0);
}

static void tell_refused(muster_client_t *c, struct outbox_batch *b, int error, struct slice text)
{
    char copy[1025];
    (void)snprintf(copy, sizeof copy, "%.*s", SLICE_FMT(text));
    struct muster_ack ack = {.error = error, .text = copy[0] ? copy : err_text(error)};
    for (uint32_t i = 0; b->listening && i < b->count; i++)
        if (b->jobs[i].on_ack)
            b->jobs[i].on_ack(b->jobs[i].user, &ack);
    settle(c, b, 0);
}

static void copy_text(char *to, size_t size, struct slice from)
{
    (void)snprintf(to, size, "%.*s", SLICE_FMT(from));
}

static void tell_ends(muster_client_t *c, const struct msg_done *m, uint32_t skip)
{
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
        if (i >= skip)
            (void)ends_tell(&c->ends, &end, c->notify_open > 0);
    }
    c->core.ends_awaited = ends_count(&c->ends) > 0;
}

static void note_welcome(muster_client_t *c, const struct msg_welcome *m)
{
    pthread_mutex_lock(&c->lock);
    c->broker.epoch = m->epoch;
    c->broker.max_payload = (uint32_t)m->max_payload;
    copy_text(c->broker.feed, sizeof c->broker.feed, m->feed);
    copy_text(c->broker.broker_version, sizeof c->broker.broker_version, m->broker);
    c->welcomed = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

void client_call_free(struct call *call)
{
    if (!call)
        return;
    muster_reply_destroy(&call->reply);
    buf_fini(&call->frame);
    free(call);
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
static void finish_call(muster_client_t *c, struct call *call, int error,
                        const struct msg *received)
{
    struct muster_reply *reply = received ? copy_reply(received) : NULL;
    if (received && !reply)
        error = MUSTER_ENOMEM;
    else if (received)
        error = reply->code[0] ? client_error_of(slice_str(reply->code)) : 0;
    pthread_mutex_lock(&c->lock);
    bool abandoned = call->state == CALL_ABANDONED;
    call->reply = reply;
    call->error = error;
    call->state = CALL_DONE;
    if (abandoned)
        list_remove(&call->link);
    else
        pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (abandoned)
        client_call_free(call);
}

static void apply(muster_client_t *c, const struct client_action *a)
{
    switch (a->kind) {
    case CLIENT_DO_CONNECT:
        connect_socket(c);
        break;
    case CLIENT_DO_SEND:
        send_message(c, &a->message);
        break;
    case CLIENT_DO_SUBMIT:
        send_submit(c, batch_of(a->submit), a->confirmed);
        break;
    case CLIENT_DO_REQUEST:
        send_bytes(c, &call_of(a->request)->frame);
        break;
    case CLIENT_DO_WELCOMED:
        note_welcome(c, &a->received->welcome);
        break;
    case CLIENT_DO_ACKED:
        tell_ack(c, batch_of(a->submit), &a->received->submit_ack);
        break;
    case CLIENT_DO_REFUSED:
        tell_refused(c, batch_of(a->submit), a->error, a->text);
        break;
    case CLIENT_DO_ENDED:
        tell_ends(c, &a->received->done, a->skip);
        break;
    case CLIENT_DO_REPLIED:
        finish_call(c, call_of(a->request), 0, a->received);
        break;
    case CLIENT_DO_DROPPED:
        finish_call(c, call_of(a->request), a->error, NULL);
        break;
    }
}

static void carry_out(muster_client_t *c, uint64_t now_ms)
{
    struct client_action action;
    while (client_core_next(&c->core, now_ms, &action))
        apply(c, &action);
}

/* ---- turns ---- */

/* Takes the requests that callers have left, and forgets those whose callers went away. Locked. */
static void take_calls(muster_client_t *c, uint64_t now_ms)
{
    LIST_FOREACH_SAFE (it, &c->calls) {
        struct call *call = CONTAINER_OF(it, struct call, link);
        list_remove(it);
        call->taken = true;
        client_core_request(&c->core, &call->request, now_ms);
    }
    LIST_FOREACH_SAFE (gone, &c->abandoned) {
        struct call *call = CONTAINER_OF(gone, struct call, link);
        list_remove(gone);
        client_core_cancel(&c->core, &call->request);
        client_call_free(call);
    }
}

static void take_batches(muster_client_t *c, uint64_t now_ms)
{
    struct outbox *o = &c->outbox;
    bool took = false;
    c->window_full = false;
    o->gate = client_core_gate(&c->core);
    for (struct outbox_batch *b = outbox_peek(o); b; b = outbox_peek(o)) {
        if (!client_core_has_room(&c->core, outbox_batch_bytes(b))) {
            c->window_full = true;
            break;
        }
        outbox_take(o, b);
        b->submit.request = c->next_request++;
        c->notify_open += b->template.notify;
        client_core_submit(&c->core, &b->submit, now_ms);
        o->taken = b->submit.number;
        took = true;
    }
    if (took)
        pthread_cond_broadcast(&c->changed);
}

static void take_work(muster_client_t *c, uint64_t now_ms)
{
    pthread_mutex_lock(&c->lock);
    if (c->stop && c->core.phase != CLIENT_CLOSED)
        client_core_close(&c->core);
    if (c->core.phase == CLIENT_FAILED)
        c->failed = c->core.error;
    if (c->stop || c->failed)
        outbox_close_all(&c->outbox);
    c->connected = c->core.phase == CLIENT_SERVING;
    take_calls(c, now_ms);
    take_batches(c, now_ms);
    c->asleep = true;
    pthread_mutex_unlock(&c->lock);
}

static void receive_frame(muster_client_t *c, zmq_msg_t *frame)
{
    struct msg message;
    char why[128];
    uint64_t now_ms = clock_ms();
    struct slice bytes = slice_of(zmq_msg_data(frame), zmq_msg_size(frame));
    if (zmq_msg_more(frame) || wire_decode(bytes, &message, why, sizeof why))
        return; /* not ours: what was expected instead will be missed and asked for again */
    client_core_receive(&c->core, &message, now_ms);
    if (message.type == MSG_BUSY && message.busy.retry_ms) {
        pthread_mutex_lock(&c->lock);
        c->putting_off = client_error_of(message.busy.reason);
        pthread_mutex_unlock(&c->lock);
    }
    carry_out(c, now_ms);
}

static void receive(muster_client_t *c)
{
    for (int i = 0; i < FRAMES_PER_TURN && c->socket; i++) {
        zmq_msg_t frame;
        (void)zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, c->socket, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&frame);
            return;
        }
        receive_frame(c, &frame);
        (void)zmq_msg_close(&frame);
    }
}

static void pause_until(muster_client_t *c, uint64_t deadline_ms)
{
    uint64_t now_ms = clock_ms();
    uint64_t left = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    long timeout = deadline_ms == UINT64_MAX ? -1 : (long)(left < 60000 ? left : 60000);
    zmq_pollitem_t items[] = {
        {.fd = c->wake_fd, .events = ZMQ_POLLIN},
        {.socket = c->socket, .events = ZMQ_POLLIN},
    };
    (void)zmq_poll(items, c->socket ? 2 : 1, timeout);
    if (items[0].revents & ZMQ_POLLIN) {
        uint64_t wakes;
        (void)!read(c->wake_fd, &wakes, sizeof wakes);
    }
}

void *client_io_main(void *handle)
{
    muster_client_t *c = handle;
    while (c->core.phase != CLIENT_CLOSED) {
        uint64_t now_ms = clock_ms();
        client_core_tick(&c->core, now_ms);
        take_work(c, now_ms);
        carry_out(c, now_ms);
        if (c->core.phase == CLIENT_CLOSED)
            break;
        pause_until(c, client_core_deadline(&c->core));
        receive(c);
    }
    drop_socket(c, c->linger_ms);
    return NULL;
}
