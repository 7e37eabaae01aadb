/* pairs.h: pairs of the maps in replies: a key and its value. Errors stay in the buffer. */
#ifndef RUN_PAIRS_H
#define RUN_PAIRS_H

#include "wire.h"

static inline void put_number(struct buf *out, const char *key, uint64_t value)
{
    wire_cstr(out, key);
    wire_uint(out, value);
}

static inline void put_bool(struct buf *out, const char *key, bool value)
{
    wire_cstr(out, key);
    wire_bool(out, value);
}

static inline void put_float(struct buf *out, const char *key, double value)
{
    wire_cstr(out, key);
    wire_float(out, value);
}

/* nil for an empty text. */
static inline void put_text(struct buf *out, const char *key, struct slice text)
{
    wire_cstr(out, key);
    if (text.len)
        wire_str(out, text);
    else
        wire_nil(out);
}

#endif
