/* test_schedules.c: schedules, the chain of their nominal times, rows that stand, a run and its row
 * together or neither, and what a start knows. */
#include "schedules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define JOB_ID 77

/* ---- definitions and states ---- */

static void definitions_are_kept_and_replaced(void **state)
{
    struct fixture *fx = *state;
    sx_up(fx);
    sx_set_state(fx, 1, true, T(5));
    struct op *op = sx_set_state(fx, 9, true, T(5));
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_ENOTFOUND);
    sx_put(fx, 1, "daily");
    fx->b->ops[0].schedule.definition = slice_str("every minute");
    sx_put(fx, 70000, "other");
    fx_commit(fx);
    fx_reopen(fx);
    struct boot_schedule b = sx_booted(fx, 1);
    assert_true(text_is(b.name, "daily"));
    assert_true(text_is(b.source, "file"));
    assert_true(text_is(b.definition, "every minute"));
    assert_true(b.paused);
    assert_int_equal(b.through_ms, T(5));
    assert_int_equal(b.waiting_ms, 0);
    assert_int_equal(b.run_count, 0);
    assert_int_equal(b.last.judged_ms, 0);
    /* Owed from earlier changes nothing. */
    sx_set_state(fx, 1, false, T(3));
    fx_commit(fx);
    b = sx_booted(fx, 1);
    assert_false(b.paused);
    assert_int_equal(b.through_ms, T(5));
    assert_int_equal(sx_booted(fx, 70000).through_ms, 0);
    sx_done(fx);
}

static void a_number_is_never_given_again(void **state)
{
    struct fixture *fx = *state;
    sx_up(fx);
    sx_put(fx, 8, "eight");
    fx_commit(fx);
    struct op *op = sx_drop(fx, 8);
    sx_drop(fx, 5);
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    assert_int_equal(fx->b->ops[1].result, MUSTER_ENOTFOUND);
    fx_reopen(fx);
    struct boot boot = fx_boot(fx);
    assert_int_equal(boot.schedule_high, 8);
    assert_int_equal(boot.schedule_count, 1);
    assert_int_equal(boot.schedules[0].number, 1);
    boot_free(&boot);
    sx_done(fx);
    sx_drop(fx, 1);
    sx_put(fx, 1, "again");
    assert_int_equal(fx_try_commit(fx), MUSTER_EINVAL);
    assert_non_null(strstr(fx->why, "another's"));
}

static void large_definitions_are_kept(void **state)
{
    struct fixture *fx = *state;
    size_t size = 300000;
    char *text = malloc(size);
    memset(text, 'x', size);
    for (uint32_t n = 1; n <= 10; n++) {
        char name[8];
        snprintf(name, sizeof(name), "s%u", (unsigned)n);
        sx_put(fx, n, name);
        fx->b->ops[0].schedule.definition = slice_of(text, size - n);
        fx_commit(fx);
    }
    fx_reopen(fx);
    struct boot_schedule b = sx_booted(fx, 10);
    assert_int_equal(b.definition.len, size - 10);
    assert_memory_equal(b.definition.data, text, size - 10);
    free(text);
    sx_done(fx);
}

/* ---- verdicts ---- */

static void a_chain_goes_on_from_where_it_stands(void **state)
{
    struct fixture *fx = *state;
    sx_up(fx);
    struct op *op = sx_chain(fx, 1, T(0), T(1), VERDICT_MISSED);
    sx_chain(fx, 1, T(1), T(3), VERDICT_SKIPPED); /* sees what is before it in the batch */
    sx_chain(fx, 1, T(1), T(4), VERDICT_MISSED);  /* another was faster */
    sx_chain(fx, 1, T(3), T(3), VERDICT_MISSED);  /* stands still */
    sx_chain(fx, 1, T(3), T(2), VERDICT_MISSED);  /* goes back */
    sx_chain(fx, 2, T(0), T(1), VERDICT_MISSED);  /* there is no such schedule */
    fx_commit(fx);
    const int results[] = {0, 0, MUSTER_ESTATE, MUSTER_ESTATE, MUSTER_ESTATE, MUSTER_ENOTFOUND};
    for (int i = 0; i < 6; i++)
        assert_int_equal(fx->b->ops[i].result, results[i]);
    assert_int_equal(fx_rows(fx, TABLE_LEDGER), 2);
    fx_reopen(fx);
    struct boot_schedule b = sx_booted(fx, 1);
    assert_int_equal(b.through_ms, T(3));
    assert_int_equal(b.last.nominal_ms, T(3));
    assert_int_equal(b.last.verdict, VERDICT_SKIPPED);
    assert_int_equal(b.last.judged_ms, fx->wall_ms);
    /* In the order of the batch also behind a drop. */
    sx_drop(fx, 1);
    op = sx_chain(fx, 1, T(3), T(4), VERDICT_MISSED);
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_ENOTFOUND);
    sx_done(fx);
}

static void rows_stand_unless_they_may_be_replaced(void **state)
{
    struct fixture *fx = *state;
    struct verdict_op *v;
    sx_up(fx);
    sx_chain(fx, 1, T(0), T(1), VERDICT_MISSED);
    sx_chain(fx, 1, T(1), T(2), VERDICT_SKIPPED);
    fx_commit(fx);
    struct op *op = sx_judge(fx, 1, T(1), VERDICT_SKIPPED, &v);
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_EINUSE);
    op = sx_judge(fx, 1, T(2), VERDICT_WAITING, &v);
    v->over = 1u << VERDICT_MISSED | 1u << VERDICT_FIRED | 1u << VERDICT_WAITING;
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_EINUSE);
    op = sx_judge(fx, 1, T(1), VERDICT_SKIPPED, &v);
    v->over = 1u << VERDICT_MISSED;
    v->waiting_ms = T(7); /* of which there is no row */
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    struct boot_schedule b = sx_booted(fx, 1);
    assert_int_equal(b.through_ms, T(2)); /* it was not chained */
    assert_int_equal(b.last.nominal_ms, T(2));
    assert_int_equal(b.waiting_ms, 0);
    struct op rows = sx_read_ledger(fx, 1, UINT64_MAX, 0, 10);
    assert_int_equal(rows.ledger.count, 2);
    assert_int_equal(rows.ledger.rows[1].verdict, VERDICT_SKIPPED);
    blob_unref(rows.ledger.page);
    sx_done(fx);
}

/* A time that was backfilled before the chain came to it: the chain goes on, and that is all. */
static void a_chain_passes_a_row_that_stands(void **state)
{
    struct fixture *fx = *state;
    struct verdict_op *v;
    sx_up(fx);
    sx_judge(fx, 1, T(9), VERDICT_WAITING, &v);
    v->waiting_ms = T(9);
    struct op *op = sx_judge(fx, 1, T(1), VERDICT_SKIPPED, &v);
    v->waiting_ms = T(9);
    fx_commit(fx);
    op = sx_chain_run(fx, 1, T(0), T(1));
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_EINUSE);
    assert_int_equal(fx_rows(fx, TABLE_JOB), 0);
    struct boot_schedule b = sx_booted(fx, 1);
    assert_int_equal(b.through_ms, T(1));
    assert_int_equal(b.last.nominal_ms, T(1));
    assert_int_equal(b.last.verdict, VERDICT_SKIPPED);
    assert_int_equal(b.waiting_ms, T(9));
    assert_int_equal(b.run_count, 0);
    sx_done(fx);
}

static void a_row_for_many_says_so(void **state)
{
    struct fixture *fx = *state;
    struct verdict_op *v;
    sx_up(fx);
    struct op *op = sx_judge(fx, 1, T(50) + NOMINAL_SPAN_MS, VERDICT_MISSED, &v);
    v->chained = true;
    v->previous_ms = T(0);
    v->row.first_ms = T(1);
    v->row.count = 50;
    v->row.job = JOB_ID;
    v->row.reason = REASON_WINDOW;
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    fx_reopen(fx);
    struct ledger_row want = v->row;
    struct op rows = sx_read_ledger(fx, 1, UINT64_MAX, 0, 10);
    assert_int_equal(rows.ledger.count, 1);
    assert_memory_equal(&rows.ledger.rows[0], &want, sizeof(want));
    blob_unref(rows.ledger.page);
    struct boot_schedule b = sx_booted(fx, 1);
    assert_memory_equal(&b.last, &want, sizeof(want));
    sx_done(fx);
}

static void what_cannot_be_a_verdict_is_refused(void **state)
{
    struct fixture *fx = *state;
    struct verdict_op *v;
    sx_up(fx);
    sx_judge(fx, 1, T(1), VERDICT_STORED_COUNT, &v);
    sx_judge(fx, 1, T(1), VERDICT_MISSED, &v);
    v->row.reason = REASON_COUNT;
    sx_judge(fx, 1, T(1), VERDICT_MISSED, &v);
    v->row.judged_ms = 0;
    sx_run(fx, 1, T(1), &v)->submit.flags = 0;
    static const char *const keys[] = {"key"};
    fx_keys(fx, sx_run(fx, 1, T(1), &v), keys);
    fx_commit(fx);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fx->b->ops[i].result, MUSTER_EINVAL);
    assert_int_equal(fx_rows(fx, TABLE_LEDGER), 0);
    assert_int_equal(fx_rows(fx, TABLE_READY), 0);
    sx_done(fx);
}

/* ---- runs ---- */

static void check_run(const struct job_view *v, uint64_t nominal_ms, uint8_t state)
{
    assert_int_equal(v->error, 0);
    assert_int_equal(v->head.state, state);
    assert_true(text_is(v->spec.schedule, "daily"));
    assert_int_equal(v->spec.nominal_ms, nominal_ms);
}

static void a_run_knows_its_schedule_all_its_life(void **state)
{
    struct fixture *fx = *state;
    sx_up(fx);
    struct op *op = sx_chain_run(fx, 1, T(0), T(1));
    op->submit.spec->meta = slice_str("meta");
    uint64_t id = op->submit.first_id;
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    assert_int_equal(fx_rows(fx, TABLE_JOB), 1);
    struct op page = fx_page(fx, 1, PRIORITY_DEFAULT, 0, 10);
    assert_int_equal(page.page.count, 1);
    const struct record *r = &page.page.records[0];
    assert_int_equal(r->head.flags, JOB_SCHEDULE | JOB_HAS_ROW);
    assert_true(text_is(r->spec.schedule, "daily"));
    assert_true(text_is(r->spec.meta, "meta"));
    assert_int_equal(r->spec.nominal_ms, T(1));
    struct job_head head = r->head;
    blob_unref(page.page.page);
    head.run = 2;
    head.state = JOB_SCHEDULED;
    op = fx_update(fx, &head);
    op->update.want = true;
    fx_commit(fx);
    assert_true(text_is(op->update.record->spec.schedule, "daily"));
    assert_true(text_is(op->update.record->spec.meta, "meta"));
    assert_true(text_is(op->update.record->args, "run0"));
    blob_unref(op->update.page);
    struct op show = fx_jobs(fx, id);
    check_run(&show.jobs.views[0], T(1), JOB_SCHEDULED);
    blob_unref(show.jobs.page);
    fx_verify(fx);
    fx_end(fx, id, 1, JOB_COMPLETED)->flags = head.flags;
    fx_commit(fx);
    fx_reopen(fx);
    show = fx_jobs(fx, id);
    check_run(&show.jobs.views[0], T(1), JOB_COMPLETED);
    assert_true(text_is(show.jobs.views[0].spec.meta, "meta"));
    blob_unref(show.jobs.page);
    sx_done(fx);
}

static void a_run_and_its_row_come_together(void **state)
{
    struct fixture *fx = *state;
    sx_up(fx);
    sx_chain_run(fx, 1, T(0), T(1));
    struct op *op = sx_chain_run(fx, 1, T(1), T(2));
    op->submit.state = JOB_SCHEDULED;
    op->submit.due_ms = T(9);
    sx_chain_run(fx, 1, T(1), T(2)); /* two schedulers: the same time again */
    sx_chain_run(fx, 7, T(1), T(2));
    fx_commit(fx);
    const int results[] = {0, 0, MUSTER_ESTATE, MUSTER_ENOTFOUND};
    for (int i = 0; i < 4; i++)
        assert_int_equal(fx->b->ops[i].result, results[i]);
    uint64_t ids[2] = {fx->b->ops[0].submit.first_id, fx->b->ops[1].submit.first_id};
    struct queue_counters c = fx_counters(fx, "default");
    assert_int_equal(c.submitted, 2);
    assert_int_equal(c.ready, 1);
    assert_int_equal(c.scheduled, 1);
    struct op rows = sx_read_ledger(fx, 1, UINT64_MAX, 0, 10);
    assert_int_equal(rows.ledger.count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(rows.ledger.rows[i].job, ids[1 - i]);
        assert_int_equal(rows.ledger.rows[i].verdict, VERDICT_FIRED);
    }
    blob_unref(rows.ledger.page);
    sx_done(fx);
}

/* One that waited: its row becomes the run's, also as the newest. */
static void a_waiting_row_becomes_a_run(void **state)
{
    struct fixture *fx = *state;
    struct verdict_op *v;
    sx_up(fx);
    sx_chain(fx, 1, T(0), T(1), VERDICT_WAITING);
    fx_commit(fx);
    struct op *op = sx_run(fx, 1, T(1), &v);
    v->over = 1u << VERDICT_WAITING;
    v->waiting_ms = T(1); /* as one that was judged before this one was stored would say */
    uint64_t id = op->submit.first_id;
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    struct boot_schedule b = sx_booted(fx, 1);
    assert_int_equal(b.last.verdict, VERDICT_FIRED);
    assert_int_equal(b.waiting_ms, 0);
    assert_int_equal(b.last.job, id);
    assert_int_equal(b.through_ms, T(1));
    op = sx_run(fx, 1, T(1), &v);
    v->over = 1u << VERDICT_WAITING;
    fx_commit(fx);
    assert_int_equal(op->result, MUSTER_EINUSE);
    assert_int_equal(fx_rows(fx, TABLE_JOB), 1);
    sx_done(fx);
}

static void check_nothing_happened(struct fixture *fx, int error)
{
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(fx->b->ops[i].result, error);
    assert_int_equal(fx_rows(fx, TABLE_JOB), 0);
    assert_int_equal(fx_rows(fx, TABLE_LEDGER), 0);
    assert_int_equal(sx_booted(fx, 1).through_ms, T(0));
    fx_verify(fx);
}

static void without_room_there_is_neither(void **state)
{
    struct fixture *fx = *state;
    struct verdict_op *v;
    sx_up(fx);
    for (int round = 0; round < 2; round++) {
        sx_chain_run(fx, 1, T(0), T(1));
        sx_chain(fx, 1, T(0), T(1), VERDICT_SKIPPED);
        sx_judge(fx, 1, T(2), VERDICT_SKIPPED, &v);
        sx_set_state(fx, 1, false, T(0));
        /* The reserve is reached, or the disk turns out to be full: it is tried again without. */
        engine_fault(fx->engine, round ? FAULT_PUT : FAULT_ROOM, round ? 3 : 1, 1,
                     round ? MUSTER_ENOSPACE : MUSTER_EIO);
        fx_commit(fx);
        check_nothing_happened(fx, round ? MUSTER_ENOSPACE : MUSTER_EDISK_RESERVE);
    }
    struct op *op = sx_chain_run(fx, 1, T(0), T(1));
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    sx_done(fx);
}

static uint64_t run_in_state(struct fixture *fx, uint64_t n, int state)
{
    struct op *op = sx_chain_run(fx, 1, T(n), T(n + 1));
    uint64_t id = op->submit.first_id;
    fx_commit(fx);
    struct op show = fx_jobs(fx, id);
    struct job_head head = show.jobs.views[0].head;
    blob_unref(show.jobs.page);
    if (state == JOB_COMPLETED) {
        fx_end(fx, id, 1, JOB_COMPLETED)->flags = head.flags;
    } else {
        head.state = (uint8_t)state;
        fx_update(fx, &head);
    }
    fx_commit(fx);
    return id;
}

static void a_start_knows_the_runs_that_have_not_ended(void **state)
{
    static const uint8_t states[] = {JOB_COMPLETED, JOB_READY, JOB_PARKED, JOB_SCHEDULED,
                                     JOB_RUNNING};
    struct fixture *fx = *state;
    struct verdict_op *v;
    uint64_t ids[6];
    sx_up(fx);
    for (uint32_t i = 0; i < 5; i++)
        ids[i] = run_in_state(fx, i, states[i]);
    ids[5] = ids[0] - 256; /* never was one */
    struct op *op = sx_judge(fx, 1, T(9), VERDICT_SKIPPED, &v);
    v->runs = ids;
    v->run_count = 6;
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    fx_reopen(fx);
    struct boot_schedule b = sx_booted(fx, 1);
    assert_int_equal(b.run_count, 3);
    assert_int_equal(b.runs[0], ids[1]);
    assert_int_equal(b.runs[1], ids[3]);
    assert_int_equal(b.runs[2], ids[4]);
    /* Pausing keeps them. */
    sx_set_state(fx, 1, true, 0);
    fx_commit(fx);
    assert_int_equal(sx_booted(fx, 1).run_count, 3);
    sx_done(fx);
}

/* ---- many ---- */

/* With MUSTER_TEST_SCHEDULES=100000 it says how long a start takes. */
static void many_schedules_start_quickly(void **state)
{
    struct fixture *fx = *state;
    const char *wanted = getenv("MUSTER_TEST_SCHEDULES");
    uint32_t count = wanted ? (uint32_t)strtoul(wanted, NULL, 10) : 5000;
    static char names[1000000][8];
    fx_lane(fx, 1, "default", "report");
    for (uint32_t n = 1; n <= count; n++) {
        snprintf(names[n - 1], 8, "s%u", (unsigned)n);
        sx_put(fx, n, names[n - 1]);
        sx_chain_run(fx, n, 0, T(1));
        if (n % 1000 == 0)
            fx_commit(fx);
    }
    fx_commit(fx);
    fx_reopen(fx);
    uint64_t from = clock_us();
    struct boot boot = fx_boot(fx);
    uint64_t us = clock_us() - from;
    if (wanted)
        print_message("%u schedules: %llu ms\n", (unsigned)count, (unsigned long long)us / 1000);
    assert_int_equal(boot.schedule_count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(boot.schedules[i].run_count, 1);
    assert_true(us < 5000000);
    boot_free(&boot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(definitions_are_kept_and_replaced),
        BOTH(a_number_is_never_given_again),
        BOTH(large_definitions_are_kept),
        BOTH(a_chain_goes_on_from_where_it_stands),
        BOTH(rows_stand_unless_they_may_be_replaced),
        BOTH(a_chain_passes_a_row_that_stands),
        BOTH(a_row_for_many_says_so),
        BOTH(what_cannot_be_a_verdict_is_refused),
        BOTH(a_run_knows_its_schedule_all_its_life),
        BOTH(a_run_and_its_row_come_together),
        BOTH(a_waiting_row_becomes_a_run),
        BOTH(without_room_there_is_neither),
        BOTH(a_start_knows_the_runs_that_have_not_ended),
        cmocka_unit_test_setup_teardown(many_schedules_start_quickly, fixture_lmdb, fixture_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
