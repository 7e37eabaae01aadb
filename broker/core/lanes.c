/* lanes.c: queues, lanes and bands: finding, making, and which of them may be dispatched from. */
#include "core/lanes.h"

#include <stdlib.h>

#include "base/text.h"
#include "core/state.h"

struct slice text_own(struct slice text)
{
    uint8_t *copy = malloc(text.len + 1);
    if (!copy)
        return SLICE_EMPTY;
    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    return slice_of(copy, text.len);
}

void text_disown(struct slice text)
{
    free((void *)(uintptr_t)text.data);
}

struct job *band_head(const struct band *band)
{
    struct job *first = NULL, *returned = NULL;
    if (!list_empty(&band->waiting))
        first = CONTAINER_OF(band->waiting.next, struct job, link);
    if (heap_top(&band->returned))
        returned = CONTAINER_OF(heap_top(&band->returned), struct job, node);
    if (!first || (returned && returned->head.seq < first->head.seq))
        return returned;
    return first;
}

/* A band whose next jobs are being read may hold any. */
static uint64_t band_seq(const struct band *band)
{
    const struct job *head = band_head(band);
    return head ? head->head.seq : 0;
}

bool band_ready(const struct band *band)
{
    const struct job *head = band_head(band);
    return head && head->head.seq <= band->mark_stored;
}

/* Bands of a queue: most urgent first, then the oldest. */
static bool band_less(const struct heap_node *a, const struct heap_node *b)
{
    const struct band *x = CONTAINER_OF(a, const struct band, node);
    const struct band *y = CONTAINER_OF(b, const struct band, node);
    if (x->priority != y->priority)
        return x->priority < y->priority;
    return band_seq(x) < band_seq(y);
}

static bool job_less(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, const struct job, node)->head.seq <
           CONTAINER_OF(b, const struct job, node)->head.seq;
}

struct queue *queue_find(const struct core *core, struct slice name)
{
    return strmap_get(&core->queues, name);
}

struct queue *queue_get(struct core *core, struct slice name)
{
    struct queue *q = queue_find(core, name);
    if (q)
        return q;
    q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->name = text_own(name);
    list_init(&q->lanes);
    heap_init(&q->open, band_less);
    if (!q->name.data || strmap_put(&core->queues, q->name, q) != 0) {
        text_disown(q->name);
        free(q);
        return NULL;
    }
    return q;
}

void queue_name(struct queue *queue)
{
    queue->named++;
}

void queue_unname(struct core *core, struct queue *queue)
{
    if (--queue->named > 0 || queue->exists || !list_empty(&queue->lanes))
        return;
    strmap_remove(&core->queues, queue->name);
    heap_fini(&queue->open);
    text_disown(queue->name);
    free(queue);
}

static struct slice lane_key(uint8_t *room, struct slice queue, struct slice kind)
{
    memcpy(room, queue.data, queue.len);
    room[queue.len] = 0;
    memcpy(room + queue.len + 1, kind.data, kind.len);
    return slice_of(room, queue.len + 1 + kind.len);
}

struct lane *lane_find(const struct core *core, struct slice queue, struct slice kind)
{
    uint8_t room[NAME_MAX_BYTES * 2 + 1];
    if (queue.len > NAME_MAX_BYTES || kind.len > NAME_MAX_BYTES)
        return NULL;
    return strmap_get(&core->lanes_by_name, lane_key(room, queue, kind));
}

struct lane *lane_at(const struct core *core, uint32_t number)
{
    return number < core->lane_cap ? core->lanes[number] : NULL;
}

static bool lanes_grow(struct core *core, uint32_t number)
{
    if (number < core->lane_cap)
        return true;
    uint32_t cap = core->lane_cap ? core->lane_cap : 64;
    while (cap <= number)
        cap *= 2;
    struct lane **lanes = realloc(core->lanes, cap * sizeof *lanes);
    if (!lanes)
        return false;
    memset(lanes + core->lane_cap, 0, (cap - core->lane_cap) * sizeof *lanes);
    core->lanes = lanes;
    core->lane_cap = cap;
    return true;
}

static uint32_t servers_of(const struct core *core, const struct lane *lane)
{
    uint32_t count = 0;
    LIST_FOREACH (it, &core->sessions) {
        const struct session *s = CONTAINER_OF(it, const struct session, link);
        if (s->serving && session_handles(s, lane))
            count++;
    }
    return count;
}

/* From the hint on; 0 is none. */
static uint32_t free_number(const struct core *core)
{
    uint32_t number = core->lane_hint ? core->lane_hint : 1;
    while (lane_at(core, number))
        number++;
    return number;
}

struct lane *lane_new(struct core *core, struct queue *queue, struct slice kind, uint32_t number)
{
    if (core->lane_count >= LANES_MAX)
        return NULL;
    if (number == 0)
        number = core->lane_hint = free_number(core);
    else if (lane_at(core, number))
        return NULL;
    struct lane *lane = calloc(1, sizeof *lane);
    if (!lane || !lanes_grow(core, number)) {
        free(lane);
        return NULL;
    }
    uint8_t room[NAME_MAX_BYTES * 2 + 1];
    lane->number = number;
    lane->serial = ++core->lane_serial;
    lane->queue = queue;
    lane->kind = text_own(kind);
    lane->key = text_own(lane_key(room, queue->name, kind));
    if (!lane->kind.data || !lane->key.data ||
        strmap_put(&core->lanes_by_name, lane->key, lane) != 0) {
        text_disown(lane->kind);
        text_disown(lane->key);
        free(lane);
        return NULL;
    }
    core->lanes[number] = lane;
    core->lane_count++;
    list_push_back(&queue->lanes, &lane->link);
    lane->servers = servers_of(core, lane);
    return lane;
}

struct band *band_get(struct core *core, struct lane *lane, uint8_t priority)
{
    struct band *band = lane->bands[priority];
    if (band)
        return band;
    band = calloc(1, sizeof *band);
    if (!band) {
        core_fail(core, "out of memory for a band");
        return NULL;
    }
    band->lane = lane;
    band->priority = priority;
    band->complete = !(lane->stored & 1u << priority);
    list_init(&band->waiting);
    list_init(&band->touched_link);
    heap_init(&band->returned, job_less);
    lane->bands[priority] = band;
    return band;
}

void band_refresh(struct core *core, struct band *band)
{
    struct heap *open = &band->lane->queue->open;
    bool eligible = lane_open(band->lane) && (band->loading || band_head(band));
    if (!eligible && heap_has(&band->node)) {
        heap_remove(open, &band->node);
    } else if (eligible && heap_has(&band->node)) {
        heap_update(open, &band->node);
    } else if (eligible) {
        if (heap_push(open, &band->node) != 0)
            core_fail(core, "out of memory for a queue");
        core->dispatch_wanted = true;
    }
    bool ready = eligible && band_ready(band);
    if (ready != band->ready)
        core->bands_ready += ready ? 1 : UINT32_MAX;
    band->ready = ready;
}

void band_touch(struct core *core, struct band *band)
{
    if (!band->touched) {
        band->touched = true;
        list_push_back(&core->touched, &band->touched_link);
    }
    core->dispatch_wanted = true; /* a page may come in a turn in which nothing else happens */
}

void lane_changed(struct core *core, struct lane *lane)
{
    for (uint8_t p = 0; p < PRIORITY_COUNT; p++) {
        struct band *band = lane->bands[p];
        if (!band && (lane->stored & 1u << p) && lane_open(lane))
            band = band_get(core, lane, p);
        if (!band)
            continue;
        if (!lane_open(lane)) {
            window_evict(core, band);
        } else {
            window_fill(core, band);
            band_touch(core, band);
        }
        band_refresh(core, band);
    }
}

static void lane_free(struct lane *lane)
{
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        if (lane->bands[p])
            heap_fini(&lane->bands[p]->returned);
        free(lane->bands[p]);
    }
    text_disown(lane->kind);
    text_disown(lane->key);
    free(lane);
}

void lane_drop(struct core *core, struct lane *lane)
{
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        struct band *band = lane->bands[p];
        if (band && heap_has(&band->node))
            heap_remove(&lane->queue->open, &band->node);
        if (band)
            list_remove(&band->touched_link);
    }
    list_remove(&lane->link);
    strmap_remove(&core->lanes_by_name, lane->key);
    core->lanes[lane->number] = NULL;
    core->lane_count--;
    if (lane->number < core->lane_hint)
        core->lane_hint = lane->number;
    lane_free(lane);
}

void lanes_fini(struct core *core)
{
    size_t cursor = 0;
    for (struct queue *q; (q = strmap_next(&core->queues, &cursor));)
        heap_fini(&q->open); /* before the bands in it */
    for (uint32_t i = 0; i < core->lane_cap; i++)
        if (core->lanes[i])
            lane_free(core->lanes[i]);
    free(core->lanes);
    strmap_fini(&core->lanes_by_name);
    cursor = 0;
    for (struct queue *q; (q = strmap_next(&core->queues, &cursor));) {
        text_disown(q->name);
        free(q);
    }
    strmap_fini(&core->queues);
}
