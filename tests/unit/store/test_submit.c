/* test_submit.c: new jobs, keys, and SUBMITs that come again. */
#include "fixture.h"

static void plain_jobs_are_one_row_each(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = fx_submit(fx, 1, 5, "a")->submit.first_id;
    fx_commit(fx);
    fx_reopen(fx);
    assert_int_equal(fx_rows(fx, TABLE_READY), 5);
    assert_int_equal(fx_rows(fx, TABLE_JOB), 0);
    struct op page = fx_page(fx, 1, PRIORITY_DEFAULT, 0, 100);
    assert_int_equal(page.page.count, 5);
    assert_true(page.page.end);
    for (uint32_t i = 0; i < 5; i++) {
        const struct record *r = &page.page.records[i];
        char args[8] = {'a', (char)('0' + i), 0};
        assert_int_equal(r->head.id, first + i * 256);
        assert_int_equal(r->head.seq, r->head.id);
        assert_int_equal(r->head.run, 1);
        assert_int_equal(r->head.state, JOB_READY);
        assert_int_equal(r->head.created_ms, fx->wall_ms);
        assert_int_equal(r->spec.max_attempts, MAX_ATTEMPTS_DEFAULT);
        assert_true(text_is(r->args, args));
    }
    assert_int_equal(page.page.last, first + 4 * 256);
    blob_unref(page.page.page);
    struct queue_counters c = fx_counters(fx, "default");
    assert_int_equal(c.submitted, 5);
    assert_int_equal(c.ready, 5);
}

static void options_of_a_job_come_back(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 2, "");
    *op->submit.spec = (struct job_spec){.max_attempts = 3,
                                         .run_timeout_ms = RUN_TIMEOUT_MAX_MS,
                                         .backoff = {BACKOFF_LINEAR, 7, 1000, 60000},
                                         .expires_ms = UINT64_MAX,
                                         .notify = {1, 2, 3},
                                         .meta = slice_str("trace")};
    op->submit.priority = 9;
    op->submit.flags = JOB_NOTIFY;
    fx_commit(fx);
    fx_reopen(fx);
    struct op page = fx_page(fx, 1, 9, 0, 100);
    assert_int_equal(page.page.count, 2);
    const struct job_spec *spec = &page.page.records[1].spec;
    assert_int_equal(spec->max_attempts, 3);
    assert_int_equal(spec->run_timeout_ms, RUN_TIMEOUT_MAX_MS);
    assert_int_equal(spec->backoff.kind, BACKOFF_LINEAR);
    assert_int_equal(spec->backoff.jitter_permille, 7);
    assert_int_equal(spec->backoff.base_ms, 1000);
    assert_int_equal(spec->backoff.cap_ms, 60000);
    assert_true(spec->expires_ms == UINT64_MAX);
    assert_int_equal(spec->notify[2], 3);
    assert_true(text_is(spec->meta, "trace"));
    assert_int_equal(page.page.records[1].head.flags, JOB_NOTIFY);
    blob_unref(page.page.page);
}

static void scheduled_jobs_wait_by_time(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 3, "s");
    op->submit.state = JOB_SCHEDULED;
    op->submit.due_ms = fx->wall_ms + 5000;
    op->submit.delay_ms = 5000;
    fx_commit(fx);
    op = fx_submit(fx, 1, 1, "t");
    op->submit.state = JOB_SCHEDULED;
    op->submit.due_ms = fx->wall_ms + 100;
    op->submit.flags = JOB_AT;
    fx_commit(fx);
    fx_reopen(fx);
    op = fx_op(fx, OP_DUE);
    op->due.max_rows = 2;
    fx_commit(fx);
    assert_int_equal(op->due.count, 2);
    assert_false(op->due.end);
    assert_int_equal(op->due.records[0].head.due_ms, fx->wall_ms + 100);
    assert_int_equal(op->due.records[0].head.flags & JOB_AT, JOB_AT);
    assert_int_equal(op->due.records[1].head.delay_ms, 5000);
    uint64_t last = op->due.records[1].head.id;
    blob_unref(op->due.page);
    op = fx_op(fx, OP_DUE);
    op->due.max_rows = 2;
    op->due.after_ms = fx->wall_ms + 5000;
    op->due.after_id = last;
    fx_commit(fx);
    assert_int_equal(op->due.count, 2);
    assert_true(op->due.end);
    assert_int_equal(op->due.records[0].head.id, last + 256);
    blob_unref(op->due.page);
    assert_int_equal(fx_counters(fx, "default").scheduled, 4);
    assert_int_equal(fx_rows(fx, TABLE_READY), 0);
}

static void keys_claim_once(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    fx_lane(fx, 2, "other", "mail");
    struct op *op = fx_submit(fx, 1, 2, "a"); /* args a0, a1 */
    fx_keys(fx, op, (const char *const[]){"k0", "k1"});
    uint64_t first = op->submit.first_id;
    fx_commit(fx);
    assert_null(op->submit.outcomes);
    fx_reopen(fx);

    op = fx_submit(fx, 1, 3, "a"); /* a0 again, a1 under k0, a2 under a new key */
    fx_keys(fx, op, (const char *const[]){"k0", "k0", "k2"});
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    assert_int_equal(op->submit.outcomes[0], SUBMIT_DUPLICATE);
    assert_int_equal(op->submit.ids[0], first);
    assert_int_equal(op->submit.outcomes[1], SUBMIT_CONFLICT);
    assert_int_equal(op->submit.ids[1], first);
    assert_int_equal(op->submit.outcomes[2], SUBMIT_NEW);
    assert_int_equal(op->submit.ids[2], op->submit.first_id + 512);

    op = fx_submit(fx, 2, 1, "zz"); /* another queue */
    fx_keys(fx, op, (const char *const[]){"k0"});
    fx_commit(fx);
    assert_null(op->submit.outcomes);
    assert_int_equal(fx_counters(fx, "default").submitted, 3);
    assert_int_equal(fx_counters(fx, "default").ready, 3);
    assert_int_equal(fx_rows(fx, TABLE_JOB), 4);
    fx_verify(fx);
}

static void keys_of_one_submit_collide(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 4, "a");
    fx_keys(fx, op, (const char *const[]){"k", "", "k", ""});
    fx_commit(fx);
    assert_int_equal(op->submit.outcomes[0], SUBMIT_NEW);
    assert_int_equal(op->submit.outcomes[1], SUBMIT_NEW);
    assert_int_equal(op->submit.outcomes[2], SUBMIT_CONFLICT);
    assert_int_equal(op->submit.ids[2], op->submit.first_id);
    assert_int_equal(op->submit.ids[3], op->submit.first_id + 768);
    /* Those without a key are plain jobs. */
    assert_int_equal(fx_rows(fx, TABLE_JOB), 1);
    assert_int_equal(fx_rows(fx, TABLE_READY), 3);
    assert_int_equal(fx_counters(fx, "default").ready, 3);
}

static void a_submit_that_comes_again_changes_nothing(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 2, "a");
    fx_session(op, 7, 1, 0);
    uint64_t first = op->submit.first_id;
    fx_commit(fx);
    fx_reopen(fx);

    op = fx_submit(fx, 1, 2, "a");
    fx_session(op, 7, 1, 0);
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_EINUSE);
    assert_int_equal(op->submit.first_id, first);
    assert_int_equal(op->submit.ids[1], first + 256);
    assert_int_equal(op->submit.outcomes[1], SUBMIT_NEW);

    op = fx_submit(fx, 1, 1, "b"); /* number 2 confirms 1 */
    fx_session(op, 7, 2, 1);
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    op = fx_submit(fx, 1, 2, "a");
    fx_session(op, 7, 1, 0);
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_EINUSE);
    assert_null(op->submit.outcomes);
    assert_int_equal(fx_counters(fx, "default").submitted, 3);
    assert_int_equal(fx_rows(fx, TABLE_SUBMITTED), 1);
}

static void a_session_remembers_outcomes_until_confirmed(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 1, "a");
    fx_session(op, 7, 1, 0);
    op = fx_submit(fx, 1, 2, "a");
    fx_keys(fx, op, (const char *const[]){"k", "k"});
    fx_session(op, 7, 2, 0);
    uint64_t first = op->submit.first_id;
    fx_commit(fx);
    fx_reopen(fx);
    op = fx_op(fx, OP_CLIENT);
    memset(op->client.session, 7, SESSION_ID_BYTES);
    fx_commit(fx);
    assert_int_equal(op->client.number_count, 2);
    assert_int_equal(op->client.numbers[0].number, 1);
    assert_null(op->client.numbers[0].outcomes);
    assert_int_equal(op->client.numbers[1].count, 2);
    assert_int_equal(op->client.numbers[1].outcomes[1], SUBMIT_CONFLICT);
    assert_int_equal(op->client.numbers[1].ids[1], first);

    op = fx_submit(fx, 1, 1, "c");
    fx_session(op, 7, 3, 2);
    op = fx_op(fx, OP_CLIENT); /* sees what stands before it in the same batch */
    memset(op->client.session, 7, SESSION_ID_BYTES);
    fx_commit(fx);
    assert_int_equal(op->client.confirmed, 2);
    assert_int_equal(op->client.number_count, 1);
    assert_int_equal(op->client.numbers[0].number, 3);

    op = fx_op(fx, OP_CLIENT_DROP);
    memset(op->client.session, 7, SESSION_ID_BYTES);
    fx_commit(fx);
    assert_int_equal(fx_rows(fx, TABLE_CLIENT), 0);
    assert_int_equal(fx_rows(fx, TABLE_CLIENT_USE), 0);
    assert_int_equal(fx_rows(fx, TABLE_SUBMITTED), 0);
}

static void columns_that_do_not_fit_are_refused(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 2, "a");
    op->submit.args.len--;
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_EINVAL);
    op = fx_submit(fx, 1, 2, "a");
    op->submit.count = 3;
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_EINVAL);
    op = fx_submit(fx, 1, 1, "a");
    char key[KEY_MAX_BYTES + 2];
    memset(key, 'k', sizeof(key));
    key[sizeof(key) - 1] = '\0';
    fx_keys(fx, op, (const char *const[]){key});
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_EINVAL);
    assert_int_equal(fx_rows(fx, TABLE_READY), 0);
}

static void large_args_come_back(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 1, "");
    uint8_t *args = batch_alloc(fx->b, MAX_PAYLOAD_DEFAULT), length[4] = {0, 0, 4, 0};
    for (size_t i = 0; i < MAX_PAYLOAD_DEFAULT; i++)
        args[i] = (uint8_t)(i * 31);
    op->submit.args = slice_of(args, MAX_PAYLOAD_DEFAULT);
    op->submit.arg_lengths = slice_of(length, 4);
    fx_commit(fx);
    struct op *page = fx_op(fx, OP_PAGE);
    page->page.lane = 1;
    page->page.priority = PRIORITY_DEFAULT;
    page->page.max_rows = 1;
    fx_commit(fx);
    assert_int_equal(page->page.records[0].args.len, MAX_PAYLOAD_DEFAULT);
    assert_int_equal(page->page.records[0].args.data[1000], (uint8_t)(1000 * 31));
    blob_unref(page->page.page);
}

static void the_highest_id_never_goes_back(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    fx_submit(fx, 1, 1, "a");
    fx_commit(fx);
    uint64_t high = fx->id;
    fx_reopen(fx);
    struct boot boot = fx_boot(fx);
    assert_int_equal(boot.id_high, high);
    boot_free(&boot);
    fx->id -= 256;
    fx_op(fx, OP_QUEUES);
    assert_int_equal(fx_try_commit(fx), MUSTER_EINVAL);
    assert_null(fx->b->ops[0].queues.page);
    fx->id = high;
    fx_op(fx, OP_QUEUES);
    assert_int_equal(fx_try_commit(fx), MUSTER_EIO); /* it has given up */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(plain_jobs_are_one_row_each),
        BOTH(options_of_a_job_come_back),
        BOTH(scheduled_jobs_wait_by_time),
        BOTH(keys_claim_once),
        BOTH(keys_of_one_submit_collide),
        BOTH(a_submit_that_comes_again_changes_nothing),
        BOTH(a_session_remembers_outcomes_until_confirmed),
        BOTH(columns_that_do_not_fit_are_refused),
        BOTH(large_args_come_back),
        BOTH(the_highest_id_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
