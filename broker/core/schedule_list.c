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
    if (at || after == 0)
        return at ? at->link.next : set->all.next;
    struct list *it = &set->all;
    while (it->prev != &set->all && CONTAINER_OF(it->prev, struct schedule, link)->revision > after)
        it = it->prev;
    return it;
}

/* A view that lives as long as an answer that waits for batch `after`. */
static bool show(struct core *core, const struct schedule *s, uint64_t after,
                 struct schedule_view *ret)
{
    uint64_t *runs = core_memory(core, after, (s->run_count + 1) * sizeof *runs);
    struct batch *b = after <= core->batch_stored ? core->scratch : core_batch(core);
    *ret = (struct schedule_view){.name = core_copy(core, after, s->name),
                                  .source = core_copy(core, after, s->source),
                                  .definition = s->def.bytes,
                                  .revision = s->revision,
                                  .deleted = s->deleted,
                                  .paused = s->paused,
                                  .through_ms = schedule_certain_ms(s),
                                  .waiting_ms = s->waiting_ms,
                                  .runs = runs,
                                  .run_count = s->run_count,
                                  .last = s->last};
    if (!runs || (!s->deleted && batch_hold(b, s->blob) != 0)) {
        core_fail(core, "out of memory for an answer");
        return false;
    }
    if (s->run_count)
        memcpy(runs, s->runs, s->run_count * sizeof *runs);
    return true;
}

/* What an answer shows: schedules from one place in the list up to another. */
struct page {
    struct list *from, *to; /* `to` is the first that is not in it */
    uint32_t count;
    uint64_t after_batch; /* the last batch that changed one of them */
    uint64_t revision;    /* of the last one */
    bool deleted;         /* those that were deleted are told of */
};

static bool is_told(const struct page *page, const struct schedule *s)
{
    return page->deleted || !s->deleted;
}

static struct page cut_page(struct core *core, struct list *from, uint32_t limit, bool deleted)
{
    struct page page = {.from = from, .to = from, .deleted = deleted};
    size_t bytes = 0;
    for (; page.to != &core->schedules.all && page.count < limit && bytes < PAGE_BYTES;
         page.to = page.to->next) {
        const struct schedule *s = CONTAINER_OF(page.to, struct schedule, link);
        page.revision = s->revision;
        if (!is_told(&page, s))
            continue;
        page.count++;
        bytes += s->def.bytes.len + s->name.len + s->source.len;
        if (s->batch > page.after_batch)
            page.after_batch = s->batch;
    }
    return page;
}

static void answer(struct core *core, const struct poll *p, const struct page *page, bool reset)
{
    uint64_t after = page->after_batch;
    uint32_t count = 0;
    struct schedule_view *views = core_memory(core, after, (page->count + 1) * sizeof *views);
    if (!views)
        return;
    for (struct list *it = page->from; it != page->to; it = it->next) {
        const struct schedule *s = CONTAINER_OF(it, struct schedule, link);
        if (is_told(page, s) && !show(core, s, after, &views[count++]))
            return;
    }
    struct action *a = core_emit_after(core, after, ACT_REPLY_SCHEDULES, p->route, p->request);
    a->schedules.epoch = core->epoch;
    a->schedules.more = p->limit && page->to != &core->schedules.all;
    a->schedules.revision = a->schedules.more ? page->revision : core->schedules.revision;
    a->schedules.newest = core->schedules.revision;
    a->schedules.reset = reset;
    a->schedules.views = views;
    a->schedules.count = count;
}

static void list_page(struct core *core, const struct poll *p, bool reset)
{
    /* whoever begins never knew those that were deleted */
    struct page page = cut_page(core, first_after(core, p->after), p->limit, p->after != 0);
    answer(core, p, &page, reset);
}

static void one_by_name(struct core *core, const struct event *e)
{
    struct schedule *s = strmap_get(&core->schedules.by_name, e->schedules.name);
    if (!s) {
        request_refuse(core, e, MUSTER_ENOTFOUND, "there is no such schedule");
        return;
    }
    struct page page = cut_page(core, &s->link, 1, false);
    answer(core, &(struct poll){.route = e->route, .request = e->request}, &page, false);
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
    /* a reading that goes on has been told of what was there, in no order of changes, up to `since`
     */
    uint64_t knows = e->schedules.since ? e->schedules.since : p.after;
    bool reset = p.after == 0 || e->schedules.epoch != core->epoch || p.after > set->revision ||
                 knows < set->forgotten;
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
    if (client_on(core, p->route)) /* else whoever asked has said GOODBYE since */
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
        request_refuse(core, e, MUSTER_ENOTFOUND, "there is no such schedule");
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
    if (r->schedule) {
        runs_row_found(core, op);
    } else {
        struct action *a = core_emit(core, ACT_REPLY_LEDGER, r->route, r->request);
        a->ledger.rows = op->ledger.rows;
        a->ledger.count = op->ledger.count;
        a->ledger.more = op->ledger.more;
    }
    request_keep_page(core, op->ledger.page);
    op->ledger.page = NULL;
}
