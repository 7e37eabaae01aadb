/* test_map.c: the tables against plain arrays; id tables stay short of long searches; hashes never
 * change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/rng.h"

#define KEYS 4096

static int values[KEYS];

static void check_all(const struct idmap *m, const uint64_t *keys, const bool *in)
{
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(idmap_get(m, keys[i]), in[i] ? (void *)&values[i] : NULL);
        count += in[i];
    }
    assert_int_equal(m->count, count);
    size_t cursor = 0, seen = 0;
    uint64_t key;
    for (void *value; (value = idmap_next(m, &cursor, &key)); seen++)
        assert_ptr_equal(value, &values[(int *)value - values]);
    assert_int_equal(seen, count);
}

/* Random puts and removals among keys that `make` draws. */
static void torture(uint64_t (*make)(size_t index, struct rng *rng))
{
    static uint64_t keys[KEYS];
    static bool in[KEYS];
    struct rng rng = {3};
    struct idmap m;
    idmap_init(&m);
    for (size_t i = 0; i < KEYS; i++) {
        keys[i] = make(i, &rng);
        in[i] = false;
    }
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 2000; i++) {
            size_t k = (size_t)rng_below(&rng, KEYS);
            if (rng_below(&rng, 100) < (round % 20 < 10 ? 70u : 30u)) {
                assert_int_equal(idmap_put(&m, keys[k], &values[k]), 0);
                in[k] = true;
            } else {
                void *removed = idmap_remove(&m, keys[k]);
                assert_ptr_equal(removed, in[k] ? (void *)&values[k] : NULL);
                in[k] = false;
            }
        }
        check_all(&m, keys, in);
    }
    idmap_fini(&m);
}

static uint64_t dense(size_t index, struct rng *rng)
{
    (void)rng;
    return (uint64_t)index << 8 | 1;
}

static uint64_t sparse(size_t index, struct rng *rng)
{
    (void)rng;
    return (1795000000000u + (uint64_t)index) << 22 | 7;
}

static uint64_t anything(size_t index, struct rng *rng)
{
    return rng_u64(rng) << 12 | index;
}

static void test_idmap(void **state)
{
    (void)state;
    torture(dense);
    torture(sparse);
    torture(anything);
}

static void test_idmap_empty(void **state)
{
    (void)state;
    struct idmap m;
    idmap_init(&m);
    size_t cursor = 0;
    assert_null(idmap_get(&m, 1));
    assert_null(idmap_remove(&m, 1));
    assert_null(idmap_next(&m, &cursor, NULL));
    assert_int_equal(idmap_put(&m, 0, &values[0]), 0); /* 0 is a key as any other */
    assert_ptr_equal(idmap_get(&m, 0), &values[0]);
    assert_int_equal(idmap_put(&m, 0, &values[1]), 0);
    assert_int_equal(m.count, 1);
    assert_ptr_equal(idmap_remove(&m, 0), &values[1]);
    idmap_fini(&m);
}

/* Mean distance from a run of occupied entries' start to its end says how far a search may go. */
static double mean_run(const struct idmap *m)
{
    size_t runs = 0;
    for (size_t i = 0; i < m->cap; i++)
        runs += m->entries[i].value && !m->entries[(i + 1) & (m->cap - 1)].value;
    return (double)m->count / (double)(runs ? runs : 1);
}

/* Ids as the broker draws them, at several rates: no rate may make searches long. */
static void test_idmap_spread(void **state)
{
    (void)state;
    static const uint32_t per_ms[] = {1, 3, 16, 100, 700, 1000, 16384};
    for (size_t rate = 0; rate < sizeof(per_ms) / sizeof(per_ms[0]); rate++) {
        struct idmap m;
        idmap_init(&m);
        uint64_t ms = 1795000000000u;
        for (uint32_t i = 0; i < 180000; i++) {
            uint64_t counter = ((ms + i / per_ms[rate]) << 14) + i % per_ms[rate];
            assert_int_equal(idmap_put(&m, counter << 8, &values[0]), 0);
        }
        assert_true(mean_run(&m) < 200.0);
        idmap_fini(&m);
    }
}

static void test_strmap(void **state)
{
    (void)state;
    static char names[KEYS][16];
    static bool in[KEYS];
    struct rng rng = {4};
    struct strmap m;
    strmap_init(&m);
    for (size_t i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof(names[i]), "queue-%zu", i);
    for (int i = 0; i < 200000; i++) {
        size_t k = (size_t)rng_below(&rng, KEYS);
        if (rng_below(&rng, 2)) {
            assert_int_equal(strmap_put(&m, slice_str(names[k]), &values[k]), 0);
            in[k] = true;
        } else {
            void *removed = strmap_remove(&m, slice_str(names[k]));
            assert_ptr_equal(removed, in[k] ? (void *)&values[k] : NULL);
            in[k] = false;
        }
    }
    size_t count = 0, seen = 0, cursor = 0;
    for (size_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(strmap_get(&m, slice_str(names[i])), in[i] ? (void *)&values[i] : NULL);
        count += in[i];
    }
    while (strmap_next(&m, &cursor))
        seen++;
    assert_int_equal(m.count, count);
    assert_int_equal(seen, count);
    strmap_fini(&m);
    assert_null(strmap_get(&m, slice_str("x")));
    assert_null(strmap_remove(&m, slice_str("x")));
}

static void test_strmap_binary_keys(void **state)
{
    (void)state;
    struct strmap m;
    strmap_init(&m);
    assert_int_equal(strmap_put(&m, SLICE_EMPTY, &values[0]), 0);
    assert_int_equal(strmap_put(&m, slice_of("\0", 1), &values[1]), 0);
    assert_int_equal(strmap_put(&m, slice_of("\0\0", 2), &values[2]), 0);
    assert_ptr_equal(strmap_get(&m, slice_str("")), &values[0]);
    assert_ptr_equal(strmap_get(&m, slice_of("\0", 1)), &values[1]);
    assert_ptr_equal(strmap_get(&m, slice_of("\0\0", 2)), &values[2]);
    strmap_fini(&m);
}

/* These numbers stand on disks. */
static void test_hash_is_stable(void **state)
{
    (void)state;
    assert_true(hash_bytes(SLICE_EMPTY) == 0x1f2cc348a308f7cfu);
    assert_true(hash_bytes(slice_str("a")) == 0x36488a240ee86beeu);
    assert_true(hash_bytes(slice_str("default")) == 0x946a560fcf555bd2u);
    assert_true(hash_bytes(slice_str("a longer key, of thirty-two bytes")) == 0x3245b3dd00854c93u);
}

/* One bit of the input changes about half of the output's. */
static void test_hash_avalanche(void **state)
{
    (void)state;
    uint8_t bytes[24] = {0};
    uint64_t flips = 0, trials = 0;
    for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
        uint64_t before = hash_bytes(slice_of(bytes, sizeof(bytes)));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        uint64_t after = hash_bytes(slice_of(bytes, sizeof(bytes)));
        int changed = __builtin_popcountll(before ^ after);
        assert_in_range(changed, 12, 52);
        flips += (uint64_t)changed;
        trials++;
    }
    assert_in_range(flips / trials, 30, 34);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idmap),
        cmocka_unit_test(test_idmap_empty),
        cmocka_unit_test(test_idmap_spread),
        cmocka_unit_test(test_strmap),
        cmocka_unit_test(test_strmap_binary_keys),
        cmocka_unit_test(test_hash_is_stable),
        cmocka_unit_test(test_hash_avalanche),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
