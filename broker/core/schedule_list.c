/* schedule_list.c: what is asked about schedules: all that have changed since, at once or as soon
 * as one does, and the ledger. */
#include <stdlib.h>

#include "core/state.h"

#define POLLS_MAX  10000     /* beyond it a question is answered at once, with what there is */
#define PAGE_BYTES (4 << 20) /* names and definitions in one answer; one schedule always fits */

struct poll { /* a held SCHEDULES */
    struct list link;
    route_t route;
    uint64_t request, after, deadline;
    uint32_t limit;
};

/* The first one with a revision above `after`. */
static struct list *first_after(struct core *core, uint64_t after)
{
    struct schedule_set *set = &core->schedules;
    struct schedule *at = idmap_get(&set->by_revision, after);
    if (at)
        return at->link.next;
    struct list *it = &set->all;
    while (it->prev != &set->all && CONTAINER_OF(it->prev, struct schedule, link)->revision > after)
        it = it->prev;
    return it;
}

/* Its memory is the open batch's: it lives as long as the answer, whatever that waits for. */
static bool show(struct core *core, const struct schedule *s, struct schedule_view *ret)
{
    struct batch *b = core_batch(core);
    uint64_t *runs = batch_alloc(b, (s->run_count + 1) * sizeof *runs);
    *ret = (struct schedule_view){.name = batch_copy(b, s->name),
                                  .source = batch_copy(b, s->source),
                                  .definition = s->def.bytes,
                                  .revision = s->revision,
                                  .deleted = s->deleted,
                                  .paused = s->paused,
                                  .through_ms = s->through_ms,
                                  .waiting_ms = s->waiting_ms,
                                  .runs = runs,
                                  .run_count = s->run_count,
                                  .last = s->last};
    if (!runs || !ret->name.data || (!s->deleted && batch_hold(b, s->blob) != 0)) {
        core_fail(core, "out of memory for an answer");
        return false;
    }
    if (s->run_count)
        memcpy(runs, s->runs, s->run_count * sizeof *runs);
    return true;
}

static void answer(struct core *core, route_t route, uint64_t request,
                   const struct schedule_view *views, uint32_t count, bool more, bool reset,
                   uint64_t after_batch)
{
    struct action *a = core_emit_after(core, after_batch, ACT_REPLY_SCHEDULES, route, request);
    a->schedules.epoch = core->epoch;
    a->schedules.revision = more && count ? views[count - 1].revision : core->schedules.revision;
    a->schedules.reset = reset;
    a->schedules.more = more;
    a->schedules.views = views;
    a->schedules.count = count;
}

static void list_page(struct core *core, const struct poll *p, bool reset)
{
    struct list *end = &core->schedules.all;
    uint64_t after_batch = 0;
    size_t bytes = 0;
    uint32_t count = 0;
    struct list *it = first_after(core, p->after);
    struct schedule_view *views = batch_alloc(core_batch(core), (p->limit + 1) * sizeof *views);
    if (!views) {
        core_fail(core, "out of memory for an answer");
        return;
    }
    for (; it != end && count < p->limit && bytes < PAGE_BYTES; it = it->next) {
        const struct schedule *s = CONTAINER_OF(it, struct schedule, link);
        if (s->deleted && (reset || p->after == 0))
            continue; /* whoever begins never knew it */
        if (!show(core, s, &views[count]))
            return;
        bytes += s->def.bytes.len + s->name.len + s->source.len + 128;
        if (s->batch > after_batch)
            after_batch = s->batch;
        count++;
    }
    answer(core, p->route, p->request, views, count, it != end, reset, after_batch);
}

static void one_by_name(struct core *core, const struct event *e)
{
    const struct schedule *s = strmap_get(&core->schedules.by_name, e->schedules.name);
    struct schedule_view *view = batch_alloc(core_batch(core), sizeof *view);
    if (!s) {
        struct action *a = core_emit(core, ACT_REPLY_CODE, e->route, e->request);
        a->reply.error = MUSTER_ENOTFOUND;
        a->reply.text = "there is no such schedule";
    } else if (view && show(core, s, view)) {
        answer(core, e->route, e->request, view, 1, false, false, s->batch);
    }
}

/* False: there is no room for it. */
static bool hold(struct core *core, const struct poll *like, uint32_t hold_ms)
{
    struct schedule_set *set = &core->schedules;
    struct poll *p = set->poll_count < POLLS_MAX ? malloc(sizeof *p) : NULL;
    if (!p)
        return false;
    *p = *like;
    p->deadline = core->now_ms + hold_ms;
    if (p->deadline < set->polls_due)
        set->polls_due = p->deadline;
    list_push_back(&set->polls, &p->link);
    set->poll_count++;
    return true;
}

void core_on_schedules(struct core *core, const struct event *e)
{
    const struct schedule_set *set = &core->schedules;
    if (!request_greeted(core, e))
        return;
    if (e->schedules.name.len) {
        one_by_name(core, e);
        return;
    }
    struct poll p = {.route = e->route,
                     .request = e->request,
                     .after = e->schedules.after,
                     .limit = e->schedules.limit};
    bool reset = p.after == 0 || e->schedules.epoch != core->epoch || p.after > set->revision ||
                 p.after < set->forgotten;
    if (reset)
        p.after = 0;
    bool changed = reset || p.after < set->revision;
    if (changed || !e->schedules.hold_ms || !hold(core, &p, e->schedules.hold_ms))
        list_page(core, &p, reset);
}

static void finish(struct core *core, struct poll *p)
{
    list_remove(&p->link);
    core->schedules.poll_count--;
    list_page(core, p, false);
    free(p);
}

void polls_answer(struct core *core)
{
    LIST_FOREACH_SAFE (it, &core->schedules.polls) {
        struct poll *p = CONTAINER_OF(it, struct poll, link);
        if (p->after < core->schedules.revision)
            finish(core, p);
    }
}

void polls_tick(struct core *core)
{
    uint64_t next = UINT64_MAX;
    if (core->now_ms < core->schedules.polls_due)
        return;
    LIST_FOREACH_SAFE (it, &core->schedules.polls) {
        struct poll *p = CONTAINER_OF(it, struct poll, link);
        if (p->deadline <= core->now_ms)
            finish(core, p);
        else if (p->deadline < next)
            next = p->deadline;
    }
    core->schedules.polls_due = next;
}

void polls_fini(struct core *core)
{
    LIST_FOREACH_SAFE (it, &core->schedules.polls) {
        free(CONTAINER_OF(it, struct poll, link));
    }
    list_init(&core->schedules.polls);
}

/* ---- the ledger ---- */

void core_on_ledger(struct core *core, const struct event *e)
{
    if (!request_greeted(core, e))
        return;
    const struct schedule *s = strmap_get(&core->schedules.by_name, e->ledger.name);
    if (!s) {
        struct action *a = core_emit(core, ACT_REPLY_CODE, e->route, e->request);
        a->reply.error = MUSTER_ENOTFOUND;
        a->reply.text = "there is no such schedule";
        return;
    }
    struct request *r = request_new(core, e);
    if (!r)
        return;
    struct op *op = core_op(core, OP_LEDGER);
    op->ledger.schedule = s->number;
    op->ledger.before_ms = e->ledger.before_ms;
    op->ledger.from_ms = e->ledger.from_ms;
    op->ledger.limit = e->ledger.limit;
    op->ledger.owner = r;
    core_asks(core, e->ledger.limit);
}

void on_stored_ledger(struct core *core, struct op *op)
{
    const struct request *r = op->ledger.owner;
    struct action *a = core_emit(core, ACT_REPLY_LEDGER, r->route, r->request);
    a->ledger.rows = op->ledger.rows;
    a->ledger.count = op->ledger.count;
    a->ledger.more = op->ledger.more;
    request_keep_page(core, op->ledger.page);
    op->ledger.page = NULL;
}
