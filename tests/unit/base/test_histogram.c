/* test_histogram.c: a quantile is at most 1/16 off, at any size; nothing is lost on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/histogram.h"
#include "base/rng.h"

#define VALUES 5000

static struct histogram h;

static void count(struct histogram *to, uint64_t value)
{
    to->counts[histogram_bucket(value)]++;
}

static void assert_near(uint64_t told, uint64_t real)
{
    uint64_t off = told > real ? told - real : real - told;
    if (off * 16 > real)
        fail_msg("%llu for %llu", (unsigned long long)told, (unsigned long long)real);
}

/* Each value by itself: its bucket's middle is near, and buckets rise with values. */
static void one_value(void **state)
{
    (void)state;
    uint32_t last = 0;
    for (uint64_t v = 0; v < (1ull << HISTOGRAM_MAX_BITS); v = v < 5000 ? v + 1 : v + v / 97) {
        uint32_t bucket = histogram_bucket(v);
        assert_in_range(bucket, last, last + 1);
        assert_true(bucket < HISTOGRAM_BUCKETS);
        last = bucket;
        h = (struct histogram){0};
        count(&h, v);
        assert_near(histogram_quantile(&h, 500), v);
        assert_int_equal(histogram_total(&h), 1);
    }
    assert_int_equal(last, HISTOGRAM_BUCKETS - 1);
    assert_int_equal(histogram_bucket((1ull << HISTOGRAM_MAX_BITS) - 1), HISTOGRAM_BUCKETS - 1);
    assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Against a sorted list, for values of all sizes. */
static void quantiles(void **state)
{
    static uint64_t values[VALUES];
    struct rng rng = {7};
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct histogram half = {0};
        h = (struct histogram){0};
        for (int i = 0; i < VALUES; i++) {
            values[i] = rng_below(&rng, 1ull << (1 + rng_below(&rng, 2 * (uint64_t)round + 2)));
            count(i % 2 ? &half : &h, values[i]);
        }
        histogram_add(&h, &half);
        assert_int_equal(histogram_total(&h), VALUES);
        qsort(values, VALUES, sizeof values[0], by_value);
        for (uint32_t p = 1; p <= 1000; p++)
            assert_near(histogram_quantile(&h, p), values[(VALUES * p + 999) / 1000 - 1]);
        assert_near(histogram_quantile(&h, 0), values[0]);
    }
}

static void nothing(void **state)
{
    (void)state;
    h = (struct histogram){0};
    assert_int_equal(histogram_quantile(&h, 990), 0);
    assert_int_equal(histogram_total(&h), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
