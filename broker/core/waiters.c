/* waiters.c: held WAITs. ROUTER tells no disconnects, so each is answered after its time at the
 * latest; who still wants to know asks again. */
#include <stdlib.h>

#include "core/state.h"

#define WAITED_IDS_MAX   1000000 /* beyond it a WAIT is answered at once, with what there is */
#define EXPIRED_AGAIN_MS 1000    /* it is over its time, and runs, perhaps */

struct waiter_ref { /* one job of a waiter, among the others that wait for this job */
    struct waiter_ref *prev, *next;
    struct waiter *waiter;
    bool ended;
};

struct waiter {
    struct list link; /* core->waiting */
    struct request request;
    uint64_t deadline; /* monotonic */
    uint32_t pending, count;
    uint64_t *ids;
    struct waiter_ref refs[];
};

/* Each stands in a list by job, newest first, whose head is in core->waiters. */
static void remove_ref(struct core *core, uint64_t id, struct waiter_ref *ref)
{
    if (ref->next)
        ref->next->prev = ref->prev;
    if (ref->prev)
        ref->prev->next = ref->next;
    else if (!ref->next)
        idmap_remove(&core->waiters, id);
    else if (idmap_put(&core->waiters, id, ref->next) != 0)
        core_fail(core, "out of memory for a waiting request");
}

static void forget(struct core *core, struct waiter *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        remove_ref(core, w->ids[i], &w->refs[i]);
    list_remove(&w->link);
    core->waited_ids -= w->count;
    free(w->ids);
    free(w);
}

static void finish(struct core *core, struct waiter *w)
{
    request_again(core, &w->request, true, w->ids, w->count);
    forget(core, w);
}

/* Somebody has to look at a job when it expires: then the waiter does. */
static void look_when_expired(const struct core *core, struct waiter *w,
                              const struct job_view *view)
{
    uint64_t expires_ms = view->spec.expires_ms;
    if (!expires_ms || view_ended(view))
        return;
    uint64_t left = expires_ms > core->wall_ms ? expires_ms - core->wall_ms : EXPIRED_AGAIN_MS;
    if (core->now_ms + left < w->deadline)
        w->deadline = core->now_ms + left;
}

static bool add_ref(struct core *core, struct waiter *w, uint32_t at)
{
    struct waiter_ref *ref = &w->refs[at];
    ref->waiter = w;
    ref->next = idmap_get(&core->waiters, w->ids[at]);
    if (ref->next)
        ref->next->prev = ref;
    return idmap_put(&core->waiters, w->ids[at], ref) == 0;
}

bool waiters_hold(struct core *core, const struct request *r, const struct job_view *views,
                  uint32_t count)
{
    uint32_t pending = 0;
    for (uint32_t i = 0; i < count; i++)
        pending += !view_ended(&views[i]);
    if (pending == 0 || core->waited_ids + count > WAITED_IDS_MAX)
        return false;
    struct waiter *w = calloc(1, sizeof *w + count * sizeof w->refs[0]);
    uint64_t *ids = calloc(count, sizeof *ids);
    if (!w || !ids) {
        free(w);
        free(ids);
        core_fail(core, "out of memory for a waiting request");
        return true;
    }
    w->request = *r;
    w->ids = ids;
    w->deadline = core->now_ms + r->hold_ms;
    list_init(&w->link);
    list_push_back(&core->waiting, &w->link);
    core->waited_ids += count;
    for (uint32_t i = 0; i < count; i++) {
        w->ids[i] = views[i].id;
        w->count++;
        w->refs[i].ended = view_ended(&views[i]);
        w->pending += !w->refs[i].ended;
        look_when_expired(core, w, &views[i]);
        if (!add_ref(core, w, i))
            core_fail(core, "out of memory for a waiting request");
    }
    if (w->deadline < core->waiters_due)
        core->waiters_due = w->deadline;
    return true;
}

void waiters_job_ended(struct core *core, uint64_t id)
{
    struct waiter_ref *ref = idmap_get(&core->waiters, id);
    while (ref) {
        struct waiter *w = ref->waiter;
        bool last = !ref->ended && --w->pending == 0;
        ref->ended = true;
        ref = ref->next;
        while (last && ref && ref->waiter == w) /* the same id twice in one request */
            ref = ref->next;
        if (last)
            finish(core, w);
    }
}

void waiters_tick(struct core *core)
{
    if (core->waiters_due > core->now_ms)
        return;
    core->waiters_due = UINT64_MAX;
    LIST_FOREACH_SAFE (it, &core->waiting) {
        struct waiter *w = CONTAINER_OF(it, struct waiter, link);
        if (w->deadline <= core->now_ms)
            finish(core, w);
        else if (w->deadline < core->waiters_due)
            core->waiters_due = w->deadline;
    }
}

void waiters_fini(struct core *core)
{
    LIST_FOREACH_SAFE (it, &core->waiting) {
        struct waiter *w = CONTAINER_OF(it, struct waiter, link);
        free(w->ids);
        free(w);
    }
    idmap_fini(&core->waiters);
}
