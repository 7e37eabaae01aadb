/* test_history.c: finished jobs: what is kept of them, found, and let go. */
#include "fixture.h"

/* Submits and ends `count` jobs in one batch; returns the first id. */
static uint64_t finish(struct fixture *fx, uint32_t count)
{
    uint64_t first = fx_submit(fx, 1, count, "a")->submit.first_id;
    for (uint32_t i = 0; i < count; i++)
        fx_end(fx, first + i * 256ull, 1, JOB_COMPLETED);
    fx_commit(fx);
    return first;
}

static int error_of(struct fixture *fx, uint64_t id)
{
    struct op show = fx_jobs(fx, id);
    int error = show.jobs.views[0].error;
    blob_unref(show.jobs.page);
    return error;
}

static void an_end_is_kept_with_its_story(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 1, "a");
    op->submit.spec->max_attempts = 3;
    op->submit.spec->meta = slice_str("trace");
    uint64_t id = op->submit.first_id;
    fx_commit(fx);
    struct attempt last = {.number = 1,
                           .run = 1,
                           .outcome = ATTEMPT_CANCELLED,
                           .exit_status = -1,
                           .started_ms = fx->wall_ms + 5,
                           .ended_ms = fx->wall_ms + 9,
                           .worker = slice_str("worker-1"),
                           .signal = slice_str("SIGTERM"),
                           .log = slice_str("stopping")};
    struct end_row *r = fx_end(fx, id, 1, JOB_CANCELLED);
    r->created_ms = fx->wall_ms - 100;
    r->started_ms = fx->wall_ms + 5;
    r->finished_ms = fx->wall_ms + 9;
    r->code = slice_str("cancelled");
    r->message = slice_str("by an operator");
    r->attempt = &last;
    fx_commit(fx);
    fx_reopen(fx);
    struct op show = fx_jobs(fx, id);
    const struct job_view *v = show.jobs.views;
    assert_int_equal(v->error, 0);
    assert_int_equal(v->head.state, JOB_CANCELLED);
    assert_int_equal(v->head.created_ms, fx->wall_ms - 100);
    assert_int_equal(v->started_ms, fx->wall_ms + 5);
    assert_int_equal(v->finished_ms, fx->wall_ms + 9);
    assert_int_equal(v->head.priority, PRIORITY_DEFAULT);
    assert_true(text_is(v->queue, "default"));
    assert_true(text_is(v->kind, "mail"));
    assert_true(text_is(v->worker, "worker-1"));
    assert_true(text_is(v->code, "cancelled"));
    assert_true(text_is(v->message, "by an operator"));
    assert_int_equal(v->spec.max_attempts, 3);
    assert_true(text_is(v->spec.meta, "trace"));
    assert_int_equal(v->attempt_count, 1);
    assert_true(text_is(v->attempts[0].signal, "SIGTERM"));
    assert_true(text_is(v->attempts[0].log, "stopping"));
    blob_unref(show.jobs.page);
    assert_int_equal(fx_counters(fx, "default").cancelled, 1);
}

static void large_results_are_kept(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = fx_submit(fx, 1, 3, "a")->submit.first_id;
    static uint8_t result[RESULT_MAX_BYTES];
    memset(result, 'r', sizeof(result));
    for (uint64_t i = 0; i < 3; i++)
        fx_end(fx, first + i * 256, 1, JOB_COMPLETED)->result =
            i == 1 ? slice_of(result, sizeof(result)) : slice_str("small");
    fx_commit(fx);
    fx_reopen(fx);
    struct op show = fx_jobs(fx, first + 256);
    assert_int_equal(show.jobs.views[0].result.len, sizeof(result));
    blob_unref(show.jobs.page);
    show = fx_jobs(fx, first + 512);
    assert_true(text_is(show.jobs.views[0].result, "small"));
    blob_unref(show.jobs.page);
}

static void ends_are_found_in_their_own_batch(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t id = fx_submit(fx, 1, 1, "a")->submit.first_id;
    fx_end(fx, id, 1, JOB_COMPLETED);
    struct op show = fx_jobs(fx, id);
    assert_int_equal(fx->b->ops[2].jobs.views[0].head.state, JOB_COMPLETED);
    blob_unref(fx->b->ops[2].jobs.page);
    (void)show;
}

static void many_are_found_again(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = fx_submit(fx, 1, 2000, "a")->submit.first_id;
    fx_commit(fx);
    for (uint64_t i = 0; i < 2000; i++) /* out of order */
        fx_end(fx, first + (i * 1237 % 2000) * 256, 1, JOB_COMPLETED);
    fx_commit(fx);
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t i = 0; i < 2000; i += 97)
            assert_int_equal(error_of(fx, first + i * 256), 0);
        assert_int_equal(error_of(fx, first + 1), MUSTER_EGONE);
        fx_reopen(fx);
    }
    assert_int_equal(fx->store->history.jobs, 2000);
    fx_verify(fx);
}

static void trimmed_by_count(void **state)
{
    struct fixture *fx = *state;
    fx->options.retain_jobs = 300;
    fx_reopen(fx);
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = finish(fx, 400), last = first;
    for (int i = 0; i < 10; i++)
        last = finish(fx, 100);
    assert_int_equal(error_of(fx, first), MUSTER_EGONE);
    assert_int_equal(error_of(fx, last), 0);
    assert_true(fx->store->history.jobs <= 300);
    assert_true(fx->store->history.jobs > 150);
    uint64_t jobs = fx->store->history.jobs;
    fx_reopen(fx);
    assert_int_equal(fx->store->history.jobs, jobs);
    assert_int_equal(error_of(fx, first), MUSTER_EGONE);
    assert_int_equal(error_of(fx, last), 0);
    assert_int_equal(fx_counters(fx, "default").completed, 1400);
}

static void trimmed_by_age_and_bytes(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t old = finish(fx, 50);
    fx->wall_ms += fx->options.retain_age_ms / 2;
    uint64_t young = finish(fx, 50);
    fx->wall_ms += fx->options.retain_age_ms / 2 + 1;
    finish(fx, 1);
    assert_int_equal(error_of(fx, old), MUSTER_EGONE);
    assert_int_equal(error_of(fx, young), 0);
    fx->options.retain_bytes = 1000;
    fx_reopen(fx);
    finish(fx, 1);
    assert_int_equal(error_of(fx, young), MUSTER_EGONE);
    assert_true(fx->store->history.bytes <= 1000);
}

static void an_aborted_commit_leaves_history_as_it_was(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = finish(fx, 200);
    uint64_t waiting = fx_submit(fx, 1, 10, "w")->submit.first_id;
    fx_commit(fx);
    engine_fault(fx->engine, FAULT_COMMIT, 1, 1, MUSTER_ENOSPACE);
    for (uint64_t i = 0; i < 10; i++)
        fx_end(fx, waiting + i * 256, 1, JOB_COMPLETED);
    fx_commit(fx); /* tried again */
    assert_int_equal(fx->store->history.jobs, 210);
    assert_int_equal(error_of(fx, first), 0);
    assert_int_equal(error_of(fx, waiting + 9 * 256), 0);
    assert_int_equal(fx_counters(fx, "default").completed, 210);
    fx_reopen(fx);
    assert_int_equal(fx->store->history.jobs, 210);
    fx_verify(fx);
}

/* Trimming is undone with its transaction, and done again. */
static void an_aborted_trim_leaves_no_row_behind(void **state)
{
    struct fixture *fx = *state;
    fx->options.retain_jobs = 200;
    fx_reopen(fx);
    fx_lane(fx, 1, "default", "mail");
    for (int i = 0; i < 6; i++) {
        engine_fault(fx->engine, FAULT_COMMIT, i % 2 ? 1 : 0, 1, MUSTER_ENOSPACE);
        uint64_t first = fx_submit(fx, 1, 120, "a")->submit.first_id;
        fx_commit(fx);
        engine_fault(fx->engine, FAULT_COMMIT, i % 2 ? 0 : 1, 1, MUSTER_ENOSPACE);
        for (uint64_t n = 0; n < 120; n++)
            fx_end(fx, first + n * 256, 1, JOB_COMPLETED);
        fx_commit(fx);
        const struct history *h = &fx->store->history;
        assert_int_equal(fx_rows(fx, TABLE_HISTORY), h->next - h->first);
    }
    assert_true(fx->store->history.jobs <= 200);
}

/* Names are numbered row by row. */
static void each_row_has_its_names(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    fx_lane(fx, 2, "other", "print");
    static const char *const workers[] = {"w0", "w1", "w2", "w3", "w4"};
    uint64_t ids[600];
    for (uint32_t i = 0; i < 600; i++) {
        ids[i] = fx_submit(fx, 1 + i / 300, 1, "a")->submit.first_id;
        fx_end(fx, ids[i], 1 + i / 300, JOB_COMPLETED)->worker = slice_str(workers[i * 7 % 5]);
    }
    fx_commit(fx);
    assert_true(fx_rows(fx, TABLE_HISTORY) > 4);
    for (uint32_t i = 0; i < 600; i += 11) {
        struct op show = fx_jobs(fx, ids[i]);
        assert_true(text_is(show.jobs.views[0].worker, workers[i * 7 % 5]));
        assert_true(text_is(show.jobs.views[0].queue, i < 300 ? "default" : "other"));
        assert_true(text_is(show.jobs.views[0].kind, i < 300 ? "mail" : "print"));
        blob_unref(show.jobs.page);
    }
}

static void a_list_sees_its_own_batch_in_order(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = fx_submit(fx, 1, 2, "a")->submit.first_id;
    fx_end(fx, first + 256, 1, JOB_COMPLETED);
    fx_commit(fx);
    fx_end(fx, first, 1, JOB_COMPLETED);
    struct op op = fx_list(fx, JOB_COMPLETED, NULL, NULL, 0, 10);
    assert_int_equal(op.list.count, 2);
    assert_int_equal(op.list.views[0].id, first);
    assert_int_equal(op.list.views[1].id, first + 256);
    blob_unref(op.list.page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(an_end_is_kept_with_its_story),
        BOTH(large_results_are_kept),
        BOTH(ends_are_found_in_their_own_batch),
        BOTH(many_are_found_again),
        BOTH(trimmed_by_count),
        BOTH(trimmed_by_age_and_bytes),
        BOTH(an_aborted_commit_leaves_history_as_it_was),
        BOTH(an_aborted_trim_leaves_no_row_behind),
        BOTH(each_row_has_its_names),
        BOTH(a_list_sees_its_own_batch_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
