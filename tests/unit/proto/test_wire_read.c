/* test_wire_read.c: the reader takes msgpack in every form, and nothing that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"

#define BYTES(text) slice_of(text, sizeof(text) - 1)

static struct wire_token one(struct slice bytes)
{
    struct wire_reader r = {bytes};
    struct wire_token token;
    assert_int_equal(wire_read(&r, &token), 0);
    assert_int_equal(r.left.len, 0);
    assert_int_equal(wire_value_check(bytes), 0);
    return token;
}

static void test_integers(void **state)
{
    (void)state;
    const struct {
        struct slice bytes;
        int64_t value;
    } rows[] = {{BYTES("\x00"), 0},
                {BYTES("\x7f"), 127},
                {BYTES("\xcc\xff"), 255},
                {BYTES("\xcd\x01\x00"), 256},
                {BYTES("\xce\x00\x00\x00\x05"), 5},
                {BYTES("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MAX},
                {BYTES("\xd0\x05"), 5},
                {BYTES("\xd1\x01\x00"), 256},
                {BYTES("\xd2\x7f\xff\xff\xff"), INT32_MAX},
                {BYTES("\xff"), -1},
                {BYTES("\xe0"), -32},
                {BYTES("\xd0\x80"), -128},
                {BYTES("\xd1\xff\xfe"), -2},
                {BYTES("\xd2\x80\x00\x00\x00"), INT32_MIN},
                {BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), INT64_MIN}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wire_token token = one(rows[i].bytes);
        assert_int_equal(token.kind, rows[i].value < 0 ? WIRE_INT : WIRE_UINT);
        assert_true((rows[i].value < 0 ? token.sint : (int64_t)token.uint) == rows[i].value);
    }
    assert_true(one(BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff")).uint == UINT64_MAX);
}

static void test_others(void **state)
{
    (void)state;
    assert_int_equal(one(BYTES("\xc0")).kind, WIRE_NIL);
    assert_false(one(BYTES("\xc2")).boolean);
    assert_true(one(BYTES("\xc3")).boolean);
    assert_true(one(BYTES("\xca\x3f\xc0\x00\x00")).real == 1.5);
    assert_true(one(BYTES("\xcb\xbf\xf0\x00\x00\x00\x00\x00\x00")).real == -1.0);
    assert_true(slice_is(one(BYTES("\xa3"
                                   "abc"))
                             .bytes,
                         "abc"));
    assert_true(slice_is(one(BYTES("\xd9\x01x")).bytes, "x"));
    assert_true(slice_is(one(BYTES("\xda\x00\x01x")).bytes, "x"));
    assert_true(slice_is(one(BYTES("\xdb\x00\x00\x00\x01x")).bytes, "x"));
    assert_int_equal(one(BYTES("\xc4\x01x")).kind, WIRE_BIN);
    assert_int_equal(one(BYTES("\xc5\x00\x00")).kind, WIRE_BIN);
    assert_int_equal(one(BYTES("\xc6\x00\x00\x00\x00")).bytes.len, 0);
    assert_int_equal(one(BYTES("\x90")).kind, WIRE_ARRAY);
    assert_int_equal(one(BYTES("\xde\x00\x00")).kind, WIRE_MAP);
}

static void test_refused(void **state)
{
    (void)state;
    const struct slice rows[] = {
        BYTES(""),
        BYTES("\xc1"),
        BYTES("\xcc"),
        BYTES("\xcf\x00\x00\x00\x00\x00\x00\x00"),
        BYTES("\xa1"),
        BYTES("\xdb\xff\xff\xff\xff"),
        BYTES("\xc6\xff\xff\xff\xff"),
        BYTES("\x91"),
        BYTES("\x81\x01"),
        BYTES("\xdd\xff\xff\xff\xff\x01"),
        BYTES("\xdf\x80\x00\x00\x00"),
        BYTES("\xdf\xff\xff\xff\xff"),
        BYTES("\xd4\x01\x00"),
        BYTES("\xc7\x00\x01"),
        BYTES("\xc9\xff\xff\xff\xff"),
        BYTES("\x01\x01"),
        BYTES("\xda\x00"),
        BYTES("\x92\x01\xc1"),
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(wire_value_check(rows[i]), MUSTER_EPROTO);
}

static void test_depth(void **state)
{
    (void)state;
    uint8_t bytes[40];
    memset(bytes, 0x91, sizeof(bytes));
    bytes[32] = 0xc0;
    assert_int_equal(wire_value_check(slice_of(bytes, 33)), 0);
    bytes[32] = 0x91;
    bytes[33] = 0xc0;
    assert_int_equal(wire_value_check(slice_of(bytes, 34)), MUSTER_EPROTO);
}

static void test_skip(void **state)
{
    (void)state;
    struct wire_reader r = {BYTES("\x82\x01\x92\xc0\xa1x\x02\x80\x05")};
    struct slice value;
    assert_int_equal(wire_skip(&r, &value), 0);
    assert_int_equal(value.len, 8);
    assert_int_equal(wire_skip(&r, NULL), 0);
    assert_int_equal(wire_skip(&r, NULL), MUSTER_EPROTO);
}

static void test_writers(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    wire_array(&b, 9);
    wire_nil(&b);
    wire_bool(&b, true);
    wire_uint(&b, UINT64_MAX);
    wire_int(&b, -5);
    wire_float(&b, 0.5);
    wire_cstr(&b, "abc");
    wire_cstr(&b, NULL);
    wire_bin(&b, slice_str("xyz"));
    wire_map(&b, 1);
    wire_str(&b, slice_str("k"));
    wire_raw(&b, BYTES("\xc2"));
    assert_int_equal(b.error, 0);
    struct slice want = BYTES("\x99\xc0\xc3\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xfb"
                              "\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00\xa3"
                              "abc\xc0\xc4\x03xyz\x81\xa1k\xc2");
    assert_true(slice_eq(buf_slice(&b), want));
    buf_fini(&b);
    buf_init(&b, 2);
    wire_cstr(&b, "abc");
    assert_int_equal(b.error, MUSTER_EFULL);
    buf_fini(&b);
}

static void test_strs(void **state)
{
    (void)state;
    struct slice items[] = {slice_str("a"), slice_str(""), slice_str("ccc")};
    struct strs own = {.items = items, .count = 3};
    struct strs read = {.raw = BYTES("\xa1"
                                     "a\xa0\xa3"
                                     "ccc"),
                        .count = 3};
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(slice_eq(strs_at(&own, i), items[i]));
        assert_true(slice_eq(strs_at(&read, i), items[i]));
    }
    assert_int_equal(strs_at(&own, 3).len, 0);
    assert_int_equal(strs_at(&read, 3).len, 0);
    const struct strs *both[] = {&own, &read};
    for (size_t k = 0; k < 2; k++) {
        size_t cursor = 0, count = 0;
        struct slice entry;
        while (strs_next(both[k], &cursor, &entry))
            assert_true(slice_eq(entry, items[count++]));
        assert_int_equal(count, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_others),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_depth),
        cmocka_unit_test(test_skip),     cmocka_unit_test(test_writers),
        cmocka_unit_test(test_strs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
