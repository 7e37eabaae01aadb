/* store_thread.h: the thread that commits. It takes all batches that have gathered since its last
 * commit as one transaction: group commit without a timer. Batches come back in order. */
#ifndef RUN_STORE_THREAD_H
#define RUN_STORE_THREAD_H

#include "store/store.h"

struct store_thread;

/* The store belongs to the thread until store_thread_stop. MUSTER_ENOMEM, MUSTER_EIO. */
int store_thread_start(struct store_thread **ret, struct store *store) MUSTER_MUSTCHECK;
/* Commits what was given, ends the thread and returns how it went (0, or as store_commit); then the
 * store is the caller's again, and so are all batches, taken back or not. */
int store_thread_stop(struct store_thread **thread);

void store_thread_give(struct store_thread *t, struct batch *batch);
/* Readable when batches came back, or the store failed. */
int store_thread_fd(const struct store_thread *t);
/* All batches that came back, by `next`, oldest first; NULL if none. Clears the descriptor. */
struct batch *store_thread_take(struct store_thread *t);
/* Batches given and not yet taken back. */
uint32_t store_thread_in_flight(const struct store_thread *t);
/* 0, or why the store takes no more; `why` has its words. */
int store_thread_error(struct store_thread *t, char *why, size_t why_size);

#endif
