/* One client of several brokers: each job at one of them, requests where the ids come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/text.h"
#include "fake_broker.h"
#include "muster/client.h"
#include "wire.h"

#define PATIENCE_MS 20000
#define BROKERS     3

static const uint8_t shards[BROKERS] = {1, 2, 255};
static struct fake_broker brokers[BROKERS];
static muster_client_t *client;
static atomic_int acked, failed;
static atomic_int by_shard[256];

static int setup(void **state)
{
    const char *endpoints[2];
    char two[200], why[200];
    (void)state;
    acked = failed = 0;
    for (int i = 0; i < 256; i++)
        by_shard[i] = 0;
    for (int i = 0; i < BROKERS; i++)
        fake_broker_start_shard(&brokers[i], shards[i]);
    (void)snprintf(two, sizeof two, "%s,%s", brokers[0].endpoint, brokers[1].endpoint);
    endpoints[0] = two;
    endpoints[1] = brokers[2].endpoint;
    struct muster_client_options options = {.brokers = endpoints, .broker_count = 2};
    return muster_client_new(&options, &client, why, sizeof why);
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(muster_client_destroy(&client), 0);
    for (int i = 0; i < BROKERS; i++)
        fake_broker_stop(&brokers[i]);
    return 0;
}

static void count_ack(void *user, const struct muster_ack *ack)
{
    (void)user;
    if (ack->error) {
        failed++;
        return;
    }
    acked++;
    by_shard[ack->id & 0xff]++;
}

static void submit_many(int count)
{
    struct muster_job job = MUSTER_JOB("k");
    job.on_ack = count_ack;
    for (int i = 0; i < count; i++)
        assert_int_equal(muster_submit(client, &job), 0);
}

static bool connected(uint32_t count)
{
    struct muster_client_status status;
    struct timespec tick = {0, 1000000};
    for (int i = 0; i < PATIENCE_MS; i++) {
        assert_int_equal(muster_client_status(client, &status), 0);
        if (status.connected == count)
            return true;
        nanosleep(&tick, NULL);
    }
    return false;
}

static int taken(void)
{
    int sum = 0;
    for (int i = 0; i < BROKERS; i++)
        sum += brokers[i].jobs;
    return sum;
}

static void test_jobs_are_spread_and_each_is_at_one_broker(void **state)
{
    (void)state;
    assert_true(connected(BROKERS));
    submit_many(60000);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, NULL), 0);
    assert_int_equal(acked, 60000);
    assert_int_equal(taken(), 60000);
    for (int i = 0; i < BROKERS; i++) {
        assert_int_equal(by_shard[shards[i]], brokers[i].jobs);
        assert_true(brokers[i].jobs > 60000 / 20);
    }
}

static void test_single_jobs_take_turns(void **state)
{
    struct muster_job job = MUSTER_JOB("k");
    struct muster_ack ack;
    (void)state;
    assert_true(connected(BROKERS));
    for (int i = 0; i < 30; i++)
        assert_int_equal(muster_submit_wait(client, &job, PATIENCE_MS, &ack, NULL, 0), 0);
    for (int i = 0; i < BROKERS; i++)
        assert_int_equal(brokers[i].jobs, 10);
}

static void test_who_is_away_gets_nothing_new_and_loses_nothing(void **state)
{
    (void)state;
    assert_true(connected(BROKERS));
    brokers[1].lose = 3; /* takes, forgets the route, does not answer */
    submit_many(30000);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, NULL), 0);
    assert_int_equal(acked, 30000);
    assert_int_equal(taken(), 30000); /* none was given to a second one */
    assert_true(brokers[1].resent > 0);
    assert_int_equal(failed, 0);
}

static void test_one_that_never_answers_stops_nobody(void **state)
{
    struct muster_broker_info info;
    (void)state;
    muster_client_destroy(&client);
    brokers[0].mute = true;
    const char *endpoints[] = {brokers[0].endpoint, brokers[2].endpoint};
    struct muster_client_options options = {.brokers = endpoints, .broker_count = 2};
    assert_int_equal(muster_client_new(&options, &client, NULL, 0), 0);
    submit_many(5000);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, NULL), 0);
    assert_int_equal(brokers[2].jobs, 5000);
    assert_int_equal(brokers[0].jobs, 0);
    assert_int_equal(muster_client_ready(client, 0, &info), 0);
    assert_int_equal(info.shard, 255);
    muster_reply_t *reply;
    uint64_t id = 256 + 1; /* may be at the one that is silent: nobody else is asked */
    assert_int_equal(muster_get(client, &id, 1, 50, &reply), MUSTER_ENOBROKER);
    assert_null(reply);
    id = 256 + 255;
    assert_int_equal(muster_get(client, &id, 1, PATIENCE_MS, &reply), 0);
    muster_reply_destroy(&reply);
    /* Orders go to everybody, or fail. */
    assert_int_equal(muster_pause(client, "q", true, 50, &reply), MUSTER_ENOBROKER);
}

/* The id in entry `index` of the body; 0 for nil. */
static uint64_t entry_id(const muster_reply_t *reply, uint32_t index, uint32_t *ret_count)
{
    size_t bytes;
    const void *body = muster_reply_body(reply, &bytes);
    struct wire_reader r = {slice_of(body, bytes)};
    struct wire_token t;
    struct slice skipped;
    char text[JOB_ID_TEXT_BYTES] = "";
    uint64_t id = 0;
    assert_int_equal(wire_value_check(r.left), 0);
    assert_int_equal(wire_read(&r, &t), 0);
    *ret_count = t.count;
    for (uint32_t i = 0; i < index; i++)
        assert_int_equal(wire_skip(&r, &skipped), 0);
    if (index >= t.count || wire_read(&r, &t) || t.kind == WIRE_NIL)
        return 0;
    assert_int_equal(wire_skip(&r, &skipped), 0);
    assert_int_equal(wire_read(&r, &t), 0);
    memcpy(text, t.bytes.data, t.bytes.len);
    assert_int_equal(job_id_parse(text, &id), 0);
    return id;
}

static void test_ids_are_answered_by_their_brokers_in_order(void **state)
{
    muster_reply_t *reply;
    uint32_t count;
    (void)state;
    assert_true(connected(BROKERS));
    submit_many(30000);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, NULL), 0);
    uint64_t ids[] = {5 * 256 + 255, 5 * 256 + 1, 2 * 256 + 2,  9 * 256 + 9, /* a shard of nobody */
                      7 * 256 + 1,   UINT64_MAX,  3 * 256 + 255};
    uint64_t wanted[] = {ids[0], ids[1], ids[2], 0, ids[4], 0, ids[6]};
    assert_int_equal(muster_get(client, ids, 7, PATIENCE_MS, &reply), 0);
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(entry_id(reply, i, &count), wanted[i]);
    assert_int_equal(count, 7);
    muster_reply_destroy(&reply);
}

static void test_lists_are_one_list(void **state)
{
    struct muster_filter filter = {.limit = 70};
    muster_reply_t *reply;
    uint64_t last = 0;
    uint32_t count, seen = 0;
    bool more = true;
    (void)state;
    assert_true(connected(BROKERS));
    submit_many(2000);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, NULL), 0);
    while (more) {
        assert_int_equal(muster_list(client, &filter, PATIENCE_MS, &reply), 0);
        (void)entry_id(reply, 0, &count);
        assert_in_range(count, 1, 70);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t id = entry_id(reply, i, &count);
            assert_true(id > last);
            last = id;
            seen++;
        }
        more = muster_reply_more(reply, &filter.after);
        muster_reply_destroy(&reply);
    }
    assert_int_equal(seen, 2000);
}

static void test_two_ways_to_a_shard_are_one_shard(void **state)
{
    muster_reply_t *reply;
    uint32_t count;
    struct fake_broker standby;
    (void)state;
    muster_client_destroy(&client);
    fake_broker_start_shard(&standby, 2);
    const char *endpoints[] = {standby.endpoint, brokers[1].endpoint};
    struct muster_client_options options = {.brokers = endpoints, .broker_count = 2};
    assert_int_equal(muster_client_new(&options, &client, NULL, 0), 0);
    assert_true(connected(2));
    submit_many(10000);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, NULL), 0);
    assert_int_equal(standby.jobs + brokers[1].jobs, 10000);
    uint64_t id = 256 + 2;
    assert_int_equal(muster_get(client, &id, 1, PATIENCE_MS, &reply), 0);
    assert_int_equal(entry_id(reply, 0, &count), id);
    muster_reply_destroy(&reply);
    assert_int_equal(muster_client_destroy(&client), 0);
    fake_broker_stop(&standby);
}

static void test_wrong_brokers_are_refused(void **state)
{
    static const char *const wrong[] = {"tcp://127.0.0.1:1,", ",tcp://127.0.0.1:1", "nonsense"};
    static char many[256 * 20 + 1];
    muster_client_t *c;
    char why[128];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct muster_client_options options = {.brokers = &wrong[i], .broker_count = 1};
        assert_int_equal(muster_client_new(&options, &c, why, sizeof why), MUSTER_EINVAL);
        assert_null(c);
        assert_int_equal(strncmp(why, "not an endpoint", 15), 0);
    }
    memset(many, ',', sizeof many - 1);
    const char *list = many;
    struct muster_client_options options = {.brokers = &list, .broker_count = 1};
    assert_int_equal(muster_client_new(&options, &c, why, sizeof why), MUSTER_EINVAL);
    options.broker_count = SIZE_MAX;
    assert_int_equal(muster_client_new(&options, &c, why, sizeof why), MUSTER_EINVAL);
    list = NULL;
    options.broker_count = 1;
    assert_int_equal(muster_client_new(&options, &c, why, sizeof why), MUSTER_EINVAL);
    options.brokers = NULL;
    assert_int_equal(muster_client_new(&options, &c, why, sizeof why), MUSTER_EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_jobs_are_spread_and_each_is_at_one_broker),
        TEST(test_single_jobs_take_turns),
        TEST(test_who_is_away_gets_nothing_new_and_loses_nothing),
        TEST(test_one_that_never_answers_stops_nobody),
        TEST(test_ids_are_answered_by_their_brokers_in_order),
        TEST(test_lists_are_one_list),
        TEST(test_two_ways_to_a_shard_are_one_shard),
        TEST(test_wrong_brokers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
