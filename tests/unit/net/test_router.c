/* test_router.c: a router between real ZeroMQ peers: what it passes on, what it drops, what it
 * counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>
#include <zmq.h>

#include "net/router.h"

#define WAIT_MS   5000
#define MAX_FRAME 300000

static void *context;
static struct router *router;

static int open_router(size_t max_unsent)
{
    char why[256] = "";
    const struct router_options options = {
        .endpoint = "tcp://127.0.0.1:*", .max_frame = MAX_FRAME, .max_unsent = max_unsent};
    context = zmq_ctx_new();
    return router_open(&router, context, &options, why, sizeof why);
}

static int set_up(void **state)
{
    (void)state;
    return open_router(1u << 20);
}

static int tear_down(void **state)
{
    (void)state;
    router_close(&router, 0);
    zmq_ctx_term(context);
    return 0;
}

/* A peer; `id` NULL: libzmq gives it one. */
static void *peer_new(const char *id, int receive_max)
{
    int zero = 0;
    void *peer = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(peer, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(peer, ZMQ_RCVHWM, &receive_max, sizeof receive_max);
    if (id)
        zmq_setsockopt(peer, ZMQ_ROUTING_ID, id, strlen(id));
    assert_int_equal(zmq_connect(peer, router_endpoint(router)), 0);
    return peer;
}

static struct blob *receive(uint64_t *route)
{
    struct blob *frame = NULL;
    zmq_pollitem_t item = {.socket = router_socket(router), .events = ZMQ_POLLIN};
    for (int i = 0; i < 50; i++) {
        assert_true(zmq_poll(&item, 1, WAIT_MS) > 0);
        if (router_receive(router, route, &frame))
            return frame;
    }
    fail_msg("nothing to receive");
    return NULL;
}

static void expect_frame(const char *text, uint64_t *route)
{
    struct blob *frame = receive(route);
    assert_true(slice_is(frame->bytes, text));
    assert_int_not_equal(*route, 0);
    blob_unref(frame);
}

static void passes_frames_both_ways(void **state)
{
    (void)state;
    uint64_t a_route, b_route;
    char answer[16];
    void *a = peer_new(NULL, 100), *b = peer_new(NULL, 100);
    zmq_send(a, "from a", 6, 0);
    expect_frame("from a", &a_route);
    zmq_send(b, "from b", 6, 0);
    expect_frame("from b", &b_route);
    assert_int_not_equal(a_route, b_route);
    assert_true(router_send(router, b_route, slice_str("to b")));
    assert_int_equal(zmq_recv(b, answer, sizeof answer, 0), 4);
    assert_memory_equal(answer, "to b", 4);
    assert_int_equal(zmq_recv(a, answer, sizeof answer, ZMQ_DONTWAIT), -1);
    zmq_close(a);
    zmq_close(b);
}

/* Frames of all sizes stay as they are while they are held, whatever comes after. */
static void frames_live_while_held(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 33, 8192, 8193, 200000};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    struct blob *frames[COUNT];
    uint64_t route;
    void *peer = peer_new(NULL, 100);
    uint8_t *bytes = malloc(MAX_FRAME);
    for (int i = 0; i < COUNT; i++) {
        memset(bytes, 'a' + i, MAX_FRAME);
        zmq_send(peer, bytes, sizes[i], 0);
        frames[i] = receive(&route);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(frames[i]->bytes.len, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(frames[i]->bytes.data[k], 'a' + i);
        blob_unref(frames[i]);
    }
    free(bytes);
    zmq_close(peer);
}

static void drops_more_than_one_frame(void **state)
{
    (void)state;
    uint64_t route;
    void *peer = peer_new(NULL, 100);
    zmq_send(peer, "one", 3, ZMQ_SNDMORE);
    zmq_send(peer, "two", 3, ZMQ_SNDMORE);
    zmq_send(peer, "three", 5, 0);
    zmq_send(peer, "whole", 5, 0);
    expect_frame("whole", &route);
    assert_int_equal(router_counter(router, ROUTER_MULTIPART), 1);
    zmq_close(peer);
}

static void drops_routing_ids_of_the_peers_choice(void **state)
{
    (void)state;
    static const char *const ids[] = {"me", "abcde", "a-very-long-routing-id"};
    uint64_t route;
    void *chosen[3], *plain;
    for (int i = 0; i < 3; i++) {
        chosen[i] = peer_new(ids[i], 100);
        zmq_send(chosen[i], "chosen", 6, 0);
    }
    while (router_counter(router, ROUTER_ROUTING_ID) < 3) {
        struct blob *frame;
        zmq_pollitem_t item = {.socket = router_socket(router), .events = ZMQ_POLLIN};
        assert_true(zmq_poll(&item, 1, WAIT_MS) > 0);
        assert_false(router_receive(router, &route, &frame));
    }
    plain = peer_new(NULL, 100);
    zmq_send(plain, "plain", 5, 0);
    expect_frame("plain", &route);
    for (int i = 0; i < 3; i++)
        zmq_close(chosen[i]);
    zmq_close(plain);
}

static void a_frame_over_the_limit_cuts_off_its_peer_alone(void **state)
{
    (void)state;
    uint64_t route;
    uint8_t *bytes = calloc(1, MAX_FRAME + 1);
    void *good = peer_new(NULL, 100), *bad = peer_new(NULL, 100);
    zmq_send(bad, bytes, MAX_FRAME + 1, 0);
    zmq_send(good, "good", 4, 0);
    expect_frame("good", &route);
    zmq_send(good, bytes, MAX_FRAME, 0);
    struct blob *frame = receive(&route);
    assert_int_equal(frame->bytes.len, MAX_FRAME);
    blob_unref(frame);
    free(bytes);
    zmq_close(good);
    zmq_close(bad);
}

/* Sends until it is refused; the peer does not read. */
static uint32_t send_until_refused(uint64_t route, struct slice frame)
{
    for (uint32_t sent = 0; sent < 1000000; sent++) {
        if (!router_send(router, route, frame))
            return sent;
    }
    fail_msg("never refused");
    return 0;
}

static void a_peer_that_does_not_read_is_refused(void **state)
{
    (void)state;
    uint64_t route;
    uint8_t bytes[4096] = {0};
    void *peer = peer_new(NULL, 1);
    zmq_send(peer, "hello", 5, 0);
    expect_frame("hello", &route);
    send_until_refused(route, slice_of(bytes, sizeof bytes));
    assert_int_equal(router_counter(router, ROUTER_SLOW_PEER), 1);
    zmq_close(peer);
}

static void large_frames_on_their_way_are_bounded(void **state)
{
    (void)state;
    uint64_t route;
    uint8_t *bytes = calloc(1, 200000);
    struct slice large = slice_of(bytes, 200000);
    void *peer = peer_new(NULL, 1);
    zmq_send(peer, "hello", 5, 0);
    expect_frame("hello", &route);
    uint32_t sent = send_until_refused(route, large);
    assert_true(sent >= 5); /* 1 MiB, and what is in the kernel's buffers */
    assert_int_equal(router_counter(router, ROUTER_UNSENT_FULL), 1);
    assert_true(router_send(router, route, slice_str("small frames still go")));
    for (uint32_t i = 0; i < sent; i++)
        assert_int_equal(zmq_recv(peer, bytes, 200000, 0), 200000);
    time_t until = time(NULL) + 30;
    while (!router_send(router, route, large))
        assert_true(time(NULL) < until);
    free(bytes);
    zmq_close(peer);
}

static void a_peer_that_is_gone_is_unreachable(void **state)
{
    (void)state;
    uint64_t route, before;
    void *peer = peer_new(NULL, 100);
    zmq_send(peer, "hello", 5, 0);
    expect_frame("hello", &route);
    zmq_close(peer);
    time_t until = time(NULL) + 30;
    do {
        before = router_counter(router, ROUTER_UNREACHABLE);
        (void)router_send(router, route, slice_str("anyone?"));
        assert_true(time(NULL) < until);
    } while (router_counter(router, ROUTER_UNREACHABLE) == before);
    assert_false(router_send(router, UINT64_C(1) << 32 | 12345, slice_str("nobody")));
}

static void says_why_it_cannot_bind(void **state)
{
    (void)state;
    char why[256] = "";
    struct router *other = NULL;
    const struct router_options options = {
        .endpoint = router_endpoint(router), .max_frame = 1000, .max_unsent = 1000};
    assert_int_equal(router_open(&other, context, &options, why, sizeof why), MUSTER_EIO);
    assert_null(other);
    assert_non_null(strstr(why, router_endpoint(router)));
    assert_non_null(strstr(why, "in use"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(passes_frames_both_ways),
        TEST(frames_live_while_held),
        TEST(drops_more_than_one_frame),
        TEST(drops_routing_ids_of_the_peers_choice),
        TEST(a_frame_over_the_limit_cuts_off_its_peer_alone),
        TEST(a_peer_that_does_not_read_is_refused),
        TEST(large_frames_on_their_way_are_bounded),
        TEST(a_peer_that_is_gone_is_unreachable),
        TEST(says_why_it_cannot_bind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
