/* ops_page.c: what the core keeps a window of: the rows of a lane in order, and what is due next.
 */
#include "store/inner.h"

#define ROWS_FIRST 64

/* Records that grow in number; their array is moved into the page at the end. */
struct rows {
    struct record *items;
    uint32_t count, cap;
    size_t bytes;
};

static int rows_add(struct store *s, struct rows *rows, struct page *page, const struct record *r,
                    bool args)
{
    if (rows->count == rows->cap) {
        uint32_t cap = rows->cap ? rows->cap * 2 : ROWS_FIRST;
        struct record *bigger = page_alloc(page, cap * sizeof(*bigger));
        if (!bigger)
            return store_nomem(s);
        if (rows->count)
            memcpy(bigger, rows->items, rows->count * sizeof(*bigger));
        rows->items = bigger;
        rows->cap = cap;
    }
    struct record *to = &rows->items[rows->count];
    *to = *r;
    to->args = args ? page_copy(page, r->args) : SLICE_EMPTY;
    if (!page_spec(page, &to->spec) || (args && to->args.len != r->args.len))
        return store_nomem(s);
    rows->count++;
    rows->bytes += to->args.len + to->spec.meta.len + to->spec.schedule.len;
    return 0;
}

/* The record of the row on which the cursor stands; a reference is followed. */
static int read_row(struct store *s, const struct cursor *c, struct record *ret)
{
    bool ref;
    int error = ready_decode(s, c->key, c->value, ret, &ref);
    if (error || !ref)
        return error;
    error = job_get(s, ret->head.id, ret);
    return error == MUSTER_ENOTFOUND ? store_damaged(s, TABLE_READY, c->key) : error;
}

static bool in_lane(const struct cursor *c, const struct key *prefix)
{
    return c->key.len == KEY_READY_BYTES && memcmp(c->key.data, prefix->bytes, 5) == 0;
}

static int read_lane(struct store *s, struct op *op, struct cursor *c, struct page *page,
                     struct rows *rows)
{
    struct key k;
    struct record r;
    op->page.last = op->page.after;
    op->page.end = true;
    if (op->page.after == UINT64_MAX)
        return 0;
    int error = cursor_seek(c, key_ready(&k, op->page.lane, op->page.priority, op->page.after + 1));
    while (!error && in_lane(c, &k)) {
        uint64_t seq = key_u64_at(c->key, 5);
        bool full = rows->count >= op->page.max_rows ||
                    (op->page.max_bytes && rows->bytes >= op->page.max_bytes);
        if (rows->count && full) {
            op->page.end = false;
            return 0;
        }
        error = read_row(s, c, &r);
        if (!error)
            error = rows_add(s, rows, page, &r, true);
        if (error)
            return error;
        op->page.last = seq;
        error = cursor_next(c);
    }
    return error == MUSTER_ENOTFOUND || !error ? 0 : store_failed(s, error);
}

static int read_due(struct store *s, struct op *op, struct cursor *c, struct page *page,
                    struct rows *rows)
{
    struct key k;
    struct record r;
    uint64_t after = op->due.after_id;
    op->due.end = true;
    int error = cursor_seek(c, key_pair(&k, op->due.after_ms, after));
    if (!error && slice_eq(c->key, key_slice(&k)))
        error = cursor_next(c);
    while (!error) {
        if (rows->count >= op->due.max_rows) {
            op->due.end = false;
            return 0;
        }
        if (c->key.len != 16)
            return store_damaged(s, TABLE_DUE, c->key);
        error = job_get(s, key_u64_at(c->key, 8), &r);
        if (error)
            return error == MUSTER_ENOTFOUND ? store_damaged(s, TABLE_DUE, c->key) : error;
        error = rows_add(s, rows, page, &r, false);
        if (!error)
            error = cursor_next(c);
    }
    return error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

typedef int read_rows(struct store *s, struct op *op, struct cursor *c, struct page *page,
                      struct rows *rows);

/* Has `read` fill the rows from a cursor over the table; *ret_page holds what they point to. */
static int read_table(struct store *s, struct op *op, enum table table, read_rows *read,
                      struct rows *rows, struct blob **ret_page)
{
    struct cursor c;
    struct page *page = page_new();
    if (!page)
        return store_nomem(s);
    int error = cursor_open(&c, s->engine, table);
    if (!error)
        error = read(s, op, &c, page, rows);
    cursor_close(&c);
    if (error) {
        page_free(page);
        return store_failed(s, error);
    }
    *ret_page = page_blob(page);
    return 0;
}

int op_page(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct rows rows = {0};
    int error = read_table(s, op, TABLE_READY, read_lane, &rows, &op->page.page);
    if (error)
        return error;
    op->page.records = rows.items;
    op->page.count = rows.count;
    return 0;
}

int op_due(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct rows rows = {0};
    int error = read_table(s, op, TABLE_DUE, read_due, &rows, &op->due.page);
    if (error)
        return error;
    op->due.records = rows.items;
    op->due.count = rows.count;
    return 0;
}

/* The first rows of one lane and priority, behind those that are there already. */
static int read_oldest(struct store *s, struct cursor *c, struct oldest_lane *lane,
                       uint8_t priority)
{
    struct key k;
    struct record r;
    if (lane->after[priority] == UINT64_MAX)
        return 0;
    int error = cursor_seek(c, key_ready(&k, lane->lane, priority, lane->after[priority] + 1));
    for (uint32_t i = 0; !error && in_lane(c, &k) && i < lane->max_rows; i++) {
        error = read_row(s, c, &r);
        if (error)
            return error;
        lane->rows[lane->row_count++] =
            (struct oldest_row){.id = r.head.id, .due_ms = r.head.due_ms};
        error = cursor_next(c);
    }
    return error == MUSTER_ENOTFOUND || !error ? 0 : store_failed(s, error);
}

int op_oldest(struct store *s, struct batch *b, struct op *op)
{
    struct cursor c;
    int error = cursor_open(&c, s->engine, TABLE_READY);
    for (uint32_t i = 0; i < op->oldest.count && !error; i++) {
        struct oldest_lane *to = &op->oldest.lanes[i];
        const struct lane *lane = lane_row_find(s, to->lane);
        unsigned used = lane ? lane->priorities : 0;
        size_t most = (size_t)__builtin_popcount(used) * to->max_rows;
        to->row_count = 0;
        if (most == 0)
            continue;
        to->rows = batch_alloc(b, most * sizeof *to->rows);
        error = to->rows ? 0 : store_nomem(s);
        for (uint8_t p = 0; p < PRIORITY_COUNT && !error; p++)
            if (used & 1u << p)
                error = read_oldest(s, &c, to, p);
    }
    cursor_close(&c);
    return error ? store_failed(s, error) : 0;
}
