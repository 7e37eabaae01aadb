/* The mark runs ahead of what is handed out, but not far: no further than free credit and what was
 * taken lately. And it costs few writes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/state.h"
#include "crowd.h"

static struct crowd crowd;

static const struct band *the_band(const struct core *core)
{
    const struct lane *lane = lane_find(core, slice_str("q"), slice_str("a"));
    return lane ? lane->bands[PRIORITY_DEFAULT] : NULL;
}

/* How many jobs would be in doubt after a crash now, beside those that are out. */
static uint32_t ahead(const struct core *core)
{
    const struct band *band = the_band(core);
    return band ? band->marked + band->marked_coming : 0;
}

static uint64_t most_ahead, most_flow; /* jobs in a tenth of a second or two */

/* A mark is never taken back: the most that flowed until now is what it may be ahead. */
static void measure(struct crowd *c)
{
    const struct core *core = c->h.core;
    uint64_t flow = core->granted_window + core->granted_before, credit = 0;
    LIST_FOREACH (it, &core->sessions) {
        credit += CONTAINER_OF(it, const struct session, link)->credit;
    }
    if (flow > most_flow)
        most_flow = flow;
    assert_true(ahead(core) <= credit + most_flow);
    if (ahead(core) > most_ahead)
        most_ahead = ahead(core);
}

static void nothing_is_marked_without_credit(void **unused)
{
    (void)unused;
    crowd_start(&crowd, &CORE_OPTIONS_DEFAULT);
    crowd_submit(&crowd, "a", 500, 10, 0);
    assert_int_equal(crowd.marks, 0);
    crowd_hello(&crowd, 4, 0);
    crowd_submit(&crowd, "a", 500, 10, 0);
    assert_int_equal(crowd.marks, 0);
    assert_int_equal(crowd.given, 0);
    crowd_stop(&crowd);
}

static void it_keeps_pace_and_no_more(void **unused)
{
    (void)unused;
    crowd_start(&crowd, &CORE_OPTIONS_DEFAULT);
    crowd.after_step = measure;
    most_ahead = most_flow = 0;
    for (int i = 0; i < 8; i++)
        crowd_submit(&crowd, "a", 500, 10, 0);
    crowd_hello(&crowd, 10, 10);
    unsigned rounds = 0;
    for (; crowd.held_count > 0; rounds++) {
        harness_advance(&crowd.h, 5, true);
        crowd_complete(&crowd, 10);
    }
    assert_int_equal(crowd.given, 4000);
    /* 10 jobs each 5 ms: 200 to 400 in the last tenth or two of a second. */
    assert_in_range(most_ahead, 100, 500);
    assert_true(crowd.marks < rounds / 2);
    crowd_stop(&crowd);
}

/* After a pause of the flow the mark stands where it stood, and a new worker gets its jobs. */
static void it_stands_while_nothing_flows(void **unused)
{
    (void)unused;
    crowd_start(&crowd, &CORE_OPTIONS_DEFAULT);
    crowd.after_step = measure;
    for (int i = 0; i < 4; i++)
        crowd_submit(&crowd, "a", 500, 10, 0);
    crowd_hello(&crowd, 4, 4);
    uint64_t marks = crowd.marks;
    for (int i = 0; i < 20; i++)
        harness_advance(&crowd.h, 100, true);
    assert_int_equal(crowd.marks, marks);
    crowd_credit(&crowd, 100);
    assert_int_equal(crowd.given, 100);
    crowd_stop(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_marked_without_credit),
        cmocka_unit_test(it_keeps_pace_and_no_more),
        cmocka_unit_test(it_stands_while_nothing_flows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
