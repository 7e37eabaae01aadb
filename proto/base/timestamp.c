/* timestamp.c: RFC 3339 times, in the proleptic Gregorian calendar, without the C library's time
 * zones. */
#include <stdio.h>

#include "base/civil.h"
#include "base/err.h"
#include "base/text.h"

#define DAY_MS    86400000ull
#define LAST_TIME 253402300799999ull /* 9999-12-31T23:59:59.999Z */

/* Times after the year 9999 are written as its last millisecond. */
void time_format(uint64_t unix_ms, char out[TIME_TEXT_BYTES])
{
    if (unix_ms > LAST_TIME)
        unix_ms = LAST_TIME;
    struct civil_date date = civil_date_of((int64_t)(unix_ms / DAY_MS));
    unsigned ms = (unsigned)(unix_ms % DAY_MS);
    char text[96]; /* room for what the compiler thinks that ints could be */
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02u:%02u:%02u.%03uZ", (int)date.year, date.month,
             date.day, ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
    memcpy(out, text, TIME_TEXT_BYTES - 4);
    out[TIME_TEXT_BYTES - 4] = '\0';
}

/* Exactly `count` digits; moves *p behind them. */
static bool number(const char **p, int count, int *ret)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        char c = (*p)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *p += count;
    *ret = value;
    return true;
}

static bool literal(const char **p, const char *set)
{
    if (**p == '\0' || !strchr(set, **p))
        return false;
    (*p)++;
    return true;
}

/* ".123456" or nothing; digits beyond milliseconds are cut off. */
static bool fraction(const char **p, int *ret_ms)
{
    *ret_ms = 0;
    if (!literal(p, "."))
        return true;
    int scale = 100, digit;
    bool any = false;
    while (number(p, 1, &digit)) {
        *ret_ms += digit * scale;
        scale /= 10;
        any = true;
    }
    return any;
}

/* "Z", "+02:00", "-03:30". */
static bool offset(const char **p, int *ret_minutes)
{
    *ret_minutes = 0;
    if (literal(p, "Zz"))
        return true;
    int sign = **p == '-' ? -1 : 1, hours, minutes;
    if (!literal(p, "+-") || !number(p, 2, &hours) || !literal(p, ":") || !number(p, 2, &minutes))
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return hours <= 23 && minutes <= 59;
}

/* A leap second counts as the second after it; times before 1970 are refused. */
int time_parse(const char *text, uint64_t *ret_unix_ms)
{
    const char *p = text;
    int year, month, day, hour, minute, second, ms, shift;
    if (!number(&p, 4, &year) || !literal(&p, "-") || !number(&p, 2, &month) || !literal(&p, "-") ||
        !number(&p, 2, &day) || !literal(&p, "Tt ") || !number(&p, 2, &hour) || !literal(&p, ":") ||
        !number(&p, 2, &minute) || !literal(&p, ":") || !number(&p, 2, &second) ||
        !fraction(&p, &ms) || !offset(&p, &shift) || *p)
        return MUSTER_EINVAL;
    if (month < 1 || month > 12 || day < 1 || day > civil_month_days(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return MUSTER_EINVAL;
    int64_t seconds = civil_days((struct civil_date){year, month, day}) * CIVIL_DAY_SECONDS +
                      hour * 3600 + minute * 60 + second - shift * 60;
    if (seconds < 0)
        return MUSTER_EINVAL;
    *ret_unix_ms = (uint64_t)seconds * 1000 + (uint64_t)ms;
    return 0;
}
