/* ndjson.c: a table of the keys that a line may have, and how each becomes a field of the job. */
#include "cli/ndjson.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/backoff.h"
#include "base/nearest.h"
#include "json.h"
#include "wire.h"

struct parser {
    struct ndjson_line *line;
    const char *key; /* being read */
    char *why;
    size_t why_size;
};

void ndjson_init(struct ndjson_line *l, size_t max_bytes)
{
    *l = (struct ndjson_line){0};
    buf_init(&l->packed, max_bytes);
    buf_init(&l->meta, max_bytes);
}

void ndjson_fini(struct ndjson_line *l)
{
    buf_fini(&l->packed);
    buf_fini(&l->meta);
}

__attribute__((format(printf, 3, 4))) static int wrong(struct parser *p, int error,
                                                       const char *format, ...)
{
    int used = p->key ? snprintf(p->why, p->why_size, "%s: ", p->key) : 0;
    va_list args;
    va_start(args, format);
    if (used >= 0 && (size_t)used < p->why_size)
        (void)vsnprintf(p->why + used, p->why_size - (size_t)used, format, args);
    va_end(args);
    return error;
}

/* ---- values ---- */

static int text_value(struct parser *p, const struct wire_token *t, char *to, size_t size)
{
    if (t->kind != WIRE_STR)
        return wrong(p, MUSTER_EINVAL, "not a string");
    if (t->bytes.len >= size)
        return wrong(p, MUSTER_ETOOBIG, "longer than %zu bytes", size - 1);
    if (t->bytes.len && memchr(t->bytes.data, 0, t->bytes.len))
        return wrong(p, MUSTER_EINVAL, "has a NUL character");
    if (t->bytes.len)
        memcpy(to, t->bytes.data, t->bytes.len);
    to[t->bytes.len] = '\0';
    return 0;
}

static int name_value(struct parser *p, const struct wire_token *t, char *to)
{
    int error = text_value(p, t, to, NAME_MAX_BYTES + 1);
    if (!error && !name_valid(slice_str(to)))
        return wrong(p, MUSTER_EINVAL,
                     "\"%s\" is no name (A-Z a-z 0-9 . _ : / -, first a letter or digit)", to);
    return error;
}

static int number_value(struct parser *p, const struct wire_token *t, uint64_t min, uint64_t max,
                        uint64_t *ret)
{
    if (t->kind != WIRE_UINT || t->uint < min || t->uint > max)
        return wrong(p, MUSTER_EINVAL, "not a number from %" PRIu64 " to %" PRIu64, min, max);
    *ret = t->uint;
    return 0;
}

static int duration_value(struct parser *p, const struct wire_token *t, uint64_t max, uint64_t *ret)
{
    char text[64];
    uint64_t ms;
    int error = text_value(p, t, text, sizeof text);
    if (error)
        return error;
    if (duration_parse(text, &ms))
        return wrong(p, MUSTER_EINVAL, "\"%s\" is no duration such as \"10s\" or \"1h30m\"", text);
    if (ms > max)
        return wrong(p, MUSTER_EINVAL, "\"%s\" is too long", text);
    *ret = ms;
    return 0;
}

/* ---- keys ---- */

static int set_kind(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)value;
    p->line->job.kind = p->line->kind;
    return name_value(p, t, p->line->kind);
}

static int set_args(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)t;
    p->line->job.args = value.data;
    p->line->job.args_bytes = value.len;
    return 0;
}

static int set_queue(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)value;
    p->line->job.queue = p->line->queue;
    return name_value(p, t, p->line->queue);
}

static int set_priority(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)value;
    uint64_t number = 0;
    int error = number_value(p, t, 0, PRIORITY_COUNT - 1, &number);
    p->line->job.priority = (int)number;
    return error;
}

static int set_delay(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)value;
    return duration_value(p, t, DELAY_MAX_MS, &p->line->job.delay_ms);
}

static int set_at(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)value;
    char text[64];
    int error = text_value(p, t, text, sizeof text);
    if (!error && time_parse(text, &p->line->job.at_ms))
        return wrong(p, MUSTER_EINVAL, "\"%s\" is no time such as \"2030-01-31T09:00:00Z\"", text);
    return error;
}

static int set_max_attempts(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)value;
    uint64_t number = 0;
    int error = number_value(p, t, 1, MAX_ATTEMPTS_MAX, &number);
    p->line->job.max_attempts = (uint32_t)number;
    return error;
}

static int set_backoff(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)value;
    struct backoff parsed;
    int error = text_value(p, t, p->line->backoff, sizeof p->line->backoff);
    if (!error && backoff_parse(p->line->backoff, &parsed))
        return wrong(p, MUSTER_EINVAL, "\"%s\" is nothing such as \"exponential:2s:1h\"",
                     p->line->backoff);
    p->line->job.backoff = p->line->backoff;
    return error;
}

static int set_run_timeout(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)value;
    int error = duration_value(p, t, RUN_TIMEOUT_MAX_MS, &p->line->job.run_timeout_ms);
    if (!error && p->line->job.run_timeout_ms == 0)
        return wrong(p, MUSTER_EINVAL, "must be above 0");
    return error;
}

static int set_expires_in(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)value;
    int error = duration_value(p, t, DELAY_MAX_MS, &p->line->job.expires_in_ms);
    if (!error && p->line->job.expires_in_ms == 0)
        return wrong(p, MUSTER_EINVAL, "must be above 0");
    return error;
}

static int set_key(struct parser *p, const struct wire_token *t, struct slice value)
{
    (void)value;
    p->line->job.idempotency_key = p->line->key;
    return text_value(p, t, p->line->key, sizeof p->line->key);
}

/* A string's bytes, or any other JSON as its text. */
static int set_meta(struct parser *p, const struct wire_token *t, struct slice value)
{
    struct slice meta = t->kind == WIRE_STR ? t->bytes : SLICE_EMPTY;
    if (t->kind != WIRE_STR) {
        buf_reset(&p->line->meta);
        if (msgpack_to_json(value, &p->line->meta))
            return wrong(p, MUSTER_EINVAL, "cannot be written as JSON");
        meta = buf_slice(&p->line->meta);
    }
    if (meta.len > META_MAX_BYTES)
        return wrong(p, MUSTER_ETOOBIG, "longer than %d bytes", META_MAX_BYTES);
    p->line->job.meta = meta.data;
    p->line->job.meta_bytes = meta.len;
    return 0;
}

static const struct {
    const char *key;
    int (*set)(struct parser *p, const struct wire_token *t, struct slice value);
} keys[] = {
    {"kind", set_kind},
    {"args", set_args},
    {"queue", set_queue},
    {"priority", set_priority},
    {"delay", set_delay},
    {"at", set_at},
    {"max_attempts", set_max_attempts},
    {"backoff", set_backoff},
    {"run_timeout", set_run_timeout},
    {"expires_in", set_expires_in},
    {"idempotency_key", set_key},
    {"meta", set_meta},
};
#define KEY_COUNT (sizeof keys / sizeof keys[0])

static int unknown_key(struct parser *p, struct slice key)
{
    struct nearest best;
    nearest_init(&best, key);
    for (size_t i = 0; i < KEY_COUNT; i++)
        nearest_offer(&best, keys[i].key);
    const char *near = nearest_close(&best);
    p->key = NULL;
    return wrong(p, MUSTER_EINVAL, "unknown key \"%.*s\"%s%s%s", SLICE_FMT(key),
                 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int set_pair(struct parser *p, struct slice key, struct slice value)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (!slice_is(key, keys[i].key))
            continue;
        struct wire_reader r = {value};
        struct wire_token token;
        p->key = keys[i].key;
        if (wire_read(&r, &token))
            return wrong(p, MUSTER_EINVAL, "cannot be read");
        /* null says nothing, but as args it is a value */
        if (token.kind == WIRE_NIL && keys[i].set != set_args)
            return 0;
        return keys[i].set(p, &token, value);
    }
    return unknown_key(p, key);
}

int ndjson_parse(struct ndjson_line *l, const char *text, size_t len,
                 const struct muster_job *defaults, char *why, size_t why_size)
{
    struct parser p = {.line = l, .why = why, .why_size = why_size};
    l->job = *defaults;
    buf_reset(&l->packed);
    int error = json_to_msgpack(text, len, &l->packed, why, why_size);
    if (error) {
        /* The line's own number stands in front of it already. */
        static const char only_line[] = "line 1, ";
        if (strncmp(why, only_line, sizeof only_line - 1) == 0)
            memmove(why, why + sizeof only_line - 1, strlen(why) - sizeof only_line + 2);
        return error;
    }
    struct wire_reader r = {buf_slice(&l->packed)};
    struct wire_token map;
    if (wire_read(&r, &map) || map.kind != WIRE_MAP)
        return wrong(&p, MUSTER_EINVAL, "not a JSON object");
    for (uint32_t i = 0; i < map.count; i++) {
        struct wire_token key;
        struct slice value;
        if (wire_read(&r, &key) || key.kind != WIRE_STR || wire_skip(&r, &value))
            return wrong(&p, MUSTER_EINVAL, "not a JSON object");
        error = set_pair(&p, key.bytes, value);
        if (error)
            return error;
    }
    p.key = NULL;
    return l->job.kind
               ? 0
               : wrong(&p, MUSTER_EINVAL, "no \"kind\", neither here nor on the command line");
}
