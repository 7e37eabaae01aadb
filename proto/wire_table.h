/* wire_table.h: messages.def as data, for the codec, its checks and its tests. */
#ifndef PROTO_WIRE_TABLE_H
#define PROTO_WIRE_TABLE_H

#include "base/err.h"
#include "msg.h"

enum wire_field_kind {
    FIELD_NUM,
    FIELD_STR,
    FIELD_BIN,
    FIELD_STRS,
    FIELD_COL8,
    FIELD_COL32,
    FIELD_COL64,
    FIELD_KIND_COUNT
};

struct wire_field {
    const char *name;
    uint64_t max;    /* as in messages.def */
    uint16_t offset; /* in the message's struct */
    uint8_t key;
    uint8_t kind; /* enum wire_field_kind */
    bool required;
};

struct wire_desc {
    const char *name; /* NULL: no such message */
    const struct wire_field *fields;
    size_t field_count;
    size_t size;       /* of the message's struct */
    uint64_t required; /* bits of the keys that must be there */
};

/* Message types, then the nested maps. */
enum {
    WIRE_NESTED_DETAIL = MSG_TYPE_MAX,
    WIRE_NESTED_SCHEDULE,
    WIRE_DESC_COUNT,
};
extern const struct wire_desc wire_descs[WIRE_DESC_COUNT];

/* Bytes of one entry of a column; 0 for other kinds. */
size_t wire_column_width(uint8_t kind);
/* A failed check of a decoded message writes the reason here. */
struct wire_why {
    const char *message; /* its name */
    char *text;          /* NULL: nobody asks */
    size_t size;
};
/* Writes "MESSAGE: field: rule" and returns `error`. */
int wire_refuse(const struct wire_why *why, int error, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What no single field shows: columns against count, lengths against their bin, ranges of codes.
 * `message` is the message's struct. 0, MUSTER_EPROTO or MUSTER_ETOOBIG. */
int wire_check(enum msg_type type, const void *message,
               const struct wire_why *why) MUSTER_MUSTCHECK;

#endif
