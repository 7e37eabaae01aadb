/* Scheduled jobs: the nearest are in memory, the rest waits in the store; all come due, in time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/state.h"
#include "crowd.h"

#define JOBS 35000

static struct crowd crowd;
static uint64_t most_due, became_ready, last_due;

static void measure(struct crowd *c)
{
    const struct core *core = c->h.core;
    uint64_t due = core->due.count + core->due_at.count;
    if (due > most_due)
        most_due = due;
}

static uint64_t ready_in_store(void)
{
    struct batch *b = batch_new();
    char why[256];
    uint64_t ready = 0;
    assert_non_null(batch_op(b, OP_QUEUES));
    b->wall_ms = harness_wall_ms(&crowd.h);
    assert_int_equal(store_commit(crowd.h.store, &b, 1, why, sizeof why), 0);
    for (uint32_t i = 0; i < b->ops[0].queues.count; i++)
        ready += b->ops[0].queues.infos[i].counters.ready;
    blob_unref(b->ops[0].queues.page);
    batch_free(b);
    return ready;
}

/* Submitted in an order that has nothing to do with when they are due. */
static void submit_scattered(void)
{
    for (uint32_t i = 0; i < JOBS / 500; i++)
        crowd_submit(&crowd, "a", 500, 10, 10000 + (i * 37 % 70) * 1000);
}

static void all_come_due(void **unused)
{
    (void)unused;
    most_due = became_ready = last_due = 0;
    crowd_start(&crowd, &CORE_OPTIONS_DEFAULT);
    crowd.after_step = measure;
    submit_scattered();
    /* Three times the usual number, and those that a page or a SUBMIT brings. */
    assert_in_range(most_due, DUE_RESIDENT, DUE_RESIDENT * 3 + 1000);
    for (uint32_t second = 0; second < 82; second++) {
        harness_advance(&crowd.h, 1000, true);
        uint64_t ready = ready_in_store();
        uint64_t expected = second < 9 ? 0 : (second - 9 + 1) * 500;
        if (expected > JOBS)
            expected = JOBS;
        /* A second's jobs are taken in slices: a turn or two later. */
        assert_in_range(ready, expected >= 500 ? expected - 500 : 0, expected + 500);
    }
    assert_int_equal(ready_in_store(), JOBS);
    assert_int_equal(crowd.h.core->due.count, 0);
    crowd_stop(&crowd);
}

static void all_come_due_after_a_restart(void **unused)
{
    (void)unused;
    most_due = 0;
    crowd_start(&crowd, &CORE_OPTIONS_DEFAULT);
    submit_scattered();
    harness_crash(&crowd.h);
    crowd.after_step = measure;
    harness_settle(&crowd.h);
    assert_in_range(crowd.h.core->due.count, DUE_RESIDENT / 2, DUE_RESIDENT * 2);
    harness_advance(&crowd.h, 82000, true);
    assert_int_equal(ready_in_store(), JOBS);
    crowd_stop(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_due),
        cmocka_unit_test(all_come_due_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
