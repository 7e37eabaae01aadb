/* ops_client.c: what a client session may ask for: what became of its SUBMITs, and its ends. */
#include "store/inner.h"

#define SESSION_KEY_BYTES (SESSION_ID_BYTES + 8)
#define USE_AGAIN_MS      3600000 /* asking counts as use, but is no reason to write each time */

int op_client_drop(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    return client_drop(s, op->client.session);
}

int op_done_taken(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct client *c;
    int error = client_row_find(s, op->done.session, &c);
    if (error || !c->exists)
        return error;
    error = numbers_drop(s, TABLE_DONE, op->done.session, op->done.number);
    if (op->done.number > c->record.done_taken)
        c->record.done_taken = op->done.number;
    return error ? error : client_row_touch(s, c);
}

static bool of_session(const struct cursor *c, const uint8_t *session)
{
    return c->key.len == SESSION_KEY_BYTES && key_starts(c->key, session, SESSION_ID_BYTES);
}

static int copy_number(struct store *s, struct batch *b, const struct cursor *c,
                       struct client_number *to)
{
    struct dec d;
    struct slice outcomes, ids;
    if (!frame_open(TABLE_SUBMITTED, c->key, c->value, &d) ||
        !submitted_decode(&d, to, &outcomes, &ids))
        return store_damaged(s, TABLE_SUBMITTED, c->key);
    to->number = key_u64_at(c->key, SESSION_ID_BYTES);
    if (!outcomes.len)
        return 0;
    to->outcomes = batch_alloc(b, to->count);
    to->ids = batch_alloc(b, (size_t)to->count * sizeof(uint64_t));
    if (!to->outcomes || !to->ids)
        return store_nomem(s);
    memcpy(to->outcomes, outcomes.data, to->count);
    for (uint32_t i = 0; i < to->count; i++)
        to->ids[i] = slice_u64_at(ids, i);
    return 0;
}

static int read_numbers(struct store *s, struct batch *b, struct op *op, struct cursor *c)
{
    struct key k;
    uint32_t cap = 0, count = 0;
    struct client_number *all = NULL;
    int error = cursor_seek(c, key_numbered(&k, op->client.session, 0));
    while (!error && of_session(c, op->client.session)) {
        if (count == cap) {
            cap = cap ? cap * 2 : 16;
            struct client_number *bigger = batch_alloc(b, cap * sizeof(*bigger));
            if (!bigger)
                return store_nomem(s);
            if (count)
                memcpy(bigger, all, count * sizeof(*all));
            all = bigger;
        }
        error = copy_number(s, b, c, &all[count++]);
        if (!error)
            error = cursor_next(c);
    }
    op->client.numbers = all;
    op->client.number_count = count;
    return !error || error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

static int copy_done(struct store *s, struct page *page, const struct cursor *c,
                     struct done_row *to)
{
    struct dec d;
    if (!frame_open(TABLE_DONE, c->key, c->value, &d) || !done_decode(&d, to))
        return store_damaged(s, TABLE_DONE, c->key);
    to->number = key_u64_at(c->key, SESSION_ID_BYTES);
    to->result = page_copy(page, to->result);
    to->code = page_copy(page, to->code);
    to->message = page_copy(page, to->message);
    return 0;
}

/* The first end of a session with a number above `after`, copied into `page`. MUSTER_ENOTFOUND. */
static int next_done(struct store *s, const uint8_t *session, uint64_t after, struct page *page,
                     struct done_row *ret)
{
    struct cursor c;
    struct key k;
    int error = cursor_open(&c, s->engine, TABLE_DONE);
    if (!error)
        error = cursor_seek(&c, key_numbered(&k, session, after + 1));
    if (!error && !of_session(&c, session))
        error = MUSTER_ENOTFOUND;
    if (!error)
        error = copy_done(s, page, &c, ret);
    cursor_close(&c);
    return error && error != MUSTER_ENOTFOUND ? store_failed(s, error) : error;
}

/* The end `row` gets the number `to`, which is free. */
static int move_done(struct store *s, const uint8_t *session, const struct done_row *row,
                     uint64_t to)
{
    struct key k;
    struct enc e;
    int error = row_del(s, TABLE_DONE, key_numbered(&k, session, row->number));
    if (!error)
        error = row_begin(s, done_bound(row), &e);
    if (error)
        return error;
    done_encode(&e, row);
    return row_put(s, &e, TABLE_DONE, key_numbered(&k, session, to), PUT_NEW);
}

/* Renumbers the ends that wait, so that they follow the last that the session has taken. */
static int move_dones(struct store *s, struct client *c)
{
    uint64_t last = c->record.done_taken;
    for (int error = 0;;) {
        struct done_row row;
        struct page *page = page_new();
        if (!page)
            return store_nomem(s);
        error = next_done(s, c->session, last, page, &row);
        if (!error && row.number != last + 1)
            error = move_done(s, c->session, &row, last + 1);
        page_free(page);
        if (error == MUSTER_ENOTFOUND)
            break;
        if (error)
            return error;
        last++;
    }
    c->record.done_last = last;
    return client_row_touch(s, c);
}

/* A session that has taken more ends than are known of was forgotten meanwhile, or this is a
 * restored backup of what it knows: its numbers go on from where it stands. What it has taken of
 * before the backup it does not get again; what has ended since it does. */
static int align_done(struct store *s, struct client *c, uint64_t taken)
{
    bool loose = c->record.done_last >= DONE_LOOSE;
    if (taken >= DONE_LOOSE || (!loose && taken <= c->record.done_last))
        return 0;
    int error = numbers_drop(s, TABLE_DONE, c->session, taken);
    if (c->record.done_taken < taken)
        c->record.done_taken = taken;
    return error ? error : move_dones(s, c);
}

int op_client(struct store *s, struct batch *b, struct op *op)
{
    struct client *client;
    struct cursor c;
    op->client.confirmed = op->client.done_taken = op->client.done_last = 0;
    op->client.numbers = NULL;
    op->client.number_count = 0;
    int error = client_row_find(s, op->client.session, &client);
    if (!error && (client->exists || op->client.done_confirmed))
        error = align_done(s, client, op->client.done_confirmed);
    if (error || !client->exists)
        return error;
    op->client.confirmed = client->record.confirmed;
    op->client.done_taken = client->record.done_taken;
    op->client.done_last = client->record.done_last;
    if (s->now_ms > client->record.used_ms + USE_AGAIN_MS)
        error = client_row_touch(s, client);
    if (!error)
        error = cursor_open(&c, s->engine, TABLE_SUBMITTED);
    if (!error)
        error = read_numbers(s, b, op, &c);
    cursor_close(&c);
    return error ? store_failed(s, error) : 0;
}

static int read_done(struct store *s, struct op *op, struct page *page, struct cursor *c)
{
    struct key k;
    uint32_t limit = op->done.limit < BATCH_JOBS_MAX ? op->done.limit : BATCH_JOBS_MAX;
    struct done_row *rows = page_alloc(page, (limit + 1) * sizeof(*rows));
    op->done.rows = rows;
    op->done.count = 0;
    if (!rows)
        return store_nomem(s);
    if (op->done.number == UINT64_MAX)
        return 0;
    int error = cursor_seek(c, key_numbered(&k, op->done.session, op->done.number + 1));
    while (!error && op->done.count < limit && of_session(c, op->done.session)) {
        error = copy_done(s, page, c, &rows[op->done.count]);
        if (!error) {
            op->done.count++;
            error = cursor_next(c);
        }
    }
    return !error || error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

int op_done(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct cursor c;
    struct page *page = page_new();
    if (!page)
        return store_nomem(s);
    int error = cursor_open(&c, s->engine, TABLE_DONE);
    if (!error)
        error = read_done(s, op, page, &c);
    cursor_close(&c);
    if (error) {
        page_free(page);
        return store_failed(s, error);
    }
    op->done.page = page_blob(page);
    return 0;
}
