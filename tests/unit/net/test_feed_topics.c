/* test_feed_topics.c: which topics are watched, and the bounds of both tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "net/feed_topics.h"

static const struct feed_kind kinds[] = {
    {"job.completed", true}, {"job.failed", true}, {"worker.joined", false}};
enum { COMPLETED = 1, FAILED = 2, JOINED = 4 };

static void prefixes_become_a_mask(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        uint32_t mask;
    } cases[] = {
        {"", COMPLETED | FAILED | JOINED},
        {"job.", COMPLETED | FAILED},
        {"job.completed", COMPLETED},
        {"job.completed.", COMPLETED},
        {"job.completed.mail", COMPLETED},
        {"job.completedness", 0},
        {"worker.joined", JOINED},
        {"worker.joined.", 0},
        {"worker.joinedx", 0},
        {"w", JOINED},
        {"broker.beat", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct watchlist w;
        assert_int_equal(watchlist_init(&w), 0);
        watchlist_add(&w, slice_str(cases[i].prefix));
        assert_int_equal(watchlist_mask(&w, kinds, 3), cases[i].mask);
        watchlist_remove(&w, slice_str(cases[i].prefix));
        assert_int_equal(watchlist_mask(&w, kinds, 3), 0);
        assert_true(watchlist_empty(&w));
        watchlist_fini(&w);
    }
}

static void prefixes_cover_topics(void **state)
{
    (void)state;
    struct watchlist w;
    assert_int_equal(watchlist_init(&w), 0);
    watchlist_add(&w, slice_str("job.completed.mail"));
    assert_true(watchlist_covers(&w, slice_str("job.completed.mail")));
    assert_true(watchlist_covers(&w, slice_str("job.completed.mailbox")));
    assert_false(watchlist_covers(&w, slice_str("job.completed.other")));
    assert_false(watchlist_covers(&w, slice_str("job.completed")));
    watchlist_fini(&w);
}

static void subscriptions_beyond_the_table_watch_everything(void **state)
{
    (void)state;
    struct watchlist w;
    char text[32];
    assert_int_equal(watchlist_init(&w), 0);
    for (int i = 0; i < WATCH_MAX + 2; i++) {
        snprintf(text, sizeof text, "nothing.%d", i);
        watchlist_add(&w, slice_str(text));
    }
    assert_int_equal(watchlist_mask(&w, kinds, 3), COMPLETED | FAILED | JOINED);
    assert_true(watchlist_covers(&w, slice_str("job.failed.x")));
    for (int i = WATCH_MAX; i < WATCH_MAX + 2; i++) {
        snprintf(text, sizeof text, "nothing.%d", i);
        watchlist_remove(&w, slice_str(text));
    }
    assert_int_equal(watchlist_mask(&w, kinds, 3), 0);
    assert_false(watchlist_empty(&w));
    watchlist_fini(&w);
}

static void the_oldest_topic_makes_room(void **state)
{
    (void)state;
    struct topic_table t;
    char text[32];
    topic_table_init(&t);
    for (int i = 0; i < FEED_TOPICS_MAX; i++) {
        snprintf(text, sizeof text, "job.failed.%d", i);
        assert_non_null(topic_table_take(&t, slice_str(text)));
    }
    struct feed_topic *oldest = topic_table_find(&t, slice_str("job.failed.0"));
    list_push_back(&t.pending, &oldest->pending);
    assert_non_null(topic_table_take(&t, slice_str("job.failed.new")));
    assert_int_equal(t.count, FEED_TOPICS_MAX);
    assert_ptr_equal(topic_table_find(&t, slice_str("job.failed.0")), oldest); /* has events */
    assert_null(topic_table_find(&t, slice_str("job.failed.1")));
    topic_table_fini(&t);
}

static void what_nobody_watches_or_uses_is_forgotten(void **state)
{
    (void)state;
    struct topic_table t;
    struct watchlist w;
    topic_table_init(&t);
    assert_int_equal(watchlist_init(&w), 0);
    watchlist_add(&w, slice_str("job.failed"));
    assert_non_null(topic_table_take(&t, slice_str("job.failed.a")));
    assert_non_null(topic_table_take(&t, slice_str("job.completed.a")));
    topic_table_sweep(&t, &w);
    assert_null(topic_table_find(&t, slice_str("job.completed.a")));
    struct feed_topic *topic = topic_table_find(&t, slice_str("job.failed.a"));
    assert_non_null(topic);
    topic->used_ms = 1000;
    topic_table_expire(&t, 1000);
    assert_int_equal(t.count, 1);
    topic_table_expire(&t, 1001);
    assert_int_equal(t.count, 0);
    watchlist_fini(&w);
    topic_table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_become_a_mask),
        cmocka_unit_test(prefixes_cover_topics),
        cmocka_unit_test(subscriptions_beyond_the_table_watch_everything),
        cmocka_unit_test(the_oldest_topic_makes_room),
        cmocka_unit_test(what_nobody_watches_or_uses_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
