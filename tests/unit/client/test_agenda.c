/* test_agenda.c: what is fired when, what verdicts do, and clocks that jump, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "agenda_rig.h"

/* ---- in time ---- */

static void test_each_in_its_time(void **state)
{
    (void)state;
    uint64_t now_ms = NOON * 1000 + 300; /* put in the middle of a second */
    struct known *k = put("tick", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, now_ms);
    struct known *minute = put("minute", "* * * * *", "UTC", CATCH_UP_LATEST, HOUR * 1000, now_ms);
    assert_int_equal(agenda_count(&rig->agenda), 2);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), (NOON + 1) * 1000);
    assert_false(agenda_due(&rig->agenda, (NOON + 1) * 1000 - 1, &rig->fire));
    for (int second = 1; second <= 120; second++) {
        uint64_t nominal_ms = (NOON + (uint64_t)second) * 1000, before = k->through_ms;
        assert_int_equal(agenda_deadline_ms(&rig->agenda), nominal_ms);
        assert_true(agenda_due(&rig->agenda, nominal_ms, &rig->fire));
        assert_int_equal(rig->fire.count, second % 60 ? 1 : 2);
        if (second % 60)
            assert_item(0, before, nominal_ms, FIRE_RUN);
        assert_false(agenda_due(&rig->agenda, nominal_ms, &(struct agenda_fire){0}));
        judge(nominal_ms);
    }
    assert_int_equal(k->fired, 120);
    assert_int_equal(minute->fired, 2);
}

static void test_bounds(void **state)
{
    (void)state;
    struct msg_schedule s = base_of("span");
    s.every_s = 10;
    s.start_ms = NOON * 1000 + 30001; /* 12:00:30 is before it */
    s.end_ms = NOON * 1000 + 60000;   /* 12:01:00 is not in it */
    assert_int_equal(tell(&s, NOON * 1000, false), 0);
    struct known *k = keep(NOON * 1000, HOUR * 1000);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), NOON * 1000 + 40000);
    settle(NOON * 1000 + 40000);
    settle(NOON * 1000 + 50000);
    assert_int_equal(k->fired, 2);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), UINT64_MAX);
    s.end_ms = NOON * 1000 + 60001; /* now it is: the last second before it */
    assert_int_equal(tell(&s, NOON * 1000 + 50000, false), 0);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), NOON * 1000 + 60000);
    s.every_s = 1;
    s.end_ms = NOON * 1000 + 60000;
    assert_int_equal(tell(&s, NOON * 1000 + 58000, false), 0);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), NOON * 1000 + 59000);
    assert_int_equal(tell(&s, NOON * 1000 + 59000, false), 0);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), UINT64_MAX);
    s.every_s = 10;
    s.end_ms = 500; /* long ago: no end would be another thing */
    s.start_ms = 0;
    assert_int_equal(tell(&s, NOON * 1000, false), 0);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), UINT64_MAX);
}

/* 2,000 in one second: in few messages, each once. */
static void test_many_at_once(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(name, sizeof name, "s%d", i);
        put(name, "0 9 * * *", i % 2 ? "Asia/Tokyo" : NULL, CATCH_UP_LATEST, HOUR * 1000,
            NOON * 1000);
    }
    assert_int_equal(settle((NOON + 12 * HOUR) * 1000 - 1), 0); /* 23:59:59.999 */
    assert_int_equal(settle((NOON + 12 * HOUR) * 1000), 2);     /* 9:00 in Tokyo */
    assert_int_equal(settle((NOON + 21 * HOUR) * 1000), 2);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(rig->known[i].fired, 1);
}

/* ---- what is not judged ---- */

static void test_later_and_full(void **state)
{
    (void)state;
    uint64_t due_ms = (NOON + 1) * 1000;
    put("tick", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, NOON * 1000);
    static const struct {
        uint8_t verdict;
        uint64_t wait_ms;
    } rows[] = {{VERDICT_LATER, AGENDA_LATER_MS}, {VERDICT_FULL, AGENDA_FULL_MS - 1}};
    for (size_t i = 0; i < 2; i++) {
        assert_true(agenda_due(&rig->agenda, due_ms, &rig->fire));
        assert_item(0, NOON * 1000, (NOON + 1) * 1000, FIRE_RUN);
        answer_all(rows[i].verdict, NOON * 1000, due_ms - (i == 1));
        due_ms += rows[i].wait_ms;
        assert_int_equal(agenda_deadline_ms(&rig->agenda), due_ms);
        assert_false(agenda_due(&rig->agenda, due_ms - 1, &rig->fire));
    }
    assert_true(agenda_due(&rig->agenda, due_ms, &rig->fire));
    agenda_refused(&rig->agenda, &rig->fire, due_ms);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), due_ms + AGENDA_FULL_MS);
    settle(due_ms + AGENDA_FULL_MS);
    assert_int_equal(rig->known[0].through_ms, (NOON + 3) * 1000);
}

static void test_early(void **state)
{
    (void)state;
    uint64_t due_ms = (NOON + 1) * 1000;
    put("tick", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, NOON * 1000);
    assert_true(agenda_due(&rig->agenda, due_ms, &rig->fire));
    judge(due_ms - 400); /* the broker's clock was set back a little */
    assert_int_equal(agenda_deadline_ms(&rig->agenda), due_ms);
    assert_false(agenda_due(&rig->agenda, due_ms - 1, &rig->fire));
    settle(due_ms);
    assert_int_equal(rig->known[0].fired, 1);
}

/* Another scheduler was there before. */
static void test_known_and_behind(void **state)
{
    (void)state;
    struct known *k = put("tick", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, NOON * 1000);
    k->through_ms = (NOON + 1) * 1000;
    assert_true(agenda_due(&rig->agenda, (NOON + 1) * 1000, &rig->fire));
    judge((NOON + 1) * 1000);
    assert_int_equal(rig->verdicts[0], VERDICT_KNOWN);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), (NOON + 2) * 1000);
    k->through_ms = (NOON + 4) * 1000 + NOMINAL_SPAN_MS; /* a row for many */
    assert_true(agenda_due(&rig->agenda, (NOON + 6) * 1000, &rig->fire));
    assert_int_equal(rig->fire.count, 5);
    judge((NOON + 6) * 1000); /* 2 to 4 known, 5 behind */
    assert_int_equal(rig->verdicts[2], VERDICT_KNOWN);
    assert_int_equal(rig->verdicts[3], VERDICT_BEHIND);
    assert_true(agenda_due(&rig->agenda, (NOON + 6) * 1000, &rig->fire));
    assert_int_equal(rig->fire.count, 2);
    assert_item(0, (NOON + 4) * 1000 + NOMINAL_SPAN_MS, (NOON + 5) * 1000, FIRE_MISSED);
    judge((NOON + 6) * 1000);
    assert_int_equal(k->fired, 1);
    assert_int_equal(k->missed, 1);
}

/* `behind` at the very place that was named: something is just being judged. No tight loop. */
static void test_behind_nothing(void **state)
{
    (void)state;
    put("tick", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, NOON * 1000);
    assert_true(agenda_due(&rig->agenda, (NOON + 1) * 1000, &rig->fire));
    answer_all(VERDICT_BEHIND, NOON * 1000, (NOON + 1) * 1000);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), (NOON + 1) * 1000 + AGENDA_LATER_MS);
}

static void test_stale(void **state)
{
    (void)state;
    put("tick", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, NOON * 1000);
    assert_true(agenda_due(&rig->agenda, (NOON + 1) * 1000, &rig->fire));
    rig->known_count = 0;
    judge((NOON + 1) * 1000);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), UINT64_MAX);
    agenda_recompute(&rig->agenda);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), UINT64_MAX);
    struct known *k = put("tick", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, NOON * 1000);
    settle((NOON + 1) * 1000);
    assert_int_equal(k->fired, 1);
}

/* ---- what is told ---- */

static void test_paused_replaced_deleted(void **state)
{
    (void)state;
    struct msg_schedule s = base_of("one");
    s.every_s = 1;
    assert_int_equal(tell(&s, NOON * 1000, true), 0);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), UINT64_MAX);
    assert_int_equal(agenda_count(&rig->agenda), 1);
    assert_int_equal(tell(&s, (NOON + 9) * 1000, false), 0); /* resumed */
    assert_int_equal(agenda_deadline_ms(&rig->agenda), (NOON + 10) * 1000);
    /* replaced while it is on the way: the old one's verdict says nothing of it */
    assert_true(agenda_due(&rig->agenda, (NOON + 10) * 1000, &rig->fire));
    s.every_s = 60;
    assert_int_equal(tell(&s, (NOON + 10) * 1000, false), 0);
    answer_all(VERDICT_FIRED, (NOON + 500) * 1000, (NOON + 10) * 1000);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), (NOON + 60) * 1000);
    assert_string_equal(agenda_source_of(&rig->agenda, slice_str("one")), "test");
    /* deleted while it is on the way */
    assert_true(agenda_due(&rig->agenda, (NOON + 60) * 1000, &rig->fire));
    struct told_schedule gone = {.name = slice_str("one"), .deleted = true, .revision = 99};
    assert_int_equal(agenda_put(&rig->agenda, &gone, rig->why), 0);
    assert_int_equal(agenda_put(&rig->agenda, &gone, rig->why), 0); /* of none */
    answer_all(VERDICT_FIRED, (NOON + 60) * 1000, (NOON + 60) * 1000);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), UINT64_MAX);
    assert_int_equal(agenda_count(&rig->agenda), 0);
    assert_null(agenda_source_of(&rig->agenda, slice_str("one")));
}

/* Put by who knows what: said once, and the others go on. */
static void test_unreadable(void **state)
{
    (void)state;
    struct known *k = put("good", NULL, NULL, CATCH_UP_LATEST, HOUR * 1000, NOON * 1000);
    struct msg_schedule s = base_of("bad");
    s.cron = slice_str("61 * * * *");
    assert_int_equal(tell(&s, NOON * 1000, false), MUSTER_EINVAL);
    assert_non_null(strstr(rig->why, "minute"));
    s.cron = slice_str("0 0 * * *");
    s.timezone = slice_str("Asia/Tokio");
    assert_int_equal(tell(&s, NOON * 1000, false), MUSTER_EINVAL);
    assert_non_null(strstr(rig->why, "Asia/Tokyo"));
    s.timezone = SLICE_EMPTY;
    s.every_s = 5;
    assert_int_equal(tell(&s, NOON * 1000, false), MUSTER_EINVAL);
    struct told_schedule told = {.name = slice_str("worse"),
                                 .source = slice_str("test"),
                                 .definition = slice_str("?"),
                                 .revision = ++rig->revision};
    assert_int_equal(agenda_put(&rig->agenda, &told, rig->why), MUSTER_EINVAL);
    assert_true(*rig->why);
    assert_int_equal(agenda_count(&rig->agenda), 1);
    assert_int_equal(rig->agenda.broken, 2);
    settle((NOON + 1) * 1000);
    assert_int_equal(k->fired, 1);
    s.every_s = 0; /* mended */
    assert_int_equal(tell(&s, NOON * 1000, false), 0);
    assert_int_equal(agenda_count(&rig->agenda), 2);
    agenda_clear(&rig->agenda);
    assert_int_equal(agenda_count(&rig->agenda), 0);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), UINT64_MAX);
}

static void copy_file(const char *from, const char *to)
{
    uint8_t bytes[65536];
    FILE *in = fopen(from, "rb");
    if (!in)
        skip(); /* no tzdata here */
    size_t len = fread(bytes, 1, sizeof bytes, in);
    (void)fclose(in);
    FILE *out = fopen(to, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

/* The rules of a zone change: what was waited for is another instant. */
static void test_zone_changes(void **state)
{
    (void)state;
    char folder[] = "/tmp/muster-agenda-XXXXXX", path[64], next[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/Moving", folder);
    (void)snprintf(next, sizeof next, "%s/next", folder);
    agenda_fini(&rig->agenda);
    zones_free(rig->zones);
    assert_int_equal(zones_new(&rig->zones, folder), 0);
    agenda_init(&rig->agenda, rig->zones);
    copy_file("/usr/share/zoneinfo/Asia/Tokyo", path);
    put("daily", "0 9 * * *", "Moving", CATCH_UP_LATEST, HOUR * 1000, NOON * 1000);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), (NOON + 12 * HOUR) * 1000);
    copy_file("/usr/share/zoneinfo/Asia/Kolkata", next);
    assert_int_equal(rename(next, path), 0);
    assert_true(zones_reload(rig->zones));
    agenda_recompute(&rig->agenda);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), (NOON + 15 * HOUR + 1800) * 1000);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- clocks that jump ---- */

static void test_clock_back(void **state)
{
    (void)state;
    struct known *k = put("tick", NULL, NULL, CATCH_UP_ALL, HOUR * 1000, NOON * 1000);
    put("full", "* * * * *", NULL, CATCH_UP_ALL, HOUR * 1000, NOON * 1000);
    for (uint64_t s = 1; s <= 60; s++)
        settle((NOON + s) * 1000);
    assert_int_equal(k->fired, 60);
    /* a wait for room that has just begun is not one of hours */
    assert_true(agenda_due(&rig->agenda, (NOON + 120) * 1000, &rig->fire));
    answer_all(VERDICT_FULL, 0, (NOON + 120) * 1000);
    assert_int_equal(agenda_deadline_ms(&rig->agenda), (NOON + 121) * 1000);
    assert_false(agenda_due(&rig->agenda, (NOON - HOUR) * 1000, &rig->fire));
    assert_true(agenda_deadline_ms(&rig->agenda) <= (NOON - HOUR + 1) * 1000);
    /* nothing that was judged is fired again, and nothing before its time */
    for (uint64_t s = 0; s <= HOUR + 60; s += 20)
        settle((NOON - HOUR + s) * 1000);
    assert_int_equal(k->fired, 60);
    settle((NOON + 62) * 1000);
    assert_int_equal(k->fired, 62);
    assert_int_equal(k->missed, 0);
}

static void test_clock_forward(void **state)
{
    (void)state;
    struct known *k = put("tick", "* * * * *", NULL, CATCH_UP_LATEST, HOUR * 1000, NOON * 1000);
    settle((NOON + 60) * 1000);
    settle((NOON + 60 + DAY) * 1000); /* as if nobody had been there */
    assert_int_equal(k->fired, 2);
    assert_int_equal(k->missed, 24 * 60 - 1);
    assert_int_equal(k->last_fired_ms, (NOON + 60 + DAY) * 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_in_its_time), TEST(bounds),       TEST(many_at_once),
        TEST(later_and_full),   TEST(early),        TEST(known_and_behind),
        TEST(behind_nothing),   TEST(stale),        TEST(paused_replaced_deleted),
        TEST(unreadable),       TEST(zone_changes), TEST(clock_back),
        TEST(clock_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
