/* fake_broker.c: a ROUTER socket and what it says. */
#include "fake_broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/buf.h"
#include "base/text.h"
#include "wire.h"

/* A test whose broker is broken proves nothing. */
static void must(bool true_here, const char *what)
{
    if (true_here)
        return;
    fprintf(stderr, "fake broker: %s\n", what);
    abort();
}

struct peer {
    uint8_t route[255];
    size_t route_len;
};

static void answer(struct fake_broker *b, const struct peer *peer, const struct msg *m)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    must(wire_encode(&out, m) == 0, "cannot encode");
    (void)zmq_send(b->socket, peer->route, peer->route_len, ZMQ_SNDMORE);
    (void)zmq_send(b->socket, out.data, out.len, 0);
    buf_fini(&out);
}

static void on_hello(struct fake_broker *b, const struct peer *peer, const struct msg *m)
{
    b->known = true;
    b->hellos++;
    struct msg w = {.type = MSG_WELCOME, .request = m->request};
    w.welcome = (struct msg_welcome){.version = 1,
                                     .epoch = 1,
                                     .hello = m->hello.number,
                                     .heartbeat_ms = 50,
                                     .lease_ms = 10000,
                                     .max_payload = 262144,
                                     .feed = slice_str("tcp://127.0.0.1:1"),
                                     .broker = slice_str("fake"),
                                     .shard = b->shard,
                                     .window = 64,
                                     .window_bytes = 8 << 20};
    answer(b, peer, &w);
}

static void tell_ends(struct fake_broker *b, const struct peer *peer, uint64_t first,
                      uint32_t count)
{
    struct buf ids, states;
    buf_init(&ids, 8 * 512);
    buf_init(&states, 512);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t completed = JOB_COMPLETED;
        (void)!buf_u64(&ids, first + 256 * i);
        (void)!buf_append(&states, &completed, 1);
    }
    b->next_end += count;
    struct msg d = {.type = MSG_DONE};
    d.done = (struct msg_done){.number = b->next_end,
                               .count = count,
                               .ids = buf_slice(&ids),
                               .states = buf_slice(&states)};
    answer(b, peer, &d);
    buf_fini(&ids);
    buf_fini(&states);
}

static bool took(atomic_int *left)
{
    if (*left <= 0)
        return false;
    (*left)--;
    return true;
}

static void on_submit(struct fake_broker *b, const struct peer *peer, const struct msg *m)
{
    const struct msg_submit *s = &m->submit;
    struct msg a = {.type = MSG_SUBMIT_ACK, .request = m->request};
    b->submits++;
    b->confirmed = s->confirmed;
    must(s->number < 4096, "too many SUBMITs");
    if (took(&b->busy)) {
        struct msg y = {.type = MSG_BUSY};
        y.busy = (struct msg_busy){.number = s->number, .reason = slice_str("busy"), .retry_ms = 1};
        answer(b, peer, &y);
        return;
    }
    bool again = b->taken[s->number] != 0;
    if (again) {
        b->resent++;
    } else {
        b->taken[s->number] = b->next_id + 256;
        b->next_id += 256 * s->count;
        b->jobs += (int)s->count;
    }
    if (took(&b->lose)) {
        b->known = false;
        return;
    }
    a.submit_ack.number = s->number;
    a.submit_ack.count = s->count;
    a.submit_ack.first_id = b->taken[s->number];
    uint64_t ids[BATCH_JOBS_MAX];
    for (uint32_t i = 0; b->one_id && i < s->count; i++) {
        ids[i] = 256;
        a.submit_ack.first_id = 0;
        a.submit_ack.ids = slice_of(ids, s->count * sizeof ids[0]);
    }
    if (b->end_jobs && s->notify && !again)
        tell_ends(b, peer, a.submit_ack.first_id, (uint32_t)s->count);
    answer(b, peer, &a);
}

/* A job's map: its id; nil for one that it never took. */
static void put_job(const struct fake_broker *b, struct buf *body, uint64_t id)
{
    char text[JOB_ID_TEXT_BYTES];
    if ((id & 0xff) != b->shard || id > b->next_id) {
        wire_nil(body);
        return;
    }
    job_id_format(id, text);
    wire_map(body, 1);
    wire_cstr(body, "id");
    wire_cstr(body, text);
}

static void on_get(struct fake_broker *b, const struct peer *peer, const struct msg *m)
{
    struct msg r = {.type = MSG_REPLY, .request = m->request};
    struct buf body;
    uint32_t count = (uint32_t)(m->get.ids.len / 8);
    buf_init(&body, 1 << 20);
    wire_array(&body, count);
    for (uint32_t i = 0; i < count; i++)
        put_job(b, &body, slice_u64_at(m->get.ids, i));
    r.reply.body = buf_slice(&body);
    answer(b, peer, &r);
    buf_fini(&body);
}

/* All that it took, by id. */
static void on_list(struct fake_broker *b, const struct peer *peer, const struct msg *m)
{
    struct msg r = {.type = MSG_REPLY, .request = m->request};
    struct buf body;
    uint64_t first = ((m->list.after - b->shard) / 256 + 1) * 256 + b->shard;
    if (m->list.after < b->shard + 256u)
        first = b->shard + 256;
    uint64_t left = first > b->next_id ? 0 : (b->next_id - first) / 256 + 1;
    uint64_t count = left < m->list.limit ? left : m->list.limit;
    buf_init(&body, 1 << 20);
    wire_array(&body, (uint32_t)count);
    for (uint64_t i = 0; i < count; i++)
        put_job(b, &body, first + i * 256);
    r.reply.body = buf_slice(&body);
    r.reply.more = count < left;
    r.reply.after = first + count * 256 - 256;
    answer(b, peer, &r);
    buf_fini(&body);
}

static void on_message(struct fake_broker *b, const struct peer *peer, const struct msg *m)
{
    struct msg plain = {.type = MSG_UNKNOWN};
    if (m->type == MSG_HELLO) {
        on_hello(b, peer, m);
        return;
    }
    if (took(&b->unknown) || !b->known) {
        b->known = false;
        answer(b, peer, &plain);
    } else if (m->type == MSG_SUBMIT) {
        on_submit(b, peer, m);
    } else if (m->type == MSG_HEARTBEAT) {
        plain.type = MSG_HEARTBEAT;
        answer(b, peer, &plain);
    } else if (m->type == MSG_GOODBYE) {
        b->goodbyes++;
    } else if (m->type == MSG_DONE_ACK) {
        b->done_acks++;
    } else if (m->type == MSG_WAIT) {
        static const char ready[] = "\x91\x81\xa5state\xa5ready", done[] = "\x91\x81\xa5state\xa9"
                                                                           "completed";
        bool over = !took(&b->waits);
        struct msg r = {.type = MSG_REPLY, .request = m->request};
        r.reply.body = over ? slice_of(done, sizeof done - 1) : slice_of(ready, sizeof ready - 1);
        answer(b, peer, &r);
    } else if (m->type == MSG_GET) {
        on_get(b, peer, m);
    } else if (m->type == MSG_LIST) {
        on_list(b, peer, m);
    }
}

static void *run(void *arg)
{
    struct fake_broker *b = arg;
    zmq_pollitem_t item = {.socket = b->socket, .events = ZMQ_POLLIN};
    static _Thread_local uint8_t frame[1 << 20];
    char why[128];
    while (!b->stop) {
        if (zmq_poll(&item, 1, 20) <= 0)
            continue;
        struct peer peer;
        peer.route_len = (size_t)zmq_recv(b->socket, peer.route, sizeof peer.route, 0);
        int len = zmq_recv(b->socket, frame, sizeof frame, 0);
        must(len >= 0 && (size_t)len <= sizeof frame, "frame too long");
        struct msg m;
        must(wire_decode(slice_of(frame, (size_t)len), &m, why, sizeof why) == 0, why);
        if (!b->mute)
            on_message(b, &peer, &m);
    }
    return NULL;
}

void fake_broker_start(struct fake_broker *b)
{
    fake_broker_start_shard(b, 0);
}

void fake_broker_start_shard(struct fake_broker *b, uint8_t shard)
{
    memset(b, 0, sizeof *b);
    b->next_id = b->shard = shard;
    b->context = zmq_ctx_new();
    b->socket = zmq_socket(b->context, ZMQ_ROUTER);
    int zero = 0;
    zmq_setsockopt(b->socket, ZMQ_LINGER, &zero, sizeof zero);
    must(zmq_bind(b->socket, "tcp://127.0.0.1:*") == 0, "cannot bind");
    size_t size = sizeof b->endpoint;
    must(zmq_getsockopt(b->socket, ZMQ_LAST_ENDPOINT, b->endpoint, &size) == 0, "no endpoint");
    must(pthread_create(&b->thread, NULL, run, b) == 0, "no thread");
}

void fake_broker_stop(struct fake_broker *b)
{
    b->stop = true;
    (void)pthread_join(b->thread, NULL);
    (void)zmq_close(b->socket);
    (void)zmq_ctx_term(b->context);
}
