/* buf.c: the bounded byte buffer. Growth doubles, so that appending stays linear; nothing is ever
 * lost silently: the first error sticks until buf_reset. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

#define FIRST_CAP 256

/* An empty buffer that will never hold more than `max` bytes; allocates nothing. */
void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

/* Frees the memory; the buffer may be used again as after buf_init. */
void buf_fini(struct buf *b)
{
    free(b->data);
    buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->error = 0;
}

static bool grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > b->max)
        cap = b->max ? b->max : 1;
    uint8_t *data = realloc(b->data, cap);
    if (!data) {
        b->error = MUSTER_ENOMEM;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

/* The place is valid until the buffer changes; NULL also when an earlier call failed. */
uint8_t *buf_reserve(struct buf *b, size_t more)
{
    if (b->error)
        return NULL;
    if (more > b->max - b->len) {
        b->error = MUSTER_EFULL;
        return NULL;
    }
    /* A place for nothing is a place all the same. */
    if ((b->len + more > b->cap || !b->data) && !grow(b, b->len + more))
        return NULL;
    return b->data + b->len;
}

/* Copies `len` bytes to the end. 0 or the buffer's error; a piece goes in whole or not at all. */
int buf_append(struct buf *b, const void *data, size_t len)
{
    uint8_t *to = buf_reserve(b, len);
    if (!to)
        return b->error;
    if (len)
        memcpy(to, data, len);
    b->len += len;
    return 0;
}

int buf_u32(struct buf *b, uint32_t value)
{
    uint8_t bytes[4];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return buf_append(b, bytes, sizeof(bytes));
}

/* Little-endian, as buf_u32. */
int buf_u64(struct buf *b, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return buf_append(b, bytes, sizeof(bytes));
}

/* Appends formatted text without its NUL. 0 or the buffer's error. */
int buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 && !b->error)
        b->error = MUSTER_EINVAL;
    /* vsnprintf needs a byte for the NUL, which a full buffer may not have: print aside then. */
    char small[128];
    if (length >= 0 && (size_t)length < sizeof(small)) {
        vsnprintf(small, sizeof(small), format, again);
        va_end(again);
        return buf_append(b, small, (size_t)length);
    }
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text) {
        vsnprintf(text, (size_t)length + 1, format, again);
        (void)buf_append(b, text, (size_t)length);
    } else if (!b->error) {
        b->error = MUSTER_ENOMEM;
    }
    va_end(again);
    free(text);
    return b->error;
}
