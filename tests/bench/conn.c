/* conn.c: non-blocking sending and receiving, as much at a time as there is. */
#include "conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tally.h"

#define IN_BYTES  (4u << 20)
#define OUT_BYTES ((size_t)1 << 30)
#define CONNS_MAX 4

void conn_open(struct conn *c, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *c =
        (struct conn){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .in = malloc(IN_BYTES)};
    buf_init(&c->out, OUT_BYTES);
    if (c->fd < 0 || !c->in)
        tally_die("cannot make a socket: %s", strerror(errno));
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to))
        tally_die("cannot connect to port %u: %s", port, strerror(errno));
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void conn_close(struct conn *c)
{
    (void)close(c->fd);
    buf_fini(&c->out);
    free(c->in);
}

void conn_put(struct conn *c, const void *data, size_t len)
{
    if (buf_append(&c->out, data, len))
        tally_die("out of memory");
}

void conn_text(struct conn *c, const char *text)
{
    conn_put(c, text, strlen(text));
}

struct slice conn_input(const struct conn *c)
{
    return slice_of(c->in + c->begin, c->end - c->begin);
}

void conn_take(struct conn *c, size_t len)
{
    c->begin += len;
}

static void flush(struct conn *c)
{
    while (c->sent < c->out.len) {
        ssize_t got =
            send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got < 0)
            tally_die("sending: %s", strerror(errno));
        c->sent += (size_t)got;
    }
    c->sent = 0;
    buf_reset(&c->out);
}

static void receive(struct conn *c)
{
    memmove(c->in, c->in + c->begin, c->end - c->begin);
    c->end -= c->begin;
    c->begin = 0;
    if (c->end == IN_BYTES)
        tally_die("the peer's answer is longer than %u bytes", IN_BYTES);
    ssize_t got = recv(c->fd, c->in + c->end, IN_BYTES - c->end, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        tally_die("the peer has closed the connection%s%s", got ? ": " : "",
                  got ? strerror(errno) : "");
    c->end += (size_t)got;
}

void conn_wait(struct conn *conns, size_t count)
{
    struct pollfd items[CONNS_MAX];
    bool came = false;
    while (!came) {
        for (size_t i = 0; i < count; i++) {
            flush(&conns[i]);
            items[i] = (struct pollfd){.fd = conns[i].fd, .events = POLLIN};
            if (conns[i].out.len)
                items[i].events |= POLLOUT;
        }
        int ready = poll(items, count, PATIENCE_MS);
        if (ready == 0)
            tally_die("the peer has not answered for %d s", PATIENCE_MS / 1000);
        for (size_t i = 0; i < count && ready > 0; i++) {
            if (!(items[i].revents & (POLLIN | POLLHUP | POLLERR)))
                continue;
            receive(&conns[i]);
            came = true;
        }
    }
}
