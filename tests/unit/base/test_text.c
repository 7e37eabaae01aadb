/* test_text.c: what people write is read as documented, and the rest refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_names(void **state)
{
    (void)state;
    char longest[NAME_MAX_BYTES + 1];
    memset(longest, 'q', sizeof(longest));
    assert_true(name_valid(slice_str("default")));
    assert_true(name_valid(slice_str("9.a_b:c/d-e")));
    assert_true(name_valid(slice_of(longest, NAME_MAX_BYTES)));
    assert_false(name_valid(slice_of(longest, NAME_MAX_BYTES + 1)));
    static const char *const bad[] = {"", "-a", ".a", "_a", "a b", "a\n", "caf\xc3\xa9", "a*"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(name_valid(slice_str(bad[i])));
    assert_false(name_valid(slice_of("a\0b", 3)));
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"250ms", 250},
                {"10s", 10000},
                {"5m", 300000},
                {"1h30m", 5400000},
                {"2d", 172800000},
                {"0s", 0},
                {"1d1h1m1s1ms", 90061001},
                {"90s", 90000},
                {"18446744073709551615ms", UINT64_MAX}};
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t ms = 0;
        assert_int_equal(duration_parse(good[i].text, &ms), 0);
        assert_true(ms == good[i].ms);
    }
    static const char *const bad[] = {"",
                                      "10",
                                      "-1s",
                                      "1.5s",
                                      "s",
                                      "1s1m",
                                      "1s1s",
                                      "1 s",
                                      "1s ",
                                      " 1s",
                                      "1S",
                                      "1mm",
                                      "1hm",
                                      "1y",
                                      "+1s",
                                      "1s2",
                                      "18446744073709551616ms",
                                      "99999999999999999999d",
                                      "213503982335d"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t ms = 77;
        assert_int_equal(duration_parse(bad[i], &ms), MUSTER_EINVAL);
        assert_int_equal(ms, 77);
    }
}

static void test_duration_round_trip(void **state)
{
    (void)state;
    struct rng rng = {5};
    char text[DURATION_TEXT_BYTES];
    duration_format(0, text);
    assert_string_equal(text, "0ms");
    duration_format(5400000, text);
    assert_string_equal(text, "1h30m");
    duration_format(UINT64_MAX, text);
    assert_string_equal(text, "213503982334d14h25m51s615ms");
    for (int i = 0; i < 5000; i++) {
        uint64_t ms = rng_u64(&rng) >> rng_below(&rng, 64), back = 0;
        duration_format(ms, text);
        assert_int_equal(duration_parse(text, &back), 0);
        assert_true(back == ms);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"1024", 1024},
                {"256KiB", 262144},
                {"1GiB", 1u << 30},
                {"64MB", 64000000},
                {"0", 0},
                {"7B", 7},
                {"2kB", 2000},
                {"3TiB", 3ull << 40},
                {"18446744073709551615", UINT64_MAX}};
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t bytes = 1;
        assert_int_equal(size_parse(good[i].text, &bytes), 0);
        assert_true(bytes == good[i].bytes);
    }
    static const char *const bad[] = {
        "",           "KiB", "-1", "1.5MiB", "1 KiB", "1kib", "1X", "1KiBx", "18446744073709551616",
        "16777216TiB"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t bytes = 77;
        assert_int_equal(size_parse(bad[i], &bytes), MUSTER_EINVAL);
        assert_int_equal(bytes, 77);
    }
    char text[32];
    size_format(262144, text, sizeof(text));
    assert_string_equal(text, "256KiB");
    size_format(1536, text, sizeof(text));
    assert_string_equal(text, "1.5KiB");
    size_format(999, text, sizeof(text));
    assert_string_equal(text, "999B");
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"1970-01-01T00:00:00Z", 0},
                {"2026-11-22T09:15:00.123Z", 1795338900123},
                {"2026-11-22t11:15:00.1239+02:00", 1795338900123},
                {"2026-11-22 05:45:00.123-03:30", 1795338900123},
                {"2000-02-29T23:59:59Z", 951868799000},
                {"2016-12-31T23:59:60Z", 1483228800000},
                {"9999-12-31T23:59:59.999Z", 253402300799999}};
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t ms = 1;
        assert_int_equal(time_parse(good[i].text, &ms), 0);
        assert_true(ms == good[i].ms);
    }
    static const char *const bad[] = {"",
                                      "2026-11-22",
                                      "2026-11-22T09:15:00",
                                      "2026-11-22T09:15Z",
                                      "2026-13-22T09:15:00Z",
                                      "2026-00-22T09:15:00Z",
                                      "2026-02-29T09:15:00Z",
                                      "1900-02-29T09:15:00Z",
                                      "2026-11-31T09:15:00Z",
                                      "2026-11-22T24:00:00Z",
                                      "2026-11-22T09:60:00Z",
                                      "2026-11-22T09:15:61Z",
                                      "2026-11-22T09:15:00.Z",
                                      "2026-11-22T09:15:00Zx",
                                      "2026-11-22T09:15:00+2",
                                      "2026-11-22T09:15:00+24:00",
                                      "1969-12-31T23:59:59Z",
                                      "1970-01-01T00:30:00+01:00",
                                      "26-11-22T09:15:00Z"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t ms = 77;
        assert_int_equal(time_parse(bad[i], &ms), MUSTER_EINVAL);
        assert_int_equal(ms, 77);
    }
}

static void test_time_round_trip(void **state)
{
    (void)state;
    struct rng rng = {6};
    char text[TIME_TEXT_BYTES];
    time_format(1795338900123, text);
    assert_string_equal(text, "2026-11-22T09:15:00.123Z");
    time_format(UINT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    for (int i = 0; i < 20000; i++) {
        uint64_t ms = rng_below(&rng, 253402300800000), back = 0;
        time_format(ms, text);
        assert_int_equal(strlen(text), 24);
        assert_int_equal(time_parse(text, &back), 0);
        assert_true(back == ms);
    }
}

static void test_job_ids(void **state)
{
    (void)state;
    struct rng rng = {8};
    char text[JOB_ID_TEXT_BYTES];
    uint64_t id = 0;
    job_id_format(0, text);
    assert_string_equal(text, "0000000000000");
    job_id_format(UINT64_MAX, text);
    assert_string_equal(text, "fzzzzzzzzzzzz");
    for (int i = 0; i < 5000; i++) {
        uint64_t drawn = rng_u64(&rng);
        job_id_format(drawn, text);
        assert_int_equal(job_id_parse(text, &id), 0);
        assert_true(id == drawn);
    }
    assert_int_equal(job_id_parse("00000000000OI", &id), 0);
    assert_int_equal(id, 1);
    assert_int_equal(job_id_parse("000000000000L", &id), 0);
    assert_int_equal(id, 1);
    static const char *const bad[] = {"",
                                      "0",
                                      "00000000000000",
                                      "g000000000000",
                                      "00000000000u0",
                                      "00000000000-0",
                                      "000000000000"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(job_id_parse(bad[i], &id), MUSTER_EINVAL);
    assert_int_equal(id, 1);
}

/* Texts sort as the ids do. */
static void test_job_id_order(void **state)
{
    (void)state;
    struct rng rng = {9};
    for (int i = 0; i < 5000; i++) {
        char a[JOB_ID_TEXT_BYTES], b[JOB_ID_TEXT_BYTES];
        uint64_t x = rng_u64(&rng), y = rng_u64(&rng);
        job_id_format(x, a);
        job_id_format(y, b);
        assert_int_equal(x < y, strcmp(a, b) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_duration_round_trip),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_time_round_trip),
        cmocka_unit_test(test_job_ids),
        cmocka_unit_test(test_job_id_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
