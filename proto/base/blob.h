/* blob.h: bytes with a reference count. Not atomic: one thread counts; others only read while a
 * reference is held for them. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/slice.h"

struct blob {
    uint32_t refs;
    struct slice bytes;
    void (*release)(struct blob *); /* frees the blob itself and what bytes point to */
};

/* A copy of `bytes` with one reference; NULL when out of memory. */
struct blob *blob_copy(struct slice bytes);
/* Room for `size` bytes to be filled through blob_bytes() with one reference; NULL when out of
 * memory. */
struct blob *blob_alloc(size_t size);

static inline uint8_t *blob_bytes(struct blob *b)
{
    return (uint8_t *)(uintptr_t)b->bytes.data;
}

static inline struct blob *blob_ref(struct blob *b)
{
    if (b)
        b->refs++;
    return b;
}

static inline void blob_unref(struct blob *b)
{
    if (b && --b->refs == 0)
        b->release(b);
}

#endif
