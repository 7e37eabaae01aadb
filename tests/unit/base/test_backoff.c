/* test_backoff.c: delays grow by their kind, never beyond the cap, never by overflow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/err.h"

static uint64_t plain(uint8_t kind, uint64_t base, uint64_t cap, uint32_t failures)
{
    struct backoff b = {.kind = kind, .base_ms = base, .cap_ms = cap};
    struct rng rng = {1};
    return backoff_delay_ms(&b, failures, &rng);
}

static void test_growth(void **state)
{
    (void)state;
    assert_int_equal(plain(BACKOFF_EXPONENTIAL, 1000, 60000, 1), 1000);
    assert_int_equal(plain(BACKOFF_EXPONENTIAL, 1000, 60000, 4), 8000);
    assert_int_equal(plain(BACKOFF_EXPONENTIAL, 1000, 60000, 7), 60000);
    assert_int_equal(plain(BACKOFF_EXPONENTIAL, 1000, 60000, UINT32_MAX), 60000);
    assert_int_equal(plain(BACKOFF_EXPONENTIAL, 1000, 60000, 0), 1000);
    assert_true(plain(BACKOFF_EXPONENTIAL, 3, UINT64_MAX, 64) == UINT64_MAX);
    assert_true(plain(BACKOFF_EXPONENTIAL, 1, UINT64_MAX, 64) == 1ull << 63);
    assert_true(plain(BACKOFF_EXPONENTIAL, 1, UINT64_MAX, 65) == UINT64_MAX);
    assert_int_equal(plain(BACKOFF_EXPONENTIAL, 0, 60000, 100), 0);
    assert_int_equal(plain(BACKOFF_LINEAR, 1000, 60000, 3), 3000);
    assert_int_equal(plain(BACKOFF_LINEAR, 1000, 60000, 61), 60000);
    assert_true(plain(BACKOFF_LINEAR, UINT64_MAX / 2, UINT64_MAX, UINT32_MAX) == UINT64_MAX);
    assert_int_equal(plain(BACKOFF_FIXED, 1000, 60000, 50), 1000);
    assert_int_equal(plain(BACKOFF_FIXED, 1000, 500, 50), 500);
}

static void test_jitter(void **state)
{
    (void)state;
    struct backoff b = {BACKOFF_FIXED, 250, 10000, 10000};
    struct rng rng = {7}, same = {7};
    uint64_t low = UINT64_MAX, high = 0;
    for (int i = 0; i < 10000; i++) {
        uint64_t delay = backoff_delay_ms(&b, 1, &rng);
        assert_true(delay == backoff_delay_ms(&b, 1, &same));
        low = delay < low ? delay : low;
        high = delay > high ? delay : high;
    }
    assert_in_range(low, 7500, 7600);
    assert_in_range(high, 9900, 10000);
    b = (struct backoff){BACKOFF_FIXED, 65535, UINT64_MAX, UINT64_MAX};
    for (int i = 0; i < 1000; i++)
        (void)backoff_delay_ms(&b, 1, &rng); /* UBSan watches */
}

static void test_parse(void **state)
{
    (void)state;
    struct backoff b;
    assert_int_equal(backoff_parse("exponential:2s:1h", &b), 0);
    assert_int_equal(b.kind, BACKOFF_EXPONENTIAL);
    assert_int_equal(b.base_ms, 2000);
    assert_int_equal(b.cap_ms, 3600000);
    assert_int_equal(b.jitter_permille, 250);
    assert_int_equal(backoff_parse("linear:5s", &b), 0);
    assert_int_equal(b.kind, BACKOFF_LINEAR);
    assert_int_equal(b.cap_ms, 21600000);
    assert_int_equal(backoff_parse("fixed:2d", &b), 0);
    assert_int_equal(b.cap_ms, b.base_ms);
    assert_string_equal(backoff_kind_name(b.kind), "fixed");
    assert_string_equal(backoff_kind_name(9), "?");
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "fixed",
                                      "fixed:",
                                      "fixed:30",
                                      "slow:1s",
                                      "fixed:1s:",
                                      "fixed:2s:1s",
                                      "fixed:1s:2s:3s",
                                      "Fixed:1s",
                                      "exponential:-1s",
                                      "linear:99999999d",
                                      "fixed:1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct backoff b = {.base_ms = 77};
        assert_int_equal(backoff_parse(bad[i], &b), MUSTER_EINVAL);
        assert_int_equal(b.base_ms, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
