/* Whatever a program does with a worker or a run that it should not: an error code, no crash, no
 * hang. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <muster/client.h>
#include <muster/worker.h>

#include "fake_broker.h"

#define MINUTE      60000
#define PATIENCE_MS 20000

static struct fake_broker broker;
static muster_worker_t *worker;
static pthread_t thread;
static int run_result;
static atomic_int wrong, calls;
static muster_run_t *_Atomic kept;

static void expect(int64_t value, int64_t wanted)
{
    if (value != wanted)
        wrong++;
}

/* ---- handlers ---- */

static void misuses_its_worker(muster_run_t *run, void *user)
{
    muster_worker_t *copy = worker;
    (void)user;
    expect(muster_worker_destroy(&copy), MUSTER_ESTATE);
    expect(copy == worker, true);
    expect(muster_worker_run(worker), MUSTER_ESTATE);
    expect(muster_worker_handle(worker, "new", misuses_its_worker, NULL), MUSTER_ESTATE);
    expect(muster_run_complete(run, NULL, 0), 0);
    calls++;
}

static void names_two_outcomes(muster_run_t *run, void *user)
{
    (void)user;
    expect(muster_run_complete(run, NULL, 5), MUSTER_EINVAL); /* names nothing */
    expect(muster_run_complete(run, "\xc0", SIZE_MAX), MUSTER_ETOOBIG);
    expect(muster_run_park(run, NULL, NULL), 0);
    expect(muster_run_complete(run, NULL, 0), MUSTER_ESTATE);
    expect(muster_run_fail(run, "c", "m", 0), MUSTER_ESTATE);
    expect(muster_run_park(run, "c", "m"), MUSTER_ESTATE);
    expect(muster_run_discard(run), MUSTER_ESTATE);
    expect(muster_run_snooze(run, 5), MUSTER_ESTATE);
    expect(muster_run_release(run), MUSTER_ESTATE);
    expect(muster_run_set_log(run, NULL, 5), MUSTER_EINVAL);
    expect(muster_run_set_log(run, NULL, 0), 0);
    expect(muster_run_set_exit(run, 99999, NULL), 0);
    expect(muster_run_id(run, NULL) == NULL, true);
    calls++;
}

/* All that may be done with a run, where it is not this thread's. */
static void check_stale(muster_run_t *run, int wanted)
{
    char id[MUSTER_RUN_ID_BYTES], token[MUSTER_RUN_TOKEN_BYTES];
    size_t bytes = 1;
    expect(muster_run_complete(run, NULL, 0), wanted);
    expect(muster_run_fail(run, "c", "m", 0), wanted);
    expect(muster_run_park(run, "c", "m"), wanted);
    expect(muster_run_discard(run), wanted);
    expect(muster_run_snooze(run, 0), wanted);
    expect(muster_run_release(run), wanted);
    expect(muster_run_set_log(run, "x", 1), wanted);
    expect(muster_run_set_exit(run, 1, NULL), wanted);
    expect(muster_run_cancel_fd(run), wanted);
    expect(muster_run_id(run, id) == id && !*id, true);
    expect(muster_run_token(run, token) == token && !*token, true);
    expect(muster_run_kind(run, &bytes) == NULL && bytes == 0, true);
    expect(muster_run_queue(run, NULL) == NULL, true);
    expect(muster_run_args(run, &bytes) == NULL, true);
    expect(muster_run_meta(run, &bytes) == NULL, true);
    expect(muster_run_schedule(run, &bytes) == NULL && bytes == 0, true);
    expect((int64_t)muster_run_nominal_time_ms(run), 0);
    expect(muster_run_attempt(run), 0);
    expect((int64_t)muster_run_timeout_ms(run), 0);
    expect((int64_t)muster_run_result_max(run), 0);
}

static void *use_elsewhere(void *run)
{
    check_stale(run, MUSTER_ESTATE);
    expect(muster_run_cancelled(run), false); /* this one is for any thread */
    return NULL;
}

static void keeps_its_run(muster_run_t *run, void *user)
{
    pthread_t other;
    (void)user;
    if (kept) { /* the same thread, but an earlier job's */
        check_stale(kept, MUSTER_ESTATE);
        expect(muster_run_cancelled(kept), true);
    }
    kept = run;
    if (!pthread_create(&other, NULL, use_elsewhere, run))
        (void)pthread_join(other, NULL);
    calls++;
}

/* Waits to be stopped, as another thread sees it. */
static void *watch(void *run)
{
    struct timespec tick = {0, 1000000};
    for (int i = 0; i < PATIENCE_MS && !muster_run_cancelled(run); i++)
        nanosleep(&tick, NULL);
    expect(muster_run_cancelled(run), true);
    return NULL;
}

static void is_watched(muster_run_t *run, void *user)
{
    pthread_t other;
    (void)user;
    calls++;
    if (!pthread_create(&other, NULL, watch, run))
        (void)pthread_join(other, NULL);
    expect(muster_run_cancelled(run), true);
    calls++;
}

static void forks(muster_run_t *run, void *user)
{
    int status = -1;
    (void)user;
    pid_t child = fork();
    if (child == 0) {
        bool good = muster_run_complete(run, NULL, 0) == MUSTER_ESTATE &&
                    muster_run_cancelled(run) && muster_worker_stop(worker) == MUSTER_ESTATE;
        _exit(good ? 0 : 1);
    }
    expect(waitpid(child, &status, 0), child);
    expect(status, 0);
    calls++;
}

/* ---- one worker a test ---- */

static void *work(void *arg)
{
    (void)arg;
    run_result = muster_worker_run(worker);
    return NULL;
}

static int setup(void **state)
{
    static const struct {
        const char *kind;
        muster_handler_fn *fn;
    } handlers[] = {{"misuses", misuses_its_worker},
                    {"two", names_two_outcomes},
                    {"keeps", keeps_its_run},
                    {"watched", is_watched},
                    {"forks", forks}};
    const char *endpoints[] = {broker.endpoint};
    struct muster_worker_options options = {
        .brokers = endpoints, .broker_count = 1, .slots = 1, .drain_ms = 300};

    (void)state;
    wrong = calls = 0;
    kept = NULL;
    fake_broker_init(&broker);
    assert_int_equal(muster_worker_new(&options, &worker, NULL, 0), 0);
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        assert_int_equal(muster_worker_handle(worker, handlers[i].kind, handlers[i].fn, NULL), 0);
    return pthread_create(&thread, NULL, work, NULL);
}

static int teardown(void **state)
{
    (void)state;
    (void)muster_worker_stop(worker);
    pthread_join(thread, NULL);
    assert_int_equal(muster_worker_destroy(&worker), 0);
    fake_broker_fini(&broker);
    assert_int_equal(wrong, 0);
    return 0;
}

static void run_jobs(const char *kind, uint32_t count)
{
    fake_broker_welcome(&broker, 0);
    for (uint32_t i = 0; i < count; i++) {
        fake_broker_jobs(&broker, kind, 10 + i, 1, slice_of("\x80", 1), MINUTE);
        fake_broker_expect(&broker, MSG_RESULTS);
        fake_broker_ack(&broker, i + 1);
    }
}

static void a_handler_cannot_end_its_worker(void **state)
{
    (void)state;
    run_jobs("misuses", 1);
    assert_int_equal(calls, 1);
}

static void the_first_outcome_stands(void **state)
{
    (void)state;
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "two", 10, 1, slice_of("\x80", 1), MINUTE);
    const struct msg_results *r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
    assert_int_equal(r->outcomes.data[0], OUTCOME_PARKED);
    fake_broker_ack(&broker, 1);
    assert_int_equal(calls, 1);
}

static void a_run_is_over_when_its_handler_has_returned(void **state)
{
    (void)state;
    run_jobs("keeps", 5);
    assert_int_equal(calls, 5);
    check_stale(kept, MUSTER_ESTATE);
    assert_true(muster_run_cancelled(kept));
    check_stale(NULL, MUSTER_EINVAL);
    check_stale((muster_run_t *)worker, MUSTER_EINVAL);
}

static void another_thread_sees_the_stop(void **state)
{
    (void)state;
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "watched", 10, 1, slice_of("\x80", 1), MINUTE);
    struct timespec tick = {0, 1000000};
    for (int i = 0; i < PATIENCE_MS && !calls; i++)
        nanosleep(&tick, NULL);
    assert_int_equal(muster_worker_stop(worker), 0);
    fake_broker_expect(&broker, MSG_RESULTS);
    assert_int_equal(calls, 2);
}

static void a_child_has_no_run_of_its_parents(void **state)
{
    (void)state;
    run_jobs("forks", 1);
    assert_int_equal(calls, 1);
}

static void it_runs_once_and_in_one_thread(void **state)
{
    muster_worker_t *copy = worker;
    (void)state;
    fake_broker_welcome(&broker, 0);
    fake_broker_expect(&broker, MSG_CREDIT); /* it runs, and has been welcomed */
    assert_int_equal(muster_worker_run(worker), MUSTER_ESTATE);
    assert_int_equal(muster_worker_handle(worker, "late", forks, NULL), MUSTER_ESTATE);
    assert_int_equal(muster_worker_destroy(&copy), MUSTER_ESTATE);
    assert_ptr_equal(copy, worker);
    assert_int_equal(muster_worker_drain(worker), 0);
    fake_broker_expect(&broker, MSG_GOODBYE);
    pthread_join(thread, NULL);
    assert_int_equal(run_result, 0);
    assert_int_equal(muster_worker_run(worker), MUSTER_ESTATE);
    assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0); /* for teardown */
}

/* ---- without a broker ---- */

static void check_all(muster_worker_t *w, int wanted)
{
    assert_int_equal(muster_worker_run(w), wanted);
    assert_int_equal(muster_worker_handle(w, "k", forks, NULL), wanted);
    assert_int_equal(muster_worker_slots(w), wanted);
    assert_int_equal(muster_worker_drain(w), wanted);
    assert_int_equal(muster_worker_stop(w), wanted);
}

static void a_handle_that_is_none(void **state)
{
    muster_worker_t *w, *old, *none = NULL;
    muster_client_t *client;
    (void)state;
    check_all(NULL, MUSTER_EINVAL);
    assert_int_equal(muster_worker_destroy(NULL), 0);
    assert_int_equal(muster_worker_destroy(&none), 0);
    assert_int_equal(muster_worker_new(NULL, NULL, NULL, 0), MUSTER_EINVAL);
    assert_int_equal(muster_worker_new(NULL, &w, NULL, 100), 0);
    assert_int_equal(muster_worker_handle(w, NULL, forks, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_worker_handle(w, "k", NULL, NULL), MUSTER_EINVAL);
    old = w;
    assert_int_equal(muster_worker_destroy(&w), 0);
    check_all(old, MUSTER_ECLOSED);
    w = old;
    assert_int_equal(muster_worker_destroy(&w), MUSTER_ECLOSED);
    assert_null(w);
    assert_int_equal(muster_client_new(NULL, &client, NULL, 0), 0);
    check_all((muster_worker_t *)client, MUSTER_EINVAL);
    check_all(old, MUSTER_ECLOSED);
    assert_int_equal(muster_client_destroy(&client), 0);
}

static void options_that_are_none(void **state)
{
    const struct muster_worker_queue queue = {NULL, 0}, heavy = {"q", UINT32_MAX};
    const char *broker_list[] = {NULL};
    const struct muster_worker_options wrong_ones[] = {
        {.broker_count = 1},
        {.brokers = broker_list, .broker_count = 1},
        {.queue_count = 1},
        {.queue_count = 1, .queues = &queue},
        {.queue_count = 1, .queues = &heavy},
        {.queue_count = SIZE_MAX, .queues = &queue},
        {.slots = UINT32_MAX},
        {.name = "not a name"},
    };
    muster_worker_t *w;
    char why[100];
    (void)state;
    for (size_t i = 0; i < sizeof wrong_ones / sizeof *wrong_ones; i++) {
        assert_int_equal(muster_worker_new(&wrong_ones[i], &w, why, sizeof why), MUSTER_EINVAL);
        assert_null(w);
        assert_true(*why);
        assert_int_equal(muster_worker_new(&wrong_ones[i], &w, NULL, 5), MUSTER_EINVAL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_handler_cannot_end_its_worker),
        TEST(the_first_outcome_stands),
        TEST(a_run_is_over_when_its_handler_has_returned),
        TEST(another_thread_sees_the_stop),
        TEST(a_child_has_no_run_of_its_parents),
        TEST(it_runs_once_and_in_one_thread),
        cmocka_unit_test(a_handle_that_is_none),
        cmocka_unit_test(options_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
