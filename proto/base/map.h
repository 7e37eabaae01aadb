/* map.h: hash tables by open addressing with linear probing; they own neither keys nor values.
 * idmap maps 64-bit numbers (job ids: neighbours stay neighbours, so that batches touch few cache
 * lines), strmap maps byte strings. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/slice.h"

struct idmap {
    struct idmap_entry {
        uint64_t key;
        void *value; /* NULL: free */
    } * entries;
    size_t count, cap; /* cap is a power of two, or 0 */
};

void idmap_init(struct idmap *m);
void idmap_fini(struct idmap *m);
void *idmap_get(const struct idmap *m, uint64_t key);
/* Sets or replaces. `value` is not NULL. 0 or MUSTER_ENOMEM. */
int idmap_put(struct idmap *m, uint64_t key, void *value);
/* Returns what was removed, or NULL. */
void *idmap_remove(struct idmap *m, uint64_t key);
/* Goes through all entries: start with *cursor = 0; NULL at the end. No changes in between but to
 * values. */
void *idmap_next(const struct idmap *m, size_t *cursor, uint64_t *ret_key);

struct strmap {
    struct strmap_entry {
        struct slice key; /* borrowed: lives as long as the value */
        uint64_t hash;
        void *value;
    } * entries;
    size_t count, cap;
};

void strmap_init(struct strmap *m);
void strmap_fini(struct strmap *m);
void *strmap_get(const struct strmap *m, struct slice key);
int strmap_put(struct strmap *m, struct slice key, void *value);
void *strmap_remove(struct strmap *m, struct slice key);
void *strmap_next(const struct strmap *m, size_t *cursor);

uint64_t hash_bytes(struct slice bytes); /* stable: also stored on disk */

#endif
