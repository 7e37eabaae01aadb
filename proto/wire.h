/* wire.h: bytes to messages and back. wire.c is the only file that sees msgpack.h.
 *
 * A frame is one msgpack array of four: [type, version, request, {key: value, ...}]. Decoding
 * allocates nothing, borrows from the frame, and checks every length against what is left before it
 * is used. */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "msg.h"

/* 0; MUSTER_EPROTO, MUSTER_EVERSION, MUSTER_EUNKNOWN_TYPE, MUSTER_EUNKNOWN_FIELD, MUSTER_ETOOBIG.
 * On an error `why` (not NULL, at least 128 bytes) names the field and the rule, and msg->type and
 * msg->request are set as far as they were read, so that an answer is possible. Columns are checked
 * against `count` where the message has one, and the sums of length columns against their bins. */
int wire_decode(struct slice frame, struct msg *msg, char *why, size_t why_size) MUSTER_MUSTCHECK;

/* Appends the frame to `out`. 0 or the buffer's error. Never fails for want of validity: what the
 * sender fills in is the sender's own. */
int wire_encode(struct buf *out, const struct msg *msg) MUSTER_MUSTCHECK;

/* A DETAIL map (a cell of a details column), without array or header; *ret is untouched after an
 * error. */
int wire_decode_detail(struct slice bytes, struct msg_detail *ret) MUSTER_MUSTCHECK;
int wire_encode_detail(struct buf *out, const struct msg_detail *detail) MUSTER_MUSTCHECK;

/* A SCHEDULE map (a cell of SCHEDULE_PUT's schedules). `why` as for wire_decode, or NULL. After an
 * error *ret has what was read before it. */
int wire_decode_schedule(struct slice bytes, struct msg_schedule *ret, char *why,
                         size_t why_size) MUSTER_MUSTCHECK;
int wire_encode_schedule(struct buf *out, const struct msg_schedule *schedule) MUSTER_MUSTCHECK;

/* Entry `index` of a decoded or to-be-encoded STRS; empty when out of range. O(index) on a decoded
 * one. */
struct slice strs_at(const struct strs *strs, uint32_t index);
/* Walks a decoded STRS: start with *cursor = 0; false at the end. */
bool strs_next(const struct strs *strs, size_t *cursor, struct slice *ret);

/* ---- one value: for bodies, args and results ---- */

/* 0 when `bytes` is exactly one well-formed msgpack value, nested at most 32 deep, without ext
 * types; else MUSTER_EPROTO. */
int wire_value_check(struct slice bytes) MUSTER_MUSTCHECK;

/* Pull reader over msgpack that is not trusted. Every call checks what is left. */
enum wire_kind {
    WIRE_NIL,
    WIRE_BOOL,
    WIRE_UINT,
    WIRE_INT,
    WIRE_FLOAT,
    WIRE_STR,
    WIRE_BIN,
    WIRE_ARRAY,
    WIRE_MAP
};

struct wire_token {
    enum wire_kind kind;
    union {
        bool boolean;
        uint64_t uint; /* WIRE_UINT: not negative */
        int64_t sint;  /* WIRE_INT: negative */
        double real;
        struct slice bytes; /* STR, BIN */
        uint32_t count;     /* ARRAY: entries that follow; MAP: pairs */
    };
};

struct wire_reader {
    struct slice left;
};

/* 0, or MUSTER_EPROTO at the end or at anything malformed. Containers: their entries are read by
 * the next calls. */
int wire_read(struct wire_reader *r, struct wire_token *ret) MUSTER_MUSTCHECK;
/* Passes over one whole value and returns its bytes. */
int wire_skip(struct wire_reader *r, struct slice *ret_bytes) MUSTER_MUSTCHECK;

/* Writers append to a buf; errors stay in buf->error. */
void wire_nil(struct buf *out);
void wire_bool(struct buf *out, bool value);
void wire_uint(struct buf *out, uint64_t value);
void wire_int(struct buf *out, int64_t value);
void wire_float(struct buf *out, double value);
void wire_str(struct buf *out, struct slice text);
void wire_cstr(struct buf *out, const char *text); /* NULL becomes nil */
void wire_bin(struct buf *out, struct slice bytes);
void wire_array(struct buf *out, uint32_t count);
void wire_map(struct buf *out, uint32_t pairs);
void wire_raw(struct buf *out, struct slice value); /* one value that is msgpack already */

#endif
