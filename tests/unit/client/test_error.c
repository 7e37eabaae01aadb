/* The public error numbers are those of err.def, one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <muster/error.h>

static void test_numbers_are_those_of_the_table(void **state)
{
    int count = 0;
    (void)state;
#define ERR(symbol, number, code, text)                                                            \
    assert_int_equal(MUSTER_##symbol, -(number));                                                  \
    count++;
#include "base/err.def"
    assert_true(count > 20);
    assert_int_equal(MUSTER_OK, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_those_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
