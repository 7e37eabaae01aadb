/* conn.h: a TCP connection to a peer: what is to be sent gathers in memory, what came waits there.
 * Any failure ends the process and says why. */
#ifndef BENCH_CONN_H
#define BENCH_CONN_H

#include "base/buf.h"

struct conn {
    int fd;
    struct buf out;
    size_t sent; /* of out */
    uint8_t *in;
    size_t begin, end; /* of what came and was not taken yet */
};

/* Connects to 127.0.0.1. */
void conn_open(struct conn *c, uint16_t port);
void conn_close(struct conn *c);
void conn_put(struct conn *c, const void *data, size_t len);
void conn_text(struct conn *c, const char *text);
/* What has come; valid until the next conn_wait(). */
struct slice conn_input(const struct conn *c);
void conn_take(struct conn *c, size_t len);
/* Sends what can be sent and waits until something has come to one of the connections. Dies of
 * impatience when nothing moves. */
void conn_wait(struct conn *conns, size_t count);

#endif
