/* cancel_cursor.c: version, half, priority, lane, sequence number, highest id; little-endian. */
#include "run/cancel_cursor.h"

#include "base/err.h"

#define VERSION 1

static uint8_t *put(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *to++ = (uint8_t)(value >> (8 * i));
    return to;
}

void cancel_cursor_encode(const struct match_at *at, uint64_t upto,
                          uint8_t ret[CANCEL_CURSOR_BYTES])
{
    ret = put(ret, VERSION, 1);
    ret = put(ret, at->by_id, 1);
    ret = put(ret, at->priority, 1);
    ret = put(ret, at->lane, 4);
    ret = put(ret, at->seq, 8);
    put(ret, upto, 8);
}

int cancel_cursor_decode(struct slice bytes, struct match_at *ret_at, uint64_t *ret_upto)
{
    const uint8_t *p = bytes.data;
    if (bytes.len != CANCEL_CURSOR_BYTES || p[0] != VERSION || p[1] > 1 || p[2] > PRIORITY_COUNT)
        return MUSTER_EINVAL;
    *ret_at = (struct match_at){.by_id = p[1],
                                .priority = p[2],
                                .lane = slice_u32_at(slice_of(p + 3, 4), 0),
                                .seq = slice_u64_at(slice_of(p + 7, 8), 0)};
    *ret_upto = slice_u64_at(slice_of(p + 15, 8), 0);
    return *ret_upto ? 0 : MUSTER_EINVAL;
}
