/* Callbacks in the caller's own loop: there and nowhere else, an acknowledgement before the end,
 * and bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

#include "fake_broker.h"
#include "muster/client.h"

#define PATIENCE_MS 20000

static struct fake_broker broker;
static muster_client_t *client;
static pthread_t here;
static int acked, failed, ended, elsewhere, inner;

static int setup(void **state)
{
    (void)state;
    acked = failed = ended = elsewhere = 0;
    here = pthread_self();
    fake_broker_start(&broker);
    const char *endpoint = broker.endpoint;
    struct muster_client_options options = {
        .brokers = &endpoint, .broker_count = 1, .own_loop = true};
    return muster_client_new(&options, &client, NULL, 0);
}

static int teardown(void **state)
{
    (void)state;
    muster_client_destroy(&client);
    fake_broker_stop(&broker);
    return 0;
}

static void on_ack(void *user, const struct muster_ack *ack)
{
    (void)user;
    elsewhere += !pthread_equal(here, pthread_self());
    if (ack->error)
        failed++;
    else
        acked++;
}

static void on_end(void *user, const struct muster_end *end)
{
    (void)user;
    (void)end;
    elsewhere += !pthread_equal(here, pthread_self());
    ended++;
    assert_true(ended <= acked);
}

static bool readable(int timeout_ms)
{
    struct pollfd p = {muster_client_fd(client), POLLIN, 0};
    return poll(&p, 1, timeout_ms) == 1;
}

/* Submits all, in the way that a loop does. */
static void run_loop(int count, struct muster_job *job, int *done)
{
    int left = count;
    while (left || *done < count) {
        int error = 0;
        while (left && !(error = muster_submit(client, job)))
            left--;
        assert_true(!error || error == MUSTER_EFULL);
        assert_true(readable(PATIENCE_MS));
        assert_true(muster_client_process(client) >= 0);
    }
}

static void test_callbacks_run_in_process(void **state)
{
    struct muster_job job = MUSTER_JOB("k");
    (void)state;
    job.on_ack = on_ack;
    run_loop(100000, &job, &acked);
    assert_int_equal(acked, 100000);
    assert_int_equal(broker.jobs, 100000);
    assert_int_equal(elsewhere, 0);
    assert_int_equal(muster_client_process(client), 0);
}

static void test_ends_come_behind_acknowledgements(void **state)
{
    struct muster_job job = MUSTER_JOB("k");
    (void)state;
    job.on_ack = on_ack;
    job.on_end = on_end;
    broker.end_jobs = true;
    run_loop(5000, &job, &ended);
    assert_int_equal(ended, 5000);
    assert_int_equal(acked, 5000);
    assert_int_equal(elsewhere, 0);
}

static void test_what_is_not_processed_is_bounded(void **state)
{
    struct muster_job job = MUSTER_JOB("k");
    uint64_t left;
    int count = 0;
    (void)state;
    job.on_ack = on_ack;
    assert_int_equal(muster_client_ready(client, PATIENCE_MS, NULL), 0);
    for (;;) { /* until there is no room whatever the broker acknowledges */
        int error = muster_submit(client, &job);
        if (error == MUSTER_EFULL && muster_client_await_room(client, PATIENCE_MS))
            break;
        count += !error;
        assert_true(count < 512 * 200);
    }
    assert_int_equal(acked, 0);
    assert_int_equal(muster_client_await_room(client, PATIENCE_MS), MUSTER_EFULL);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, &left), MUSTER_EFULL);
    assert_true(left > 0);
    assert_int_equal(muster_submit_wait(client, &job, PATIENCE_MS, NULL, NULL, 0), MUSTER_EFULL);
    while (acked < count) {
        assert_true(readable(PATIENCE_MS));
        assert_true(muster_client_process(client) >= 0);
    }
    assert_int_equal(acked, count);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, &left), 0);
}

static void test_a_waiting_submit_needs_no_process(void **state)
{
    struct muster_job job = MUSTER_JOB("k");
    struct muster_ack ack;
    (void)state;
    assert_int_equal(muster_submit_wait(client, &job, PATIENCE_MS, &ack, NULL, 0), 0);
    assert_int_equal(ack.id, 256);
    for (int i = 0; i < 200; i++) /* however many: they leave nothing to be processed */
        assert_int_equal(muster_submit_wait(client, &job, 2000, &ack, NULL, 0), 0);
    assert_int_equal(muster_client_process(client), 0);
}

static void call_back_in(void *user, const struct muster_ack *ack)
{
    struct muster_job job = MUSTER_JOB("k");
    muster_client_t *copy = client;
    muster_reply_t *reply;
    uint64_t id = 256;
    (void)user;
    (void)ack;
    job.on_ack = on_ack;
    inner = muster_client_process(client) == MUSTER_ESTATE &&
            muster_client_destroy(&copy) == MUSTER_ESTATE && copy == client &&
            muster_submit(client, &job) == 0 &&
            muster_get(client, &id, 1, PATIENCE_MS, &reply) == 0; /* it may wait: no deadlock */
    muster_reply_destroy(&reply);
}

static void test_callbacks_may_call(void **state)
{
    struct muster_job job = MUSTER_JOB("k");
    (void)state;
    inner = 0;
    job.on_ack = call_back_in;
    assert_int_equal(muster_client_ready(client, PATIENCE_MS, NULL), 0);
    assert_int_equal(muster_submit(client, &job), 0);
    assert_true(readable(PATIENCE_MS));
    assert_int_equal(muster_client_process(client), 1);
    assert_int_equal(inner, 1);
    while (acked < 1 && readable(PATIENCE_MS))
        assert_true(muster_client_process(client) >= 0);
    assert_int_equal(acked, 1);
}

static void *process_elsewhere(void *ret)
{
    *(int *)ret = muster_client_process(client);
    return NULL;
}

static void process_in_another_thread(void *user, const struct muster_ack *ack)
{
    pthread_t thread;
    (void)ack;
    assert_int_equal(pthread_create(&thread, NULL, process_elsewhere, user), 0);
    (void)pthread_join(thread, NULL);
}

static void test_one_thread_at_a_time(void **state)
{
    struct muster_job job = MUSTER_JOB("k");
    int other = 0;
    (void)state;
    job.on_ack = process_in_another_thread;
    job.user = &other;
    assert_int_equal(muster_client_ready(client, PATIENCE_MS, NULL), 0);
    assert_int_equal(muster_submit(client, &job), 0);
    assert_true(readable(PATIENCE_MS));
    assert_int_equal(muster_client_process(client), 1);
    assert_int_equal(other, MUSTER_ESTATE);
}

/* What is left is told by destroy, in its thread. */
static void test_destroy_tells_the_rest(void **state)
{
    struct muster_job job = MUSTER_JOB("k");
    (void)state;
    job.on_ack = on_ack;
    assert_int_equal(muster_client_ready(client, PATIENCE_MS, NULL), 0);
    broker.mute = true;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(muster_submit(client, &job), 0);
    assert_int_equal(muster_client_destroy(&client), 0);
    assert_int_equal(failed, 1000);
    assert_int_equal(elsewhere, 0);
}

static void test_without_own_loop_there_is_none(void **state)
{
    const char *endpoint = broker.endpoint;
    struct muster_client_options options = {.brokers = &endpoint, .broker_count = 1};
    muster_client_t *plain;
    (void)state;
    assert_int_equal(muster_client_new(&options, &plain, NULL, 0), 0);
    assert_int_equal(muster_client_fd(plain), MUSTER_ESTATE);
    assert_int_equal(muster_client_process(plain), MUSTER_ESTATE);
    assert_int_equal(muster_client_destroy(&plain), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_callbacks_run_in_process),
        TEST(test_ends_come_behind_acknowledgements),
        TEST(test_what_is_not_processed_is_bounded),
        TEST(test_a_waiting_submit_needs_no_process),
        TEST(test_callbacks_may_call),
        TEST(test_one_thread_at_a_time),
        TEST(test_destroy_tells_the_rest),
        TEST(test_without_own_loop_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
