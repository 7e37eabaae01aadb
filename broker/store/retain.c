/* retain.c: what is let go: history, parked jobs beyond their age and space, keys whose job has
 * ended, client sessions not used for long, ledgers of dropped schedules. Each transaction lets go
 * of a bounded number, which grows with what it adds, so that nothing piles up and no commit takes
 * long. */
#include "store/inner.h"

#define PARKED_SLICE  64
#define PARKED_YOUNG  (7ull * 86400000) /* younger ones are never trimmed for want of space */
#define KEYS_SLICE    16
#define CLIENTS_SLICE 16
#define CLIENTS_MAX   1000000
#define HOUR_MS       3600000ull

static uint64_t ago(const struct store *s, uint64_t ms)
{
    return s->now_ms > ms ? s->now_ms - ms : 0;
}

static int trim_job(struct store *s, uint64_t at_ms, uint64_t id)
{
    struct key k;
    struct record r;
    struct lane *lane;
    int error = job_get(s, id, &r);
    if (error == MUSTER_ENOTFOUND)
        return row_drop(s, TABLE_PARKED_AT, key_pair(&k, at_ms, id));
    if (error)
        return error;
    struct job_head head = r.head;
    error = lane_of_record(s, head.lane, TABLE_JOB, key_u64(&k, id), &lane);
    if (!error)
        error = place_leave(s, lane, &head);
    if (!error)
        error = row_drop(s, TABLE_PARKED_AT, key_pair(&k, at_ms, id));
    if (!error)
        error = attempts_drop(s, id);
    if (!error)
        error = row_drop(s, TABLE_JOB, key_u64(&k, id));
    if (!error)
        error = lane_touch(s, lane);
    if (error)
        return error;
    lane->rows -= lane->rows > 0;
    lane->queue->record.counters.trimmed++;
    s->trimmed_parked++;
    return 0;
}

/* The one parked longest. MUSTER_ENOTFOUND when there is none. */
static int oldest_parked(struct store *s, uint64_t *ret_at_ms, uint64_t *ret_id)
{
    struct cursor c;
    int error = cursor_open(&c, s->engine, TABLE_PARKED_AT);
    if (!error)
        error = cursor_seek(&c, SLICE_EMPTY);
    if (!error && c.key.len != 16)
        error = store_damaged(s, TABLE_PARKED_AT, c.key);
    if (!error) {
        *ret_at_ms = key_u64_at(c.key, 0);
        *ret_id = key_u64_at(c.key, 8);
    }
    cursor_close(&c);
    return error && error != MUSTER_ENOTFOUND ? store_failed(s, error) : error;
}

static int trim_parked(struct store *s)
{
    s->parked_full = false;
    for (int n = 0; n < PARKED_SLICE; n++) {
        uint64_t at_ms = 0, id = 0;
        int error = oldest_parked(s, &at_ms, &id);
        if (error)
            return error == MUSTER_ENOTFOUND ? 0 : error;
        bool over = s->parked_bytes > s->options.parked_bytes;
        bool young = at_ms >= ago(s, PARKED_YOUNG);
        s->parked_full = over && young;
        if (at_ms >= ago(s, s->options.parked_age_ms) && (!over || young))
            return 0;
        error = trim_job(s, at_ms, id);
        if (error)
            return error;
    }
    return 0;
}

/* Looks at the key that the cursor stands on. *ret_gone: it can go. */
static int key_is_over(struct store *s, struct cursor *c, bool *ret_gone)
{
    struct dec d;
    struct key k;
    struct key_record r;
    struct slice job;
    *ret_gone = false;
    if (!frame_open(TABLE_KEY, c->key, c->value, &d) || !key_decode(&d, &r))
        return store_damaged(s, TABLE_KEY, c->key);
    if (r.created_ms >= ago(s, s->options.key_age_ms))
        return 0;
    int error = engine_get(s->engine, TABLE_JOB, key_u64(&k, r.id), &job);
    *ret_gone = error == MUSTER_ENOTFOUND;
    return *ret_gone ? 0 : error;
}

static void copy_key(struct key *to, struct slice from)
{
    to->len = 0;
    key_add_bytes(to, from);
}

/* Goes through the keys in their order, a few each time, round and round. */
static int sweep_keys(struct store *s)
{
    uint32_t slice = KEYS_SLICE + 2 * s->keys_added;
    struct cursor c;
    struct key gone;
    int error = cursor_open(&c, s->engine, TABLE_KEY);
    if (!error)
        error = cursor_seek(&c, key_slice(&s->key_cursor));
    for (uint32_t n = 0; n < slice && !error; n++) {
        bool over;
        copy_key(&s->key_cursor, c.key);
        error = key_is_over(s, &c, &over);
        if (!error && over) {
            copy_key(&gone, c.key);
            error = row_drop(s, TABLE_KEY, key_slice(&gone));
            if (!error)
                error = cursor_seek(&c, key_slice(&gone));
        } else if (!error) {
            error = cursor_next(&c);
        }
    }
    cursor_close(&c);
    if (error == MUSTER_ENOTFOUND)
        s->key_cursor.len = 0; /* the end: from the front next time */
    return !error || error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

static int sweep_clients(struct store *s)
{
    for (int n = 0; n < CLIENTS_SLICE; n++) {
        struct cursor c;
        uint8_t session[SESSION_ID_BYTES];
        int error = cursor_open(&c, s->engine, TABLE_CLIENT_USE);
        if (!error)
            error = cursor_seek(&c, SLICE_EMPTY);
        if (!error && c.key.len != 8 + SESSION_ID_BYTES)
            error = store_damaged(s, TABLE_CLIENT_USE, c.key);
        uint64_t hour = error ? 0 : key_u64_at(c.key, 0);
        if (!error)
            memcpy(session, c.key.data + 8, sizeof(session));
        cursor_close(&c);
        if (error)
            return error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
        bool old = hour < UINT64_MAX / HOUR_MS - 1 &&
                   (hour + 1) * HOUR_MS <= ago(s, s->options.key_age_ms);
        if (!old && s->client_count <= CLIENTS_MAX)
            return 0;
        error = client_drop(s, session);
        struct key k;
        if (!error)
            error = row_drop(s, TABLE_CLIENT_USE, key_use(&k, hour, session));
        if (error)
            return error;
    }
    return 0;
}

int retain(struct store *s)
{
    int error = history_trim(s);
    if (!error)
        error = trim_parked(s);
    if (!error)
        error = sweep_keys(s);
    if (!error)
        error = sweep_clients(s);
    if (!error)
        error = ledger_sweep(s);
    return error;
}
