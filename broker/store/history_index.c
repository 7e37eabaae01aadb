/* history_index.c: the sorted arrays of the history index. */
#include "store/history_index.h"

#include <stdlib.h>
#include <string.h>

#define NEAR_THE_END 16384 /* entries that may move to let a new one in */
/* So many go through the small array before the large one is gone through. */
#define YOUNG_MIN 4096

void history_index_init(struct history_index *x)
{
    *x = (struct history_index){0};
}

void history_index_fini(struct history_index *x)
{
    free(x->entries);
    free(x->young);
    history_index_init(x);
}

static int compare(const void *a, const void *b)
{
    const struct history_entry *l = a, *r = b;
    return (l->id > r->id) - (l->id < r->id);
}

/* Most commits end jobs in order: looking costs less than sorting. */
void history_sort(struct history_entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (entries[i - 1].id > entries[i].id) {
            qsort(entries, count, sizeof(*entries), compare);
            return;
        }
    }
}

/* The first place whose id is >= `id`. */
static size_t lower_bound(const struct history_entry *entries, size_t count, uint64_t id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int reserve(struct history_entry **entries, size_t *cap, size_t need)
{
    if (need <= *cap)
        return 0;
    size_t wanted = *cap ? *cap : 1024;
    while (wanted < need)
        wanted *= 2;
    struct history_entry *bigger = realloc(*entries, wanted * sizeof(**entries));
    if (!bigger)
        return MUSTER_ENOMEM;
    *entries = bigger;
    *cap = wanted;
    return 0;
}

/* Both sorted; there is room. From the back, so that nothing moves twice. */
static void merge(struct history_entry *into, size_t *count, const struct history_entry *from,
                  size_t more)
{
    size_t i = *count, j = more, k = i + j;
    while (j) {
        if (i && into[i - 1].id > from[j - 1].id)
            into[--k] = into[--i];
        else
            into[--k] = from[--j];
    }
    *count += more;
}

/* Drops the entries without a row. */
static void compact(struct history_entry *entries, size_t *count, uint32_t first)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (!history_row_gone(entries[i].row, first))
            entries[kept++] = entries[i];
    *count = kept;
}

static int add_young(struct history_index *x, const struct history_entry *entries, size_t count,
                     uint32_t first)
{
    int error = reserve(&x->young, &x->young_cap, x->young_count + count);
    if (!error && x->young_count + count > YOUNG_MIN + x->count / 16)
        error = reserve(&x->entries, &x->cap, x->count + x->young_count + count);
    if (error)
        return error;
    merge(x->young, &x->young_count, entries, count);
    if (x->young_count > YOUNG_MIN + x->count / 16) {
        compact(x->entries, &x->count, first);
        compact(x->young, &x->young_count, first);
        merge(x->entries, &x->count, x->young, x->young_count);
        x->young_count = 0;
    }
    return 0;
}

int history_index_add(struct history_index *x, const struct history_entry *entries, size_t count,
                      uint32_t first)
{
    if (!count)
        return 0;
    size_t at = lower_bound(x->entries, x->count, entries[0].id);
    int error;
    if (x->count - at > NEAR_THE_END) {
        error = add_young(x, entries, count, first);
    } else {
        error = reserve(&x->entries, &x->cap, x->count + count);
        if (!error)
            merge(x->entries, &x->count, entries, count);
    }
    if (!error)
        x->live += count;
    return error;
}

void history_index_trimmed(struct history_index *x, uint64_t jobs, uint32_t first)
{
    x->live -= jobs < x->live ? jobs : x->live;
    if (x->count + x->young_count > 1024 + x->live + x->live / 2) {
        compact(x->entries, &x->count, first);
        compact(x->young, &x->young_count, first);
    }
}

static bool seek(const struct history_entry *entries, size_t count, uint64_t id, uint32_t first,
                 struct history_entry *ret)
{
    for (size_t i = lower_bound(entries, count, id); i < count; i++) {
        if (!history_row_gone(entries[i].row, first)) {
            *ret = entries[i];
            return true;
        }
    }
    return false;
}

bool history_index_seek(const struct history_index *x, uint64_t id, uint32_t first,
                        struct history_entry *ret)
{
    struct history_entry other;
    bool found = seek(x->entries, x->count, id, first, ret);
    if (!seek(x->young, x->young_count, id, first, &other))
        return found;
    if (!found || other.id < ret->id)
        *ret = other;
    return true;
}
