/* pairs.h: pairs of the maps in replies: a key and its value. Errors stay in the buffer. */
#ifndef RUN_PAIRS_H
#define RUN_PAIRS_H

#include "base/text.h"
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

/* RFC 3339; nil for 0. */
static inline void put_time(struct buf *out, const char *key, uint64_t unix_ms)
{
    char text[TIME_TEXT_BYTES];
    if (unix_ms)
        time_format(unix_ms, text);
    put_text(out, key, unix_ms ? slice_str(text) : SLICE_EMPTY);
}

/* A job's id as people see it; nil for 0. */
static inline void put_id(struct buf *out, uint64_t id)
{
    char text[JOB_ID_TEXT_BYTES];
    job_id_format(id, text);
    wire_cstr(out, id ? text : NULL);
}

#endif
