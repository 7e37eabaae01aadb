/* The whole worker library over TCP against a broker played by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include <muster/worker.h>

#include "base/err.h"
#include "fake_broker.h"

#define MINUTE 60000

static struct fake_broker broker;
static muster_worker_t *worker;
static pthread_t thread;
static int run_result;
static atomic_int ready_count, trouble_count, stubborn;
static _Atomic int checks; /* of the API, by the handler `looks`; 1: all held */

static void on_ready(void *user, const char *name, const char *session, uint32_t slots)
{
    (void)user;
    if (!strcmp(name, "w-1") && strlen(session) == 32 && slots == 2)
        atomic_fetch_add(&ready_count, 1);
}

static void on_log(void *user, bool trouble, const char *text)
{
    (void)user;
    (void)text;
    if (trouble)
        atomic_fetch_add(&trouble_count, 1);
}

/* ---- handlers ---- */

static void nothing(muster_run_t *run, void *user)
{
    (void)run;
    (void)user;
}

static void echo(muster_run_t *run, void *user)
{
    size_t n;
    const void *args = muster_run_args(run, &n);

    (void)user;
    muster_run_complete(run, args, n);
}

static void fails(muster_run_t *run, void *user)
{
    (void)user;
    muster_run_set_log(run, "words", 5);
    muster_run_fail(run, "too\nlate", "bad \xff byte", 1500);
}

/* Waits until it is asked to stop, and says nothing. */
static void waits(muster_run_t *run, void *user)
{
    struct pollfd p = {muster_run_cancel_fd(run), POLLIN, 0};

    (void)user;
    poll(&p, 1, MINUTE);
    atomic_store(&checks, muster_run_cancelled(run));
}

static void ignores_stops(muster_run_t *run, void *user)
{
    (void)run;
    (void)user;
    if (atomic_load(&stubborn))
        atomic_store(&stubborn, 2); /* it has begun */
    while (atomic_load(&stubborn))
        poll(NULL, 0, 1);
}

static void looks(muster_run_t *run, void *user)
{
    char id[MUSTER_RUN_ID_BYTES], token[MUSTER_RUN_TOKEN_BYTES], wanted[40];
    size_t kind, queue, meta, args;
    bool ok = user == &broker;

    snprintf(wanted, sizeof wanted, "%s.1", muster_run_id(run, id));
    ok = ok && !strcmp(muster_run_token(run, token), wanted);
    ok = ok && !strncmp(muster_run_kind(run, &kind), "looks", 5) && kind == 5;
    ok = ok && !strncmp(muster_run_queue(run, &queue), "default", 7) && queue == 7;
    ok = ok && muster_run_attempt(run) == 1 && muster_run_timeout_ms(run) == MINUTE;
    ok = ok && muster_run_meta(run, &meta) == NULL && meta == 0;
    ok = ok && muster_run_schedule(run, &meta) == NULL && meta == 0;
    ok = ok && muster_run_nominal_time_ms(run) == 0;
    ok = ok && *(const uint8_t *)muster_run_args(run, &args) == 0x80 && args == 1;
    ok = ok && muster_run_result_max(run) == 1024 && !muster_run_cancelled(run);
    ok = ok && muster_run_complete(run, "\xc1", 1) == MUSTER_EINVAL;
    ok = ok && muster_run_complete(run, "\xc0\xc0", 2) == MUSTER_EINVAL;
    ok = ok && muster_run_complete(run, token, 1025) == MUSTER_ETOOBIG;
    ok = ok && muster_run_snooze(run, 77) == 0;
    ok = ok && muster_run_complete(run, NULL, 0) == MUSTER_ESTATE;
    ok = ok && muster_run_release(run) == MUSTER_ESTATE;
    atomic_store(&checks, ok);
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
    static const struct muster_worker_queue queues[] = {{"default", 0}, {"mail", 3}};
    const char *endpoints[] = {broker.endpoint};
    struct muster_worker_options options = {.brokers = endpoints,
                                            .broker_count = 1,
                                            .queues = queues,
                                            .queue_count = 2,
                                            .slots = 2,
                                            .name = "w-1",
                                            .drain_ms = 300,
                                            .on_ready = on_ready,
                                            .on_log = on_log};
    char why[128];

    (void)state;
    atomic_store(&ready_count, 0);
    atomic_store(&trouble_count, 0);
    atomic_store(&checks, 0);
    fake_broker_init(&broker);
    assert_int_equal(muster_worker_new(&options, &worker, why, sizeof why), 0);
    assert_int_equal(muster_worker_handle(worker, "nothing", nothing, NULL), 0);
    assert_int_equal(muster_worker_handle(worker, "nothing", nothing, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_worker_handle(worker, "echo", echo, NULL), 0);
    assert_int_equal(muster_worker_handle(worker, "fails", fails, NULL), 0);
    assert_int_equal(muster_worker_handle(worker, "waits", waits, NULL), 0);
    assert_int_equal(muster_worker_handle(worker, "stubborn", ignores_stops, NULL), 0);
    assert_int_equal(muster_worker_handle(worker, "looks", looks, &broker), 0);
    return pthread_create(&thread, NULL, work, NULL);
}

static int teardown(void **state)
{
    (void)state;
    muster_worker_stop(worker);
    pthread_join(thread, NULL);
    muster_worker_destroy(&worker);
    assert_null(worker);
    fake_broker_fini(&broker);
    return 0;
}

/* Drains as the program does, acknowledging what comes; the worker must end well. */
static void drain(uint64_t acknowledge)
{
    muster_worker_drain(worker);
    for (; acknowledge; acknowledge--)
        fake_broker_ack(&broker, fake_broker_expect(&broker, MSG_RESULTS)->results.number);
    fake_broker_expect(&broker, MSG_GOODBYE);
    pthread_join(thread, NULL);
    assert_int_equal(run_result, 0);
    assert_int_equal(pthread_create(&thread, NULL, work, NULL),
                     0); /* for teardown: refused at once */
}

static struct slice map0(void)
{
    return slice_of("\x80", 1);
}

/* ---- tests ---- */

static void it_says_who_it_is(void **state)
{
    const struct msg_hello *h = &fake_broker_expect(&broker, MSG_HELLO)->hello;

    (void)state;
    assert_true(slice_is(h->magic, "MUSTER") && slice_is(h->name, "w-1"));
    assert_int_equal(h->role, 1);
    assert_int_equal(h->number, 1);
    assert_int_equal(h->session.len, 16);
    assert_int_equal(h->slots, 2);
    assert_int_equal(h->queues.count, 2);
    assert_true(slice_is(strs_at(&h->queues, 1), "mail"));
    assert_int_equal(slice_u32_at(h->weights, 0), 1);
    assert_int_equal(slice_u32_at(h->weights, 1), 3);
    assert_int_equal(h->kinds.count, 6);
    assert_true(slice_is(strs_at(&h->kinds, 0), "nothing"));
    assert_int_equal(h->results_next, 1);
    assert_int_equal(h->held_ids.len, 0);
}

static void it_runs_jobs_and_drains(void **state)
{
    const struct msg_results *r;
    struct msg_detail detail;

    (void)state;
    fake_broker_welcome(&broker, 0);
    assert_int_equal(fake_broker_expect(&broker, MSG_CREDIT)->credit.credit, 2);
    assert_int_equal(atomic_load(&ready_count), 1);
    fake_broker_jobs(&broker, "echo", 10, 1, slice_of("\xa2hi", 3), MINUTE);
    r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
    assert_int_equal(r->number, 1);
    assert_int_equal(r->hello, 1);
    assert_int_equal(r->first_id, 10 << 8);
    assert_true(slice_eq(r->results, slice_of("\xa2hi", 3)));
    fake_broker_jobs(&broker, "fails", 11, 1, map0(), MINUTE);
    fake_broker_ack(&broker, 1);
    r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
    assert_int_equal(r->outcomes.data[0], OUTCOME_FAILED);
    assert_int_equal(wire_decode_detail(r->details, &detail), 0);
    assert_true(slice_is(detail.code, "too late") && slice_is(detail.log, "words"));
    assert_true(slice_is(detail.message, "bad \xEF\xBF\xBD byte"));
    assert_int_equal(detail.delay_ms, 1500);
    fake_broker_ack(&broker, 2);
    drain(0);
}

static void the_handler_sees_its_job(void **state)
{
    const struct msg_results *r;
    struct msg_detail detail;

    (void)state;
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "looks", 10, 1, map0(), MINUTE);
    r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
    assert_int_equal(atomic_load(&checks), 1);
    assert_int_equal(r->outcomes.data[0], OUTCOME_SNOOZED);
    assert_int_equal(wire_decode_detail(r->details, &detail), 0);
    assert_int_equal(detail.delay_ms, 77);
    fake_broker_ack(&broker, 1);
    drain(0);
}

static void an_unknown_kind_fails(void **state)
{
    const struct msg_results *r;
    struct msg_detail detail;

    (void)state;
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "other", 10, 1, map0(), MINUTE);
    r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
    assert_int_equal(r->outcomes.data[0], OUTCOME_FAILED);
    assert_int_equal(wire_decode_detail(r->details, &detail), 0);
    assert_true(slice_is(detail.code, "no_handler"));
    fake_broker_ack(&broker, 1);
    drain(0);
}

/* Many batches through many frames: each job is reported once. */
static void a_flood_is_reported_whole(void **state)
{
    enum { JOBS = 20480 };
    static uint8_t seen[JOBS];
    uint32_t came = 0, number = 0;

    (void)state;
    memset(seen, 0, sizeof seen);
    fake_broker_welcome(&broker, 0);
    for (uint64_t i = 1; i <= JOBS; i += 512)
        fake_broker_jobs(&broker, "nothing", i, 512, map0(), MINUTE);
    while (came < JOBS) {
        const struct msg_results *r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
        assert_int_equal(r->number, ++number);
        for (uint32_t i = 0; i < r->count; i++) {
            uint64_t id = r->ids.len ? slice_u64_at(r->ids, i) : r->first_id + i * 256;
            uint64_t at = (id >> 8) - 1;
            assert_true(at < JOBS);
            assert_int_equal(seen[at]++, 0);
            came++;
        }
        fake_broker_ack(&broker, number);
    }
    assert_true(number < JOBS / 64); /* coalesced */
    drain(0);
}

/* A broker that restarts: the worker comes back, lists its job, and sends the results again. */
static void it_comes_back_to_a_restarted_broker(void **state)
{
    const struct msg_hello *h;

    (void)state;
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "echo", 10, 1, map0(), MINUTE);
    assert_int_equal(fake_broker_expect(&broker, MSG_RESULTS)->results.number, 1);
    fake_broker_jobs(&broker, "waits", 20, 1, map0(), MINUTE);
    fake_broker_send(&broker, &(struct msg){.type = MSG_HEARTBEAT});
    fake_broker_expect(&broker, MSG_HEARTBEAT); /* it has taken the job */
    fake_broker_down(&broker);
    fake_broker_up(&broker);
    h = &fake_broker_expect(&broker, MSG_HELLO)->hello;
    assert_int_equal(h->results_next, 1);
    assert_int_equal(h->held_ids.len, 16);
    assert_int_equal(slice_u64_at(h->held_ids, 0), 10 << 8);
    assert_int_equal(slice_u64_at(h->held_ids, 1), 20 << 8);
    assert_true(h->number > 1);
    broker.hello = h->number;
    struct msg w = {.type = MSG_WELCOME};
    w.welcome.version = 1;
    w.welcome.epoch = broker.epoch;
    w.welcome.hello = broker.hello;
    w.welcome.heartbeat_ms = 200;
    w.welcome.lease_ms = 2000;
    w.welcome.max_payload = 1024;
    fake_broker_send(&broker, &w);
    assert_int_equal(fake_broker_expect(&broker, MSG_RESULTS)->results.number, 1);
    assert_int_equal(atomic_load(&ready_count), 2);
    assert_int_equal(atomic_load(&trouble_count), 1); /* told once, whatever the tries */
    fake_broker_ack(&broker, 1);
    drain(1); /* `waits` is stopped after the drain time, and given back */
}

static void unknown_brings_a_new_hello(void **state)
{
    (void)state;
    fake_broker_welcome(&broker, 0);
    fake_broker_expect(&broker, MSG_CREDIT);
    fake_broker_send(&broker, &(struct msg){.type = MSG_UNKNOWN});
    fake_broker_welcome(&broker, 0);
    assert_int_equal(broker.hello, 2);
    fake_broker_jobs(&broker, "nothing", 10, 1, map0(), MINUTE);
    assert_int_equal(fake_broker_expect(&broker, MSG_RESULTS)->results.hello, 2);
    fake_broker_ack(&broker, 1);
    drain(0);
}

static void cancel_reaches_the_handler(void **state)
{
    const struct msg_results *r;
    uint64_t id = 10 << 8;
    uint32_t run = 1;
    struct msg m = {.type = MSG_CANCEL};

    (void)state;
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "waits", 10, 1, map0(), MINUTE);
    m.cancel.ids = slice_of(&id, sizeof id);
    m.cancel.runs = slice_of(&run, sizeof run);
    fake_broker_send(&broker, &m);
    r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
    assert_int_equal(r->outcomes.data[0], OUTCOME_CANCELLED);
    fake_broker_ack(&broker, 1);
    drain(0);
}

static void run_timeout_reaches_the_handler(void **state)
{
    const struct msg_results *r;
    struct msg_detail detail;

    (void)state;
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "waits", 10, 1, map0(), 30);
    r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
    assert_int_equal(r->outcomes.data[0], OUTCOME_TIMEOUT);
    assert_int_equal(wire_decode_detail(r->details, &detail), 0);
    assert_true(slice_is(detail.code, "timeout"));
    assert_int_equal(atomic_load(&checks), 1);
    fake_broker_ack(&broker, 1);
    drain(0);
}

/* Frames that cannot be read do not hurt: a message of two frames is passed over with the
 * connection begun anew. */
static void it_survives_garbage(void **state)
{
    static const char junk[] = "\xc1junk";

    (void)state;
    for (int several = 0; several < 2; several++) {
        fake_broker_welcome(&broker, 0);
        fake_broker_send_raw(&broker, junk, sizeof junk, several);
    }
    fake_broker_welcome(&broker, 0);
    assert_int_equal(broker.hello, 3);
    fake_broker_send_raw(&broker, "\x94\x3f\x01\x00\x80", 5, false); /* a type from the future */
    fake_broker_jobs(&broker, "nothing", 10, 1, map0(), MINUTE);
    fake_broker_expect(&broker, MSG_RESULTS);
    fake_broker_ack(&broker, 1);
    drain(0);
}

static void a_handler_that_does_not_end_is_left(void **state)
{
    (void)state;
    atomic_store(&stubborn, 1);
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "stubborn", 10, 1, map0(), MINUTE);
    fake_broker_send(&broker, &(struct msg){.type = MSG_HEARTBEAT});
    fake_broker_expect(&broker, MSG_HEARTBEAT);
    for (int i = 0; i < MINUTE && atomic_load(&stubborn) == 1; i++)
        poll(NULL, 0, 1);
    muster_worker_stop(worker);
    pthread_join(thread, NULL);
    assert_int_equal(run_result, MUSTER_ETIMEOUT);
    atomic_store(&stubborn, 0);
    assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
}

/* One connection each: jobs of both are run, and both get their results and a GOODBYE. */
static void two_brokers_are_served(void **state)
{
    struct fake_broker other;
    const char *endpoints[2];
    struct muster_worker_options options = {
        .brokers = endpoints, .broker_count = 2, .slots = 2, .name = "w-1"};
    char why[128];

    (void)state;
    fake_broker_init(&broker);
    fake_broker_init(&other);
    endpoints[0] = broker.endpoint;
    endpoints[1] = other.endpoint;
    assert_int_equal(muster_worker_new(&options, &worker, why, sizeof why), 0);
    assert_int_equal(muster_worker_handle(worker, "*", echo, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
    fake_broker_welcome(&broker, 0);
    fake_broker_welcome(&other, 0);
    fake_broker_jobs(&broker, "a", 1, 1, slice_of("\x01", 1), MINUTE);
    fake_broker_jobs(&other, "b", 2, 1, slice_of("\x02", 1), MINUTE);
    assert_int_equal(fake_broker_expect(&broker, MSG_RESULTS)->results.results.data[0], 1);
    assert_int_equal(fake_broker_expect(&other, MSG_RESULTS)->results.results.data[0], 2);
    fake_broker_ack(&broker, 1);
    fake_broker_ack(&other, 1);
    muster_worker_drain(worker);
    fake_broker_expect(&broker, MSG_GOODBYE);
    fake_broker_expect(&other, MSG_GOODBYE);
    pthread_join(thread, NULL);
    assert_int_equal(run_result, 0);
    muster_worker_destroy(&worker);
    fake_broker_fini(&broker);
    fake_broker_fini(&other);
}

static void wrong_options_are_explained(void **state)
{
    const char *endpoints[] = {"tcp://nowhere"};
    struct muster_worker_options options = {.brokers = endpoints, .broker_count = 1};
    muster_worker_t *w = NULL;
    char why[128];

    (void)state;
    assert_int_equal(muster_worker_new(&options, &w, why, sizeof why), MUSTER_EINVAL);
    assert_non_null(strstr(why, "port is missing"));
    options = (struct muster_worker_options){.name = "no good"};
    assert_int_equal(muster_worker_new(&options, &w, why, sizeof why), MUSTER_EINVAL);
    assert_non_null(strstr(why, "no good"));
    options = (struct muster_worker_options){.slots = 100000};
    assert_int_equal(muster_worker_new(&options, &w, why, sizeof why), MUSTER_EINVAL);
    assert_null(w);
    assert_int_equal(muster_worker_new(NULL, &w, why, sizeof why), 0);
    assert_int_equal(muster_worker_handle(w, "-bad", nothing, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_worker_run(w), MUSTER_EINVAL); /* no handler */
    muster_worker_destroy(&w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_says_who_it_is),
        TEST(it_runs_jobs_and_drains),
        TEST(the_handler_sees_its_job),
        TEST(an_unknown_kind_fails),
        TEST(a_flood_is_reported_whole),
        TEST(it_comes_back_to_a_restarted_broker),
        TEST(unknown_brings_a_new_hello),
        TEST(cancel_reaches_the_handler),
        TEST(run_timeout_reaches_the_handler),
        TEST(it_survives_garbage),
        TEST(a_handler_that_does_not_end_is_left),
        cmocka_unit_test(two_brokers_are_served),
        cmocka_unit_test(wrong_options_are_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
