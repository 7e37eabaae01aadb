/* test_arrears.c: what is asked for nominal times that passed while nobody was there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agenda_rig.h"

/* ---- after an outage ---- */

static void test_latest(void **state)
{
    (void)state;
    uint64_t through_ms = NOON * 1000, now_ms = through_ms + 5 * 60000 + 4000;
    put("latest", "* * * * *", NULL, CATCH_UP_LATEST, HOUR * 1000, through_ms);
    assert_true(agenda_due(&rig->agenda, now_ms, &rig->fire));
    assert_int_equal(rig->fire.count, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_item(i, through_ms + i * 60000, through_ms + (i + 1) * 60000,
                    i < 4 ? FIRE_MISSED : FIRE_RUN);
    judge(now_ms);
    assert_int_equal(rig->known[0].fired, 1);
    assert_int_equal(rig->known[0].missed, 4);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), through_ms + 6 * 60000);
}

/* As latest; that the newest is too late, if it is, says the broker. */
static void test_none(void **state)
{
    (void)state;
    uint64_t through_ms = NOON * 1000;
    struct known *k = put("none", "*/10 * * * *", NULL, CATCH_UP_NONE, HOUR * 1000, through_ms);
    settle(through_ms + 25 * 60000); /* five minutes late */
    assert_int_equal(k->fired, 0);
    assert_int_equal(k->missed, 2);
    settle(through_ms + 50 * 60000 + 30000); /* half a minute late */
    assert_int_equal(k->fired, 1);
    assert_int_equal(k->last_fired_ms, through_ms + 50 * 60000);
    assert_int_equal(k->missed, 4);
}

static void test_all(void **state)
{
    (void)state;
    uint64_t through_ms = NOON * 1000, now_ms = through_ms + 5 * 60000 + 4000;
    struct known *k = put("all", "* * * * *", NULL, CATCH_UP_ALL, 130000, through_ms);
    assert_true(agenda_due(&rig->agenda, now_ms, &rig->fire));
    assert_int_equal(rig->fire.count, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_item(i, through_ms + i * 60000, through_ms + (i + 1) * 60000, FIRE_RUN);
    judge(now_ms);
    assert_int_equal(k->fired, 3); /* the window has three */
    assert_int_equal(k->missed, 2);
}

/* So many seconds of outage: as many nominal times; the newest 1,000 missed ones have rows. */
static void check_span(const char *when, uint64_t seconds)
{
    uint64_t through_ms = NOON * 1000 + 250, now_ms = (NOON + seconds) * 1000 + 10;
    struct known *k = put("span", when, NULL, CATCH_UP_LATEST, HOUR * 1000, through_ms);
    settle(now_ms);
    assert_int_equal(k->fired, 1);
    assert_int_equal(k->last_fired_ms, (NOON + seconds) * 1000);
    assert_int_equal(k->missed, seconds - 1);
    assert_int_equal(k->spans, 1);
    assert_int_equal(k->last_first_ms, (NOON + 1) * 1000);
    assert_int_equal(k->last_count, seconds - 1 - ARREARS_ROWS);
    assert_int_equal(k->last_span_ms, (NOON + seconds - 1 - ARREARS_ROWS) * 1000 + NOMINAL_SPAN_MS);
    assert_int_equal(k->rows, 1 + ARREARS_ROWS + 1);
    /* the next outage has a span of its own */
    settle(now_ms + 5000 * 1000);
    assert_int_equal(k->spans, 2);
    assert_int_equal(k->missed + k->fired, seconds + 5000);
}

static void test_span_every(void **state)
{
    (void)state;
    check_span(NULL, 400 * DAY);
}

static void test_span_cron(void **state)
{
    (void)state;
    check_span("* * * * * *", 3 * HOUR);
}

/* Just as many as have rows of their own, and one more. */
static void test_span_least(void **state)
{
    (void)state;
    uint64_t through_ms = NOON * 1000;
    struct known *k = put("a", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, through_ms);
    settle((NOON + ARREARS_ROWS + 1) * 1000);
    assert_int_equal(k->spans, 0);
    assert_int_equal(k->missed, ARREARS_ROWS);
    k = put("b", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, through_ms);
    settle((NOON + ARREARS_ROWS + 2) * 1000);
    assert_int_equal(k->spans, 0); /* a row for one is a plain row */
    assert_int_equal(k->rows, ARREARS_ROWS + 2);
    k = put("c", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, through_ms);
    settle((NOON + ARREARS_ROWS + 3) * 1000);
    assert_int_equal(k->spans, 1);
    assert_int_equal(k->last_count, 2);
}

static void test_span_all(void **state)
{
    (void)state;
    uint64_t seconds = 3 * HOUR;
    struct known *k = put("all", NULL, NULL, CATCH_UP_ALL, HOUR * 1000, NOON * 1000);
    settle((NOON + seconds) * 1000);
    assert_int_equal(k->fired, HOUR + 1); /* exactly at the window's end is in it */
    assert_int_equal(k->missed, seconds - HOUR - 1);
    assert_int_equal(k->spans, 1);
    assert_int_equal(k->last_count, seconds - HOUR - 1 - ARREARS_ROWS);
}

/* A long count is done in slices: who is due meanwhile does not wait for it. */
static void test_count_in_slices(void **state)
{
    (void)state;
    uint64_t now_ms = (NOON + DAY) * 1000;
    int turns = 0, other = 0;
    struct known *k = put("long", "* * * * * *", NULL, CATCH_UP_LATEST, HOUR * 1000, NOON * 1000);
    struct known *tick = put("tick", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, now_ms);
    while (k->fired == 0) {
        now_ms += 1000;
        turns++;
        while (tick->through_ms < now_ms) {
            if (agenda_due(&rig->agenda, now_ms, &rig->fire))
                judge(now_ms);
            assert_true(++other < 100000);
        }
        assert_int_equal(tick->missed, 0);
        assert_true(turns < 1000);
    }
    assert_in_range(turns, 10, 100);
    assert_int_equal(k->spans, 1);
    assert_int_equal(k->missed + k->fired, (k->through_ms - NOON * 1000) / 1000);
}

/* Many that catch up take turns, and who owes one run alone does not wait for them. */
static void test_crowd(void **state)
{
    (void)state;
    char name[32];
    uint64_t through_ms = NOON * 1000, now_ms = through_ms + 700 * 1000;
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "late%d", i);
        put(name, NULL, NULL, CATCH_UP_ALL, HOUR * 1000, through_ms);
    }
    struct known *fresh =
        put("fresh", "40 11 12 * * *", NULL, CATCH_UP_ALL, HOUR * 1000, through_ms);
    assert_true(agenda_due(&rig->agenda, now_ms, &rig->fire)); /* 12:11:40 */
    judge(now_ms);
    assert_int_equal(fresh->fired, 1);
    int fires = 1;
    while (agenda_due(&rig->agenda, now_ms, &rig->fire)) {
        judge(now_ms);
        fires++;
        if (fires == 40) /* each had a turn before one has a second */
            for (int i = 0; i < 39; i++)
                assert_in_range(rig->known[i].fired, 500, FIRE_MAX);
    }
    for (int i = 0; i < 40; i++)
        assert_int_equal(rig->known[i].fired, 700);
}

/* ---- gaps of the clock ---- */

#define APIA_GAP UINT64_C(1325239200) /* 2011-12-30T10:00:00Z: that day is left out */

static void test_gap(void **state)
{
    (void)state;
    uint64_t before_ms = (APIA_GAP - 15 * HOUR) * 1000, after_ms = (APIA_GAP + 9 * HOUR) * 1000;
    struct known *k =
        put("apia", "0 9 * * *", "Pacific/Apia", CATCH_UP_LATEST, HOUR * 1000, before_ms);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), after_ms);
    assert_true(agenda_due(&rig->agenda, after_ms, &rig->fire));
    assert_int_equal(rig->fire.count, 2);
    assert_item(0, before_ms, APIA_GAP * 1000 - 1, FIRE_GAP);
    assert_int_equal(rig->fire.items[0].nominal_ms % 1000, NOMINAL_GAP_MS);
    assert_int_equal(rig->fire.items[0].count, 1);
    assert_item(1, APIA_GAP * 1000 - 1, after_ms, FIRE_RUN);
    /* the gap is judged, the run is not: the gap is not told twice */
    set_answer(0, VERDICT_SKIPPED, APIA_GAP * 1000 - 1);
    set_answer(1, VERDICT_LATER, APIA_GAP * 1000 - 1);
    struct fire_answer answer = answer_at(after_ms);
    k->through_ms = APIA_GAP * 1000 - 1;
    agenda_judged(&rig->agenda, &rig->fire, &answer);
    assert_true(agenda_due(&rig->agenda, after_ms + AGENDA_LATER_MS, &rig->fire));
    assert_int_equal(rig->fire.count, 1);
    assert_item(0, APIA_GAP * 1000 - 1, after_ms, FIRE_RUN);
    judge(after_ms + AGENDA_LATER_MS);
    assert_int_equal(k->fired, 1);
}

/* An outage over the gap: rows for many end before it and begin anew behind it. */
static void test_gap_in_span(void **state)
{
    (void)state;
    uint64_t through_ms = (APIA_GAP - 2 * DAY) * 1000, now_ms = (APIA_GAP + 3 * DAY) * 1000;
    struct known *k =
        put("apia", "0-59 0-23 * * *", "Pacific/Apia", CATCH_UP_LATEST, HOUR * 1000, through_ms);
    settle(now_ms);
    assert_int_equal(k->spans, 2);
    assert_int_equal(k->dropped, 24 * 60);
    assert_int_equal(k->fired, 1);
    assert_int_equal(k->missed, 5 * 24 * 60 - 1);
    assert_int_equal(k->rows, 2 + 1 + ARREARS_ROWS + 1);
}

/* ---- at random ---- */

/* Whatever is put off, and however long nobody is there: each nominal time is in the ledger once.
 */
static void test_random(void **state)
{
    (void)state;
    enum { COUNT = 24 };
    static const char *const whens[] = {NULL, "* * * * * *", "*/7 * * * * *", "* * * * *"};
    char name[32];
    uint64_t now_ms = NOON * 1000, begun[COUNT];
    for (uint64_t i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "r%d", (int)i);
        begun[i] = now_ms - rng_u64(&rig->rng) % 5000000;
        put(name, whens[i % 4], i % 3 ? "Europe/Berlin" : NULL, (enum catch_up)(i % 3), HOUR * 1000,
            begun[i]);
    }
    rig->refuse_one_in = 5;
    for (int turn = 0; turn < 1500; turn++) {
        now_ms += rng_u64(&rig->rng) % 3000;
        if (rng_u64(&rig->rng) % 200 == 0)
            now_ms += rng_u64(&rig->rng) % 3000000;
        if (agenda_due(&rig->agenda, now_ms, &rig->fire))
            judge(now_ms);
    }
    rig->refuse_one_in = 0;
    settle(now_ms += 2000);
    settle(now_ms);
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t every = i % 4 < 2 ? 1 : i % 4 == 3 ? 60 : 0;
        struct known *k = &rig->known[i];
        assert_int_equal(k->missed + k->fired > 0, 1);
        assert_true(now_ms - k->through_ms < 61000);
        if (every)
            assert_int_equal(k->missed + k->fired, now_ms / 1000 / every - begun[i] / 1000 / every);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(latest),    TEST(none),       TEST(all),         TEST(span_every),
        TEST(span_cron), TEST(span_least), TEST(span_all),    TEST(count_in_slices),
        TEST(crowd),     TEST(gap),        TEST(gap_in_span), TEST(random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
