/* A restart under ten thousand running jobs runs none of them again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/state.h"
#include "crowd.h"

#define JOBS 10000

static struct crowd crowd;

static void run_all(void)
{
    crowd_start(&crowd, &CORE_OPTIONS_DEFAULT);
    crowd_hello(&crowd, JOBS, JOBS);
    for (int i = 0; i < JOBS / 500; i++)
        crowd_submit(&crowd, "a", 500, 20, 0);
    assert_int_equal(crowd.held_count, JOBS);
}

static struct core_stats stats(void)
{
    struct core_stats s;
    core_get_stats(crowd.h.core, &s);
    return s;
}

static void who_lists_its_jobs_keeps_them(void **unused)
{
    (void)unused;
    run_all();
    harness_crash(&crowd.h);
    assert_int_equal(stats().doubt, JOBS);
    crowd_return(&crowd, JOBS, JOBS);
    assert_int_equal(stats().doubt, 0);
    assert_int_equal(stats().out, JOBS);
    while (crowd.held_count > 0)
        crowd_complete(&crowd, 500);
    harness_advance(&crowd.h, 1000, true);
    assert_int_equal(crowd.given, JOBS);
    assert_int_equal(stats().stale_results, 0);
    assert_int_equal(stats().resident_jobs, 0);
    crowd_stop(&crowd);
}

/* The results that were on their way when the broker died come again, and count. */
static void results_that_were_on_their_way_count(void **unused)
{
    (void)unused;
    run_all();
    harness_crash(&crowd.h);
    crowd_return(&crowd, JOBS, JOBS);
    harness_crash(&crowd.h);
    crowd_return(&crowd, JOBS, JOBS);
    while (crowd.held_count > 0) {
        crowd_complete(&crowd, 100);
        if (crowd.held_count % 2500 == 0) {
            harness_crash(&crowd.h);
            crowd_return(&crowd, JOBS, JOBS);
        }
    }
    assert_int_equal(crowd.given, JOBS);
    harness_advance(&crowd.h, 1000, true);
    assert_int_equal(stats().resident_jobs, 0);
    crowd_stop(&crowd);
}

/* Nobody comes back: after the grace all are handed out once more, none is lost, none counted. */
static void nobody_comes_back(void **unused)
{
    (void)unused;
    run_all();
    harness_crash(&crowd.h);
    harness_advance(&crowd.h, 29000, true);
    assert_int_equal(stats().doubt, JOBS);
    harness_advance(&crowd.h, 3000, true);
    assert_int_equal(stats().doubt, 0);
    crowd_hello(&crowd, JOBS, JOBS);
    assert_int_equal(crowd.held_count, JOBS);
    for (uint32_t i = 0; i < JOBS; i++)
        assert_int_equal(crowd.runs[i], 2);
    crowd_stop(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_lists_its_jobs_keeps_them),
        cmocka_unit_test(results_that_were_on_their_way_count),
        cmocka_unit_test(nobody_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
