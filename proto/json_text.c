/* json_text.c: msgpack to JSON text, straight from the bytes. The rules are those that exec
 * handlers rely on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "utf8.h"
#include "wire.h"

#define TREE_TEXT_MAX ((size_t)1 << 30) /* more than the text of any frame */

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static void put(struct buf *out, const char *text)
{
    (void)buf_append(out, text, strlen(text));
}

/* One byte that may not stand for itself inside quotes. */
static void put_escape(struct buf *out, uint8_t byte)
{
    static const char names[] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                 ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
    if (byte < sizeof(names) && names[byte])
        (void)buf_printf(out, "\\%c", names[byte]);
    else
        (void)buf_printf(out, "\\u%04x", byte);
}

static bool is_special(uint8_t byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80;
}

static void put_string(struct buf *out, struct slice text)
{
    put(out, "\"");
    size_t at = 0;
    while (at < text.len) {
        size_t plain = at;
        while (plain < text.len && !is_special(text.data[plain]))
            plain++;
        (void)buf_append(out, text.data + at, plain - at);
        at = plain;
        if (at == text.len)
            break;
        size_t length = utf8_sequence(slice_of(text.data + at, text.len - at));
        if (length == 0)
            put(out, replacement);
        else if (length == 1)
            put_escape(out, text.data[at]);
        else
            (void)buf_append(out, text.data + at, length);
        at += length ? length : 1;
    }
    put(out, "\"");
}

/* RFC 4648 section 4, padded. */
static void put_base64(struct buf *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    put(out, "\"");
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t bits = (uint32_t)bytes.data[i] << 16;
        if (left > 1)
            bits |= (uint32_t)bytes.data[i + 1] << 8;
        if (left > 2)
            bits |= bytes.data[i + 2];
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                        left > 1 ? digits[bits >> 6 & 63] : '=',
                        left > 2 ? digits[bits & 63] : '='};
        (void)buf_append(out, four, sizeof(four));
    }
    put(out, "\"");
}

/* The shortest form that reads back to the same number, with a point or an exponent, so that it
 * stays a float. */
static void put_real(struct buf *out, double value)
{
    char text[40];
    if (!isfinite(value)) {
        put(out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *comma = strchr(text, ','); /* some locales have no point */
    if (comma)
        *comma = '.';
    put(out, text);
    if (!strpbrk(text, ".e"))
        put(out, ".0");
}

/* What is written, and for whom. */
struct writer {
    struct buf *out;
    bool for_jansson; /* it has no integer above 2^63-1 and no NUL in keys */
};

static int put_value(struct wire_reader *r, const struct writer *w);

static int put_array(struct wire_reader *r, uint32_t count, const struct writer *w)
{
    put(w->out, "[");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            put(w->out, ",");
        int error = put_value(r, w);
        if (error)
            return error;
    }
    put(w->out, "]");
    return 0;
}

/* NUL becomes U+FFFD too. */
static void put_tame_string(struct buf *out, struct slice text)
{
    struct buf tame;
    buf_init(&tame, out->max);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i])
            (void)buf_append(&tame, text.data + i, 1);
        else
            put(&tame, replacement);
    }
    if (!out->error)
        out->error = tame.error;
    put_string(out, buf_slice(&tame));
    buf_fini(&tame);
}

/* A key that is no string: its JSON text as a string; of bin, whose JSON text is a string, that
 * string. */
static int put_key(struct wire_reader *r, const struct writer *w)
{
    struct wire_reader ahead = *r;
    struct wire_token token;
    int error = wire_read(&ahead, &token);
    if (error)
        return error;
    if (token.kind == WIRE_STR && w->for_jansson && token.bytes.len &&
        memchr(token.bytes.data, 0, token.bytes.len)) {
        *r = ahead;
        put_tame_string(w->out, token.bytes);
        return 0;
    }
    if (token.kind == WIRE_STR || token.kind == WIRE_BIN)
        return put_value(r, w);
    struct buf text;
    buf_init(&text, w->out->max);
    struct writer aside = {&text, false};
    error = put_value(r, &aside);
    if (!error)
        put_string(w->out, buf_slice(&text));
    buf_fini(&text);
    return error;
}

static int put_map(struct wire_reader *r, uint32_t pairs, const struct writer *w)
{
    put(w->out, "{");
    for (uint32_t i = 0; i < pairs; i++) {
        if (i > 0)
            put(w->out, ",");
        int error = put_key(r, w);
        if (error)
            return error;
        put(w->out, ":");
        error = put_value(r, w);
        if (error)
            return error;
    }
    put(w->out, "}");
    return 0;
}

static void put_uint(const struct writer *w, uint64_t value)
{
    if (w->for_jansson && value > INT64_MAX)
        put_real(w->out, (double)value);
    else
        (void)buf_printf(w->out, "%llu", (unsigned long long)value);
}

static void put_scalar(const struct wire_token *token, const struct writer *w)
{
    switch (token->kind) {
    case WIRE_BOOL:
        put(w->out, token->boolean ? "true" : "false");
        break;
    case WIRE_UINT:
        put_uint(w, token->uint);
        break;
    case WIRE_INT:
        (void)buf_printf(w->out, "%lld", (long long)token->sint);
        break;
    case WIRE_FLOAT:
        put_real(w->out, token->real);
        break;
    case WIRE_STR:
        put_string(w->out, token->bytes);
        break;
    case WIRE_BIN:
        put_base64(w->out, token->bytes);
        break;
    default:
        put(w->out, "null");
        break;
    }
}

/* The value has been checked: it is not deeper than 32. A full buffer ends it early. */
static int put_value(struct wire_reader *r, const struct writer *w)
{
    struct wire_token token;
    int error = wire_read(r, &token);
    if (error)
        return error;
    if (token.kind == WIRE_ARRAY)
        error = put_array(r, token.count, w);
    else if (token.kind == WIRE_MAP)
        error = put_map(r, token.count, w);
    else
        put_scalar(&token, w);
    return error ? error : w->out->error;
}

static int put_checked(struct slice value, const struct writer *w)
{
    int error = wire_value_check(value);
    if (error)
        return error;
    struct wire_reader r = {value};
    size_t start = w->out->len;
    error = put_value(&r, w);
    if (error)
        w->out->len = start;
    return error;
}

/* Also the buffer's own error; nothing stays in `out` on failure. */
int msgpack_to_json(struct slice value, struct buf *out)
{
    struct writer w = {out, false};
    return put_checked(value, &w);
}

/* By way of the text, so that strings, base64 and keys follow one set of rules. Of equal keys the
 * last one stays. */
json_t *msgpack_to_jansson(struct slice value)
{
    struct buf text;
    buf_init(&text, TREE_TEXT_MAX);
    struct writer w = {&text, true};
    json_t *tree = NULL;
    if (!put_checked(value, &w))
        tree =
            json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    buf_fini(&text);
    return tree;
}
