/* Whatever a program does with a handle that it should not: an error code, no crash, no hang. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_broker.h"
#include "muster/client.h"
#include "muster/worker.h"

#define PATIENCE_MS 20000

static struct fake_broker broker;
static muster_client_t *client;
static atomic_int told;

static int setup(void **state)
{
    (void)state;
    told = 0;
    fake_broker_start(&broker);
    const char *endpoint = broker.endpoint;
    struct muster_client_options options = {.brokers = &endpoint, .broker_count = 1};
    return muster_client_new(&options, &client, NULL, 0);
}

static int teardown(void **state)
{
    (void)state;
    muster_client_destroy(&client);
    fake_broker_stop(&broker);
    return 0;
}

/* Every function of a handle says the same of one that is not to be used. */
static void check_all(muster_client_t *c, int wanted)
{
    struct muster_job job = MUSTER_JOB("k");
    struct muster_client_status status;
    muster_reply_t *reply;
    uint64_t id = 256;
    assert_int_equal(muster_submit(c, &job), wanted);
    assert_int_equal(muster_submit_wait(c, &job, MUSTER_FOREVER, NULL, NULL, 0), wanted);
    assert_int_equal(muster_client_ready(c, MUSTER_FOREVER, NULL), wanted);
    assert_int_equal(muster_client_flush(c, MUSTER_FOREVER, NULL), wanted);
    assert_int_equal(muster_client_await_room(c, MUSTER_FOREVER), wanted);
    assert_int_equal(muster_client_status(c, &status), wanted);
    assert_int_equal(muster_client_fd(c), wanted);
    assert_int_equal(muster_client_process(c), wanted);
    assert_int_equal(muster_get(c, &id, 1, MUSTER_FOREVER, &reply), wanted);
    assert_int_equal(muster_wait(c, &id, 1, MUSTER_FOREVER, &reply), wanted);
    assert_int_equal(muster_cancel(c, &id, 1, MUSTER_FOREVER, &reply), wanted);
    assert_int_equal(muster_cancel_all(c, NULL, NULL, MUSTER_FOREVER, &reply), wanted);
    assert_int_equal(muster_list(c, NULL, MUSTER_FOREVER, &reply), wanted);
    assert_int_equal(muster_parked(c, MUSTER_PARKED_RETRY, &id, 1, MUSTER_FOREVER, &reply), wanted);
    assert_int_equal(muster_parked_all(c, MUSTER_PARKED_RETRY, NULL, MUSTER_FOREVER, &reply),
                     wanted);
    assert_int_equal(muster_pause(c, "q", true, MUSTER_FOREVER, &reply), wanted);
    assert_int_equal(muster_queues(c, MUSTER_FOREVER, &reply), wanted);
    assert_int_equal(muster_workers(c, MUSTER_FOREVER, &reply), wanted);
    assert_int_equal(muster_stats(c, MUSTER_FOREVER, &reply), wanted);
    assert_int_equal(muster_snapshot(c, MUSTER_FOREVER, &reply), wanted);
    assert_null(reply);
}

static void test_a_handle_that_is_none(void **state)
{
    struct muster_job job = MUSTER_JOB("k");
    muster_worker_t *worker;
    (void)state;
    check_all(NULL, MUSTER_EINVAL);
    check_all((muster_client_t *)&job, MUSTER_EINVAL);
    assert_int_equal(muster_worker_new(NULL, &worker, NULL, 0), 0);
    check_all((muster_client_t *)worker, MUSTER_EINVAL);
    assert_int_equal(muster_worker_destroy(&worker), 0);
    assert_int_equal(muster_client_destroy(NULL), 0);
    muster_client_t *none = NULL;
    assert_int_equal(muster_client_destroy(&none), 0);
}

static void test_a_destroyed_handle_stays_destroyed(void **state)
{
    muster_client_t *old = client, *again = client;
    const char *endpoint = broker.endpoint;
    struct muster_client_options options = {.brokers = &endpoint, .broker_count = 1};
    (void)state;
    assert_int_equal(muster_client_destroy(&client), 0);
    assert_null(client);
    check_all(old, MUSTER_ECLOSED);
    assert_int_equal(muster_client_destroy(&again), MUSTER_ECLOSED);
    assert_null(again);
    for (int i = 0; i < 20; i++) { /* whoever gets the place after it */
        assert_int_equal(muster_client_new(&options, &client, NULL, 0), 0);
        assert_ptr_not_equal(client, old);
        assert_int_equal(muster_client_flush(old, MUSTER_FOREVER, NULL), MUSTER_ECLOSED);
        assert_int_equal(muster_client_destroy(&client), 0);
    }
}

/* ---- destroy while others wait ---- */

struct waiter {
    pthread_t thread;
    muster_client_t *client;
    int which, error;
};

static void *wait_for_ever(void *arg)
{
    struct waiter *w = arg;
    struct muster_job job = MUSTER_JOB("k");
    muster_reply_t *reply = NULL;
    uint64_t id = 256;
    if (w->which == 0)
        w->error = muster_wait(w->client, &id, 1, MUSTER_FOREVER, &reply);
    else if (w->which == 1)
        w->error = muster_client_ready(w->client, MUSTER_FOREVER, NULL);
    else if (w->which == 2)
        w->error = muster_submit(w->client, &job);
    else if (w->which == 3)
        w->error = muster_submit_wait(w->client, &job, MUSTER_FOREVER, NULL, NULL, 0);
    else if (w->which == 4)
        w->error = muster_client_await_room(w->client, MUSTER_FOREVER);
    else
        w->error = muster_queues(w->client, MUSTER_FOREVER, &reply);
    muster_reply_destroy(&reply);
    return NULL;
}

static void test_destroy_ends_the_calls_of_others(void **state)
{
    enum { WAITERS = 6 };
    struct waiter waiters[WAITERS];
    struct timespec tick = {0, 20000000};
    (void)state;
    muster_client_destroy(&client);
    broker.mute = true;
    const char *endpoint = broker.endpoint;
    struct muster_client_options options = {.brokers = &endpoint, .broker_count = 1};
    for (int round = 0; round < 10; round++) {
        assert_int_equal(muster_client_new(&options, &client, NULL, 0), 0);
        for (int i = 0; i < WAITERS; i++) {
            waiters[i] = (struct waiter){.client = client, .which = i, .error = 1};
            assert_int_equal(pthread_create(&waiters[i].thread, NULL, wait_for_ever, &waiters[i]),
                             0);
        }
        if (round)
            nanosleep(&tick, NULL); /* once before they wait, perhaps; then while they do */
        assert_int_equal(muster_client_destroy(&client), 0);
        for (int i = 0; i < WAITERS; i++) {
            (void)pthread_join(waiters[i].thread, NULL);
            assert_int_equal(waiters[i].error, MUSTER_ECLOSED);
        }
    }
}

/* ---- in callbacks ---- */

static atomic_int wrong;

static void expect(int error, int wanted)
{
    if (error != wanted)
        wrong++;
}

static void misuse_in_callback(void *user, const struct muster_ack *ack)
{
    struct muster_job job = MUSTER_JOB("k");
    muster_client_t *copy = client;
    muster_reply_t *reply;
    uint64_t id = 256;
    (void)user;
    (void)ack;
    expect(muster_client_destroy(&copy), MUSTER_ESTATE);
    expect(copy == client, true);
    expect(muster_client_flush(client, MUSTER_FOREVER, NULL), MUSTER_ESTATE);
    expect(muster_client_ready(client, MUSTER_FOREVER, NULL), MUSTER_ESTATE);
    expect(muster_client_await_room(client, MUSTER_FOREVER), MUSTER_ESTATE);
    expect(muster_submit_wait(client, &job, MUSTER_FOREVER, NULL, NULL, 0), MUSTER_ESTATE);
    expect(muster_get(client, &id, 1, MUSTER_FOREVER, &reply), MUSTER_ESTATE);
    expect(muster_wait(client, &id, 1, MUSTER_FOREVER, &reply), MUSTER_ESTATE);
    expect(muster_list(client, NULL, MUSTER_FOREVER, &reply), MUSTER_ESTATE);
    expect(muster_stats(client, MUSTER_FOREVER, &reply), MUSTER_ESTATE);
    expect(muster_submit(client, &job), 0); /* that it may */
    told++;
}

static void test_waiting_in_a_callback_is_refused(void **state)
{
    struct muster_job job = MUSTER_JOB("k");
    (void)state;
    wrong = 0;
    job.on_ack = misuse_in_callback;
    assert_int_equal(muster_submit(client, &job), 0);
    struct timespec tick = {0, 1000000};
    for (int i = 0; i < PATIENCE_MS && !told; i++)
        nanosleep(&tick, NULL);
    assert_int_equal(told, 1);
    assert_int_equal(wrong, 0);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, NULL), 0);
    assert_int_equal(broker.jobs, 2);
}

/* ---- values ---- */

static void test_values_that_are_none(void **state)
{
    static char long_name[300];
    struct muster_job job = MUSTER_JOB("k");
    struct muster_client_status status;
    muster_reply_t *reply;
    uint64_t ids[2] = {256, 512}, left;
    char id[MUSTER_ID_TEXT_BYTES];
    (void)state;
    memset(long_name, 'a', sizeof long_name - 1);
    assert_int_equal(muster_client_ready(client, PATIENCE_MS, NULL), 0);
    assert_int_equal(muster_submit(client, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_submit_wait(client, NULL, 0, NULL, NULL, 0), MUSTER_EINVAL);
    job.kind = NULL;
    assert_int_equal(muster_submit(client, &job), MUSTER_EINVAL);
    job.kind = long_name;
    assert_int_equal(muster_submit(client, &job), MUSTER_EINVAL);
    job = (struct muster_job)MUSTER_JOB("k");
    job.args_bytes = 5;
    assert_int_equal(muster_submit(client, &job), MUSTER_EINVAL);
    job.args = "\xc0";
    job.args_bytes = SIZE_MAX;
    assert_int_equal(muster_submit(client, &job), MUSTER_ETOOBIG);
    job.args_bytes = 0;
    assert_int_equal(muster_submit(client, &job), MUSTER_EINVAL);
    job.args = NULL;
    job.meta_bytes = 1;
    assert_int_equal(muster_submit(client, &job), MUSTER_EINVAL);
    job.meta = "x";
    job.meta_bytes = SIZE_MAX;
    assert_int_equal(muster_submit(client, &job), MUSTER_ETOOBIG);
    assert_int_equal(muster_client_status(client, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_get(client, ids, 2, 0, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_get(client, NULL, 2, 0, &reply), MUSTER_EINVAL);
    assert_int_equal(muster_get(client, ids, 0, 0, &reply), MUSTER_EINVAL);
    assert_int_equal(muster_get(client, ids, SIZE_MAX, 0, &reply), MUSTER_EINVAL);
    assert_int_equal(muster_wait(client, ids, 2, 0, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_queues(client, 0, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_id_parse(NULL, ids), MUSTER_EINVAL);
    assert_int_equal(muster_id_parse("0000000000080", NULL), MUSTER_EINVAL);
    muster_id_format(256, NULL);
    muster_id_format(256, id);
    assert_string_equal(id, "0000000000080");
    assert_int_equal(muster_client_new(NULL, NULL, NULL, 5), MUSTER_EINVAL);
    assert_int_equal(muster_client_flush(client, PATIENCE_MS, &left), 0);
    assert_int_equal(muster_client_status(client, &status), 0);
    assert_int_equal(status.pending, 0);
}

static void test_a_reply_that_is_none(void **state)
{
    uint64_t a = 1, b = 1;
    size_t bytes = 1;
    (void)state;
    assert_null(muster_reply_body(NULL, &bytes));
    assert_int_equal(bytes, 0);
    assert_null(muster_reply_body(NULL, NULL));
    assert_string_equal(muster_reply_code(NULL), "");
    assert_string_equal(muster_reply_text(NULL), "");
    assert_false(muster_reply_more(NULL, &a));
    assert_int_equal(a, 0);
    muster_reply_turn(NULL, &a, &b);
    assert_int_equal(b, 0);
    muster_reply_turn(NULL, NULL, NULL);
    muster_reply_destroy(NULL);
}

/* ---- fork ---- */

static void test_a_child_has_no_handle_of_its_parents(void **state)
{
    int status;
    (void)state;
    assert_int_equal(muster_client_ready(client, PATIENCE_MS, NULL), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct muster_job job = MUSTER_JOB("k");
        muster_client_t *copy = client, *own;
        const char *endpoint = broker.endpoint;
        struct muster_client_options options = {.brokers = &endpoint, .broker_count = 1};
        bool good = muster_submit(client, &job) == MUSTER_ESTATE &&
                    muster_client_flush(client, MUSTER_FOREVER, NULL) == MUSTER_ESTATE &&
                    muster_client_destroy(&copy) == MUSTER_ESTATE;
#ifndef __SANITIZE_THREAD__ /* which has no threads in a child */
        good = good && muster_client_new(&options, &own, NULL, 0) == 0 &&
               muster_client_ready(own, PATIENCE_MS, NULL) == 0 && muster_client_destroy(&own) == 0;
#else
        (void)own;
        (void)options;
#endif
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct muster_job job = MUSTER_JOB("k");
    assert_int_equal(muster_submit_wait(client, &job, PATIENCE_MS, NULL, NULL, 0), 0);
    assert_int_equal(broker.jobs, 1);
}

static void never(muster_run_t *run, void *user)
{
    (void)run;
    (void)user;
}

/* One of each with so many descriptors left; whether all went well. */
static bool with_descriptors(int left)
{
    const char *endpoint = "tcp://127.0.0.1:1";
    struct muster_client_options options = {.brokers = &endpoint, .broker_count = 1};
    struct muster_worker_options others = {.brokers = &endpoint, .broker_count = 1};
    struct rlimit before, few;
    muster_client_t *one;
    muster_worker_t *other;
    int next = dup(0), error, ran = MUSTER_EIO;
    assert_true(next >= 0);
    (void)close(next); /* the lowest that is free: all below are taken */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)(next + left);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    error = muster_client_new(&options, &one, NULL, 0);
    assert_int_equal(muster_client_destroy(&one), 0);
    if (muster_worker_new(&others, &other, NULL, 0) == 0) {
        assert_int_equal(muster_worker_handle(other, "k", never, NULL), 0);
        assert_int_equal(muster_worker_drain(other), 0);
        ran = muster_worker_run(other);
        assert_int_equal(muster_worker_destroy(&other), 0);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(error == 0 || error == MUSTER_EIO);
    assert_true(ran == 0 || ran == MUSTER_EIO);
    return !error && !ran;
}

static void test_without_descriptors(void **state)
{
    int left = 0;
    (void)state;
    while (!with_descriptors(left))
        assert_true(++left < 64);
    assert_true(left > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_handle_that_is_none),
        TEST(test_a_destroyed_handle_stays_destroyed),
        TEST(test_destroy_ends_the_calls_of_others),
        TEST(test_waiting_in_a_callback_is_refused),
        TEST(test_values_that_are_none),
        TEST(test_a_reply_that_is_none),
        TEST(test_a_child_has_no_handle_of_its_parents),
        TEST(test_without_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
