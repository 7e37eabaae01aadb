/* history_index.h: where each finished job is: 16 bytes a job, sorted by id. Jobs finish roughly in
 * the order of their ids, so most new entries go to the end; those that belong far from it gather
 * in a small second array until it is worth going through the large one. */
#ifndef STORE_HISTORY_INDEX_H
#define STORE_HISTORY_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct history_entry {
    uint64_t id;
    uint32_t row;   /* the low half of its number */
    uint32_t place; /* in the row */
};

struct history_index {
    struct history_entry *entries; /* by rising id */
    size_t count, cap;
    struct history_entry *young; /* by rising id */
    size_t young_count, young_cap;
    uint64_t live; /* entries whose row still exists */
};

void history_index_init(struct history_index *x);
void history_index_fini(struct history_index *x);
/* Adds entries sorted by id. Entries of rows before `first` (low half of a row's number) are
 * dropped where it comes by them. 0 or MUSTER_ENOMEM with nothing added. */
int history_index_add(struct history_index *x, const struct history_entry *entries, size_t count,
                      uint32_t first) MUSTER_MUSTCHECK;
/* `jobs` entries lost their rows. */
void history_index_trimmed(struct history_index *x, uint64_t jobs, uint32_t first);
/* The entry with the lowest id >= `id` whose row still exists; false when there is none. */
bool history_index_seek(const struct history_index *x, uint64_t id, uint32_t first,
                        struct history_entry *ret);
void history_sort(struct history_entry *entries, size_t count);
/* True when `row` comes before `first`. */
static inline bool history_row_gone(uint32_t row, uint32_t first)
{
    return (int32_t)(row - first) < 0;
}

#endif
