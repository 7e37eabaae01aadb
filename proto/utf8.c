/* utf8.c: checks UTF-8, ASCII eight bytes at a time. */
#include "utf8.h"

static bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t utf8_sequence(struct slice text)
{
    const uint8_t *p = text.data;
    if (text.len == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size_t need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (text.len < need)
        return 0;
    /* The second byte's range keeps out overlong forms, surrogates and what lies above U+10FFFF. */
    uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++) {
        if (!is_tail(p[i]))
            return 0;
    }
    return need;
}

/* True when eight bytes are all ASCII and none is NUL. */
static bool plain(uint64_t word)
{
    uint64_t high_bits = 0x8080808080808080u;
    return ((word | (word - 0x0101010101010101u)) & high_bits) == 0;
}

bool utf8_is_text(struct slice text)
{
    size_t at = 0;
    while (at < text.len) {
        if (text.len - at >= 8 && plain(slice_u64_at(slice_of(text.data + at, 8), 0))) {
            at += 8;
            continue;
        }
        size_t length = utf8_sequence(slice_of(text.data + at, text.len - at));
        if (length == 0 || text.data[at] == '\0')
            return false;
        at += length;
    }
    return true;
}
