/* idmap.c: the table from job ids to pointers.
 *
 * An id is counter << 8 | shard. Counters come in runs when jobs come fast, and as multiples of
 * 2^14 when they come slowly. So ids are placed by runs of 16 counters (256 bytes of table): inside
 * a run neighbours stay neighbours, and the runs are spread by Fibonacci hashing, which spaces
 * consecutive numbers evenly at every table size. Longer runs would touch fewer cache lines but
 * push each other far away where they meet. */
#include "base/map.h"

#include <stdlib.h>

#include "base/err.h"

#define RUN_BITS  4
#define FIRST_CAP 64
#define GOLDEN    0x9E3779B97F4A7C15u

static size_t home(const struct idmap *m, uint64_t key)
{
    uint64_t counter = key >> 8;
    uint64_t run = (counter >> RUN_BITS) ^ (key & 0xff) << 52;
    unsigned bits = (unsigned)__builtin_ctzll(m->cap);
    return (size_t)((run * GOLDEN >> (64 - bits)) + (counter & ((1u << RUN_BITS) - 1))) &
           (m->cap - 1);
}

void idmap_init(struct idmap *m)
{
    *m = (struct idmap){NULL, 0, 0};
}

/* Frees the table; the values are the caller's. */
void idmap_fini(struct idmap *m)
{
    free(m->entries);
    idmap_init(m);
}

/* The place of the key, or the free place where it would go. There is always a free one. */
static size_t find(const struct idmap *m, uint64_t key)
{
    size_t at = home(m, key);
    while (m->entries[at].value && m->entries[at].key != key)
        at = (at + 1) & (m->cap - 1);
    return at;
}

/* The value, or NULL. */
void *idmap_get(const struct idmap *m, uint64_t key)
{
    return m->count ? m->entries[find(m, key)].value : NULL;
}

static int grow(struct idmap *m)
{
    struct idmap wider = {NULL, m->count, m->cap ? m->cap * 2 : FIRST_CAP};
    wider.entries = calloc(wider.cap, sizeof(*wider.entries));
    if (!wider.entries)
        return MUSTER_ENOMEM;
    for (size_t i = 0; i < m->cap; i++) {
        if (m->entries[i].value)
            wider.entries[find(&wider, m->entries[i].key)] = m->entries[i];
    }
    free(m->entries);
    *m = wider;
    return 0;
}

int idmap_put(struct idmap *m, uint64_t key, void *value)
{
    if (m->count >= m->cap / 10 * 7) {
        int error = grow(m);
        if (error)
            return error;
    }
    struct idmap_entry *entry = &m->entries[find(m, key)];
    if (!entry->value)
        m->count++;
    *entry = (struct idmap_entry){key, value};
    return 0;
}

/* Closes the hole at `hole`: pulls back each entry behind it that may stand there. So there are no
 * tombstones. */
static void close_hole(struct idmap *m, size_t hole)
{
    size_t mask = m->cap - 1;
    for (size_t at = (hole + 1) & mask; m->entries[at].value; at = (at + 1) & mask) {
        size_t moved = (at - home(m, m->entries[at].key)) & mask;
        if (moved >= ((at - hole) & mask)) {
            m->entries[hole] = m->entries[at];
            hole = at;
        }
    }
    m->entries[hole] = (struct idmap_entry){0, NULL};
}

void *idmap_remove(struct idmap *m, uint64_t key)
{
    if (!m->count)
        return NULL;
    size_t at = find(m, key);
    void *value = m->entries[at].value;
    if (value) {
        close_hole(m, at);
        m->count--;
    }
    return value;
}

/* `ret_key` may be NULL. */
void *idmap_next(const struct idmap *m, size_t *cursor, uint64_t *ret_key)
{
    while (*cursor < m->cap) {
        const struct idmap_entry *entry = &m->entries[(*cursor)++];
        if (entry->value) {
            if (ret_key)
                *ret_key = entry->key;
            return entry->value;
        }
    }
    return NULL;
}
