/* test_full.c: a disk that is full, or nearly; and what is fatal. */
#include "fixture.h"

static int submit_result(struct fixture *fx, const char *prefix)
{
    struct op *op = fx_submit(fx, 1, 1, prefix);
    fx_commit(fx);
    return op->result;
}

/* A group with everything in it, so that each sort of operation is undone and done again. */
static void mixed_group(struct fixture *fx, uint64_t done, uint64_t retried)
{
    struct op *op = fx_submit(fx, 1, 1, "new");
    fx_session(op, 7, 1, 0);
    fx_end(fx, done, 1, JOB_COMPLETED);
    struct job_head head = {.id = retried,
                            .seq = retried,
                            .created_ms = fx->wall_ms,
                            .due_ms = fx->wall_ms,
                            .lane = 1,
                            .run = 2,
                            .failures = 1,
                            .priority = PRIORITY_DEFAULT,
                            .state = JOB_SCHEDULED};
    op = fx_update(fx, &head);
    op->update.want = true;
    op->update.cause = CAUSE_FAILED;
    op = fx_op(fx, OP_PAGE);
    op->page.lane = 1;
    op->page.priority = PRIORITY_DEFAULT;
    op->page.max_rows = 10;
    op = fx_op(fx, OP_LIST);
    op->list.state = -1;
    op->list.limit = 10;
    fx_op(fx, OP_QUEUES);
    op = fx_op(fx, OP_JOBS);
    op->jobs.ids = batch_alloc(fx->b, sizeof(uint64_t));
    memcpy((void *)(uintptr_t)op->jobs.ids, &done, sizeof(done));
    op->jobs.count = 1;
    op = fx_op(fx, OP_DUE);
    op->due.max_rows = 10;
}

static void release(const struct op *ops)
{
    blob_unref(ops[2].update.page);
    blob_unref(ops[3].page.page);
    blob_unref(ops[4].list.page);
    blob_unref(ops[5].queues.page);
    blob_unref(ops[6].jobs.page);
    blob_unref(ops[7].due.page);
}

static void full_at(struct fixture *fx, enum fault_point point, uint32_t after)
{
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = fx_submit(fx, 1, 3, "a")->submit.first_id;
    fx_commit(fx);
    mixed_group(fx, first, first + 256);
    engine_fault(fx->engine, point, after, 1, MUSTER_ENOSPACE);
    fx_commit(fx);
    const struct op *ops = fx->b->ops;
    assert_int_equal(fx->engine->faults[point].after, 0);
    assert_int_equal(ops[0].result, MUSTER_ENOSPACE);
    assert_int_equal(ops[2].result, 0);
    assert_true(text_is(ops[2].update.record->args, "a1"));
    assert_int_equal(ops[3].page.count, 1);
    assert_int_equal(ops[3].page.records[0].head.id, first + 512);
    assert_int_equal(ops[4].list.count, 3);
    assert_int_equal(ops[5].queues.infos[0].counters.completed, 1);
    assert_int_equal(ops[5].queues.infos[0].counters.submitted, 3);
    assert_int_equal(ops[6].jobs.views[0].head.state, JOB_COMPLETED);
    assert_int_equal(ops[7].due.count, 1);
    release(ops);
    fx_reopen(fx);
    struct queue_counters c = fx_counters(fx, "default");
    assert_int_equal(c.submitted, 3);
    assert_int_equal(c.completed, 1);
    assert_int_equal(c.failed, 1);
    assert_int_equal(c.ready, 1);
    assert_int_equal(c.scheduled, 1);
    assert_int_equal(fx_rows(fx, TABLE_SUBMITTED), 0);
    fx_verify(fx);
    assert_int_equal(submit_result(fx, "later"), 0);
}

static void full_in_a_commit(void **state)
{
    full_at(*state, FAULT_COMMIT, 1);
}

static void full_in_the_first_write(void **state)
{
    full_at(*state, FAULT_PUT, 1);
}

static void full_in_a_later_write(void **state)
{
    full_at(*state, FAULT_PUT, 6);
}

static void full_twice_is_fatal(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = fx_submit(fx, 1, 3, "a")->submit.first_id;
    fx_commit(fx);
    mixed_group(fx, first, first + 256);
    engine_fault(fx->engine, FAULT_COMMIT, 1, 2, MUSTER_ENOSPACE);
    assert_int_equal(fx_try_commit(fx), MUSTER_ENOSPACE);
    for (uint32_t i = 0; i < fx->b->op_count; i++)
        assert_null(fx->b->ops[i].type == OP_PAGE ? fx->b->ops[i].page.page : NULL);
    fx_op(fx, OP_QUEUES);
    assert_int_equal(fx_try_commit(fx), MUSTER_EIO);
    fx_reopen(fx); /* a fresh start finds what was there before */
    assert_int_equal(fx_counters(fx, "default").ready, 3);
    assert_int_equal(fx_counters(fx, "default").completed, 0);
}

static void a_failed_write_is_fatal(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    for (int point = FAULT_PUT; point <= FAULT_COMMIT; point++) {
        fx_submit(fx, 1, 1, "a");
        engine_fault(fx->engine, (enum fault_point)point, 1, 1, MUSTER_EIO);
        assert_int_equal(fx_try_commit(fx), MUSTER_EIO);
        assert_true(fx->why[0]);
        fx_op(fx, OP_QUEUES);
        assert_int_equal(fx_try_commit(fx), MUSTER_EIO);
        fx_reopen(fx);
        assert_int_equal(fx_rows(fx, TABLE_READY), 0);
    }
}

static void below_the_reserve_ends_go_on(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = fx_submit(fx, 1, 3, "a")->submit.first_id;
    fx_commit(fx);
    engine_fault(fx->engine, FAULT_ROOM, 1, 2, MUSTER_ENOSPACE);
    assert_int_equal(submit_result(fx, "b"), MUSTER_EDISK_RESERVE);
    fx_end(fx, first, 1, JOB_COMPLETED);
    fx_commit(fx);
    assert_int_equal(fx_counters(fx, "default").completed, 1);
    assert_int_equal(submit_result(fx, "b"), 0);
}

/* What is free but kept for completions is not for submits. */
static void the_reserve_is_kept(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    fx->store->options.disk_reserve = UINT64_MAX / 2;
    assert_int_equal(submit_result(fx, "b"), MUSTER_EDISK_RESERVE);
    fx->store->options.disk_reserve = 0;
    assert_int_equal(submit_result(fx, "b"), 0);
}

/* A real bound: a small map (LMDB) or capacity (memory). Fill it, then end everything. */
static void a_full_store_drains(void **state)
{
    struct fixture *fx = *state;
    struct store_options options = fx->options;
    options.map_bytes = 12u << 20;
    options.disk_reserve = 4u << 20;
    if (!fx->lmdb) { /* its capacity is set when it is made */
        engine_destroy(store_detach(&fx->store));
        fx->engine = NULL;
        fx->options = options;
        assert_int_equal(engine_mem(&fx->engine, options.map_bytes), 0);
        assert_int_equal(
            store_open_engine(&fx->store, fx->engine, &options, fx->why, sizeof(fx->why)), 0);
    } else {
        fx_reopen_with(fx, &options);
    }
    fx_lane(fx, 1, "default", "mail");
    static uint64_t ids[20000];
    uint32_t count = 0;
    for (;;) {
        struct op *op = fx_submit(fx, 1, 16, "a payload of some length, so that it fills sooner ");
        ids[count] = op->submit.first_id;
        fx_commit(fx);
        if (op->result) {
            assert_int_equal(op->result, MUSTER_EDISK_RESERVE);
            break;
        }
        assert_true(++count < 20000);
    }
    assert_true(count > 50);
    for (uint32_t i = 0; i < count; i++) {
        for (uint64_t n = 0; n < 16; n++)
            fx_end(fx, ids[i] + n * 256, 1, JOB_COMPLETED)->result = slice_str("ok");
        fx_commit(fx);
    }
    struct queue_counters c = fx_counters(fx, "default");
    assert_int_equal(c.completed, count * 16);
    assert_int_equal(c.ready, 0);
    fx->wall_ms += 2 * fx->options.retain_age_ms; /* history goes, and makes room */
    for (int i = 0; i < 200; i++)
        fx_lane(fx, 2, "default", "mail2"), fx_end(fx, 1, 1, JOB_COMPLETED);
    fx_verify(fx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(full_in_a_commit),        BOTH(full_in_the_first_write),
        BOTH(full_in_a_later_write),   BOTH(full_twice_is_fatal),
        BOTH(a_failed_write_is_fatal), BOTH(below_the_reserve_ends_go_on),
        BOTH(the_reserve_is_kept),     BOTH(a_full_store_drains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
