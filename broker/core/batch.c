/* batch.c: the container of operations on their way to the store and back. It owns the array of
 * operations, an arena for small memory, and a reference to each blob that slices point into. */
#include "core/batch.h"

#include <stdlib.h>

#include "base/err.h"

/* Takes the rows of a whole RESULTS; with its head and malloc's still 256 KiB. */
#define CHUNK_BYTES ((256u << 10) - 64)
#define CHUNKS_KEPT 4 /* a batch that is used again keeps a megabyte */
#define ALIGNMENT   16
#define OPS_FIRST   16

struct batch_chunk {
    struct batch_chunk *next;
    size_t used, cap; /* bytes after the header */
    _Alignas(ALIGNMENT) uint8_t data[];
};

struct batch *batch_new(void)
{
    return calloc(1, sizeof(struct batch));
}

static void drop_blobs(struct batch *b)
{
    for (uint32_t i = 0; i < b->blob_count; i++)
        blob_unref(b->blobs[i]);
    b->blob_count = 0;
}

/* Pages that the store filled in belong to whoever took them: they are not touched here. */
void batch_free(struct batch *b)
{
    if (!b)
        return;
    drop_blobs(b);
    for (struct batch_chunk *c = b->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(b->blobs);
    free(b->ops);
    free(b);
}

/* Chunks of the usual size stay, up to CHUNKS_KEPT of them; large ones go. */
static struct batch_chunk *keep_chunks(struct batch_chunk *chunks)
{
    struct batch_chunk *kept = NULL;
    unsigned count = 0;
    for (struct batch_chunk *c = chunks, *next; c; c = next) {
        next = c->next;
        if (c->cap == CHUNK_BYTES && count < CHUNKS_KEPT) {
            c->used = 0;
            c->next = kept;
            kept = c;
            count++;
        } else {
            free(c);
        }
    }
    return kept;
}

void batch_reset(struct batch *b)
{
    drop_blobs(b);
    *b = (struct batch){.ops = b->ops,
                        .op_cap = b->op_cap,
                        .blobs = b->blobs,
                        .blob_cap = b->blob_cap,
                        .chunks = keep_chunks(b->chunks)};
}

/* Doubles an array of `size`-byte elements that is full. False when out of memory. */
static bool grow(void **array, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap)
        return true;
    uint32_t wanted = *cap ? *cap * 2 : OPS_FIRST;
    void *bigger = wanted > count ? realloc(*array, wanted * size) : NULL;
    if (!bigger)
        return false;
    *array = bigger;
    *cap = wanted;
    return true;
}

struct op *batch_op(struct batch *b, enum op_type type)
{
    void *ops = b->ops;
    bool room = grow(&ops, b->op_count, &b->op_cap, sizeof(*b->ops));
    b->ops = ops;
    if (!room)
        return NULL;
    struct op *op = &b->ops[b->op_count++];
    memset(op, 0, sizeof(*op));
    op->type = (uint8_t)type;
    return op;
}

/* The first chunk is the one in use. A large piece gets a chunk of its own behind it, so that what
 * is left of the first is not lost; chunks that were kept from before wait further behind. */
static struct batch_chunk *chunk_for(struct batch *b, size_t size)
{
    struct batch_chunk *first = b->chunks;
    if (first && size <= first->cap - first->used)
        return first;
    struct batch_chunk *kept = first ? first->next : NULL;
    if (kept && kept->used == 0 && size <= kept->cap) {
        struct batch_chunk *last = kept;
        while (last->next)
            last = last->next;
        b->chunks = kept;
        last->next = first;
        first->next = NULL;
        return kept;
    }
    size_t cap = size > CHUNK_BYTES / 4 ? size : CHUNK_BYTES;
    struct batch_chunk *c = malloc(sizeof(*c) + cap);
    if (!c)
        return NULL;
    c->used = 0;
    c->cap = cap;
    struct batch_chunk **place = first && cap != CHUNK_BYTES ? &first->next : &b->chunks;
    c->next = *place;
    *place = c;
    return c;
}

void *batch_alloc(struct batch *b, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = size ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    struct batch_chunk *c = chunk_for(b, size);
    if (!c)
        return NULL;
    void *place = c->data + c->used;
    c->used += size;
    return memset(place, 0, size);
}

/* An empty slice with NULL data when out of memory, or when `bytes` is empty. */
struct slice batch_copy(struct batch *b, struct slice bytes)
{
    if (!bytes.len)
        return SLICE_EMPTY;
    void *copy = batch_alloc(b, bytes.len);
    if (!copy)
        return SLICE_EMPTY;
    memcpy(copy, bytes.data, bytes.len);
    return slice_of(copy, bytes.len);
}

int batch_hold(struct batch *b, struct blob *blob)
{
    if (b->blob_count && b->blobs[b->blob_count - 1] == blob)
        return 0;
    void *blobs = b->blobs;
    bool room = grow(&blobs, b->blob_count, &b->blob_cap, sizeof(struct blob *));
    b->blobs = blobs;
    if (!room)
        return MUSTER_ENOMEM;
    b->blobs[b->blob_count++] = blob_ref(blob);
    return 0;
}
