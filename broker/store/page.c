/* page.c: an arena of chunks that is released as a blob. */
#include "store/page.h"

#include <stdlib.h>

#define CHUNK_BYTES 65536
#define ALIGNMENT   16

struct chunk {
    struct chunk *next;
    size_t used, cap;
    _Alignas(ALIGNMENT) uint8_t data[];
};

struct page {
    struct blob blob;
    struct chunk *chunks; /* the first is in use */
    size_t used;
};

static void release(struct blob *b)
{
    struct page *p = (struct page *)(void *)b;
    for (struct chunk *c = p->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(p);
}

struct page *page_new(void)
{
    struct page *p = calloc(1, sizeof(*p));
    if (p)
        p->blob = (struct blob){.refs = 1, .release = release};
    return p;
}

static struct chunk *chunk_add(struct page *p, size_t size)
{
    size_t cap = size > CHUNK_BYTES / 4 ? size : CHUNK_BYTES;
    struct chunk *c = malloc(sizeof(*c) + cap);
    if (!c)
        return NULL;
    c->used = 0;
    c->cap = cap;
    p->blob.bytes.len += sizeof(*c) + cap;
    /* A piece with a chunk of its own goes behind the first, which still has room. */
    struct chunk **place = p->chunks && cap != CHUNK_BYTES ? &p->chunks->next : &p->chunks;
    c->next = *place;
    *place = c;
    return c;
}

static void *take(struct page *p, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = size ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    struct chunk *c = p->chunks;
    if (!c || size > c->cap - c->used)
        c = chunk_add(p, size);
    if (!c)
        return NULL;
    void *place = c->data + c->used;
    c->used += size;
    p->used += size;
    return place;
}

void *page_alloc(struct page *p, size_t size)
{
    void *place = take(p, size);
    return place ? memset(place, 0, size) : NULL;
}

struct slice page_copy(struct page *p, struct slice bytes)
{
    void *place = bytes.len ? take(p, bytes.len) : NULL;
    return place ? slice_of(memcpy(place, bytes.data, bytes.len), bytes.len) : SLICE_EMPTY;
}

bool page_spec(struct page *p, struct job_spec *spec)
{
    size_t wanted = spec->meta.len + spec->schedule.len;
    spec->meta = page_copy(p, spec->meta);
    spec->schedule = page_copy(p, spec->schedule);
    return spec->meta.len + spec->schedule.len == wanted;
}

struct blob *page_blob(struct page *p)
{
    return &p->blob;
}

size_t page_used(const struct page *p)
{
    return p->used;
}

void page_free(struct page *p)
{
    if (p)
        blob_unref(&p->blob);
}
