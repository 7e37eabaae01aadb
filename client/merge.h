/* merge.h: several brokers' replies to the same question as one. */
#ifndef CLIENT_MERGE_H
#define CLIENT_MERGE_H

#include "client.h"

#define MERGE_SHARDS 256

struct merge;

/* 0, MUSTER_EPROTO when a body is no array as it should be, MUSTER_ENOMEM. The replies stay their
 * owner's; count is at least 1. */
typedef int merge_fn(const struct merge *how, muster_reply_t *const *replies, size_t count,
                     muster_reply_t **ret);

struct merge {
    merge_fn *by; /* one of the functions below */
    /* merge_lists(): */
    bool sorted;    /* entries are jobs, by rising id; else one broker's after the other's */
    uint32_t limit; /* sorted: at most so many */
    /* merge_by_ids(): reply i is of shards[i] */
    const uint64_t *ids;
    size_t id_count;
    const uint8_t *shards;
};

/* Bodies that are arrays, as one array; `more` if any has more, to be asked for after the least
 * `after` of those. */
int merge_lists(const struct merge *how, muster_reply_t *const *replies, size_t count,
                muster_reply_t **ret) MUSTER_MUSTCHECK;
/* The answers tell nothing: the first that did it stands for all. */
int merge_first(const struct merge *how, muster_reply_t *const *replies, size_t count,
                muster_reply_t **ret) MUSTER_MUSTCHECK;
/* Bodies that are arrays in the order of each shard's ids, as one array in the order of all ids. */
int merge_by_ids(const struct merge *how, muster_reply_t *const *replies, size_t count,
                 muster_reply_t **ret) MUSTER_MUSTCHECK;

#endif
