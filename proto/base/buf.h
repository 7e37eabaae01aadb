/* buf.h: a growing byte buffer that has a maximum from birth. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

struct buf {
    uint8_t *data;
    size_t len; /* bytes used */
    size_t cap; /* bytes allocated */
    size_t max; /* bytes that it may ever hold */
    int error;  /* first error (MUSTER_EFULL, MUSTER_ENOMEM), sticky until buf_reset; 0 if none */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/* Empties the buffer and clears its error; keeps the memory. */
void buf_reset(struct buf *b);
/* Makes room for `more` bytes and returns where they go, or NULL (see b->error). Does not change
 * len. */
uint8_t *buf_reserve(struct buf *b, size_t more);
int buf_append(struct buf *b, const void *data, size_t len);
int buf_u32(struct buf *b, uint32_t value); /* little-endian */
int buf_u64(struct buf *b, uint64_t value);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The content; valid until the buffer changes. */
static inline struct slice buf_slice(const struct buf *b)
{
    return slice_of(b->data, b->len);
}

#endif
