/* test_buf.c: the buffer grows, keeps to its maximum, and remembers its first error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

static void test_append(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    for (int i = 0; i < 25000; i++)
        assert_int_equal(buf_append(&b, "abcd", 4), 0);
    assert_int_equal(b.len, 100000);
    assert_true(b.cap <= b.max);
    assert_memory_equal(b.data + 99996, "abcd", 4);
    assert_int_equal(buf_append(&b, "x", 1), MUSTER_EFULL);
    assert_int_equal(b.len, 100000);
    assert_int_equal(buf_append(&b, "", 0), MUSTER_EFULL); /* it sticks */
    buf_reset(&b);
    assert_int_equal(buf_append(&b, "x", 1), 0);
    assert_true(slice_is(buf_slice(&b), "x"));
    buf_fini(&b);
    buf_fini(&b);
}

static void test_whole_or_nothing(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 3);
    assert_int_equal(buf_append(&b, "ab", 2), 0);
    assert_int_equal(buf_append(&b, "cd", 2), MUSTER_EFULL);
    assert_int_equal(b.len, 2);
    assert_null(buf_reserve(&b, 1));
    buf_fini(&b);
    buf_init(&b, 0);
    assert_non_null(buf_reserve(&b, 0));
    assert_int_equal(buf_append(&b, NULL, 0), 0);
    assert_int_equal(buf_append(&b, "x", 1), MUSTER_EFULL);
    buf_fini(&b);
}

static void test_reserve(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    uint8_t *place = buf_reserve(&b, 1000);
    assert_non_null(place);
    assert_int_equal(b.len, 0);
    place[999] = 1;
    assert_null(buf_reserve(&b, SIZE_MAX)); /* does not wrap round */
    assert_int_equal(b.error, MUSTER_EFULL);
    buf_fini(&b);
}

static void test_numbers(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 64);
    assert_int_equal(buf_u32(&b, 0x01020304), 0);
    assert_int_equal(buf_u64(&b, 0x1122334455667788), 0);
    assert_memory_equal(b.data, "\x04\x03\x02\x01\x88\x77\x66\x55\x44\x33\x22\x11", 12);
    assert_int_equal(slice_u32_at(buf_slice(&b), 0), 0x01020304);
    assert_true(slice_u64_at(slice_of(b.data + 4, 8), 0) == 0x1122334455667788);
    buf_fini(&b);
}

static void test_printf(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 400);
    assert_int_equal(buf_printf(&b, "%d-%s;", 42, "x"), 0);
    assert_int_equal(buf_printf(&b, "%300d", 7), 0);
    assert_int_equal(b.len, 305);
    assert_memory_equal(b.data, "42-x; ", 6);
    assert_int_equal(b.data[304], '7');
    assert_int_equal(buf_printf(&b, "%95d", 1), 0); /* exactly full: no byte for a NUL */
    assert_int_equal(buf_printf(&b, "x"), MUSTER_EFULL);
    assert_int_equal(b.len, 400);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),  cmocka_unit_test(test_whole_or_nothing),
        cmocka_unit_test(test_reserve), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_printf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
