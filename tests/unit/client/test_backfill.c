/* test_backfill.c: the times of a span, cut into messages, until each has its verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/backfill.h"
#include "scheduler/zones.h"

#define NOON INT64_C(1774699200) /* 2026-03-28T12:00:00Z */

static struct backfill work;

static struct plan every(uint32_t seconds)
{
    return (struct plan){.every_s = seconds};
}

/* The same verdict for all that are open. */
static struct backfill_step take_all(uint8_t verdict)
{
    uint8_t verdicts[FIRE_MAX];
    memset(verdicts, verdict, sizeof verdicts);
    return backfill_take(&work, slice_of(verdicts, work.count));
}

static void test_both_ends_count(void **state)
{
    (void)state;
    struct plan plan = every(60);
    static const struct {
        int64_t from_ms, to_ms; /* from NOON */
        uint32_t times;
    } rows[] = {
        {0, 0, 1},  {0, 60000, 2}, {1, 60000, 1},        {0, 59999, 1},      {1, 59999, 0},
        {-1, 1, 1}, {1000, 0, 0},  {-120000, 120000, 5}, {-60001, 60001, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        backfill_init(&work, &plan, (uint64_t)(NOON * 1000 + rows[i].from_ms),
                      (uint64_t)(NOON * 1000 + rows[i].to_ms));
        assert_int_equal(backfill_fill(&work), rows[i].times);
        assert_int_equal(backfill_fill(&work), rows[i].times);
    }
    backfill_init(&work, &plan, 0, 60000); /* the first second there is */
    assert_int_equal(backfill_fill(&work), 2);
    assert_int_equal(work.open[0].utc, 0);
}

static void test_messages_are_full_and_nothing_is_left_out(void **state)
{
    (void)state;
    struct plan plan = every(1);
    int64_t next = NOON;
    backfill_init(&work, &plan, (uint64_t)NOON * 1000, (uint64_t)(NOON + 1299) * 1000);
    for (unsigned message = 0; message < 3; message++) {
        uint8_t column[8 * FIRE_MAX];
        uint32_t count = backfill_fill(&work);
        assert_int_equal(count, message < 2 ? FIRE_MAX : 1300 - 2 * FIRE_MAX);
        backfill_column(&work, column);
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(slice_u64_at(slice_of(column, sizeof column), i), 1000 * next++);
        assert_int_equal(take_all(VERDICT_FIRED).judged, count);
    }
    assert_int_equal(backfill_fill(&work), 0);
    assert_int_equal(work.verdicts[VERDICT_FIRED], 1300);
}

static void test_what_was_not_judged_is_asked_again_first(void **state)
{
    (void)state;
    struct plan plan = every(1);
    static const uint8_t verdicts[] = {VERDICT_FIRED,   VERDICT_LATER, VERDICT_KNOWN, VERDICT_FULL,
                                       VERDICT_SKIPPED, VERDICT_STALE, VERDICT_EARLY, 200,
                                       VERDICT_WAITING, VERDICT_BEHIND};
    static const int64_t left[] = {1, 3, 5, 7, 9};
    backfill_init(&work, &plan, (uint64_t)NOON * 1000, (uint64_t)(NOON + 9) * 1000);
    assert_int_equal(backfill_fill(&work), sizeof verdicts);
    struct backfill_step step = backfill_take(&work, slice_of(verdicts, sizeof verdicts));
    assert_int_equal(step.judged, 5);
    assert_true(step.stale);
    assert_true(step.full);
    assert_int_equal(work.count, sizeof left / sizeof left[0]);
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        assert_int_equal(work.open[i].utc, NOON + left[i]);
    step = take_all(VERDICT_LATER);
    assert_int_equal(step.judged, 0);
    assert_false(step.stale || step.full);
    assert_int_equal(backfill_fill(&work), 5);
    assert_int_equal(take_all(VERDICT_FIRED).judged, 5);
    assert_int_equal(backfill_fill(&work), 0);
    assert_int_equal(work.verdicts[VERDICT_FIRED], 6);
    assert_int_equal(work.verdicts[VERDICT_KNOWN], 1);
    assert_int_equal(work.verdicts[VERDICT_SKIPPED], 1);
    assert_int_equal(work.verdicts[VERDICT_WAITING], 1);
    assert_int_equal(work.verdicts[VERDICT_EARLY], 1);
}

static void test_open_ones_stay_before_new_ones(void **state)
{
    (void)state;
    struct plan plan = every(1);
    uint8_t verdicts[FIRE_MAX] = {[7] = VERDICT_FULL}; /* else fired */
    backfill_init(&work, &plan, (uint64_t)NOON * 1000, (uint64_t)(NOON + 9999) * 1000);
    (void)backfill_fill(&work);
    (void)backfill_take(&work, slice_of(verdicts, FIRE_MAX));
    assert_int_equal(backfill_fill(&work), FIRE_MAX);
    assert_int_equal(work.open[0].utc, NOON + 7);
    assert_int_equal(work.open[1].utc, NOON + FIRE_MAX);
    for (uint32_t i = 0; i < FIRE_MAX; i++)
        assert_int_equal(backfill_find(&work, (uint64_t)work.open[i].utc * 1000), i);
    assert_int_equal(backfill_find(&work, (uint64_t)(NOON + 8) * 1000), FIRE_MAX);
    assert_int_equal(backfill_find(&work, (uint64_t)(NOON + 7) * 1000 + 1), FIRE_MAX);
    assert_int_equal(backfill_find(&work, UINT64_MAX), FIRE_MAX);
    assert_int_equal(backfill_find(&work, 0), FIRE_MAX);
}

static void test_who_has_judged_what_was_asked_again(void **state)
{
    (void)state;
    struct plan plan = every(1);
    static const uint8_t verdicts[] = {VERDICT_KNOWN, VERDICT_LATER, VERDICT_STALE, VERDICT_FULL,
                                       VERDICT_LATER};
    backfill_init(&work, &plan, (uint64_t)NOON * 1000, (uint64_t)(NOON + 4) * 1000);
    assert_int_equal(backfill_fill(&work), 5);
    (void)backfill_take(&work, slice_of(verdicts, sizeof verdicts));
    assert_int_equal(work.unsure_count, 0);
    assert_int_equal(work.verdicts[VERDICT_KNOWN], 1);
    assert_int_equal(take_all(VERDICT_KNOWN).judged, 4);
    assert_int_equal(work.unsure_count, 4);
    backfill_settle(&work, (uint64_t)(NOON + 2) * 1000, VERDICT_FIRED);
    backfill_settle(&work, (uint64_t)(NOON + 2) * 1000, VERDICT_FIRED); /* no longer unsure */
    backfill_settle(&work, (uint64_t)(NOON + 4) * 1000, VERDICT_WAITING);
    backfill_settle(&work, (uint64_t)(NOON + 1) * 1000, VERDICT_FIRED);
    assert_int_equal(work.unsure_count, 1);
    assert_int_equal(work.unsure_ms[0], (uint64_t)(NOON + 3) * 1000);
    backfill_settle_rest(&work);
    assert_int_equal(work.verdicts[VERDICT_FIRED], 2);
    assert_int_equal(work.verdicts[VERDICT_WAITING], 1);
    assert_int_equal(work.verdicts[VERDICT_KNOWN], 2);
    assert_int_equal(backfill_fill(&work), 0);
}

static void test_gaps_of_local_time(void **state)
{
    (void)state;
    struct zones *zones;
    struct plan plan = {0};
    struct cron_error error;
    assert_int_equal(zones_new(&zones, "/usr/share/zoneinfo"), 0);
    /* A short one moves the run to its end; a day that was left out has none. */
    assert_int_equal(cron_parse(slice_str("30 2 * * *"), &plan.cron, &error), 0);
    assert_int_equal(zones_find(zones, slice_str("Europe/Berlin"), &plan.zone), 0);
    backfill_init(&work, &plan, (uint64_t)NOON * 1000, (uint64_t)(NOON + 86400) * 1000);
    assert_int_equal(backfill_fill(&work), 1);
    assert_int_equal(work.open[0].utc, INT64_C(1774746000)); /* 2026-03-29T01:00:00Z */
    assert_int_equal(zones_find(zones, slice_str("Pacific/Apia"), &plan.zone), 0);
    backfill_init(&work, &plan, UINT64_C(1325161800000), UINT64_C(1325248200000));
    assert_int_equal(backfill_fill(&work), 2);
    assert_int_equal(work.open[0].utc, INT64_C(1325161800)); /* on the 29th at 02:30 there */
    assert_int_equal(work.open[1].utc, INT64_C(1325248200)); /* on the 31st */
    zones_free(zones);
}

static void test_bounds_of_the_entry(void **state)
{
    (void)state;
    struct plan plan = every(60);
    plan.start = NOON + 120;
    plan.end = NOON + 300;
    backfill_init(&work, &plan, (uint64_t)NOON * 1000, (uint64_t)(NOON + 3600) * 1000);
    assert_int_equal(backfill_fill(&work), 3);
    assert_int_equal(work.open[0].utc, NOON + 120);
    assert_int_equal(work.open[2].utc, NOON + 240);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ends_count),
        cmocka_unit_test(test_messages_are_full_and_nothing_is_left_out),
        cmocka_unit_test(test_what_was_not_judged_is_asked_again_first),
        cmocka_unit_test(test_open_ones_stay_before_new_ones),
        cmocka_unit_test(test_who_has_judged_what_was_asked_again),
        cmocka_unit_test(test_gaps_of_local_time),
        cmocka_unit_test(test_bounds_of_the_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
