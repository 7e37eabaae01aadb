/* socket.c: the options of listening sockets. */
#include "net/socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

/* Options that are the same for every listener. ZMTP heartbeats and TCP keepalive only collect dead
 * connections: leases come from the protocol's own heartbeats. TTL must stay below 65.5 s:
 * libzmq 4.3.4 overflows above. */
static const struct {
    int option, value;
} common[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_BACKLOG, 4096},
    {ZMQ_HANDSHAKE_IVL, 5000},
    {ZMQ_HEARTBEAT_IVL, 10000},
    {ZMQ_HEARTBEAT_TIMEOUT, 60000},
    {ZMQ_HEARTBEAT_TTL, 60000},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, 30},
    {ZMQ_TCP_KEEPALIVE_INTVL, 5},
    {ZMQ_TCP_KEEPALIVE_CNT, 3},
    {ZMQ_TCP_MAXRT, 60000},
};

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int set_options(void *socket, const struct socket_options *options)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        failed |= set_int(socket, common[i].option, common[i].value);
    failed |= set_int(socket, ZMQ_RCVHWM, options->receive_max);
    failed |= set_int(socket, ZMQ_SNDHWM, options->send_max);
    failed |= set_int(socket, ZMQ_IPV6, strchr(options->endpoint, '[') != NULL);
    failed |=
        zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &options->max_frame, sizeof options->max_frame);
    return failed;
}

int socket_bind(void *socket, const struct socket_options *options,
                char ret_endpoint[SOCKET_ENDPOINT_BYTES], char *why, size_t why_size)
{
    if (set_options(socket, options)) {
        snprintf(why, why_size, "cannot set a socket option: %s", zmq_strerror(errno));
        return MUSTER_EIO;
    }
    if (zmq_bind(socket, options->endpoint)) {
        snprintf(why, why_size, "cannot bind %s: %s", options->endpoint, zmq_strerror(errno));
        return MUSTER_EIO;
    }
    size_t size = SOCKET_ENDPOINT_BYTES;
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, ret_endpoint, &size)) {
        snprintf(why, why_size, "cannot learn where %s was bound: %s", options->endpoint,
                 zmq_strerror(errno));
        return MUSTER_EIO;
    }
    return 0;
}
