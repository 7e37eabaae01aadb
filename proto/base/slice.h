/* slice.h: a borrowed run of bytes. It owns nothing; whoever made it says how long it lives. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data; /* may be NULL when len is 0 */
    size_t len;          /* bytes */
};

#define SLICE_EMPTY ((struct slice){NULL, 0})
/* For printf: printf("%.*s", SLICE_FMT(s)). */
#define SLICE_FMT(s) (int)(s).len, ((s).len ? (const char *)(s).data : "")

static inline struct slice slice_of(const void *data, size_t len)
{
    return (struct slice){data, len};
}

static inline struct slice slice_str(const char *text)
{
    return (struct slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_eq(a, slice_str(text));
}

/* The columns of a message are runs of little-endian integers without alignment. */
static inline uint32_t slice_u32_at(struct slice s, size_t index)
{
    const uint8_t *p = s.data + index * 4;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t slice_u64_at(struct slice s, size_t index)
{
    struct slice half = {s.data + index * 8, 8};
    return (uint64_t)slice_u32_at(half, 0) | (uint64_t)slice_u32_at(half, 1) << 32;
}

static inline void column_put_u32(uint8_t *column, size_t index, uint32_t value)
{
    for (unsigned byte = 0; byte < 4; byte++)
        column[index * 4 + byte] = (uint8_t)(value >> (8 * byte));
}

static inline void column_put_u64(uint8_t *column, size_t index, uint64_t value)
{
    column_put_u32(column, index * 2, (uint32_t)value);
    column_put_u32(column, index * 2 + 1, (uint32_t)(value >> 32));
}

#endif
