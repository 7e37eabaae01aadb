/* Memory does not grow with the backlog: windows hold the head of each lane, and give it back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/state.h"
#include "crowd.h"

#define WINDOW    (64u << 10)
#define PAGE_MOST (64u << 10) /* one page may come in above the limit, and what each job costs */

static struct crowd crowd;
static uint64_t most_bytes;

static void measure(struct crowd *c)
{
    struct core_stats stats;
    core_get_stats(c->h.core, &stats);
    if (stats.resident_bytes > most_bytes)
        most_bytes = stats.resident_bytes;
}

static void a_backlog_costs_no_memory(void **unused)
{
    struct core_options options = CORE_OPTIONS_DEFAULT;
    struct core_stats stats;
    (void)unused;
    options.window_bytes = WINDOW;
    crowd_start(&crowd, &options);
    crowd.after_step = measure;
    most_bytes = 0;
    for (int i = 0; i < 20; i++)
        crowd_submit(&crowd, "a", 500, 100, 0);
    assert_int_equal(most_bytes, 0); /* nobody could run them */
    crowd_hello(&crowd, 500, 500);
    for (int i = 0; i < 20; i++)
        crowd_submit(&crowd, "b", 50, 100, 0);
    while (crowd.held_count > 0)
        crowd_complete(&crowd, 500);
    assert_int_equal(crowd.given, 11000);
    assert_in_range(most_bytes, WINDOW / 2, WINDOW + PAGE_MOST);
    core_get_stats(crowd.h.core, &stats);
    assert_int_equal(stats.resident_jobs, 0);
    assert_int_equal(stats.resident_bytes, 0);
    crowd_stop(&crowd);
}

/* Each of many lanes keeps a few jobs even when the windows are full: none starves. */
static void many_lanes_share_it(void **unused)
{
    struct core_options options = CORE_OPTIONS_DEFAULT;
    (void)unused;
    options.window_bytes = WINDOW;
    crowd_start(&crowd, &options);
    crowd_hello(&crowd, 3, 3);
    for (int i = 0; i < 60; i++) {
        char kind[2] = {(char)('A' + i % 26), 0};
        crowd_submit(&crowd, kind, 100, 100, 0);
    }
    while (crowd.held_count > 0)
        crowd_complete(&crowd, 3);
    assert_int_equal(crowd.given, 6000);
    crowd_stop(&crowd);
}

/* Beyond LANES_MAX pairs of queue and kind a SUBMIT that names a new one is refused; others are
 * not.
 */
static void lanes_are_bounded(void **unused)
{
    (void)unused;
    crowd_start(&crowd, &CORE_OPTIONS_DEFAULT);
    crowd_submit(&crowd, "a", 1, 10, 0);
    uint32_t count = crowd.h.core->lane_count;
    crowd.h.core->lane_count = LANES_MAX;
    crowd_submit(&crowd, "b", 1, 10, 0);
    assert_int_equal(crowd.busy, 1);
    assert_int_equal(crowd.busy_reason, MUSTER_ELANES);
    crowd_submit(&crowd, "a", 1, 10, 0);
    assert_int_equal(crowd.busy, 1);
    crowd.h.core->lane_count = count;
    crowd_stop(&crowd);
}

/* Queues that only workers name, and name anew with each HELLO, do not gather; one that is used
 * stays. */
static void named_queues_go_with_the_session(void **unused)
{
    char names[100][16];
    struct slice queues[100], kind = slice_str("*");
    (void)unused;
    crowd_start(&crowd, &CORE_OPTIONS_DEFAULT);
    for (uint64_t hello = 1; hello <= 30; hello++) {
        for (unsigned i = 0; i < 100; i++) {
            snprintf(names[i], sizeof names[i], "q%u", (unsigned)hello * 50 + i);
            queues[i] = slice_str(names[i]);
        }
        queues[99] = slice_str("q"); /* the crowd submits to it */
        struct event e = event_hello(2, &(struct hello_text){.session = crowd_worker,
                                                             .number = hello,
                                                             .results_next = 1,
                                                             .parts = 1,
                                                             .slots = 1,
                                                             .name = "w",
                                                             .queues = queues,
                                                             .queue_count = 100,
                                                             .kinds = &kind,
                                                             .kind_count = 1});
        harness_step(&crowd.h, &e);
        event_release(&e);
        harness_settle(&crowd.h);
        if (hello == 1)
            crowd_submit(&crowd, "a", 1, 10, 0);
        assert_int_equal(crowd.h.core->queues.count, 100);
    }
    struct event e = {.type = EV_WORKER_GOODBYE, .route = 2};
    harness_step(&crowd.h, &e);
    harness_settle(&crowd.h);
    assert_int_equal(crowd.h.core->queues.count, 1);
    assert_non_null(queue_find(crowd.h.core, slice_str("q")));
    crowd_stop(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backlog_costs_no_memory),
        cmocka_unit_test(many_lanes_share_it),
        cmocka_unit_test(lanes_are_bounded),
        cmocka_unit_test(named_queues_go_with_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
