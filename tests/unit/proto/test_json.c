/* test_json.c: JSON to msgpack and back, by the rules for exec handlers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "json.h"
#include "wire.h"

#define BYTES(text) slice_of(text, sizeof(text) - 1)

static void round_trip(const char *text, const char *want)
{
    char why[200] = "";
    struct buf packed, back;
    buf_init(&packed, 1 << 20);
    buf_init(&back, 1 << 20);
    if (json_to_msgpack(text, strlen(text), &packed, why, sizeof(why)))
        fail_msg("%s: %s", text, why);
    assert_int_equal(wire_value_check(buf_slice(&packed)), 0);
    assert_int_equal(msgpack_to_json(buf_slice(&packed), &back), 0);
    assert_int_equal(buf_append(&back, "", 1), 0);
    assert_string_equal((char *)back.data, want);
    buf_fini(&packed);
    buf_fini(&back);
}

static void test_round_trips(void **state)
{
    (void)state;
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "\"\"",
        "[]",
        "{}",
        "1.5",
        "-0.1",
        "1.0",
        "1e+300",
        "[1,[2,[3]],{\"a\":null}]",
        "{\"z\":1,\"a\":2,\"caf\xc3\xa9\":\"\xf0\x9f\x98\x80\"}",
        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\"",
        "\"a\\u0000b\"",
        "18446744073709551615",
        "9223372036854775808",
        "0.30000000000000004",
        "[18446744073709551615,{\"k\":9223372036854775808},\"18446744073709551615\"]",
        "4.94065645841247e-324",
        "1.7976931348623157e+308",
        "-0.0"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        round_trip(same[i], same[i]);
    round_trip(" [ 1 , 2 ] ", "[1,2]");
    round_trip("\"\\u00e9\\ud83d\\ude00\\/\"", "\"\xc3\xa9\xf0\x9f\x98\x80/\"");
    round_trip("1E2", "100.0");
}

/* Strings that look as the masks of large integers do are still strings. */
static void test_masks(void **state)
{
    (void)state;
    round_trip(
        "[\"AAAAAAAAAAAAAAAAAA\",18446744073709551615,\"BBBBBBBBBBBBBBBBB\",9223372036854775808]",
        "[\"AAAAAAAAAAAAAAAAAA\",18446744073709551615,\"BBBBBBBBBBBBBBBBB\",9223372036854775808]");
    round_trip(
        "{\"AAAAAAAAAAAAAAAAAA\":18446744073709551615,\"x\\\"\":\"18446744073709551615\\\\\"}",
        "{\"AAAAAAAAAAAAAAAAAA\":18446744073709551615,\"x\\\"\":\"18446744073709551615\\\\\"}");
}

static void refused(const char *text, size_t len, const char *reason)
{
    char why[200] = "";
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(buf_append(&out, "x", 1), 0);
    assert_int_equal(json_to_msgpack(text, len, &out, why, sizeof(why)), MUSTER_EINVAL);
    if (!strstr(why, reason))
        fail_msg("%s: %s", text, why);
    assert_int_equal(out.len, 1);
    buf_fini(&out);
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } rows[] = {{"", "line 1"},
                {"[1,", "line 1, column 3"},
                {"{\"a\":1,\n\"a\":2}", "line 2"},
                {"[18446744073709551616]", "too big integer"},
                {"[-9223372036854775809]", "too big"},
                {"1e999", "overflow"},
                {"NaN", "NaN"},
                {"[1] 2", "end of file"},
                {"{18446744073709551615:1}", "2^63-1"},
                {"[18446744073709551615,", "line 1"},
                {"018446744073709551615", "line 1"},
                {"'a'", "line 1"},
                {"\"\xff\"", "decode byte"},
                {"\"\\ud800\"", "line 1"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refused(rows[i].text, strlen(rows[i].text), rows[i].reason);
    refused("1\0", 2, "NUL");
    refused("1\0 2", 4, "NUL");
}

static void test_bounds(void **state)
{
    (void)state;
    char text[5000], why[200] = "";
    struct buf out;
    buf_init(&out, 100);
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    assert_int_equal(json_to_msgpack(text, 64, &out, why, sizeof(why)), 0);
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    refused(text, 66, "32 deep");
    memset(text, '[', sizeof(text));
    refused(text, sizeof(text), "depth");
    buf_reset(&out);
    memset(text, 'a', 200);
    text[0] = text[199] = '"';
    assert_int_equal(json_to_msgpack(text, 200, &out, why, sizeof(why)), MUSTER_ETOOBIG);
    assert_non_null(strstr(why, "100 bytes"));
    buf_fini(&out);
}

static void to_json(struct slice value, const char *want)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(msgpack_to_json(value, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    assert_string_equal((char *)out.data, want);
    buf_fini(&out);
}

static void test_exec_rules(void **state)
{
    (void)state;
    to_json(BYTES("\xc4\x00"), "\"\"");
    to_json(BYTES("\xc4\x01M"), "\"TQ==\"");
    to_json(BYTES("\xc4\x02Ma"), "\"TWE=\"");
    to_json(BYTES("\xc4\x03Man"), "\"TWFu\"");
    to_json(BYTES("\xc4\x03\xfb\xff\xfe"), "\"+//+\"");
    to_json(BYTES("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), "null");
    to_json(BYTES("\xca\x7f\xc0\x00\x00"), "null");
    to_json(BYTES("\xa4"
                  "a\xff\xc3z"),
            "\"a\xef\xbf\xbd\xef\xbf\xbdz\"");
    to_json(BYTES("\xa3\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    to_json(BYTES("\x86\x05\x01\xc0\x02\xc3\x03\x92\x01\xa1q\x04\xc4\x01M\x05\xff\x06"),
            "{\"5\":1,\"null\":2,\"true\":3,\"[1,\\\"q\\\"]\":4,\"TQ==\":5,\"-1\":6}");
}

static void test_to_json_refuses(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 10);
    assert_int_equal(msgpack_to_json(SLICE_EMPTY, &out), MUSTER_EPROTO);
    assert_int_equal(msgpack_to_json(BYTES("\x92\x01"), &out), MUSTER_EPROTO);
    assert_int_equal(msgpack_to_json(BYTES("\x01\x01"), &out), MUSTER_EPROTO);
    assert_int_equal(msgpack_to_json(BYTES("\xd4\x01\x00"), &out), MUSTER_EPROTO);
    assert_int_equal(msgpack_to_json(BYTES("\xab"
                                           "hello world"),
                                     &out),
                     MUSTER_EFULL);
    assert_int_equal(out.len, 0);
    buf_reset(&out);
    /* Keys of keys of keys double their quotes each time: the buffer's maximum ends it. */
    uint8_t bytes[64];
    memset(bytes, 0x81, 31);
    memset(bytes + 31, 0xc0, 33);
    assert_int_equal(msgpack_to_json(slice_of(bytes, 63), &out), MUSTER_EFULL);
    buf_fini(&out);
}

static void test_tree(void **state)
{
    (void)state;
    json_t *tree = msgpack_to_jansson(
        BYTES("\x83\xa1i\x05\xa1u\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa2k\0\xa1v"));
    assert_non_null(tree);
    assert_int_equal(json_integer_value(json_object_get(tree, "i")), 5);
    assert_true(json_real_value(json_object_get(tree, "u")) == 18446744073709551615.0);
    assert_string_equal(json_string_value(json_object_get(tree, "k\xef\xbf\xbd")), "v");
    json_decref(tree);
    assert_null(msgpack_to_jansson(BYTES("\x81\x01")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_masks),
        cmocka_unit_test(test_refuses),     cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_exec_rules),  cmocka_unit_test(test_to_json_refuses),
        cmocka_unit_test(test_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
