/* test_feed.c: a feed and a real subscriber: synchronising, turns, gaps, counts instead of items,
 * the beat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zmq.h>

#include "net/feed.h"
#include "wire.h"

#define WAIT_MS 5000
#define EPOCH   7
#define NOW_MS  1000000

enum { COMPLETED, JOINED, FIRED };
static const struct feed_kind kinds[] = {
    {"job.completed", true}, {"worker.joined", false}, {"schedule.fired", false}};

static void *context, *sub;
static struct feed *feed;

static int set_up(void **state)
{
    (void)state;
    char why[256] = "";
    int zero = 0, wait_ms = WAIT_MS;
    const struct feed_options options = {
        .endpoint = "tcp://127.0.0.1:*", .epoch = EPOCH, .kinds = kinds, .kind_count = 3};
    context = zmq_ctx_new();
    if (feed_open(&feed, context, &options, why, sizeof why))
        return -1;
    sub = zmq_socket(context, ZMQ_SUB);
    zmq_setsockopt(sub, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(sub, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    return zmq_connect(sub, feed_endpoint(feed));
}

static int tear_down(void **state)
{
    (void)state;
    if (sub)
        zmq_close(sub);
    feed_close(&feed, 0);
    zmq_ctx_term(context);
    return 0;
}

static void subscribe(const char *topic)
{
    assert_int_equal(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, topic, strlen(topic)), 0);
}

/* One message: its topic and what follows, which stays valid until the next. */
static void receive(const char *topic, struct msg *msg)
{
    static uint8_t bytes[1 << 20];
    char why[256];
    int len = zmq_recv(sub, bytes, sizeof bytes, 0);
    assert_true(len > 0);
    size_t name = strlen(topic);
    assert_true((size_t)len > name);
    assert_memory_equal(bytes, topic, name + 1);
    assert_int_equal(
        wire_decode(slice_of(bytes + name + 1, (size_t)len - name - 1), msg, why, sizeof why), 0);
}

/* Takes the subscriptions in until `topic` was answered, as the loop does. */
static void sync_on(const char *topic, struct msg *msg)
{
    zmq_pollitem_t items[] = {{.socket = feed_socket(feed), .events = ZMQ_POLLIN},
                              {.socket = sub, .events = ZMQ_POLLIN}};
    subscribe(topic);
    do {
        assert_true(zmq_poll(items, 2, WAIT_MS) > 0);
        feed_read(feed, 256);
        feed_answer(feed, NOW_MS);
    } while (!(items[1].revents & ZMQ_POLLIN));
    receive(topic, msg);
}

static void publish(uint32_t kind, const char *queue, uint64_t id, uint64_t now_ms)
{
    const struct feed_event event = {.kind = kind,
                                     .id = id,
                                     .attempt = 1,
                                     .wall_ms = 1700000000123,
                                     .queue = slice_str(queue),
                                     .job_kind = slice_str("email.send")};
    feed_publish(feed, &event, now_ms);
}

static void a_subscriber_is_synchronised(void **state)
{
    (void)state;
    struct msg msg;
    subscribe("job.completed.");
    sync_on("sync.Abc123", &msg);
    assert_int_equal(msg.type, MSG_SYNC);
    assert_int_equal(msg.sync.epoch, EPOCH);
    assert_int_equal(msg.sync.turn, 0);
    assert_int_equal(feed_watched(feed), 1u << COMPLETED);
}

/* What is pending when somebody asks goes out before the answer, which names its turn. */
static void the_answer_names_the_last_turn(void **state)
{
    (void)state;
    struct msg msg;
    zmq_pollitem_t item = {.socket = feed_socket(feed), .events = ZMQ_POLLIN};
    subscribe("job.completed.");
    sync_on("sync.first", &msg);
    publish(COMPLETED, "mail", 256, NOW_MS);
    subscribe("sync.second");
    assert_true(zmq_poll(&item, 1, WAIT_MS) > 0);
    feed_read(feed, 256);
    feed_answer(feed, NOW_MS);
    receive("job.completed.mail", &msg);
    assert_int_equal(msg.events.turn, 1);
    receive("sync.second", &msg);
    assert_int_equal(msg.sync.turn, 1);
}

static void only_well_formed_syncs_are_answered(void **state)
{
    (void)state;
    struct msg msg;
    subscribe("sync.a-b");
    subscribe("sync.01234567890123456789012345678901234567890123456789012345678901234");
    sync_on("sync.z", &msg);
    assert_int_equal(msg.type, MSG_SYNC);
    assert_int_equal(feed_watched(feed), 0);
}

static void count_items(struct slice items, uint32_t count)
{
    struct wire_reader r = {items};
    struct wire_token array;
    struct slice value;
    assert_int_equal(wire_read(&r, &array), 0);
    assert_int_equal(array.kind, WIRE_ARRAY);
    assert_int_equal(array.count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(wire_skip(&r, &value), 0);
    assert_int_equal(r.left.len, 0);
}

static void events_of_a_turn_go_out_together(void **state)
{
    (void)state;
    struct msg msg;
    subscribe("job.completed.mail");
    sync_on("sync.x", &msg);
    publish(COMPLETED, "mail", 256, NOW_MS);
    publish(COMPLETED, "other", 512, NOW_MS); /* nobody watches it */
    publish(COMPLETED, "mail", 768, NOW_MS);
    feed_flush(feed, NOW_MS);
    receive("job.completed.mail", &msg);
    assert_int_equal(msg.events.epoch, EPOCH);
    assert_int_equal(msg.events.turn, 1);
    assert_int_equal(msg.events.previous, 0);
    assert_int_equal(msg.events.count, 2);
    assert_int_equal(msg.events.elided, 0);
    count_items(msg.events.items, 2);
    publish(COMPLETED, "other", 1024, NOW_MS);
    feed_flush(feed, NOW_MS); /* nothing to tell: no turn */
    assert_int_equal(feed_turn(feed), 1);
    publish(COMPLETED, "mail", 1280, NOW_MS);
    feed_flush(feed, NOW_MS);
    receive("job.completed.mail", &msg);
    assert_int_equal(msg.events.turn, 2);
    assert_int_equal(msg.events.previous, 1);
}

static void an_item_names_what_is_known(void **state)
{
    (void)state;
    struct msg msg;
    subscribe("worker.joined");
    sync_on("sync.x", &msg);
    const struct feed_event event = {
        .kind = JOINED, .wall_ms = 1700000000123, .worker = slice_str("worker-1")};
    feed_publish(feed, &event, NOW_MS);
    feed_flush(feed, NOW_MS);
    receive("worker.joined", &msg);
    static const char *const texts[] = {
        "time", "2023-11-14T22:13:20.123Z", "topic", "worker.joined", "worker", "worker-1"};
    struct wire_reader r = {msg.events.items};
    struct wire_token token;
    assert_int_equal(wire_read(&r, &token), 0);
    assert_int_equal(wire_read(&r, &token), 0);
    assert_int_equal(token.kind, WIRE_MAP);
    assert_int_equal(token.count, 3);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(wire_read(&r, &token), 0);
        assert_true(slice_is(token.bytes, texts[i]));
    }
}

static void an_item_of_a_schedule(void **state)
{
    (void)state;
    struct msg msg;
    subscribe("schedule.fired");
    sync_on("sync.x", &msg);
    const struct feed_event event = {.kind = FIRED,
                                     .id = 256,
                                     .wall_ms = 1700000000123,
                                     .schedule = slice_str("daily"),
                                     .code = slice_str("due"),
                                     .text = slice_str("words"),
                                     .nominal_ms = 1700000000000};
    feed_publish(feed, &event, NOW_MS);
    feed_flush(feed, NOW_MS);
    receive("schedule.fired", &msg);
    static const char *const texts[] = {"time",         "2023-11-14T22:13:20.123Z",
                                        "topic",        "schedule.fired",
                                        "schedule",     "daily",
                                        "nominal_time", "2023-11-14T22:13:20.000Z",
                                        "id",           "0000000000080",
                                        "code",         "due",
                                        "text",         "words"};
    struct wire_reader r = {msg.events.items};
    struct wire_token token;
    assert_int_equal(wire_read(&r, &token), 0);
    assert_int_equal(wire_read(&r, &token), 0);
    assert_int_equal(token.kind, WIRE_MAP);
    assert_int_equal(token.count, 7);
    for (size_t i = 0; i < 14; i++) {
        assert_int_equal(wire_read(&r, &token), 0);
        assert_true(slice_is(token.bytes, texts[i]));
    }
    assert_int_equal(r.left.len, 0);
}

static void too_many_events_are_counted(void **state)
{
    (void)state;
    struct msg msg;
    uint64_t told = 0, events = 0;
    subscribe("job.");
    sync_on("sync.x", &msg);
    for (int turn = 0; turn < 25; turn++) { /* 25,000 in less than a second */
        for (uint64_t i = 1; i <= 1000; i++)
            publish(COMPLETED, "mail", i * 256, NOW_MS + (uint64_t)turn);
        feed_flush(feed, NOW_MS);
        receive("job.completed.mail", &msg);
        events += msg.events.count;
        if (msg.events.elided)
            assert_int_equal(msg.events.items.len, 0);
        else
            told += msg.events.count;
    }
    assert_int_equal(events, 25000);
    assert_int_equal(told, FEED_EVENTS_PER_SECOND);
    publish(COMPLETED, "mail", 256, NOW_MS + 1000);
    feed_flush(feed, NOW_MS);
    receive("job.completed.mail", &msg);
    assert_int_equal(msg.events.elided, 0); /* the next second is told again */
}

static void the_beat_lists_the_last_turns(void **state)
{
    (void)state;
    struct msg msg;
    subscribe("job.");
    subscribe("broker.beat");
    sync_on("sync.x", &msg);
    publish(COMPLETED, "a", 256, NOW_MS);
    feed_flush(feed, NOW_MS);
    publish(COMPLETED, "b", 512, NOW_MS);
    feed_flush(feed, NOW_MS);
    receive("job.completed.a", &msg);
    receive("job.completed.b", &msg);
    feed_beat(feed, NOW_MS);
    receive("broker.beat", &msg);
    assert_int_equal(msg.type, MSG_BEAT);
    assert_int_equal(msg.beat.turn, 2);
    assert_int_equal(msg.beat.topics.count, 2);
    assert_true(slice_is(strs_at(&msg.beat.topics, 0), "job.completed.a"));
    assert_int_equal(slice_u64_at(msg.beat.turns, 0), 1);
    assert_true(slice_is(strs_at(&msg.beat.topics, 1), "job.completed.b"));
    assert_int_equal(slice_u64_at(msg.beat.turns, 1), 2);
    assert_int_equal(msg.beat.forgotten, 0);
    feed_beat(feed, NOW_MS + 200000); /* after two idle minutes they are forgotten */
    receive("broker.beat", &msg);
    assert_int_equal(msg.beat.topics.count, 0);
    assert_int_equal(msg.beat.forgotten, 2); /* so that who missed turn 2 learns it still */
}

static void items_of_the_caller_are_events(void **state)
{
    (void)state;
    struct msg msg;
    struct buf item;
    subscribe("broker.stats");
    sync_on("sync.x", &msg);
    assert_true(feed_watches(feed, "broker.stats"));
    buf_init(&item, 100);
    wire_map(&item, 0);
    feed_publish_item(feed, "broker.stats", buf_slice(&item), NOW_MS);
    feed_publish_item(feed, "broker.other", buf_slice(&item), NOW_MS);
    feed_flush(feed, NOW_MS);
    receive("broker.stats", &msg);
    assert_int_equal(msg.events.count, 1);
    count_items(msg.events.items, 1);
    buf_fini(&item);
}

static void who_leaves_watches_no_more(void **state)
{
    (void)state;
    struct msg msg;
    subscribe("");
    sync_on("sync.x", &msg);
    assert_int_equal(feed_watched(feed), 7);
    assert_true(feed_has_watchers(feed));
    zmq_close(sub);
    sub = NULL;
    zmq_pollitem_t item = {.socket = feed_socket(feed), .events = ZMQ_POLLIN};
    while (feed_has_watchers(feed)) {
        assert_true(zmq_poll(&item, 1, WAIT_MS) > 0);
        feed_read(feed, 256);
    }
    assert_int_equal(feed_watched(feed), 0);
    publish(COMPLETED, "mail", 256, NOW_MS);
    assert_false(feed_pending(feed));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_subscriber_is_synchronised),        TEST(the_answer_names_the_last_turn),
        TEST(only_well_formed_syncs_are_answered), TEST(events_of_a_turn_go_out_together),
        TEST(an_item_names_what_is_known),         TEST(an_item_of_a_schedule),
        TEST(too_many_events_are_counted),         TEST(the_beat_lists_the_last_turns),
        TEST(items_of_the_caller_are_events),      TEST(who_leaves_watches_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
