/* codec.c: the frame around every record. */
#include "store/codec.h"

#include "base/crc32c.h"

int frame_begin(struct buf *b, size_t bound, struct enc *ret)
{
    buf_reset(b);
    uint8_t *place = buf_reserve(b, bound + FRAME_OVERHEAD);
    if (!place)
        return b->error;
    place[0] = FRAME_VERSION;
    ret->at = place + FRAME_OVERHEAD;
    return 0;
}

/* It goes over the table and key as well: a record in the wrong place is damage, too. */
static uint32_t checksum(enum table table, struct slice key, const uint8_t *content, size_t len)
{
    uint8_t head[2] = {FRAME_VERSION, (uint8_t)table};
    uint32_t crc = crc32c(0, head, sizeof(head));
    crc = crc32c(crc, key.data, key.len);
    return crc32c(crc, content, len);
}

void frame_end(struct buf *b, const struct enc *e, enum table table, struct slice key)
{
    b->len = (size_t)(e->at - b->data);
    struct enc sum = {b->data + 1};
    enc_u32(&sum, checksum(table, key, b->data + FRAME_OVERHEAD, b->len - FRAME_OVERHEAD));
}

bool frame_open(enum table table, struct slice key, struct slice value, struct dec *ret)
{
    if (value.len < FRAME_OVERHEAD || value.data[0] != FRAME_VERSION)
        return false;
    struct slice content = slice_of(value.data + FRAME_OVERHEAD, value.len - FRAME_OVERHEAD);
    *ret = dec_of(content);
    struct slice stored = slice_of(value.data + 1, 4);
    return slice_u32_at(stored, 0) == checksum(table, key, content.data, content.len);
}
