/* conn.c: one DEALER socket and its monitor. */
#include "conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "wire.h"

#define CONNECT_TIMEOUT_MS 2000
/* A collector of dead TCP connections only: liveness is the session's. */
#define ZMTP_HEARTBEAT_MS 10000
#define ZMTP_TIMEOUT_MS   60000
#define HANDSHAKE_MS      5000
#define FRAME_MAX         (1 << 30)
#define RECEIVE_QUEUE     10000

#define MONITORED                                                                                  \
    (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |                        \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_CLOSED |    \
     ZMQ_EVENT_DISCONNECTED)

static const struct {
    int option, value;
} socket_options[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_SNDHWM, 0}, /* what may be under way is bounded by the session, in bytes */
    {ZMQ_RCVHWM, RECEIVE_QUEUE},
    {ZMQ_RECONNECT_IVL, -1},
    {ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS},
    {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
    {ZMQ_HEARTBEAT_IVL, ZMTP_HEARTBEAT_MS},
    {ZMQ_HEARTBEAT_TIMEOUT, ZMTP_TIMEOUT_MS},
    {ZMQ_HEARTBEAT_TTL, ZMTP_TIMEOUT_MS},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, 30},
    {ZMQ_TCP_KEEPALIVE_INTVL, 5},
    {ZMQ_TCP_KEEPALIVE_CNT, 3},
};

void conn_init(struct conn *c, void *zmq, const char *endpoint)
{
    memset(c, 0, sizeof *c);
    c->zmq = zmq;
    c->endpoint = endpoint;
    buf_init(&c->out, FRAME_MAX);
}

void conn_fini(struct conn *c)
{
    conn_close(c, 0);
    buf_fini(&c->out);
}

static int set_options(struct conn *c)
{
    int64_t frame_max = FRAME_MAX;
    int v6 = strchr(c->endpoint, '[') != NULL;

    for (size_t i = 0; i < sizeof socket_options / sizeof *socket_options; i++)
        if (zmq_setsockopt(c->socket, socket_options[i].option, &socket_options[i].value,
                           sizeof(int)))
            return MUSTER_EIO;
    if (zmq_setsockopt(c->socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max) ||
        zmq_setsockopt(c->socket, ZMQ_IPV6, &v6, sizeof v6))
        return MUSTER_EIO;
    return 0;
}

/* The monitor is connected before the socket is, so that no event is missed. */
static int open_monitor(struct conn *c)
{
    char name[64];
    int zero = 0;

    snprintf(name, sizeof name, "inproc://monitor-%p", c->socket);
    if (zmq_socket_monitor(c->socket, name, MONITORED))
        return MUSTER_EIO;
    c->monitor = zmq_socket(c->zmq, ZMQ_PAIR);
    if (!c->monitor)
        return MUSTER_EIO;
    zmq_setsockopt(c->monitor, ZMQ_LINGER, &zero, sizeof zero);
    return zmq_connect(c->monitor, name) ? MUSTER_EIO : 0;
}

int conn_open(struct conn *c)
{
    int saved;

    c->socket = zmq_socket(c->zmq, ZMQ_DEALER);
    if (!c->socket)
        return MUSTER_EIO;
    if (set_options(c) || open_monitor(c) || zmq_connect(c->socket, c->endpoint)) {
        saved = errno;
        conn_close(c, 0);
        errno = saved;
        return MUSTER_EIO;
    }
    return 0;
}

void conn_close(struct conn *c, int linger_ms)
{
    if (c->socket) {
        zmq_setsockopt(c->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_socket_monitor(c->socket, NULL, 0);
        zmq_close(c->socket);
    }
    if (c->monitor)
        zmq_close(c->monitor);
    c->socket = c->monitor = NULL;
}

int conn_send(struct conn *c, const struct msg *m)
{
    if (!c->socket)
        return MUSTER_EIO;
    buf_reset(&c->out);
    if (wire_encode(&c->out, m))
        return MUSTER_EIO;
    return zmq_send(c->socket, c->out.data, c->out.len, ZMQ_DONTWAIT) < 0 ? MUSTER_EIO : 0;
}

bool conn_receive(struct conn *c, zmq_msg_t *frame)
{
    bool several = false;

    if (!c->socket || zmq_msg_recv(frame, c->socket, ZMQ_DONTWAIT) < 0)
        return false;
    while (zmq_msg_more(frame)) {
        several = true;
        if (zmq_msg_recv(frame, c->socket, ZMQ_DONTWAIT) < 0)
            return false;
    }
    if (several) {
        zmq_msg_close(frame);
        zmq_msg_init(frame);
    }
    return true;
}

enum conn_event conn_event(struct conn *c)
{
    uint8_t head[6];
    char address[256];
    uint16_t event;

    if (!c->monitor || zmq_recv(c->monitor, head, sizeof head, ZMQ_DONTWAIT) != sizeof head)
        return CONN_NOTHING;
    zmq_recv(c->monitor, address, sizeof address, ZMQ_DONTWAIT);
    memcpy(&event, head, sizeof event);
    return event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? CONN_CONNECTED : CONN_LOST;
}
