/* zmtp.h: one ZeroMQ DEALER connection on a non-blocking socket of its own, without libzmq: ZMTP 3
 * with the NULL mechanism (https://rfc.zeromq.org/spec/23/). For programs that hold thousands. */
#ifndef BENCH_ZMTP_H
#define BENCH_ZMTP_H

#include <netinet/in.h>

#include "base/buf.h"

struct zmtp {
    int fd;     /* -1: closed */
    int stage;  /* of the handshake; its last: messages flow */
    size_t at;  /* what of `in` has been read */
    size_t put; /* what of `out` has been written */
    struct buf in, out;
};

enum zmtp_got {
    ZMTP_NOTHING, /* read more first */
    ZMTP_OPEN,    /* the handshake is done: once */
    ZMTP_MESSAGE, /* one frame */
    ZMTP_BROKEN   /* what came is not ZMTP, or is a message of several frames */
};

void zmtp_init(struct zmtp *z);
/* Closes, and frees the buffers. */
void zmtp_fini(struct zmtp *z);
/* Begins to connect. 0, or -1 with errno. */
int zmtp_open(struct zmtp *z, const struct sockaddr_in *to);
void zmtp_close(struct zmtp *z);

/* Reads what has arrived; false when the connection is gone. */
bool zmtp_read(struct zmtp *z);
/* What comes next of what was read; *ret_frame is valid until the next zmtp_read(). */
enum zmtp_got zmtp_next(struct zmtp *z, struct slice *ret_frame);
/* Puts one message into the buffer; false when it could not. */
bool zmtp_put(struct zmtp *z, struct slice frame);
/* Writes what the socket takes; false when the connection is gone. */
bool zmtp_flush(struct zmtp *z);
static inline bool zmtp_waits(const struct zmtp *z) /* for room in the socket */
{
    return z->put < z->out.len;
}

#endif
