/* limit_store.h: the limit's LMDB in a thread of its own: whatever has gathered is one transaction,
 * synced, then given back. */
#ifndef BENCH_LIMIT_STORE_H
#define BENCH_LIMIT_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <zmq.h>

#include "limit.h"

/* A received frame on its way through the store. */
struct work {
    struct frame header; /* of SUBMIT, first becomes the first id */
    uint64_t number;     /* of the SUBMIT */
    zmq_msg_t message;
};

struct work_list {
    struct work *items;
    size_t count, cap;
};

struct limit_store {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct work_list todo, done; /* under the lock */
    bool open;
    int done_fd; /* an eventfd: done has something */
    const char *folder;
};

void work_add(struct work_list *list, const struct work *item);

/* `folder` must exist and is borrowed. Returns when the store is open. */
void limit_store_start(struct limit_store *s, const char *folder);
/* Hands over all of `list` and empties it. */
void limit_store_give(struct limit_store *s, struct work_list *list);
/* Swaps what is committed into the empty `list`. */
void limit_store_take(struct limit_store *s, struct work_list *list);
/* How many jobs the folder's store holds; no other process may have it open. */
uint64_t limit_store_count(const char *folder);

#endif
