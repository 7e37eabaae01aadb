/* clean.c: UTF-8 without NUL, and one line without control characters. */
#include "clean.h"

#include "utf8.h"

static const char replacement[] = "\xEF\xBF\xBD";

size_t clean_text(struct slice in, char *out, size_t out_size)
{
    size_t at = 0;

    while (in.len) {
        size_t n = utf8_sequence(in), add = n;
        const void *from = in.data;

        if (n == 0 || *in.data == 0) {
            n = 1;
            add = sizeof replacement - 1;
            from = replacement;
        }
        if (at + add + 1 > out_size)
            break;
        memcpy(out + at, from, add);
        at += add;
        in.data += n;
        in.len -= n;
    }
    out[at] = 0;
    return at;
}

static bool is_blank(uint8_t c)
{
    return c <= ' ' || c == 0x7f;
}

size_t clean_line(struct slice in, char *out, size_t out_size)
{
    size_t len;

    while (in.len && is_blank(in.data[0])) {
        in.data++;
        in.len--;
    }
    while (in.len && is_blank(in.data[in.len - 1]))
        in.len--;
    len = clean_text(in, out, out_size);
    for (size_t i = 0; i < len; i++)
        if (is_blank((uint8_t)out[i]))
            out[i] = ' ';
    return len;
}
