/* duration.c: "1h30m" to milliseconds and back. */
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"

static const struct unit {
    const char *name;
    uint64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

/* Reads digits; NULL when there are none or they do not fit. */
static const char *digits(const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return NULL;
    }
    *ret = value;
    return p == text ? NULL : p;
}

int duration_parse(const char *text, uint64_t *ret_ms)
{
    uint64_t total = 0;
    size_t next = 0; /* units before this one are used up */
    const char *p = text;
    do {
        uint64_t value;
        p = digits(p, &value);
        if (!p)
            return MUSTER_EINVAL;
        size_t letters = strspn(p, "dhms");
        size_t unit = next;
        while (unit < UNIT_COUNT && !slice_is(slice_of(p, letters), units[unit].name))
            unit++;
        if (unit == UNIT_COUNT || __builtin_mul_overflow(value, units[unit].ms, &value) ||
            __builtin_add_overflow(total, value, &total))
            return MUSTER_EINVAL;
        next = unit + 1;
        p += letters;
    } while (*p);
    *ret_ms = total;
    return 0;
}

/* The shortest form that duration_parse reads back to the same value. */
void duration_format(uint64_t ms, char out[DURATION_TEXT_BYTES])
{
    size_t used = 0;
    snprintf(out, DURATION_TEXT_BYTES, "0ms");
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        uint64_t value = ms / units[i].ms;
        ms %= units[i].ms;
        if (value) {
            int n = snprintf(out + used, DURATION_TEXT_BYTES - used, "%llu%s",
                             (unsigned long long)value, units[i].name);
            used += (size_t)n;
        }
    }
}
