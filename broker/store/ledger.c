/* ledger.c: what became of the nominal times of schedules: (schedule, nominal time) -> a row.
 *
 * A ledger can have hundreds of thousands of rows. When its schedule is dropped they are swept a
 * slice a transaction; SCHEDULE_GONE names those with rows left, also for the next start. */
#include "store/inner.h"

#define TRIM_ROWS  4    /* of one verdict: it adds one */
#define SWEEP_ROWS 1000 /* of one transaction: a millisecond or two */

static bool of_schedule(const struct cursor *c, uint32_t schedule)
{
    return c->key.len == KEY_LEDGER_BYTES && key_u32_at(c->key, 0) == schedule;
}

static int decode(struct store *s, struct slice key, struct dec *d, struct ledger_row *ret)
{
    return ledger_decode(d, key_u64_at(key, 4), ret) ? 0 : store_damaged(s, TABLE_LEDGER, key);
}

static int read_at(struct store *s, const struct cursor *c, struct ledger_row *ret)
{
    struct dec d;
    if (!frame_open(TABLE_LEDGER, c->key, c->value, &d))
        return store_damaged(s, TABLE_LEDGER, c->key);
    return decode(s, c->key, &d, ret);
}

int ledger_get(struct store *s, uint32_t schedule, uint64_t nominal_ms, struct ledger_row *ret)
{
    struct key k;
    struct dec d;
    struct slice key = key_ledger(&k, schedule, nominal_ms);
    int error = row_get(s, TABLE_LEDGER, key, &d);
    return error ? error : decode(s, key, &d, ret);
}

int ledger_put(struct store *s, uint32_t schedule, const struct ledger_row *row)
{
    struct key k;
    struct enc e;
    int error = row_begin(s, LEDGER_BOUND, &e);
    if (error)
        return error;
    ledger_encode(&e, row);
    return row_put(s, &e, TABLE_LEDGER, key_ledger(&k, schedule, row->nominal_ms), PUT_SET);
}

/* Drops rows at the front that were judged before `keep_ms`, until `*left` is 0, or up to the one
 * that waits. MUSTER_ENOTFOUND: there are no more rows. */
static int drop_front(struct store *s, struct cursor *c, uint32_t schedule, uint64_t keep_ms,
                      uint64_t waiting_ms, uint32_t *left)
{
    for (; *left > 0; --*left) {
        struct key from, at = {0};
        struct ledger_row row;
        int error = cursor_seek(c, key_ledger(&from, schedule, 0));
        if (!error && !of_schedule(c, schedule))
            error = MUSTER_ENOTFOUND;
        if (!error && keep_ms != UINT64_MAX) {
            error = read_at(s, c, &row);
            if (!error && (row.judged_ms >= keep_ms || row.nominal_ms == waiting_ms))
                return 0;
        }
        if (error)
            return error;
        key_add_bytes(&at, c->key);
        error = row_del(s, TABLE_LEDGER, key_slice(&at));
        if (error)
            return error;
    }
    return 0;
}

int ledger_trim(struct store *s, uint32_t schedule, uint64_t keep_ms, uint64_t waiting_ms)
{
    struct cursor c;
    uint32_t left = TRIM_ROWS;
    if (keep_ms == 0)
        return 0;
    int error = cursor_open(&c, s->engine, TABLE_LEDGER);
    if (!error)
        error = drop_front(s, &c, schedule, keep_ms, waiting_ms, &left);
    cursor_close(&c);
    return !error || error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

/* A schedule that was dropped and has a ledger left. MUSTER_ENOTFOUND: there is none. */
static int first_gone(struct store *s, uint32_t *ret)
{
    struct cursor c;
    int error = cursor_open(&c, s->engine, TABLE_SCHEDULE_GONE);
    if (!error)
        error = cursor_seek(&c, SLICE_EMPTY);
    if (!error && c.key.len != 4)
        error = store_damaged(s, TABLE_SCHEDULE_GONE, c.key);
    *ret = error ? 0 : key_u32_at(c.key, 0);
    cursor_close(&c);
    return error && error != MUSTER_ENOTFOUND ? store_failed(s, error) : error;
}

static int sweep_all(struct store *s, struct cursor *c)
{
    struct key k;
    uint32_t left = SWEEP_ROWS;
    while (left > 0) {
        uint32_t schedule;
        int error = first_gone(s, &schedule);
        if (error)
            return error;
        error = drop_front(s, c, schedule, UINT64_MAX, 0, &left);
        if (error == MUSTER_ENOTFOUND) { /* its ledger is empty: the next one */
            error = row_drop(s, TABLE_SCHEDULE_GONE, key_u32(&k, schedule));
            left -= left > 0;
        }
        if (error)
            return error;
    }
    return 0;
}

int ledger_sweep(struct store *s)
{
    struct cursor c;
    uint32_t schedule;
    int error = first_gone(s, &schedule);
    if (error)
        return error == MUSTER_ENOTFOUND ? 0 : error;
    error = cursor_open(&c, s->engine, TABLE_LEDGER);
    if (!error)
        error = sweep_all(s, &c);
    cursor_close(&c);
    return !error || error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

static int read_back(struct store *s, struct op *op, struct cursor *c)
{
    struct key k;
    uint32_t limit = op->ledger.limit < LEDGER_PAGE ? op->ledger.limit : LEDGER_PAGE;
    uint64_t before_ms = op->ledger.before_ms;
    for (;;) {
        int error = cursor_before(c, key_ledger(&k, op->ledger.schedule, before_ms));
        if (error == MUSTER_ENOTFOUND || (!error && !of_schedule(c, op->ledger.schedule)))
            return 0;
        if (error)
            return store_failed(s, error);
        before_ms = key_u64_at(c->key, 4);
        if (before_ms < op->ledger.from_ms)
            return 0;
        op->ledger.more = op->ledger.count == limit;
        if (op->ledger.more)
            return 0;
        error = read_at(s, c, &op->ledger.rows[op->ledger.count]);
        if (error)
            return error;
        op->ledger.count++;
    }
}

/* Of a schedule that was dropped nothing is told, although rows may be left. */
static int read_ledger(struct store *s, struct op *op, struct page *page)
{
    struct cursor c;
    struct schedule_state state;
    uint32_t limit = op->ledger.limit < LEDGER_PAGE ? op->ledger.limit : LEDGER_PAGE;
    op->ledger.count = 0;
    op->ledger.more = false;
    op->ledger.rows = page_alloc(page, (limit + 1) * sizeof(*op->ledger.rows));
    if (!op->ledger.rows)
        return store_nomem(s);
    int error = schedule_state_get(s, op->ledger.schedule, &state);
    if (error)
        return error == MUSTER_ENOTFOUND ? 0 : error;
    error = cursor_open(&c, s->engine, TABLE_LEDGER);
    error = error ? store_failed(s, error) : read_back(s, op, &c);
    cursor_close(&c);
    return error;
}

int op_ledger(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct page *page = page_new();
    int error = page ? read_ledger(s, op, page) : store_nomem(s);
    if (error) {
        page_free(page);
        return error;
    }
    op->ledger.page = page_blob(page);
    return 0;
}
