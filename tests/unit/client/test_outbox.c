/* How jobs gather into batches, and in which order batches go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "outbox.h"

static struct outbox box;

static int setup(void **state)
{
    (void)state;
    outbox_init(&box);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    outbox_fini(&box);
    return 0;
}

static int add(const char *kind, const char *args)
{
    struct muster_job job = MUSTER_JOB(kind);
    job.args = args;
    job.args_bytes = args ? strlen(args) : 0;
    return outbox_add(&box, &job);
}

/* Takes the next batch as the thread does; NULL when none may go. */
static struct outbox_batch *take(void)
{
    struct outbox_batch *b = outbox_peek(&box);
    if (!b)
        return NULL;
    outbox_take(&box, b);
    b->submit.number = ++box.taken;
    return b;
}

static void test_goes_at_once_when_nothing_is_on_its_way(void **state)
{
    (void)state;
    assert_null(outbox_peek(&box));
    assert_int_equal(add("k", "a"), 0);
    struct outbox_batch *b = take();
    assert_int_equal(b->count, 1);
    outbox_give_back(&box, b);
}

static void test_gathers_while_one_is_on_its_way(void **state)
{
    (void)state;
    assert_int_equal(add("k", "a"), 0);
    struct outbox_batch *first = take();
    assert_int_equal(add("k", "b"), 0);
    assert_int_equal(add("k", "cc"), 0);
    assert_null(outbox_peek(&box));
    box.gate = 1; /* acknowledged */
    struct outbox_batch *second = take();
    assert_int_equal(second->count, 2);
    assert_memory_equal(second->args.data, "bcc", 3);
    assert_int_equal(slice_u32_at(buf_slice(&second->arg_lengths), 1), 2);
    outbox_give_back(&box, first);
    outbox_give_back(&box, second);
}

static void test_full_batch_waits_for_nobody(void **state)
{
    (void)state;
    assert_int_equal(add("k", "a"), 0);
    struct outbox_batch *first = take();
    for (int i = 0; i < BATCH_JOBS_MAX; i++)
        assert_int_equal(add("k", "b"), 0);
    struct outbox_batch *second = take();
    assert_int_equal(second->count, BATCH_JOBS_MAX);
    outbox_give_back(&box, first);
    outbox_give_back(&box, second);
}

static void test_batch_closes_before_it_grows_beyond_its_bytes(void **state)
{
    (void)state;
    char *big = malloc(40001);
    memset(big, 'x', 40000);
    big[40000] = '\0';
    assert_int_equal(add("k", big), 0);
    assert_int_equal(add("k", big), 0);
    struct outbox_batch *first = take();
    assert_int_equal(first->count, 1);
    outbox_give_back(&box, first);
    free(big);
}

static void test_each_set_of_options_has_its_own_batch(void **state)
{
    (void)state;
    struct muster_job late = MUSTER_JOB("k");
    late.delay_ms = 5;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(add("k", "a"), 0);
        assert_int_equal(add("other", "b"), 0);
        assert_int_equal(outbox_add(&box, &late), 0);
    }
    for (int i = 0; i < 3; i++) {
        struct outbox_batch *b = outbox_peek(&box); /* one after the other, all of them at once */
        outbox_take(&box, b);
        assert_int_equal(b->count, 3);
        outbox_give_back(&box, b);
    }
    assert_null(outbox_peek(&box));
}

static void test_more_options_than_open_batches_close_the_oldest(void **state)
{
    (void)state;
    char kind[8];
    box.taken = 1; /* something is on its way */
    for (int i = 0; i <= OUTBOX_OPEN_MAX; i++) {
        snprintf(kind, sizeof kind, "k%d", i);
        assert_int_equal(add(kind, "a"), 0);
    }
    struct outbox_batch *b = take();
    assert_string_equal(b->template.kind, "k0");
    assert_null(outbox_peek(&box));
    outbox_give_back(&box, b);
}

static void test_busy_options_do_not_starve_the_others(void **state)
{
    (void)state;
    assert_int_equal(add("busy", "a"), 0);
    struct outbox_batch *first = take();
    assert_int_equal(add("rare", "r"), 0); /* after SUBMIT 1 */
    for (int i = 0; i < BATCH_JOBS_MAX; i++)
        assert_int_equal(add("busy", "a"), 0);
    struct outbox_batch *full = take();
    assert_int_equal(full->count, BATCH_JOBS_MAX);
    for (int i = 0; i < BATCH_JOBS_MAX; i++)
        assert_int_equal(add("busy", "a"), 0);
    box.gate = 1;
    struct outbox_batch *rare = take();
    assert_string_equal(rare->template.kind, "rare");
    outbox_give_back(&box, first);
    outbox_give_back(&box, full);
    outbox_give_back(&box, rare);
}

static void test_says_full_when_closed_batches_wait(void **state)
{
    (void)state;
    box.taken = 1;
    int error = 0;
    unsigned added = 0;
    while (!(error = add("k", "a")))
        added++;
    assert_int_equal(error, MUSTER_EFULL);
    assert_int_equal(added, OUTBOX_CLOSED_MAX * BATCH_JOBS_MAX);
    struct outbox_batch *b = take();
    outbox_give_back(&box, b);
    assert_int_equal(add("k", "a"), 0);
}

static void test_refuses_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct muster_job job;
        int error;
    } rows[] = {
        {"no kind", {.priority = 5}, MUSTER_EINVAL},
        {"kind with a space", {.kind = "a b", .priority = 5}, MUSTER_EINVAL},
        {"queue with a dot first", {.kind = "k", .queue = ".q", .priority = 5}, MUSTER_EINVAL},
        {"priority 10", {.kind = "k", .priority = 10}, MUSTER_EINVAL},
        {"priority -1", {.kind = "k", .priority = -1}, MUSTER_EINVAL},
        {"eleven years", {.kind = "k", .priority = 5, .delay_ms = 346896000000}, MUSTER_EINVAL},
        {"backoff", {.kind = "k", .priority = 5, .backoff = "sometimes:3s"}, MUSTER_EINVAL},
        {"meta", {.kind = "k", .priority = 5, .meta = "", .meta_bytes = 1025}, MUSTER_ETOOBIG},
        {"empty args", {.kind = "k", .priority = 5, .args = "", .args_bytes = 0}, MUSTER_EINVAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (outbox_add(&box, &rows[i].job) != rows[i].error)
            fail_msg("%s", rows[i].name);
        assert_null(outbox_peek(&box));
    }
}

static void test_message_has_what_is_not_the_default(void **state)
{
    (void)state;
    struct muster_job job = MUSTER_JOB("k");
    assert_int_equal(outbox_add(&box, &job), 0);
    job.args = "z";
    job.args_bytes = 1;
    job.idempotency_key = "key";
    assert_int_equal(outbox_add(&box, &job), 0);
    struct outbox_batch *b = take();
    struct msg m;
    outbox_message(b, 4, &m);
    assert_int_equal(m.submit.confirmed, 4);
    assert_true(slice_is(m.submit.queue, "default"));
    assert_false(m.submit.has & MSG_BIT(submit, priority));
    assert_int_equal(m.submit.backoff_base_ms, 0);
    assert_int_equal(m.submit.key_lengths.len, 8);
    assert_int_equal(slice_u32_at(m.submit.key_lengths, 0), 0);
    assert_int_equal(slice_u32_at(m.submit.key_lengths, 1), 3);
    assert_true(slice_is(m.submit.args, "\x80z"));
    outbox_give_back(&box, b);

    job.priority = 0;
    job.backoff = "fixed:2s";
    assert_int_equal(outbox_add(&box, &job), 0);
    box.gate = box.taken;
    b = take();
    outbox_message(b, 5, &m);
    assert_true(m.submit.has & MSG_BIT(submit, priority));
    assert_int_equal(m.submit.priority, 0);
    assert_int_equal(m.submit.backoff_kind, BACKOFF_FIXED);
    assert_int_equal(m.submit.backoff_base_ms, 2000);
    outbox_give_back(&box, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_goes_at_once_when_nothing_is_on_its_way),
        TEST(test_gathers_while_one_is_on_its_way),
        TEST(test_full_batch_waits_for_nobody),
        TEST(test_batch_closes_before_it_grows_beyond_its_bytes),
        TEST(test_each_set_of_options_has_its_own_batch),
        TEST(test_more_options_than_open_batches_close_the_oldest),
        TEST(test_busy_options_do_not_starve_the_others),
        TEST(test_says_full_when_closed_batches_wait),
        TEST(test_refuses_what_is_wrong),
        TEST(test_message_has_what_is_not_the_default),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
