/* entry_view.c: how each kind of field is told. */
#include "scheduler/entry_view.h"

#include "base/backoff.h"
#include "base/text.h"
#include "scheduler/entry.h"
#include "wire.h"

#define META_BUF (META_MAX_BYTES + 16)

/* ---- kinds ---- */

/* A member of the schedule, and the row of its field. */
struct viewed {
    const struct msg_schedule *schedule;
    const struct entry_row *row;
};

typedef json_t *view_fn(const struct viewed *v);

static uint64_t number_of(const struct viewed *v)
{
    return *(const uint64_t *)((const char *)v->schedule + v->row->offset);
}

static struct slice text_of(const struct viewed *v)
{
    return *(const struct slice *)((const char *)v->schedule + v->row->offset);
}

static json_t *base64(struct slice bytes)
{
    struct buf packed;
    buf_init(&packed, META_BUF);
    wire_bin(&packed, bytes);
    json_t *text = packed.error ? NULL : msgpack_to_jansson(buf_slice(&packed));
    buf_fini(&packed);
    return text;
}

static json_t *view_text(const struct viewed *v)
{
    struct slice text = text_of(v);
    if (text.len == 0)
        return json_null();
    json_t *string = json_stringn((const char *)text.data, text.len);
    return string ? string : base64(text);
}

/* Where nothing is no value, 0 is: not said. */
static json_t *view_duration(const struct viewed *v)
{
    uint64_t ms = number_of(v) * (v->row->kind == ENTRY_KIND_EVERY ? 1000 : 1);
    char text[DURATION_TEXT_BYTES];
    if (ms == 0)
        return v->row->least ? json_null() : json_string("0s");
    duration_format(ms, text);
    return json_string(text);
}

static json_t *view_number(const struct viewed *v)
{
    return json_integer((json_int_t)number_of(v));
}

static json_t *view_switch(const struct viewed *v)
{
    return json_boolean(number_of(v) != 0);
}

static json_t *view_backoff(const struct viewed *v)
{
    const struct msg_schedule *s = v->schedule;
    char base[DURATION_TEXT_BYTES], cap[DURATION_TEXT_BYTES];
    duration_format(s->backoff_base_ms, base);
    duration_format(s->backoff_cap_ms, cap);
    return json_sprintf("%s:%s:%s", backoff_kind_name((uint8_t)s->backoff_kind), base, cap);
}

static json_t *view_overlap(const struct viewed *v)
{
    return json_string(overlap_name((enum overlap)number_of(v)));
}

static json_t *view_catch_up(const struct viewed *v)
{
    return json_string(catch_up_name((enum catch_up)number_of(v)));
}

static json_t *view_time(const struct viewed *v)
{
    char text[TIME_TEXT_BYTES];
    uint64_t ms = number_of(v);
    if (!(v->schedule->has & v->row->bit))
        return json_null();
    time_format(ms, text);
    return ms % 1000 ? json_string(text) : json_sprintf("%.19sZ", text);
}

static json_t *view_args(const struct viewed *v)
{
    struct slice args = text_of(v);
    return args.len ? msgpack_to_jansson(args) : json_null();
}

static view_fn *const views[] = {
    [ENTRY_KIND_CRON] = view_text,         [ENTRY_KIND_EVERY] = view_duration,
    [ENTRY_KIND_ZONE] = view_text,         [ENTRY_KIND_NAME] = view_text,
    [ENTRY_KIND_ARGS] = view_args,         [ENTRY_KIND_NUMBER] = view_number,
    [ENTRY_KIND_DURATION] = view_duration, [ENTRY_KIND_BACKOFF] = view_backoff,
    [ENTRY_KIND_OVERLAP] = view_overlap,   [ENTRY_KIND_CATCH_UP] = view_catch_up,
    [ENTRY_KIND_TIME] = view_time,         [ENTRY_KIND_SWITCH] = view_switch,
    [ENTRY_KIND_TEXT] = view_text,
};

/* ---- the whole ---- */

/* What the broker takes where nothing is said. */
static struct msg_schedule with_defaults(const struct msg_schedule *schedule)
{
    struct msg_schedule s = *schedule;
    const struct backoff backoff = BACKOFF_DEFAULT;
#define ABSENT(member, value)                                                                      \
    if (!(s.has & MSG_BIT(schedule, member)))                                                      \
    s.member = (value)
    ABSENT(timezone, slice_str("UTC"));
    ABSENT(priority, PRIORITY_DEFAULT);
    ABSENT(max_attempts, MAX_ATTEMPTS_DEFAULT);
    ABSENT(backoff_base_ms, backoff.base_ms);
    ABSENT(backoff_cap_ms, backoff.cap_ms);
    ABSENT(run_timeout_ms, RUN_TIMEOUT_DEFAULT_MS);
    ABSENT(catch_up_window_ms, CATCH_UP_WINDOW_DEFAULT_MS);
#undef ABSENT
    return s;
}

json_t *entry_view(const struct msg_schedule *schedule)
{
    struct msg_schedule s = with_defaults(schedule);
    json_t *object = json_pack("{s:s%}", "name", (const char *)s.name.data, s.name.len);
    for (unsigned i = 0; object && i < ENTRY_FIELDS; i++) {
        const struct viewed v = {&s, &entry_rows[i]};
        if (json_object_set_new(object, v.row->key, views[v.row->kind](&v))) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}
