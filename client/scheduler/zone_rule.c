/* zone_rule.c: POSIX TZ strings, with the hours of RFC 9636 (version 3). */
#include "scheduler/zone_rule.h"

#include <stdio.h>
#include <string.h>

#include "base/civil.h"

/* The first second of year 0 and the last of year 9999. */
#define FIRST_SECOND (-62167219200)
#define LAST_SECOND  253402300799
#define RULE_YEARS                                                                                 \
    5 /* that matter for one period: a change may lie seven days outside its year                  \
       */

/* ---- reading ---- */

static bool digit_at(struct slice s)
{
    return s.len > 0 && s.data[0] >= '0' && s.data[0] <= '9';
}

static bool letter_at(struct slice s)
{
    return s.len > 0 && ((s.data[0] | 0x20) >= 'a' && (s.data[0] | 0x20) <= 'z');
}

static bool sign_at(struct slice s)
{
    return s.len > 0 && (s.data[0] == '+' || s.data[0] == '-');
}

static uint8_t pop(struct slice *s)
{
    s->len--;
    return *s->data++;
}

static bool take(struct slice *s, char c)
{
    if (s->len == 0 || s->data[0] != c)
        return false;
    pop(s);
    return true;
}

/* A number of digits with the value min to max. */
static bool take_number(struct slice *s, int min, int max, int *ret)
{
    int value = 0;
    if (!digit_at(*s))
        return false;
    while (digit_at(*s)) {
        value = value * 10 + (pop(s) - '0');
        if (value > max)
            return false;
    }
    *ret = value;
    return value >= min;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_time(struct slice *s, int max_hours, int32_t *ret)
{
    bool negative = take(s, '-');
    if (!negative)
        take(s, '+');
    int hours, minutes = 0, seconds = 0;
    if (!take_number(s, 0, max_hours, &hours))
        return false;
    if (take(s, ':')) {
        if (!take_number(s, 0, 59, &minutes))
            return false;
        if (take(s, ':') && !take_number(s, 0, 59, &seconds))
            return false;
    }
    int32_t value = hours * 3600 + minutes * 60 + seconds;
    *ret = negative ? -value : value;
    return true;
}

/* CEST, or <+0530>. */
static bool take_abbreviation(struct slice *s, char ret[ZONE_ABBREVIATION_SIZE])
{
    bool quoted = take(s, '<');
    size_t len = 0;
    while (letter_at(*s) || (quoted && (digit_at(*s) || sign_at(*s)))) {
        if (len == ZONE_ABBREVIATION_SIZE - 1)
            return false;
        ret[len++] = (char)pop(s);
    }
    ret[len] = '\0';
    return len >= 3 && (!quoted || take(s, '>'));
}

static bool take_side(struct slice *s, struct zone_rule_side *side, const int32_t *or_offset)
{
    if (!take_abbreviation(s, side->abbreviation))
        return false;
    if (or_offset && (s->len == 0 || s->data[0] == ',')) {
        side->offset = *or_offset;
    } else {
        int32_t west;
        if (!take_time(s, 24, &west))
            return false;
        side->offset = -west;
    }
    return side->offset > ZONE_OFFSET_MIN && side->offset < ZONE_OFFSET_MAX;
}

/* ,date[/time] */
static bool take_date(struct slice *s, struct zone_rule_date *date)
{
    bool good;
    date->time = 2 * 3600;
    if (!take(s, ','))
        return false;
    if (take(s, 'M')) {
        date->kind = ZONE_RULE_WEEKDAY;
        good = take_number(s, 1, 12, &date->month) && take(s, '.') &&
               take_number(s, 1, 5, &date->week) && take(s, '.') &&
               take_number(s, 0, 6, &date->day);
    } else if (take(s, 'J')) {
        date->kind = ZONE_RULE_JULIAN;
        good = take_number(s, 1, 365, &date->day);
    } else {
        date->kind = ZONE_RULE_DAY;
        good = take_number(s, 0, 365, &date->day);
    }
    return good && (!take(s, '/') || take_time(s, 167, &date->time));
}

int zone_rule_parse(struct slice text, struct zone_rule *ret, char why[ZONE_WHY_SIZE])
{
    struct slice rest = text;
    *ret = (struct zone_rule){0};
    bool good = take_side(&rest, &ret->standard, NULL);
    if (good && rest.len) {
        int32_t hour_more = ret->standard.offset + 3600;
        ret->has_daylight = true;
        good = take_side(&rest, &ret->daylight, &hour_more) &&
               take_date(&rest, &ret->daylight_begins) && take_date(&rest, &ret->standard_begins) &&
               rest.len == 0;
    }
    if (!good)
        snprintf(why, ZONE_WHY_SIZE, "the rule at its end is none, from its character %zu on",
                 text.len - rest.len + 1);
    return good ? 0 : MUSTER_EDAMAGED;
}

/* ---- when sides begin ---- */

/* January 1, in days since 1970-01-01. */
static int64_t first_day(int64_t year)
{
    return civil_days((struct civil_date){.year = year, .month = 1, .day = 1});
}

/* The d-th day of the week in the w-th week of a month, in days since 1970-01-01. */
static int64_t day_by_week(const struct zone_rule_date *date, int64_t year)
{
    int64_t first = civil_days((struct civil_date){.year = year, .month = date->month, .day = 1});
    int day = (date->day - civil_weekday(first) + 7) % 7 + (date->week - 1) * 7;
    return first + (day < civil_month_days(year, date->month) ? day : day - 7);
}

/* The local time at which a side begins in that year, as if local time were UTC. */
static int64_t begins(const struct zone_rule_date *date, int64_t year)
{
    int64_t day;
    if (date->kind == ZONE_RULE_WEEKDAY)
        day = day_by_week(date, year);
    else if (date->kind == ZONE_RULE_DAY)
        day = first_day(year) + date->day;
    else
        day = first_day(year) + date->day - 1 + (date->day > 59 && civil_month_days(year, 2) == 29);
    return day * CIVIL_DAY_SECONDS + date->time;
}

struct change {
    int64_t utc;
    const struct zone_rule_side *to;
};

/* Keeps them in order of time; of two at one instant the later one counts (with DST all year, each
 * year's ends when the next one's begins). */
static size_t insert(struct change *changes, size_t count, struct change new)
{
    size_t at = count;
    while (at > 0 && changes[at - 1].utc > new.utc)
        at--;
    if (at > 0 && changes[at - 1].utc == new.utc) {
        changes[at - 1] = new;
        return count;
    }
    memmove(&changes[at + 1], &changes[at], (count - at) * sizeof *changes);
    changes[at] = new;
    return count + 1;
}

static size_t changes_around(const struct zone_rule *rule, int64_t year, struct change *ret)
{
    size_t count = 0;
    for (int64_t y = year - RULE_YEARS / 2; y <= year + RULE_YEARS / 2; y++) {
        int64_t daylight = begins(&rule->daylight_begins, y) - rule->standard.offset;
        int64_t standard = begins(&rule->standard_begins, y) - rule->daylight.offset;
        count = insert(ret, count, (struct change){daylight, &rule->daylight});
        count = insert(ret, count, (struct change){standard, &rule->standard});
    }
    return count;
}

void zone_rule_period(const struct zone_rule *rule, int64_t utc, struct zone_period *ret)
{
    const struct zone_rule_side *side = &rule->standard;
    ret->from = INT64_MIN;
    ret->until = INT64_MAX;
    if (rule->has_daylight) {
        struct change changes[2 * RULE_YEARS + 1];
        int64_t t = utc < FIRST_SECOND ? FIRST_SECOND : utc > LAST_SECOND ? LAST_SECOND : utc;
        size_t count = changes_around(
                   rule, civil_date_of(civil_floor_div(t, CIVIL_DAY_SECONDS)).year, changes),
               i = 0;
        while (i + 1 < count && changes[i + 1].utc <= t)
            i++;
        side = changes[i].to;
        if (changes[i].utc > FIRST_SECOND)
            ret->from = changes[i].utc;
        if (i + 1 < count && changes[i + 1].utc <= LAST_SECOND)
            ret->until = changes[i + 1].utc;
    }
    ret->offset = side->offset;
    ret->dst = side == &rule->daylight;
    memcpy(ret->abbreviation, side->abbreviation, sizeof ret->abbreviation);
}
