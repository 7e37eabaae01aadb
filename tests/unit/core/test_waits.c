/* Many WAITs for the same job, and for the same job many times: they leave without looking for each
 * other. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/state.h"
#include "crowd.h"

#define WAITS   400
#define IDS     1000
#define MOST_MS 60000 /* it takes a second; looking through all the others, many minutes */

static struct crowd crowd;
static uint32_t answers;

static void on_action(const struct action *action)
{
    answers += action->type == ACT_REPLY_JOBS;
}

static void start(void)
{
    struct core_options options = CORE_OPTIONS_DEFAULT;
    crowd_start(&crowd, &options);
    crowd.on_action = on_action;
    answers = 0;
    crowd_submit(&crowd, "k", 2, 10, 0);
    crowd_hello(&crowd, 4, 4);
    harness_settle(&crowd.h);
    assert_int_equal(crowd.held_count, 2);
}

/* Each asks for the first job all the time, and at its end for the other one. */
static void ask(uint32_t hold_ms)
{
    uint64_t ids[IDS];
    for (uint32_t i = 0; i < IDS; i++)
        ids[i] = crowd.held[i == IDS - 1];
    for (uint32_t i = 0; i < WAITS; i++) {
        struct event e = event_ids(EV_WAIT, 1, ids, IDS);
        e.request = i + 1;
        e.ids.hold_ms = hold_ms;
        harness_step(&crowd.h, &e);
        event_release(&e);
    }
    harness_settle(&crowd.h);
    assert_int_equal(answers, 0);
    assert_int_equal(crowd.h.core->waited_ids, WAITS * IDS);
}

static void all_answered(uint64_t since_ms)
{
    harness_settle(&crowd.h);
    assert_int_equal(answers, WAITS);
    assert_int_equal(crowd.h.core->waited_ids, 0);
    assert_int_equal(crowd.h.core->waiters.count, 0);
    assert_in_range(clock_ms() - since_ms, 0, MOST_MS);
    crowd_stop(&crowd);
}

static void test_time_is_over(void **state)
{
    (void)state;
    start();
    ask(2000);
    uint64_t since = clock_ms();
    harness_advance(&crowd.h, 2500, true);
    all_answered(since);
}

static void test_jobs_end(void **state)
{
    (void)state;
    start();
    ask(60000);
    uint64_t since = clock_ms();
    crowd_complete(&crowd, 1);
    harness_settle(&crowd.h);
    crowd_complete(&crowd, 1);
    all_answered(since);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_is_over),
        cmocka_unit_test(test_jobs_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
