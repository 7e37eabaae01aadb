/* test_crc32c.c: known sums, whole and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crc32c.h"

static void test_known(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    assert_int_equal(crc32c(0, "", 0), 0);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, zeros, sizeof(zeros)), 0x8a9136aa); /* RFC 3720, B.4 */
}

/* A bit at a time, as the polynomial says. */
static uint32_t slow(const uint8_t *p, size_t len)
{
    uint32_t crc = UINT32_MAX;
    while (len--) {
        crc ^= *p++;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void test_lengths_and_pieces(void **state)
{
    (void)state;
    uint8_t bytes[100];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t start = 0; start < 8; start++) {
        for (size_t len = 0; len + start <= sizeof(bytes); len++)
            assert_int_equal(crc32c(0, bytes + start, len), slow(bytes + start, len));
    }
    for (size_t cut = 0; cut <= sizeof(bytes); cut++)
        assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, sizeof(bytes) - cut),
                         slow(bytes, sizeof(bytes)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known),
                                       cmocka_unit_test(test_lengths_and_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
