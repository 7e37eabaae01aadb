/* zone.c: a zone's table from the bytes of a TZif file, and the period of a time. */
#include "scheduler/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/zone_rule.h"

#define HEADER_BYTES 44
#define TYPE_BYTES   6 /* of a type in the file: offset, whether dst, where its abbreviation is */
#define TYPES_MAX    256

struct zone_type {
    int32_t offset;
    bool dst;
    char abbreviation[ZONE_ABBREVIATION_SIZE];
};

/* What a file says; one block of memory, replaced as a whole. Type 0 is valid before the first
 * transition. Transitions stay as the file has them: neighbours may be of equal types. */
struct zone_table {
    size_t count, type_count;
    int64_t *at; /* transitions, UTC seconds, ascending */
    struct zone_type *types;
    uint8_t *type; /* of each transition, an index of types */
    bool has_rule; /* from the last transition on; for all times if there is none */
    struct zone_rule rule;
    char rule_text[128];
    struct zone_period recent[2]; /* that were asked for, empty at first: one before a change of
                                   * time and one after it are often asked for in turns */
    unsigned newest;              /* of these */
    int64_t storage[];
};

struct zone {
    struct zone_table *table;
    char name[];
};

/* ---- looking up ---- */

static void set_type(const struct zone_type *type, struct zone_period *p)
{
    p->offset = type->offset;
    p->dst = type->dst;
    memcpy(p->abbreviation, type->abbreviation, sizeof p->abbreviation);
}

/* How many transitions there were until utc, with one at utc itself. */
static size_t transitions_until(const struct zone_table *t, int64_t utc)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->at[middle] <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void find_period(const struct zone_table *t, int64_t utc, struct zone_period *ret)
{
    size_t passed = transitions_until(t, utc);
    int64_t from = passed ? t->at[passed - 1] : INT64_MIN;
    if (passed == t->count && t->has_rule) {
        zone_rule_period(&t->rule, utc, ret);
        if (ret->from < from)
            ret->from = from;
        return;
    }
    set_type(&t->types[passed ? t->type[passed - 1] : 0], ret);
    ret->from = from;
    ret->until = passed < t->count ? t->at[passed] : INT64_MAX;
}

static bool covers(const struct zone_period *p, int64_t utc)
{
    return p->from <= utc && utc < p->until;
}

void zone_period_at(const struct zone *z, int64_t utc, struct zone_period *ret)
{
    struct zone_table *t = z->table;
    if (!covers(&t->recent[t->newest], utc)) {
        t->newest ^= 1;
        if (!covers(&t->recent[t->newest], utc))
            find_period(t, utc, &t->recent[t->newest]);
    }
    *ret = t->recent[t->newest];
}

const char *zone_name(const struct zone *z)
{
    return z->name;
}

/* ---- reading ---- */

struct header {
    uint8_t version; /* '\0', '2', '3', '4' */
    uint32_t isut_count, isstd_count, leap_count, time_count, type_count, char_count;
};

static uint64_t big_endian(const uint8_t *p, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | p[i];
    return value;
}

static int64_t time_at(const uint8_t *p, size_t time_bytes)
{
    uint64_t value = big_endian(p, time_bytes);
    return time_bytes == 4 ? (int64_t)(int32_t)(uint32_t)value : (int64_t)value;
}

static int damaged(char why[ZONE_WHY_SIZE], const char *what)
{
    snprintf(why, ZONE_WHY_SIZE, "%s", what);
    return MUSTER_EDAMAGED;
}

static void skip(struct slice *s, size_t bytes)
{
    s->data += bytes;
    s->len -= bytes;
}

/* Takes a header off; what follows it is then known to be there, with times of so many bytes. */
static int take_header(struct slice *s, size_t time_bytes, struct header *ret,
                       uint64_t *ret_body_bytes, char why[ZONE_WHY_SIZE])
{
    if (s->len < HEADER_BYTES || memcmp(s->data, "TZif", 4) != 0)
        return damaged(why, "it is no time zone file (TZif), or ends too early");
    uint32_t *const counts[] = {&ret->isut_count, &ret->isstd_count, &ret->leap_count,
                                &ret->time_count, &ret->type_count,  &ret->char_count};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        *counts[i] = (uint32_t)big_endian(s->data + 20 + 4 * i, 4);
    ret->version = s->data[4];
    skip(s, HEADER_BYTES);
    *ret_body_bytes = (uint64_t)ret->time_count * (time_bytes + 1) +
                      (uint64_t)ret->type_count * TYPE_BYTES + ret->char_count +
                      (uint64_t)ret->leap_count * (time_bytes + 4) + ret->isstd_count +
                      ret->isut_count;
    return *ret_body_bytes <= s->len ? 0 : damaged(why, "it ends too early");
}

static int check_header(const struct header *h, char why[ZONE_WHY_SIZE])
{
    if (h->leap_count) {
        snprintf(why, ZONE_WHY_SIZE,
                 "it counts leap seconds, which UTC here does not; use the zone of the same name "
                 "without \"right/\"");
        return MUSTER_EINVAL;
    }
    if (h->type_count == 0 || h->type_count > TYPES_MAX || h->char_count == 0)
        return damaged(why, "it has no types of local time, or more than 256");
    if ((h->isstd_count && h->isstd_count != h->type_count) ||
        (h->isut_count && h->isut_count != h->type_count))
        return damaged(why, "the counts in its header do not fit each other");
    return 0;
}

static struct zone_table *table_new(size_t count, size_t type_count)
{
    struct zone_table *t =
        calloc(1, sizeof *t + count * (sizeof *t->at + 1) + type_count * sizeof *t->types);
    if (t) {
        t->count = count;
        t->type_count = type_count;
        t->at = t->storage;
        t->types = (struct zone_type *)(t->at + count);
        t->type = (uint8_t *)(t->types + type_count);
    }
    return t;
}

static int read_abbreviation(struct slice chars, size_t at, struct zone_type *ret,
                             char why[ZONE_WHY_SIZE])
{
    size_t len = 0;
    while (at + len < chars.len && chars.data[at + len]) {
        char c = (char)chars.data[at + len];
        bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '+' || c == '-';
        if (!good || len == ZONE_ABBREVIATION_SIZE - 1)
            return damaged(why,
                           "an abbreviation in it is too long, or not of letters, digits, +, -");
        ret->abbreviation[len++] = c;
    }
    return at + len < chars.len ? 0 : damaged(why, "an abbreviation in it has no end");
}

static int read_types(struct zone_table *t, const uint8_t *p, struct slice chars,
                      char why[ZONE_WHY_SIZE])
{
    for (size_t i = 0; i < t->type_count; i++, p += TYPE_BYTES) {
        struct zone_type *type = &t->types[i];
        type->offset = (int32_t)(uint32_t)big_endian(p, 4);
        type->dst = p[4] != 0;
        if (type->offset <= ZONE_OFFSET_MIN || type->offset >= ZONE_OFFSET_MAX || p[4] > 1)
            return damaged(why, "a type of local time in it is impossible");
        int error = read_abbreviation(chars, p[5], type, why);
        if (error)
            return error;
    }
    return 0;
}

static int read_transitions(struct zone_table *t, const uint8_t *times, size_t time_bytes,
                            char why[ZONE_WHY_SIZE])
{
    const uint8_t *types = times + t->count * time_bytes;
    for (size_t i = 0; i < t->count; i++) {
        t->at[i] = time_at(times + i * time_bytes, time_bytes);
        t->type[i] = types[i];
        if (i > 0 && t->at[i] <= t->at[i - 1])
            return damaged(why, "its transitions are not in order");
        if (types[i] >= t->type_count)
            return damaged(why, "a transition in it has a type that is not there");
    }
    return 0;
}

/* A line break, the rule or nothing, a line break. */
static int read_footer(struct zone_table *t, struct slice s, char why[ZONE_WHY_SIZE])
{
    const uint8_t *end = s.len && s.data[0] == '\n' ? memchr(s.data + 1, '\n', s.len - 1) : NULL;
    if (!end)
        return damaged(why, "the rule at its end is missing or cut off");
    struct slice text = slice_of(s.data + 1, (size_t)(end - s.data) - 1);
    if (text.len >= sizeof t->rule_text)
        return damaged(why, "the rule at its end is too long");
    if (text.len == 0)
        return 0;
    memcpy(t->rule_text, text.data, text.len);
    t->has_rule = true;
    return zone_rule_parse(text, &t->rule, why);
}

/* The block of a header; `body` is all of it, and what comes after it. */
static int read_body(struct zone_table *t, const struct header *h, struct slice body,
                     size_t time_bytes, char why[ZONE_WHY_SIZE])
{
    const uint8_t *types = body.data + t->count * (time_bytes + 1);
    struct slice chars = slice_of(types + t->type_count * TYPE_BYTES, h->char_count);
    int error = read_types(t, types, chars, why);
    return error ? error : read_transitions(t, body.data, time_bytes, why);
}

/* Version 1 has one block with times of 32 bits. Later ones have the same for old readers, then a
 * second header, block, and the footer. */
static int read_file(struct slice s, struct zone_table **ret, char why[ZONE_WHY_SIZE])
{
    struct header h;
    uint64_t body_bytes;
    size_t time_bytes = 4;
    if (s.len > ZONE_FILE_MAX)
        return damaged(why, "it is larger than 1 MiB");
    int error = take_header(&s, time_bytes, &h, &body_bytes, why);
    bool has_footer = !error && h.version >= '2';
    if (has_footer) {
        skip(&s, (size_t)body_bytes);
        time_bytes = 8;
        error = take_header(&s, time_bytes, &h, &body_bytes, why);
    }
    if (!error)
        error = check_header(&h, why);
    if (error)
        return error;
    struct zone_table *t = table_new(h.time_count, h.type_count);
    if (!t) {
        damaged(why, err_text(MUSTER_ENOMEM));
        return MUSTER_ENOMEM;
    }
    error = read_body(t, &h, s, time_bytes, why);
    skip(&s, (size_t)body_bytes);
    if (!error && has_footer)
        error = read_footer(t, s, why);
    if (error) {
        free(t);
        return error;
    }
    *ret = t;
    return 0;
}

/* ---- zones ---- */

/* Takes the table over, also when there is no memory. */
static int zone_of_table(struct zone **ret, const char *name, struct zone_table *t)
{
    size_t name_size = strlen(name) + 1;
    struct zone *z = t ? malloc(sizeof *z + name_size) : NULL;
    if (!z) {
        free(t);
        return MUSTER_ENOMEM;
    }
    z->table = t;
    memcpy(z->name, name, name_size);
    *ret = z;
    return 0;
}

int zone_new(struct zone **ret, const char *name, struct slice bytes, char why[ZONE_WHY_SIZE])
{
    struct zone_table *t;
    int error = read_file(bytes, &t, why);
    if (error)
        return error;
    error = zone_of_table(ret, name, t);
    if (error)
        damaged(why, err_text(error));
    return error;
}

int zone_new_utc(struct zone **ret, const char *name)
{
    struct zone_table *t = table_new(0, 1);
    if (t)
        memcpy(t->types[0].abbreviation, "UTC", sizeof "UTC");
    return zone_of_table(ret, name, t);
}

static bool same_types(const struct zone_table *a, const struct zone_table *b)
{
    for (size_t i = 0; i < a->type_count; i++) {
        const struct zone_type *x = &a->types[i], *y = &b->types[i];
        if (x->offset != y->offset || x->dst != y->dst ||
            strcmp(x->abbreviation, y->abbreviation) != 0)
            return false;
    }
    return true;
}

static bool same_table(const struct zone_table *a, const struct zone_table *b)
{
    return a->count == b->count && a->type_count == b->type_count &&
           memcmp(a->at, b->at, a->count * sizeof *a->at) == 0 &&
           memcmp(a->type, b->type, a->count) == 0 && same_types(a, b) &&
           a->has_rule == b->has_rule && strcmp(a->rule_text, b->rule_text) == 0;
}

int zone_replace(struct zone *z, struct slice bytes, bool *ret_changed, char why[ZONE_WHY_SIZE])
{
    struct zone_table *t;
    int error = read_file(bytes, &t, why);
    if (error)
        return error;
    *ret_changed = !same_table(z->table, t);
    free(z->table);
    z->table = t;
    return 0;
}

void zone_free(struct zone *z)
{
    if (!z)
        return;
    free(z->table);
    free(z);
}
