/* test_ledger.c: the ledgers of schedules: how they are read, what goes in the end, and what
 * becomes of damage. */
#include "schedules.h"

#include "store/meta.h"

#define ANY 0xffu /* rows of any verdict may be replaced */

static void the_ledger_is_read_from_the_newest(void **state)
{
    struct fixture *fx = *state;
    struct verdict_op *v;
    sx_up(fx);
    sx_put(fx, 2, "two");
    sx_put(fx, 3, "three");
    fx_commit(fx);
    struct op rows = sx_read_ledger(fx, 3, UINT64_MAX, 0, 10);
    assert_int_equal(rows.ledger.count, 0);
    blob_unref(rows.ledger.page);
    for (uint32_t number = 1; number <= 3; number++)
        sx_fill_ledger(fx, number, number, 2500);
    /* It sees what stands before it in its batch. */
    sx_judge(fx, 2, T(9000), VERDICT_SKIPPED, &v);
    rows = sx_read_ledger(fx, 2, UINT64_MAX, 0, 3);
    assert_int_equal(rows.ledger.count, 3);
    assert_true(rows.ledger.more);
    assert_int_equal(rows.ledger.rows[0].nominal_ms, T(9000));
    assert_int_equal(rows.ledger.rows[1].nominal_ms, T(2501));
    blob_unref(rows.ledger.page);
    uint64_t seen = 0, before_ms = T(2501), pages = 0;
    for (bool more = true; more; pages++) {
        rows = sx_read_ledger(fx, 2, before_ms, T(10), UINT32_MAX);
        assert_true(rows.ledger.count <= LEDGER_PAGE);
        for (uint32_t i = 0; i < rows.ledger.count; i++)
            assert_int_equal(rows.ledger.rows[i].nominal_ms, T(2500 - seen++));
        before_ms = rows.ledger.rows[rows.ledger.count - 1].nominal_ms;
        more = rows.ledger.more;
        blob_unref(rows.ledger.page);
    }
    assert_int_equal(seen, 2491);
    assert_int_equal(before_ms, T(10));
    assert_int_equal(pages, 3);
    rows = sx_read_ledger(fx, 2, T(2), 0, 10); /* below the first */
    assert_int_equal(rows.ledger.count, 0);
    assert_false(rows.ledger.more);
    blob_unref(rows.ledger.page);
    sx_done(fx);
}

static void old_rows_go_a_few_at_a_time(void **state)
{
    struct fixture *fx = *state;
    struct verdict_op *v;
    sx_up(fx);
    sx_put(fx, 2, "two");
    fx_commit(fx);
    sx_fill_ledger(fx, 1, 1, 10);
    sx_fill_ledger(fx, 2, 1, 10);
    uint64_t old_ms = fx->wall_ms;
    fx->wall_ms += 1000;
    static const uint64_t left[] = {7, 4, 5, 6, 7};
    for (uint32_t i = 0; i < 5; i++) {
        sx_judge(fx, 1, T(20 + i), VERDICT_MISSED, &v);
        v->keep_ms = old_ms + 1;
        fx_commit(fx);
        assert_int_equal(fx_rows(fx, TABLE_LEDGER), 10 + left[i]);
        if (i == 1) { /* a young row stands in front of old ones */
            sx_judge(fx, 1, T(9), VERDICT_SKIPPED, &v);
            v->over = ANY;
            fx_commit(fx);
        }
    }
    struct op rows = sx_read_ledger(fx, 1, UINT64_MAX, 0, 10);
    assert_int_equal(rows.ledger.rows[rows.ledger.count - 1].nominal_ms, T(9));
    blob_unref(rows.ledger.page);
    sx_done(fx);
}

static void a_dropped_ledger_goes_slice_by_slice(void **state)
{
    struct fixture *fx = *state;
    sx_up(fx);
    sx_put(fx, 2, "two");
    sx_put(fx, 3, "three");
    sx_put(fx, 4, "four");
    fx_commit(fx);
    sx_fill_ledger(fx, 1, 1, 100);
    sx_fill_ledger(fx, 2, 1, 3300);
    sx_fill_ledger(fx, 4, 1, 100);
    sx_drop(fx, 2);
    sx_drop(fx, 3);
    fx_commit(fx);
    uint64_t before = fx_rows(fx, TABLE_LEDGER);
    assert_true(before >= 2500 && before < 3500);
    struct op rows = sx_read_ledger(fx, 2, UINT64_MAX, 0, 10);
    assert_int_equal(rows.ledger.count, 0);
    blob_unref(rows.ledger.page);
    for (int i = 0; i < 6; i++) {
        fx_verify(fx);
        fx_reopen(fx); /* a start finds what is left */
        sx_set_state(fx, 1, false, 0);
        fx_commit(fx);
        uint64_t now = fx_rows(fx, TABLE_LEDGER);
        assert_true(before - now <= 2000);
        assert_true(now < before || now == 200);
        before = now;
    }
    assert_int_equal(before, 200);
    assert_int_equal(fx_rows(fx, TABLE_SCHEDULE_GONE), 0);
    assert_int_equal(fx_rows(fx, TABLE_SCHEDULE), 2);
    assert_int_equal(fx_rows(fx, TABLE_SCHEDULE_STATE), 2);
    sx_done(fx);
}

/* ---- damage, here and in the other tables of schedules ---- */

/* A record whose checksum is right, and that no one can have written. */
static void put_nonsense(struct fixture *fx, enum table table, struct slice key, size_t bytes)
{
    struct buf b;
    struct enc e;
    buf_init(&b, 4096);
    assert_int_equal(frame_begin(&b, 64, &e), 0);
    for (size_t i = 0; i < bytes; i++)
        enc_u8(&e, 0xff);
    frame_end(&b, &e, table, key);
    assert_int_equal(engine_begin(fx->engine), 0);
    assert_int_equal(engine_put(fx->engine, table, key, buf_slice(&b), PUT_SET), 0);
    assert_int_equal(engine_commit(fx->engine), 0);
    buf_fini(&b);
}

static int boot_error(struct fixture *fx)
{
    struct boot boot;
    int error = store_boot(fx->store, &boot, fx->why, sizeof(fx->why));
    if (!error)
        boot_free(&boot);
    return error;
}

static int chain_error(struct fixture *fx)
{
    sx_chain(fx, 1, T(0), T(1), VERDICT_MISSED);
    return fx_try_commit(fx);
}

static int ledger_error(struct fixture *fx)
{
    struct op *op = fx_op(fx, OP_LEDGER);
    op->ledger.schedule = 1;
    op->ledger.before_ms = UINT64_MAX;
    op->ledger.limit = 10;
    return fx_try_commit(fx);
}

static int trim_error(struct fixture *fx)
{
    struct verdict_op *v;
    sx_judge(fx, 1, T(2), VERDICT_MISSED, &v);
    v->keep_ms = 1;
    return fx_try_commit(fx);
}

static int sweep_error(struct fixture *fx)
{
    sx_set_state(fx, 1, true, 0);
    return fx_try_commit(fx);
}

static void damage_is_said(void **state)
{
    struct fixture *fx = *state;
    bool lmdb = fx->lmdb;
    static const struct {
        enum table table;
        size_t key_bytes; /* of (1, T(1)) */
        int (*use)(struct fixture *);
    } rows[] = {
        {TABLE_SCHEDULE, 4, boot_error},        {TABLE_SCHEDULE_STATE, 4, boot_error},
        {TABLE_SCHEDULE_STATE, 4, chain_error}, {TABLE_SCHEDULE_STATE, 4, ledger_error},
        {TABLE_LEDGER, 12, chain_error},        {TABLE_LEDGER, 12, ledger_error},
        {TABLE_LEDGER, 12, trim_error},         {TABLE_SCHEDULE_GONE, 12, sweep_error},
    };
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        fixture_down(state);
        (void)(lmdb ? fixture_lmdb(state) : fixture_memory(state));
        fx = *state;
        sx_up(fx);
        struct key k;
        struct slice key = key_ledger(&k, 1, T(1));
        put_nonsense(fx, rows[i / 2].table, slice_of(key.data, rows[i / 2].key_bytes),
                     i % 2 ? 40 : 1);
        assert_int_equal(fx_try_verify(fx), MUSTER_EDAMAGED);
        assert_int_equal(rows[i / 2].use(fx), MUSTER_EDAMAGED);
        assert_non_null(strstr(fx->why, table_name(rows[i / 2].table)));
    }
}

static void take_row(struct fixture *fx, enum table table)
{
    struct key k;
    assert_int_equal(engine_begin(fx->engine), 0);
    assert_int_equal(engine_del(fx->engine, table, key_u32(&k, 1)), 0);
    assert_int_equal(engine_commit(fx->engine), 0);
}

static void what_is_missing_is_said(void **state)
{
    struct fixture *fx = *state;
    bool lmdb = fx->lmdb;
    for (int i = 0; i < 3; i++) {
        fixture_down(state);
        (void)(lmdb ? fixture_lmdb(state) : fixture_memory(state));
        fx = *state;
        sx_up(fx);
        sx_chain(fx, 1, T(0), T(1), VERDICT_MISSED);
        fx_commit(fx);
        if (i == 0) {
            take_row(fx, TABLE_SCHEDULE_STATE);
            assert_int_equal(boot_error(fx), MUSTER_EDAMAGED);
        } else if (i == 1) {
            take_row(fx, TABLE_SCHEDULE);
        } else {
            assert_int_equal(engine_begin(fx->engine), 0);
            assert_int_equal(meta_put_number(fx->store, META_SCHEDULE_HIGH, 0), 0);
            assert_int_equal(engine_commit(fx->engine), 0);
        }
        assert_int_equal(fx_try_verify(fx), MUSTER_EDAMAGED);
    }
}

static void two_of_one_name_are_said(void **state)
{
    struct fixture *fx = *state;
    sx_up(fx);
    sx_put(fx, 2, "daily");
    fx_commit(fx);
    assert_int_equal(fx_try_verify(fx), MUSTER_EDAMAGED);
    assert_non_null(strstr(fx->why, "schedule 1 has the same name"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(the_ledger_is_read_from_the_newest),
        BOTH(old_rows_go_a_few_at_a_time),
        BOTH(a_dropped_ledger_goes_slice_by_slice),
        BOTH(damage_is_said),
        BOTH(what_is_missing_is_said),
        BOTH(two_of_one_name_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
