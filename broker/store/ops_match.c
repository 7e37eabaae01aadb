/* ops_match.c: the jobs that wait, by filter, in the order in which they lie in the tables: first
 * the plain ones of each lane, then those with a row by id.
 *
 * In this order nothing is missed, however long the walk takes: a plain job may get a row by id
 * meanwhile, and is then found by the second half; a row by id stays one until its job ends. */
#include "store/inner.h"

#define LOOK_MAX 20000 /* rows and lanes that one call looks at */

struct matching {
    struct store *s;
    struct op *op;
    struct page *page;
    struct cursor cursor;
    uint32_t looks;
    bool full; /* the call has done its share */
};

static bool enough(struct matching *m)
{
    m->full = m->op->match.count >= m->op->match.limit || m->looks >= LOOK_MAX;
    return m->full;
}

static bool fits(const struct matching *m, const struct lane *lane)
{
    const struct op *op = m->op;
    return (!op->match.queue.len || slice_eq(op->match.queue, lane->queue_name)) &&
           (!op->match.kind.len || slice_eq(op->match.kind, lane->kind));
}

static int add(struct matching *m, const struct record *r)
{
    struct op *op = m->op;
    if (!op->match.records)
        op->match.records = page_alloc(m->page, op->match.limit * sizeof(*r));
    if (!op->match.records)
        return store_nomem(m->s);
    struct record *to = &op->match.records[op->match.count++];
    *to = *r;
    to->args = SLICE_EMPTY;
    return page_spec(m->page, &to->spec) ? 0 : store_nomem(m->s);
}

/* The plain jobs of one lane and priority. Rows come by sequence number, which is a plain job's id.
 */
static int match_band(struct matching *m, struct match_at *at)
{
    struct key k;
    struct record r;
    bool ref;
    struct cursor *c = &m->cursor;
    if (at->seq >= m->op->match.upto)
        return 0;
    int error = cursor_seek(c, key_ready(&k, at->lane, at->priority, at->seq + 1));
    while (!error && c->key.len == KEY_READY_BYTES && memcmp(c->key.data, k.bytes, 5) == 0) {
        if (key_u64_at(c->key, 5) > m->op->match.upto || enough(m))
            return 0;
        m->looks++;
        at->seq = key_u64_at(c->key, 5);
        if (row_kind(c->value) != ROW_REF) {
            error = ready_decode(m->s, c->key, c->value, &r, &ref);
            if (!error)
                error = add(m, &r);
            if (error)
                return error;
        }
        error = cursor_next(c);
    }
    return !error || error == MUSTER_ENOTFOUND ? 0 : store_failed(m->s, error);
}

static uint32_t last_lane(const struct store *s)
{
    uint32_t last = 0;
    size_t at = 0;
    for (struct lane *lane; (lane = idmap_next(&s->lanes, &at, NULL)) != NULL;)
        last = lane->number > last ? lane->number : last;
    return last;
}

static int match_lanes(struct matching *m)
{
    struct match_at *at = &m->op->match.at;
    uint32_t last = last_lane(m->s);
    for (; at->lane <= last; at->lane++, at->priority = 0, at->seq = 0) {
        const struct lane *lane = lane_row_find(m->s, at->lane);
        m->looks++;
        if (enough(m))
            return 0;
        if (!lane || !fits(m, lane))
            continue;
        for (; at->priority < PRIORITY_COUNT; at->priority++, at->seq = 0) {
            int error = lane->priorities & 1u << at->priority ? match_band(m, at) : 0;
            if (error || m->full)
                return error;
        }
    }
    *at = (struct match_at){.by_id = true};
    return 0;
}

static int match_row(struct matching *m)
{
    struct dec d;
    struct record r;
    struct lane *lane;
    struct slice key = m->cursor.key;
    if (!frame_open(TABLE_JOB, key, m->cursor.value, &d) || !job_decode(&d, &r))
        return store_damaged(m->s, TABLE_JOB, key);
    int error = lane_of_record(m->s, r.head.lane, TABLE_JOB, key, &lane);
    bool wanted = r.head.state == JOB_SCHEDULED || r.head.state == JOB_READY;
    return error || !wanted || !fits(m, lane) ? error : add(m, &r);
}

static int match_by_id(struct matching *m)
{
    struct key k;
    struct match_at *at = &m->op->match.at;
    struct cursor *c = &m->cursor;
    if (at->seq >= m->op->match.upto)
        return 0;
    int error = cursor_seek(c, key_u64(&k, at->seq + 1));
    while (!error) {
        if (c->key.len != 8)
            return store_damaged(m->s, TABLE_JOB, c->key);
        if (key_u64_at(c->key, 0) > m->op->match.upto || enough(m))
            return 0;
        m->looks++;
        at->seq = key_u64_at(c->key, 0);
        error = match_row(m);
        if (error)
            return error;
        error = cursor_next(c);
    }
    return error == MUSTER_ENOTFOUND ? 0 : store_failed(m->s, error);
}

/* One of the two halves, with its cursor. */
static int walk(struct matching *m, enum table table, int (*half)(struct matching *))
{
    int error = cursor_open(&m->cursor, m->s->engine, table);
    error = error ? store_failed(m->s, error) : half(m);
    cursor_close(&m->cursor);
    return error;
}

int op_match(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct matching m = {.s = s, .op = op, .page = page_new()};
    if (!m.page)
        return store_nomem(s);
    op->match.records = NULL;
    op->match.count = 0;
    op->match.at = op->match.from;
    int error = op->match.from.by_id ? 0 : walk(&m, TABLE_READY, match_lanes);
    /* A call has jobs of one half: by id, each costs more to end. */
    bool turned = op->match.at.by_id && !op->match.from.by_id && op->match.count > 0;
    if (!error && op->match.at.by_id && !turned)
        error = walk(&m, TABLE_JOB, match_by_id);
    op->match.more = m.full || turned;
    if (error) {
        page_free(m.page);
        return error;
    }
    op->match.page = page_blob(m.page);
    return 0;
}
