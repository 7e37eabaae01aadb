/* test_agenda.c: what is fired when, in virtual time, against a broker of a few lines that judges
 * as the real one does: by the nominal time judged before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/text.h"
#include "scheduler/agenda.h"

#define ENTRIES 3000
#define HOUR    UINT64_C(3600)
#define DAY     (24 * HOUR)
#define NOON    UINT64_C(1700049600) /* 2023-11-15T12:00:00Z, in seconds */

/* What the broker knows of a schedule. */
struct known {
    uint64_t revision, through_ms, window_ms;
    uint64_t fired, missed, dropped; /* nominal times, those in rows for many counted */
    uint64_t rows, spans;
    uint64_t last_span_ms, last_first_ms, last_count;
    uint64_t last_fired_ms;
};

struct rig {
    struct agenda agenda;
    struct zones *zones;
    struct known known[ENTRIES];
    size_t known_count;
    uint64_t revision;
    uint8_t verdicts[FIRE_MAX];
    uint8_t through[8 * FIRE_MAX];
    struct agenda_fire fire;
    char why[AGENDA_WHY_SIZE];
    struct rng rng;
    int refuse_one_in; /* verdicts that are none; 0: never */
};

static struct rig *rig;

static int set_up(void **state)
{
    (void)state;
    rig = calloc(1, sizeof *rig);
    rig->rng = (struct rng){7};
    return zones_new(&rig->zones, NULL) || (agenda_init(&rig->agenda, rig->zones), 0);
}

static int tear_down(void **state)
{
    (void)state;
    agenda_fini(&rig->agenda);
    zones_free(rig->zones);
    free(rig);
    return 0;
}

/* ---- the broker ---- */

static struct known *known_of(uint64_t revision)
{
    for (size_t i = 0; i < rig->known_count; i++)
        if (rig->known[i].revision == revision)
            return &rig->known[i];
    return NULL;
}

static void count_row(struct known *k, const struct due_item *item, uint8_t verdict)
{
    uint64_t count = item->count ? item->count : 1;
    k->rows++;
    if (item->ask == FIRE_GAP) {
        k->dropped += count;
    } else if (verdict == VERDICT_MISSED) {
        k->missed += count;
    } else {
        k->fired++;
        k->last_fired_ms = item->nominal_ms;
    }
    if (item->ask != FIRE_GAP && item->count) {
        assert_int_equal(item->nominal_ms % 1000, NOMINAL_SPAN_MS);
        assert_int_equal(item->first_ms % 1000, 0);
        k->spans++;
        k->last_span_ms = item->nominal_ms;
        k->last_first_ms = item->first_ms;
        k->last_count = item->count;
    }
}

static uint8_t judge_one(struct known *k, const struct due_item *item, uint64_t now_ms)
{
    if (item->nominal_ms <= k->through_ms)
        return VERDICT_KNOWN;
    if (item->previous_ms != k->through_ms)
        return VERDICT_BEHIND;
    if (item->nominal_ms > now_ms)
        return VERDICT_EARLY;
    if (rig->refuse_one_in && rng_u64(&rig->rng) % (uint64_t)rig->refuse_one_in == 0)
        return rng_u64(&rig->rng) % 2 ? VERDICT_LATER : VERDICT_FULL;
    bool late = item->nominal_ms + k->window_ms < now_ms;
    uint8_t verdict = item->ask == FIRE_GAP              ? VERDICT_SKIPPED
                      : late || item->ask == FIRE_MISSED ? VERDICT_MISSED
                                                         : VERDICT_FIRED;
    count_row(k, item, verdict);
    k->through_ms = item->nominal_ms;
    return verdict;
}

static void set_answer(uint32_t i, uint8_t verdict, uint64_t through_ms)
{
    rig->verdicts[i] = verdict;
    for (uint32_t byte = 0; byte < 8; byte++)
        rig->through[8 * i + byte] = (uint8_t)(through_ms >> (8 * byte));
}

static struct fire_answer answer_at(uint64_t now_ms)
{
    return (struct fire_answer){.now_ms = now_ms,
                                .verdicts = slice_of(rig->verdicts, rig->fire.count),
                                .through_ms = slice_of(rig->through, (size_t)8 * rig->fire.count)};
}

/* Judges rig->fire and tells the agenda. */
static void judge(uint64_t now_ms)
{
    for (uint32_t i = 0; i < rig->fire.count; i++) {
        struct known *k = known_of(rig->fire.revisions[i]);
        uint8_t verdict = k ? judge_one(k, &rig->fire.items[i], now_ms) : VERDICT_STALE;
        set_answer(i, verdict, k ? k->through_ms : 0);
    }
    struct fire_answer answer = answer_at(now_ms);
    agenda_judged(&rig->agenda, &rig->fire, &answer);
}

/* A long count goes on milliseconds later; nominal times are whole seconds. */
static bool due_now(uint64_t now_ms)
{
    uint64_t at_ms = agenda_deadline_ms(&rig->agenda);
    return at_ms <= now_ms || (at_ms < now_ms + 100 && at_ms % 1000 != 0);
}

/* Sends and judges until nothing is due any more; how many FIREs that were. */
static int settle(uint64_t now_ms)
{
    int fires = 0;
    while (due_now(now_ms)) {
        uint64_t at_ms = agenda_deadline_ms(&rig->agenda);
        if (agenda_due(&rig->agenda, at_ms > now_ms ? at_ms : now_ms, &rig->fire)) {
            judge(now_ms);
            fires++;
        }
    }
    return fires;
}

/* One verdict for all of rig->fire. */
static void answer_all(uint8_t verdict, uint64_t through_ms, uint64_t now_ms)
{
    for (uint32_t i = 0; i < rig->fire.count; i++)
        set_answer(i, verdict, through_ms);
    struct fire_answer answer = answer_at(now_ms);
    agenda_judged(&rig->agenda, &rig->fire, &answer);
}

/* ---- schedules ---- */

static int tell(const struct msg_schedule *schedule, uint64_t through_ms, bool paused)
{
    struct buf definition;
    buf_init(&definition, 65536);
    assert_int_equal(wire_encode_schedule(&definition, schedule), 0);
    struct told_schedule told = {.name = schedule->name,
                                 .source = slice_str("test"),
                                 .definition = buf_slice(&definition),
                                 .revision = ++rig->revision,
                                 .through_ms = through_ms,
                                 .paused = paused};
    int error = agenda_put(&rig->agenda, &told, rig->why);
    buf_fini(&definition);
    return error;
}

static struct known *keep(uint64_t through_ms, uint64_t window_ms)
{
    struct known *k = &rig->known[rig->known_count++];
    *k =
        (struct known){.revision = rig->revision, .through_ms = through_ms, .window_ms = window_ms};
    return k;
}

static struct msg_schedule base_of(const char *name)
{
    return (struct msg_schedule){
        .name = slice_str(name), .queue = slice_str("default"), .kind = slice_str("work")};
}

/* A schedule that both sides know; `when`: a cron expression, or NULL: each second. */
static struct known *put(const char *name, const char *when, const char *zone,
                         enum catch_up catch_up, uint64_t window_ms, uint64_t through_ms)
{
    struct msg_schedule s = base_of(name);
    s.cron = slice_str(when);
    s.every_s = when ? 0 : 1;
    s.timezone = slice_str(zone);
    s.catch_up = catch_up;
    s.catch_up_window_ms = window_ms;
    assert_int_equal(tell(&s, through_ms, false), 0);
    bool none = catch_up == CATCH_UP_NONE && window_ms > CATCH_UP_NONE_WINDOW_MS;
    return keep(through_ms, none ? CATCH_UP_NONE_WINDOW_MS : window_ms);
}

static void assert_item(uint32_t i, uint64_t previous_ms, uint64_t nominal_ms, enum fire_ask ask)
{
    assert_int_equal(rig->fire.items[i].previous_ms, previous_ms);
    assert_int_equal(rig->fire.items[i].nominal_ms, nominal_ms);
    assert_int_equal(rig->fire.items[i].ask, ask);
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_in_its_time),
        TEST(bounds),
        TEST(many_at_once),
        TEST(latest),
        TEST(none),
        TEST(all),
        TEST(span_every),
        TEST(span_cron),
        TEST(span_least),
        TEST(span_all),
        TEST(count_in_slices),
        TEST(gap),
        TEST(gap_in_span),
        TEST(later_and_full),
        TEST(early),
        TEST(known_and_behind),
        TEST(behind_nothing),
        TEST(stale),
        TEST(unreadable),
        TEST(paused_replaced_deleted),
        TEST(zone_changes),
        TEST(clock_back),
        TEST(clock_forward),
        TEST(random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
