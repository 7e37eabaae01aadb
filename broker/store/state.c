/* state.c: lanes, queues and the meta table in memory. They are read at opening and after an
 * aborted transaction, changed by the operations, and written once a transaction. */
#include <stdlib.h>

#include "store/inner.h"
#include "store/meta.h"

static int pointers_add(struct store *s, struct pointers *p, void *item)
{
    if (p->count == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        void **bigger = realloc(p->items, cap * sizeof(*bigger));
        if (!bigger)
            return store_nomem(s);
        p->items = bigger;
        p->cap = cap;
    }
    p->items[p->count++] = item;
    return 0;
}

struct lane *lane_row_find(struct store *s, uint32_t number)
{
    if (s->last_lane && s->last_lane->number == number)
        return s->last_lane->dropped ? NULL : s->last_lane;
    struct lane *lane = idmap_get(&s->lanes, number);
    if (!lane || lane->dropped)
        return NULL;
    s->last_lane = lane;
    return lane;
}

int lane_of_record(struct store *s, uint32_t number, enum table table, struct slice key,
                   struct lane **ret)
{
    *ret = lane_row_find(s, number);
    return *ret ? 0 : store_damaged(s, table, key);
}

static struct slice keep(uint8_t **at, struct slice from)
{
    struct slice kept = slice_of(*at, from.len);
    if (from.len)
        memcpy(*at, from.data, from.len);
    *at += from.len;
    return kept;
}

static void lane_free(struct lane *lane)
{
    free(lane); /* its names lie behind it */
}

static struct lane *lane_new(uint32_t number, const struct lane_record *r)
{
    struct lane *lane = calloc(1, sizeof(*lane) + r->queue.len + r->kind.len + r->group.len);
    if (!lane)
        return NULL;
    uint8_t *at = (uint8_t *)(lane + 1);
    lane->number = number;
    lane->queue_name = keep(&at, r->queue);
    lane->kind = keep(&at, r->kind);
    lane->group = keep(&at, r->group);
    lane->priorities = r->priorities;
    lane->rows = r->rows;
    return lane;
}

int lane_create(struct store *s, uint32_t number, const struct lane_record *r)
{
    struct lane *lane = lane_new(number, r);
    if (!lane)
        return store_nomem(s);
    int error = queue_need(s, lane->queue_name, &lane->queue);
    struct lane *before = idmap_get(&s->lanes, number);
    if (!error && idmap_put(&s->lanes, number, lane) != 0)
        error = store_nomem(s);
    if (error) {
        lane_free(lane);
        return error;
    }
    if (before) {
        if (before
                ->dirty) /* it stands in the list of what to write: it takes the new one's place */
            for (size_t i = 0; i < s->dirty_lanes.count; i++)
                if (s->dirty_lanes.items[i] == before)
                    s->dirty_lanes.items[i] = lane;
        lane->dirty = before->dirty;
        lane_free(before);
    }
    s->last_lane = NULL;
    return 0;
}

int queue_need(struct store *s, struct slice name, struct queue **ret)
{
    *ret = strmap_get(&s->queues, name);
    if (*ret)
        return 0;
    struct queue *q = calloc(1, sizeof(*q) + name.len);
    if (!q)
        return store_nomem(s);
    uint8_t *at = (uint8_t *)(q + 1);
    q->name = keep(&at, name);
    if (strmap_put(&s->queues, q->name, q) != 0) {
        free(q);
        return store_nomem(s);
    }
    *ret = q;
    return 0;
}

int lane_touch(struct store *s, struct lane *lane)
{
    if (lane->dirty)
        return 0;
    lane->dirty = true;
    return pointers_add(s, &s->dirty_lanes, lane);
}

int queue_touch(struct store *s, struct queue *queue)
{
    if (queue->dirty)
        return 0;
    queue->dirty = true;
    return pointers_add(s, &s->dirty_queues, queue);
}

int lane_use_priority(struct store *s, struct lane *lane, uint8_t priority)
{
    uint16_t bit = (uint16_t)(1u << priority);
    if (lane->priorities & bit)
        return 0;
    lane->priorities |= bit;
    return lane_touch(s, lane);
}

uint64_t *queue_gauge(struct queue *queue, uint8_t state)
{
    struct queue_counters *c = &queue->record.counters;
    switch (state) {
    case JOB_READY:
    case JOB_RUNNING:
        return &c->ready;
    case JOB_SCHEDULED:
        return &c->scheduled;
    case JOB_PARKED:
        return &c->parked;
    default:
        return NULL;
    }
}

static int flush_lane(struct store *s, struct lane *lane)
{
    struct lane_record r = {.queue = lane->queue_name,
                            .kind = lane->kind,
                            .group = lane->group,
                            .priorities = lane->priorities,
                            .rows = lane->rows};
    struct enc e;
    struct key k;
    lane->dirty = false;
    if (lane->dropped)
        return row_drop(s, TABLE_LANE, key_u32(&k, lane->number));
    int error = row_begin(s, lane_bound(&r), &e);
    if (error)
        return error;
    lane_encode(&e, &r);
    return row_put(s, &e, TABLE_LANE, key_u32(&k, lane->number), PUT_SET);
}

static int flush_queue(struct store *s, struct queue *queue)
{
    struct enc e;
    queue->dirty = false;
    int error = row_begin(s, QUEUE_BOUND, &e);
    if (error)
        return error;
    queue_encode(&e, &queue->record);
    return row_put(s, &e, TABLE_QUEUE, queue->name, PUT_SET);
}

int state_flush(struct store *s)
{
    int error = 0;
    for (size_t i = 0; i < s->dirty_lanes.count && !error; i++)
        error = flush_lane(s, s->dirty_lanes.items[i]);
    for (size_t i = 0; i < s->dirty_queues.count && !error; i++)
        error = flush_queue(s, s->dirty_queues.items[i]);
    s->dirty_lanes.count = s->dirty_queues.count = 0;
    if (!error && s->id_high_new > s->id_high)
        error = meta_put_number(s, META_ID_HIGH, s->id_high_new);
    if (!error && s->schedule_high_new > s->schedule_high)
        error = meta_put_number(s, META_SCHEDULE_HIGH, s->schedule_high_new);
    return error;
}

static int load_lane(struct store *s, const struct cursor *c)
{
    struct dec d;
    struct lane_record r;
    uint32_t number = c->key.len == 4 ? key_u32_at(c->key, 0) : 0;
    if (number == 0 || number > LANE_NUMBER_MAX || !frame_open(TABLE_LANE, c->key, c->value, &d) ||
        !lane_decode(&d, &r))
        return store_damaged(s, TABLE_LANE, c->key);
    return lane_create(s, number, &r);
}

static int load_queue(struct store *s, const struct cursor *c)
{
    struct dec d;
    struct queue *queue;
    struct queue_record r;
    if (!frame_open(TABLE_QUEUE, c->key, c->value, &d) || !queue_decode(&d, &r))
        return store_damaged(s, TABLE_QUEUE, c->key);
    int error = queue_need(s, c->key, &queue);
    if (error)
        return error;
    queue->record = r;
    s->parked_bytes += r.parked_bytes;
    s->queues_with_parked += r.counters.parked > 0;
    return 0;
}

static int count_client(struct store *s, const struct cursor *c)
{
    (void)c;
    s->client_count++;
    return 0;
}

int table_walk(struct store *s, enum table table, int (*row)(struct store *, const struct cursor *))
{
    struct cursor c;
    int error = cursor_open(&c, s->engine, table);
    if (!error)
        error = cursor_seek(&c, SLICE_EMPTY);
    while (!error) {
        error = row(s, &c);
        if (!error)
            error = cursor_next(&c);
    }
    cursor_close(&c);
    return error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

static int load_schedule_high(struct store *s)
{
    uint64_t high;
    int error = meta_get_number(s, META_SCHEDULE_HIGH, &high);
    if (!error && high > UINT32_MAX)
        return store_damaged(s, TABLE_META, slice_str(META_SCHEDULE_HIGH));
    s->schedule_high = (uint32_t)high;
    return error;
}

/* Needs a transaction. */
int state_load(struct store *s)
{
    state_clear(s);
    int error = meta_get_number(s, META_EPOCH, &s->epoch);
    if (!error)
        error = meta_get_number(s, META_ID_HIGH, &s->id_high);
    if (!error)
        error = load_schedule_high(s);
    if (!error)
        error = table_walk(s, TABLE_QUEUE, load_queue);
    if (!error)
        error = table_walk(s, TABLE_LANE, load_lane);
    if (!error)
        error = table_walk(s, TABLE_CLIENT, count_client);
    return error;
}

void state_clear(struct store *s)
{
    size_t at = 0;
    for (struct lane *lane; (lane = idmap_next(&s->lanes, &at, NULL)) != NULL;)
        lane_free(lane);
    at = 0;
    for (struct queue *queue; (queue = strmap_next(&s->queues, &at)) != NULL;)
        free(queue);
    idmap_fini(&s->lanes);
    strmap_fini(&s->queues);
    idmap_init(&s->lanes);
    strmap_init(&s->queues);
    s->dirty_lanes.count = s->dirty_queues.count = 0;
    s->last_lane = NULL;
    s->epoch = s->id_high = s->client_count = s->parked_bytes = 0;
    s->queues_with_parked = 0;
    s->schedule_high = 0;
}
