/* test_plan.c: when entries are due through changes of local time: known cases, then random
 * expressions against a slow implementation that reads the C library's clock minute by minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <time.h>

#include "base/rng.h"
#include "base/text.h"
#include "scheduler/plan.h"
#include "scheduler/zones.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MINUTE       60
#define HOUR         3600
#define DAY          86400

static struct zones *zones;

static int open_zones(void **state)
{
    (void)state;
    return zones_new(&zones, NULL);
}

static int close_zones(void **state)
{
    (void)state;
    zones_free(zones);
    return 0;
}

static struct plan plan_for(const char *expression, const char *zone)
{
    struct plan plan = {0};
    struct cron_error error;
    if (cron_parse(slice_str(expression), &plan.cron, &error))
        fail_msg("\"%s\": %s", expression, error.text);
    if (zones_find(zones, slice_str(zone), &plan.zone))
        fail_msg("%s", zones_error(zones));
    return plan;
}

static int64_t seconds(const char *time)
{
    uint64_t ms;
    assert_int_equal(time_parse(time, &ms), 0);
    return (int64_t)(ms / 1000);
}

static void assert_same(const struct occurrence *a, const struct occurrence *b)
{
    assert_int_equal(a->utc, b->utc);
    assert_int_equal(a->local, b->local);
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->dst, b->dst);
    assert_int_equal(a->dropped, b->dropped);
    assert_int_equal(a->dropped_at, b->dropped_at);
}

/* ---- known cases ---- */

/* After `from` come these, in local time; "!": out of a gap, "2": comes twice. */
struct known {
    const char *expression, *zone, *from, *times[6];
};

static const struct known known[] = {
    {"30 2 * * *",
     "Europe/Berlin",
     "2026-03-28T12:00:00+01:00",
     {"2026-03-29T03:00:00+02:00!", "2026-03-30T02:30:00+02:00"}},
    {"0,30 2,3 * * *",
     "Europe/Berlin",
     "2026-03-28T12:00:00+01:00",
     {"2026-03-29T03:00:00+02:00!", "2026-03-29T03:30:00+02:00", "2026-03-30T02:00:00+02:00"}},
    {"0 3 * * *",
     "Europe/Berlin",
     "2026-03-28T12:00:00+01:00",
     {"2026-03-29T03:00:00+02:00", "2026-03-30T03:00:00+02:00"}},
    {"*/30 2,3 * * *",
     "Europe/Berlin",
     "2026-03-28T12:00:00+01:00",
     {"2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:00:00+02:00"}},
    {"30 2 * * *",
     "Europe/Berlin",
     "2026-10-24T12:00:00+02:00",
     {"2026-10-25T02:30:00+02:002", "2026-10-26T02:30:00+01:00"}},
    {"30 * * * *",
     "Europe/Berlin",
     "2026-10-25T01:30:00+02:00",
     {"2026-10-25T02:30:00+02:002", "2026-10-25T02:30:00+01:002", "2026-10-25T03:30:00+01:00"}},
    {"30 0-23 * * *",
     "America/New_York",
     "2026-11-01T00:00:00-04:00",
     {"2026-11-01T00:30:00-04:00", "2026-11-01T01:30:00-04:002", "2026-11-01T02:30:00-05:00"}},
    {"15 1,2 * * *", /* 02:00 becomes 02:30 */
     "Australia/Lord_Howe",
     "2026-10-04T00:00:00+10:30",
     {"2026-10-04T01:15:00+10:30", "2026-10-04T02:30:00+11:00!", "2026-10-05T01:15:00+11:00"}},
    {"*/15 1 * * *", /* 02:00 becomes 01:30 */
     "Australia/Lord_Howe",
     "2026-04-05T01:10:00+11:00",
     {"2026-04-05T01:15:00+11:00", "2026-04-05T01:30:00+11:002", "2026-04-05T01:45:00+11:002",
      "2026-04-05T01:30:00+10:302", "2026-04-05T01:45:00+10:302", "2026-04-06T01:00:00+10:30"}},
    {"30 23 * * *", /* 24:00 becomes 23:00 */
     "America/Asuncion",
     "2024-03-23T12:00:00-03:00",
     {"2024-03-23T23:30:00-03:002", "2024-03-24T23:30:00-04:00"}},
    {"0 0 * * *", /* 00:00 becomes 01:00 */
     "America/Asuncion",
     "2024-10-05T12:00:00-04:00",
     {"2024-10-06T01:00:00-03:00!", "2024-10-07T00:00:00-03:00"}},
    {"0 12 * * *", /* 30 December 2011 was skipped */
     "Pacific/Apia",
     "2011-12-29T00:00:00-10:00",
     {"2011-12-29T12:00:00-10:00", "2011-12-31T12:00:00+14:00"}},
};

static void check_known(const struct known *k)
{
    struct plan plan = plan_for(k->expression, k->zone);
    int64_t at = seconds(k->from);
    for (size_t i = 0; i < COUNT(k->times) && k->times[i]; i++) {
        char when[26] = "", mark = k->times[i][25];
        struct occurrence got, back;
        memcpy(when, k->times[i], 25);
        assert_true(plan_next(&plan, at, &got));
        if (got.utc != seconds(when) || got.dst != (mark == '!'   ? PLAN_DST_GAP
                                                    : mark == '2' ? PLAN_DST_OVERLAP
                                                                  : PLAN_DST_NONE))
            fail_msg("\"%s\" %s: %lld (%d) instead of %s", k->expression, k->zone,
                     (long long)got.utc, (int)got.dst, k->times[i]);
        when[19] = 'Z';
        when[20] = '\0';
        assert_int_equal(got.local, seconds(when));
        assert_int_equal(got.offset, got.local - got.utc);
        assert_true(plan_previous(&plan, got.utc + 1, &back));
        assert_same(&got, &back);
        at = got.utc;
    }
}

static void test_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(known); i++)
        check_known(&known[i]);
}

static void test_dropped(void **state)
{
    (void)state;
    struct plan plan = plan_for("0 6,12,18 * * *", "Pacific/Apia");
    struct occurrence got;
    int64_t gap = seconds("2011-12-30T10:00:00Z");
    assert_true(plan_next(&plan, gap - 6 * HOUR - 1, &got));
    assert_int_equal(got.utc, gap - 6 * HOUR);
    assert_int_equal(got.dropped, 0);
    assert_true(plan_next(&plan, got.utc, &got));
    assert_int_equal(got.utc, gap + 6 * HOUR);
    assert_int_equal(got.dropped, 3);
    assert_int_equal(got.dropped_at, gap);
    assert_int_equal(got.dst, PLAN_DST_NONE);
    assert_true(plan_previous(&plan, gap + 6 * HOUR, &got));
    assert_int_equal(got.utc, gap - 6 * HOUR);
    /* each second of a day, though not as a wildcard */
    plan = plan_for("0-59 0-59 0-23 30 12 *", "Pacific/Apia");
    assert_true(plan_next(&plan, gap - 1, &got));
    assert_int_equal(got.dropped, DAY);
    assert_int_equal(got.utc, seconds("2012-12-30T00:00:00+14:00"));
    /* wildcards drop nothing */
    plan = plan_for("0 */6 * * *", "Pacific/Apia");
    assert_true(plan_next(&plan, gap - 1, &got));
    assert_int_equal(got.utc, gap);
    assert_int_equal(got.dropped, 0);
}

/* A time that only a change of the clocks would have shown. */
static void test_never(void **state)
{
    (void)state;
    struct plan plan = plan_for("*/10 2 * 3 sunL", "Europe/Berlin");
    struct occurrence got;
    assert_false(plan_next(&plan, seconds("2026-01-01T00:00:00Z"), &got));
    assert_true(plan_previous(&plan, seconds("2026-01-01T00:00:00Z"), &got));
    assert_int_equal(got.utc, seconds("1980-03-30T02:50:00+01:00"));
    plan = plan_for("10 2 * 3 sunL", "Europe/Berlin");
    assert_true(plan_next(&plan, seconds("2026-01-01T00:00:00Z"), &got));
    assert_int_equal(got.dst, PLAN_DST_GAP);
}

static void test_bounds(void **state)
{
    (void)state;
    struct plan plan = plan_for("0 * * * *", "UTC");
    struct occurrence got;
    plan.start = 10 * HOUR;
    plan.end = 12 * HOUR;
    assert_true(plan_next(&plan, INT64_MIN, &got));
    assert_int_equal(got.utc, 10 * HOUR);
    assert_true(plan_next(&plan, 10 * HOUR, &got));
    assert_int_equal(got.utc, 11 * HOUR);
    assert_false(plan_next(&plan, 11 * HOUR, &got));
    assert_false(plan_next(&plan, INT64_MAX, &got));
    assert_true(plan_previous(&plan, INT64_MAX, &got));
    assert_int_equal(got.utc, 11 * HOUR);
    assert_false(plan_previous(&plan, 10 * HOUR, &got));
    assert_false(plan_previous(&plan, INT64_MIN, &got));
    plan.start = INT64_MIN;
    plan.end = INT64_MAX;
    assert_true(plan_previous(&plan, INT64_MAX, &got));
    assert_int_equal(got.utc, PLAN_LAST + 1 - HOUR);
    assert_false(plan_next(&plan, got.utc, &got));
    plan.zone = NULL; /* UTC */
    assert_true(plan_next(&plan, -1, &got));
    assert_int_equal(got.utc, 0);
}

static void test_every(void **state)
{
    (void)state;
    struct plan plan = {.every_s = 90};
    struct occurrence got;
    assert_int_equal(zones_find(zones, slice_str("Asia/Tokyo"), &plan.zone), 0);
    assert_true(plan_next(&plan, 1000, &got));
    assert_int_equal(got.utc, 1080);
    assert_int_equal(got.local, 1080 + 9 * HOUR);
    assert_true(plan_next(&plan, 1080, &got));
    assert_int_equal(got.utc, 1170);
    assert_true(plan_previous(&plan, 1170, &got));
    assert_int_equal(got.utc, 1080);
    assert_true(plan_previous(&plan, 1081, &got));
    assert_int_equal(got.utc, 1080);
    plan.start = 2000;
    assert_true(plan_next(&plan, 0, &got));
    assert_int_equal(got.utc, 2070);
    assert_false(plan_previous(&plan, 2070, &got));
    plan = (struct plan){.every_s = UINT32_MAX};
    assert_true(plan_next(&plan, 1, &got));
    assert_int_equal(got.utc, UINT32_MAX);
    assert_false(plan_next(&plan, PLAN_LAST - 1, &got));
}

/* ---- against the C library's clock ---- */

#define SPAN    (6 * DAY / MINUTE) /* minutes that are looked at, with the change in their middle */
#define FROM    (SPAN / 2 - 20 * HOUR / MINUTE) /* what is compared; the rest is the past */
#define UNTIL   (SPAN / 2 + 40 * HOUR / MINUTE)
#define CHANGES 60
#define TRIES   25 /* expressions at each */

struct window {
    int64_t begin;       /* UTC */
    int64_t local[SPAN]; /* what the clock shows, minute by minute */
};

static int64_t c_local(int64_t utc)
{
    struct tm tm;
    time_t t = (time_t)utc;
    assert_non_null(localtime_r(&t, &tm));
    return utc + tm.tm_gmtoff;
}

/* Around a change of offset some time after `from`; false: none within a year, or not at a full
 * minute. */
static bool find_window(int64_t from, struct window *w)
{
    int64_t day = from;
    while (c_local(day) - day == c_local(day + DAY) - day - DAY)
        if ((day += DAY) > from + 366 * DAY)
            return false;
    int64_t low = day, high = day + DAY;
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;
        *(c_local(middle) - middle == c_local(day) - day ? &low : &high) = middle;
    }
    w->begin = high - SPAN / 2 * MINUTE;
    for (int i = 0; i < SPAN; i++)
        w->local[i] = c_local(w->begin + i * MINUTE);
    return w->local[0] % MINUTE == 0 && w->local[SPAN - 1] % MINUTE == 0;
}

/* What is due at each minute, as the rules are written. */
struct due {
    bool due;
    enum plan_dst dst;
    uint32_t dropped; /* in the gap before this minute */
};

static int times_shown(const struct window *w, int64_t local)
{
    int count = 0;
    for (int i = 0; i < SPAN; i++)
        count += w->local[i] == local;
    return count;
}

static void slow_wildcard(const struct window *w, const struct cron *cron, struct due due[SPAN])
{
    for (int i = 0; i < SPAN; i++) {
        due[i].due = cron_matches(cron, w->local[i]);
        if (due[i].due && times_shown(w, w->local[i]) > 1)
            due[i].dst = PLAN_DST_OVERLAP;
    }
}

static void slow_fixed(const struct window *w, const struct cron *cron, struct due due[SPAN])
{
    for (int64_t local = w->local[0]; local <= w->local[SPAN - 1]; local += MINUTE) {
        if (!cron_matches(cron, local))
            continue;
        int at = 0;
        while (w->local[at] != local &&
               (at == 0 || w->local[at - 1] > local || w->local[at] < local))
            at++;
        if (w->local[at] == local) {
            due[at].due = true;
            if (due[at].dst == PLAN_DST_NONE && times_shown(w, local) > 1)
                due[at].dst = PLAN_DST_OVERLAP;
        } else if (w->local[at] - w->local[at - 1] - MINUTE < 3 * HOUR) {
            due[at].due = true;
            due[at].dst = PLAN_DST_GAP;
        } else {
            due[at].dropped++;
        }
    }
}

static void compare(const struct window *w, const struct plan *plan, const char *expression)
{
    static struct due due[SPAN];
    memset(due, 0, sizeof due);
    (plan->cron.wildcard ? slow_wildcard : slow_fixed)(w, &plan->cron, due);
    struct occurrence got = {.utc = w->begin + (FROM - 1) * MINUTE}, back, one_before;
    bool found = plan_next(plan, got.utc, &got), any = false;
    uint32_t dropped = 0;
    for (int i = FROM; i < UNTIL; i++) {
        int64_t utc = w->begin + i * MINUTE;
        dropped += due[i].dropped;
        if (!due[i].due)
            continue;
        if (!found || got.utc != utc || got.dst != due[i].dst || got.dropped != dropped)
            fail_msg("\"%s\" %s: %lld dst %d dropped %u instead of %lld %d %u", expression,
                     zone_name(plan->zone), (long long)got.utc, (int)got.dst, got.dropped,
                     (long long)utc, (int)due[i].dst, dropped);
        assert_int_equal(got.local, w->local[i]);
        assert_true(plan_previous(plan, got.utc + 1, &back));
        assert_same(&got, &back);
        if (any) {
            assert_true(plan_previous(plan, got.utc, &back));
            assert_same(&one_before, &back);
        }
        one_before = got;
        any = true;
        dropped = 0;
        found = plan_next(plan, got.utc, &got);
    }
    if (found && got.utc < w->begin + UNTIL * MINUTE)
        fail_msg("\"%s\" %s: also %lld", expression, zone_name(plan->zone), (long long)got.utc);
}

/* Minutes and hours that often meet a change; seldom the date. */
static void draw_expression(struct rng *rng, char text[80])
{
    static const char *const minutes[] = {"*",     "*/7",     "0",    "30",   "0,30",
                                          "15-45", "*/15,59", "5/10", "0-59", "59"};
    static const char *const hours[] = {"*",   "*/2", "0-23",  "2",   "1",       "0",     "3",
                                        "23",  "0-3", "22,23", "1/2", "0,2",     "*/3,1", "4",
                                        "0-2", "1-3", "2,3",   "12",  "6,12,18", "5-20"};
    static const char *const days[] = {"* * *", "* * *",   "? * 0",    "* * 5-7",
                                       "L * *", "*/2 * 0", "* * sunL", "30,31 * *"};
    (void)snprintf(text, 80, "%s %s %s", minutes[rng_below(rng, COUNT(minutes))],
                   hours[rng_below(rng, COUNT(hours))], days[rng_below(rng, COUNT(days))]);
}

static void test_against_c_library(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        int first_year, last_year;
    } places[] = {
        {"Europe/Berlin", 1980, 2100},        {"America/New_York", 1970, 2100},
        {"Australia/Lord_Howe", 1985, 2100},  {"Pacific/Apia", 2010, 2020},
        {"Pacific/Apia", 2011, 2011},         {"Pacific/Kwajalein", 1993, 1993},
        {"America/St_Johns", 1988, 2010},     {"Africa/Casablanca", 2012, 2080},
        {"Antarctica/Troll", 2006, 2100},     {"Antarctica/Casey", 2009, 2020},
        {"Europe/Dublin", 1975, 2100},        {"America/Santiago", 1975, 2100},
        {"Asia/Tehran", 1978, 2021},          {"Asia/Gaza", 2000, 2080},
        {"Asia/Pyongyang", 2015, 2018},       {"America/Caracas", 2007, 2016},
        {"Africa/Cairo", 1975, 2100},         {"Pacific/Kiritimati", 1994, 1994},
        {"America/Scoresbysund", 1982, 2100}, {"America/Nuuk", 1982, 2100},
    };
    static struct window w;
    struct rng rng = {.state = 25};
    int windows = 0;
    for (int i = 0; i < CHANGES; i++) {
        size_t place = (size_t)i % COUNT(places);
        char date[24], text[80];
        int years = places[place].last_year - places[place].first_year + 1;
        int year = places[place].first_year + (int)rng_below(&rng, (uint64_t)years);
        (void)snprintf(date, sizeof date, "%04d-01-05T00:00:00Z", year);
        assert_int_equal(setenv("TZ", places[place].zone, 1), 0);
        tzset();
        if (!find_window(seconds(date) + (int64_t)rng_below(&rng, 180) * DAY, &w))
            continue;
        windows++;
        for (int n = 0; n < TRIES; n++) {
            draw_expression(&rng, text);
            struct plan plan = plan_for(text, places[place].zone);
            compare(&w, &plan, text);
        }
    }
    assert_in_range(windows, CHANGES / 2, CHANGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known), cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_never), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_every), cmocka_unit_test(test_against_c_library),
    };
    return cmocka_run_group_tests(tests, open_zones, close_zones);
}
