/* Every pair of state and event: those of the design's table lead where it says, all others are
 * refused and change nothing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/jobs.h"

#define NONE JOB_STATE_COUNT

/* A second copy on purpose: the core's table is judged by it. */
static const uint8_t expected[JOB_STATE_COUNT][JOB_EV_COUNT] = {
    [JOB_SCHEDULED] = {[JOB_EV_DUE] = JOB_READY,
                       [JOB_EV_GRANT] = NONE,
                       [JOB_EV_COMPLETE] = NONE,
                       [JOB_EV_RETRY] = NONE,
                       [JOB_EV_PARK] = NONE,
                       [JOB_EV_DISCARD] = NONE,
                       [JOB_EV_SNOOZE] = NONE,
                       [JOB_EV_RELEASE] = NONE,
                       [JOB_EV_LAPSE] = NONE,
                       [JOB_EV_CANCEL] = JOB_CANCELLED,
                       [JOB_EV_EXPIRE] = JOB_EXPIRED,
                       [JOB_EV_REVIVE] = NONE},
    [JOB_READY] = {[JOB_EV_DUE] = NONE,
                   [JOB_EV_GRANT] = JOB_RUNNING,
                   [JOB_EV_COMPLETE] = JOB_COMPLETED,
                   [JOB_EV_RETRY] = JOB_SCHEDULED,
                   [JOB_EV_PARK] = JOB_PARKED,
                   [JOB_EV_DISCARD] = JOB_CANCELLED,
                   [JOB_EV_SNOOZE] = JOB_SCHEDULED,
                   [JOB_EV_RELEASE] = JOB_READY,
                   [JOB_EV_LAPSE] = JOB_READY,
                   [JOB_EV_CANCEL] = JOB_CANCELLED,
                   [JOB_EV_EXPIRE] = JOB_EXPIRED,
                   [JOB_EV_REVIVE] = NONE},
    [JOB_RUNNING] = {[JOB_EV_DUE] = NONE,
                     [JOB_EV_GRANT] = NONE,
                     [JOB_EV_COMPLETE] = JOB_COMPLETED,
                     [JOB_EV_RETRY] = JOB_SCHEDULED,
                     [JOB_EV_PARK] = JOB_PARKED,
                     [JOB_EV_DISCARD] = JOB_CANCELLED,
                     [JOB_EV_SNOOZE] = JOB_SCHEDULED,
                     [JOB_EV_RELEASE] = JOB_READY,
                     [JOB_EV_LAPSE] = JOB_READY,
                     [JOB_EV_CANCEL] = JOB_CANCELLED,
                     [JOB_EV_EXPIRE] = JOB_EXPIRED,
                     [JOB_EV_REVIVE] = NONE},
    [JOB_PARKED] = {[JOB_EV_DUE] = NONE,
                    [JOB_EV_GRANT] = NONE,
                    [JOB_EV_COMPLETE] = JOB_COMPLETED,
                    [JOB_EV_RETRY] = JOB_SCHEDULED,
                    [JOB_EV_PARK] = JOB_PARKED,
                    [JOB_EV_DISCARD] = JOB_CANCELLED,
                    [JOB_EV_SNOOZE] = JOB_SCHEDULED,
                    [JOB_EV_RELEASE] = NONE,
                    [JOB_EV_LAPSE] = NONE,
                    [JOB_EV_CANCEL] = NONE,
                    [JOB_EV_EXPIRE] = NONE,
                    [JOB_EV_REVIVE] = JOB_READY},
};

static bool is_terminal(int state)
{
    return state == JOB_COMPLETED || state == JOB_CANCELLED || state == JOB_EXPIRED;
}

static void each_pair(void **unused)
{
    (void)unused;
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        for (int event = 0; event < JOB_EV_COUNT; event++) {
            struct job job = {.head = {.state = (uint8_t)state, .run = 7}};
            int to = is_terminal(state) ? NONE : expected[state][event];
            assert_int_equal(job_move(&job, (enum job_event)event), to != NONE);
            assert_int_equal(job.head.state, to != NONE ? to : state);
            assert_int_equal(job.head.run, 7);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_pair)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
