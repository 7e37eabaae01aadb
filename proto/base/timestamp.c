/* timestamp.c: RFC 3339 times, in the proleptic Gregorian calendar, without the C library's time
 * zones. */
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"

#define DAY_MS      86400000ull
#define LAST_TIME   253402300799999ull /* 9999-12-31T23:59:59.999Z */
#define ERA_DAYS    146097             /* days in 400 years */
#define EPOCH_SHIFT 719468             /* days from 0000-03-01 to 1970-01-01 */

/* Days since 1970-01-01 of a date from year 0 on. Years begin in March here, so that leap days come
 * last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           EPOCH_SHIFT;
}

static void date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = days + EPOCH_SHIFT;
    int64_t era = z / ERA_DAYS;
    int64_t day_of_era = z - era * ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *ret_month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

/* Times after the year 9999 are written as its last millisecond. */
void time_format(uint64_t unix_ms, char out[TIME_TEXT_BYTES])
{
    if (unix_ms > LAST_TIME)
        unix_ms = LAST_TIME;
    int year, month, day;
    date_from_days((int64_t)(unix_ms / DAY_MS), &year, &month, &day);
    unsigned ms = (unsigned)(unix_ms % DAY_MS);
    char text[96]; /* room for what the compiler thinks that ints could be */
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02u:%02u:%02u.%03uZ", year, month, day,
             ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
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

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
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
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return MUSTER_EINVAL;
    int64_t seconds =
        days_from_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - shift * 60;
    if (seconds < 0)
        return MUSTER_EINVAL;
    *ret_unix_ms = (uint64_t)seconds * 1000 + (uint64_t)ms;
    return 0;
}
