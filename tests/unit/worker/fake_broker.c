/* fake_broker.c: a ROUTER socket and what it says. */
#include "fake_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WAIT_MS 20000

static void bind_router(struct fake_broker *b, const char *where)
{
    size_t size = sizeof b->endpoint;
    int zero = 0, mandatory = 1, wait = WAIT_MS;

    b->router = zmq_socket(b->zmq, ZMQ_ROUTER);
    assert_non_null(b->router);
    zmq_setsockopt(b->router, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(b->router, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    zmq_setsockopt(b->router, ZMQ_RCVTIMEO, &wait, sizeof wait);
    for (int tries = 0; zmq_bind(b->router, where); tries++) {
        assert_true(tries < 1000); /* the old socket closes in the background */
        zmq_poll(NULL, 0, 5);
    }
    assert_int_equal(zmq_getsockopt(b->router, ZMQ_LAST_ENDPOINT, b->endpoint, &size), 0);
}

void fake_broker_init(struct fake_broker *b)
{
    memset(b, 0, sizeof *b);
    b->zmq = zmq_ctx_new();
    b->epoch = 1;
    buf_init(&b->out, 1 << 24);
    zmq_msg_init(&b->frame);
    bind_router(b, "tcp://127.0.0.1:*");
}

void fake_broker_fini(struct fake_broker *b)
{
    fake_broker_down(b);
    zmq_msg_close(&b->frame);
    buf_fini(&b->out);
    zmq_ctx_term(b->zmq);
}

void fake_broker_down(struct fake_broker *b)
{
    if (b->router)
        zmq_close(b->router);
    b->router = NULL;
}

void fake_broker_up(struct fake_broker *b)
{
    char endpoint[sizeof b->endpoint];

    memcpy(endpoint, b->endpoint, sizeof endpoint);
    b->epoch++;
    bind_router(b, endpoint);
}

static void receive(struct fake_broker *b)
{
    char why[160] = "";
    int n = zmq_recv(b->router, b->route, sizeof b->route, 0);

    assert_true(n > 0);
    b->route_len = (size_t)n;
    assert_true(zmq_msg_recv(&b->frame, b->router, 0) >= 0);
    assert_false(zmq_msg_more(&b->frame));
    if (wire_decode(slice_of(zmq_msg_data(&b->frame), zmq_msg_size(&b->frame)), &b->msg, why,
                    sizeof why))
        fail_msg("%s", why);
}

const struct msg *fake_broker_expect(struct fake_broker *b, enum msg_type type)
{
    for (;;) {
        receive(b);
        if (b->msg.type == type)
            return &b->msg;
        if (b->msg.type == MSG_HEARTBEAT)
            fake_broker_send(b, &(struct msg){.type = MSG_HEARTBEAT});
        else if (b->msg.type != MSG_CREDIT)
            fail_msg("%s came instead of %s", msg_type_name(b->msg.type), msg_type_name(type));
    }
}

void fake_broker_send_raw(struct fake_broker *b, const void *bytes, size_t len, bool more)
{
    assert_true(zmq_send(b->router, b->route, b->route_len, ZMQ_SNDMORE) >= 0);
    assert_int_equal(zmq_send(b->router, bytes, len, more ? ZMQ_SNDMORE : 0), (int)len);
    if (more)
        assert_int_equal(zmq_send(b->router, bytes, len, 0), (int)len);
}

void fake_broker_send(struct fake_broker *b, const struct msg *m)
{
    buf_reset(&b->out);
    assert_int_equal(wire_encode(&b->out, m), 0);
    fake_broker_send_raw(b, b->out.data, b->out.len, false);
}

void fake_broker_welcome(struct fake_broker *b, uint64_t results_next)
{
    struct msg m = {.type = MSG_WELCOME};

    b->hello = fake_broker_expect(b, MSG_HELLO)->hello.number;
    m.welcome.version = 1;
    m.welcome.epoch = b->epoch;
    m.welcome.hello = b->hello;
    m.welcome.heartbeat_ms = 200;
    m.welcome.lease_ms = 2000;
    m.welcome.max_payload = 1024;
    m.welcome.results_window = 1 << 20;
    m.welcome.results_next = results_next;
    fake_broker_send(b, &m);
}

void fake_broker_jobs(struct fake_broker *b, const char *kind, uint64_t first, uint32_t count,
                      struct slice args, uint32_t timeout_ms)
{
    struct slice queue = slice_str("default"), kind_name = slice_str(kind);
    uint32_t lengths[BATCH_JOBS_MAX], timeouts[BATCH_JOBS_MAX];
    struct msg m = {.type = MSG_JOBS};
    struct buf all;

    buf_init(&all, 1 << 24);
    for (uint32_t i = 0; i < count; i++) {
        lengths[i] = (uint32_t)args.len;
        timeouts[i] = timeout_ms;
        assert_int_equal(buf_append(&all, args.data, args.len), 0);
    }
    m.jobs.epoch = b->epoch;
    m.jobs.hello = b->hello;
    m.jobs.count = count;
    m.jobs.first_id = first << 8;
    m.jobs.queues = (struct strs){.items = &queue, .count = 1};
    m.jobs.kinds = (struct strs){.items = &kind_name, .count = 1};
    m.jobs.arg_lengths = slice_of(lengths, count * 4u);
    m.jobs.args = buf_slice(&all);
    m.jobs.run_timeouts_ms = slice_of(timeouts, count * 4u);
    fake_broker_send(b, &m);
    buf_fini(&all);
}

void fake_broker_ack(struct fake_broker *b, uint64_t number)
{
    struct msg m = {.type = MSG_RESULTS_ACK};

    m.results_ack.number = number;
    fake_broker_send(b, &m);
}
