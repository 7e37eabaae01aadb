/* wire_table.c: the rows made from messages.def. */
#include "wire_table.h"

#define NEED_REQ 1
#define NEED_OPT 0

#define MESSAGE(symbol, type, name) static const struct wire_field fields_##name[] = {
#define NESTED(symbol, name)        MESSAGE(symbol, 0, name)
#define FIELD(name, key, kind, field, need, max, about)                                            \
    {#field, max, offsetof(struct msg_##name, field), key, FIELD_##kind, NEED_##need},
/* The row at the end keeps the array of a message without fields from being empty; it is not
 * counted. */
#define MESSAGE_END(name)                                                                          \
    {                                                                                              \
        0                                                                                          \
    }                                                                                              \
    }                                                                                              \
    ;
#include "messages.def"

#define ROW(symbol, name)                                                                          \
    {                                                                                              \
#symbol, fields_##name, sizeof(fields_##name) / sizeof(fields_##name[0]) - 1,              \
            sizeof(struct msg_##name), 0
#define MESSAGE(symbol, type, name)                     [MSG_##symbol] = ROW(symbol, name)
#define NESTED(symbol, name)                            [WIRE_NESTED_##symbol] = ROW(symbol, name)
#define FIELD(name, key, kind, field, need, max, about) | (uint64_t)NEED_##need << (key)
#define MESSAGE_END(name)                                                                          \
    }                                                                                              \
    ,
const struct wire_desc wire_descs[WIRE_DESC_COUNT] = {
#include "messages.def"
};

/* A key is a bit of `has`. */
#define MESSAGE(symbol, type, name)                                                                \
    _Static_assert((type) > 0 && (type) < MSG_TYPE_MAX, "type of " #symbol);
#define FIELD(name, key, kind, field, need, max, about)                                            \
    _Static_assert((key) > 0 && (key) < 64, "key of " #name "." #field);
#include "messages.def"

size_t wire_column_width(uint8_t kind)
{
    static const uint8_t widths[FIELD_KIND_COUNT] = {
        [FIELD_COL8] = 1, [FIELD_COL32] = 4, [FIELD_COL64] = 8};
    return kind < FIELD_KIND_COUNT ? widths[kind] : 0;
}
