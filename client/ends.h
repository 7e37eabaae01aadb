/* ends.h: who wants to know the end of which job. An end may be told before the acknowledgement
 * that names the job's id (the broker tells it again after a reconnect, the acknowledgement comes
 * with the resend): such ends are kept for it. */
#ifndef CLIENT_ENDS_H
#define CLIENT_ENDS_H

#include "base/list.h"
#include "base/map.h"
#include "muster/client.h"

struct ends {
    struct idmap waiting; /* id to struct end_waiter */
    struct end_waiter *spare;
    struct list early; /* struct end_early */
};

void ends_init(struct ends *e);
void ends_fini(struct ends *e);
/* The end of `id` goes to on_end once: now if it was told early. 0 or MUSTER_ENOMEM. */
int ends_expect(struct ends *e, uint64_t id, muster_end_fn *on_end, void *user);
/* Tells it, or keeps a copy if `keep`: the job may yet be acknowledged. 0 or MUSTER_ENOMEM. */
int ends_tell(struct ends *e, const struct muster_end *end, bool keep);
/* Forgets the early ends: no acknowledgement is open any more. */
void ends_forget_early(struct ends *e);
static inline size_t ends_count(const struct ends *e)
{
    return e->waiting.count;
}

#endif
