/* core.c: the step function, time, and what the caller may look at. */
#include "core/core.h"

#include <stdlib.h>

#include "core/state.h"

#define LATE_MS 1000 /* a step later than this after the wanted one: the broker did not serve */
/* Clients are not read while their questions make the store look at more than this: else who asks
 * faster than the store reads would fill the memory. */
#define LOOKS_MAX 100000

static void init_containers(struct core *core)
{
    list_init(&core->pool.free);
    list_init(&core->doubt);
    list_init(&core->touched);
    list_init(&core->sessions);
    list_init(&core->lapsed);
    list_init(&core->hungry);
    list_init(&core->granting);
    list_init(&core->clients);
    list_init(&core->waiting);
    list_init(&core->meters);
    for (size_t i = 0; i < CLOCK_SLOTS; i++)
        list_init(&core->clock[i]);
    heap_init(&core->due, due_less);
    heap_init(&core->due_at, due_less);
    idmap_init(&core->jobs);
    idmap_init(&core->waiters);
    idmap_init(&core->sessions_by_route);
    idmap_init(&core->clients_by_route);
    strmap_init(&core->queues);
    strmap_init(&core->lanes_by_name);
    strmap_init(&core->sessions_by_id);
    strmap_init(&core->clients_by_id);
    schedules_init(core);
}

struct core *core_new(const struct core_options *options)
{
    struct core *core = calloc(1, sizeof *core);
    if (!core)
        return NULL;
    core->options = *options;
    core->rng.state = options->seed;
    core->asked_ms = UINT64_MAX;
    core->waiters_due = UINT64_MAX;
    init_containers(core);
    core->scratch = batch_new();
    core->default_spec = malloc(sizeof *core->default_spec);
    if (!core->scratch || !core->default_spec) {
        core_destroy(&core);
        return NULL;
    }
    *core->default_spec = JOB_SPEC_DEFAULT;
    core->default_spec->refs = 1;
    return core;
}

static void free_batch(struct batch *b)
{
    if (!b)
        return;
    struct held_actions *held = b->held;
    if (held)
        free(held->items);
    free(held);
    b->held = NULL;
    batch_free(b);
}

/* What STORED would have taken over: nobody else does any more. */
static void drop_unstored(struct batch *b)
{
    for (uint32_t i = 0; b && i < b->op_count; i++) {
        struct op *op = &b->ops[i];
        struct blob **pages[OP_TYPE_COUNT] = {
            [OP_UPDATE] = &op->update.page, [OP_PAGE] = &op->page.page,
            [OP_DUE] = &op->due.page,       [OP_JOBS] = &op->jobs.page,
            [OP_LIST] = &op->list.page,     [OP_QUEUES] = &op->queues.page,
            [OP_DONE] = &op->done.page,     [OP_MATCH] = &op->match.page,
            [OP_LEDGER] = &op->ledger.page,
        };
        if (op->type == OP_SUBMIT)
            spec_release(op->submit.spec);
        if (pages[op->type])
            blob_unref(*pages[op->type]);
    }
    free_batch(b);
}

static void free_batches(struct core *core)
{
    free_batch(core->scratch);
    drop_unstored(core->open);
    for (uint32_t i = 0; i < core->in_flight_count; i++)
        drop_unstored(core->in_flight[i]);
    for (uint32_t i = 0; i < core->spent_count; i++)
        free_batch(core->spent[i]);
    while (core->spare) {
        struct batch *b = core->spare;
        core->spare = b->next;
        free_batch(b);
    }
}

static void free_jobs(struct core *core)
{
    size_t cursor = 0;
    uint64_t id;
    for (struct job *job; (job = idmap_next(&core->jobs, &cursor, &id));) {
        job_drop_args(job);
        spec_release(job->spec);
    }
    idmap_fini(&core->jobs);
    job_pool_fini(&core->pool);
}

static void free_sessions(struct core *core, struct list *sessions)
{
    LIST_FOREACH_SAFE (it, sessions) {
        struct session *s = CONTAINER_OF(it, struct session, link);
        s->serving = false;
        session_free(core, s);
    }
}

void core_destroy(struct core **ref)
{
    struct core *core = *ref;
    if (!core)
        return;
    *ref = NULL;
    free_sessions(core, &core->sessions);
    free_sessions(core, &core->lapsed);
    LIST_FOREACH_SAFE (it, &core->clients) {
        client_free(core, CONTAINER_OF(it, struct client, link));
    }
    client_entries_fini(core);
    waiters_fini(core);
    schedules_fini(core);
    meters_fini(core);
    lanes_fini(core);
    heap_fini(&core->due);
    heap_fini(&core->due_at);
    free_jobs(core); /* after the heaps that they stand in */
    strmap_fini(&core->sessions_by_id);
    strmap_fini(&core->clients_by_id);
    idmap_fini(&core->sessions_by_route);
    idmap_fini(&core->clients_by_route);
    free_batches(core);
    spec_release(core->default_spec);
    free(core->actions.items);
    free(core);
}

/* What the last step pointed to is no longer needed. */
static void begin_step(struct core *core)
{
    core->actions.count = 0;
    batch_reset(core->scratch);
    while (core->spent_count > 0) {
        struct batch *b = core->spent[--core->spent_count];
        struct held_actions *held = b->held;
        batch_reset(b);
        b->held = held;
        if (held)
            held->count = 0;
        b->next = core->spare;
        core->spare = b;
    }
}

/* Time in which the broker did not serve does not count against peers; each gets three heartbeats
 * at least. */
static void skip_time(struct core *core, uint64_t late_ms)
{
    core->skipped_ms += late_ms;
    core->stats.clock_shifts++;
    uint64_t now = core_serving_ms(core), least = core->options.heartbeat_ms * 3;
    uint64_t oldest =
        now + least > core->options.lease_ms ? now + least - core->options.lease_ms : 0;
    LIST_FOREACH (it, &core->sessions) {
        struct session *s = CONTAINER_OF(it, struct session, link);
        if (s->heard < oldest)
            s->heard = oldest;
    }
    if (core->grace_until && core->grace_until < now + least)
        core->grace_until = now + least;
}

static void set_time(struct core *core, const struct event *event)
{
    uint64_t due = core->asked_ms > core->now_ms ? core->asked_ms : core->now_ms;
    if (event->now_ms > core->now_ms)
        core->now_ms = event->now_ms;
    core->wall_ms = event->wall_ms;
    if (core->asked_ms != UINT64_MAX && core->now_ms > due + LATE_MS)
        skip_time(core, core->now_ms - due);
}

void core_step(struct core *core, const struct event *event)
{
    static void (*const handlers[EV_COUNT])(struct core *, const struct event *) = {
#define EVENT(symbol, name) [EV_##symbol] = core_on_##name,
#include "core/event.def"
    };
    begin_step(core);
    set_time(core, event);
    if (core->now_ms >= core->meter_due_ms)
        meters_tick(core);
    if (!core->failed)
        handlers[event->type](core, event);
    core->asked_ms = core_next_deadline(core);
}

const struct action *core_actions(const struct core *core, uint32_t *ret_count)
{
    *ret_count = core->actions.count;
    return core->actions.items;
}

static void slide_granted(struct core *core)
{
    if (core->now_ms - core->granted_since_ms < 100)
        return;
    core->granted_before = core->now_ms - core->granted_since_ms < 200 ? core->granted_window : 0;
    core->granted_window = 0;
    core->granted_since_ms = core->now_ms;
}

void core_on_tick(struct core *core, const struct event *event)
{
    (void)event;
    sessions_tick(core);
    doubt_tick(core);
    run_clock_tick(core);
    due_tick(core);
    waiters_tick(core);
    schedules_tick(core);
    clients_tick(core);
    idle_tick(core);
    if (core->now_ms - core->sampled_ms >= 1000)
        core->sampled_ms = core->now_ms;
}

void core_on_turn(struct core *core, const struct event *event)
{
    (void)event;
    slide_granted(core);
    dispatch(core);
    marks_advance(core);
    core_seal(core);
}

void core_on_watch(struct core *core, const struct event *event)
{
    core->watched = event->watch.topics;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t core_next_deadline(const struct core *core)
{
    if (!core->booted)
        return UINT64_MAX;
    uint64_t next = sooner(sessions_deadline(core), due_deadline(core));
    next = sooner(next, core->waiters_due);
    next = sooner(next, schedules_deadline(core));
    if (core->open && core->open->op_count > 0 && !core->open_urgent &&
        core->in_flight_count < IN_FLIGHT_MAX)
        next = sooner(next, core->open_since_ms + LAZY_MS);
    if (core->grace_until)
        next = sooner(next, core->awaited ? core->grace_until + core->skipped_ms : core->now_ms);
    else if (core->doubt_count > 0)
        next = core->now_ms;
    bool busy = core->out > 0 || core->session_count > 0 || core->client_count > 0;
    if (busy)
        next = sooner(next, core->sampled_ms + 1000 > core->now_ms ? core->sampled_ms + 1000
                                                                   : core->now_ms);
    return next;
}

bool core_frontend_open(const struct core *core)
{
    return core->uncommitted <= core->options.uncommitted_max && core->looks <= LOOKS_MAX;
}

bool core_wants_turn(const struct core *core)
{
    return core->dispatch_wanted || core_sealable(core);
}
