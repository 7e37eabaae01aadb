/* msg.h: the messages of messages.def as C structs. Slices borrow: from the frame after decoding, from the caller before
 * encoding. */
#ifndef PROTO_MSG_H
#define PROTO_MSG_H

#include "base/limits.h"
#include "base/slice.h"

/* An array of strings as it lies in the frame (decoded) or as the caller has it (to encode: items is set). */
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
#define NESTED(symbol, name)
#define FIELD(name, key, kind, field, need, max, about)
#define MESSAGE_END(name)
#include "messages.def"
#undef MESSAGE
#undef NESTED
#undef FIELD
#undef MESSAGE_END
    MSG_TYPE_MAX = 64
};

/* `has` has the bit of each field's key: set by decoding; to encode, OPT fields go out when they are not 0 or empty, or
 * when their bit is set. */
#define MESSAGE(symbol, type, name)                                                                \
    struct msg_##name {                                                                            \
        uint64_t has;
#define NESTED(symbol, name)                                                                       \
    struct msg_##name {                                                                            \
        uint64_t has;
#define FIELD(name, key, kind, field, need, max, about) msg_##kind field;
#define MESSAGE_END(name)                                                                          \
    }                                                                                              \
    ;
#include "messages.def"
#undef MESSAGE
#undef NESTED
#undef FIELD
#undef MESSAGE_END

#define MSG_HAS(message, key) (((message)->has >> (key)) & 1u)

/* What became of a run, in RESULTS.outcomes. */
enum outcome {
    OUTCOME_COMPLETED,
    OUTCOME_FAILED,    /* counts against max_attempts; retried after the backoff, or parked */
    OUTCOME_PARKED,    /* the handler gave up: parked now */
    OUTCOME_DISCARDED, /* ends as cancelled, code `discarded` */
    OUTCOME_SNOOZED,   /* again later at no cost */
    OUTCOME_RELEASED,  /* not run, or not to its end: ready again at no cost */
    OUTCOME_CANCELLED, /* stopped because CANCEL asked for it */
    OUTCOME_TIMEOUT,   /* a failure: run_timeout was over */
    OUTCOME_COUNT
};

/* SUBMIT_ACK.outcomes */
enum submit_outcome { SUBMIT_NEW, SUBMIT_DUPLICATE, SUBMIT_CONFLICT, SUBMIT_OUTCOME_COUNT };

/* Job states as they are stored, told in DONE and named in JSON. In doubt is no stored state. */
enum job_state {
    JOB_SCHEDULED,
    JOB_READY,
    JOB_RUNNING,
    JOB_COMPLETED,
    JOB_CANCELLED,
    JOB_EXPIRED,
    JOB_PARKED,
    JOB_STATE_COUNT
};

/* One decoded message: the header and the struct for its type. */
struct msg {
    enum msg_type type;
    uint64_t request; /* the sender's number for this request; 0: no answer is matched */
    union {
#define MESSAGE(symbol, type, name) struct msg_##name name;
#define NESTED(symbol, name)
#define FIELD(name, key, kind, field, need, max, about)
#define MESSAGE_END(name)
#include "messages.def"
#undef MESSAGE
#undef NESTED
#undef FIELD
#undef MESSAGE_END
    };
};

const char *msg_type_name(enum msg_type type); /* "SUBMIT"; "?" for an unknown one */
const char *job_state_name(enum job_state state);
/* MUSTER_EINVAL when `name` is none. */
int job_state_parse(struct slice name, enum job_state *ret);

#endif
