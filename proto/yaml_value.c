/* yaml_value.c: the core schema's rules for what a plain text means. */
#include "yaml_value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

#define DEPTH_MAX 32 /* as wire_value_check() has it */

struct writer {
    const struct yaml_tree *tree;
    struct buf *out;
    const struct yaml_node *at; /* what is written just now */
    char *why;
    size_t why_size;
};

static int refuse(struct writer *w, const char *what)
{
    (void)snprintf(w->why, w->why_size, "%.64s %s", yaml_cstr(w->tree, w->at), what);
    return MUSTER_EINVAL;
}

static bool is_one_of(const char *text, const char *const words[3])
{
    return strcmp(text, words[0]) == 0 || strcmp(text, words[1]) == 0 ||
           strcmp(text, words[2]) == 0;
}

/* ---- numbers ---- */

#define DIGITS "0123456789"

/* [-+]?[0-9]+, 0o[0-7]+ or 0x[0-9a-fA-F]+: the base, and where its digits begin; else 0. */
static int integer_base(const char *text, const char **ret_digits)
{
    static const struct form {
        const char *prefix, *set;
        int base;
    } forms[] = {{"0o", "01234567", 8}, {"0x", "0123456789abcdefABCDEF", 16}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        *ret_digits = text + 2;
        if (strncmp(text, forms[i].prefix, 2) == 0 && text[2] &&
            !text[2 + strspn(text + 2, forms[i].set)])
            return forms[i].base;
    }
    *ret_digits = text + (*text == '-' || *text == '+');
    const char *first = *ret_digits;
    return *first && !first[strspn(first, DIGITS)] ? 10 : 0;
}

static int write_integer(struct writer *w, const char *text, const char *first, int base)
{
    errno = 0;
    unsigned long long value = strtoull(first, NULL, base);
    bool negative = *text == '-';
    if (errno || (negative && value > (uint64_t)INT64_MAX + 1))
        return refuse(w, "is beyond 64 bits; in quotes it is a text");
    if (negative)
        wire_int(w->out, value ? -(int64_t)(value - 1) - 1 : 0);
    else
        wire_uint(w->out, value);
    return 0;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *text)
{
    const char *p = text + (*text == '-' || *text == '+');
    size_t whole = strspn(p, DIGITS);
    p += whole;
    if (*p == '.') {
        size_t part = strspn(++p, DIGITS);
        if (whole + part == 0)
            return false;
        p += part;
    } else if (whole == 0) {
        return false;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        size_t exponent = strspn(p, DIGITS);
        if (exponent == 0)
            return false;
        p += exponent;
    }
    return *p == '\0';
}

/* .inf and .nan, for which there is no JSON. */
static bool is_no_number(const char *text)
{
    static const char *const infinities[3] = {".inf", ".Inf", ".INF"};
    static const char *const nans[3] = {".nan", ".NaN", ".NAN"};
    return is_one_of(text + (*text == '-' || *text == '+'), infinities) || is_one_of(text, nans);
}

static int write_plain(struct writer *w, const char *text)
{
    static const char *const trues[3] = {"true", "True", "TRUE"};
    static const char *const falses[3] = {"false", "False", "FALSE"};
    const char *first;
    int base = integer_base(text, &first);
    if (base)
        return write_integer(w, text, first, base);
    if (is_no_number(text))
        return refuse(w, "is no number in JSON; in quotes it is a text");
    if (is_float(text)) {
        double value = strtod(text, NULL);
        if (!isfinite(value))
            return refuse(w, "is larger than any number of 64 bits; in quotes it is a text");
        wire_float(w->out, value);
    } else if (is_one_of(text, trues) || is_one_of(text, falses)) {
        wire_bool(w->out, is_one_of(text, trues));
    } else {
        wire_str(w->out, slice_str(text));
    }
    return 0;
}

/* ---- values ---- */

static int write_value(struct writer *w, const struct yaml_node *node, int depth);

static int write_map(struct writer *w, const struct yaml_node *map, int depth)
{
    struct yaml_pair pair = {0};
    int error = 0;
    wire_map(w->out, map->count / 2);
    while (!error && yaml_next_pair(w->tree, map, &pair)) {
        wire_str(w->out, yaml_text(w->tree, pair.key));
        error = write_value(w, pair.value, depth);
    }
    return error;
}

static int write_list(struct writer *w, const struct yaml_node *list, int depth)
{
    int error = 0;
    wire_array(w->out, list->count);
    for (const struct yaml_node *node = NULL; !error && (node = yaml_next(w->tree, list, node));)
        error = write_value(w, node, depth);
    return error;
}

/* `depth` lists and maps are around the node. */
static int write_value(struct writer *w, const struct yaml_node *node, int depth)
{
    w->at = node;
    if (node->kind != YAML_TEXT && depth == DEPTH_MAX) {
        (void)snprintf(w->why, w->why_size, "lists and maps nested more than %d deep", DEPTH_MAX);
        return MUSTER_EINVAL;
    }
    if (node->kind == YAML_MAP)
        return write_map(w, node, depth + 1);
    if (node->kind == YAML_LIST)
        return write_list(w, node, depth + 1);
    if (node->style != YAML_PLAIN)
        wire_str(w->out, yaml_text(w->tree, node));
    else if (yaml_is_null(w->tree, node))
        wire_nil(w->out);
    else
        return write_plain(w, yaml_cstr(w->tree, node));
    return 0;
}

int yaml_to_msgpack(const struct yaml_tree *t, const struct yaml_node *node, struct buf *out,
                    const struct yaml_node **ret_at, char *why, size_t why_size)
{
    struct writer w = {.tree = t, .out = out, .why = why, .why_size = why_size};
    size_t start = out->len;
    int error = write_value(&w, node, 0);
    if (!error && out->error)
        error = out->error == MUSTER_ENOMEM ? MUSTER_ENOMEM : MUSTER_ETOOBIG;
    if (error)
        out->len = start;
    *ret_at = w.at;
    return error;
}
