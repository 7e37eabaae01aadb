/* Who asks faster than the store answers is not read meanwhile, and client sessions in memory are
 * bounded. */

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
        cmocka_unit_test(test_gets),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_lanes_count),
        cmocka_unit_test(test_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
