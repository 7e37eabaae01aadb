/* lines.c: a buffer that is read into, and handed out line by line. */
#include "cli/lines.h"

#include <errno.h>
#include <unistd.h>

#define READ_BYTES 65536

void lines_init(struct lines *l, int fd, size_t line_max)
{
    *l = (struct lines){.fd = fd, .line_max = line_max};
    buf_init(&l->buf, line_max + 2 * READ_BYTES);
}

void lines_fini(struct lines *l)
{
    buf_fini(&l->buf);
}

/* Reads more behind what is there. */
static int fill(struct lines *l)
{
    if (l->at > 0) {
        memmove(l->buf.data, l->buf.data + l->at, l->buf.len - l->at);
        l->buf.len -= l->at;
        l->at = 0;
    }
    uint8_t *to = buf_reserve(&l->buf, READ_BYTES);
    if (!to)
        return MUSTER_ENOMEM;
    ssize_t got;
    do
        got = read(l->fd, to, READ_BYTES);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return MUSTER_EIO;
    l->end = got == 0;
    l->buf.len += (size_t)got;
    return 0;
}

/* Where the line at `at` ends: its newline, or the end of what was read. */
static uint8_t *find_newline(const struct lines *l, size_t from)
{
    size_t left = l->buf.len - from;
    return left ? memchr(l->buf.data + from, '\n', left) : NULL;
}

/* Drops the rest of a line that is too long. */
static int pass_over(struct lines *l)
{
    for (;;) {
        uint8_t *newline = find_newline(l, l->at);
        size_t next = newline ? (size_t)(newline - l->buf.data) + 1 : l->buf.len;
        l->offset += next - l->at;
        l->at = next;
        if (newline || l->end)
            return MUSTER_ETOOBIG;
        int error = fill(l);
        if (error)
            return error;
    }
}

int lines_next(struct lines *l, struct slice *ret_line)
{
    size_t seen = 0; /* of this line, without a newline */
    for (;;) {
        uint8_t *newline = find_newline(l, l->at + seen);
        size_t len = (newline ? (size_t)(newline - l->buf.data) : l->buf.len) - l->at;
        if (len > l->line_max) {
            l->number++;
            return pass_over(l);
        }
        if (newline || (l->end && len > 0)) {
            *ret_line = slice_of(l->buf.data + l->at, len);
            l->at += len + (newline != NULL);
            l->offset += len + (newline != NULL);
            l->number++;
            return 0;
        }
        if (l->end)
            return MUSTER_ENOTFOUND;
        seen = len;
        int error = fill(l);
        if (error)
            return error;
    }
}
