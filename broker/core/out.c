/* out.c: what leaves the core: actions, and batches of operations for the store. */
#include <stdlib.h>

#include "core/state.h"

void core_fail(struct core *core, const char *text)
{
    if (core->failed)
        return;
    core->failed = true;
    struct action *a = core_emit(core, ACT_FATAL, 0, 0);
    a->failure.error = MUSTER_ENOMEM;
    a->failure.text = text;
}

static struct batch *take_batch(struct core *core)
{
    struct batch *b = core->spare;
    if (b) {
        core->spare = b->next;
        b->next = NULL;
        return b;
    }
    return batch_new();
}

struct batch *core_batch(struct core *core)
{
    if (core->open)
        return core->open;
    struct batch *b = take_batch(core);
    if (!b) {
        core_fail(core, "out of memory for a batch");
        return core->scratch;
    }
    b->number = ++core->batch_last;
    core->open = b;
    core->open_urgent = core->open_asks = false;
    core->open_since_ms = core->now_ms;
    return b;
}

struct op *core_op(struct core *core, enum op_type type)
{
    static struct op lost;
    static const bool lazy[OP_TYPE_COUNT] = {[OP_DONE_TAKEN] = true, [OP_CLIENT_DROP] = true};
    struct op *op = batch_op(core_batch(core), type);
    core->open_urgent = core->open_urgent || !lazy[type];
    if (op)
        return op;
    core_fail(core, "out of memory for an operation");
    lost = (struct op){0};
    return &lost;
}

void core_asks(struct core *core, uint64_t looks)
{
    core_batch(core)->looks += looks;
    core->looks += looks;
}

static struct batch *batch_by_number(struct core *core, uint64_t number)
{
    if (core->open && core->open->number == number)
        return core->open;
    for (uint32_t i = 0; i < core->in_flight_count; i++)
        if (core->in_flight[i]->number == number)
            return core->in_flight[i];
    return NULL;
}

static struct action *push_action(struct core *core, struct held_actions *list)
{
    static struct action lost;
    if (list->count == list->cap) {
        uint32_t cap = list->cap ? list->cap * 2 : 64;
        struct action *items = realloc(list->items, cap * sizeof *items);
        if (!items) {
            core->failed = true;
            return &lost;
        }
        list->items = items;
        list->cap = cap;
    }
    struct action *a = &list->items[list->count++];
    memset(a, 0, sizeof *a);
    return a;
}

static struct held_actions *held_by(struct core *core, uint64_t after)
{
    if (after <= core->batch_stored)
        return &core->actions;
    struct batch *b = batch_by_number(core, after);
    if (!b)
        return &core->actions;
    if (!b->held)
        b->held = calloc(1, sizeof(struct held_actions));
    if (!b->held)
        core_fail(core, "out of memory for an answer");
    return b->held ? b->held : &core->actions;
}

struct action *core_emit_after(struct core *core, uint64_t after, enum action_type type,
                               route_t route, uint64_t request)
{
    struct action *a = push_action(core, held_by(core, after));
    a->type = type;
    a->route = route;
    a->request = request;
    return a;
}

/* The last of the actions that wait for the same, if the reference may be added to it. */
static struct action *open_refs(struct core *core, uint64_t after, enum action_type type,
                                route_t route)
{
    const struct held_actions *list = held_by(core, after);
    struct action *last = list->count ? &list->items[list->count - 1] : NULL;
    uint32_t most = type == ACT_ABANDON ? HELLO_HELD_MAX : STOP_REFS_MAX;
    if (last && last->type == type && last->route == route && last->refs.count < most)
        return last;
    return core_emit_after(core, after, type, route, 0);
}

void core_emit_ref(struct core *core, uint64_t after, enum action_type type, route_t route,
                   const struct job_ref *ref)
{
    struct action *a = open_refs(core, after, type, route);
    uint32_t count = a->refs.count;
    if ((count & (count - 1)) == 0) { /* a power of two: the columns are full */
        uint64_t *ids = core_memory(core, after, (count ? count * 2 : 1) * sizeof *ids);
        uint32_t *runs = core_memory(core, after, (count ? count * 2 : 1) * sizeof *runs);
        if (!ids || !runs)
            return;
        if (count) {
            memcpy(ids, a->refs.ids, count * sizeof *ids);
            memcpy(runs, a->refs.runs, count * sizeof *runs);
        }
        a->refs.ids = ids;
        a->refs.runs = runs;
    }
    ((uint64_t *)(uintptr_t)a->refs.ids)[count] = ref->id;
    ((uint32_t *)(uintptr_t)a->refs.runs)[count] = ref->run;
    a->refs.count++;
}

void *core_memory(struct core *core, uint64_t after, size_t size)
{
    /* A batch on its way belongs to the store; the open one outlives it, so its memory serves as
     * well. */
    struct batch *b = after <= core->batch_stored ? core->scratch : core_batch(core);
    void *memory = batch_alloc(b, size);
    if (!memory)
        core_fail(core, "out of memory for an answer");
    return memory;
}

bool core_sealable(const struct core *core)
{
    if (!core->open || core->open->op_count == 0 || core->in_flight_count == IN_FLIGHT_MAX)
        return false;
    return core->open_urgent || core->now_ms >= core->open_since_ms + LAZY_MS;
}

/* Questions for the queues' figures go behind everything else, so that what they are told is what
 * all of the batch leaves: the events of the batch come before the answer, and those that come
 * after it are not in it. */
static void asks_last(struct batch *b)
{
    uint32_t kept = 0, asks = 0;
    struct op *last = batch_alloc(b, b->op_count * sizeof *last);
    for (uint32_t i = 0; last && i < b->op_count; i++) {
        if (b->ops[i].type == OP_QUEUES)
            last[asks++] = b->ops[i];
        else
            b->ops[kept++] = b->ops[i];
    }
    if (asks)
        memcpy(&b->ops[kept], last, asks * sizeof *last);
}

void core_seal(struct core *core)
{
    struct batch *b = core->open;
    if (!core_sealable(core))
        return;
    if (core->open_asks)
        asks_last(b);
    b->wall_ms = core->wall_ms;
    b->id_high = core->id_counter << 8 | core->options.shard;
    core->in_flight[core->in_flight_count++] = b;
    core->open = NULL;
    core->stats.batches++;
    core_emit(core, ACT_STORE, 0, 0)->batch = b;
}

uint64_t core_draw_ids(struct core *core, uint32_t count)
{
    uint64_t clock = core->wall_ms << 14;
    uint64_t first = core->id_counter + 1;
    if (first < clock)
        first = clock;
    core->id_counter = first + count - 1;
    return first << 8 | core->options.shard;
}

struct slice core_copy(struct core *core, uint64_t after, struct slice bytes)
{
    if (bytes.len == 0)
        return SLICE_EMPTY;
    uint8_t *copy = core_memory(core, after, bytes.len);
    if (!copy)
        return SLICE_EMPTY;
    memcpy(copy, bytes.data, bytes.len);
    return slice_of(copy, bytes.len);
}

void publish_job(struct core *core, enum topic topic, uint64_t after, const struct job_head *head,
                 struct slice worker, struct slice code)
{
    if (!core_watches(core, topic))
        return;
    const struct lane *lane = lane_at(core, head->lane);
    if (!lane)
        return;
    worker = core_copy(core, after, worker);
    code = core_copy(core, after, code);
    struct action *a = core_emit_after(core, after, ACT_PUBLISH, 0, 0);
    a->event.topic = topic;
    a->event.id = head->id;
    a->event.attempt = head->failures + 1;
    a->event.wall_ms = core->wall_ms;
    a->event.queue = lane->queue->name; /* a lane goes an hour after its last job */
    a->event.kind = lane->kind;
    a->event.worker = worker;
    a->event.code = code;
}

void publish_worker(struct core *core, enum topic topic, uint64_t after, struct slice name)
{
    name = core_copy(core, after, name);
    struct action *a = core_emit_after(core, after, ACT_PUBLISH, 0, 0);
    a->event.topic = topic;
    a->event.wall_ms = core->wall_ms;
    a->event.worker = name;
}
