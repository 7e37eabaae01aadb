/* test_job_state.c: names of states go both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/job_state.h"

static void test_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
        enum job_state parsed = JOB_STATE_COUNT;
        assert_int_equal(job_state_parse(slice_str(job_state_name((enum job_state)i)), &parsed), 0);
        assert_int_equal(parsed, i);
    }
    enum job_state untouched = JOB_PARKED;
    assert_int_equal(job_state_parse(slice_str("Ready"), &untouched), MUSTER_EINVAL);
    assert_int_equal(job_state_parse(SLICE_EMPTY, &untouched), MUSTER_EINVAL);
    assert_int_equal(untouched, JOB_PARKED);
    assert_string_equal(job_state_name(JOB_STATE_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
