/* codec.h: numbers and byte strings in records, little-endian, and the frame around every record.
 *
 * A frame is a version byte, a CRC-32C (over version, table, key and content) and the content.
 * Writing trusts the caller's bound; reading trusts nothing: after a read beyond the end `bad` is
 * set and all further reads give 0. */
#ifndef STORE_CODEC_H
#define STORE_CODEC_H

#include "base/buf.h"
#include "store/engine.h"

#define FRAME_VERSION  1
#define FRAME_OVERHEAD 5  /* bytes before the content */
#define VAR_BYTES_MAX  10 /* a number of 64 bits, 7 bits a byte */

struct enc {
    uint8_t *at; /* the caller has reserved what will be written */
};

struct dec {
    const uint8_t *at, *end;
    bool bad;
};

static inline void enc_u8(struct enc *e, unsigned value)
{
    *e->at++ = (uint8_t)value;
}

static inline void enc_u32(struct enc *e, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        *e->at++ = (uint8_t)(value >> (8 * i));
}

static inline void enc_u64(struct enc *e, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        *e->at++ = (uint8_t)(value >> (8 * i));
}

static inline void enc_var(struct enc *e, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *e->at++ = (uint8_t)(value | 0x80);
    *e->at++ = (uint8_t)value;
}

/* Signed numbers near 0 stay short. */
static inline void enc_zigzag(struct enc *e, int64_t value)
{
    enc_var(e, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static inline void enc_raw(struct enc *e, struct slice bytes)
{
    if (bytes.len)
        memcpy(e->at, bytes.data, bytes.len);
    e->at += bytes.len;
}

static inline void enc_bytes(struct enc *e, struct slice bytes)
{
    enc_var(e, bytes.len);
    enc_raw(e, bytes);
}

static inline struct dec dec_of(struct slice bytes)
{
    return (struct dec){.at = bytes.data, .end = bytes.len ? bytes.data + bytes.len : bytes.data};
}

static inline struct slice dec_raw(struct dec *d, uint64_t len)
{
    if (d->bad || len > (uint64_t)(d->end - d->at)) {
        d->bad = true;
        return SLICE_EMPTY;
    }
    struct slice bytes = slice_of(d->at, (size_t)len);
    if (len)
        d->at += len;
    return bytes;
}

static inline uint8_t dec_u8(struct dec *d)
{
    struct slice s = dec_raw(d, 1);
    return s.len ? s.data[0] : 0;
}

static inline uint32_t dec_u32(struct dec *d)
{
    struct slice s = dec_raw(d, 4);
    return s.len ? slice_u32_at(s, 0) : 0;
}

static inline uint64_t dec_u64(struct dec *d)
{
    struct slice s = dec_raw(d, 8);
    return s.len ? slice_u64_at(s, 0) : 0;
}

static inline uint64_t dec_var(struct dec *d)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = dec_u8(d);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    d->bad = true;
    return 0;
}

/* A number that must fit into `max`. */
static inline uint64_t dec_upto(struct dec *d, uint64_t max)
{
    uint64_t value = dec_var(d);
    if (value > max)
        d->bad = true;
    return value > max ? 0 : value;
}

static inline int64_t dec_zigzag(struct dec *d)
{
    uint64_t value = dec_var(d);
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static inline struct slice dec_bytes(struct dec *d)
{
    uint64_t len = dec_var(d);
    return dec_raw(d, len);
}

static inline struct slice dec_rest(struct dec *d)
{
    return dec_raw(d, (uint64_t)(d->end - d->at));
}

/* Empties `b` and starts a record with room for `bound` bytes of content. 0 or MUSTER_ENOMEM. */
int frame_begin(struct buf *b, size_t bound, struct enc *ret);
/* Ends it where `e` stands: sets the length and the checksum. */
void frame_end(struct buf *b, const struct enc *e, enum table table, struct slice key);
/* Checks a record and gives its content. False: damaged. */
bool frame_open(enum table table, struct slice key, struct slice value, struct dec *ret);

#endif
