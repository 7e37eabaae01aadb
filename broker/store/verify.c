/* verify.c: reads every record of every table and checks that it can be what it should be. */
#include <stdio.h>

#include "store/inner.h"
#include "store/meta.h"

static bool content_good(enum table table, struct dec d)
{
    union {
        struct record job;
        struct attempt attempt;
        struct lane_record lane;
        struct queue_record queue;
        struct client_record client;
        struct key_record key;
        struct parked_record parked;
        struct done_row done;
        struct boot_worker worker;
        struct client_number number;
    } u;
    struct slice outcomes, ids;
    switch (table) {
    case TABLE_JOB:
        return job_decode(&d, &u.job);
    case TABLE_ATTEMPT:
        return attempt_decode(&d, &u.attempt);
    case TABLE_LANE:
        return lane_decode(&d, &u.lane);
    case TABLE_QUEUE:
        return queue_decode(&d, &u.queue);
    case TABLE_CLIENT:
        return client_decode(&d, &u.client);
    case TABLE_KEY:
        return key_decode(&d, &u.key);
    case TABLE_PARKED:
        return parked_decode(&d, &u.parked);
    case TABLE_DONE:
        return done_decode(&d, &u.done);
    case TABLE_WORKER:
        return worker_decode(&d, &u.worker);
    case TABLE_SUBMITTED:
        return submitted_decode(&d, &u.number, &outcomes, &ids);
    default:
        return true;
    }
}

static int check(struct store *s, const struct cursor *c)
{
    struct dec d;
    struct record r;
    bool ref;
    if (c->table == TABLE_READY)
        return ready_decode(s, c->key, c->value, &r, &ref);
    if (!frame_open(c->table, c->key, c->value, &d) || !content_good(c->table, d))
        return store_damaged(s, c->table, c->key);
    return 0;
}

static int verify_table(struct store *s, enum table table, uint64_t *records)
{
    struct cursor c;
    int error = cursor_open(&c, s->engine, table);
    if (!error)
        error = cursor_seek(&c, SLICE_EMPTY);
    while (!error) {
        error = check(s, &c);
        if (error)
            break;
        ++*records;
        error = cursor_next(&c);
    }
    cursor_close(&c);
    return error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

static int verify(struct store *s, void *records)
{
    int error = engine_begin(s->engine);
    if (error)
        return store_failed(s, error);
    for (int t = 0; t < TABLE_COUNT && !error; t++)
        error = verify_table(s, (enum table)t, records);
    engine_abort(s->engine);
    return error;
}

int store_verify(struct store *s, uint64_t *ret_records, char *why, size_t why_size)
{
    *ret_records = 0;
    s->why[0] = '\0';
    int error = store_guarded(s, verify, ret_records);
    if (error)
        snprintf(why, why_size, "%s", s->why[0] ? s->why : err_text(error));
    return error;
}
