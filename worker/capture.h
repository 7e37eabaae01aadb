/* capture.h: what a command writes: the first or the last bytes of a stream, and what they mean. */
#ifndef WORKER_CAPTURE_H
#define WORKER_CAPTURE_H

#include "base/buf.h"

struct capture {
    size_t limit;
    bool keep_end; /* keep the last bytes instead of the first */
    uint64_t total;
    size_t len;
    uint8_t *bytes; /* limit of them, or 2 * limit when the end is kept */
};

/* 0 or MUSTER_ENOMEM. */
int capture_init(struct capture *c, size_t limit, bool keep_end);
void capture_fini(struct capture *c);
/* Forgets what was added. */
void capture_reset(struct capture *c);
void capture_add(struct capture *c, const void *data, size_t len);
/* What is kept. */
struct slice capture_slice(const struct capture *c);

/* A command's standard output as one msgpack value of at most `max` bytes in `out`: its JSON value,
 * or else its text without the newlines at its end; if it was cut, the text says so at its end.
 * Nothing for blank output. 0 or MUSTER_ENOMEM. */
int capture_result(const struct capture *c, size_t max, struct buf *out);
/* The last line that is not blank, cleaned up, into out; empty when there is none. */
void capture_last_line(const struct capture *c, char *out, size_t out_size);

#endif
