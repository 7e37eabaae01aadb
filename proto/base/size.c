/* size.c: "256KiB" to bytes and back. */
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"

static const struct unit {
    const char *name;
    uint64_t bytes;
} units[] = {
    {"TiB", 1ull << 40},      {"GiB", 1ull << 30},   {"MiB", 1ull << 20}, {"KiB", 1ull << 10},
    {"TB", 1000000000000ull}, {"GB", 1000000000ull}, {"MB", 1000000ull},  {"kB", 1000ull},
    {"KB", 1000ull},          {"B", 1ull},           {"", 1ull},
};

#define UNIT_COUNT   (sizeof(units) / sizeof(units[0]))
#define BINARY_UNITS 4

int size_parse(const char *text, uint64_t *ret_bytes)
{
    uint64_t value = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return MUSTER_EINVAL;
    }
    if (p == text)
        return MUSTER_EINVAL;
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (strcmp(p, units[i].name) == 0) {
            if (__builtin_mul_overflow(value, units[i].bytes, &value))
                return MUSTER_EINVAL;
            *ret_bytes = value;
            return 0;
        }
    }
    return MUSTER_EINVAL;
}

/* In the largest binary unit that is not above the value: whole where it is exact, else with one
 * decimal. */
void size_format(uint64_t bytes, char *out, size_t out_size)
{
    size_t i = 0;
    while (i < BINARY_UNITS && bytes < units[i].bytes)
        i++;
    if (i == BINARY_UNITS) {
        snprintf(out, out_size, "%lluB", (unsigned long long)bytes);
        return;
    }
    uint64_t whole = bytes / units[i].bytes, rest = bytes % units[i].bytes;
    if (rest == 0)
        snprintf(out, out_size, "%llu%s", (unsigned long long)whole, units[i].name);
    else
        snprintf(out, out_size, "%llu.%u%s", (unsigned long long)whole,
                 (unsigned)(rest * 10 / units[i].bytes), units[i].name);
}
