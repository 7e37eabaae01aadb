/* job_entry.c: reading single fields of job maps, straight from the msgpack. */
#include "cli/job_entry.h"

#include "base/err.h"
#include "client_core.h"
#include "wire.h"

struct job_entries job_entries_of(const muster_reply_t *reply)
{
    size_t bytes;
    const void *body = muster_reply_body(reply, &bytes);
    struct wire_reader r = {slice_of(body, bytes)};
    struct wire_token array;
    if (wire_read(&r, &array) || array.kind != WIRE_ARRAY)
        return (struct job_entries){SLICE_EMPTY, 0};
    return (struct job_entries){r.left, array.count};
}

bool job_entries_next(struct job_entries *entries, struct slice *ret_entry)
{
    struct wire_reader r = {entries->left};
    if (entries->count == 0 || wire_skip(&r, ret_entry))
        return false;
    entries->left = r.left;
    entries->count--;
    return true;
}

struct slice job_entry_first(const muster_reply_t *reply)
{
    struct job_entries entries = job_entries_of(reply);
    struct slice entry;
    return job_entries_next(&entries, &entry) ? entry : SLICE_EMPTY;
}

/* The value of a key, as bytes; empty if the map has none. */
static struct slice map_value(struct slice map, const char *name)
{
    struct wire_reader r = {map};
    struct wire_token token;
    if (wire_read(&r, &token) || token.kind != WIRE_MAP)
        return SLICE_EMPTY;
    for (uint32_t pairs = token.count; pairs > 0; pairs--) {
        struct slice value;
        if (wire_read(&r, &token) || token.kind != WIRE_STR || wire_skip(&r, &value))
            return SLICE_EMPTY;
        if (slice_is(token.bytes, name))
            return value;
    }
    return SLICE_EMPTY;
}

struct slice job_entry_text(struct slice entry, const char *name)
{
    struct wire_reader r = {map_value(entry, name)};
    struct wire_token token;
    return wire_read(&r, &token) || token.kind != WIRE_STR ? SLICE_EMPTY : token.bytes;
}

bool job_entry_check(struct slice entry, const muster_reply_t *reply, int *ret_error)
{
    if (job_entry_text(entry, "state").len)
        return true;
    struct slice code = job_entry_text(map_value(entry, "error"), "code");
    if (code.len == 0)
        code = slice_str(muster_reply_code(reply));
    *ret_error = code.len ? client_error_of(code) : MUSTER_ENOTFOUND;
    return false;
}

enum job_state job_entry_state(struct slice entry)
{
    enum job_state state;
    return job_state_parse(job_entry_text(entry, "state"), &state) ? JOB_STATE_COUNT : state;
}
