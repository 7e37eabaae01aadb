/* verify.c: every record of every table. What can be counted is counted, and compared with the
 * counters at the end. */
#include "store/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/inner.h"
#include "store/meta.h"

#define PROGRESS_RECORDS 65536
#define SHOWN_KEY_BYTES  32
#define HOUR_MS          3600000u

void verify_problem(struct verify *v, enum table table, struct slice key, const char *format, ...)
{
    char hex[2 * SHOWN_KEY_BYTES + 1] = "", what[128], text[VERIFY_TEXT_BYTES];
    va_list args;
    for (size_t i = 0; i < key.len && i < SHOWN_KEY_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", key.data[i]);
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(text, sizeof(text), "table %s, key %s: %s", table_name(table), hex, what);
    if (v->problems++ == 0)
        memcpy(v->first, text, sizeof(text));
    if (v->on_problem)
        v->on_problem(v->user, text);
}

int verify_damaged(struct verify *v, enum table table, struct slice key)
{
    verify_problem(v, table, key, "the record is damaged");
    return 0;
}

/* ---- lanes and queues ---- */

static struct queue_tally *queue_tally(struct verify *v, struct slice name)
{
    struct queue_tally *q = strmap_get(&v->queues, name);
    if (q)
        return q;
    q = calloc(1, sizeof(*q) + name.len);
    if (!q)
        return NULL;
    q->name = slice_of((uint8_t *)(q + 1), name.len);
    if (name.len)
        memcpy(q + 1, name.data, name.len);
    if (strmap_put(&v->queues, q->name, q) == 0)
        return q;
    free(q);
    return NULL;
}

static int check_lane(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct lane_record r;
    uint32_t number = key.len == 4 ? key_u32_at(key, 0) : 0;
    if (number == 0 || number > LANE_NUMBER_MAX || !frame_open(TABLE_LANE, key, value, &d) ||
        !lane_decode(&d, &r))
        return verify_damaged(v, TABLE_LANE, key);
    struct lane_tally *lane = calloc(1, sizeof(*lane));
    struct queue_tally *queue = queue_tally(v, r.queue);
    if (!lane || !queue || idmap_put(&v->lanes, key_u32_at(key, 0), lane) != 0) {
        free(lane);
        return MUSTER_ENOMEM;
    }
    *lane = (struct lane_tally){
        .number = key_u32_at(key, 0), .priorities = r.priorities, .rows = r.rows, .queue = queue};
    return 0;
}

static int check_queue(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct queue_record r;
    if (!frame_open(TABLE_QUEUE, key, value, &d) || !queue_decode(&d, &r))
        return verify_damaged(v, TABLE_QUEUE, key);
    struct queue_tally *queue = queue_tally(v, key);
    if (!queue)
        return MUSTER_ENOMEM;
    queue->record = r;
    queue->has_row = true;
    return 0;
}

static void compare(struct verify *v, const struct queue_tally *q, const char *what, uint64_t said,
                    uint64_t counted)
{
    if (said != counted)
        verify_problem(v, TABLE_QUEUE, q->name, "%s is %llu, and there are %llu", what,
                       (unsigned long long)said, (unsigned long long)counted);
}

static void compare_counters(struct verify *v)
{
    struct key k;
    size_t at = 0;
    for (const struct queue_tally *q; (q = strmap_next(&v->queues, &at)) != NULL;) {
        const struct queue_counters *c = &q->record.counters;
        if (!q->has_row)
            verify_problem(v, TABLE_QUEUE, q->name, "a lane names this queue, and it has no row");
        compare(v, q, "ready", c->ready, q->ready);
        compare(v, q, "scheduled", c->scheduled, q->scheduled);
        compare(v, q, "parked", c->parked, q->parked);
        compare(v, q, "bytes of parked jobs", q->record.parked_bytes, q->parked_bytes);
    }
    at = 0;
    for (const struct lane_tally *l; (l = idmap_next(&v->lanes, &at, NULL)) != NULL;) {
        if (l->rows != l->rows_seen)
            verify_problem(v, TABLE_LANE, key_u32(&k, l->number),
                           "rows by id are %llu, and there are %llu", (unsigned long long)l->rows,
                           (unsigned long long)l->rows_seen);
        if (l->priorities_seen & ~l->priorities)
            verify_problem(v, TABLE_LANE, key_u32(&k, l->number),
                           "jobs have priorities that it does not name");
    }
    if (v->id_seen > v->id_high)
        verify_problem(v, TABLE_META, slice_str(META_ID_HIGH), "there are higher ids");
    if (v->schedule_seen > v->schedule_high)
        verify_problem(v, TABLE_META, slice_str(META_SCHEDULE_HIGH), "there are higher numbers");
}

/* ---- meta, marks, sessions, keys ---- */

static int check_meta(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    if (!frame_open(TABLE_META, key, value, &d))
        return verify_damaged(v, TABLE_META, key);
    if (slice_is(key, META_ID)) {
        struct slice id = dec_raw(&d, sizeof(v->store_id));
        if (id.len)
            memcpy(v->store_id, id.data, id.len);
    } else {
        uint64_t number = dec_u64(&d);
        if (slice_is(key, META_EPOCH))
            v->epoch = number;
        else if (slice_is(key, META_ID_HIGH))
            v->id_high = number;
        else if (slice_is(key, META_SCHEDULE_HIGH))
            v->schedule_high = number <= UINT32_MAX ? (uint32_t)number : 0;
    }
    return d.bad ? verify_damaged(v, TABLE_META, key) : 0;
}

static int check_mark(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    bool good =
        key.len == 5 && key.data[4] < PRIORITY_COUNT && frame_open(TABLE_MARK, key, value, &d);
    if (good)
        (void)dec_var(&d);
    return good && !d.bad ? 0 : verify_damaged(v, TABLE_MARK, key);
}

static int check_worker(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct boot_worker w;
    bool good = key.len == SESSION_ID_BYTES && frame_open(TABLE_WORKER, key, value, &d) &&
                worker_decode(&d, &w);
    return good ? 0 : verify_damaged(v, TABLE_WORKER, key);
}

static int check_client(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct key k;
    struct client_record r;
    struct slice use;
    if (key.len != SESSION_ID_BYTES || !frame_open(TABLE_CLIENT, key, value, &d) ||
        !client_decode(&d, &r))
        return verify_damaged(v, TABLE_CLIENT, key);
    int error =
        engine_get(v->engine, TABLE_CLIENT_USE, key_use(&k, r.used_ms / HOUR_MS, key.data), &use);
    if (error == MUSTER_ENOTFOUND)
        verify_problem(v, TABLE_CLIENT, key, "it is not in the list by last use");
    return error == MUSTER_ENOTFOUND ? 0 : error;
}

/* The client session that a key begins with. */
static int client_of(struct verify *v, struct slice key)
{
    struct dec d;
    struct slice session = slice_of(key.data, SESSION_ID_BYTES), value;
    if (v->client.known && memcmp(v->client.session, session.data, SESSION_ID_BYTES) == 0)
        return 0;
    int error = engine_get(v->engine, TABLE_CLIENT, session, &value);
    if (error && error != MUSTER_ENOTFOUND)
        return error;
    memcpy(v->client.session, session.data, SESSION_ID_BYTES);
    v->client.known = true;
    v->client.exists = !error && frame_open(TABLE_CLIENT, session, value, &d) &&
                       client_decode(&d, &v->client.record);
    return 0;
}

static int check_client_use(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    if (key.len != 8 + SESSION_ID_BYTES || !frame_open(TABLE_CLIENT_USE, key, value, &d))
        return verify_damaged(v, TABLE_CLIENT_USE, key);
    int error = client_of(v, slice_of(key.data + 8, SESSION_ID_BYTES));
    if (!error && (!v->client.exists || v->client.record.used_ms / HOUR_MS != key_u64_at(key, 0)))
        verify_problem(v, TABLE_CLIENT_USE, key, "no session was used last in that hour");
    return error;
}

static int check_submitted(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct client_number n;
    struct slice outcomes, ids;
    if (key.len != SESSION_ID_BYTES + 8 || !frame_open(TABLE_SUBMITTED, key, value, &d) ||
        !submitted_decode(&d, &n, &outcomes, &ids))
        return verify_damaged(v, TABLE_SUBMITTED, key);
    int error = client_of(v, key);
    if (!error && !v->client.exists)
        verify_problem(v, TABLE_SUBMITTED, key, "its client session is not there");
    return error;
}

static int check_done(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct done_row r;
    if (key.len != SESSION_ID_BYTES + 8 || !frame_open(TABLE_DONE, key, value, &d) ||
        !done_decode(&d, &r))
        return verify_damaged(v, TABLE_DONE, key);
    int error = client_of(v, key);
    if (error)
        return error;
    uint64_t number = key_u64_at(key, SESSION_ID_BYTES);
    if (!v->client.exists)
        verify_problem(v, TABLE_DONE, key, "its client session is not there");
    else if (number <= v->client.record.done_taken || number > v->client.record.done_last)
        verify_problem(v, TABLE_DONE, key, "its client session does not know this number");
    return 0;
}

static int check_key(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct key_record r;
    bool good = key.len && memchr(key.data, 0, key.len) && frame_open(TABLE_KEY, key, value, &d) &&
                key_decode(&d, &r);
    return good ? 0 : verify_damaged(v, TABLE_KEY, key);
}

/* ---- all tables ---- */

static int (*const checks[TABLE_COUNT])(struct verify *, struct slice key, struct slice value) = {
    [TABLE_META] = check_meta,
    [TABLE_LANE] = check_lane,
    [TABLE_QUEUE] = check_queue,
    [TABLE_MARK] = check_mark,
    [TABLE_WORKER] = check_worker,
    [TABLE_CLIENT] = check_client,
    [TABLE_CLIENT_USE] = check_client_use,
    [TABLE_SUBMITTED] = check_submitted,
    [TABLE_DONE] = check_done,
    [TABLE_KEY] = check_key,
    [TABLE_READY] = verify_ready,
    [TABLE_JOB] = verify_job,
    [TABLE_DUE] = verify_due,
    [TABLE_PARKED] = verify_parked,
    [TABLE_PARKED_AT] = verify_parked_at,
    [TABLE_ATTEMPT] = verify_attempt,
    [TABLE_HISTORY] = verify_history,
    [TABLE_SCHEDULE] = verify_schedule,
    [TABLE_SCHEDULE_STATE] = verify_schedule_state,
    [TABLE_SCHEDULE_GONE] = verify_schedule_gone,
    [TABLE_LEDGER] = verify_ledger,
};

static int check_table(struct verify *v, enum table table)
{
    struct cursor c;
    int error = cursor_open(&c, v->engine, table);
    if (!error)
        error = cursor_seek(&c, SLICE_EMPTY);
    while (!error) {
        error = checks[table](v, c.key, c.value);
        if (error)
            break;
        v->rows[table]++;
        if (++v->records % PROGRESS_RECORDS == 0 && v->on_progress)
            v->on_progress(v->user, v->records);
        error = cursor_next(&c);
    }
    cursor_close(&c);
    return error == MUSTER_ENOTFOUND ? 0 : error;
}

static void forget_tallies(struct verify *v)
{
    size_t at = 0;
    for (void *lane; (lane = idmap_next(&v->lanes, &at, NULL)) != NULL;)
        free(lane);
    at = 0;
    for (void *queue; (queue = strmap_next(&v->queues, &at)) != NULL;)
        free(queue);
    at = 0;
    for (void *schedule; (schedule = strmap_next(&v->schedules, &at)) != NULL;)
        free(schedule);
    idmap_fini(&v->lanes);
    strmap_fini(&v->queues);
    strmap_fini(&v->schedules);
}

int verify_records(struct verify *v)
{
    int error = 0;
    idmap_init(&v->lanes);
    strmap_init(&v->queues);
    strmap_init(&v->schedules);
    for (int t = 0; t < TABLE_COUNT && !error; t++)
        error = check_table(v, (enum table)t);
    if (!error)
        compare_counters(v);
    forget_tallies(v);
    return error;
}
