/* Rates, latencies and the age of the oldest ready job, in virtual time: what QUEUES tells. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/state.h"
#include "crowd.h"

static struct crowd crowd;
static struct queue_view view; /* of queue q, as told last */

static void on_action(const struct action *action)
{
    for (uint32_t i = 0; action->type == ACT_REPLY_QUEUES && i < action->reply.count; i++)
        if (slice_is(action->reply.queues[i].info.name, "q"))
            view = action->reply.queues[i];
}

static void start(uint64_t window_bytes)
{
    struct core_options options = CORE_OPTIONS_DEFAULT;
    options.window_bytes = window_bytes;
    options.lease_ms = 3600000; /* the worker is quiet, and well */
    crowd_start(&crowd, &options);
    crowd.on_action = on_action;
}

static void look(void)
{
    struct event e = {.type = EV_QUEUES, .route = 1};
    memset(&view, 0, sizeof view);
    harness_step(&crowd.h, &e);
    harness_settle(&crowd.h);
}

static void pass(uint64_t ms)
{
    harness_advance(&crowd.h, ms, true);
}

static void set_paused(bool paused)
{
    struct event e = {.type = EV_PAUSE, .route = 1};
    e.pause.queue = slice_str("q");
    e.pause.paused = paused;
    harness_step(&crowd.h, &e);
    harness_settle(&crowd.h);
}

static void assert_oldest(uint64_t ms)
{
    look();
    assert_in_range(view.oldest_ready_ms, ms, ms + 50);
}

/* ---- the oldest ---- */

static void oldest_without_a_worker(void **unused)
{
    (void)unused;
    start(64u << 20);
    assert_oldest(0);
    crowd_submit(&crowd, "a", 100, 10, 0);
    pass(5000);
    crowd_submit(&crowd, "b", 100, 10, 0);
    pass(5000);
    assert_oldest(10000);
    assert_int_equal(view.info.counters.ready, 200);
    harness_crash(&crowd.h); /* also after a restart, when nothing of it is in memory */
    crowd_greet(&crowd);
    pass(1000);
    assert_oldest(11000);
    struct event e = {.type = EV_CANCEL_ALL, .route = 1};
    e.cancel_all.state = -1;
    e.cancel_all.kind = slice_str("a");
    harness_step(&crowd.h, &e);
    harness_settle(&crowd.h);
    assert_oldest(6000);
    crowd_stop(&crowd);
}

/* Some run, some are in the window, most are in the backlog. */
static void oldest_of_a_deep_queue(void **unused)
{
    (void)unused;
    start(20000);
    crowd_hello(&crowd, 10, 10);
    crowd_submit(&crowd, "a", 10, 10, 0);
    assert_oldest(0); /* they run */
    pass(3000);
    for (int i = 0; i < 10; i++)
        crowd_submit(&crowd, "a", 500, 10, 0);
    pass(4000);
    assert_oldest(4000);
    crowd_complete(&crowd, 10);
    assert_oldest(4000);
    set_paused(true);
    assert_oldest(4000);
    pass(2000);
    crowd_complete(&crowd, 5); /* nothing more is handed out: five run on */
    assert_oldest(6000);
    set_paused(false);
    while (crowd.held_count > 0)
        crowd_complete(&crowd, 10);
    assert_oldest(0);
    crowd_stop(&crowd);
}

/* After a restart the first rows of a paused queue are those of jobs that run. */
static void running_jobs_are_not_the_oldest(void **unused)
{
    (void)unused;
    start(64u << 20);
    crowd_hello(&crowd, 10, 10);
    crowd_submit(&crowd, "a", 10, 10, 0);
    pass(7000);
    crowd_submit(&crowd, "a", 10, 10, 0);
    set_paused(true);
    harness_crash(&crowd.h);
    crowd_greet(&crowd);
    crowd_return(&crowd, 10, 10);
    pass(2000);
    look();
    assert_int_equal(view.running, 10);
    assert_oldest(2000);
    crowd_stop(&crowd);
}

/* ---- rates and latencies ---- */

static void assert_about(double told, double real)
{
    if (told < real * 0.93 || told > real * 1.07)
        fail_msg("%f for %f", told, real);
}

static void rates(void **unused)
{
    (void)unused;
    start(64u << 20);
    pass(100000);
    crowd_hello(&crowd, 500, 500);
    for (int second = 0; second < 20; second++) {
        crowd_submit(&crowd, "a", 100, 10, 0);
        pass(500);
        crowd_complete(&crowd, 50);
        pass(500);
    }
    look();
    assert_about(view.figures.per_s[RATE_SUBMITTED], 100);
    assert_about(view.figures.per_s[RATE_COMPLETED], 50);
    assert_about(view.figures.per_s_1m[RATE_SUBMITTED], 2000.0 / 65);
    pass(30000); /* nothing comes: the last minute still has it, the last 10 s do not */
    look();
    assert_true(view.figures.per_s[RATE_SUBMITTED] == 0);
    assert_about(view.figures.per_s_1m[RATE_SUBMITTED], 2000.0 / 65);
    pass(60000);
    look();
    assert_true(view.figures.per_s_1m[RATE_COMPLETED] == 0);
    crowd.h.now_ms += 7200000; /* two hours, and not one step */
    crowd_submit(&crowd, "a", 100, 10, 0);
    look();
    assert_about(view.figures.per_s[RATE_SUBMITTED], 100.0 / 10.5);
    crowd_stop(&crowd);
}

static void latencies(void **unused)
{
    (void)unused;
    start(64u << 20);
    look();
    crowd_submit(&crowd, "a", 100, 10, 0);
    pass(4000);
    crowd_hello(&crowd, 90, 90);
    pass(2000);
    crowd_complete(&crowd, 90);
    pass(1000);
    crowd_complete(&crowd, 10);
    look();
    const struct quantiles *q = view.figures.latency;
    assert_int_equal(q[LATENCY_WAIT].count, 100);
    assert_about((double)q[LATENCY_WAIT].us_p50, 4000000);
    assert_about((double)q[LATENCY_WAIT].us_p95, 6000000);
    assert_int_equal(q[LATENCY_RUN].count, 100);
    assert_about((double)q[LATENCY_RUN].us_p50, 2000000);
    assert_about((double)q[LATENCY_RUN].us_p99, 1000000 * 2);
    assert_about((double)q[LATENCY_TOTAL].us_p50, 6000000);
    assert_about((double)q[LATENCY_TOTAL].us_p99, 7000000);
    struct figures all;
    core_get_figures(crowd.h.core, &all);
    assert_int_equal(all.latency[LATENCY_TOTAL].count, 100);
    pass(95000); /* none of it is of the last 90 s */
    look();
    assert_int_equal(view.figures.latency[LATENCY_TOTAL].count, 0);
    assert_int_equal(crowd.h.core->meter_count, 1);
    pass(10000);
    assert_int_equal(crowd.h.core->meter_count, 0);
    assert_true(list_empty(&crowd.h.core->meters));
    crowd_stop(&crowd);
}

/* Queues beyond the bound have rates, and count for the whole; one gets histograms of its own when
 * another goes. */
static void meters_are_bounded(void **unused)
{
    struct figures all;
    (void)unused;
    start(64u << 20);
    crowd.h.core->meter_count = METER_QUEUES;
    crowd_hello(&crowd, 10, 10);
    crowd_submit(&crowd, "a", 10, 10, 0);
    crowd_complete(&crowd, 10);
    look();
    assert_true(view.figures.per_s[RATE_COMPLETED] > 0);
    assert_int_equal(view.figures.latency[LATENCY_WAIT].count, 0);
    core_get_figures(crowd.h.core, &all);
    assert_int_equal(all.latency[LATENCY_WAIT].count, 10);
    crowd.h.core->meter_count = METER_QUEUES - 1;
    pass(1100);
    crowd_submit(&crowd, "a", 10, 10, 0);
    look();
    assert_int_equal(view.figures.latency[LATENCY_WAIT].count, 10);
    core_get_figures(crowd.h.core, &all);
    assert_int_equal(all.latency[LATENCY_WAIT].count, 20);
    crowd_stop(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_without_a_worker),
        cmocka_unit_test(oldest_of_a_deep_queue),
        cmocka_unit_test(running_jobs_are_not_the_oldest),
        cmocka_unit_test(rates),
        cmocka_unit_test(latencies),
        cmocka_unit_test(meters_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
