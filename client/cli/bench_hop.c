/* bench_hop.c: what one message costs on this machine, from one sleeping thread to another, over
 * ZeroMQ and loopback TCP: the measure that latencies are compared with. */
#include <pthread.h>
#include <zmq.h>

#include "base/clock.h"
#include "cli/bench.h"

#define ROUND_TRIPS  400
#define WARM_UP      20
#define FRAME_BYTES  64
#define PATIENCE_MS  2000
#define ENDPOINT_MAX 128

/* Sends every frame back, until one is empty. */
static void *echo(void *router)
{
    char peer[64], frame[FRAME_BYTES];
    for (;;) {
        int peer_len = zmq_recv(router, peer, sizeof peer, 0);
        int len = peer_len < 0 ? -1 : zmq_recv(router, frame, sizeof frame, 0);
        if (len <= 0)
            return NULL;
        if (zmq_send(router, peer, (size_t)peer_len, ZMQ_SNDMORE) < 0 ||
            zmq_send(router, frame, (size_t)len, 0) < 0)
            return NULL;
    }
}

static bool round_trip(void *dealer, double *ret_s)
{
    char frame[FRAME_BYTES] = {1};
    uint64_t from = clock_us();
    if (zmq_send(dealer, frame, sizeof frame, 0) < 0 ||
        zmq_recv(dealer, frame, sizeof frame, 0) < 0)
        return false;
    *ret_s = (double)(clock_us() - from) * 1e-6;
    return true;
}

static bool measure(void *dealer, struct bench_times *ret)
{
    static double hops[ROUND_TRIPS];
    bool well = true;
    for (int i = -WARM_UP; i < ROUND_TRIPS && well; i++) {
        double seconds = 0;
        well = round_trip(dealer, &seconds);
        if (i >= 0)
            hops[i] = seconds / 2;
    }
    *ret = bench_percentiles(hops, ROUND_TRIPS);
    return well && zmq_send(dealer, "", 0, 0) == 0;
}

static bool connected_pair(void *router, void *dealer)
{
    char endpoint[ENDPOINT_MAX];
    size_t size = sizeof endpoint;
    int patience = PATIENCE_MS, none = 0;
    return zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &patience, sizeof patience) == 0 &&
           zmq_setsockopt(router, ZMQ_RCVTIMEO, &patience, sizeof patience) == 0 &&
           zmq_setsockopt(dealer, ZMQ_LINGER, &none, sizeof none) == 0 &&
           zmq_setsockopt(router, ZMQ_LINGER, &none, sizeof none) == 0 &&
           zmq_bind(router, "tcp://127.0.0.1:*") == 0 &&
           zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0 &&
           zmq_connect(dealer, endpoint) == 0;
}

int bench_hop(struct cli *cli, struct bench_times *ret_times)
{
    void *context = zmq_ctx_new(), *router = NULL, *dealer = NULL;
    pthread_t thread;
    bool well = false;
    if (context) {
        router = zmq_socket(context, ZMQ_ROUTER);
        dealer = zmq_socket(context, ZMQ_DEALER);
    }
    if (router && dealer && connected_pair(router, dealer) &&
        pthread_create(&thread, NULL, echo, router) == 0) {
        well = measure(dealer, ret_times);
        pthread_join(thread, NULL);
    }
    if (router)
        zmq_close(router);
    if (dealer)
        zmq_close(dealer);
    if (context)
        zmq_ctx_term(context);
    return well ? 0 : cli_error(cli, MUSTER_EIO, "the hop of a message could not be measured");
}
