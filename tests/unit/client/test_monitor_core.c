/* Gaps of the feed, under virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "monitor/monitor.h"
#include "monitor/monitor_core.h"
#include "wire.h"

#define COMPLETED "job.completed.default"

static struct monitor_core core;
static struct topics topics;
static uint64_t now_ms;

static int setup(void **state)
{
    (void)state;
    now_ms = 10000;
    topics_default(&topics);
    monitor_core_init(&core, &topics, 1, now_ms);
    monitor_core_begin(&core, now_ms);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    monitor_core_fini(&core);
    return 0;
}

static enum monitor_verdict sync_at(uint64_t epoch, uint64_t turn)
{
    struct msg_sync sync = {.epoch = epoch, .turn = turn};
    return monitor_core_sync(&core, &sync, now_ms);
}

static enum monitor_verdict event(const char *topic, uint64_t turn, uint64_t previous)
{
    struct msg_events events = {.epoch = 3, .turn = turn, .previous = previous, .count = 1};
    return monitor_core_events(&core, slice_str(topic), &events, now_ms);
}

/* A beat as it comes from the wire: its topics lie in the frame. */
static enum monitor_verdict beat_at(uint64_t epoch, uint64_t turn, const char *topic, uint64_t last,
                                    uint64_t forgotten)
{
    static struct buf frame;
    struct buf turns;
    struct slice names[] = {slice_str(topic)};
    char why[128];
    buf_init(&turns, 64);
    assert_int_equal(buf_u64(&turns, last), 0);
    struct msg m = {.type = MSG_BEAT};
    m.beat = (struct msg_beat){.epoch = epoch,
                               .turn = turn,
                               .forgotten = forgotten,
                               .topics = {.items = names, .count = 1},
                               .turns = buf_slice(&turns)};
    buf_init(&frame, 4096);
    assert_int_equal(wire_encode(&frame, &m), 0);
    assert_int_equal(wire_decode(buf_slice(&frame), &m, why, sizeof why), 0);
    enum monitor_verdict verdict = monitor_core_beat(&core, &m.beat, now_ms);
    buf_fini(&frame);
    buf_fini(&turns);
    return verdict;
}

static enum monitor_verdict beat(uint64_t epoch, const char *topic, uint64_t last)
{
    return beat_at(epoch, 100, topic, last, 0);
}

/* SYNC at turn 5, the snapshot at turn 8. */
static void live(void)
{
    assert_int_equal(sync_at(3, 5), MONITOR_LOAD);
    assert_int_equal(monitor_core_snapshot(&core, 3, 8), MONITOR_NOTHING);
}

static void test_nothing_is_told_before_the_snapshot(void **state)
{
    (void)state;
    assert_int_equal(event(COMPLETED, 4, 0), MONITOR_NOTHING);
    assert_int_equal(beat(3, COMPLETED, 4), MONITOR_NOTHING);
    live();
    assert_int_equal(event(COMPLETED, 6, 4), MONITOR_NOTHING); /* in the snapshot */
    assert_int_equal(event(COMPLETED, 9, 6), MONITOR_TELL);
    assert_int_equal(event(COMPLETED, 9, 6), MONITOR_NOTHING);
}

static void test_previous_before_sync_is_no_gap(void **state)
{
    (void)state;
    live();
    assert_int_equal(event(COMPLETED, 9, 5), MONITOR_TELL);
    assert_int_equal(event("job.failed.default", 10, 2), MONITOR_TELL);
    assert_int_equal(event("job.lost.default", 11, 0), MONITOR_TELL);
}

static void test_hole_is_told_once_and_a_round_is_due(void **state)
{
    (void)state;
    live();
    assert_int_equal(event(COMPLETED, 9, 5), MONITOR_TELL);
    assert_int_equal(event(COMPLETED, 12, 11), MONITOR_MISSED);
    assert_int_equal(event(COMPLETED, 15, 14), MONITOR_TELL); /* told, as far as it goes on */
    assert_int_equal(core.missed, 2);                         /* turn 11, and perhaps turn 10 */
    assert_false(monitor_core_round_due(&core, now_ms));      /* not at once after the first */
    now_ms = monitor_core_deadline(&core);
    assert_in_range(now_ms, 10000 + MONITOR_ROUND_MS, 10000 + 2 * MONITOR_ROUND_MS);
    assert_true(monitor_core_round_due(&core, core.next_ms));
    monitor_core_begin(&core, core.next_ms);
    assert_int_equal(sync_at(3, 20), MONITOR_LOAD);
    assert_int_equal(monitor_core_snapshot(&core, 3, 20), MONITOR_NOTHING);
    assert_int_equal(event(COMPLETED, 21, 15), MONITOR_TELL);
}

static void test_hole_between_sync_and_first_event(void **state)
{
    (void)state;
    live();
    assert_int_equal(event(COMPLETED, 9, 6), MONITOR_MISSED); /* turn 6 came after SYNC */
}

static void test_beat_shows_a_missing_tail(void **state)
{
    (void)state;
    live();
    assert_int_equal(event(COMPLETED, 9, 5), MONITOR_TELL);
    assert_int_equal(beat(3, COMPLETED, 9), MONITOR_NOTHING);
    assert_int_equal(beat(3, "job.parked.default", 5), MONITOR_NOTHING);
    assert_int_equal(beat(3, "broker.stats", 50), MONITOR_NOTHING); /* not watched by us */
    assert_int_equal(beat(3, COMPLETED, 10), MONITOR_MISSED);
    assert_int_equal(core.missed, 1);
    assert_int_equal(beat(3, COMPLETED, 11), MONITOR_NOTHING); /* told already */
}

/* Topics that the beat does not list any more: what they had since the last beat is not known. */
static void test_forgotten_topics_are_a_gap_when_beats_were_missed(void **state)
{
    (void)state;
    live();
    assert_int_equal(beat_at(3, 20, COMPLETED, 4, 5), MONITOR_NOTHING);  /* before SYNC */
    assert_int_equal(beat_at(3, 30, COMPLETED, 4, 20), MONITOR_NOTHING); /* the last beat said it */
    assert_int_equal(beat_at(3, 90, COMPLETED, 4, 31), MONITOR_MISSED);
    assert_int_equal(core.missed, 1);
    monitor_core_begin(&core, core.next_ms);
    assert_int_equal(sync_at(3, 95), MONITOR_LOAD);
    assert_int_equal(monitor_core_snapshot(&core, 3, 95), MONITOR_NOTHING);
    assert_int_equal(beat_at(3, 96, COMPLETED, 4, 31), MONITOR_NOTHING);
}

static void test_sync_that_nobody_asked_for_is_a_gap(void **state)
{
    (void)state;
    live();
    assert_int_equal(event(COMPLETED, 9, 5), MONITOR_TELL);
    assert_int_equal(sync_at(3, 9), MONITOR_CUT_OFF); /* though its turn looks well */
    assert_int_equal(sync_at(3, 9), MONITOR_NOTHING); /* told already */
    assert_true(monitor_core_round_due(&core, core.next_ms));
    monitor_core_begin(&core, core.next_ms);
    assert_int_equal(sync_at(3, 9), MONITOR_LOAD);
    assert_int_equal(monitor_core_snapshot(&core, 3, 9), MONITOR_NOTHING);
    assert_int_equal(sync_at(4, 0), MONITOR_RESTARTED); /* connected anew: to another one */
}

/* A subscriber that stays too slow asks less and less often; a gap now and then is healed soon. */
static void test_rounds_that_follow_each_other_wait_longer(void **state)
{
    (void)state;
    uint64_t waited = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t wait = core.next_ms - core.began_ms;
        assert_in_range(wait, MONITOR_ROUND_MS, MONITOR_ROUNDS_MS + MONITOR_ROUNDS_MS / 5);
        assert_true(wait > waited || wait >= MONITOR_ROUNDS_MS);
        waited = wait;
        live();
        assert_int_equal(event(COMPLETED, 90, 80), MONITOR_MISSED);
        assert_false(monitor_core_round_due(&core, core.next_ms - 1));
        monitor_core_begin(&core, core.next_ms);
    }
    live();
    monitor_core_begin(&core, core.began_ms + 4 * MONITOR_ROUNDS_MS);
    assert_in_range(core.next_ms - core.began_ms, MONITOR_ROUND_MS, 2 * MONITOR_ROUND_MS);
}

/* Also when a round comes due earlier than an answer is given up: nobody spins. */
static void test_deadline_is_when_something_is_due(void **state)
{
    (void)state;
    uint64_t deadline = monitor_core_deadline(&core);
    assert_false(monitor_core_round_due(&core, deadline - 1));
    assert_true(monitor_core_round_due(&core, deadline));
    live();
    deadline = monitor_core_deadline(&core);
    assert_int_equal(deadline, now_ms + MONITOR_SILENCE_MS);
    assert_int_equal(event(COMPLETED, 90, 80), MONITOR_MISSED);
    deadline = monitor_core_deadline(&core);
    assert_false(monitor_core_round_due(&core, deadline - 1));
    assert_true(monitor_core_round_due(&core, deadline));
}

static void test_new_epoch_is_a_restart(void **state)
{
    (void)state;
    live();
    assert_int_equal(beat(4, COMPLETED, 1), MONITOR_RESTARTED);
    assert_true(monitor_core_round_due(&core, core.next_ms));
}

static void test_restart_between_sync_and_snapshot(void **state)
{
    (void)state;
    assert_int_equal(sync_at(3, 5), MONITOR_LOAD);
    assert_int_equal(monitor_core_snapshot(&core, 4, 1), MONITOR_RESTARTED);
    assert_true(monitor_core_round_due(&core, core.next_ms));
}

static void test_lost_sync_is_asked_for_again(void **state)
{
    (void)state;
    assert_false(monitor_core_round_due(&core, now_ms + 1000));
    assert_true(monitor_core_round_due(&core, now_ms + MONITOR_ANSWER_MS));
}

static void test_silence_is_told_once_and_the_return_begins_a_round(void **state)
{
    (void)state;
    live();
    now_ms += MONITOR_SILENCE_MS;
    assert_true(monitor_core_silent(&core, now_ms));
    assert_false(monitor_core_silent(&core, now_ms + 1));
    assert_false(monitor_core_round_due(&core, now_ms + 60000));
    now_ms += 60000;
    (void)beat(3, COMPLETED, 1);
    assert_true(monitor_core_round_due(&core, now_ms));
}

static void test_topics(void **state)
{
    (void)state;
    static const struct {
        const char *word, *topic;
        bool wanted;
    } rows[] = {
        {"job", COMPLETED, true},
        {"job.completed", COMPLETED, true},
        {"job.failed", COMPLETED, false},
        {"job.completed.default", COMPLETED, true},
        {"job.completed.default", "job.completed.default2", false},
        {"job.completed.a.b", "job.completed.a.b", true},
        {"worker", "worker.lost", true},
        {"worker.lost", "worker.lost", true},
        {"queue.paused.x", "queue.paused.y", false},
        {"broker.beat", "broker.beat", true},
    };
    const char *near = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct topics t = {.count = 0};
        assert_true(topics_add(&t, rows[i].word, &near));
        if (topics_want(&t, slice_str(rows[i].topic)) != rows[i].wanted)
            fail_msg("%s and %s", rows[i].word, rows[i].topic);
    }
    struct topics t = {.count = 0};
    assert_false(topics_add(&t, "worker.losst", &near));
    assert_string_equal(near, "worker.lost");
    assert_false(topics_add(&t, "worker.lost.w1", &near)); /* workers have no queue */
}

static void test_feed_endpoint_of_any_host(void **state)
{
    (void)state;
    char out[128];
    monitor_feed_endpoint("tcp://db1:7670", "tcp://0.0.0.0:7672", out, sizeof out);
    assert_string_equal(out, "tcp://db1:7672");
    monitor_feed_endpoint("tcp://[::1]:7670", "tcp://[::]:99", out, sizeof out);
    assert_string_equal(out, "tcp://[::1]:99");
    monitor_feed_endpoint("tcp://db1:7670", "tcp://10.0.0.1:7672", out, sizeof out);
    assert_string_equal(out, "tcp://10.0.0.1:7672");
    monitor_feed_endpoint("ipc:///run/m", "tcp://0.0.0.0:7672", out, sizeof out);
    assert_string_equal(out, "tcp://0.0.0.0:7672");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_nothing_is_told_before_the_snapshot),
        TEST(test_previous_before_sync_is_no_gap),
        TEST(test_hole_is_told_once_and_a_round_is_due),
        TEST(test_hole_between_sync_and_first_event),
        TEST(test_beat_shows_a_missing_tail),
        TEST(test_forgotten_topics_are_a_gap_when_beats_were_missed),
        TEST(test_sync_that_nobody_asked_for_is_a_gap),
        TEST(test_rounds_that_follow_each_other_wait_longer),
        TEST(test_deadline_is_when_something_is_due),
        TEST(test_new_epoch_is_a_restart),
        TEST(test_restart_between_sync_and_snapshot),
        TEST(test_lost_sync_is_asked_for_again),
        TEST(test_silence_is_told_once_and_the_return_begins_a_round),
        TEST(test_topics),
        TEST(test_feed_endpoint_of_any_host),
    };
    return cmocka_run_group_tests_name("monitor_core", tests, NULL, NULL);
}
