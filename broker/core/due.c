/* due.c: scheduled jobs. The nearest are in memory, by due time; the rest wait in the store. */
#include "core/state.h"

#define DUE_SLICE 2000 /* jobs that become ready in one step */

bool due_less(const struct heap_node *a, const struct heap_node *b)
{
    const struct job_head *x = &CONTAINER_OF(a, const struct job, node)->head;
    const struct job_head *y = &CONTAINER_OF(b, const struct job, node)->head;
    return x->due_ms != y->due_ms ? x->due_ms < y->due_ms : x->id < y->id;
}

/* Delays and times of day follow different clocks, so each has its heap. */
static struct heap *heap_of(struct core *core, const struct job *job)
{
    return job->head.flags & JOB_AT ? &core->due_at : &core->due;
}

static size_t resident(const struct core *core)
{
    return core->due.count + core->due_at.count;
}

static struct job *top_of(const struct heap *heap)
{
    return heap_top(heap) ? CONTAINER_OF(heap_top(heap), struct job, node) : NULL;
}

/* The one with the smallest (due_ms, id). */
static struct job *first_due(const struct core *core)
{
    struct job *a = top_of(&core->due), *b = top_of(&core->due_at);
    if (!a || (b && due_less(&b->node, &a->node)))
        return b;
    return a;
}

void due_leave(struct core *core, struct job *job)
{
    heap_remove(heap_of(core, job), &job->node);
}

static void enter(struct core *core, struct job *job)
{
    job->place = PLACE_DUE;
    if (heap_push(heap_of(core, job), &job->node) != 0)
        core_fail(core, "out of memory for scheduled jobs");
}

static bool beyond_edge(const struct core *core, const struct job_head *h)
{
    return h->due_ms != core->due_edge_ms ? h->due_ms > core->due_edge_ms
                                          : h->id > core->due_edge_id;
}

static void raise_edge(struct core *core, const struct job_head *h)
{
    if (beyond_edge(core, h)) {
        core->due_edge_ms = h->due_ms;
        core->due_edge_id = h->id;
    }
}

static void fill(struct core *core)
{
    if (core->due_complete || core->due_loading || resident(core) > DUE_RESIDENT / 2)
        return;
    struct op *op = core_op(core, OP_DUE);
    op->due.after_ms = core->due_edge_ms;
    op->due.after_id = core->due_edge_id;
    op->due.max_rows = DUE_RESIDENT;
    core->due_loading = true;
}

/* Keeps the nearest DUE_RESIDENT: takes them out in order and lets the rest go. */
static void shrink(struct core *core)
{
    struct list keep;
    list_init(&keep);
    for (uint32_t i = 0; i < DUE_RESIDENT; i++) {
        struct job *job = first_due(core);
        due_leave(core, job);
        list_push_back(&keep, &job->link);
        core->due_edge_ms = job->head.due_ms;
        core->due_edge_id = job->head.id;
    }
    for (struct job *job; (job = first_due(core));)
        job_forget(core, job);
    core->due_complete = false;
    LIST_FOREACH_SAFE (it, &keep) {
        list_remove(it);
        enter(core, CONTAINER_OF(it, struct job, link));
    }
}

void due_place(struct core *core, struct job *job)
{
    job_drop_args(job);
    if (beyond_edge(core, &job->head) && (!core->due_complete || resident(core) >= DUE_RESIDENT)) {
        core->due_complete = false;
        job_forget(core, job);
        fill(core);
        return;
    }
    raise_edge(core, &job->head);
    enter(core, job);
    if (resident(core) > DUE_RESIDENT * 3)
        shrink(core);
}

/* A delay never lasts longer than what was asked, whatever the wall clock did while the broker was
 * away. */
static void cap_delay(const struct core *core, struct job_head *h)
{
    uint64_t latest = core_smooth_ms(core) + h->delay_ms;
    if (!(h->flags & JOB_AT) && h->due_ms > latest)
        h->due_ms = latest;
}

void due_on_page(struct core *core, struct op *op)
{
    core->due_loading = false;
    bool fits = op->due.after_ms == core->due_edge_ms && op->due.after_id == core->due_edge_id;
    for (uint32_t i = 0; fits && i < op->due.count; i++) {
        struct record *r = &op->due.records[i];
        raise_edge(core, &r->head);
        if (job_find(core, r->head.id))
            continue;
        cap_delay(core, &r->head);
        struct job *job = job_load(core, &r->head, &r->spec);
        if (job)
            enter(core, job);
    }
    if (fits)
        core->due_complete = op->due.end;
    blob_unref(op->due.page);
    op->due.page = NULL;
    fill(core);
}

static uint64_t wait_of(const struct job *job, uint64_t clock_ms)
{
    if (!job)
        return UINT64_MAX;
    return job->head.due_ms > clock_ms ? job->head.due_ms - clock_ms : 0;
}

static void ready_now(struct core *core, struct heap *heap, uint64_t clock_ms)
{
    for (uint32_t i = 0; i < DUE_SLICE && wait_of(top_of(heap), clock_ms) == 0; i++) {
        struct job *job = top_of(heap);
        if (job->spec->expires_ms && core->wall_ms >= job->spec->expires_ms)
            change_end(core, job, JOB_EV_EXPIRE, NULL);
        else
            change_due(core, job);
    }
}

void due_tick(struct core *core)
{
    ready_now(core, &core->due, core_smooth_ms(core));
    ready_now(core, &core->due_at, core->wall_ms);
    fill(core);
}

uint64_t due_deadline(const struct core *core)
{
    uint64_t delay = wait_of(top_of(&core->due), core_smooth_ms(core));
    uint64_t at = wait_of(top_of(&core->due_at), core->wall_ms);
    if (at != UINT64_MAX && at > 1000)
        at = 1000; /* the wall clock may be set: look again in a second */
    uint64_t wait = delay < at ? delay : at;
    return wait == UINT64_MAX ? UINT64_MAX : core->now_ms + wait;
}
