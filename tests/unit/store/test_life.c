/* test_life.c: what becomes of a job: retries, parking, ends; pages, marks and starts. */
#include "fixture.h"

static struct attempt attempt_of(uint32_t number, const char *code, struct slice log)
{
    return (struct attempt){.number = number,
                            .run = number,
                            .outcome = ATTEMPT_FAILED,
                            .exit_status = 1,
                            .started_ms = 1000 + number,
                            .ended_ms = 2000 + number,
                            .worker = slice_str("w"),
                            .code = slice_str(code),
                            .message = slice_str("it broke"),
                            .log = log};
}

static struct job_head one_job(struct fixture *fx)
{
    fx_lane(fx, 1, "default", "mail");
    uint64_t id = fx_submit(fx, 1, 1, "a")->submit.first_id;
    fx_commit(fx);
    return (struct job_head){.id = id,
                             .seq = id,
                             .created_ms = fx->wall_ms,
                             .due_ms = fx->wall_ms,
                             .lane = 1,
                             .run = 1,
                             .priority = PRIORITY_DEFAULT,
                             .state = JOB_READY};
}

static void a_page_shows_what_stands_before_it(void **state)
{
    struct fixture *fx = *state;
    struct job_head head = one_job(fx);
    fx_submit(fx, 1, 1, "b");
    struct op *op = fx_op(fx, OP_PAGE);
    op->page = (__typeof__(op->page)){.lane = 1, .priority = PRIORITY_DEFAULT, .max_rows = 10};
    fx_end(fx, head.id, 1, JOB_CANCELLED);
    op = fx_op(fx, OP_PAGE);
    op->page = (__typeof__(op->page)){.lane = 1, .priority = PRIORITY_DEFAULT, .max_rows = 10};
    fx_submit(fx, 1, 1, "c");
    fx_commit(fx);
    const struct op *ops = fx->b->ops;
    assert_int_equal(ops[1].page.count, 2);
    assert_int_equal(ops[1].page.records[0].head.id, head.id);
    assert_int_equal(ops[3].page.count, 1);
    assert_true(text_is(ops[3].page.records[0].args, "b0"));
    blob_unref(ops[1].page.page);
    blob_unref(ops[3].page.page);
}

/* Several batches are one transaction, in their order. */
static void a_group_is_carried_out_in_order(void **state)
{
    struct fixture *fx = *state;
    struct job_head head = one_job(fx);
    struct batch *group[2] = {batch_new(), batch_new()};
    struct op *op = batch_op(group[0], OP_PAGE);
    op->page = (__typeof__(op->page)){.lane = 1, .priority = PRIORITY_DEFAULT, .max_rows = 10};
    struct end_row row = {.id = head.id,
                          .seq = head.id,
                          .lane = 1,
                          .run = 1,
                          .priority = PRIORITY_DEFAULT,
                          .state = JOB_COMPLETED};
    op = batch_op(group[0], OP_END);
    op->end.rows = &row;
    op->end.count = 1;
    op = batch_op(group[1], OP_PAGE);
    op->page = (__typeof__(op->page)){.lane = 1, .priority = PRIORITY_DEFAULT, .max_rows = 10};
    for (int i = 0; i < 2; i++) {
        group[i]->wall_ms = fx->wall_ms;
        group[i]->id_high = fx->id;
    }
    assert_int_equal(store_commit(fx->store, group, 2, fx->why, sizeof(fx->why)), 0);
    assert_int_equal(group[0]->ops[0].page.count, 1);
    assert_int_equal(group[1]->ops[0].page.count, 0);
    assert_true(group[0]->disk_used > 0 && group[1]->disk_free > 0);
    blob_unref(group[0]->ops[0].page.page);
    blob_unref(group[1]->ops[0].page.page);
    batch_free(group[0]);
    batch_free(group[1]);
}

static void a_page_ends_by_rows_and_bytes(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = fx_submit(fx, 1, 10, "0123456789")->submit.first_id;
    struct op *op = fx_submit(fx, 1, 1, "p0");
    op->submit.priority = 0;
    fx_commit(fx);
    struct op page = fx_page(fx, 1, PRIORITY_DEFAULT, 0, 4);
    assert_int_equal(page.page.count, 4);
    assert_false(page.page.end);
    assert_int_equal(page.page.last, first + 3 * 256);
    blob_unref(page.page.page);
    page = fx_page(fx, 1, PRIORITY_DEFAULT, page.page.last, 100);
    assert_int_equal(page.page.count, 6);
    assert_true(page.page.end);
    blob_unref(page.page.page);
    op = fx_op(fx, OP_PAGE);
    op->page.lane = 1;
    op->page.priority = PRIORITY_DEFAULT;
    op->page.max_rows = 100;
    op->page.max_bytes = 20;
    fx_commit(fx);
    assert_int_equal(op->page.count, 2);
    assert_false(op->page.end);
    blob_unref(op->page.page);
    page = fx_page(fx, 1, 1, 0, 4);
    assert_int_equal(page.page.count, 0);
    assert_true(page.page.end);
    blob_unref(page.page.page);
}

static void expect_first_row(struct fixture *fx, const struct job_head *head)
{
    struct op page = fx_page(fx, 1, PRIORITY_DEFAULT, 0, 10);
    assert_int_equal(page.page.count, 1);
    assert_int_equal(page.page.records[0].head.id, head->id);
    assert_int_equal(page.page.records[0].head.seq, head->seq);
    assert_int_equal(page.page.records[0].head.run, head->run);
    assert_true(text_is(page.page.records[0].args, "a0"));
    blob_unref(page.page.page);
}

static void a_retry_gets_a_row_by_id(void **state)
{
    struct fixture *fx = *state;
    struct job_head head = one_job(fx);
    struct attempt a = attempt_of(1, "exit_1", slice_str("log"));
    head.state = JOB_SCHEDULED;
    head.due_ms += 15000;
    head.delay_ms = 15000;
    head.run = 2;
    head.failures = head.attempts = 1;
    struct op *op = fx_update(fx, &head);
    op->update.cause = CAUSE_FAILED;
    op->update.attempt = &a;
    op->update.want = true;
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    assert_true(text_is(op->update.record->args, "a0"));
    assert_int_equal(op->update.record->head.flags, JOB_HAS_ROW);
    blob_unref(op->update.page);
    fx_reopen(fx);
    assert_int_equal(fx_rows(fx, TABLE_READY), 0);
    assert_int_equal(fx_rows(fx, TABLE_DUE), 1);
    struct queue_counters c = fx_counters(fx, "default");
    assert_int_equal(c.scheduled, 1);
    assert_int_equal(c.ready, 0);
    assert_int_equal(c.failed, 1);

    head.state = JOB_READY;
    head.seq = fx_draw(fx, 1);
    fx_update(fx, &head);
    fx_commit(fx);
    assert_int_equal(fx_rows(fx, TABLE_DUE), 0);
    expect_first_row(fx, &head);

    struct end_row *r = fx_end(fx, head.id, 1, JOB_COMPLETED);
    r->run = 2;
    r->result = slice_str("42");
    r->flags = JOB_HAS_ROW;
    fx_commit(fx);
    fx_reopen(fx);
    assert_int_equal(fx_rows(fx, TABLE_JOB), 0);
    assert_int_equal(fx_rows(fx, TABLE_READY), 0);
    assert_int_equal(fx_rows(fx, TABLE_ATTEMPT), 0);
    op = fx_op(fx, OP_JOBS);
    op->jobs.ids = &head.id;
    op->jobs.count = 1;
    fx_commit(fx);
    const struct job_view *v = op->jobs.views;
    assert_int_equal(v->error, 0);
    assert_int_equal(v->head.state, JOB_COMPLETED);
    assert_int_equal(v->head.failures, 1);
    assert_true(text_is(v->result, "42"));
    assert_int_equal(v->attempt_count, 2);
    assert_true(text_is(v->attempts[0].code, "exit_1"));
    assert_true(text_is(v->attempts[0].log, "log"));
    assert_int_equal(v->attempts[0].exit_status, 1);
    assert_int_equal(v->attempts[1].number, 2);
    assert_int_equal(v->attempts[1].outcome, ATTEMPT_COMPLETED);
    assert_true(text_is(v->attempts[1].worker, "worker-1"));
    blob_unref(op->jobs.page);
    c = fx_counters(fx, "default");
    assert_int_equal(c.completed, 1);
    assert_int_equal(c.ready, 0);
    fx_verify(fx);
}

static void an_update_of_a_job_that_is_gone_says_so(void **state)
{
    struct fixture *fx = *state;
    struct job_head head = one_job(fx);
    fx_end(fx, head.id, 1, JOB_CANCELLED);
    struct op *op = fx_update(fx, &head);
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_ENOTFOUND);
    assert_int_equal(fx_rows(fx, TABLE_JOB), 0);
    assert_int_equal(fx_rows(fx, TABLE_READY), 0);
    assert_int_equal(fx_counters(fx, "default").ready, 0);
}

static void an_end_counts_once(void **state)
{
    struct fixture *fx = *state;
    struct job_head head = one_job(fx);
    fx_end(fx, head.id, 1, JOB_COMPLETED);
    fx_end(fx, head.id, 1, JOB_COMPLETED);
    fx_commit(fx);
    fx_end(fx, head.id, 1, JOB_COMPLETED)->flags = JOB_HAS_ROW;
    fx_commit(fx);
    assert_int_equal(fx_counters(fx, "default").completed, 1);
}

static void attempts_keep_the_last_log_whole(void **state)
{
    struct fixture *fx = *state;
    struct job_head head = one_job(fx);
    static uint8_t log[LOG_LAST_BYTES + 100];
    memset(log, 'l', sizeof(log));
    log[sizeof(log) - 1] = '!';
    for (uint32_t n = 1; n <= ATTEMPTS_KEPT + 20; n++) {
        struct attempt a = attempt_of(n, "c", slice_of(log, sizeof(log)));
        head.failures = head.attempts = n;
        head.run = n + 1;
        struct op *op = fx_update(fx, &head);
        op->update.attempt = &a;
        op->update.cause = CAUSE_FAILED;
        fx_commit(fx);
    }
    struct op show = fx_jobs(fx, head.id);
    const struct job_view *v = show.jobs.views;
    assert_int_equal(v->attempt_count, ATTEMPTS_KEPT);
    assert_int_equal(v->attempts[0].number, 21);
    assert_int_equal(v->attempts[0].log.len, LOG_EARLIER_BYTES);
    assert_int_equal(v->attempts[0].log.data[LOG_EARLIER_BYTES - 1], '!');
    assert_int_equal(v->attempts[ATTEMPTS_KEPT - 1].log.len, LOG_LAST_BYTES);
    blob_unref(show.jobs.page);
    assert_int_equal(fx_counters(fx, "default").failed, ATTEMPTS_KEPT + 20);
    fx_end(fx, head.id, 1, JOB_CANCELLED)->flags = JOB_HAS_ROW;
    fx_commit(fx);
    assert_int_equal(fx_rows(fx, TABLE_ATTEMPT), 0);
}

static void parked_jobs_are_told_and_kept(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 1, "a");
    memset(op->submit.spec->notify, 7, SESSION_ID_BYTES);
    op->submit.flags = JOB_NOTIFY;
    fx_session(op, 7, 1, 0);
    struct job_head head = {.id = op->submit.first_id,
                            .seq = op->submit.first_id,
                            .created_ms = fx->wall_ms,
                            .due_ms = fx->wall_ms,
                            .lane = 1,
                            .run = 2,
                            .flags = JOB_NOTIFY,
                            .failures = 1,
                            .attempts = 1,
                            .priority = PRIORITY_DEFAULT,
                            .state = JOB_PARKED};
    fx_commit(fx);
    struct attempt a = attempt_of(1, "exit_65", SLICE_EMPTY);
    op = fx_update(fx, &head);
    op->update.attempt = &a;
    op->update.cause = CAUSE_FAILED;
    fx_commit(fx);
    assert_int_equal(op->update.done_number, 1);
    fx_reopen(fx);
    struct queue_counters c = fx_counters(fx, "default");
    assert_int_equal(c.parked, 1);
    assert_int_equal(c.parked_total, 1);
    assert_true(fx->store->parked_bytes > 0);
    op = fx_op(fx, OP_DONE);
    memset(op->done.session, 7, SESSION_ID_BYTES);
    op->done.limit = 10;
    fx_commit(fx);
    assert_int_equal(op->done.count, 1);
    assert_int_equal(op->done.rows[0].id, head.id);
    assert_int_equal(op->done.rows[0].state, JOB_PARKED);
    assert_true(text_is(op->done.rows[0].code, "exit_65"));
    blob_unref(op->done.page);

    /* A late result ends it; the session has been told already. */
    struct end_row *r = fx_end(fx, head.id, 1, JOB_COMPLETED);
    r->flags = JOB_HAS_ROW | JOB_NOTIFY;
    fx_commit(fx);
    assert_int_equal(r->done_number, 0);
    assert_int_equal(fx_rows(fx, TABLE_PARKED), 0);
    assert_int_equal(fx_rows(fx, TABLE_PARKED_AT), 0);
    assert_int_equal(fx->store->parked_bytes, 0);
    assert_int_equal(fx_counters(fx, "default").parked, 0);
    assert_int_equal(fx_rows(fx, TABLE_DONE), 1);
}

static void ends_are_numbered_and_taken(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 3, "a");
    memset(op->submit.spec->notify, 7, SESSION_ID_BYTES);
    op->submit.flags = JOB_NOTIFY;
    fx_session(op, 7, 1, 0);
    uint64_t first = op->submit.first_id;
    fx_commit(fx);
    for (uint64_t i = 0; i < 3; i++) {
        struct end_row *r = fx_end(fx, first + i * 256, 1, JOB_COMPLETED);
        r->flags = JOB_NOTIFY;
        r->result = slice_str("r");
        fx_commit(fx);
        assert_int_equal(r->done_number, i + 1);
    }
    fx_reopen(fx);
    op = fx_op(fx, OP_DONE_TAKEN);
    memset(op->done.session, 7, SESSION_ID_BYTES);
    op->done.number = 2;
    op = fx_op(fx, OP_DONE);
    memset(op->done.session, 7, SESSION_ID_BYTES);
    op->done.limit = 10;
    op = fx_op(fx, OP_CLIENT);
    memset(op->client.session, 7, SESSION_ID_BYTES);
    fx_commit(fx);
    assert_int_equal(op->client.done_taken, 2);
    assert_int_equal(op->client.done_last, 3);
    op = &fx->b->ops[1];
    assert_int_equal(op->done.count, 1);
    assert_int_equal(op->done.rows[0].number, 3);
    assert_true(text_is(op->done.rows[0].result, "r"));
    blob_unref(op->done.page);
    op = fx_op(fx, OP_CLIENT_DROP);
    memset(op->client.session, 7, SESSION_ID_BYTES);
    fx_commit(fx);
    assert_int_equal(fx_rows(fx, TABLE_DONE), 0);
}

/* The same for a job with a row by id, and across a group that is carried out twice. */
static void ends_of_retried_jobs_are_told_once(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 1, "a");
    memset(op->submit.spec->notify, 7, SESSION_ID_BYTES);
    op->submit.flags = JOB_NOTIFY;
    op->submit.state = JOB_SCHEDULED;
    op->submit.due_ms = fx->wall_ms;
    fx_session(op, 7, 1, 0);
    uint64_t id = op->submit.first_id;
    fx_commit(fx);
    struct end_row *r = fx_end(fx, id, 1, JOB_CANCELLED);
    r->flags = JOB_NOTIFY | JOB_HAS_ROW;
    r->code = slice_str("cancelled");
    engine_fault(fx->engine, FAULT_COMMIT, 1, 1, MUSTER_ENOSPACE);
    fx_commit(fx);
    assert_int_equal(r->done_number, 1);
    op = fx_op(fx, OP_DONE);
    memset(op->done.session, 7, SESSION_ID_BYTES);
    op->done.limit = 10;
    fx_commit(fx);
    assert_int_equal(op->done.count, 1);
    assert_int_equal(op->done.rows[0].state, JOB_CANCELLED);
    assert_true(text_is(op->done.rows[0].code, "cancelled"));
    blob_unref(op->done.page);
}

static void an_end_for_a_session_that_is_gone_is_not_kept(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 1, "a");
    memset(op->submit.spec->notify, 7, SESSION_ID_BYTES);
    op->submit.flags = JOB_NOTIFY;
    uint64_t id = op->submit.first_id;
    fx_commit(fx);
    struct end_row *r = fx_end(fx, id, 1, JOB_COMPLETED);
    r->flags = JOB_NOTIFY;
    fx_commit(fx);
    assert_int_equal(r->done_number, 0);
    assert_int_equal(fx_rows(fx, TABLE_DONE), 0);
    assert_int_equal(fx_counters(fx, "default").completed, 1);
}

static void deleting_leaves_no_history(void **state)
{
    struct fixture *fx = *state;
    struct job_head head = one_job(fx);
    fx_end(fx, head.id, 1, JOB_STATE_COUNT);
    fx_commit(fx);
    struct op show = fx_jobs(fx, head.id);
    assert_int_equal(show.jobs.views[0].error, MUSTER_EGONE);
    blob_unref(show.jobs.page);
    show = fx_jobs(fx, fx->id + 256);
    assert_int_equal(show.jobs.views[0].error, MUSTER_ENOTFOUND);
    blob_unref(show.jobs.page);
    assert_int_equal(fx_rows(fx, TABLE_HISTORY), 0);
    assert_int_equal(fx_counters(fx, "default").ready, 0);
}

static void put_worker(struct fixture *fx, uint8_t session, bool lapsed, bool drop)
{
    struct op *op = fx_op(fx, OP_WORKER);
    memset(op->worker.session, session, SESSION_ID_BYTES);
    op->worker.name = slice_str("w");
    op->worker.lapsed = lapsed;
    op->worker.drop = drop;
    op->worker.results_next = 5;
}

static void a_start_knows_what_may_be_out(void **state)
{
    struct fixture *fx = *state;
    struct job_head head = one_job(fx);
    uint64_t first = fx_submit(fx, 1, 5, "b")->submit.first_id;
    head.flags |= JOB_SPENT; /* handed out and lost: plainly ready */
    fx_update(fx, &head);
    struct op *op = fx_op(fx, OP_MARK);
    op->mark.lane = 1;
    op->mark.priority = PRIORITY_DEFAULT;
    op->mark.seq = first + 2 * 256;
    put_worker(fx, 1, true, false);
    put_worker(fx, 2, false, false);
    put_worker(fx, 2, false, true);
    op = fx_op(fx, OP_QUEUE);
    op->queue.name = slice_str("default");
    op->queue.paused = true;
    fx_commit(fx);
    fx_reopen(fx);
    struct boot boot = fx_boot(fx);
    assert_int_equal(boot.epoch, 1);
    assert_int_equal(boot.id_high, fx->id);
    assert_int_equal(boot.lane_count, 1);
    assert_true(text_is(boot.lanes[0].queue, "default"));
    assert_true(text_is(boot.lanes[0].kind, "mail"));
    assert_int_equal(boot.queue_count, 1);
    assert_true(boot.queues[0].paused);
    assert_int_equal(boot.queues[0].counters.ready, 6);
    assert_int_equal(boot.mark_count, 1);
    assert_int_equal(boot.marks[0].seq, first + 2 * 256);
    assert_int_equal(boot.worker_count, 1);
    assert_true(boot.workers[0].lapsed);
    assert_int_equal(boot.workers[0].results_next, 5);
    assert_int_equal(boot.doubt_count, 3);
    assert_int_equal(boot.doubt[2].head.id, first + 2 * 256);
    assert_int_equal(boot.doubt[2].args.len, 0);
    boot_free(&boot);
    fx_reopen(fx);
    boot = fx_boot(fx);
    assert_int_equal(boot.epoch, 2);
    boot_free(&boot);
}

static bool lane_is_idle(struct fixture *fx, uint32_t number)
{
    struct op *op = fx_op(fx, OP_IDLE);
    op->idle.lanes = batch_alloc(fx->b, sizeof *op->idle.lanes);
    op->idle.lanes->lane = number;
    op->idle.count = 1;
    fx_commit(fx);
    return op->idle.lanes->empty;
}

static void only_an_empty_lane_is_dropped(void **state)
{
    struct fixture *fx = *state;
    struct job_head head = one_job(fx);
    assert_false(lane_is_idle(fx, 1));
    assert_false(lane_is_idle(fx, 77)); /* there is none */
    struct op *op = fx_op(fx, OP_LANE);
    op->lane.lane = 1;
    op->lane.drop = true;
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_ESTATE);
    head.state = JOB_SCHEDULED;
    fx_update(fx, &head);
    fx_commit(fx);
    op = fx_op(fx, OP_LANE);
    op->lane.lane = 1;
    op->lane.drop = true;
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_ESTATE);
    assert_false(lane_is_idle(fx, 1)); /* it is scheduled */
    fx_end(fx, head.id, 1, JOB_COMPLETED);
    fx_commit(fx);
    assert_true(lane_is_idle(fx, 1));
    op = fx_op(fx, OP_MARK);
    op->mark.lane = 1;
    op->mark.seq = head.seq;
    op = fx_op(fx, OP_LANE);
    op->lane.lane = 1;
    op->lane.drop = true;
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    fx_reopen(fx);
    assert_int_equal(fx_rows(fx, TABLE_MARK), 0);
    assert_int_equal(fx_rows(fx, TABLE_LANE), 0);
    struct op show = fx_jobs(fx, head.id); /* history names it all the same */
    assert_true(text_is(show.jobs.views[0].kind, "mail"));
    blob_unref(show.jobs.page);
    assert_int_equal(fx_counters(fx, "default").completed, 1);
    fx_lane(fx, 1, "default", "other"); /* the number may be used again */
    fx_submit(fx, 1, 1, "z");
    fx_commit(fx);
    show = fx_jobs(fx, fx->id);
    assert_true(text_is(show.jobs.views[0].kind, "other"));
    assert_true(text_is(show.jobs.views[0].args, "z0"));
    blob_unref(show.jobs.page);
}

static void reads_alone_write_nothing(void **state)
{
    struct fixture *fx = *state;
    struct job_head head = one_job(fx);
    engine_fault(fx->engine, FAULT_COMMIT, 1, 1, MUSTER_EIO);
    struct op show = fx_jobs(fx, head.id);
    assert_int_equal(show.jobs.views[0].head.state, JOB_READY);
    blob_unref(show.jobs.page);
    fx_submit(fx, 1, 1, "x");
    assert_int_equal(fx_try_commit(fx), MUSTER_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_page_shows_what_stands_before_it),
        BOTH(a_group_is_carried_out_in_order),
        BOTH(a_page_ends_by_rows_and_bytes),
        BOTH(a_retry_gets_a_row_by_id),
        BOTH(an_update_of_a_job_that_is_gone_says_so),
        BOTH(an_end_counts_once),
        BOTH(attempts_keep_the_last_log_whole),
        BOTH(parked_jobs_are_told_and_kept),
        BOTH(ends_are_numbered_and_taken),
        BOTH(ends_of_retried_jobs_are_told_once),
        BOTH(an_end_for_a_session_that_is_gone_is_not_kept),
        BOTH(deleting_leaves_no_history),
        BOTH(a_start_knows_what_may_be_out),
        BOTH(only_an_empty_lane_is_dropped),
        BOTH(reads_alone_write_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
