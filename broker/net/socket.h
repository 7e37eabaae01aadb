/* socket.h: what all listening sockets have in common. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SOCKET_ENDPOINT_BYTES 256

struct socket_options {
    const char *endpoint;
    int64_t max_frame; /* of received frames */
    int receive_max;   /* messages a peer may have waiting here before its connection is not read */
    int send_max;      /* messages that may wait for one peer */
};

/* Sets the options (before binding: they hold for connections made later) and binds. MUSTER_EIO
 * with `why`. */
int socket_bind(void *socket, const struct socket_options *options,
                char ret_endpoint[SOCKET_ENDPOINT_BYTES], char *why,
                size_t why_size) MUSTER_MUSTCHECK;

#endif
