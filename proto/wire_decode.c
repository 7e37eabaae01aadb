/* wire_decode.c: frames to messages, by the rows of wire_table.h. */
#include <stdarg.h>
#include <stdio.h>

#include "utf8.h"
#include "wire.h"
#include "wire_table.h"

#define PAIRS_MAX   128 /* pairs in a message's map */
#define UNKNOWN_MAX 64  /* of them, pairs that are passed over */

static const char malformed[] = "not well-formed msgpack, or cut short";

int wire_refuse(const struct wire_why *why, int error, const char *field, const char *format, ...)
{
    if (!why->text || !why->size)
        return error;
    int used = snprintf(why->text, why->size, "%s%s%s: ", why->message ? why->message : "frame",
                        field ? "." : "", field ? field : "");
    if (used < 0 || (size_t)used >= why->size)
        return error;
    va_list args;
    va_start(args, format);
    vsnprintf(why->text + used, why->size - (size_t)used, format, args);
    va_end(args);
    return error;
}

static int over_limit(const struct wire_field *field, uint64_t value, const char *unit,
                      const struct wire_why *why)
{
    return wire_refuse(why, MUSTER_ETOOBIG, field->name, "%llu%s is over the limit of %llu",
                       (unsigned long long)value, unit, (unsigned long long)field->max);
}

static int decode_num(const struct wire_field *field, const struct wire_token *token, void *to,
                      const struct wire_why *why)
{
    if (token->kind != WIRE_UINT)
        return wire_refuse(why, MUSTER_EPROTO, field->name, "not an unsigned integer");
    if (token->uint > field->max)
        return over_limit(field, token->uint, "", why);
    *(msg_NUM *)to = token->uint;
    return 0;
}

static int decode_str(const struct wire_field *field, const struct wire_token *token, void *to,
                      const struct wire_why *why)
{
    if (token->kind != WIRE_STR)
        return wire_refuse(why, MUSTER_EPROTO, field->name, "not a str");
    if (token->bytes.len > field->max)
        return over_limit(field, token->bytes.len, " bytes", why);
    if (!utf8_is_text(token->bytes))
        return wire_refuse(why, MUSTER_EPROTO, field->name, "not UTF-8 without NUL");
    *(msg_STR *)to = token->bytes;
    return 0;
}

static int decode_bin(const struct wire_field *field, const struct wire_token *token, void *to,
                      const struct wire_why *why)
{
    if (token->kind != WIRE_BIN)
        return wire_refuse(why, MUSTER_EPROTO, field->name, "not a bin");
    size_t width = wire_column_width(field->kind);
    if (width && token->bytes.len % width)
        return wire_refuse(why, MUSTER_EPROTO, field->name,
                           "%zu bytes are no column of %zu-byte entries", token->bytes.len, width);
    size_t size = width ? token->bytes.len / width : token->bytes.len;
    if (size > field->max)
        return over_limit(field, size, width ? " entries" : " bytes", why);
    *(msg_BIN *)to = token->bytes;
    return 0;
}

static int decode_strs(const struct wire_field *field, const struct wire_token *token, void *to,
                       struct wire_reader *r, const struct wire_why *why)
{
    if (token->kind != WIRE_ARRAY)
        return wire_refuse(why, MUSTER_EPROTO, field->name, "not an array");
    if (token->count > field->max)
        return over_limit(field, token->count, " entries", why);
    const uint8_t *start = r->left.data;
    for (uint32_t i = 0; i < token->count; i++) {
        struct wire_token entry;
        if (wire_read(r, &entry))
            return wire_refuse(why, MUSTER_EPROTO, field->name, "%s", malformed);
        if (entry.kind != WIRE_STR || !utf8_is_text(entry.bytes))
            return wire_refuse(why, MUSTER_EPROTO, field->name,
                               "entry %lu is not a str of UTF-8 without NUL", (unsigned long)i);
        if (entry.bytes.len > STRS_ENTRY_MAX_BYTES)
            return wire_refuse(why, MUSTER_ETOOBIG, field->name,
                               "entry %lu has %zu bytes, over the limit of %d", (unsigned long)i,
                               entry.bytes.len, STRS_ENTRY_MAX_BYTES);
    }
    struct slice raw = slice_of(start, (size_t)(r->left.data - start));
    *(msg_STRS *)to = (struct strs){.raw = raw, .count = token->count};
    return 0;
}

static int decode_field(const struct wire_field *field, struct wire_reader *r, uint8_t *message,
                        const struct wire_why *why)
{
    struct wire_token token;
    if (wire_read(r, &token))
        return wire_refuse(why, MUSTER_EPROTO, field->name, "%s", malformed);
    void *to = message + field->offset;
    switch (field->kind) {
    case FIELD_NUM:
        return decode_num(field, &token, to, why);
    case FIELD_STR:
        return decode_str(field, &token, to, why);
    case FIELD_STRS:
        return decode_strs(field, &token, to, r, why);
    default:
        return decode_bin(field, &token, to, why);
    }
}

/* Keys mostly come in the table's order: the search goes round from the row after the last hit. */
static const struct wire_field *find_field(const struct wire_desc *desc, uint64_t key, size_t *hint)
{
    for (size_t i = 0; i < desc->field_count; i++) {
        size_t at = *hint + i < desc->field_count ? *hint + i : *hint + i - desc->field_count;
        if (desc->fields[at].key == key) {
            *hint = at + 1;
            return &desc->fields[at];
        }
    }
    return NULL;
}

/* Keys from 64 on that were passed over, to find them twice. */
struct unknown {
    uint64_t keys[UNKNOWN_MAX];
    size_t count;
};

static int pass_over(uint64_t key, struct unknown *unknown, struct wire_reader *r,
                     const struct wire_why *why)
{
    if (key < 64)
        return wire_refuse(why, MUSTER_EUNKNOWN_FIELD, NULL,
                           "key %u is not known and must be understood", (unsigned)key);
    for (size_t i = 0; i < unknown->count; i++) {
        if (unknown->keys[i] == key)
            return wire_refuse(why, MUSTER_EPROTO, NULL, "key %llu twice", (unsigned long long)key);
    }
    if (unknown->count == UNKNOWN_MAX)
        return wire_refuse(why, MUSTER_EPROTO, NULL, "more than %d unknown keys", UNKNOWN_MAX);
    unknown->keys[unknown->count++] = key;
    if (wire_skip(r, NULL))
        return wire_refuse(why, MUSTER_EPROTO, NULL, "key %llu: %s", (unsigned long long)key,
                           malformed);
    return 0;
}

static int check_required(const struct wire_desc *desc, uint64_t has, const struct wire_why *why)
{
    uint64_t missing = desc->required & ~has;
    if (!missing)
        return 0;
    size_t hint = 0;
    const struct wire_field *field = find_field(desc, (uint64_t)__builtin_ctzll(missing), &hint);
    return wire_refuse(why, MUSTER_EPROTO, field->name, "missing");
}

/* Reads the map; `message` is the struct that desc describes, filled with zeros. */
static int decode_map(const struct wire_desc *desc, struct wire_reader *r, uint8_t *message,
                      const struct wire_why *why)
{
    struct wire_token token;
    if (wire_read(r, &token) || token.kind != WIRE_MAP || token.count > PAIRS_MAX)
        return wire_refuse(why, MUSTER_EPROTO, NULL, "the fields are not a map of at most %d pairs",
                           PAIRS_MAX);
    uint32_t pairs = token.count;
    uint64_t has = 0;
    size_t hint = 0;
    struct unknown unknown;
    unknown.count = 0;
    for (uint32_t i = 0; i < pairs; i++) {
        if (wire_read(r, &token))
            return wire_refuse(why, MUSTER_EPROTO, NULL, "%s", malformed);
        if (token.kind != WIRE_UINT)
            return wire_refuse(why, MUSTER_EPROTO, NULL, "a key is not an unsigned integer");
        const struct wire_field *field = find_field(desc, token.uint, &hint);
        if (field && has >> field->key & 1)
            return wire_refuse(why, MUSTER_EPROTO, field->name, "twice");
        int error =
            field ? decode_field(field, r, message, why) : pass_over(token.uint, &unknown, r, why);
        if (error)
            return error;
        has |= field ? 1ull << field->key : 0;
    }
    memcpy(message, &has, sizeof(has)); /* `has` opens every message's struct */
    return check_required(desc, has, why);
}

/* Reads type, version and request; sets what was read even when the rest is bad. */
static int decode_header(struct wire_reader *r, struct msg *msg, uint64_t *ret_type,
                         const struct wire_why *why)
{
    struct wire_token array, type, version, request;
    if (wire_read(r, &array) || array.kind != WIRE_ARRAY || array.count != 4)
        return wire_refuse(why, MUSTER_EPROTO, NULL, "not a msgpack array of four");
    if (wire_read(r, &type) || type.kind != WIRE_UINT)
        return wire_refuse(why, MUSTER_EPROTO, NULL, "the type is not an unsigned integer");
    if (type.uint < MSG_TYPE_MAX)
        msg->type = (enum msg_type)type.uint;
    *ret_type = type.uint;
    if (wire_read(r, &version) || version.kind != WIRE_UINT)
        return wire_refuse(why, MUSTER_EPROTO, NULL, "the version is not an unsigned integer");
    if (wire_read(r, &request) || request.kind != WIRE_UINT)
        return wire_refuse(why, MUSTER_EPROTO, NULL, "the request is not an unsigned integer");
    msg->request = request.uint;
    if (version.uint != PROTOCOL_VERSION)
        return wire_refuse(why, MUSTER_EVERSION, NULL, "version %llu, and this side speaks %d",
                           (unsigned long long)version.uint, PROTOCOL_VERSION);
    return 0;
}

int wire_decode(struct slice frame, struct msg *msg, char *why, size_t why_size)
{
    struct wire_why reason = {NULL, why, why_size};
    struct wire_reader r = {frame};
    uint64_t type = 0;
    msg->type = MSG_NONE;
    msg->request = 0;
    int error = decode_header(&r, msg, &type, &reason);
    if (error)
        return error;
    const struct wire_desc *desc = type < MSG_TYPE_MAX ? &wire_descs[type] : NULL;
    if (!desc || !desc->name)
        return wire_refuse(&reason, MUSTER_EUNKNOWN_TYPE, NULL, "type %llu is unknown",
                           (unsigned long long)type);
    reason.message = desc->name;
    uint8_t *message = (uint8_t *)msg + offsetof(struct msg, hello);
    memset(message, 0, desc->size);
    error = decode_map(desc, &r, message, &reason);
    if (error)
        return error;
    if (r.left.len)
        return wire_refuse(&reason, MUSTER_EPROTO, NULL, "%zu bytes after its end", r.left.len);
    return wire_check(msg->type, message, &reason);
}

/* A map of its own: 0, MUSTER_EPROTO, MUSTER_EUNKNOWN_FIELD or MUSTER_ETOOBIG. Borrows. */
static int decode_nested(const struct wire_desc *desc, struct slice bytes, void *message,
                         const struct wire_why *why)
{
    struct wire_reader r = {bytes};
    memset(message, 0, desc->size);
    int error = decode_map(desc, &r, message, why);
    if (!error && r.left.len)
        error = wire_refuse(why, MUSTER_EPROTO, NULL, "%zu bytes after its end", r.left.len);
    return error;
}

int wire_decode_detail(struct slice bytes, struct msg_detail *ret)
{
    const struct wire_desc *desc = &wire_descs[WIRE_NESTED_DETAIL];
    struct msg_detail detail;
    int error = decode_nested(desc, bytes, &detail, &(struct wire_why){desc->name, NULL, 0});
    if (!error)
        *ret = detail;
    return error;
}

int wire_decode_schedule(struct slice bytes, struct msg_schedule *ret, char *why, size_t why_size)
{
    const struct wire_desc *desc = &wire_descs[WIRE_NESTED_SCHEDULE];
    return decode_nested(desc, bytes, ret, &(struct wire_why){desc->name, why, why_size});
}
