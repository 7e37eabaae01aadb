/* idmap.c: the table from job ids to pointers.
 *
 * An id is counter << 8 | shard. Counters come in runs when jobs come fast, and as multiples of
 * 2^14 when they come slowly. So ids are placed by runs of 16 counters (256 bytes of table): inside
 * a run neighbours stay neighbours, and the runs are spread by Fibonacci hashing, which spaces
 * consecutive numbers evenly at every table size: at most half full, they hardly ever meet. */
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
    size_t place = (size_t)(run * GOLDEN >> (64 - bits)), in_run = (1u << RUN_BITS) - 1;
    return (place & ~in_run) | (counter & in_run);
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

/* The place of the key, or a free place. There is always a free one. */
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

static size_t distance(const struct idmap *m, size_t at)
{
    return (at - home(m, m->entries[at].key)) & (m->cap - 1);
}

/* A key that is not there. Entries stand in the order of their homes (Robin Hood hashing): it goes
 * before the first that is nearer to its own, and those behind move on. */
static void insert(struct idmap *m, struct idmap_entry entry)
{
    size_t mask = m->cap - 1, at = home(m, entry.key), far = 0;
    while (m->entries[at].value) {
        size_t near = distance(m, at);
        if (near < far) {
            struct idmap_entry pushed = m->entries[at];
            m->entries[at] = entry;
            entry = pushed;
            far = near;
        }
        at = (at + 1) & mask;
        far++;
    }
    m->entries[at] = entry;
}

static int grow(struct idmap *m)
{
    struct idmap wider = {NULL, m->count, m->cap ? m->cap * 2 : FIRST_CAP};
    wider.entries = calloc(wider.cap, sizeof(*wider.entries));
    if (!wider.entries)
        return MUSTER_ENOMEM;
    for (size_t i = 0; i < m->cap; i++) {
        if (m->entries[i].value)
            insert(&wider, m->entries[i]);
    }
    free(m->entries);
    *m = wider;
    return 0;
}

int idmap_put(struct idmap *m, uint64_t key, void *value)
{
    if (m->count >= m->cap / 2) {
        int error = grow(m);
        if (error)
            return error;
    }
    struct idmap_entry *entry = &m->entries[find(m, key)];
    if (entry->value) {
        entry->value = value;
        return 0;
    }
    insert(m, (struct idmap_entry){key, value});
    m->count++;
    return 0;
}

/* Closes the hole at `hole`: pulls back the entries behind it up to one that stands at its home, as
 * most do. So there are no tombstones. */
static void close_hole(struct idmap *m, size_t hole)
{
    size_t mask = m->cap - 1;
    for (size_t at = (hole + 1) & mask; m->entries[at].value && distance(m, at) > 0;
         at = (at + 1) & mask) {
        m->entries[hole] = m->entries[at];
        hole = at;
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
