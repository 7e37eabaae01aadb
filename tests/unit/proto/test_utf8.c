/* test_utf8.c: every code point is well formed in its one form, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "utf8.h"

static size_t encode(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(heads[len] | c);
    return len;
}

static void test_all_code_points(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        uint8_t bytes[4];
        size_t len = encode(c, bytes);
        bool scalar = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        assert_int_equal(utf8_sequence(slice_of(bytes, len)), scalar ? len : 0);
        assert_int_equal(utf8_sequence(slice_of(bytes, len - 1)), 0);
        assert_int_equal(utf8_is_text(slice_of(bytes, len)), scalar && c != 0);
    }
}

/* The number of well-formed sequences of two and three bytes says that no other form gets through.
 */
static void test_count(void **state)
{
    (void)state;
    size_t two = 0, three = 0;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        uint8_t bytes[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        if (bytes[0] < 0xc0)
            continue;
        size_t len = utf8_sequence(slice_of(bytes, 3));
        two += len == 2 && bytes[2] == 0;
        three += len == 3;
    }
    assert_int_equal(two, 0x800 - 0x80);
    assert_int_equal(three, 0x10000 - 0x800 - 0x800);
}

/* The short cut for ASCII sees every position. */
static void test_every_place(void **state)
{
    (void)state;
    static const uint8_t bad[] = {0x00, 0x80, 0xff};
    for (size_t len = 1; len <= 40; len++) {
        uint8_t *text = malloc(len); /* exactly as long, so that ASan sees a byte too much */
        assert_non_null(text);
        memset(text, 0x7f, len);
        assert_true(utf8_is_text(slice_of(text, len)));
        for (size_t at = 0; at < len; at++) {
            for (size_t i = 0; i < sizeof(bad); i++) {
                text[at] = bad[i];
                assert_false(utf8_is_text(slice_of(text, len)));
            }
            text[at] = 0x01;
            assert_true(utf8_is_text(slice_of(text, len)));
        }
        free(text);
    }
    assert_true(utf8_is_text(SLICE_EMPTY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_code_points),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
