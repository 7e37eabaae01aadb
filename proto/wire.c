/* wire.c: messages to bytes, with msgpack-c's packer. The only file that sees msgpack.h. */
#include "wire.h"

#include <msgpack.h>

#include "wire_table.h"

/* The buffer keeps its own error, so that a caller may look once, at the end. */
static int append(void *data, const char *bytes, size_t len)
{
    return buf_append(data, bytes, len);
}

static msgpack_packer packer(struct buf *out)
{
    return (msgpack_packer){out, append};
}

void wire_nil(struct buf *out)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_nil(&pk);
}

void wire_bool(struct buf *out, bool value)
{
    msgpack_packer pk = packer(out);
    if (value)
        msgpack_pack_true(&pk);
    else
        msgpack_pack_false(&pk);
}

void wire_uint(struct buf *out, uint64_t value)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_uint64(&pk, value);
}

void wire_int(struct buf *out, int64_t value)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_int64(&pk, value);
}

void wire_float(struct buf *out, double value)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_double(&pk, value);
}

/* Bytes beyond 4 GiB have no place in msgpack. */
static bool fits(struct buf *out, struct slice bytes)
{
    if (bytes.len > UINT32_MAX && !out->error)
        out->error = MUSTER_ETOOBIG;
    return !out->error;
}

void wire_str(struct buf *out, struct slice text)
{
    msgpack_packer pk = packer(out);
    if (!fits(out, text))
        return;
    msgpack_pack_str(&pk, text.len);
    (void)buf_append(out, text.data, text.len);
}

void wire_cstr(struct buf *out, const char *text)
{
    if (text)
        wire_str(out, slice_str(text));
    else
        wire_nil(out);
}

void wire_bin(struct buf *out, struct slice bytes)
{
    msgpack_packer pk = packer(out);
    if (!fits(out, bytes))
        return;
    msgpack_pack_bin(&pk, bytes.len);
    (void)buf_append(out, bytes.data, bytes.len);
}

void wire_array(struct buf *out, uint32_t count)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_array(&pk, count);
}

void wire_map(struct buf *out, uint32_t pairs)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_map(&pk, pairs);
}

void wire_raw(struct buf *out, struct slice value)
{
    (void)buf_append(out, value.data, value.len);
}

static bool is_sent(const struct wire_field *field, const uint8_t *message)
{
    uint64_t has;
    memcpy(&has, message, sizeof(has));
    if (field->required || has >> field->key & 1)
        return true;
    const void *at = message + field->offset;
    if (field->kind == FIELD_NUM)
        return *(const msg_NUM *)at != 0;
    if (field->kind == FIELD_STRS)
        return ((const struct strs *)at)->count != 0;
    return ((const struct slice *)at)->len != 0;
}

static void encode_strs(struct buf *out, const struct strs *strs)
{
    wire_array(out, strs->count);
    if (!strs->items)
        wire_raw(out, strs->raw);
    for (uint32_t i = 0; strs->items && i < strs->count; i++)
        wire_str(out, strs->items[i]);
}

static void encode_field(struct buf *out, const struct wire_field *field, const uint8_t *message)
{
    const void *at = message + field->offset;
    wire_uint(out, field->key);
    switch (field->kind) {
    case FIELD_NUM:
        wire_uint(out, *(const msg_NUM *)at);
        break;
    case FIELD_STR:
        wire_str(out, *(const struct slice *)at);
        break;
    case FIELD_STRS:
        encode_strs(out, at);
        break;
    default:
        wire_bin(out, *(const struct slice *)at);
        break;
    }
}

static void encode_map(struct buf *out, const struct wire_desc *desc, const uint8_t *message)
{
    uint32_t pairs = 0;
    for (size_t i = 0; i < desc->field_count; i++)
        pairs += is_sent(&desc->fields[i], message);
    wire_map(out, pairs);
    for (size_t i = 0; i < desc->field_count; i++) {
        if (is_sent(&desc->fields[i], message))
            encode_field(out, &desc->fields[i], message);
    }
}

int wire_encode(struct buf *out, const struct msg *msg)
{
    wire_array(out, 4);
    wire_uint(out, (uint64_t)msg->type);
    wire_uint(out, PROTOCOL_VERSION);
    wire_uint(out, msg->request);
    encode_map(out, &wire_descs[msg->type], (const uint8_t *)msg + offsetof(struct msg, hello));
    return out->error;
}

int wire_encode_detail(struct buf *out, const struct msg_detail *detail)
{
    encode_map(out, &wire_descs[WIRE_NESTED_DETAIL], (const uint8_t *)detail);
    return out->error;
}

int wire_encode_schedule(struct buf *out, const struct msg_schedule *schedule)
{
    encode_map(out, &wire_descs[WIRE_NESTED_SCHEDULE], (const uint8_t *)schedule);
    return out->error;
}
