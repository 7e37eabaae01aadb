/* agenda_rig.c: the broker's part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agenda_rig.h"

struct rig *rig;

int rig_set_up(void **state)
{
    (void)state;
    rig = calloc(1, sizeof *rig);
    rig->rng = (struct rng){7};
    return zones_new(&rig->zones, NULL) || (agenda_init(&rig->agenda, rig->zones), 0);
}

int rig_tear_down(void **state)
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

void set_answer(uint32_t i, uint8_t verdict, uint64_t through_ms)
{
    rig->verdicts[i] = verdict;
    for (uint32_t byte = 0; byte < 8; byte++)
        rig->through[8 * i + byte] = (uint8_t)(through_ms >> (8 * byte));
}

struct fire_answer answer_at(uint64_t now_ms)
{
    return (struct fire_answer){.now_ms = now_ms,
                                .verdicts = slice_of(rig->verdicts, rig->fire.count),
                                .through_ms = slice_of(rig->through, (size_t)8 * rig->fire.count)};
}

void judge(uint64_t now_ms)
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

int settle(uint64_t now_ms)
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

void answer_all(uint8_t verdict, uint64_t through_ms, uint64_t now_ms)
{
    for (uint32_t i = 0; i < rig->fire.count; i++)
        set_answer(i, verdict, through_ms);
    struct fire_answer answer = answer_at(now_ms);
    agenda_judged(&rig->agenda, &rig->fire, &answer);
}

/* ---- schedules ---- */

int tell(const struct msg_schedule *schedule, uint64_t through_ms, bool paused)
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

struct known *keep(uint64_t through_ms, uint64_t window_ms)
{
    struct known *k = &rig->known[rig->known_count++];
    *k =
        (struct known){.revision = rig->revision, .through_ms = through_ms, .window_ms = window_ms};
    return k;
}

struct msg_schedule base_of(const char *name)
{
    return (struct msg_schedule){
        .name = slice_str(name), .queue = slice_str("default"), .kind = slice_str("work")};
}

struct known *put(const char *name, const char *when, const char *zone, enum catch_up catch_up,
                  uint64_t window_ms, uint64_t through_ms)
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

void assert_item(uint32_t i, uint64_t previous_ms, uint64_t nominal_ms, enum fire_ask ask)
{
    assert_int_equal(rig->fire.items[i].previous_ms, previous_ms);
    assert_int_equal(rig->fire.items[i].nominal_ms, nominal_ms);
    assert_int_equal(rig->fire.items[i].ask, ask);
}
