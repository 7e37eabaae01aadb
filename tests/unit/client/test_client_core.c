/* The client's session machine under virtual time: what it does is written down as a line and
 * compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"
#include "client_core.h"

struct world {
    struct client_core core;
    uint64_t now_ms;
    struct client_submit submits[80];
    struct client_request requests[8];
    char trace[4096];
};

__attribute__((format(printf, 2, 3))) static void note(struct world *w, const char *format, ...)
{
    size_t used = strlen(w->trace);
    va_list args;
    va_start(args, format);
    vsnprintf(w->trace + used, sizeof w->trace - used, format, args);
    va_end(args);
}

static void note_action(struct world *w, const struct client_action *a)
{
    switch (a->kind) {
    case CLIENT_DO_CONNECT:
        note(w, "connect ");
        break;
    case CLIENT_DO_SEND:
        note(w, "%s", msg_type_name(a->message.type));
        if (a->message.type == MSG_HELLO)
            note(w, "#%d(%d,%d)", (int)a->message.hello.number,
                 (int)a->message.hello.submit_confirmed, (int)a->message.hello.done_confirmed);
        if (a->message.type == MSG_DONE_ACK)
            note(w, "#%d", (int)a->message.done_ack.number);
        note(w, " ");
        break;
    case CLIENT_DO_SUBMIT:
        note(w, "SUBMIT#%d(%d) ", (int)a->submit->number, (int)a->confirmed);
        break;
    case CLIENT_DO_REQUEST:
        note(w, "REQUEST#%d ", (int)a->request->number);
        break;
    case CLIENT_DO_WELCOMED:
        note(w, "welcomed ");
        break;
    case CLIENT_DO_ACKED:
        note(w, "acked#%d ", (int)a->submit->number);
        break;
    case CLIENT_DO_REFUSED:
        note(w, "refused#%d:%s ", (int)a->submit->number, err_code(a->error));
        break;
    case CLIENT_DO_DEFERRED:
        note(w, "deferred#%d:%s ", (int)a->submit->number, err_code(a->error));
        break;
    case CLIENT_DO_ENDED:
        note(w, "ended#%d-%d ", (int)a->received->done.number, (int)a->skip);
        break;
    case CLIENT_DO_REPLIED:
        note(w, "replied#%d ", (int)a->request->number);
        break;
    case CLIENT_DO_DROPPED:
        note(w, "dropped#%d:%s ", (int)a->request->number, err_code(a->error));
        break;
    }
}

static void drain(struct world *w)
{
    struct client_action a;
    while (client_core_next(&w->core, w->now_ms, &a))
        note_action(w, &a);
}

/* Everything that happened since the last look. */
#define assert_trace(w, expected)                                                                  \
    do {                                                                                           \
        assert_string_equal((w)->trace, expected);                                                 \
        (w)->trace[0] = '\0';                                                                      \
    } while (0)

static void at(struct world *w, uint64_t now_ms)
{
    w->now_ms = now_ms;
    client_core_tick(&w->core, now_ms);
    drain(w);
}

static void get(struct world *w, const struct msg *m)
{
    client_core_receive(&w->core, m, w->now_ms);
    drain(w);
}

static void get_welcome(struct world *w, uint64_t hello, uint32_t window)
{
    struct msg m = {.type = MSG_WELCOME};
    m.welcome = (struct msg_welcome){.epoch = 7,
                                     .hello = hello,
                                     .heartbeat_ms = 1000,
                                     .lease_ms = 10000,
                                     .max_payload = 1000,
                                     .reconnect_spread_ms = 0,
                                     .window = window,
                                     .window_bytes = 1000};
    get(w, &m);
}

static void get_ack(struct world *w, uint64_t number)
{
    struct msg m = {.type = MSG_SUBMIT_ACK};
    m.submit_ack = (struct msg_submit_ack){.number = number, .count = 1, .first_id = number << 8};
    get(w, &m);
}

static void get_busy(struct world *w, uint64_t number, uint32_t retry_ms, const char *reason)
{
    struct msg m = {.type = MSG_BUSY};
    m.busy = (struct msg_busy){.number = number, .reason = slice_str(reason), .retry_ms = retry_ms};
    get(w, &m);
}

static void get_plain(struct world *w, enum msg_type type)
{
    struct msg m = {.type = type};
    get(w, &m);
}

static void get_done(struct world *w, uint64_t last, uint32_t count)
{
    struct msg m = {.type = MSG_DONE};
    m.done = (struct msg_done){.number = last, .count = count};
    get(w, &m);
}

static void submit(struct world *w, unsigned n)
{
    w->submits[n] = (struct client_submit){.bytes = 10, .count = 1, .request = 100 + n};
    w->submits[n].order = w->core.next_number;
    client_core_submit(&w->core, &w->submits[n], w->now_ms);
    drain(w);
}

static void ask(struct world *w, unsigned n)
{
    w->requests[n] = (struct client_request){.number = 500 + n};
    client_core_request(&w->core, &w->requests[n], w->now_ms);
    drain(w);
}

static int setup(void **state)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    w.now_ms = 1000;
    struct client_identity who = {.name = slice_str("test"), .seed = 1};
    client_core_init(&w.core, &who, w.now_ms);
    *state = &w;
    return 0;
}

/* Connected, with a window of 64. */
static struct world *served(void **state)
{
    struct world *w = *state;
    at(w, 1000);
    get_welcome(w, 1, 64);
    assert_trace(w, "connect HELLO#1(0,0) welcomed ");
    return w;
}

static void test_says_hello_and_takes_nothing_before_welcome(void **state)
{
    struct world *w = *state;
    assert_false(client_core_has_room(&w->core, 1));
    at(w, 1000);
    assert_trace(w, "connect HELLO#1(0,0) ");
    get_welcome(w, 9, 64); /* of another HELLO */
    assert_trace(w, "");
    get_welcome(w, 1, 64);
    assert_trace(w, "welcomed ");
    assert_true(client_core_has_room(&w->core, 1));
    assert_true(client_core_deadline(&w->core) == UINT64_MAX);
}

static void test_greets_again_and_slower_while_nobody_answers(void **state)
{
    struct world *w = *state;
    at(w, 1000);
    at(w, 2999);
    assert_trace(w, "connect HELLO#1(0,0) ");
    at(w, 3000);
    assert_trace(w, "connect HELLO#2(0,0) ");
    at(w, 6999);
    assert_trace(w, "");
    at(w, 7000);
    assert_trace(w, "connect HELLO#3(0,0) ");
    get_welcome(w, 2, 64); /* too late */
    assert_trace(w, "");
}

static void test_confirmed_is_what_all_below_are_acknowledged(void **state)
{
    struct world *w = served(state);
    submit(w, 1);
    submit(w, 2);
    submit(w, 3);
    assert_trace(w, "SUBMIT#1(0) SUBMIT#2(0) SUBMIT#3(0) ");
    assert_int_equal(client_core_gate(&w->core, w->core.next_number - 1), 0);
    get_ack(w, 2);
    get_ack(w, 2); /* twice: a resend was answered too */
    assert_trace(w, "acked#2 ");
    assert_int_equal(client_core_confirmed(&w->core), 0);
    get_ack(w, 1);
    assert_int_equal(client_core_confirmed(&w->core), 2);
    get_ack(w, 3);
    assert_trace(w, "acked#1 acked#3 ");
    assert_int_equal(client_core_confirmed(&w->core), 3);
    assert_int_equal(client_core_gate(&w->core, w->core.next_number - 1), 3);
}

static void test_window_counts_from_the_first_unconfirmed(void **state)
{
    struct world *w = *state;
    at(w, 1000);
    get_welcome(w, 1, 3);
    for (unsigned i = 1; i <= 3; i++) {
        assert_true(client_core_has_room(&w->core, 10));
        submit(w, i);
    }
    assert_false(client_core_has_room(&w->core, 10));
    get_ack(w, 2);
    get_ack(w, 3);
    assert_false(client_core_has_room(&w->core, 10)); /* the broker keeps outcomes of 3 numbers */
    get_ack(w, 1);
    assert_true(client_core_has_room(&w->core, 10));
}

static void test_window_counts_bytes_but_one_frame_always_may(void **state)
{
    struct world *w = served(state);
    assert_true(client_core_has_room(&w->core, 5000));
    submit(w, 1);
    assert_true(client_core_has_room(&w->core, 990));
    assert_false(client_core_has_room(&w->core, 991));
}

static void test_resends_all_in_order_after_unknown(void **state)
{
    struct world *w = served(state);
    for (unsigned i = 1; i <= 4; i++)
        submit(w, i);
    ask(w, 0);
    get_ack(w, 1);
    get_ack(w, 3);
    w->trace[0] = '\0';
    get_plain(w, MSG_UNKNOWN);
    get_plain(w, MSG_UNKNOWN); /* one for each message of the old route */
    assert_trace(w, "HELLO#2(1,0) ");
    submit(w, 5);
    assert_trace(w, "");
    get_welcome(w, 2, 64);
    assert_trace(w, "welcomed SUBMIT#2(1) SUBMIT#4(1) SUBMIT#5(1) REQUEST#500 ");
}

static void test_silence_with_something_outstanding_reconnects(void **state)
{
    struct world *w = served(state);
    at(w, 100000);
    assert_trace(w, ""); /* idle: silence means nothing */
    submit(w, 1);
    assert_trace(w, "SUBMIT#1(0) ");
    at(w, 101000);
    at(w, 102000);
    assert_trace(w, "HEARTBEAT HEARTBEAT ");
    at(w, 102500);
    get_plain(w, MSG_HEARTBEAT); /* a sign of life */
    at(w, 107499);
    assert_trace(w, "HEARTBEAT ");
    at(w, 107500);
    assert_trace(w, "connect HELLO#2(0,0) ");
    get_welcome(w, 2, 64);
    assert_trace(w, "welcomed SUBMIT#1(0) ");
}

/* However rarely the broker wants to hear of us, its answers come more often than silence counts.
 */
static void test_a_rare_heartbeat_is_no_silence(void **state)
{
    struct world *w = *state;
    struct msg m = {.type = MSG_WELCOME};
    at(w, 1000);
    m.welcome = (struct msg_welcome){
        .hello = 1, .heartbeat_ms = 3600000, .max_payload = 1000, .window = 64};
    get(w, &m);
    submit(w, 1);
    w->trace[0] = '\0';
    for (uint64_t t = 2000; t < 20000; t += 1000) {
        at(w, t);
        assert_trace(w, "HEARTBEAT ");
        get_plain(w, MSG_HEARTBEAT);
    }
}

static void test_lost_answer_is_asked_for_again(void **state)
{
    struct world *w = served(state);
    submit(w, 1);
    w->trace[0] = '\0';
    for (uint64_t t = 2000; t < 31000; t += 1000) {
        at(w, t);
        get_plain(w, MSG_HEARTBEAT);
    }
    w->trace[0] = '\0';
    at(w, 31000);
    assert_trace(w, "connect HELLO#2(0,0) ");
}

static void test_busy_is_tried_again_after_its_time(void **state)
{
    struct world *w = served(state);
    submit(w, 1);
    submit(w, 2);
    get_busy(w, 1, 500, "disk_reserve");
    get_ack(w, 2);
    assert_trace(w, "SUBMIT#1(0) SUBMIT#2(0) deferred#1:disk_reserve acked#2 ");
    assert_int_equal(client_core_gate(&w->core, w->core.next_number - 1),
                     2); /* it holds nothing else up */
    assert_int_equal(client_core_deadline(&w->core), 1500);
    at(w, 1499);
    assert_trace(w, "");
    at(w, 1500);
    assert_trace(w, "SUBMIT#1(0) ");
    get_ack(w, 1);
    assert_trace(w, "acked#1 ");
}

static void test_busy_without_a_time_is_final(void **state)
{
    struct world *w = served(state);
    submit(w, 1);
    get_busy(w, 1, 0, "too_big");
    assert_trace(w, "SUBMIT#1(0) refused#1:too_big ");
    assert_int_equal(client_core_confirmed(&w->core), 1);
}

static void test_deferred_stays_deferred_over_a_reconnect(void **state)
{
    struct world *w = served(state);
    submit(w, 1);
    get_busy(w, 1, 3000, "busy");
    w->trace[0] = '\0';
    get_plain(w, MSG_UNKNOWN);
    get_welcome(w, 2, 64);
    assert_trace(w, "HELLO#2(0,0) welcomed ");
    at(w, 4000);
    assert_trace(w, "SUBMIT#1(0) HEARTBEAT ");
}

static void test_ends_are_taken_once_and_acknowledged(void **state)
{
    struct world *w = served(state);
    w->core.ends_awaited = true;
    get_done(w, 3, 3);
    assert_trace(w, "ended#3-0 DONE_ACK#3 ");
    get_done(w, 3, 3); /* its DONE_ACK was lost */
    assert_trace(w, "DONE_ACK#3 ");
    get_done(w, 5, 4); /* 2..5: the first two are known */
    assert_trace(w, "ended#5-2 DONE_ACK#5 ");
    get_done(w, 8, 1); /* 6 and 7 are missing */
    assert_trace(w, "DONE_ACK#5 ");
    get_done(w, 1, 2); /* nonsense */
    assert_trace(w, "");
    get_plain(w, MSG_UNKNOWN);
    assert_trace(w, "HELLO#2(0,5) ");
}

static void test_who_waits_for_an_end_notices_a_new_broker(void **state)
{
    struct world *w = served(state);
    w->core.ends_awaited = true;
    at(w, 2000);
    assert_trace(w, "HEARTBEAT ");
    get_plain(w, MSG_UNKNOWN);
    assert_trace(w, "HELLO#2(0,0) ");
}

static void test_reply_and_error_answer_a_request(void **state)
{
    struct world *w = served(state);
    ask(w, 0);
    ask(w, 1);
    struct msg m = {.type = MSG_REPLY, .request = 501};
    get(w, &m);
    get(w, &m);
    struct msg e = {.type = MSG_ERROR, .request = 500};
    e.error.code = slice_str("invalid");
    get(w, &e);
    assert_trace(w, "REQUEST#500 REQUEST#501 replied#501 replied#500 ");
}

static void test_error_refuses_a_submit(void **state)
{
    struct world *w = served(state);
    submit(w, 1);
    struct msg e = {.type = MSG_ERROR, .request = 101};
    e.error.code = slice_str("malformed");
    get(w, &e);
    assert_trace(w, "SUBMIT#1(0) refused#1:malformed ");
}

static void test_cancelled_request_is_not_sent_again(void **state)
{
    struct world *w = served(state);
    ask(w, 0);
    client_core_cancel(&w->core, &w->requests[0]);
    assert_true(client_core_deadline(&w->core) == UINT64_MAX);
    get_plain(w, MSG_UNKNOWN);
    get_welcome(w, 2, 64);
    assert_trace(w, "REQUEST#500 HELLO#2(0,0) welcomed ");
}

static void test_refused_at_hello_fails_everything(void **state)
{
    struct world *w = *state;
    at(w, 1000);
    ask(w, 0);
    struct msg e = {.type = MSG_ERROR, .request = 1};
    e.error.code = slice_str("version");
    get(w, &e);
    assert_trace(w, "connect HELLO#1(0,0) dropped#500:version ");
    assert_true(client_core_has_room(&w->core, 1));
    submit(w, 1);
    assert_trace(w, "refused#1:version ");
}

static void test_stopping_broker_is_waited_for(void **state)
{
    struct world *w = *state;
    at(w, 1000);
    struct msg e = {.type = MSG_ERROR, .request = 1};
    e.error.code = slice_str("shutting_down");
    get(w, &e);
    w->trace[0] = '\0';
    at(w, client_core_deadline(&w->core));
    assert_trace(w, "connect HELLO#2(0,0) ");
    get_welcome(w, 2, 64);
    get_plain(w, MSG_GOODBYE);
    at(w, client_core_deadline(&w->core));
    assert_trace(w, "welcomed connect HELLO#3(0,0) ");
}

static void test_close_says_goodbye_and_gives_everything_back(void **state)
{
    struct world *w = served(state);
    submit(w, 1);
    ask(w, 0);
    w->trace[0] = '\0';
    client_core_close(&w->core);
    drain(w);
    assert_trace(w, "GOODBYE refused#1:closed dropped#500:closed ");
    get_ack(w, 1);
    assert_trace(w, "");
}

static void test_wrong_count_in_an_acknowledgement_is_an_error(void **state)
{
    struct world *w = served(state);
    submit(w, 1);
    struct msg m = {.type = MSG_SUBMIT_ACK};
    m.submit_ack = (struct msg_submit_ack){.number = 1, .count = 2};
    get(w, &m);
    assert_trace(w, "SUBMIT#1(0) refused#1:malformed ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(test_says_hello_and_takes_nothing_before_welcome),
        TEST(test_greets_again_and_slower_while_nobody_answers),
        TEST(test_confirmed_is_what_all_below_are_acknowledged),
        TEST(test_window_counts_from_the_first_unconfirmed),
        TEST(test_window_counts_bytes_but_one_frame_always_may),
        TEST(test_resends_all_in_order_after_unknown),
        TEST(test_silence_with_something_outstanding_reconnects),
        TEST(test_a_rare_heartbeat_is_no_silence),
        TEST(test_lost_answer_is_asked_for_again),
        TEST(test_busy_is_tried_again_after_its_time),
        TEST(test_busy_without_a_time_is_final),
        TEST(test_deferred_stays_deferred_over_a_reconnect),
        TEST(test_ends_are_taken_once_and_acknowledged),
        TEST(test_who_waits_for_an_end_notices_a_new_broker),
        TEST(test_reply_and_error_answer_a_request),
        TEST(test_error_refuses_a_submit),
        TEST(test_cancelled_request_is_not_sent_again),
        TEST(test_refused_at_hello_fails_everything),
        TEST(test_stopping_broker_is_waited_for),
        TEST(test_close_says_goodbye_and_gives_everything_back),
        TEST(test_wrong_count_in_an_acknowledgement_is_an_error),
    };
    return cmocka_run_group_tests_name("client_core", tests, NULL, NULL);
}
