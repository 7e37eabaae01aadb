/* test_cron.c: cron expressions are read as documented, what is wrong is named, and known times
 * come out. Against a second implementation: test_cron_random.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/text.h"
#include "scheduler/cron.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY          INT64_C(86400)

static struct cron parsed(const char *text)
{
    struct cron cron;
    struct cron_error error;
    if (cron_parse(slice_str(text), &cron, &error))
        fail_msg("\"%s\": %s", text, error.text);
    return cron;
}

static int64_t seconds(const char *time)
{
    char text[40];
    uint64_t ms;
    (void)snprintf(text, sizeof text, "%sZ", time);
    assert_int_equal(time_parse(text, &ms), 0);
    return (int64_t)(ms / 1000);
}

/* The next times after `from` are these, and the previous ones of each are those before it. */
static void expect(const char *expression, const char *from, const char *const times[])
{
    struct cron cron = parsed(expression);
    int64_t at = seconds(from), next, previous;
    for (size_t i = 0; times[i]; i++) {
        assert_true(cron_next(&cron, at, &next));
        if (next != seconds(times[i])) {
            char got[TIME_TEXT_BYTES];
            time_format((uint64_t)next * 1000, got);
            fail_msg("\"%s\": %s instead of %s", expression, got, times[i]);
        }
        assert_true(cron_previous(&cron, next, &previous));
        if (i > 0)
            assert_int_equal(previous, at);
        assert_true(cron_matches(&cron, next));
        at = next;
    }
}

#define TIMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_known_times(void **state)
{
    (void)state;
    expect("*/5 * * * *", "2026-03-01 00:55:00",
           TIMES("2026-03-01 01:00:00", "2026-03-01 01:05:00"));
    expect("0 9 * * 1-5", "2026-02-27 09:00:00",
           TIMES("2026-03-02 09:00:00", "2026-03-03 09:00:00"));
    expect("59 23 31 12 *", "2026-12-31 23:58:59",
           TIMES("2026-12-31 23:59:00", "2027-12-31 23:59:00"));
    expect("59 59 23 31 12 *", "2026-12-31 23:59:58", TIMES("2026-12-31 23:59:59"));
    expect("15,45 30 6,18 * * *", "2026-03-01 06:30:15",
           TIMES("2026-03-01 06:30:45", "2026-03-01 18:30:15", "2026-03-01 18:30:45",
                 "2026-03-02 06:30:15"));
    expect("0 0 29 2 *", "2096-02-29 00:00:00", TIMES("2104-02-29 00:00:00"));
    expect("0 0 L * *", "2028-02-01 00:00:00", TIMES("2028-02-29 00:00:00", "2028-03-31 00:00:00"));
    expect("0 0 L-2 * *", "2027-02-01 00:00:00",
           TIMES("2027-02-26 00:00:00", "2027-03-29 00:00:00"));
    expect("0 0 L-30 * *", "2026-01-31 00:00:00",
           TIMES("2026-03-01 00:00:00", "2026-05-01 00:00:00"));
    expect("0 0 LW * *", "2026-05-01 00:00:00",
           TIMES("2026-05-29 00:00:00", "2026-06-30 00:00:00", "2026-07-31 00:00:00",
                 "2026-08-31 00:00:00", "2026-09-30 00:00:00", "2026-10-30 00:00:00"));
    expect("0 0 * * 1#5", "2026-03-01 00:00:00",
           TIMES("2026-03-30 00:00:00", "2026-06-29 00:00:00"));
    expect("0 0 * * 5L", "2026-01-01 00:00:00",
           TIMES("2026-01-30 00:00:00", "2026-02-27 00:00:00"));
    expect("0 0 * * fri#2,monL", "2026-01-01 00:00:00",
           TIMES("2026-01-09 00:00:00", "2026-01-26 00:00:00", "2026-02-13 00:00:00"));
}

/* Saturday goes to Friday and Sunday to Monday, but never into another month. */
static void test_nearest_working_day(void **state)
{
    (void)state;
    expect("0 0 15W * *", "2026-02-01 00:00:00",
           TIMES("2026-02-16 00:00:00", "2026-03-16 00:00:00", "2026-04-15 00:00:00"));
    expect("0 0 1W * *", "2026-07-15 00:00:00",
           TIMES("2026-08-03 00:00:00", "2026-09-01 00:00:00", "2026-10-01 00:00:00",
                 "2026-11-02 00:00:00"));
    expect("0 0 31W * *", "2026-04-01 00:00:00",
           TIMES("2026-05-29 00:00:00", "2026-07-31 00:00:00", "2026-08-31 00:00:00"));
    expect("0 0 28W 2 *", "2026-01-01 00:00:00",
           TIMES("2026-02-27 00:00:00", "2027-02-26 00:00:00"));
}

/* Only "*" and "?" restrict nothing; else a day of either field will do. */
static void test_days_of_both_fields(void **state)
{
    (void)state;
    expect("0 0 13 * 5", "2026-03-01 00:00:00",
           TIMES("2026-03-06 00:00:00", "2026-03-13 00:00:00", "2026-03-20 00:00:00",
                 "2026-03-27 00:00:00", "2026-04-03 00:00:00", "2026-04-10 00:00:00",
                 "2026-04-13 00:00:00"));
    expect("0 0 */10 * 1", "2026-03-01 00:00:00",
           TIMES("2026-03-02 00:00:00", "2026-03-09 00:00:00", "2026-03-11 00:00:00"));
    expect("0 0 ? * 1", "2026-03-01 00:00:00", TIMES("2026-03-02 00:00:00", "2026-03-09 00:00:00"));
    expect("0 0 13 * ?", "2026-03-01 00:00:00",
           TIMES("2026-03-13 00:00:00", "2026-04-13 00:00:00"));
    expect("0 0 30 2 1", "2026-02-01 00:00:00",
           TIMES("2026-02-02 00:00:00", "2026-02-09 00:00:00"));
}

static void test_same_expressions(void **state)
{
    (void)state;
    static const struct {
        const char *one, *other;
    } rows[] = {
        {"@yearly", "0 0 1 1 *"},
        {"@annually", "0 0 0 1 1 *"},
        {"@monthly", "0 0 1 * ?"},
        {"@weekly", "0 0 * * sun"},
        {"@daily", "00 00 * * *"},
        {"@Midnight", "  0\t0  * * *  "},
        {"@hourly", "0 * * * *"},
        {"5/20 * * * *", "5,25,45 * * * *"},
        {"10-40/15 * * * *", "10,25,40 * * * *"},
        {"0 0 * JAN-mar,Dec Mon-FRI", "0 0 * 1-3,12 1-5"},
        {"0 0 * * sat-sun", "0 0 * * 6,7"},
        {"0 0 * * 7", "0 0 * * 0"},
        {"0 0 * * 5/1", "0 0 * * 5,6,0"},
        {"0 0 * * friL,7#1", "0 0 * * 0#1,5l"},
        {"0 0 lw,15w,l-3 * *", "0 0 L-3,LW,15W * *"},
        {"*/60 * * * *", "*/60,0 * * * *"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cron one = parsed(rows[i].one), other = parsed(rows[i].other);
        assert_memory_equal(&one, &other, sizeof one);
    }
}

static void test_wildcard(void **state)
{
    (void)state;
    static const char *const wildcard[] = {"* 5 * * *",     "0 * * * *",      "*/7 5 * * *",
                                           "0 0 */3 * * *", "*/15,3 5 * * *", "@hourly"};
    static const char *const fixed[] = {"0 5 * * *", "0-59 0-23 * * *", "* 0 5 * * *",
                                        "3,*/15 5 * * *", "@daily"};
    for (size_t i = 0; i < COUNT(wildcard); i++)
        assert_true(parsed(wildcard[i]).wildcard);
    for (size_t i = 0; i < COUNT(fixed); i++)
        assert_false(parsed(fixed[i]).wildcard);
}

static const struct {
    const char *text;
    enum cron_field field;
    size_t position;
    const char *says; /* part of the sentence */
} refused[] = {
    {"", CRON_FIELDS, 0, "0 fields"},
    {" \t", CRON_FIELDS, 0, "0 fields"},
    {"* * * *", CRON_FIELDS, 0, "4 fields; it needs 5"},
    {"* * * * * * *", CRON_FIELDS, 0, "7 fields"},
    {"60 * * * *", CRON_MINUTE, 1, "\"60\" is not within 0 to 59"},
    {"* 24 * * *", CRON_HOUR, 3, "0 to 23"},
    {"* * 0 * *", CRON_DAY, 5, "1 to 31"},
    {"* * * 13 *", CRON_MONTH, 7, "1 to 12"},
    {"* * * * 8", CRON_WEEKDAY, 9, "0 to 7"},
    {"1,60 * * * * *", CRON_SECOND, 3, "0 to 59"},
    {"99999999999999999999 * * * *", CRON_MINUTE, 1, "0 to 59"},
    {"* * 1-32 * *", CRON_DAY, 7, "1 to 31"},
    {"-1 * * * *", CRON_MINUTE, 1, "missing"},
    {"1- * * * *", CRON_MINUTE, 3, "missing"},
    {"1,,2 * * * *", CRON_MINUTE, 3, "a value is missing"},
    {"1, * * * *", CRON_MINUTE, 3, "a value is missing"},
    {"*/0 * * * *", CRON_MINUTE, 3, "1 to 60 for a step"},
    {"*/ * * * *", CRON_MINUTE, 3, "for a step"},
    {"* */25 * * *", CRON_HOUR, 5, "1 to 24 for a step"},
    {"*5 * * * *", CRON_MINUTE, 2, "\"5\" cannot follow \"*\""},
    {"1-2-3 * * * *", CRON_MINUTE, 4, "cannot follow"},
    {"1/2/3 * * * *", CRON_MINUTE, 4, "cannot follow"},
    {"? * * * *", CRON_MINUTE, 1, "\"?\" stands alone"},
    {"* * ?/2 * *", CRON_DAY, 5, "\"?\" stands alone"},
    {"* * 1,? * *", CRON_DAY, 7, "\"?\" stands alone"},
    {"* 22-2 * * *", CRON_HOUR, 3, "write 22-23,0-2"},
    {"* * * * fri-mon", CRON_WEEKDAY, 9, "write 5-6,0-1"},
    {"* * * * 7-2", CRON_WEEKDAY, 9, "write 0-2"},
    {"* * * * L", CRON_WEEKDAY, 9, "5L is the last Friday"},
    {"* * * * 1-5L", CRON_WEEKDAY, 12, "cannot follow"},
    {"* * * * 1#0", CRON_WEEKDAY, 11, "1 to 5 after #"},
    {"* * * * 1#6", CRON_WEEKDAY, 11, "1 to 5 after #"},
    {"* * * * 1#2/2", CRON_WEEKDAY, 12, "cannot follow"},
    {"* * L-31 * *", CRON_DAY, 7, "0 to 30"},
    {"* * L/2 * *", CRON_DAY, 6, "cannot follow"},
    {"* * W * *", CRON_DAY, 5, "\"W\" is no number"},
    {"* * 1-5W * *", CRON_DAY, 8, "cannot follow"},
    {"* 5L * * *", CRON_HOUR, 4, "cannot follow"},
    {"* * * foo *", CRON_MONTH, 7, "names are jan to dec"},
    {"* * * * tues", CRON_WEEKDAY, 9, "names have three letters: write tue"},
    {"* * mon * *", CRON_DAY, 5, "is no number"},
    {"\x1b[2J * * * *", CRON_MINUTE, 1, "missing"},
    {"a\xff * * * *", CRON_MINUTE, 1, "is no number"},
    {"30 2 31 2 *", CRON_DAY, 6, "\"31\" never comes in month \"2\""},
    {"0 30 2 30,31 2 *", CRON_DAY, 8, "would never fire"},
    {"0 0 31 4,6,9,11 ?", CRON_DAY, 5, "would never fire"},
    {"0 0 L-30 4 *", CRON_DAY, 5, "would never fire"},
    {"0 0 30W 2 *", CRON_DAY, 5, "would never fire"},
    {"@reboot", CRON_FIELDS, 1, "@reboot names no time"},
    {"  @reboot", CRON_FIELDS, 3, "@reboot names no time"},
    {"@every 5m", CRON_FIELDS, 1, "\"every\""},
    {"@hourly 5", CRON_FIELDS, 1, "there is no \"@hourly 5\""},
    {"@", CRON_FIELDS, 1, "there are @yearly"},
    {"CRON_TZ=UTC 0 0 * * *", CRON_FIELDS, 8, "\"timezone\""},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct cron cron;
        struct cron_error error;
        if (cron_parse(slice_str(refused[i].text), &cron, &error) != MUSTER_EINVAL)
            fail_msg("\"%s\" is taken", refused[i].text);
        if (error.field != refused[i].field || error.position != refused[i].position ||
            !strstr(error.text, refused[i].says))
            fail_msg("\"%s\": field %d, position %zu: %s", refused[i].text, (int)error.field,
                     error.position, error.text);
    }
}

/* No expression, however long or odd, is more than a sentence. */
static void test_long_texts(void **state)
{
    (void)state;
    static char text[100000];
    static const char *const parts[] = {"0,",   "*",      "@", "a", "L",  "-",
                                        "\xc3", "1-5/2,", "?", "#", "0 ", "\t"};
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct cron cron;
        struct cron_error error;
        size_t len = strlen(parts[i]), at;
        for (at = 0; at + len <= sizeof text; at += len)
            memcpy(text + at, parts[i], len);
        assert_int_equal(cron_parse(slice_of(text, at), &cron, &error), MUSTER_EINVAL);
        assert_in_range(strlen(error.text), 1, CRON_ERROR_SIZE - 1);
    }
    struct cron cron;
    struct cron_error error;
    assert_int_equal(cron_parse(SLICE_EMPTY, &cron, &error), MUSTER_EINVAL);
    assert_int_equal(cron_parse(slice_of("0 0 * *\0*", 9), &cron, &error), MUSTER_EINVAL);
}

static void test_far_times(void **state)
{
    (void)state;
    struct cron cron = parsed("0 0 29 2 *");
    int64_t got;
    assert_false(cron_next(&cron, INT64_MAX, &got));
    assert_false(cron_next(&cron, INT64_MIN, &got));
    assert_false(cron_previous(&cron, INT64_MAX, &got));
    assert_false(cron_previous(&cron, INT64_MIN, &got));
    assert_true(cron_previous(&cron, 0, &got));
    assert_int_equal(got, -672 * DAY); /* 1968-02-29 */
    assert_true(cron_next(&cron, got - 1, &got));
    assert_int_equal(got, -672 * DAY);
    assert_true(cron_next(&cron, -100 * 365 * DAY, &got));
    assert_true(got < -97 * 365 * DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_times),
        cmocka_unit_test(test_nearest_working_day),
        cmocka_unit_test(test_days_of_both_fields),
        cmocka_unit_test(test_same_expressions),
        cmocka_unit_test(test_wildcard),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_far_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
