/* test_translate.c: what peers may say, and what a frame beyond the limits is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "run/translate.h"
#include "wire.h"

#define MAX_PAYLOAD 100

static struct translator translator = {.max_payload = MAX_PAYLOAD};
static struct event event;
static struct refusal refusal;
static struct blob *frame; /* of the last message: events borrow from it */
static uint8_t column[4 * BATCH_JOBS_MAX];

static int tear_down(void **state)
{
    (void)state;
    blob_unref(frame);
    frame = NULL;
    return 0;
}

static int take_bytes(enum side side, struct slice bytes)
{
    blob_unref(frame);
    frame = blob_copy(bytes);
    memset(&event, 0x5A, sizeof event);
    return translate(&translator, side, frame, &event, &refusal);
}

static int take(enum side side, const struct msg *msg)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    assert_int_equal(wire_encode(&out, msg), 0);
    int error = take_bytes(side, buf_slice(&out));
    buf_fini(&out);
    return error;
}

static void expect_refused(int error, int wanted, const char *words)
{
    if (error != wanted || !strstr(refusal.why, words))
        fail_msg("%s, not %s: %s", err_code(error), words, refusal.why);
}

static struct slice lengths(uint32_t count, uint32_t each)
{
    for (uint32_t i = 0; i < count; i++) {
        column[4 * i] = (uint8_t)each;
        column[4 * i + 1] = (uint8_t)(each >> 8);
        column[4 * i + 2] = column[4 * i + 3] = 0;
    }
    return slice_of(column, 4 * (size_t)count);
}

/* A SUBMIT of one job with args {}. */
static struct msg submit(void)
{
    struct msg m = {.type = MSG_SUBMIT, .request = 0};
    m.submit.number = 9;
    m.submit.queue = slice_str("mail");
    m.submit.kind = slice_str("email.send");
    m.submit.count = 1;
    m.submit.arg_lengths = lengths(1, 1);
    m.submit.args = slice_str("\x80");
    return m;
}

static void a_submit_has_defaults(void **state)
{
    (void)state;
    struct msg m = submit();
    assert_int_equal(take(SIDE_CLIENT, &m), 0);
    assert_int_equal(event.type, EV_SUBMIT);
    assert_int_equal(event.submit.number, 9);
    assert_true(slice_is(event.submit.queue, "mail"));
    assert_true(slice_is(event.submit.kind, "email.send"));
    assert_int_equal(event.submit.priority, 5);
    assert_int_equal(event.submit.delay_ms, 0);
    assert_int_equal(event.submit.at_ms, 0);
    assert_int_equal(event.submit.expires_in_ms, 0);
    assert_int_equal(event.submit.spec.max_attempts, 25);
    assert_int_equal(event.submit.spec.run_timeout_ms, 1800000);
    assert_int_equal(event.submit.spec.backoff.base_ms, 15000);
    assert_int_equal(event.submit.spec.backoff.cap_ms, 21600000);
    assert_int_equal(event.submit.spec.backoff.jitter_permille, 250);
    assert_int_equal(event.submit.spec.meta.len, 0);
    assert_false(event.submit.notify);
    assert_ptr_equal(event.submit.frame, frame);
    assert_int_equal(event.submit.args.len, 1);
    assert_int_equal(event.submit.keys.len, 0);
}

static void a_submit_takes_all_options(void **state)
{
    (void)state;
    struct msg m = submit();
    m.submit.has = MSG_BIT(submit, priority) | MSG_BIT(submit, backoff_base_ms) |
                   MSG_BIT(submit, backoff_jitter_permille);
    m.submit.priority = 0;
    m.submit.delay_ms = 1500;
    m.submit.max_attempts = 3;
    m.submit.backoff_kind = BACKOFF_FIXED;
    m.submit.backoff_base_ms = 0;
    m.submit.backoff_cap_ms = 7;
    m.submit.backoff_jitter_permille = 0;
    m.submit.run_timeout_ms = 10;
    m.submit.expires_in_ms = 99;
    m.submit.meta = slice_str("trace");
    m.submit.notify = 1;
    assert_int_equal(take(SIDE_CLIENT, &m), 0);
    assert_int_equal(event.submit.priority, 0);
    assert_int_equal(event.submit.delay_ms, 1500);
    assert_int_equal(event.submit.spec.max_attempts, 3);
    assert_int_equal(event.submit.spec.backoff.kind, BACKOFF_FIXED);
    assert_int_equal(event.submit.spec.backoff.base_ms, 0);
    assert_int_equal(event.submit.spec.backoff.cap_ms, 7);
    assert_int_equal(event.submit.spec.backoff.jitter_permille, 0);
    assert_int_equal(event.submit.spec.run_timeout_ms, 10);
    assert_int_equal(event.submit.expires_in_ms, 99);
    assert_true(slice_is(event.submit.spec.meta, "trace"));
    assert_true(event.submit.notify);
}

/* Ways to break a SUBMIT. */
static void empty_queue(struct msg *m)
{
    m->submit.queue = SLICE_EMPTY;
}
static void spaced_queue(struct msg *m)
{
    m->submit.queue = slice_str("my queue");
}
static void dashed_kind(struct msg *m)
{
    m->submit.kind = slice_str("-kind");
}
static void long_kind(struct msg *m)
{
    static char name[129];
    memset(name, 'k', sizeof name);
    m->submit.kind = slice_of(name, sizeof name);
}
static void with_group(struct msg *m)
{
    m->submit.group = slice_str("tenant-1");
}
static void large_args(struct msg *m)
{
    static uint8_t bytes[MAX_PAYLOAD + 1] = {0xC4, MAX_PAYLOAD - 1};
    m->submit.arg_lengths = lengths(1, MAX_PAYLOAD + 1);
    m->submit.args = slice_of(bytes, sizeof bytes);
}
static void broken_args(struct msg *m)
{
    m->submit.args = slice_str("\x81"); /* a map that ends too early */
}
static void two_values(struct msg *m)
{
    m->submit.arg_lengths = lengths(1, 2);
    m->submit.args = slice_str("\x80\x80");
}
static void no_value(struct msg *m)
{
    m->submit.arg_lengths = lengths(1, 0);
    m->submit.args = SLICE_EMPTY;
}
static void no_attempts(struct msg *m)
{
    m->submit.has = MSG_BIT(submit, max_attempts);
}
static void no_time(struct msg *m)
{
    m->submit.has = MSG_BIT(submit, run_timeout_ms);
}
static void no_life(struct msg *m)
{
    m->submit.has = MSG_BIT(submit, expires_in_ms);
}
static void delay_and_at(struct msg *m)
{
    m->submit.delay_ms = 1;
    m->submit.at_ms = 1;
}
static void far_future(struct msg *m)
{
    m->submit.at_ms = 253402300800000;
}
static void bad_key(struct msg *m)
{
    static const uint8_t one[] = {1, 0, 0, 0};
    m->submit.key_lengths = slice_of(one, 4);
    m->submit.keys = slice_str("\xFF");
}
static void long_delay(struct msg *m)
{
    m->submit.delay_ms = DELAY_MAX_MS + 1;
}
static void high_priority_number(struct msg *m)
{
    m->submit.priority = 10;
}
static void too_many_lengths(struct msg *m)
{
    m->submit.count = 2;
}

static void a_bad_submit_is_answered_by_its_number(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(struct msg *);
        int error;
        const char *words;
    } cases[] = {
        {empty_queue, MUSTER_EINVAL, "queue: a name has 1 to 128 bytes"},
        {spaced_queue, MUSTER_EINVAL, "queue: a name"},
        {dashed_kind, MUSTER_EINVAL, "kind: a name"},
        {long_kind, MUSTER_ETOOBIG, "SUBMIT.kind"},
        {with_group, MUSTER_EINVAL, "group"},
        {large_args, MUSTER_ETOOBIG, "has 101 bytes, more than max-payload allows: 100"},
        {broken_args, MUSTER_EINVAL, "not exactly one msgpack value"},
        {two_values, MUSTER_EINVAL, "not exactly one msgpack value"},
        {no_value, MUSTER_EINVAL, "not exactly one msgpack value"},
        {no_attempts, MUSTER_EINVAL, "max_attempts"},
        {no_time, MUSTER_EINVAL, "run_timeout"},
        {no_life, MUSTER_EINVAL, "expires_in"},
        {delay_and_at, MUSTER_EINVAL, "delay and at"},
        {far_future, MUSTER_EINVAL, "beyond the year 9999"},
        {bad_key, MUSTER_EINVAL, "the key of job 0 is not UTF-8"},
        {long_delay, MUSTER_ETOOBIG, "SUBMIT.delay_ms"},
        {high_priority_number, MUSTER_ETOOBIG, "SUBMIT.priority"},
        {too_many_lengths, MUSTER_EPROTO, "1 entries for 2 jobs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msg m = submit();
        cases[i].spoil(&m);
        expect_refused(take(SIDE_CLIENT, &m), cases[i].error, cases[i].words);
        assert_int_equal(refusal.error, cases[i].error);
        assert_int_equal(refusal.type, MSG_SUBMIT);
        assert_int_equal(refusal.number, 9);
    }
}

static void frames_that_are_no_message_are_refused(void **state)
{
    (void)state;
    expect_refused(take_bytes(SIDE_CLIENT, SLICE_EMPTY), MUSTER_EPROTO, "array of four");
    expect_refused(take_bytes(SIDE_CLIENT, slice_str("\x94\x10\x63\x07\x80")), MUSTER_EVERSION,
                   "version 99");
    assert_int_equal(refusal.number, 0); /* not read: answered by ERROR */
    assert_int_equal(refusal.request, 7);
    expect_refused(take_bytes(SIDE_CLIENT, slice_str("\x94\x3F\x01\x07\x80")), MUSTER_EUNKNOWN_TYPE,
                   "type 63 is unknown");
    assert_int_equal(refusal.request, 7);
}

static void each_side_has_its_own_messages(void **state)
{
    (void)state;
    struct msg m = submit();
    m.request = 5;
    expect_refused(take(SIDE_WORKER, &m), MUSTER_EUNKNOWN_TYPE, "SUBMIT has no place here");
    assert_int_equal(refusal.number, 0); /* BUSY is for clients */
    struct msg credit = {.type = MSG_CREDIT, .request = 6, .credit = {.hello = 1, .credit = 2}};
    expect_refused(take(SIDE_CLIENT, &credit), MUSTER_EUNKNOWN_TYPE, "the frontend");
    assert_int_equal(refusal.request, 6);
    assert_int_equal(take(SIDE_WORKER, &credit), 0);
    assert_int_equal(event.type, EV_CREDIT);
    assert_int_equal(event.credit.credit, 2);
    struct msg welcome = {.type = MSG_WELCOME};
    expect_refused(take(SIDE_CLIENT, &welcome), MUSTER_EUNKNOWN_TYPE, "WELCOME has no place here");
}

static struct msg hello(uint64_t role)
{
    static const char session[SESSION_ID_BYTES] = "0123456789abcde";
    struct msg m = {.type = MSG_HELLO};
    m.hello.magic = slice_str("MUSTER");
    m.hello.version_min = m.hello.version_max = 1;
    m.hello.role = role;
    m.hello.session = slice_of(session, sizeof session);
    m.hello.number = 3;
    m.hello.name = slice_str("worker-1");
    return m;
}

static void a_worker_introduces_itself(void **state)
{
    (void)state;
    static const struct slice queues[] = {{(const uint8_t *)"mail", 4}, {(const uint8_t *)"x", 1}};
    static const struct slice kinds[] = {{(const uint8_t *)"*", 1}};
    struct msg m = hello(1);
    m.hello.slots = 4;
    m.hello.queues = (struct strs){.items = queues, .count = 2};
    m.hello.kinds = (struct strs){.items = kinds, .count = 1};
    m.hello.weights = lengths(2, 3);
    m.hello.held_ids = slice_of("\0\1\0\0\0\0\0\0", 8);
    m.hello.held_ms = slice_of("\1\0\0\0", 4);
    m.hello.results_next = 8;
    assert_int_equal(take(SIDE_WORKER, &m), 0);
    assert_int_equal(event.type, EV_WORKER_HELLO);
    assert_int_equal(event.worker_hello.number, 3);
    assert_int_equal(event.worker_hello.parts, 1);
    assert_int_equal(event.worker_hello.slots, 4);
    assert_int_equal(event.worker_hello.queue_count, 2);
    assert_true(slice_is(event.worker_hello.queues[1], "x"));
    assert_int_equal(event.worker_hello.kind_count, 1);
    assert_int_equal(slice_u32_at(event.worker_hello.weights, 1), 3);
    assert_int_equal(event.worker_hello.held.count, 1);
    assert_int_equal(slice_u64_at(event.worker_hello.held.ids, 0), 256);
    assert_int_equal(event.worker_hello.results_next, 8);
    m.hello.weights = lengths(2, 0);
    expect_refused(take(SIDE_WORKER, &m), MUSTER_EINVAL, "weights: a queue's weight is 1 to");
    m.hello.weights = SLICE_EMPTY;
    m.hello.held_ms = SLICE_EMPTY;
    expect_refused(take(SIDE_WORKER, &m), MUSTER_EINVAL, "held_ms");
}

static void introductions_are_checked(void **state)
{
    (void)state;
    static const struct slice star[] = {{(const uint8_t *)"*", 1}};
    struct msg m = hello(2);
    assert_int_equal(take(SIDE_CLIENT, &m), 0);
    assert_int_equal(event.type, EV_CLIENT_HELLO);
    assert_memory_equal(event.client_hello.session, "0123456789abcde", SESSION_ID_BYTES);
    expect_refused(take(SIDE_WORKER, &m), MUSTER_EDENIED, "clients connect to the frontend");
    m.hello.name = slice_str("no good");
    expect_refused(take(SIDE_CLIENT, &m), MUSTER_EINVAL, "name: a name has");
    m = hello(2);
    m.hello.version_min = 2;
    m.hello.version_max = 3;
    expect_refused(take(SIDE_CLIENT, &m), MUSTER_EVERSION, "this broker speaks version 1");
    m = hello(1);
    m.hello.queues = (struct strs){.items = star, .count = 1};
    expect_refused(take(SIDE_WORKER, &m), MUSTER_EINVAL, "queues: a name has");
    m = hello(1);
    expect_refused(take(SIDE_CLIENT, &m), MUSTER_EDENIED, "workers connect to the backend");
}

static struct msg results(void)
{
    struct msg m = {.type = MSG_RESULTS};
    m.results.hello = 1;
    m.results.number = 2;
    m.results.count = 2;
    m.results.first_id = 256;
    return m;
}

static void results_bring_details(void **state)
{
    (void)state;
    static const char code[] = "exit_3";
    struct buf detail;
    struct msg_detail from = {
        .has = MSG_BIT(detail, exit_status), .code = slice_str(code), .exit_status = 3};
    uint8_t column_of_details[8] = {0};
    buf_init(&detail, 1000);
    assert_int_equal(wire_encode_detail(&detail, &from), 0);
    column_of_details[4] = (uint8_t)detail.len;
    struct msg m = results();
    assert_int_equal(take(SIDE_WORKER, &m), 0);
    assert_null(event.results.details);
    assert_int_equal(event.results.jobs.first_id, 256);
    m.results.outcomes = slice_of("\0\1", 2);
    m.results.detail_lengths = slice_of(column_of_details, 8);
    m.results.details = buf_slice(&detail);
    assert_int_equal(take(SIDE_WORKER, &m), 0);
    assert_non_null(event.results.details);
    assert_int_equal(event.results.details[0].code.len, 0);
    assert_int_equal(event.results.details[0].exit_status, -1);
    assert_true(slice_is(event.results.details[1].code, code));
    assert_int_equal(event.results.details[1].exit_status, 3);
    assert_false(event.results.details[1].has_delay);
    detail.data[0] = 0xC1; /* no msgpack */
    expect_refused(take(SIDE_WORKER, &m), MUSTER_EPROTO, "details: that of job 1 is malformed");
    buf_fini(&detail);
}

static void results_have_limits(void **state)
{
    (void)state;
    static uint8_t bytes[2 * (MAX_PAYLOAD + 1)];
    struct msg m = results();
    m.results.result_lengths = lengths(2, MAX_PAYLOAD + 1);
    m.results.results = slice_of(bytes, sizeof bytes);
    expect_refused(take(SIDE_WORKER, &m), MUSTER_ETOOBIG, "more than max-payload allows: 100");
    m.results.result_lengths = lengths(2, 1);
    m.results.results = slice_str("\x80\xC1");
    expect_refused(take(SIDE_WORKER, &m), MUSTER_EINVAL, "that of job 1 is not one msgpack value");
}

static void questions_are_checked(void **state)
{
    (void)state;
    struct msg list = {.type = MSG_LIST, .list = {.state = slice_str("running")}};
    assert_int_equal(take(SIDE_CLIENT, &list), 0);
    assert_int_equal(event.list.state, JOB_RUNNING);
    assert_int_equal(event.list.limit, 100);
    list.list.state = slice_str("walking");
    expect_refused(take(SIDE_CLIENT, &list), MUSTER_EINVAL, "no state \"walking\"");
    list.list = (struct msg_list){.queue = slice_str("a b")};
    expect_refused(take(SIDE_CLIENT, &list), MUSTER_EINVAL, "queue: a name");
    struct msg wait = {.type = MSG_WAIT, .wait = {.ids = slice_of("\0\1\0\0\0\0\0\0", 8)}};
    assert_int_equal(take(SIDE_CLIENT, &wait), 0);
    assert_int_equal(event.ids.hold_ms, REPLY_HOLD_MS);
    wait.wait.has = MSG_BIT(wait, hold_ms);
    assert_int_equal(take(SIDE_CLIENT, &wait), 0);
    assert_int_equal(event.ids.hold_ms, 1); /* asked for none */
    struct msg parked = {.type = MSG_PARKED, .parked = {.action = 2}};
    expect_refused(take(SIDE_CLIENT, &parked), MUSTER_EINVAL, "ids, or all");
    parked.parked.all = 1;
    assert_int_equal(take(SIDE_CLIENT, &parked), 0);
    assert_true(event.parked.remove);
    assert_true(event.parked.all);
    struct msg pause = {.type = MSG_PAUSE, .pause = {.queue = slice_str("?"), .paused = 1}};
    expect_refused(take(SIDE_CLIENT, &pause), MUSTER_EINVAL, "queue: a name");
}

static void a_backup_names_an_absolute_path(void **state)
{
    (void)state;
    struct msg m = {.type = MSG_BACKUP, .backup = {.directory = slice_str("/b"), .token = 7}};
    assert_int_equal(take(SIDE_CLIENT, &m), 0);
    assert_int_equal(event.type, EV_BACKUP);
    assert_true(slice_is(event.backup.directory, "/b"));
    assert_int_equal(event.backup.token, 7);
    assert_int_equal(event.backup.hold_ms, REPLY_HOLD_MS);
    m.backup.has = MSG_BIT(backup, hold_ms);
    assert_int_equal(take(SIDE_CLIENT, &m), 0);
    assert_int_equal(event.backup.hold_ms, 0); /* answered at once */
    m.backup.directory = slice_str("b");
    expect_refused(take(SIDE_CLIENT, &m), MUSTER_EINVAL, "no absolute path");
    m.backup.directory = slice_str("");
    expect_refused(take(SIDE_CLIENT, &m), MUSTER_EINVAL, "no absolute path");
    expect_refused(take(SIDE_WORKER, &m), MUSTER_EUNKNOWN_TYPE, "BACKUP has no place here");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_submit_has_defaults),
        TEST(a_submit_takes_all_options),
        TEST(a_bad_submit_is_answered_by_its_number),
        TEST(frames_that_are_no_message_are_refused),
        TEST(each_side_has_its_own_messages),
        TEST(a_worker_introduces_itself),
        TEST(introductions_are_checked),
        TEST(results_bring_details),
        TEST(results_have_limits),
        TEST(questions_are_checked),
        TEST(a_backup_names_an_absolute_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
