/* ops_list.c: jobs by rising id, from everywhere at once: rows by id, plain jobs in each lane,
 * history.
 *
 * Each source is a stream of rising ids; a heap holds them by their next id. A stream may know only
 * a bound below its next id: then it looks on when it comes to the top, so that work can stop after
 * any number of rows with a `last` that nothing was missed up to. */
#include <stdlib.h>

#include "base/heap.h"
#include "base/list.h"
#include "store/view.h"

#define LOOK_MAX     20000      /* rows a call looks at, beyond the first of each stream */
#define REFS_AT_ONCE 256        /* references that a stream passes before others have their turn */
#define VIEW_BYTES   (8u << 20) /* of a page */

enum stream_kind { STREAM_LANE, STREAM_JOBS, STREAM_PARKED, STREAM_HISTORY };

struct stream {
    struct heap_node node;
    enum stream_kind kind;
    bool exact, over;
    uint64_t id;       /* of its next job; not exact: no less than this */
    struct lane *lane; /* STREAM_LANE */
    uint8_t priority;
    struct history_entry entry; /* STREAM_HISTORY */
};

struct listing {
    struct store *s;
    struct op *op;
    struct page *page;
    struct cursor ready, jobs, parked;
    struct stream *streams;
    size_t stream_count, stream_cap;
    struct heap heap;
    uint32_t looks, view_cap;
};

static struct stream *stream_of(struct heap_node *node)
{
    return CONTAINER_OF(node, struct stream, node);
}

static bool earlier(const struct heap_node *a, const struct heap_node *b)
{
    const struct stream *l = CONTAINER_OF(a, const struct stream, node);
    const struct stream *r = CONTAINER_OF(b, const struct stream, node);
    return l->id < r->id;
}

static bool wants_state(const struct op *op, enum job_state state)
{
    return op->list.state < 0 || op->list.state == (int)state;
}

/* The stored state of a running job is ready: which of them run, the core knows. */
static bool state_fits(const struct op *op, uint8_t state)
{
    return op->list.state < 0 || op->list.state == state ||
           (op->list.state == JOB_RUNNING && state == JOB_READY);
}

static bool names_fit(const struct op *op, struct slice queue, struct slice kind)
{
    return (!op->list.queue.len || slice_eq(op->list.queue, queue)) &&
           (!op->list.kind.len || slice_eq(op->list.kind, kind));
}

/* ---- streams: each looks for its next id >= stream->id ---- */

static int seek_lane(struct listing *l, struct stream *x)
{
    struct key k;
    int error = cursor_seek(&l->ready, key_ready(&k, x->lane->number, x->priority, x->id));
    for (int refs = 0; !error; refs++) {
        struct slice key = l->ready.key;
        if (key.len != KEY_READY_BYTES || memcmp(key.data, k.bytes, 5) != 0)
            break;
        x->id = key_u64_at(key, 5);
        x->exact = row_kind(l->ready.value) != ROW_REF;
        if (x->exact || refs == REFS_AT_ONCE)
            return 0;
        l->looks++;
        x->id++;
        error = cursor_next(&l->ready);
    }
    x->over = true;
    return !error || error == MUSTER_ENOTFOUND ? 0 : store_failed(l->s, error);
}

static int seek_by_id(struct listing *l, struct cursor *c, struct stream *x)
{
    struct key k;
    int error = cursor_seek(c, key_u64(&k, x->id));
    if (!error && c->key.len != 8)
        return store_damaged(l->s, c->table, c->key);
    x->over = error == MUSTER_ENOTFOUND;
    x->exact = true;
    if (!error)
        x->id = key_u64_at(c->key, 0);
    return x->over ? 0 : error;
}

static int stream_seek(struct listing *l, struct stream *x)
{
    x->over = x->exact = false;
    switch (x->kind) {
    case STREAM_LANE:
        return seek_lane(l, x);
    case STREAM_JOBS:
        return seek_by_id(l, &l->jobs, x);
    case STREAM_PARKED:
        return seek_by_id(l, &l->parked, x);
    case STREAM_HISTORY:
        x->exact = true;
        x->over = !history_after(l->s, x->id - 1, &x->entry);
        x->id = x->over ? 0 : x->entry.id;
        return 0;
    }
    return 0;
}

static int add_stream(struct listing *l, struct stream x)
{
    if (l->stream_count == l->stream_cap)
        return store_misuse(l->s, "more streams than counted", l->stream_cap);
    x.id = l->op->list.after + 1;
    int error = stream_seek(l, &x);
    if (error || x.over)
        return error;
    struct stream *kept = &l->streams[l->stream_count++];
    *kept = x;
    return heap_push(&l->heap, &kept->node) == 0 ? 0 : store_nomem(l->s);
}

static int add_lanes(struct listing *l)
{
    int error = 0;
    size_t at = 0;
    for (struct lane *lane; !error && (lane = idmap_next(&l->s->lanes, &at, NULL)) != NULL;) {
        if (lane->dropped || !names_fit(l->op, lane->queue_name, lane->kind))
            continue;
        for (uint8_t p = 0; p < PRIORITY_COUNT && !error; p++)
            if (lane->priorities & 1u << p)
                error = add_stream(
                    l, (struct stream){.kind = STREAM_LANE, .lane = lane, .priority = p});
    }
    return error;
}

static int add_streams(struct listing *l)
{
    const struct op *op = l->op;
    int error = 0;
    size_t at = 0, lanes = 0;
    for (struct lane *lane; (lane = idmap_next(&l->s->lanes, &at, NULL)) != NULL;)
        lanes += (size_t)__builtin_popcount(lane->priorities);
    l->stream_cap = lanes + 3;
    l->streams = calloc(l->stream_cap, sizeof(*l->streams));
    if (!l->streams)
        return store_nomem(l->s);
    bool waiting = wants_state(op, JOB_READY) || wants_state(op, JOB_RUNNING);
    if (waiting)
        error = add_lanes(l);
    if (!error && (waiting || wants_state(op, JOB_SCHEDULED)))
        error = add_stream(l, (struct stream){.kind = STREAM_JOBS});
    else if (!error && wants_state(op, JOB_PARKED))
        error = add_stream(l, (struct stream){.kind = STREAM_PARKED});
    bool finished = wants_state(op, JOB_COMPLETED) || wants_state(op, JOB_CANCELLED) ||
                    wants_state(op, JOB_EXPIRED);
    if (!error && finished)
        error = add_stream(l, (struct stream){.kind = STREAM_HISTORY});
    return error;
}

/* ---- what a stream stands on ---- */

static int place_for_view(struct listing *l, struct job_view **ret)
{
    struct op *op = l->op;
    if (op->list.count == l->view_cap) {
        uint32_t cap = l->view_cap ? l->view_cap * 2 : 16;
        struct job_view *bigger = page_alloc(l->page, cap * sizeof(*bigger));
        if (!bigger)
            return store_nomem(l->s);
        if (op->list.count)
            memcpy(bigger, op->list.views, op->list.count * sizeof(*bigger));
        op->list.views = bigger;
        l->view_cap = cap;
    }
    *ret = &op->list.views[op->list.count];
    return 0;
}

static int list_history(struct listing *l, const struct stream *x)
{
    const struct op *op = l->op;
    struct job_view *view;
    uint8_t state;
    struct slice queue, kind;
    if (op->list.state >= 0 || op->list.queue.len || op->list.kind.len) {
        int error = history_peek(l->s, &x->entry, &state, &queue, &kind);
        if (error || !state_fits(op, state) || !names_fit(op, queue, kind))
            return error;
    }
    int error = place_for_view(l, &view);
    if (!error)
        error = history_view(l->s, &x->entry, l->page, view);
    l->op->list.count += !error;
    return error;
}

static int list_record(struct listing *l, const struct record *r)
{
    struct key k;
    struct lane *lane;
    struct job_view *view;
    int error = lane_of_record(l->s, r->head.lane, TABLE_JOB, key_u64(&k, r->head.id), &lane);
    if (error || !state_fits(l->op, r->head.state) ||
        !names_fit(l->op, lane->queue_name, lane->kind))
        return error;
    error = place_for_view(l, &view);
    if (!error)
        error = view_of_record(l->s, r, l->page, view);
    l->op->list.count += !error;
    return error;
}

static int list_lane(struct listing *l, const struct stream *x)
{
    struct key k;
    struct slice value;
    struct record r;
    bool ref;
    struct slice key = key_ready(&k, x->lane->number, x->priority, x->id);
    int error = engine_get(l->s->engine, TABLE_READY, key, &value);
    if (error)
        return store_failed(l->s, error);
    error = ready_decode(l->s, key, value, &r, &ref);
    return error ? error : list_record(l, &r);
}

static int list_one(struct listing *l, const struct stream *x)
{
    struct record r;
    if (x->kind == STREAM_HISTORY)
        return list_history(l, x);
    if (x->kind == STREAM_LANE)
        return list_lane(l, x);
    int error = job_get(l->s, x->id, &r);
    if (error == MUSTER_ENOTFOUND) {
        struct key k;
        return store_damaged(l->s, TABLE_JOB, key_u64(&k, x->id));
    }
    return error ? error : list_record(l, &r);
}

static bool enough(const struct listing *l)
{
    return l->op->list.count >= l->op->list.limit || l->looks >= LOOK_MAX ||
           page_used(l->page) >= VIEW_BYTES;
}

static int merge(struct listing *l)
{
    struct heap_node *top;
    int error = 0;
    while (!error && !enough(l) && (top = heap_top(&l->heap)) != NULL) {
        struct stream *x = stream_of(top);
        l->looks++;
        if (x->exact) {
            error = list_one(l, x);
            l->op->list.last = x->id++;
        }
        if (!error)
            error = stream_seek(l, x);
        if (x->over)
            heap_remove(&l->heap, top);
        else
            heap_update(&l->heap, top);
    }
    top = heap_top(&l->heap);
    l->op->list.more = top != NULL;
    if (top && !error && stream_of(top)->id > l->op->list.last + 1)
        l->op->list.last = stream_of(top)->id - 1;
    return error;
}

static int open_cursors(struct listing *l)
{
    struct engine *e = l->s->engine;
    int error = cursor_open(&l->ready, e, TABLE_READY);
    if (!error)
        error = cursor_open(&l->jobs, e, TABLE_JOB);
    if (!error)
        error = cursor_open(&l->parked, e, TABLE_PARKED);
    return error ? store_failed(l->s, error) : 0;
}

static int list(struct listing *l)
{
    l->op->list.views = NULL;
    l->op->list.count = 0;
    l->op->list.more = false;
    l->op->list.last = l->op->list.after;
    if (l->op->list.after == UINT64_MAX)
        return 0;
    int error = history_flush(l->s);
    if (!error)
        error = open_cursors(l);
    if (!error)
        error = add_streams(l);
    return error ? error : merge(l);
}

int op_list(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct listing l = {.s = s, .op = op, .page = page_new()};
    if (!l.page)
        return store_nomem(s);
    heap_init(&l.heap, earlier);
    int error = list(&l);
    cursor_close(&l.ready);
    cursor_close(&l.jobs);
    cursor_close(&l.parked);
    heap_fini(&l.heap);
    free(l.streams);
    if (error) {
        page_free(l.page);
        return store_failed(s, error);
    }
    op->list.page = page_blob(l.page);
    return 0;
}
