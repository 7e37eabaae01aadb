/* clients.c: client sessions: a row each, the outcomes of SUBMITs that are not confirmed yet, and
 * the ends that are not taken yet. A session that a transaction touches is kept in memory until its
 * end and written once. */
#include <stdlib.h>

#include "store/inner.h"

#define HOUR_MS 3600000u

static struct slice session_slice(const uint8_t *session)
{
    return slice_of(session, SESSION_ID_BYTES);
}

static int load(struct store *s, struct client *c)
{
    struct key k;
    struct dec d;
    struct slice key = key_session(&k, c->session);
    int error = row_get(s, TABLE_CLIENT, key, &d);
    if (error)
        return error == MUSTER_ENOTFOUND ? 0 : error;
    if (!client_decode(&d, &c->record))
        return store_damaged(s, TABLE_CLIENT, key);
    c->exists = true;
    c->stored_hour = c->record.used_ms / HOUR_MS;
    return 0;
}

int client_row_find(struct store *s, const uint8_t *session, struct client **ret)
{
    *ret = strmap_get(&s->clients, session_slice(session));
    if (*ret)
        return 0;
    struct client *c = calloc(1, sizeof(*c));
    if (!c)
        return store_nomem(s);
    memcpy(c->session, session, SESSION_ID_BYTES);
    int error = load(s, c);
    if (!error && strmap_put(&s->clients, session_slice(c->session), c) != 0)
        error = store_nomem(s);
    if (error) {
        free(c);
        return error;
    }
    *ret = c;
    return 0;
}

/* The list of sessions by hour of last use is what makes forgetting the oldest cheap; within an
 * hour it does not change. */
static int move_hour(struct store *s, struct client *c)
{
    struct key k;
    uint64_t hour = s->now_ms / HOUR_MS;
    if (c->exists && hour == c->stored_hour)
        return 0;
    int error =
        c->exists ? row_drop(s, TABLE_CLIENT_USE, key_use(&k, c->stored_hour, c->session)) : 0;
    if (!error)
        error = row_put_empty(s, TABLE_CLIENT_USE, key_use(&k, hour, c->session));
    c->stored_hour = hour;
    return error;
}

int client_row_touch(struct store *s, struct client *c)
{
    int error = move_hour(s, c);
    if (error)
        return error;
    if (!c->exists)
        s->client_count++;
    c->exists = c->dirty = true;
    c->record.used_ms = s->now_ms;
    return 0;
}

int client_end(struct store *s, const uint8_t *session, const struct done_row *end,
               uint64_t *ret_number)
{
    struct client *c;
    struct enc e;
    struct key k;
    *ret_number = 0;
    int error = client_row_find(s, session, &c);
    if (error || !c->exists)
        return error;
    error = row_begin(s, done_bound(end), &e);
    if (error)
        return error;
    done_encode(&e, end);
    *ret_number = ++c->record.done_last;
    error = row_put(s, &e, TABLE_DONE, key_numbered(&k, session, *ret_number), PUT_NEW);
    return error ? error : client_row_touch(s, c);
}

int numbers_drop(struct store *s, enum table table, const uint8_t *session, uint64_t last)
{
    for (;;) {
        struct cursor c;
        struct key k;
        struct slice from = key_numbered(&k, session, 0);
        int error = cursor_open(&c, s->engine, table);
        if (!error)
            error = cursor_seek(&c, from);
        bool found = !error && c.key.len == SESSION_ID_BYTES + 8 &&
                     key_starts(c.key, session, SESSION_ID_BYTES) &&
                     key_u64_at(c.key, SESSION_ID_BYTES) <= last;
        uint64_t number = found ? key_u64_at(c.key, SESSION_ID_BYTES) : 0;
        cursor_close(&c);
        if (error && error != MUSTER_ENOTFOUND)
            return store_failed(s, error);
        if (!found)
            return 0;
        error = row_del(s, table, key_numbered(&k, session, number));
        if (error)
            return error;
    }
}

int client_drop(struct store *s, const uint8_t *session)
{
    struct client *c;
    struct key k;
    int error = client_row_find(s, session, &c);
    if (error || !c->exists)
        return error;
    error = numbers_drop(s, TABLE_SUBMITTED, session, UINT64_MAX);
    if (!error)
        error = numbers_drop(s, TABLE_DONE, session, UINT64_MAX);
    if (!error)
        error = row_drop(s, TABLE_CLIENT_USE, key_use(&k, c->stored_hour, session));
    if (!error)
        error = row_drop(s, TABLE_CLIENT, key_session(&k, session));
    c->exists = c->dirty = false;
    c->record = (struct client_record){0};
    s->client_count -= s->client_count > 0;
    return error;
}

static int flush_one(struct store *s, struct client *c)
{
    struct enc e;
    struct key k;
    c->dirty = false;
    int error = row_begin(s, CLIENT_BOUND, &e);
    if (error)
        return error;
    client_encode(&e, &c->record);
    return row_put(s, &e, TABLE_CLIENT, key_session(&k, c->session), PUT_SET);
}

int clients_flush(struct store *s)
{
    size_t at = 0;
    int error = 0;
    for (struct client *c; !error && (c = strmap_next(&s->clients, &at)) != NULL;)
        if (c->dirty)
            error = flush_one(s, c);
    return error;
}

void clients_forget(struct store *s)
{
    if (!s->clients.count)
        return;
    size_t at = 0;
    for (struct client *c; (c = strmap_next(&s->clients, &at)) != NULL;)
        free(c);
    strmap_fini(&s->clients);
    strmap_init(&s->clients);
}
