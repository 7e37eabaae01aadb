/* cron_next.c: from a time to the next and the previous one, field by field. A month's days are
 * worked out at once, as bits; then the nearest bits are taken. */
#include "base/civil.h"
#include "scheduler/cron.h"

#define ALL_MONTHS  0x1ffeu /* bits 1 to 12 */
#define REACH       (INT64_C(1) << 50)
#define YEARS       400 /* after these the calendar repeats */
#define WEEK        7
#define EVERY_WEEK  UINT64_C(0x10204081) /* bits 0, 7, 14, 21, 28 */
#define HOUR        3600
#define MINUTE      60
#define SATURDAY    6
#define LAST_SECOND (CIVIL_DAY_SECONDS - 1)

/* Lowest and highest place of a set that is not empty. */
static int lowest(uint64_t bits)
{
    return __builtin_ctzll(bits);
}

static int highest(uint64_t bits)
{
    return 63 - __builtin_clzll(bits);
}

/* Those at or above a place, and those at or below it; 0 to 63. */
static uint64_t from(uint64_t bits, int place)
{
    return bits & (UINT64_MAX << place);
}

static uint64_t upto(uint64_t bits, int place)
{
    return bits & (UINT64_MAX >> (63 - place));
}

/* ---- days of a month ---- */

/* Seven weekdays, from that of `first` on instead of from Sunday. */
static uint64_t week_from(uint64_t weekdays, int first)
{
    return (weekdays >> first | weekdays << (WEEK - first)) & 0x7f;
}

/* `first` is the weekday of the month's first day, `count` its days. */
static uint64_t weekday_days(const struct cron *c, int first, int count)
{
    uint64_t days = week_from(c->weekdays, first) * EVERY_WEEK << 1;
    for (int nth = 0; c->nth_weekdays >> nth; nth += WEEK)
        days |= week_from(c->nth_weekdays >> nth & 0x7f, first) << (nth + 1);
    if (c->last_weekdays)
        days |= week_from(c->last_weekdays, (first + count) % WEEK) << (count - WEEK + 1);
    return days;
}

/* The working day (Monday to Friday) nearest to a day, in the same month. */
static int nearest_working_day(int day, int first, int count)
{
    int weekday = (first + day - 1) % WEEK;
    if (weekday == SATURDAY)
        return day == 1 ? day + 2 : day - 1;
    if (weekday == 0)
        return day == count ? day - 2 : day + 1;
    return day;
}

static uint64_t special_days(const struct cron *c, int first, int count)
{
    uint64_t days = 0;
    for (uint64_t left = c->before_last; left; left &= left - 1)
        if (lowest(left) < count)
            days |= UINT64_C(1) << (count - lowest(left));
    for (uint64_t left = upto(c->nearest, count); left; left &= left - 1)
        days |= UINT64_C(1) << nearest_working_day(lowest(left), first, count);
    if (c->last_working_day) {
        int weekday = (first + count - 1) % WEEK;
        int back = weekday == SATURDAY ? 1 : weekday == 0 ? 2 : 0;
        days |= UINT64_C(1) << (count - back);
    }
    return days;
}

/* The days of a month that fit, from bit 1 on. */
static uint64_t month_days(const struct cron *c, int64_t year, int month)
{
    int count = civil_month_days(year, month);
    uint64_t all = (UINT64_C(2) << count) - 2;
    if (!(c->months >> month & 1))
        return 0;
    if (!c->days_restricted && !c->weekdays_restricted)
        return all;
    int first = civil_weekday(civil_days((struct civil_date){year, month, 1}));
    uint64_t weekdays = c->weekdays_restricted ? weekday_days(c, first, count) : 0;
    uint64_t days = c->days_restricted ? c->days | special_days(c, first, count) : 0;
    return (days | weekdays) & all;
}

/* ---- times of a day ---- */

static int time_of(int hour, int minute, int second)
{
    return hour * HOUR + minute * MINUTE + second;
}

/* The first time of day at or after `second_of_day`, or -1. */
static int time_from(const struct cron *c, int second_of_day)
{
    int hour = second_of_day / HOUR, minute = second_of_day / MINUTE % 60;
    uint64_t seconds = from(c->seconds, second_of_day % MINUTE);
    uint64_t minutes = from(c->minutes, minute), hours = from(c->hours, hour);
    if (hours >> hour & 1) {
        if (minutes >> minute & 1) {
            if (seconds)
                return time_of(hour, minute, lowest(seconds));
            minutes &= minutes - 1;
        }
        if (minutes)
            return time_of(hour, lowest(minutes), lowest(c->seconds));
        hours &= hours - 1;
    }
    return hours ? time_of(lowest(hours), lowest(c->minutes), lowest(c->seconds)) : -1;
}

/* The last time of day at or before `second_of_day`, or -1. */
static int time_upto(const struct cron *c, int second_of_day)
{
    int hour = second_of_day / HOUR, minute = second_of_day / MINUTE % 60;
    uint64_t seconds = upto(c->seconds, second_of_day % MINUTE);
    uint64_t minutes = upto(c->minutes, minute), hours = upto(c->hours, hour);
    if (hours >> hour & 1) {
        if (minutes >> minute & 1) {
            if (seconds)
                return time_of(hour, minute, highest(seconds));
            minutes ^= UINT64_C(1) << minute;
        }
        if (minutes)
            return time_of(hour, highest(minutes), highest(c->seconds));
        hours ^= UINT64_C(1) << hour;
    }
    return hours ? time_of(highest(hours), highest(c->minutes), highest(c->seconds)) : -1;
}

/* ---- from day to day ---- */

static bool every_day(const struct cron *c)
{
    return !c->days_restricted && !c->weekdays_restricted && c->months == ALL_MONTHS;
}

static bool fits_day(const struct cron *c, int64_t day)
{
    if (every_day(c))
        return true;
    struct civil_date date = civil_date_of(day);
    return month_days(c, date.year, date.month) >> date.day & 1;
}

static int64_t day_of(struct civil_date month, int day)
{
    month.day = day;
    return civil_days(month);
}

static bool day_after(const struct cron *c, int64_t day, int64_t *ret)
{
    struct civil_date date = civil_date_of(day + 1);
    int64_t last_year = date.year + YEARS;
    uint64_t days = from(month_days(c, date.year, date.month), date.day);
    while (!days) {
        uint64_t months = from(c->months, date.month + 1);
        date.year += !months;
        date.month = lowest(months ? months : c->months);
        if (date.year > last_year)
            return false;
        days = month_days(c, date.year, date.month);
    }
    *ret = day_of(date, lowest(days));
    return true;
}

static bool day_before(const struct cron *c, int64_t day, int64_t *ret)
{
    struct civil_date date = civil_date_of(day - 1);
    int64_t last_year = date.year - YEARS;
    uint64_t days = upto(month_days(c, date.year, date.month), date.day);
    while (!days) {
        uint64_t months = upto(c->months, date.month - 1);
        date.year -= !months;
        date.month = highest(months ? months : c->months);
        if (date.year < last_year)
            return false;
        days = month_days(c, date.year, date.month);
    }
    *ret = day_of(date, highest(days));
    return true;
}

bool cron_next(const struct cron *c, int64_t after, int64_t *ret)
{
    if (after < -REACH || after > REACH)
        return false;
    int64_t day = civil_floor_div(after + 1, CIVIL_DAY_SECONDS);
    int time = time_from(c, (int)(after + 1 - day * CIVIL_DAY_SECONDS));
    if (time < 0 || !fits_day(c, day)) {
        if (!day_after(c, day, &day))
            return false;
        time = time_from(c, 0);
    }
    *ret = day * CIVIL_DAY_SECONDS + time;
    return true;
}

bool cron_previous(const struct cron *c, int64_t before, int64_t *ret)
{
    if (before < -REACH || before > REACH)
        return false;
    int64_t day = civil_floor_div(before - 1, CIVIL_DAY_SECONDS);
    int time = time_upto(c, (int)(before - 1 - day * CIVIL_DAY_SECONDS));
    if (time < 0 || !fits_day(c, day)) {
        if (!day_before(c, day, &day))
            return false;
        time = time_upto(c, LAST_SECOND);
    }
    *ret = day * CIVIL_DAY_SECONDS + time;
    return true;
}

bool cron_matches(const struct cron *c, int64_t local)
{
    int64_t next;
    return cron_next(c, local - 1, &next) && next == local;
}
