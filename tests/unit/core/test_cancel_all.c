/* Cancel by filter in slices: a backlog beyond the window, with traffic, a crash and a restart on
 * the way. Each job ends once, and what is submitted later is not touched. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/state.h"
#include "crowd.h"

#define BACKLOG 12000

static struct crowd crowd;
static struct action last; /* the last ACT_REPLY_CANCELLED */
static uint32_t ended;     /* jobs cancelled in batches that are durable */

static void on_action(const struct action *action)
{
    if (action->type == ACT_REPLY_CANCELLED)
        last = *action;
}

static void on_committed(const struct batch *b)
{
    for (uint32_t i = 0; i < b->op_count; i++)
        for (uint32_t r = 0; b->ops[i].type == OP_END && r < b->ops[i].end.count; r++)
            ended += b->ops[i].end.rows[r].state == JOB_CANCELLED;
}

static void start(void)
{
    struct core_options options = CORE_OPTIONS_DEFAULT;
    options.window_bytes = 64u << 10;
    crowd_start(&crowd, &options);
    crowd.on_action = on_action;
    crowd.on_committed = on_committed;
    last = (struct action){0};
    ended = 0;
}

static void ask(const char *kind, bool go_on)
{
    struct event e = {.type = EV_CANCEL_ALL, .route = 1};
    e.cancel_all.state = -1;
    e.cancel_all.kind = slice_str(kind);
    if (go_on) {
        e.cancel_all.from = last.cancelled.at;
        e.cancel_all.upto = last.cancelled.upto;
    }
    last = (struct action){0};
    harness_step(&crowd.h, &e);
}

/* One slice; whether there is more. */
static bool slice(const char *kind, bool go_on, uint32_t *total)
{
    ask(kind, go_on);
    harness_settle(&crowd.h);
    assert_int_equal(last.type, ACT_REPLY_CANCELLED);
    assert_in_range(last.cancelled.count, 0, 4096);
    *total += last.cancelled.count;
    return last.cancelled.more;
}

static void fill(const char *kind, uint32_t jobs)
{
    for (uint32_t i = 0; i < jobs / 500; i++)
        crowd_submit(&crowd, kind, 500, 10, 0);
}

/* Nobody handles the kind, then somebody does: in both cases all end, and only they. */
static void all_of_a_backlog(void **unused)
{
    (void)unused;
    for (int served = 0; served < 2; served++) {
        uint32_t total = 0, slices = 1;
        start();
        fill("a", BACKLOG);
        fill("b", 1000);
        if (served)
            crowd_hello(&crowd, 20, 20);
        for (bool more = slice("a", false, &total); more; slices++) {
            crowd_submit(&crowd, "a", 10, 10, 0); /* later: not touched */
            more = slice("a", true, &total);
        }
        assert_int_equal(total, BACKLOG);
        assert_int_equal(ended, BACKLOG);
        assert_in_range(slices, 3, 6);
        if (!served)
            crowd_hello(&crowd, 20, 20);
        while (crowd.held_count > 0)
            crowd_complete(&crowd, 20);
        uint64_t later = 10 * (slices - 1), stopped = served ? 20 : 0;
        assert_int_equal(crowd.given, 1000 + later + stopped);
        crowd_stop(&crowd);
    }
}

/* What was answered is durable; what was not is asked for again, from the same place or from the
 * beginning. */
static void over_crashes(void **unused)
{
    (void)unused;
    uint32_t total = 0;
    bool more = true;
    start();
    fill("a", BACKLOG);
    assert_true(slice("a", false, &total));
    assert_int_equal(total, 4096);
    struct action kept = last;
    ask("a", true);
    harness_turn(&crowd.h);
    harness_commit(&crowd.h, 1);
    harness_deliver(&crowd.h); /* the jobs of this slice are known, and nothing is stored */
    harness_crash(&crowd.h);
    assert_int_equal(last.type, 0);
    assert_int_equal(ended, total);
    crowd_greet(&crowd);
    last = kept;
    while (more)
        more = slice("a", true, &total);
    assert_int_equal(total, BACKLOG);
    assert_int_equal(ended, BACKLOG);
    total = 0;
    while (slice("a", more, &total))
        more = true;
    assert_int_equal(total, 0);
    struct core_stats stats;
    core_get_stats(crowd.h.core, &stats);
    assert_int_equal(stats.resident_jobs, 0);
    crowd_stop(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_backlog),
        cmocka_unit_test(over_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
