/* test_store_thread.c: batches go round in order and gather into groups; failures stop everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

#include "run/store_thread.h"

/* The store of this test: it waits until it may go on, and fails when told to. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int allowed, entered, verdict;
static size_t groups[16];

int store_commit(struct store *s, struct batch **batches, size_t count, char *why, size_t why_size)
{
    (void)s;
    (void)batches;
    pthread_mutex_lock(&lock);
    groups[entered++] = count;
    pthread_cond_broadcast(&changed);
    while (allowed < entered)
        pthread_cond_wait(&changed, &lock);
    int error = verdict;
    pthread_mutex_unlock(&lock);
    if (error)
        snprintf(why, why_size, "the disk is gone");
    return error;
}

static void allow(int commits)
{
    pthread_mutex_lock(&lock);
    allowed = commits;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_entered(int commits)
{
    pthread_mutex_lock(&lock);
    while (entered < commits)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static struct store_thread *thread;

static int set_up(void **state)
{
    (void)state;
    allowed = entered = verdict = 0;
    return store_thread_start(&thread, NULL);
}

/* Batches are ours all the time, as they are the core's. */
static struct batch *batches[16];

static void give(uint64_t number)
{
    if (!batches[number])
        batches[number] = batch_new();
    batches[number]->number = number;
    store_thread_give(thread, batches[number]);
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        if (batches[i])
            batch_free(batches[i]);
        batches[i] = NULL;
    }
    return 0;
}

static void wait_readable(void)
{
    struct pollfd fd = {.fd = store_thread_fd(thread), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 5000), 1);
}

/* Takes batches back until `last` has come; they come in order. */
static void take_until(uint64_t first, uint64_t last)
{
    while (first <= last) {
        wait_readable();
        struct batch *b = store_thread_take(thread);
        while (b) {
            struct batch *next = b->next;
            assert_int_equal(b->number, first++);
            b = next;
        }
    }
}

static void batches_that_gather_are_one_commit(void **state)
{
    (void)state;
    give(1);
    wait_entered(1);
    for (uint64_t i = 2; i <= 6; i++)
        give(i);
    assert_int_equal(store_thread_in_flight(thread), 6);
    assert_null(store_thread_take(thread));
    allow(100);
    take_until(1, 6);
    assert_int_equal(groups[0], 1);
    assert_int_equal(groups[1], 5);
    assert_int_equal(store_thread_in_flight(thread), 0);
    assert_int_equal(store_thread_stop(&thread), 0);
    assert_null(thread);
}

static void stopping_commits_what_was_given(void **state)
{
    (void)state;
    give(1);
    wait_entered(1);
    give(2);
    allow(100);
    assert_int_equal(store_thread_stop(&thread), 0);
    assert_int_equal(entered, 2);
}

static void after_a_failure_nothing_comes_back(void **state)
{
    (void)state;
    char why[64] = "";
    give(1);
    wait_entered(1);
    verdict = MUSTER_EIO;
    allow(1);
    wait_readable();
    assert_null(store_thread_take(thread));
    assert_int_equal(store_thread_error(thread, why, sizeof why), MUSTER_EIO);
    assert_string_equal(why, "the disk is gone");
    give(2);
    assert_int_equal(store_thread_stop(&thread), MUSTER_EIO);
    assert_int_equal(entered, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(batches_that_gather_are_one_commit),
        TEST(stopping_commits_what_was_given),
        TEST(after_a_failure_nothing_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
