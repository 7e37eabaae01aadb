/* The real library, threads and sockets included, against a broker of a few lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_broker.h"
#include "muster/client.h"

#define PATIENCE_MS 20000

static struct fake_broker broker;
static muster_client_t *client;
static atomic_int acked, failed, ended;
static uint64_t first_id, last_id;

static int setup(void **state)
{
    (void)state;
    acked = failed = ended = 0;
    first_id = last_id = 0;
    fake_broker_start(&broker);
    const char *endpoint = broker.endpoint;
    struct muster_client_options options = {
        .brokers = &endpoint, .broker_count = 1, .name = "test"};
    return muster_client_new(&options, &client, NULL, 0);
}

static int teardown(void **state)
{
    (void)state;
    muster_client_destroy(&client);
    fake_broker_stop(&broker);
    return 0;
}

static void count_ack(void *user, const struct muster_ack *ack)
{
    (void)user;
    if (ack->error) {
        failed++;
        return;
    }
    if (!first_id)
        first_id = ack->id;
    last_id = ack->id;
    acked++;
}

static void count_end(void *user, const struct muster_end *end)
{
    (void)user;
    assert_string_equal(end->state, "completed");
    ended++;
}

static void submit_many(int count)
{
    struct muster_job job = MUSTER_JOB("k");
    job.on_ack = count_ack;
    for (int i = 0; i < count; i++)
        assert_int_equal(muster_submit(client, &job), 0);
}

/* Waits until the counter has that value; false when it takes too long. */
static bool reaches(atomic_int *counter, int value)
{
    struct timespec tick = {0, 1000000};
    for (int i = 0; i < PATIENCE_MS && *counter < value; i++)
        nanosleep(&tick, NULL);
    return *counter == value;
}

static void test_submits_and_learns_the_ids(void **state)
{
    (void)state;
    submit_many(100000);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, NULL), 0);
    assert_int_equal(acked, 100000);
    assert_int_equal(broker.jobs, 100000);
    assert_int_equal(last_id - first_id, 99999 * 256);
    assert_in_range(broker.submits, 100000 / 512, 100000 / 10); /* slower threads: smaller ones */
    muster_client_destroy(&client);
    assert_true(reaches(&broker.goodbyes, 1));
}

static void test_one_job_waits_for_nobody(void **state)
{
    (void)state;
    struct muster_job job = MUSTER_JOB("k");
    struct muster_ack ack;
    char text[64];
    for (uint64_t i = 1; i <= 100; i++) {
        assert_int_equal(muster_submit_wait(client, &job, PATIENCE_MS, &ack, text, sizeof text), 0);
        assert_int_equal(ack.id, i * 256);
    }
    assert_int_equal(broker.submits, 100);
}

static void test_nothing_is_lost_or_doubled_when_the_route_is_forgotten(void **state)
{
    (void)state;
    for (int round = 1; round <= 20; round++) {
        submit_many(2000);
        broker.lose = 2;
        broker.unknown = 1;
        submit_many(2000);
        assert_int_equal(muster_client_flush(client, PATIENCE_MS, NULL), 0);
        assert_int_equal(acked, round * 4000);
        assert_int_equal(broker.jobs, round * 4000);
    }
    assert_true(broker.hellos > 1);
    assert_true(broker.resent > 0);
    assert_int_equal(failed, 0);
}

static void test_busy_is_tried_again(void **state)
{
    (void)state;
    broker.busy = 5;
    submit_many(5000);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, NULL), 0);
    assert_int_equal(acked, 5000);
    assert_int_equal(broker.jobs, 5000);
}

static void test_end_is_told_also_before_the_acknowledgement(void **state)
{
    (void)state;
    struct muster_job job = MUSTER_JOB("k");
    job.on_ack = count_ack;
    job.on_end = count_end;
    broker.end_jobs = true;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(muster_submit(client, &job), 0);
    assert_true(reaches(&ended, 1000));
    assert_int_equal(acked, 1000);
    (void)reaches(&broker.done_acks, 1); /* it leaves after the callback */
    assert_true(broker.done_acks > 0);
}

/* No broker of ours does that; it must not cost memory, which a sanitizer sees. */
static void test_one_id_for_many_jobs(void **state)
{
    (void)state;
    struct muster_job job = MUSTER_JOB("k");
    job.on_ack = count_ack;
    job.on_end = count_end;
    broker.one_id = true;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(muster_submit(client, &job), 0);
    assert_true(reaches(&acked, 1000));
    assert_int_equal(ended, 0);
}

static void test_full_window_blocks_or_says_so(void **state)
{
    (void)state;
    broker.mute = true;
    struct muster_job job = MUSTER_JOB("k");
    job.nonblocking = true;
    assert_int_equal(muster_submit(client, &job), MUSTER_EFULL); /* no broker has spoken */
    broker.mute = false;
    assert_int_equal(muster_client_ready(client, PATIENCE_MS, NULL), 0);
    broker.mute = true;
    int taken = 0;
    while (muster_submit(client, &job) == 0)
        taken++;
    assert_in_range(taken, 4 * 512, 80 * 512);
    struct muster_client_status status;
    assert_int_equal(muster_client_status(client, &status), 0);
    assert_int_equal(status.pending, taken);
}

static void test_request_is_answered(void **state)
{
    (void)state;
    uint64_t id = 5;
    muster_reply_t *reply;
    assert_int_equal(muster_get(client, &id, 1, PATIENCE_MS, &reply), 0);
    size_t bytes;
    const uint8_t *body = muster_reply_body(reply, &bytes);
    assert_int_equal(bytes, 2);
    assert_int_equal(body[0], 0x91);
    muster_reply_destroy(&reply);
    assert_null(reply);
}

static void test_wait_is_renewed_until_the_job_has_ended(void **state)
{
    (void)state;
    uint64_t id = 5;
    muster_reply_t *reply;
    broker.waits = 3;
    assert_int_equal(muster_wait(client, &id, 1, PATIENCE_MS, &reply), 0);
    assert_int_equal(broker.waits, 0);
    muster_reply_destroy(&reply);
    broker.waits = 1000000;
    assert_int_equal(muster_wait(client, &id, 1, 20, &reply), MUSTER_ETIMEOUT);
    assert_non_null(reply); /* how it stood last */
    muster_reply_destroy(&reply);
}

static void test_times_out_and_names_the_reason(void **state)
{
    (void)state;
    muster_reply_t *reply;
    assert_int_equal(muster_client_ready(client, PATIENCE_MS, NULL), 0);
    /* The fake broker does not know QUEUES. */
    assert_int_equal(muster_queues(client, 50, &reply), MUSTER_ETIMEOUT);
    assert_null(reply);
    broker.busy = 1000000;
    struct muster_job job = MUSTER_JOB("k");
    struct muster_ack ack;
    char text[64];
    assert_int_equal(muster_submit_wait(client, &job, 50, &ack, text, sizeof text), MUSTER_EBUSY);
}

static void test_no_broker(void **state)
{
    (void)state;
    muster_client_t *lonely;
    const char *endpoint = "ipc:///nonexistent/muster";
    struct muster_client_options options = {.brokers = &endpoint, .broker_count = 1};
    char why[128];
    assert_int_equal(muster_client_new(&options, &lonely, why, sizeof why), 0);
    assert_int_equal(muster_client_ready(lonely, 50, NULL), MUSTER_ENOBROKER);
    muster_reply_t *reply;
    assert_int_equal(muster_queues(lonely, 50, &reply), MUSTER_ENOBROKER);
    struct muster_job job = MUSTER_JOB("k");
    struct muster_ack ack;
    char text[64];
    assert_int_equal(muster_submit_wait(lonely, &job, 50, &ack, text, sizeof text),
                     MUSTER_ENOBROKER);
    assert_string_equal(text, "no broker answers");
    muster_client_destroy(&lonely);
    endpoint = "nonsense";
    assert_int_equal(muster_client_new(&options, &lonely, why, sizeof why), MUSTER_EINVAL);
    assert_string_equal(why, "not an endpoint (tcp://host:port or ipc://path): \"nonsense\"");
}

static void test_wrong_jobs_are_refused_at_once(void **state)
{
    (void)state;
    assert_int_equal(muster_client_ready(client, PATIENCE_MS, NULL), 0);
    struct muster_job job = MUSTER_JOB("not a name");
    assert_int_equal(muster_submit(client, &job), MUSTER_EINVAL);
    job.kind = "k";
    job.args = "\x92\x01"; /* an array of two with one entry */
    job.args_bytes = 2;
    assert_int_equal(muster_submit(client, &job), MUSTER_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_submits_and_learns_the_ids),
        TEST(test_one_job_waits_for_nobody),
        TEST(test_nothing_is_lost_or_doubled_when_the_route_is_forgotten),
        TEST(test_busy_is_tried_again),
        TEST(test_end_is_told_also_before_the_acknowledgement),
        TEST(test_one_id_for_many_jobs),
        TEST(test_full_window_blocks_or_says_so),
        TEST(test_request_is_answered),
        TEST(test_wait_is_renewed_until_the_job_has_ended),
        TEST(test_times_out_and_names_the_reason),
        TEST(test_no_broker),
        TEST(test_wrong_jobs_are_refused_at_once),
    };
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
