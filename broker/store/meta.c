/* meta.c: table meta. */
#include "store/meta.h"

#include <stdio.h>
#include <sys/random.h>

int meta_get_number(struct store *s, const char *name, uint64_t *ret)
{
    struct dec d;
    struct slice key = slice_str(name);
    *ret = 0;
    int error = row_get(s, TABLE_META, key, &d);
    if (error)
        return error == MUSTER_ENOTFOUND ? 0 : error;
    *ret = dec_u64(&d);
    return d.bad ? store_damaged(s, TABLE_META, key) : 0;
}

int meta_put_number(struct store *s, const char *name, uint64_t value)
{
    struct enc e;
    int error = row_begin(s, 8, &e);
    if (error)
        return error;
    enc_u64(&e, value);
    return row_put(s, &e, TABLE_META, slice_str(name), PUT_SET);
}

static int make(struct store *s)
{
    struct enc e;
    if (getrandom(s->store_id, sizeof(s->store_id), 0) != (ssize_t)sizeof(s->store_id)) {
        snprintf(s->why, sizeof(s->why), "no random numbers are to be had");
        return MUSTER_EIO;
    }
    int error = row_begin(s, sizeof(s->store_id), &e);
    if (error)
        return error;
    enc_raw(&e, slice_of(s->store_id, sizeof(s->store_id)));
    error = row_put(s, &e, TABLE_META, slice_str(META_ID), PUT_SET);
    return error ? error : meta_put_number(s, META_FORMAT, STORE_FORMAT);
}

int meta_check(struct store *s)
{
    uint64_t format;
    struct dec d;
    int error = meta_get_number(s, META_FORMAT, &format);
    if (error)
        return error;
    if (format > STORE_FORMAT) {
        snprintf(s->why, sizeof(s->why),
                 "it was written by a newer version (format %llu, this program knows %d): use that "
                 "version",
                 (unsigned long long)format, STORE_FORMAT);
        return MUSTER_ENEWER;
    }
    if (format == 0)
        return make(s);
    struct slice key = slice_str(META_ID);
    error = row_get(s, TABLE_META, key, &d);
    if (error && error != MUSTER_ENOTFOUND)
        return error;
    struct slice id = error ? SLICE_EMPTY : dec_raw(&d, sizeof(s->store_id));
    if (!id.len)
        return store_damaged(s, TABLE_META, key);
    memcpy(s->store_id, id.data, id.len);
    return format < STORE_FORMAT ? meta_put_number(s, META_FORMAT, STORE_FORMAT) : 0;
}
