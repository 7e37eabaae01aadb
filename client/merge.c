/* merge.c: arrays of msgpack values, put together without being understood, but for jobs' ids. */
#include "merge.h"

#include <stdlib.h>

#include "base/text.h"
#include "wire.h"

#define BODY_MAX_BYTES (1u << 30)

/* One reply's array, from its first entry that is not taken. */
struct source {
    struct wire_reader at;
    uint32_t left;
    uint64_t id; /* of the next entry, if it is a job */
};

/* The id in a job's map; 0 if there is none. */
static uint64_t id_of(struct wire_reader at)
{
    struct wire_token map, key, value;
    struct slice bytes;
    uint64_t id;
    if (wire_read(&at, &map) || map.kind != WIRE_MAP)
        return 0;
    for (uint32_t i = 0; i < map.count; i++) {
        if (wire_read(&at, &key) || wire_skip(&at, &bytes))
            return 0;
        struct wire_reader inner = {bytes};
        char text[JOB_ID_TEXT_BYTES];
        if (key.kind != WIRE_STR || !slice_is(key.bytes, "id") || wire_read(&inner, &value) ||
            value.kind != WIRE_STR || value.bytes.len >= sizeof text)
            continue;
        memcpy(text, value.bytes.data, value.bytes.len);
        text[value.bytes.len] = '\0';
        return job_id_parse(text, &id) ? 0 : id;
    }
    return 0;
}

static int open_source(struct source *s, const muster_reply_t *reply)
{
    struct wire_token array;
    s->at = (struct wire_reader){buf_slice(&reply->body)};
    if (wire_read(&s->at, &array) || array.kind != WIRE_ARRAY)
        return MUSTER_EPROTO;
    s->left = array.count;
    s->id = s->left ? id_of(s->at) : 0;
    return 0;
}

/* Moves the source's next entry to the end of `out`. */
static int take_entry(struct source *s, struct buf *out)
{
    struct slice entry;
    if (!s->left || wire_skip(&s->at, &entry))
        return MUSTER_EPROTO;
    wire_raw(out, entry);
    s->left--;
    s->id = s->left ? id_of(s->at) : 0;
    return out->error;
}

static struct source *open_all(muster_reply_t *const *replies, size_t count, int *ret_error)
{
    struct source *sources = calloc(count, sizeof *sources);
    *ret_error = sources ? 0 : MUSTER_ENOMEM;
    for (size_t i = 0; i < count && !*ret_error; i++)
        *ret_error = open_source(&sources[i], replies[i]);
    return sources;
}

/* A reply whose body is an array of these entries; frees the sources. */
static int give(struct source *sources, int error, uint32_t count, struct buf *entries,
                muster_reply_t **ret)
{
    muster_reply_t *r = error ? NULL : calloc(1, sizeof *r);
    free(sources);
    if (r) {
        buf_init(&r->body, BODY_MAX_BYTES);
        wire_array(&r->body, count);
        (void)buf_append(&r->body, entries->data, entries->len);
        error = entries->error ? entries->error : r->body.error;
    } else if (!error) {
        error = MUSTER_ENOMEM;
    }
    buf_fini(entries);
    if (error)
        muster_reply_destroy(&r);
    *ret = r;
    return error;
}

/* The source whose entry comes next; NULL when all are empty. */
static struct source *next_source(struct source *sources, size_t count, bool sorted)
{
    struct source *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!sources[i].left)
            continue;
        if (!best || (sorted && sources[i].id < best->id))
            best = &sources[i];
    }
    return best;
}

/* The least id after which some broker has more; UINT64_MAX: none has. */
static uint64_t least_after(muster_reply_t *const *replies, size_t count)
{
    uint64_t after = UINT64_MAX;
    for (size_t i = 0; i < count; i++)
        if (replies[i]->more && replies[i]->after < after)
            after = replies[i]->after;
    return after;
}

int merge_first(const struct merge *how, muster_reply_t *const *replies, size_t count,
                muster_reply_t **ret)
{
    (void)how;
    const muster_reply_t *first = replies[0];
    muster_reply_t *r = calloc(1, sizeof *r);
    if (!r)
        return MUSTER_ENOMEM;
    for (size_t i = count; i-- > 0;)
        if (!replies[i]->code[0])
            first = replies[i];
    buf_init(&r->body, BODY_MAX_BYTES);
    int error = buf_append(&r->body, first->body.data, first->body.len);
    if (error)
        muster_reply_destroy(&r);
    *ret = r;
    return error;
}

int merge_lists(const struct merge *how, muster_reply_t *const *replies, size_t count,
                muster_reply_t **ret)
{
    int error;
    struct source *sources = open_all(replies, count, &error);
    uint64_t after = least_after(replies, count), last = 0;
    uint32_t taken = 0;
    struct buf entries;
    bool cut = false;
    buf_init(&entries, BODY_MAX_BYTES);
    while (!error) {
        struct source *s = next_source(sources, count, how->sorted);
        /* Beyond where a cut answer ended, its broker has jobs that it has not told. */
        cut = s && how->sorted && (taken == how->limit || s->id > after);
        if (!s || cut)
            break;
        last = s->id;
        taken++;
        error = take_entry(s, &entries);
    }
    error = give(sources, error, taken, &entries, ret);
    if (error)
        return error;
    (*ret)->more = cut || after != UINT64_MAX;
    (*ret)->after = cut && taken == how->limit ? last : after != UINT64_MAX ? after : last;
    return 0;
}

int merge_by_ids(const struct merge *how, muster_reply_t *const *replies, size_t count,
                 muster_reply_t **ret)
{
    int error;
    struct source *sources = open_all(replies, count, &error);
    struct buf entries;
    buf_init(&entries, BODY_MAX_BYTES);
    for (size_t i = 0; !error && i < how->id_count; i++) {
        size_t at = 0;
        while (at < count && how->shards[at] != (how->ids[i] & 0xff))
            at++;
        error = at < count ? take_entry(&sources[at], &entries) : MUSTER_EPROTO;
    }
    return give(sources, error, (uint32_t)how->id_count, &entries, ret);
}
