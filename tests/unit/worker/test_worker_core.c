/* The worker's session machine in virtual time: liveness, HELLO, credit, results, drain. Letters
 * and numbers name the case of the design notes that a test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core_rig.h"

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_init(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_fini(&rig);
    return 0;
}

/* ---- connecting ---- */

static void greets_and_tells_its_credit(void **state)
{
    (void)state;
    rig_tick(&rig);
    rig_expect(&rig, "open\n");
    worker_core_connected(&rig.core, rig.now);
    rig_expect(&rig, "HELLO 1 next=1\n");
    rig_welcome(&rig, 7, 0);
    rig_expect(&rig, "ready\n");
    rig_tick(&rig);
    rig_expect(&rig, "CREDIT 2\n");
    rig_wait(&rig, 999);
    rig_expect(&rig, "");
    rig_wait(&rig, 1);
    rig_expect(&rig, "HEARTBEAT\n");
}

static void welcome_of_another_hello_is_dropped(void **state)
{
    (void)state;
    rig_tick(&rig);
    worker_core_connected(&rig.core, rig.now);
    rig_forget_trace(&rig);
    rig.last_hello = 99;
    rig_welcome(&rig, 7, 0);
    rig_tick(&rig);
    rig_expect(&rig, "");
}

/* M5: three heartbeats of silence end the connection; with a job held, attempts are at most 2 s
 * apart. */
static void silence_reconnects_soon_while_holding(void **state)
{
    uint64_t last;

    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 1);
    assert_true(rig_begin(&rig, 1));
    rig_forget_trace(&rig);
    for (int i = 0; i < 2; i++)
        rig_wait(&rig, 1000);
    rig_expect(&rig, "HEARTBEAT\nHEARTBEAT\n");
    rig_wait(&rig, 1000);
    rig_expect(&rig, "trouble: the broker is silent\nclose\n");
    for (int attempt = 0; attempt < 20; attempt++) {
        last = rig.now;
        while (rig.core.state == LINK_CLOSED)
            rig_wait(&rig, 10);
        assert_true(rig.now - last <= 2010);
        rig_expect(&rig, "open\n");
        worker_core_lost(&rig.core, "refused", rig.now);
        rig_expect(&rig, "close\n"); /* told once */
    }
}

/* With nothing held the attempts go up to 32 s apart. */
static void idle_backs_off(void **state)
{
    uint64_t longest = 0, last;

    (void)state;
    rig_tick(&rig);
    worker_core_lost(&rig.core, "refused", rig.now);
    for (int attempt = 0; attempt < 20; attempt++) {
        last = rig.now;
        while (rig.core.state == LINK_CLOSED)
            rig_wait(&rig, 10);
        longest = rig.now - last > longest ? rig.now - last : longest;
        worker_core_lost(&rig.core, "refused", rig.now);
    }
    assert_in_range(longest, 24000, 32010);
}

/* After SIGSTOP or a pause of the machine the broker's messages are still unread: that is no
 * silence of the broker. */
static void a_suspended_process_is_no_silence(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_wait(&rig, 60000);
    rig_expect(&rig, "HEARTBEAT\n");
    for (int i = 0; i < 2; i++)
        rig_wait(&rig, 1000);
    rig_forget_trace(&rig);
    rig_wait(&rig, 1000);
    rig_expect(&rig, "trouble: the broker is silent\nclose\n");
}

static void silence_is_at_most_half_the_lease(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig.core.lease_ms = 4000;
    rig_wait(&rig, 1999);
    rig_forget_trace(&rig);
    rig_wait(&rig, 1);
    rig_expect(&rig, "trouble: the broker is silent\nclose\n");
}

static void a_connection_that_never_forms_is_given_up(void **state)
{
    (void)state;
    rig_tick(&rig);
    rig_wait(&rig, 2500);
    rig_expect(&rig, "open\ntrouble: no connection\nclose\n");
    while (rig.core.state == LINK_CLOSED)
        rig_wait(&rig, 10);
    worker_core_connected(&rig.core, rig.now);
    rig_forget_trace(&rig);
    rig_wait(&rig, 10000);
    rig_expect(&rig, "close\n"); /* no answer to HELLO: the same trouble, told once */
}

static void goodbye_of_the_broker_is_a_loss(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_send(&rig, MSG_GOODBYE);
    rig_expect(&rig, "trouble: the broker is stopping\nclose\n");
    while (rig.core.state == LINK_CLOSED)
        rig_wait(&rig, 10);
    worker_core_connected(&rig.core, rig.now);
    rig_welcome(&rig, 8, 0);
    rig_expect(&rig, "open\nHELLO 2 next=1\nfine: connected\nready\n");
}

/* ---- routes: M6 ---- */

/* The number rises with every HELLO; UNKNOWNs that answer what was sent before it bring about no
 * further one. */
static void unknown_makes_it_greet_again_once(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_send(&rig, MSG_UNKNOWN);
    rig_send(&rig, MSG_UNKNOWN);
    rig_send(&rig, MSG_UNKNOWN);
    rig_expect(&rig, "HELLO 2 next=1\n");
    rig_wait(&rig, 1500);
    rig_expect(&rig, ""); /* before WELCOME nothing but HELLO would be taken */
    rig_welcome(&rig, 7, 0);
    rig_tick(&rig);
    rig_expect(&rig, "ready\nCREDIT 2\n");
}

/* M6 (a): JOBS of an older HELLO or epoch were not listed, are granted elsewhere, and must not
 * start. */
static void stale_jobs_are_dropped(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_send(&rig, MSG_UNKNOWN);
    rig_forget_trace(&rig);
    rig_jobs_of(&rig, 7, 1, 1, 1);
    rig_jobs_of(&rig, 7, 2, 1, 1); /* before WELCOME */
    rig_welcome(&rig, 8, 0);
    rig_jobs_of(&rig, 7, 2, 2, 1);
    rig_jobs_of(&rig, 8, 1, 3, 1);
    rig_expect(&rig, "ready\n");
    rig_jobs_of(&rig, 8, 2, 4, 1);
    rig_expect(&rig, "start 1\n");
}

static void hello_lists_what_runs_waits_and_is_not_acknowledged(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 3);
    assert_true(rig_begin(&rig, 1));
    assert_true(rig_begin(&rig, 2));
    rig_end(&rig, 1, OUTCOME_FAILED, 5000);
    rig_wait(&rig, 70);
    rig_forget_trace(&rig);
    rig_send(&rig, MSG_UNKNOWN);
    rig_expect(&rig, "HELLO 2 next=1 1:1:5 2:1:70 3:1:waits\n");
}

static void long_hello_goes_in_parts(void **state)
{
    (void)state;
    rig_serve(&rig);
    for (uint64_t i = 0; i < 8; i++)
        rig_jobs(&rig, 1 + i * 512, i < 7 ? 512 : 400);
    rig_forget_trace(&rig);
    rig_send(&rig, MSG_UNKNOWN);
    rig_expect(&rig, "HELLO 2 next=1 part 0/2 held=2048 jobs\n"
                     "HELLO 2 next=1 part 1/2 held=1936 jobs\n");
}

/* ---- results ---- */

static void results_are_kept_and_sent_again_in_order(void **state)
{
    (void)state;
    rig_serve(&rig);
    for (uint64_t i = 0; i < 3; i++) {
        rig_jobs(&rig, 1 + i, 1);
        rig_do(&rig, 1 + i, 1, 50000);
        rig_tick(&rig);
    }
    rig_expect(&rig,
               "start 1\nRESULTS 1 hello=1 1:completed\nstart 1\nRESULTS 2 hello=1 2:completed\n"
               "start 1\nRESULTS 3 hello=1 3:completed\n");
    rig_ack(&rig, 1);
    worker_core_lost(&rig.core, "cut", rig.now);
    while (rig.core.state == LINK_CLOSED)
        rig_wait(&rig, 10);
    worker_core_connected(&rig.core, rig.now);
    rig_forget_trace(&rig);
    rig_tick(&rig);
    rig_expect(&rig, ""); /* not before WELCOME */
    rig_welcome(&rig, 7, 2);
    rig_tick(&rig);
    rig_expect(&rig, "fine: connected\nready\nRESULTS 2 hello=2 2:completed\n"
                     "RESULTS 3 hello=2 3:completed\nCREDIT 2\n");
}

static void welcome_tells_what_the_broker_has(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 1);
    rig_do(&rig, 1, 1, 50000);
    rig_tick(&rig);
    rig_jobs(&rig, 2, 1);
    rig_do(&rig, 2, 1, 50000);
    rig_tick(&rig);
    rig_send(&rig, MSG_UNKNOWN);
    rig_forget_trace(&rig);
    rig_welcome(&rig, 7, 2); /* the acknowledgement of 1 was lost */
    rig_tick(&rig);
    rig_expect(&rig, "ready\nRESULTS 2 hello=2 2:completed\nCREDIT 2\n");
}

/* Idle, nobody waits; under load what finishes meanwhile goes together. */
static void short_jobs_results_coalesce(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 20);
    rig_do(&rig, 1, 1, 10);
    rig_tick(&rig);
    rig_forget_trace(&rig);
    rig_do(&rig, 2, 19, 10);
    rig_tick(&rig);
    rig_expect(&rig, "");
    rig_ack(&rig, 1);
    rig_tick(&rig);
    rig_expect(&rig, "RESULTS 2 hello=1 19 jobs\n");
}

static void full_frames_do_not_wait(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 1);
    rig_do(&rig, 1, 1, 10);
    rig_tick(&rig);
    rig_jobs(&rig, 2, 512);
    rig_jobs(&rig, 514, 512);
    rig_jobs(&rig, 1026, 10);
    rig_forget_trace(&rig);
    rig_do(&rig, 2, 1034, 10);
    rig_tick(&rig);
    rig_expect(&rig, "RESULTS 2 hello=1 512 jobs\nRESULTS 3 hello=1 512 jobs\n");
}

/* Beyond the window one frame may be on its way, and no more. */
static void the_window_bounds_what_is_unacknowledged(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig.core.results.window = 100;
    rig_jobs(&rig, 1, 512);
    rig_do(&rig, 1, 512, 10);
    rig_jobs(&rig, 513, 512);
    rig_do(&rig, 513, 512, 10);
    rig_jobs(&rig, 1025, 1);
    rig_do(&rig, 1025, 1, 10);
    rig_forget_trace(&rig);
    rig_tick(&rig);
    assert_non_null(strstr(rig.trace, "RESULTS 1 "));
    assert_null(strstr(rig.trace, "RESULTS 2 "));
    rig_forget_trace(&rig);
    rig_ack(&rig, 1);
    rig_tick(&rig);
    rig_expect(&rig, "RESULTS 2 hello=1 512 jobs\n");
}

/* N21: results that nobody takes stop the flow of jobs. No credit at all would close the lanes. */
static void a_backlog_of_results_holds_jobs_off_and_does_not_say_drain(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig.core.results.window = 0;
    rig.core.results.bytes = 9 << 20;
    rig_tick(&rig);
    rig_expect(&rig, "CREDIT 1\n");
    rig.core.results.bytes = 0;
    rig_tick(&rig);
    rig_expect(&rig, "CREDIT 2\n");
}

/* ---- credit ---- */

static void short_jobs_are_prefetched(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 2);
    rig_do(&rig, 1, 2, 0);
    rig_tick(&rig);
    rig_expect(&rig, "start 2\nRESULTS 1 hello=1 1:completed 2:completed\nCREDIT 10002\n");
}

static void prefetch_covers_20_ms(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 2);
    rig_do(&rig, 1, 2, 4000); /* 2 slots * 20 ms / 4 ms */
    rig_tick(&rig);
    assert_int_equal(rig.core.credit, 2 + 10);
    rig_jobs(&rig, 3, 100);
    rig_do(&rig, 3, 100, 100000);
    rig_tick(&rig);
    assert_int_equal(rig.core.credit, 2);
}

static void small_changes_of_credit_are_not_told(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 2);
    rig_do(&rig, 1, 2, 100);
    rig_tick(&rig);
    rig_ack(&rig, 1);
    rig_jobs(&rig, 3, 2);
    rig_do(&rig, 3, 2, 110);
    rig_forget_trace(&rig);
    rig_tick(&rig);
    rig_expect(&rig, "RESULTS 2 hello=1 3:completed 4:completed\n");
}

/* M8: what was not started in 200 ms goes back, and no more than the slots is taken until the next
 * result. */
static void unstarted_jobs_go_back(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 1);
    rig_do(&rig, 1, 1, 1000);
    rig_tick(&rig);
    rig_ack(&rig, 1);
    assert_true(rig.core.credit > RIG_SLOTS);
    rig_jobs(&rig, 10, 4);
    assert_true(rig_begin(&rig, 10)); /* a long one */
    assert_true(rig_begin(&rig, 11));
    rig_forget_trace(&rig);
    rig_wait(&rig, 199);
    rig_expect(&rig, "");
    assert_int_equal(worker_core_deadline(&rig.core), rig.now + 1);
    rig_wait(&rig, 1);
    rig_expect(&rig, "RESULTS 2 hello=1 12:released 13:released\nCREDIT 2\n");
    assert_false(rig_begin(&rig, 12));
    rig_return_revoked(&rig);
    rig_end(&rig, 10, OUTCOME_COMPLETED, 1000);
    rig_ack(&rig, 2);
    rig_forget_trace(&rig);
    rig_tick(&rig);
    rig_expect(&rig, "RESULTS 3 hello=1 10:completed\nCREDIT 42\n");
}

/* ---- CANCEL and ABANDON ---- */

static void cancel_of_a_waiting_job_ends_it(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 1);
    rig_forget_trace(&rig);
    rig_name(&rig, MSG_CANCEL, 1, 1);
    rig_tick(&rig);
    rig_expect(&rig, "RESULTS 1 hello=1 1:cancelled\n");
    assert_false(rig_begin(&rig, 1));
    rig_return_revoked(&rig);
}

static void cancel_of_a_running_job_stops_it(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 1);
    assert_true(rig_begin(&rig, 1));
    rig_forget_trace(&rig);
    rig_name(&rig, MSG_CANCEL, 1, 2); /* another run */
    rig_name(&rig, MSG_CANCEL, 2, 1); /* another job */
    rig_expect(&rig, "");
    rig_name(&rig, MSG_CANCEL, 1, 1);
    rig_name(&rig, MSG_CANCEL, 1, 1);
    rig_expect(&rig, "stop 1: cancel\n");
    rig_end(&rig, 1, OUTCOME_CANCELLED, 5);
    rig_tick(&rig);
    assert_non_null(strstr(rig.trace, "RESULTS 1 hello=1 1:cancelled\n"));
}

static void an_abandoned_job_is_not_reported(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 2);
    assert_true(rig_begin(&rig, 1));
    rig_forget_trace(&rig);
    rig_name(&rig, MSG_ABANDON, 1, 1);
    rig_name(&rig, MSG_ABANDON, 2, 1);
    rig_tick(&rig);
    rig_expect(&rig, "stop 1: abandon\nCREDIT 1\n"); /* its slot is still taken */
    rig_send(&rig, MSG_UNKNOWN);
    rig_expect(&rig, "HELLO 2 next=1\n");
    rig_welcome(&rig, 7, 0);
    rig_forget_trace(&rig);
    rig_return_revoked(&rig);
    rig_end(&rig, 1, OUTCOME_COMPLETED, 5);
    rig_tick(&rig);
    rig_expect(&rig, "CREDIT 2\n");
}

/* ---- drain: N11 ---- */

static void drain_gives_back_and_says_goodbye_last(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 2);
    assert_true(rig_begin(&rig, 1));
    rig_forget_trace(&rig);
    worker_core_drain(&rig.core);
    rig_tick(&rig);
    rig_expect(&rig, "RESULTS 1 hello=1 2:released\nCREDIT 0\n");
    rig_return_revoked(&rig);
    rig_jobs(&rig, 5, 2);
    rig_ack(&rig, 1);
    rig_tick(&rig);
    rig_expect(&rig, "RESULTS 2 hello=1 5:released 6:released\n");
    rig_ack(&rig, 2);
    rig_tick(&rig);
    rig_expect(&rig, "");
    rig_end(&rig, 1, OUTCOME_COMPLETED, 5);
    rig_tick(&rig);
    rig_expect(&rig, "RESULTS 3 hello=1 1:completed\n");
    assert_false(worker_core_ended(&rig.core));
    rig_ack(&rig, 3);
    rig_tick(&rig);
    rig_expect(&rig, "GOODBYE\nclose, linger\n");
    assert_true(worker_core_ended(&rig.core));
    rig_jobs(&rig, 9, 1);
    rig_wait(&rig, 100000);
    rig_expect(&rig, "");
}

static void drain_waits_for_a_broker_that_is_away(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig_jobs(&rig, 1, 1);
    assert_true(rig_begin(&rig, 1));
    worker_core_lost(&rig.core, "cut", rig.now);
    worker_core_drain(&rig.core);
    rig_end(&rig, 1, OUTCOME_COMPLETED, 5);
    rig_forget_trace(&rig);
    while (rig.core.state == LINK_CLOSED)
        rig_wait(&rig, 10);
    worker_core_connected(&rig.core, rig.now);
    rig_expect(&rig, "open\nHELLO 2 next=1 draining 1:1:0\n");
    rig_welcome(&rig, 8, 0);
    rig_tick(&rig);
    rig_expect(&rig, "fine: connected\nready\nRESULTS 1 hello=2 1:completed\nCREDIT 0\n");
    rig_ack(&rig, 1);
    rig_tick(&rig);
    rig_expect(&rig, "GOODBYE\nclose, linger\n");
}

static void drain_of_an_idle_worker_without_broker_ends_at_once(void **state)
{
    (void)state;
    rig_tick(&rig);
    worker_core_drain(&rig.core);
    rig_tick(&rig);
    rig_expect(&rig, "open\nclose\n");
    assert_true(worker_core_ended(&rig.core));
}

/* The broker knows the session by now: it is not to wait for its lease. */
static void drain_before_the_welcome_says_goodbye(void **state)
{
    (void)state;
    rig_tick(&rig);
    worker_core_connected(&rig.core, rig.now);
    rig_forget_trace(&rig);
    worker_core_drain(&rig.core);
    rig_tick(&rig);
    rig_expect(&rig, "GOODBYE\nclose, linger\n");
    assert_true(worker_core_ended(&rig.core));
}

/* ---- several brokers ---- */

static void slots_used_elsewhere_lower_the_credit(void **state)
{
    (void)state;
    rig_serve(&rig);
    rig.core.share = 1;
    worker_core_elsewhere(&rig.core, 2);
    rig_tick(&rig);
    rig_expect(&rig, "CREDIT 1\n"); /* its share, whatever the others do */
    rig_jobs(&rig, 1, 1);
    rig_wait(&rig, 200);
    rig_expect(&rig, "start 1\nRESULTS 1 hello=1 1:released\nCREDIT 0\n");
    rig_return_revoked(&rig);
    worker_core_elsewhere(&rig.core, 1);
    rig_tick(&rig);
    rig_expect(&rig, "CREDIT 1\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(greets_and_tells_its_credit),
        TEST(welcome_of_another_hello_is_dropped),
        TEST(silence_reconnects_soon_while_holding),
        TEST(idle_backs_off),
        TEST(a_suspended_process_is_no_silence),
        TEST(silence_is_at_most_half_the_lease),
        TEST(a_connection_that_never_forms_is_given_up),
        TEST(goodbye_of_the_broker_is_a_loss),
        TEST(unknown_makes_it_greet_again_once),
        TEST(stale_jobs_are_dropped),
        TEST(hello_lists_what_runs_waits_and_is_not_acknowledged),
        TEST(long_hello_goes_in_parts),
        TEST(results_are_kept_and_sent_again_in_order),
        TEST(welcome_tells_what_the_broker_has),
        TEST(short_jobs_results_coalesce),
        TEST(full_frames_do_not_wait),
        TEST(the_window_bounds_what_is_unacknowledged),
        TEST(a_backlog_of_results_holds_jobs_off_and_does_not_say_drain),
        TEST(short_jobs_are_prefetched),
        TEST(prefetch_covers_20_ms),
        TEST(small_changes_of_credit_are_not_told),
        TEST(unstarted_jobs_go_back),
        TEST(cancel_of_a_waiting_job_ends_it),
        TEST(cancel_of_a_running_job_stops_it),
        TEST(an_abandoned_job_is_not_reported),
        TEST(drain_gives_back_and_says_goodbye_last),
        TEST(drain_waits_for_a_broker_that_is_away),
        TEST(drain_of_an_idle_worker_without_broker_ends_at_once),
        TEST(drain_before_the_welcome_says_goodbye),
        TEST(slots_used_elsewhere_lower_the_credit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
