/* strmap.c: the table from byte strings to pointers. Each entry keeps its hash, so that most misses
 * and all growth do without the strings. */
#include "base/map.h"

#include <stdlib.h>

#include "base/err.h"

#define FIRST_CAP 16

void strmap_init(struct strmap *m)
{
    *m = (struct strmap){NULL, 0, 0};
}

/* Frees the table; keys and values are the caller's. */
void strmap_fini(struct strmap *m)
{
    free(m->entries);
    strmap_init(m);
}

/* The place of the key, or the free place where it would go. There is always a free one. */
static size_t find(const struct strmap *m, struct slice key, uint64_t hash)
{
    size_t at = (size_t)hash & (m->cap - 1);
    while (m->entries[at].value &&
           (m->entries[at].hash != hash || !slice_eq(m->entries[at].key, key)))
        at = (at + 1) & (m->cap - 1);
    return at;
}

/* The value, or NULL. */
void *strmap_get(const struct strmap *m, struct slice key)
{
    return m->count ? m->entries[find(m, key, hash_bytes(key))].value : NULL;
}

static int grow(struct strmap *m)
{
    struct strmap wider = {NULL, m->count, m->cap ? m->cap * 2 : FIRST_CAP};
    wider.entries = calloc(wider.cap, sizeof(*wider.entries));
    if (!wider.entries)
        return MUSTER_ENOMEM;
    for (size_t i = 0; i < m->cap; i++) {
        const struct strmap_entry *entry = &m->entries[i];
        if (entry->value)
            wider.entries[find(&wider, entry->key, entry->hash)] = *entry;
    }
    free(m->entries);
    *m = wider;
    return 0;
}

/* Sets or replaces, the key too. `value` is not NULL. 0 or MUSTER_ENOMEM. */
int strmap_put(struct strmap *m, struct slice key, void *value)
{
    if (m->count >= m->cap / 10 * 7) {
        int error = grow(m);
        if (error)
            return error;
    }
    uint64_t hash = hash_bytes(key);
    struct strmap_entry *entry = &m->entries[find(m, key, hash)];
    if (!entry->value)
        m->count++;
    *entry = (struct strmap_entry){key, hash, value};
    return 0;
}

/* As in idmap.c. */
static void close_hole(struct strmap *m, size_t hole)
{
    size_t mask = m->cap - 1;
    for (size_t at = (hole + 1) & mask; m->entries[at].value; at = (at + 1) & mask) {
        size_t moved = (at - (size_t)m->entries[at].hash) & mask;
        if (moved >= ((at - hole) & mask)) {
            m->entries[hole] = m->entries[at];
            hole = at;
        }
    }
    m->entries[hole] = (struct strmap_entry){SLICE_EMPTY, 0, NULL};
}

/* Returns what was removed, or NULL. */
void *strmap_remove(struct strmap *m, struct slice key)
{
    if (!m->count)
        return NULL;
    size_t at = find(m, key, hash_bytes(key));
    void *value = m->entries[at].value;
    if (value) {
        close_hole(m, at);
        m->count--;
    }
    return value;
}

/* Goes through all values: start with *cursor = 0; NULL at the end. No changes in between but to
 * values. */
void *strmap_next(const struct strmap *m, size_t *cursor)
{
    while (*cursor < m->cap) {
        const struct strmap_entry *entry = &m->entries[(*cursor)++];
        if (entry->value)
            return entry->value;
    }
    return NULL;
}
