/* serve_line.c: jobs and answers as JSON in lines. */
#include "serve_line.h"

#include <stdio.h>

#include "base/text.h"
#include "clean.h"
#include "job.h"
#include "json.h"
#include "run.h"
#include "utf8.h"
#include "wire.h"

/* JSON of a value may be six times as long as its msgpack: control characters as \u0000, false. */
#define JSON_PER_BYTE 6u
#define LINE_MARGIN   65536u
#define QUOTE_BYTES   40 /* of a key that is complained about */

/* ---- a job ---- */

/* What the submitter sent along: a string, or base64 when it is no text. */
static int put_meta(struct slice meta, struct buf *out)
{
    struct buf value;
    int err;

    if (!meta.len)
        return 0;
    buf_init(&value, META_MAX_BYTES + 8);
    if (utf8_is_text(meta))
        wire_str(&value, meta);
    else
        wire_bin(&value, meta);
    (void)buf_append(out, ",\"meta\":", 8);
    err = value.error ? value.error : msgpack_to_json(buf_slice(&value), out);
    buf_fini(&value);
    return err;
}

/* Only of runs of schedules; a name has no character that JSON would escape. */
static int put_schedule(const muster_run_t *run, struct buf *out)
{
    char time[TIME_TEXT_BYTES];
    size_t len;
    const char *name = muster_run_schedule(run, &len);

    if (!len)
        return 0;
    return buf_printf(out, ",\"schedule\":\"%.*s\",\"nominal_time\":\"%s\"", (int)len, name,
                      run_nominal_time(run, time));
}

int serve_line_job(muster_run_t *run, struct buf *out)
{
    char id[MUSTER_RUN_ID_BYTES], token[MUSTER_RUN_TOKEN_BYTES];
    size_t kind_len, queue_len, args_len, meta_len;
    /* names have no character that JSON would escape */
    const char *kind = muster_run_kind(run, &kind_len);
    const char *queue = muster_run_queue(run, &queue_len);
    const void *args = muster_run_args(run, &args_len);
    const void *meta = muster_run_meta(run, &meta_len);
    int err;

    (void)buf_printf(out,
                     "{\"id\":\"%s\",\"kind\":\"%.*s\",\"queue\":\"%.*s\",\"attempt\":%u,"
                     "\"token\":\"%s\",\"run_timeout_ms\":%llu,\"args\":",
                     muster_run_id(run, id), (int)kind_len, kind, (int)queue_len, queue,
                     muster_run_attempt(run), muster_run_token(run, token),
                     (unsigned long long)muster_run_timeout_ms(run));
    err = msgpack_to_json(slice_of(args, args_len), out);
    if (!err)
        err = put_meta(slice_of(meta, meta_len), out);
    if (!err)
        err = put_schedule(run, out);
    return err ? err : buf_append(out, "}\n", 2); /* also says what failed before */
}

/* ---- an answer ---- */

/* What is said about an answer that is none. */
struct complaint {
    char *text;
    size_t size;
};

static int complain(const struct complaint *c, const char *what)
{
    snprintf(c->text, c->size, "%s", what);
    return MUSTER_EINVAL;
}

static int complain_of(const struct complaint *c, const char *what, struct slice word)
{
    char quoted[QUOTE_BYTES + 1];

    clean_line(word, quoted, sizeof quoted);
    snprintf(c->text, c->size, "%s \"%s\"", what, quoted);
    return MUSTER_EINVAL;
}

/* The text of a token as a string for functions that want one; false when it is no string or does
 * not fit. */
static bool text_of(const struct wire_token *t, char *out, size_t out_size)
{
    if (t->kind != WIRE_STR || t->bytes.len >= out_size)
        return false;
    if (t->bytes.len)
        memcpy(out, t->bytes.data, t->bytes.len);
    out[t->bytes.len] = 0;
    return strlen(out) == t->bytes.len;
}

static bool delay_of(const struct wire_token *t, uint64_t *ret_ms)
{
    char text[DURATION_TEXT_BYTES];

    return text_of(t, text, sizeof text) && duration_parse(text, ret_ms) == 0;
}

static int read_ok(struct wire_reader *r, struct serve_answer *a, const struct complaint *c)
{
    return wire_skip(r, &a->result) ? complain(c, "no value") : 0;
}

/* One pair of {"code", "message", "retry_after"}. */
static int read_fault_pair(struct wire_reader *r, struct serve_answer *a, const struct complaint *c)
{
    struct wire_token key, value;

    if (wire_read(r, &key) || wire_read(r, &value))
        return complain(c, "no value");
    if (slice_is(key.bytes, "code")) {
        if (value.kind != WIRE_STR || !value.bytes.len)
            return complain(c, "\"code\" is a string that is not empty");
        clean_line(value.bytes, a->code, sizeof a->code);
        return 0;
    }
    if (slice_is(key.bytes, "message")) {
        if (value.kind != WIRE_STR)
            return complain(c, "\"message\" is a string");
        clean_line(value.bytes, a->message, sizeof a->message);
        return 0;
    }
    if (a->verdict == SERVE_ERROR && slice_is(key.bytes, "retry_after"))
        return delay_of(&value, &a->delay_ms) ? 0
                                              : complain(c, "\"retry_after\" is a duration such "
                                                            "as \"90s\"");
    return complain_of(c,
                       a->verdict == SERVE_ERROR ? "\"error\" has an unknown key"
                                                 : "\"park\" has an unknown key",
                       key.bytes);
}

static int read_fault(struct wire_reader *r, struct serve_answer *a, const struct complaint *c)
{
    struct wire_token map;
    int err;

    if (wire_read(r, &map) || map.kind != WIRE_MAP)
        return complain(c, "\"error\" and \"park\" are objects with \"code\" and \"message\"");
    for (uint32_t i = 0; i < map.count; i++)
        if ((err = read_fault_pair(r, a, c)))
            return err;
    return *a->code ? 0 : complain(c, "\"error\" and \"park\" need a \"code\"");
}

static int read_snooze(struct wire_reader *r, struct serve_answer *a, const struct complaint *c)
{
    struct wire_token value;

    if (wire_read(r, &value) == 0 &&
        ((value.kind == WIRE_BOOL && value.boolean) || delay_of(&value, &a->delay_ms)))
        return 0;
    return complain(c, "\"snooze\" is a duration such as \"10s\", or true");
}

static int read_true(struct wire_reader *r, struct serve_answer *a, const struct complaint *c)
{
    struct wire_token value;

    (void)a;
    if (wire_read(r, &value) == 0 && value.kind == WIRE_BOOL && value.boolean)
        return 0;
    return complain(c, "\"discard\" and \"release\" are true or absent");
}

typedef int read_verdict_fn(struct wire_reader *r, struct serve_answer *a,
                            const struct complaint *c);

static const struct verdict_row {
    const char *key;
    read_verdict_fn *read;
} verdict_rows[SERVE_VERDICTS] = {
    [SERVE_OK] = {"ok", read_ok},
    [SERVE_ERROR] = {"error", read_fault},
    [SERVE_SNOOZE] = {"snooze", read_snooze},
    [SERVE_PARK] = {"park", read_fault},
    [SERVE_DISCARD] = {"discard", read_true},
    [SERVE_RELEASE] = {"release", read_true},
};

static int read_id(struct wire_reader *r, struct serve_answer *a, const struct complaint *c)
{
    struct wire_token value;

    if (wire_read(r, &value) || value.kind != WIRE_STR)
        return complain(c, "\"id\" is the job's id, a string");
    a->id = value.bytes;
    return 0;
}

/* One pair of the answer. */
static int read_pair(struct wire_reader *r, struct serve_answer *a, const struct complaint *c)
{
    struct wire_token key;

    if (wire_read(r, &key))
        return complain(c, "no key");
    if (slice_is(key.bytes, "id"))
        return read_id(r, a, c);
    for (size_t i = 0; i < SERVE_VERDICTS; i++) {
        if (!slice_is(key.bytes, verdict_rows[i].key))
            continue;
        if (a->verdict != SERVE_VERDICTS)
            return complain(c, "more than one outcome");
        a->verdict = (enum serve_verdict)i;
        return verdict_rows[i].read(r, a, c);
    }
    return complain_of(c, "unknown key", key.bytes);
}

int serve_line_answer(struct slice line, struct buf *scratch, struct serve_answer *ret, char *why,
                      size_t why_size)
{
    struct complaint c = {why, why_size};
    struct wire_reader r;
    struct wire_token map;
    int err;

    buf_reset(scratch);
    err = json_to_msgpack((const char *)line.data, line.len, scratch, why, why_size);
    if (err)
        return err;
    r.left = buf_slice(scratch);
    *ret = (struct serve_answer){.verdict = SERVE_VERDICTS};
    if (wire_read(&r, &map) || map.kind != WIRE_MAP)
        return complain(&c, "an answer is a JSON object");
    for (uint32_t i = 0; i < map.count; i++)
        if ((err = read_pair(&r, ret, &c)))
            return err;
    if (!ret->id.data)
        return complain(&c, "no \"id\"");
    if (ret->verdict == SERVE_VERDICTS)
        return complain(&c, "no outcome: \"ok\", \"error\", \"snooze\", \"park\", \"discard\" or "
                            "\"release\"");
    return 0;
}

bool serve_line_blank(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    return true;
}

size_t serve_line_max(size_t result_max)
{
    return result_max * JSON_PER_BYTE + LINE_MARGIN;
}
