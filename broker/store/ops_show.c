/* ops_show.c: what people ask about: jobs by id, and the counters of queues. */
#include <stdlib.h>

#include "store/boot.h"
#include "store/view.h"

/* The newest attempt says why a job was parked, or is tried again. */
static void tell_last_attempt(struct job_view *v)
{
    if (!v->attempt_count)
        return;
    const struct attempt *last = &v->attempts[v->attempt_count - 1];
    v->code = last->code;
    v->message = last->message;
    if (v->head.state != JOB_PARKED)
        return;
    v->worker = last->worker;
    v->started_ms = last->started_ms;
    v->finished_ms = last->ended_ms;
}

int view_of_record(struct store *s, const struct record *r, struct page *page, struct job_view *ret)
{
    struct key k;
    struct lane *lane;
    int error = lane_of_record(s, r->head.lane, TABLE_JOB, key_u64(&k, r->head.id), &lane);
    if (error)
        return error;
    *ret = (struct job_view){.id = r->head.id, .head = r->head, .spec = r->spec};
    ret->args = page_copy(page, r->args);
    ret->queue = page_copy(page, lane->queue_name);
    ret->kind = page_copy(page, lane->kind);
    if (!page_spec(page, &ret->spec) || ret->args.len != r->args.len)
        return store_nomem(s);
    if (r->head.flags & JOB_HAS_ROW)
        error = attempts_read(s, r->head.id, page, &ret->attempts, &ret->attempt_count);
    if (!error)
        tell_last_attempt(ret);
    return error;
}

/* ---- jobs by id ---- */

struct wanted { /* an id, and where it stands in the question */
    uint64_t id;
    uint32_t at;
};

struct asking {
    struct store *s;
    struct page *page;
    struct job_view *views;
    struct wanted *wanted; /* each id once, by rising id */
    uint32_t count;
    struct cursor cursor;
};

/* By id: its row, or what history knows. What is not there may wait in a lane alone. */
static int find_kept(struct asking *a, uint64_t id, struct job_view *ret)
{
    struct record r;
    struct history_entry entry;
    int error = job_get(a->s, id, &r);
    if (!error)
        return view_of_record(a->s, &r, a->page, ret);
    if (error != MUSTER_ENOTFOUND)
        return error;
    if (history_find(a->s, id, &entry))
        return history_view(a->s, &entry, a->page, ret);
    *ret = (struct job_view){.id = id};
    ret->error = id <= a->s->id_high_new ? MUSTER_EGONE : MUSTER_ENOTFOUND;
    return MUSTER_ENOTFOUND;
}

/* The first from `from` on whose id is not below. */
static uint32_t wanted_from(const struct asking *a, uint32_t from, uint64_t id)
{
    uint32_t to = a->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (a->wanted[middle].id < id)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* A plain job's sequence number is its id: the next wanted id and the next row take turns, so that
 * a band costs no more steps than it has rows, or ids are wanted. */
static int probe_band(struct asking *a, const struct lane *lane, uint8_t priority)
{
    struct key k;
    struct record r;
    bool ref;
    struct cursor *c = &a->cursor;
    for (uint32_t at = 0; at < a->count;) {
        int error = cursor_seek(c, key_ready(&k, lane->number, priority, a->wanted[at].id));
        if (error)
            return error == MUSTER_ENOTFOUND ? 0 : store_failed(a->s, error);
        if (c->key.len != KEY_READY_BYTES || memcmp(c->key.data, k.bytes, 5) != 0)
            return 0;
        uint64_t seq = key_u64_at(c->key, 5);
        at = wanted_from(a, at, seq);
        if (at == a->count || a->wanted[at].id != seq)
            continue;
        error = ready_decode(a->s, c->key, c->value, &r, &ref);
        if (!error && !ref && r.head.id == seq)
            error = view_of_record(a->s, &r, a->page, &a->views[a->wanted[at].at]);
        if (error)
            return error;
        at++;
    }
    return 0;
}

static int probe_lanes(struct asking *a)
{
    size_t at = 0;
    int error = cursor_open(&a->cursor, a->s->engine, TABLE_READY);
    if (error)
        error = store_failed(a->s, error);
    for (const struct lane *lane; !error && (lane = idmap_next(&a->s->lanes, &at, NULL)) != NULL;)
        for (uint8_t p = 0; p < PRIORITY_COUNT && !error; p++)
            if (!lane->dropped && lane->priorities & 1u << p)
                error = probe_band(a, lane, p);
    cursor_close(&a->cursor);
    return error;
}

static int by_id(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int find_jobs(struct asking *a, const struct op *op)
{
    uint32_t count = op->jobs.count;
    struct wanted *all = page_alloc(a->page, ((size_t)count + 1) * sizeof(*all));
    a->wanted = page_alloc(a->page, ((size_t)count + 1) * sizeof(*a->wanted));
    if (!all || !a->wanted)
        return store_nomem(a->s);
    for (uint32_t i = 0; i < count; i++)
        all[i] = (struct wanted){op->jobs.ids[i], i};
    qsort(all, count, sizeof(*all), by_id);
    int error = 0;
    for (uint32_t i = 0; i < count && !error; i++) {
        if (i > 0 && all[i].id == all[i - 1].id)
            continue;
        error = find_kept(a, all[i].id, &a->views[all[i].at]);
        if (error == MUSTER_ENOTFOUND) {
            a->wanted[a->count++] = all[i];
            error = 0;
        }
    }
    if (!error && op->jobs.lane_probe && a->count > 0)
        error = probe_lanes(a);
    for (uint32_t i = 1; i < count && !error; i++) /* asked for twice: the same view */
        if (all[i].id == all[i - 1].id)
            a->views[all[i].at] = a->views[all[i - 1].at];
    return error;
}

int op_jobs(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct asking a = {.s = s, .page = page_new()};
    if (a.page)
        a.views = page_alloc(a.page, ((size_t)op->jobs.count + 1) * sizeof(*a.views));
    int error = a.views ? history_flush(s) : store_nomem(s);
    if (!error)
        error = find_jobs(&a, op);
    if (error) {
        page_free(a.page);
        return error;
    }
    op->jobs.views = a.views;
    op->jobs.page = page_blob(a.page);
    return 0;
}

int op_queues(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct page *page = page_new();
    int error = page ? queues_copy(s, page, &op->queues.infos, &op->queues.count) : store_nomem(s);
    if (error) {
        page_free(page);
        return error;
    }
    op->queues.page = page_blob(page);
    return 0;
}
