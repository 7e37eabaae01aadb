/* test_err.c: every row of err.def is known by number, and codes are distinct. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"

static const int numbers[] = {
#define ERR(symbol, number, code, text) MUSTER_##symbol,
#include "base/err.def"
};

#define COUNT (sizeof(numbers) / sizeof(numbers[0]))

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(numbers[i] < 0);
        assert_string_not_equal(err_code(numbers[i]), "unknown");
        assert_true(strlen(err_text(numbers[i])) > 5);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(numbers[i], numbers[j]);
            assert_string_not_equal(err_code(numbers[i]), err_code(numbers[j]));
        }
    }
}

static void test_known(void **state)
{
    (void)state;
    assert_string_equal(err_code(MUSTER_ENOTFOUND), "not_found");
    assert_string_equal(err_code(0), "ok");
    assert_string_equal(err_code(-12345), "unknown");
    assert_string_equal(err_text(7), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
