/* json.c: JSON text to msgpack. jansson parses; this file turns its tree into bytes.
 *
 * jansson has no integer above 2^63-1, but msgpack and the exec contract have. When it stumbles
 * over one, a copy of the text is parsed in which each such integer is masked: a string of the same
 * length, so that places in error messages stay right. Whether a string is a mask or the text's own
 * is settled by counting (see parse_masked). */
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

#define DEPTH_MAX   32
#define PARSE_FLAGS (JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)
#define MASK_MIN    19 /* digits of 2^63 */
#define MASK_MAX    20 /* digits of 2^64-1 */

struct masks {
    uint64_t *values;
    size_t count;
    size_t met; /* strings of the tree that look like masks, in the tree's order, which is the
                   text's */
    char mark;  /* differs from try to try */
};

struct writer {
    struct buf *out;
    struct masks *masks; /* NULL: no integer is masked */
};

static bool is_mask(const struct masks *masks, const char *text, size_t len)
{
    if (!masks || (len != MASK_MIN - 2 && len != MASK_MAX - 2))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != masks->mark)
            return false;
    }
    return true;
}

static int write_value(struct writer *w, const json_t *value, int depth);

static int write_string(struct writer *w, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (!is_mask(w->masks, text, len)) {
        wire_str(w->out, slice_of(text, len));
    } else {
        size_t index = w->masks->met++;
        wire_uint(w->out, index < w->masks->count ? w->masks->values[index] : 0);
    }
    return w->out->error;
}

static int write_array(struct writer *w, const json_t *value, int depth)
{
    size_t count = json_array_size(value);
    wire_array(w->out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        int error = write_value(w, json_array_get(value, i), depth + 1);
        if (error)
            return error;
    }
    return 0;
}

static int write_object(struct writer *w, const json_t *value, int depth)
{
    wire_map(w->out, (uint32_t)json_object_size(value));
    const char *key;
    json_t *member;
    /* The macro wants a pointer that is not const, and changes nothing. */
    json_t *object = (json_t *)(uintptr_t)value;
    json_object_foreach(object, key, member)
    {
        wire_cstr(w->out, key);
        int error = write_value(w, member, depth + 1);
        if (error)
            return error;
    }
    return 0;
}

static int write_value(struct writer *w, const json_t *value, int depth)
{
    if (w->out->error)
        return w->out->error;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return depth < DEPTH_MAX ? write_object(w, value, depth) : MUSTER_EINVAL;
    case JSON_ARRAY:
        return depth < DEPTH_MAX ? write_array(w, value, depth) : MUSTER_EINVAL;
    case JSON_STRING:
        return write_string(w, value);
    case JSON_INTEGER:
        wire_int(w->out, json_integer_value(value));
        break;
    case JSON_REAL:
        wire_float(w->out, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        wire_bool(w->out, json_is_true(value));
        break;
    case JSON_NULL:
        wire_nil(w->out);
        break;
    }
    return w->out->error;
}

/* True when the digits are an integer from 2^63 to 2^64-1. */
static bool is_large(const char *digits, size_t len, uint64_t *ret)
{
    char copy[MASK_MAX + 1];
    if (len < MASK_MIN || len > MASK_MAX || digits[0] == '0' || strspn(digits, "0123456789") < len)
        return false;
    memcpy(copy, digits, len);
    copy[len] = '\0';
    errno = 0;
    unsigned long long value = strtoull(copy, NULL, 10);
    *ret = value;
    return errno == 0 && value > INT64_MAX;
}

/* The byte behind a string that begins at `at`. */
static size_t string_end(const char *text, size_t len, size_t at)
{
    for (at++; at < len && text[at] != '"'; at++) {
        if (text[at] == '\\')
            at++;
    }
    return at + 1;
}

/* Masks every large integer of `text`, which ends with a NUL, and notes its value: there is room
 * for len / MASK_MIN. */
static void mask_integers(char *text, size_t len, struct masks *masks)
{
    masks->count = 0;
    for (size_t at = 0; at < len;) {
        size_t number = strspn(text + at, "+-.0123456789eE");
        uint64_t value;
        if (text[at] == '"') {
            at = string_end(text, len, at);
        } else if (number == 0) {
            at++;
        } else {
            if (is_large(text + at, number, &value)) {
                masks->values[masks->count++] = value;
                memset(text + at, masks->mark, number);
                text[at] = text[at + number - 1] = '"';
            }
            at += number;
        }
    }
}

/* Writes the tree; nothing stays in `out` on failure. */
static int write_tree(const json_t *tree, struct masks *masks, struct buf *out, char *why,
                      size_t why_size)
{
    struct writer w = {out, masks};
    size_t start = out->len;
    int error = write_value(&w, tree, 0);
    if (error == MUSTER_EINVAL)
        snprintf(why, why_size, "arrays and objects nested more than %d deep", DEPTH_MAX);
    if (error == MUSTER_EFULL) {
        error = MUSTER_ETOOBIG;
        snprintf(why, why_size, "larger than %zu bytes as msgpack", out->max);
    }
    if (error)
        out->len = start;
    return error;
}

static int refuse(const json_error_t *error, char *why, size_t why_size)
{
    snprintf(why, why_size, "line %d, column %d: %s", error->line, error->column, error->text);
    return json_error_code(error) == json_error_out_of_memory ? MUSTER_ENOMEM : MUSTER_EINVAL;
}

/* Parses with masked integers. A string of the text that looks like a mask, or a mask where no
 * value belongs, makes the numbers differ; then another mark is tried. */
static int parse_masked(char *copy, const char *text, size_t len, struct masks *masks,
                        struct buf *out, char *why, size_t why_size)
{
    size_t start = out->len;
    for (masks->mark = 'A'; masks->mark <= 'Z'; masks->mark++) {
        memcpy(copy, text, len);
        mask_integers(copy, len, masks);
        json_error_t problem;
        json_t *tree = json_loadb(copy, len, PARSE_FLAGS, &problem);
        if (!tree)
            return refuse(&problem, why, why_size);
        masks->met = 0;
        int error = write_tree(tree, masks, out, why, why_size);
        json_decref(tree);
        if (error || masks->met == masks->count)
            return error;
        out->len = start;
    }
    snprintf(why, why_size, "an integer above 2^63-1 in a place where it cannot be read");
    return MUSTER_EINVAL;
}

static int parse_large(const char *text, size_t len, struct buf *out, char *why, size_t why_size)
{
    struct masks masks = {.values = malloc((len / MASK_MIN + 1) * sizeof(uint64_t))};
    char *copy = calloc(1, len + 1);
    int error = MUSTER_ENOMEM;
    if (masks.values && copy)
        error = parse_masked(copy, text, len, &masks, out, why, why_size);
    free(masks.values);
    free(copy);
    return error;
}

int json_to_msgpack(const char *text, size_t len, struct buf *out, char *why, size_t why_size)
{
    json_error_t problem;
    if (len && memchr(text, '\0', len)) { /* jansson would take it for the end */
        snprintf(why, why_size, "a NUL byte; inside a string it is written as \\u0000");
        return MUSTER_EINVAL;
    }
    json_t *tree = json_loadb(text, len, PARSE_FLAGS, &problem);
    if (!tree) {
        if (json_error_code(&problem) == json_error_numeric_overflow)
            return parse_large(text, len, out, why, why_size);
        return refuse(&problem, why, why_size);
    }
    int error = write_tree(tree, NULL, out, why, why_size);
    json_decref(tree);
    return error;
}
