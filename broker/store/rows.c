/* rows.c: records through the engine, and the reasons of errors. */
#include <stdio.h>

#include "store/inner.h"

/* The first reason stands: what fails after it follows from it. */
static void reason(struct store *s, const char *text)
{
    if (!s->why[0])
        snprintf(s->why, sizeof(s->why), "%s", text);
}

int store_damaged(struct store *s, enum table table, struct slice key)
{
    char text[STORE_WHY_BYTES], hex[65];
    size_t shown = key.len < 32 ? key.len : 32;
    hex[0] = '\0';
    for (size_t i = 0; i < shown; i++)
        snprintf(hex + 2 * i, 3, "%02x", key.data[i]);
    snprintf(text, sizeof(text),
             "table %s, key %s: the record is damaged; restore the directory from a copy",
             table_name(table), hex);
    reason(s, text);
    return MUSTER_EDAMAGED;
}

int store_nomem(struct store *s)
{
    reason(s, "out of memory");
    return MUSTER_ENOMEM;
}

int store_misuse(struct store *s, const char *what, uint64_t number)
{
    char text[STORE_WHY_BYTES];
    snprintf(text, sizeof(text), "%s (%llu)", what, (unsigned long long)number);
    reason(s, text);
    return MUSTER_EINVAL;
}

int store_failed(struct store *s, int error)
{
    reason(s, s->engine->error[0] ? s->engine->error : err_text(error));
    return error;
}

int row_begin(struct store *s, size_t bound, struct enc *ret)
{
    int error = frame_begin(&s->scratch, bound, ret);
    return error ? store_nomem(s) : 0;
}

static int put(struct store *s, enum table table, struct slice key, enum put_mode mode)
{
    s->wrote = true;
    int error = engine_put(s->engine, table, key, buf_slice(&s->scratch), mode);
    if (error == MUSTER_EINVAL)
        return store_misuse(s, "a row is there already",
                            key.len >= 8 ? key_u64_at(key, key.len - 8) : 0);
    return error ? store_failed(s, error) : 0;
}

int row_put(struct store *s, const struct enc *e, enum table table, struct slice key,
            enum put_mode mode)
{
    frame_end(&s->scratch, e, table, key);
    return put(s, table, key, mode);
}

int row_put_empty(struct store *s, enum table table, struct slice key)
{
    struct enc e;
    int error = row_begin(s, 0, &e);
    return error ? error : row_put(s, &e, table, key, PUT_SET);
}

int row_get(struct store *s, enum table table, struct slice key, struct dec *ret)
{
    struct slice value;
    int error = engine_get(s->engine, table, key, &value);
    if (error)
        return error == MUSTER_ENOTFOUND ? error : store_failed(s, error);
    return frame_open(table, key, value, ret) ? 0 : store_damaged(s, table, key);
}

int row_del(struct store *s, enum table table, struct slice key)
{
    int error = engine_del(s->engine, table, key);
    if (error == MUSTER_ENOTFOUND)
        return error;
    s->wrote = true;
    return error ? store_failed(s, error) : 0;
}

int row_drop(struct store *s, enum table table, struct slice key)
{
    int error = row_del(s, table, key);
    return error == MUSTER_ENOTFOUND ? 0 : error;
}

int job_get(struct store *s, uint64_t id, struct record *ret)
{
    struct key k;
    struct dec d;
    struct slice key = key_u64(&k, id);
    int error = row_get(s, TABLE_JOB, key, &d);
    if (error)
        return error;
    return job_decode(&d, ret) && ret->head.id == id ? 0 : store_damaged(s, TABLE_JOB, key);
}

/* A whole job, under whatever key its table has for it. */
static int put_whole(struct store *s, enum table table, struct slice key, enum put_mode mode,
                     const struct job_head *head, const struct job_spec *spec, struct slice args)
{
    struct enc e;
    int error = row_begin(s, job_bound(spec) + args.len, &e);
    if (error)
        return error;
    job_encode(&e, head, spec);
    enc_raw(&e, args);
    return row_put(s, &e, table, key, mode);
}

int job_put(struct store *s, const struct job_head *head, const struct job_spec *spec,
            struct slice args)
{
    struct key k;
    return put_whole(s, TABLE_JOB, key_u64(&k, head->id), PUT_SET, head, spec, args);
}

int ready_put_inline(struct store *s, const struct job_head *head, const struct job_spec *spec,
                     struct slice args)
{
    struct key k;
    return put_whole(s, TABLE_READY, key_ready(&k, head->lane, head->priority, head->seq), PUT_NEW,
                     head, spec, args);
}

int ready_decode(struct store *s, struct slice key, struct slice value, struct record *ret,
                 bool *ret_ref)
{
    struct dec d;
    if (key.len != KEY_READY_BYTES || !frame_open(TABLE_READY, key, value, &d))
        return store_damaged(s, TABLE_READY, key);
    *ret_ref = row_kind(value) == ROW_REF;
    if (*ret_ref) {
        dec_u8(&d);
        ret->head.id = dec_u64(&d);
        return d.bad ? store_damaged(s, TABLE_READY, key) : 0;
    }
    bool good = job_decode(&d, ret) && ret->head.lane == key_u32_at(key, 0) &&
                ret->head.priority == key.data[4] && ret->head.seq == key_u64_at(key, 5);
    return good ? 0 : store_damaged(s, TABLE_READY, key);
}
