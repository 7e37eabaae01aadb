/* held.h: the part of the session machine that keeps jobs: taking, giving back, stopping,
 * measuring, credit. */
#ifndef WORKER_HELD_H
#define WORKER_HELD_H

#include "worker_core.h"

/* A JOBS message of the present route. False when it could not be taken and the broker must be told
 * by a new HELLO. */
bool held_take(struct worker_core *c, const struct msg_jobs *m, uint64_t now);
/* Gives back what has waited RELEASE_AFTER_MS without being started. */
void held_review(struct worker_core *c, uint64_t now);
/* Gives back everything that has not been started. */
void held_release_waiting(struct worker_core *c);
void held_cancel(struct worker_core *c, const struct msg_cancel *m);
void held_abandon(struct worker_core *c, const struct msg_abandon *m);
/* Credit that the session should have now. */
uint32_t held_credit(const struct worker_core *c);
/* True while results of short jobs need not be gathered: slots are free and jobs take long. */
bool held_eager(const struct worker_core *c);

/* Everything that HELLO must list: jobs held and results that are not acknowledged. Parallel arrays
 * in one allocation, to be freed by free(ret->ids). MUSTER_ENOMEM. */
struct held_list {
    uint64_t *ids;
    uint32_t *runs, *ms; /* ms: running time, UINT32_MAX when not started */
    uint32_t count;
};
int held_list_make(const struct worker_core *c, uint64_t now, struct held_list *ret);

#endif
