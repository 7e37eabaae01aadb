/* msg.h: the messages of messages.def as C structs. Slices borrow: from the frame after decoding,
 * from the caller before encoding. */
#ifndef PROTO_MSG_H
#define PROTO_MSG_H

#include "base/job_state.h"
#include "base/limits.h"
#include "base/schedule.h"
#include "base/slice.h"

/* An array of strings as it lies in the frame (decoded) or as the caller has it (to encode: items
 * is set). */
struct strs {
    const struct slice *items; /* to encode; NULL in decoded messages */
    struct slice raw;          /* decoded: the entries, still as msgpack */
    uint32_t count;
};

typedef uint64_t msg_NUM;
typedef struct slice msg_STR, msg_BIN, msg_COL8, msg_COL32, msg_COL64;
typedef struct strs msg_STRS;

enum msg_type {
    MSG_NONE = 0,
#define MESSAGE(symbol, type, name) MSG_##symbol = (type),
#include "messages.def"
    MSG_TYPE_MAX = 64
};

/* `has` has the bit of each field's key: set by decoding; to encode, OPT fields go out when they
 * are not 0 or empty, or when their bit is set. */
#define MESSAGE(symbol, type, name)                                                                \
    struct msg_##name {                                                                            \
        uint64_t has;
#define NESTED(symbol, name)                            MESSAGE(symbol, 0, name)
#define FIELD(name, key, kind, field, need, max, about) msg_##kind field;
#define MESSAGE_END(name)                                                                          \
    }                                                                                              \
    ;
#include "messages.def"

enum hello_role { ROLE_WORKER = 1, ROLE_CLIENT = 2 };
enum parked_action { PARKED_RETRY = 1, PARKED_DELETE = 2 };

/* The keys, as KEY_submit_priority, and their bits in `has`. */
enum {
#define FIELD(name, key, kind, field, need, max, about) KEY_##name##_##field = (key),
#include "messages.def"
};
#define MSG_BIT(name, field) (UINT64_C(1) << KEY_##name##_##field)

/* One decoded message: the header and the struct for its type. */
struct msg {
    enum msg_type type;
    uint64_t request; /* the sender's number for this request; 0: no answer is matched */
    union {
#define MESSAGE(symbol, type, name) struct msg_##name name;
#include "messages.def"
    };
};

const char *msg_type_name(enum msg_type type); /* "SUBMIT"; "?" for an unknown one */

#endif
