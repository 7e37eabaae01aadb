/* job_id.c: job ids as people see them. 13 digits of 5 bits hold 65 bits: the first digit is at
 * most `f`. */
#include "base/err.h"
#include "base/text.h"

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

void job_id_format(uint64_t id, char out[JOB_ID_TEXT_BYTES])
{
    for (size_t i = JOB_ID_TEXT_BYTES - 1; i-- > 0; id >>= 5)
        out[i] = digits[id & 31];
    out[JOB_ID_TEXT_BYTES - 1] = '\0';
}

/* 0 to 31, or 32 for what is no digit. */
static unsigned digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    if (c == 'o')
        c = '0';
    else if (c == 'i' || c == 'l')
        c = '1';
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (unsigned)(at - digits) : 32;
}

/* Exactly 13 digits that fit 64 bits; else MUSTER_EINVAL. */
int job_id_parse(const char *text, uint64_t *ret_id)
{
    uint64_t id = 0;
    size_t i = 0;
    for (; text[i] && i < JOB_ID_TEXT_BYTES - 1; i++) {
        unsigned value = digit_value(text[i]);
        if (value > 31 || id >> 59)
            return MUSTER_EINVAL;
        id = id << 5 | value;
    }
    if (i != JOB_ID_TEXT_BYTES - 1 || text[i])
        return MUSTER_EINVAL;
    *ret_id = id;
    return 0;
}
