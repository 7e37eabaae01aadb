/* blob.c: counted bytes in one allocation. */
#include "base/blob.h"

#include <stdlib.h>

static void release(struct blob *b)
{
    free(b);
}

struct blob *blob_alloc(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct blob))
        return NULL;
    struct blob *b = malloc(sizeof(*b) + size);
    if (!b)
        return NULL;
    *b = (struct blob){.refs = 1, .bytes = slice_of(b + 1, size), .release = release};
    return b;
}

struct blob *blob_copy(struct slice bytes)
{
    struct blob *b = blob_alloc(bytes.len);
    if (b && bytes.len)
        memcpy(blob_bytes(b), bytes.data, bytes.len);
    return b;
}
