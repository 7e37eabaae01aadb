/* A client whose socket is nearly full: ends leave room for acknowledgements, and what it did not
 * take is told again. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/state.h"
#include "crowd.h"

#define CLIENT_ROUTE 1
#define JOBS         400
#define FRAMES_MOST  256 /* of ends, that are on their way before the client has confirmed any */
#define SUBMITS      3

static struct crowd crowd;
static uint64_t frames, told;
static bool socket_full;
static unsigned acks[SUBMITS + 1];

static void on_action(const struct action *a)
{
    if (a->type == ACT_DONE && a->done.count > 0) {
        frames++;
        for (uint32_t i = 0; i < a->done.count; i++)
            assert_int_equal(a->done.rows[i].number, ++told);
    }
    if (a->type == ACT_SUBMIT_ACK && socket_full)
        core_ack_unsent(crowd.h.core, a);
    else if (a->type == ACT_SUBMIT_ACK && a->submit_ack.number <= SUBMITS)
        acks[a->submit_ack.number]++;
}

static void start(void)
{
    struct core_options options = CORE_OPTIONS_DEFAULT;
    crowd_start(&crowd, &options);
    crowd.on_action = on_action;
    frames = told = 0;
    socket_full = false;
    memset(acks, 0, sizeof acks);
}

static void say(enum event_type type, uint64_t number)
{
    struct event e = {.type = (uint8_t)type, .route = CLIENT_ROUTE};
    if (type == EV_DONE_ACK)
        e.done_ack.number = number;
    harness_step(&crowd.h, &e);
    harness_settle(&crowd.h);
}

static void test_ends_leave_room_for_other_messages(void **state)
{
    (void)state;
    start();
    crowd.notify = true;
    crowd_submit(&crowd, "k", JOBS, 10, 0);
    crowd_hello(&crowd, JOBS, JOBS);
    for (int i = 0; i < JOBS; i++)
        crowd_complete(&crowd, 1);
    assert_int_equal(frames, FRAMES_MOST);
    assert_int_equal(told, FRAMES_MOST);
    say(EV_DONE_ACK, told);
    assert_int_equal(told, JOBS);
    assert_in_range(frames, FRAMES_MOST + 1, FRAMES_MOST + 2);
    crowd_stop(&crowd);
}

static void test_lost_acknowledgements_are_told_again(void **state)
{
    (void)state;
    start();
    socket_full = true;
    for (uint64_t n = 1; n <= SUBMITS; n++) {
        struct job_text job = {.args = "x"};
        struct submit_text text = {.number = n,
                                   .queue = "q",
                                   .kind = "k",
                                   .priority = PRIORITY_DEFAULT,
                                   .spec = JOB_SPEC_DEFAULT,
                                   .jobs = &job,
                                   .count = 1};
        struct event e = event_submit(CLIENT_ROUTE, &text);
        harness_step(&crowd.h, &e);
        event_release(&e);
        harness_settle(&crowd.h);
    }
    socket_full = false;
    for (int round = 0; round < 2; round++) {
        say(EV_CLIENT_HEARTBEAT, 0);
        for (int n = 1; n <= SUBMITS; n++)
            assert_int_equal(acks[n], 1);
    }
    crowd_stop(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_leave_room_for_other_messages),
        cmocka_unit_test(test_lost_acknowledgements_are_told_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
