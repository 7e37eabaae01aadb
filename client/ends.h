/* ends.h: who wants to know the end of which job. An end may be told before the acknowledgement
 * that names the job's id (the broker tells it again after a reconnect, the acknowledgement comes
 * with the resend): such ends are kept for it. */
#ifndef CLIENT_ENDS_H
#define CLIENT_ENDS_H

#include "base/list.h"
#include "base/map.h"
#include "muster/client.h"

/* Hears an end; its texts and bytes are gone afterwards. */
typedef void ends_deliver_fn(void *context, muster_end_fn *on_end, void *user,
                             const struct muster_end *end);

/* An end, with its texts and bytes behind it. */
struct end_copy {
    struct list link;
    struct muster_end end;
    muster_end_fn *on_end; /* whoever keeps it sets both, if it knows */
    void *user;
};

struct ends {
    ends_deliver_fn *deliver;
    void *context;
    struct idmap waiting; /* id to struct end_waiter */
    struct end_waiter *spare;
    struct list early; /* struct end_copy */
};

void ends_init(struct ends *e, ends_deliver_fn *deliver, void *context);
void ends_fini(struct ends *e);
/* The end of `id` goes to on_end once: now if it was told early. 0 or MUSTER_ENOMEM. */
int ends_expect(struct ends *e, uint64_t id, muster_end_fn *on_end, void *user);
/* Tells it, or keeps a copy if `keep`: the job may yet be acknowledged. 0 or MUSTER_ENOMEM. */
int ends_tell(struct ends *e, const struct muster_end *end, bool keep);
/* NULL when out of memory; free() ends it. */
struct end_copy *end_copy_new(const struct muster_end *end);
/* Forgets the early ends: no acknowledgement is open any more. */
void ends_forget_early(struct ends *e);
static inline size_t ends_count(const struct ends *e)
{
    return e->waiting.count;
}

#endif
