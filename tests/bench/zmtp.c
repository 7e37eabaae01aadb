/* zmtp.c: the client's half of ZMTP 3, as far as a DEALER needs it. */
#include "zmtp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING_BYTES 64
#define FLAG_MORE      1
#define FLAG_LONG      2
#define FLAG_COMMAND   4
#define FRAME_MAX      (64u << 20)
#define READ_BYTES     (256 * 1024)

enum stage { AWAITS_GREETING, AWAITS_READY, FLOWS };

static const uint8_t ready[] = "\4\051\5READY\013Socket-Type\0\0\0\6DEALER\010Identity\0\0\0";

void zmtp_init(struct zmtp *z)
{
    *z = (struct zmtp){.fd = -1};
    buf_init(&z->in, FRAME_MAX);
    buf_init(&z->out, FRAME_MAX);
}

void zmtp_fini(struct zmtp *z)
{
    zmtp_close(z);
    buf_fini(&z->in);
    buf_fini(&z->out);
}

void zmtp_close(struct zmtp *z)
{
    if (z->fd >= 0)
        (void)close(z->fd);
    z->fd = -1;
    z->at = z->put = 0;
    buf_reset(&z->in);
    buf_reset(&z->out);
}

int zmtp_open(struct zmtp *z, const struct sockaddr_in *to)
{
    uint8_t greeting[GREETING_BYTES] = {[0] = 0xff, [9] = 0x7f, [10] = 3, [11] = 0};
    int one = 1;
    memcpy(greeting + 12, "NULL", 4);
    zmtp_close(z);
    z->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (z->fd < 0)
        return -1;
    (void)setsockopt(z->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    z->stage = AWAITS_GREETING;
    if (buf_append(&z->out, greeting, sizeof greeting) ||
        (connect(z->fd, (const struct sockaddr *)to, sizeof *to) && errno != EINPROGRESS)) {
        int error = errno;
        zmtp_close(z);
        errno = error;
        return -1;
    }
    return 0;
}

bool zmtp_read(struct zmtp *z)
{
    static _Thread_local uint8_t room[READ_BYTES];
    if (z->at == z->in.len) {
        buf_reset(&z->in);
    } else if (z->at > 0) {
        memmove(z->in.data, z->in.data + z->at, z->in.len - z->at);
        z->in.len -= z->at;
    }
    z->at = 0;
    ssize_t got = recv(z->fd, room, sizeof room, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    return got > 0 && buf_append(&z->in, room, (size_t)got) == 0;
}

bool zmtp_flush(struct zmtp *z)
{
    while (z->put < z->out.len) {
        ssize_t sent = send(z->fd, z->out.data + z->put, z->out.len - z->put, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        z->put += (size_t)sent;
    }
    z->put = 0;
    buf_reset(&z->out);
    return true;
}

static bool put_frame(struct zmtp *z, uint8_t flags, struct slice frame)
{
    uint8_t head[9] = {flags, (uint8_t)frame.len};
    size_t len = 2;
    if (frame.len > 255) {
        head[0] |= FLAG_LONG;
        for (int i = 0; i < 8; i++)
            head[1 + i] = (uint8_t)((uint64_t)frame.len >> (56 - 8 * i));
        len = 9;
    }
    return buf_append(&z->out, head, len) == 0 && buf_append(&z->out, frame.data, frame.len) == 0;
}

bool zmtp_put(struct zmtp *z, struct slice frame)
{
    return z->fd >= 0 && z->stage == FLOWS && put_frame(z, 0, frame);
}

/* A whole frame of `in`, or false. */
static bool take_frame(struct zmtp *z, uint8_t *ret_flags, struct slice *ret_body)
{
    const uint8_t *from = z->in.data + z->at;
    size_t have = z->in.len - z->at, head = 2;
    if (have < 2)
        return false;
    uint64_t len = from[1];
    if (from[0] & FLAG_LONG) {
        head = 9;
        if (have < head)
            return false;
        len = 0;
        for (int i = 0; i < 8; i++)
            len = len << 8 | from[1 + i];
    }
    if (len > FRAME_MAX || have - head < len)
        return false;
    *ret_flags = from[0];
    *ret_body = slice_of(from + head, (size_t)len);
    z->at += head + (size_t)len;
    return true;
}

/* PING carries a time to live and a context, which PONG returns; READY ends the handshake. */
static enum zmtp_got take_command(struct zmtp *z, struct slice body)
{
    static const char ping[] = "\4PING", pong[] = "\4PONG";
    uint8_t answer[5 + 16];
    if (z->stage == AWAITS_READY && body.len >= 6 && memcmp(body.data, "\5READY", 6) == 0) {
        z->stage = FLOWS;
        return ZMTP_OPEN;
    }
    if (body.len < 7 || body.len > 7 + 16 || memcmp(body.data, ping, 5) != 0)
        return ZMTP_BROKEN;
    memcpy(answer, pong, 5);
    memcpy(answer + 5, body.data + 7, body.len - 7);
    return put_frame(z, FLAG_COMMAND, slice_of(answer, body.len - 2)) ? ZMTP_NOTHING : ZMTP_BROKEN;
}

enum zmtp_got zmtp_next(struct zmtp *z, struct slice *ret_frame)
{
    uint8_t flags;
    struct slice body;
    if (z->stage == AWAITS_GREETING) {
        if (z->in.len - z->at < GREETING_BYTES)
            return ZMTP_NOTHING;
        const uint8_t *greeting = z->in.data + z->at;
        if (greeting[0] != 0xff || greeting[10] < 3 || memcmp(greeting + 12, "NULL", 5) != 0 ||
            buf_append(&z->out, ready, sizeof ready))
            return ZMTP_BROKEN;
        z->at += GREETING_BYTES;
        z->stage = AWAITS_READY;
    }
    while (take_frame(z, &flags, &body)) {
        if (flags & FLAG_COMMAND) {
            enum zmtp_got got = take_command(z, body);
            if (got != ZMTP_NOTHING)
                return got;
            continue;
        }
        *ret_frame = body;
        return z->stage == FLOWS && !(flags & FLAG_MORE) ? ZMTP_MESSAGE : ZMTP_BROKEN;
    }
    return ZMTP_NOTHING;
}
