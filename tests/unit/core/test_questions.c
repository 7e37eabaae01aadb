/* Who asks faster than the store answers is not read meanwhile; what workers say of jobs that are
 * not in memory, and client sessions in memory, are bounded. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/state.h"
#include "crowd.h"

#define ASKED_MOST 10000 /* by far enough to close the frontend */

static struct crowd crowd;

static void start(void)
{
    struct core_options options = CORE_OPTIONS_DEFAULT;
    crowd_start(&crowd, &options);
    crowd_submit(&crowd, "k", 2, 10, 0);
    harness_settle(&crowd.h);
}

/* Until the frontend closes, without an answer of the store; then all are answered. */
static void flood(enum event_type type, uint32_t least, uint32_t most)
{
    static const uint64_t ids[IDS_PER_REQUEST];
    uint32_t asked = 0;
    for (; core_frontend_open(crowd.h.core) && asked < ASKED_MOST; asked++) {
        struct event e = {.type = type, .route = 1, .request = asked + 1};
        if (type == EV_GET)
            e = event_ids(EV_GET, 1, ids, IDS_PER_REQUEST);
        e.list.limit = type == EV_LIST ? LIST_MAX : e.list.limit;
        e.list.state = type == EV_LIST ? -1 : e.list.state;
        harness_step(&crowd.h, &e);
        if (type == EV_GET)
            event_release(&e);
    }
    assert_in_range(asked, least, most);
    harness_settle(&crowd.h);
    assert_true(core_frontend_open(crowd.h.core));
    assert_int_equal(crowd.h.core->looks, 0);
}

static void test_gets(void **state)
{
    (void)state;
    start();
    flood(EV_GET, 50, 200);
    crowd_stop(&crowd);
}

static void test_lists(void **state)
{
    (void)state;
    start();
    flood(EV_LIST, 50, 200);
    crowd_stop(&crowd);
}

static void test_lanes_count(void **state)
{
    char kind[16];
    (void)state;
    start();
    for (int i = 0; i < 3000; i++) {
        snprintf(kind, sizeof kind, "k%d", i);
        crowd_submit(&crowd, kind, 1, 10, 0);
        if (i % 500 == 0)
            harness_settle(&crowd.h);
    }
    harness_settle(&crowd.h);
    flood(EV_STATS, 20, 50);
    crowd_stop(&crowd);
}

static uint32_t unknowns, acks;

static void on_action(const struct action *action)
{
    unknowns += action->type == ACT_WORKER_UNKNOWN;
    acks += action->type == ACT_RESULTS_ACK;
}

/* RESULTS of 512 jobs that there never were. */
static void late_results_of(uint64_t number)
{
    static struct result_text texts[BATCH_JOBS_MAX];
    for (uint32_t i = 0; i < BATCH_JOBS_MAX; i++)
        texts[i] = (struct result_text){.id = 256 * (uint64_t)(i + 1), .run = 1};
    struct event e = event_results(2, crowd.hello, number, texts, BATCH_JOBS_MAX);
    harness_step(&crowd.h, &e);
    event_release(&e);
}

static void test_late(void **state)
{
    const struct core *core;
    (void)state;
    start();
    crowd.on_action = on_action;
    unknowns = acks = 0;
    core = crowd.h.core;
    crowd_hello(&crowd, 4, 4);
    for (uint64_t number = 1; number <= 1000; number++)
        late_results_of(number);
    assert_in_range(core->late, 100000, 300000);
    assert_in_range(unknowns, 100, 900); /* the first of them, and all that came behind it */
    harness_settle(&crowd.h);
    assert_int_equal(core->late, 0);
    assert_true(acks > 0);
    /* From there on it goes on. */
    const struct session *s = session_find(core, crowd_worker);
    acks = 0;
    late_results_of(s->results_next);
    harness_settle(&crowd.h);
    assert_int_equal(acks, 1);
    crowd_stop(&crowd);
}

/* A HELLO of two parts that comes when there is no room is passed over, and the next one is not. */
static void test_late_hello(void **state)
{
    (void)state;
    start();
    crowd_hello(&crowd, 4, 4);
    for (uint64_t number = 1; crowd.h.core->late < 200000 && number <= 1000; number++)
        late_results_of(number);
    const struct session *s = session_find(crowd.h.core, crowd_worker);
    uint64_t hello = s->hello, late = crowd.h.core->late;
    static struct held_text held[10];
    for (uint32_t i = 0; i < 10; i++)
        held[i] = (struct held_text){256 * (uint64_t)(i + 1), 1, 1000};
    struct slice queue = slice_str("q"), kind = slice_str("*");
    struct hello_text text = {.session = crowd_worker, .number = hello + 1, .parts = 2, .slots = 4};
    text.name = "w";
    text.queues = &queue, text.kinds = &kind, text.queue_count = text.kind_count = 1;
    text.held = held, text.held_count = 10;
    for (text.part = 0; text.part < 2; text.part++) {
        struct event e = event_hello(2, &text);
        harness_step(&crowd.h, &e);
        uint32_t count;
        (void)core_actions(crowd.h.core, &count);
        assert_int_equal(count, 0);
    }
    assert_int_equal(s->hello, hello);
    assert_int_equal(crowd.h.core->late, late);
    harness_settle(&crowd.h);
    text.number++;
    for (text.part = 0; text.part < 2; text.part++) {
        struct event e = event_hello(2, &text);
        harness_step(&crowd.h, &e);
    }
    harness_settle(&crowd.h);
    assert_int_equal(s->hello, hello + 2);
    assert_int_equal(crowd.h.core->late, 0);
    crowd_stop(&crowd);
}

static void test_clients(void **state)
{
    (void)state;
    start();
    for (uint32_t i = 0; i < 110000; i++) {
        uint8_t session[SESSION_ID_BYTES] = "flood";
        memcpy(session + 8, &i, sizeof i);
        struct event e = {.type = EV_CLIENT_HELLO, .route = 10 + i};
        e.client_hello.session = session;
        e.client_hello.number = 1;
        harness_step(&crowd.h, &e);
        if (!core_frontend_open(crowd.h.core))
            harness_settle(&crowd.h);
    }
    harness_settle(&crowd.h);
    harness_advance(&crowd.h, 3000, true);
    assert_in_range(crowd.h.core->client_count, 1, 100000);
    crowd_stop(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gets),        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_lanes_count), cmocka_unit_test(test_late),
        cmocka_unit_test(test_late_hello),  cmocka_unit_test(test_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
