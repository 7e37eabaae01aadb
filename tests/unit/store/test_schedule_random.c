/* test_schedule_random.c: random operations on schedules, full disks and restarts against a model
 * that is too simple to be wrong: what a start tells, and the ledgers, are compared after each
 * batch. */
#include "schedules.h"

#include <stdio.h>

#include "base/rng.h"

#define SCHEDULES 4
#define TIMES     40
#define BATCHES   400
#define JOBS      8000
#define OPS       16

struct mschedule {
    uint32_t number; /* 0: there is none at present */
    bool paused;
    uint64_t through_ms, waiting_ms;
    uint64_t runs[2];
    uint32_t run_count;
    struct ledger_row last, rows[TIMES]; /* judged_ms 0: no row */
};

struct asked { /* what an operation of the batch asked for */
    struct verdict_op verdict;
    bool run;
};

struct model {
    struct fixture *fx;
    struct rng rng;
    uint32_t high;
    struct mschedule all[SCHEDULES];
    uint64_t alive[JOBS];
    uint32_t alive_count;
    struct asked asked[OPS + 1];
    uint64_t results[VERDICT_STORED_COUNT], einuse, estate, enotfound, refused;
};

static uint64_t some(struct model *m, uint64_t below)
{
    return rng_below(&m->rng, below);
}

static struct mschedule *by_number(struct model *m, uint32_t number)
{
    for (int i = 0; i < SCHEDULES; i++)
        if (number && m->all[i].number == number)
            return &m->all[i];
    return NULL;
}

static bool is_alive(const struct model *m, uint64_t id)
{
    for (uint32_t i = m->alive_count; i-- > 0;)
        if (m->alive[i] == id)
            return true;
    return false;
}

/* ---- filling a batch: it knows the model as it was before ---- */

static void add_verdict(struct model *m, uint32_t place, const struct mschedule *s)
{
    struct verdict_op *v;
    uint32_t number = s->number ? s->number : 1 + (uint32_t)some(m, m->high + 1);
    uint64_t nominal_ms = T(some(m, TIMES));
    bool run = some(m, 3) == 0;
    if (run)
        sx_run(m->fx, number, nominal_ms, &v);
    else
        sx_judge(m->fx, number, nominal_ms, (uint8_t)(1 + some(m, 3)), &v);
    v->chained = some(m, 2) == 0;
    v->previous_ms = some(m, 4) ? s->through_ms : T(some(m, TIMES));
    if (v->chained && some(m, 4)) /* mostly one that is next */
        v->row.nominal_ms = s->through_ms + 1000 * (1 + some(m, 2));
    if (v->row.nominal_ms < T(0) || v->row.nominal_ms >= T(TIMES))
        v->row.nominal_ms = nominal_ms;
    v->over = some(m, 2) ? (uint8_t)some(m, 16) : 0;
    v->keep_ms = some(m, 3) ? 0 : m->fx->wall_ms - some(m, 20000);
    v->waiting_ms = some(m, 2) ? T(some(m, TIMES)) : 0;
    if (run && s->run_count) {
        uint64_t *runs = batch_alloc(m->fx->b, 2 * sizeof(*runs));
        runs[0] = s->runs[0];
        runs[1] = v->runs[0];
        v->runs = runs;
        v->run_count = 2;
    }
    m->asked[place] = (struct asked){.verdict = *v, .run = run};
}

static void add_put(struct model *m, const struct mschedule *s)
{
    static char names[JOBS][8];
    uint32_t number = s->number;
    if (!number)
        number = ++m->high;
    snprintf(names[number], sizeof(names[0]), "s%u", (unsigned)number);
    sx_put(m->fx, number, names[number]);
}

static void add_op(struct model *m, uint32_t place)
{
    struct mschedule *s = &m->all[some(m, SCHEDULES)];
    switch (some(m, 12)) {
    case 0:
        if (some(m, 3) == 0)
            sx_drop(m->fx, s->number ? s->number : m->high + 1);
        break;
    case 1:
        add_put(m, s);
        break;
    case 2:
        sx_set_state(m->fx, s->number ? s->number : m->high + 1, some(m, 2), T(some(m, 10)));
        break;
    case 3:
        if (m->alive_count) {
            uint64_t id = m->alive[some(m, m->alive_count)];
            fx_end(m->fx, id, 1, JOB_COMPLETED)->flags = JOB_HAS_ROW;
        }
        break;
    default:
        add_verdict(m, place, s);
        break;
    }
}

/* ---- what the batch did to the model ---- */

static void trim(struct mschedule *s, uint64_t keep_ms, uint64_t waiting_ms)
{
    int gone = 0;
    for (int i = 0; i < TIMES && gone < 4; i++) {
        if (!s->rows[i].judged_ms)
            continue;
        if (s->rows[i].judged_ms >= keep_ms || s->rows[i].nominal_ms == waiting_ms)
            return;
        s->rows[i] = (struct ledger_row){0};
        gone++;
    }
}

static int judge(struct mschedule *s, const struct verdict_op *v)
{
    if (!s)
        return MUSTER_ENOTFOUND;
    uint64_t at = (v->row.nominal_ms - T(0)) / 1000;
    if (v->chained && (s->through_ms != v->previous_ms || v->row.nominal_ms <= s->through_ms))
        return MUSTER_ESTATE;
    const struct ledger_row *found = &s->rows[at];
    bool stands = found->judged_ms && !(v->over & 1u << found->verdict);
    if (v->chained)
        s->through_ms = v->row.nominal_ms;
    if (stands && v->chained)
        s->last = *found;
    if (stands)
        return MUSTER_EINUSE;
    struct ledger_row row = v->row;
    if (found->judged_ms && found->verdict == VERDICT_WAITING)
        row.reason = found->reason;
    if (v->chained || (s->last.judged_ms && s->last.nominal_ms == row.nominal_ms))
        s->last = row;
    s->rows[at] = row;
    s->waiting_ms = v->waiting_ms;
    s->run_count = v->run_count;
    for (uint32_t i = 0; i < v->run_count; i++)
        s->runs[i] = v->runs[i];
    trim(s, v->keep_ms, v->waiting_ms);
    return 0;
}

static void apply_verdict(struct model *m, const struct op *op, const struct asked *a, bool refused)
{
    int want = refused ? MUSTER_ENOSPACE : judge(by_number(m, a->verdict.schedule), &a->verdict);
    assert_int_equal(op->result, want);
    m->refused += refused;
    m->einuse += want == MUSTER_EINUSE;
    m->estate += want == MUSTER_ESTATE;
    m->enotfound += want == MUSTER_ENOTFOUND;
    m->results[a->verdict.row.verdict] += want == 0;
    if (want == 0 && a->run)
        m->alive[m->alive_count++] = a->verdict.row.job;
    assert_true(m->alive_count < JOBS);
}

static void apply_schedule(struct model *m, const struct op *op)
{
    struct mschedule *s = by_number(m, op->schedule.schedule);
    if (op->schedule.drop) {
        assert_int_equal(op->result, s ? 0 : MUSTER_ENOTFOUND);
        if (s)
            *s = (struct mschedule){0};
        return;
    }
    for (int i = 0; i < SCHEDULES && !s; i++)
        s = m->all[i].number ? NULL : &m->all[i];
    s->number = op->schedule.schedule;
}

static void apply_end(struct model *m, uint64_t id)
{
    for (uint32_t i = 0; i < m->alive_count; i++)
        if (m->alive[i] == id)
            m->alive[i--] = m->alive[--m->alive_count];
}

static void apply(struct model *m, bool refused)
{
    for (uint32_t o = 0; o < m->fx->b->op_count; o++) {
        const struct op *op = &m->fx->b->ops[o];
        struct mschedule *s;
        if (op->type == OP_SUBMIT || op->type == OP_VERDICT) {
            apply_verdict(m, op, &m->asked[o], refused);
        } else if (op->type == OP_SCHEDULE) {
            apply_schedule(m, op);
        } else if (op->type == OP_END) {
            apply_end(m, op->end.rows[0].id);
        } else if (op->type == OP_SCHEDULE_STATE) {
            s = by_number(m, op->schedule_state.schedule);
            assert_int_equal(op->result, s ? 0 : MUSTER_ENOTFOUND);
            if (!s)
                continue;
            s->paused = op->schedule_state.paused;
            if (s->through_ms < op->schedule_state.owed_from_ms)
                s->through_ms = op->schedule_state.owed_from_ms;
        }
    }
}

/* A dropped schedule may be put once more in a batch that dropped it: that would use its number
 * again, and more schedules may come than there are places. */
static bool is_too_much(const struct model *m)
{
    const struct batch *b = m->fx->b;
    const struct op *last = &b->ops[b->op_count - 1];
    uint32_t new = 0;
    for (uint32_t o = 0; o < b->op_count; o++) {
        const struct op *op = &b->ops[o];
        if (op->type != OP_SCHEDULE)
            continue;
        new += !op->schedule.drop;
        if (op != last && op->schedule.drop && last->type == OP_SCHEDULE &&
            op->schedule.schedule == last->schedule.schedule)
            return true;
    }
    return last->type == OP_SCHEDULE && !last->schedule.drop && new > 1;
}

static void one_batch(struct model *m)
{
    struct fixture *fx = m->fx;
    fx_op(fx, OP_MARK)->mark.lane = 1;
    for (uint64_t n = 1 + some(m, OPS - 1); n > 0; n--) {
        uint32_t before = fx->b->op_count;
        uint32_t high = m->high;
        add_op(m, before);
        if (fx->b->op_count > before && is_too_much(m)) {
            fx->b->op_count = before;
            m->high = high;
        }
    }
    bool faulty = some(m, 6) == 0;
    if (faulty)
        engine_fault(fx->engine, FAULT_PUT, 1 + (uint32_t)some(m, 8), 1, MUSTER_ENOSPACE);
    fx_commit(fx);
    bool hit = faulty && !fx->engine->faults[FAULT_PUT].after;
    engine_fault(fx->engine, FAULT_PUT, 0, 0, 0);
    apply(m, hit);
}

/* ---- comparing ---- */

static void compare_ledger(struct model *m, const struct mschedule *s)
{
    struct op op = sx_read_ledger(m->fx, s->number, UINT64_MAX, 0, TIMES);
    uint32_t at = 0;
    for (int i = TIMES; i-- > 0;) {
        if (!s->rows[i].judged_ms)
            continue;
        assert_true(at < op.ledger.count);
        assert_memory_equal(&op.ledger.rows[at++], &s->rows[i], sizeof(s->rows[i]));
    }
    assert_int_equal(at, op.ledger.count);
    assert_false(op.ledger.more);
    blob_unref(op.ledger.page);
}

/* A time waits that has a row that says so, whatever the last operation said. */
static uint64_t waits_at_boot(const struct mschedule *s)
{
    for (int i = 0; i < TIMES; i++) {
        const struct ledger_row *row = &s->rows[i];
        if (row->judged_ms && row->nominal_ms == s->waiting_ms && row->verdict == VERDICT_WAITING)
            return s->waiting_ms;
    }
    return 0;
}

static void compare(struct model *m)
{
    struct boot boot = fx_boot(m->fx);
    uint32_t there = 0;
    assert_int_equal(boot.schedule_high, m->high);
    for (uint32_t i = 0; i < boot.schedule_count; i++) {
        const struct boot_schedule *b = &boot.schedules[i];
        const struct mschedule *s = by_number(m, b->number);
        assert_non_null(s);
        assert_int_equal(b->paused, s->paused);
        assert_int_equal(b->through_ms, s->through_ms);
        assert_int_equal(b->waiting_ms, waits_at_boot(s));
        assert_memory_equal(&b->last, &s->last, sizeof(s->last));
        uint32_t alive = 0;
        for (uint32_t r = 0; r < s->run_count; r++)
            if (is_alive(m, s->runs[r]))
                assert_int_equal(b->runs[alive++], s->runs[r]);
        assert_int_equal(b->run_count, alive);
    }
    for (int i = 0; i < SCHEDULES; i++) {
        there += m->all[i].number != 0;
        if (m->all[i].number)
            compare_ledger(m, &m->all[i]);
    }
    assert_int_equal(boot.schedule_count, there);
    boot_free(&boot);
    assert_int_equal(fx_rows(m->fx, TABLE_JOB), m->alive_count);
}

static void random_verdicts(void **state)
{
    static struct model m;
    m = (struct model){.fx = *state, .rng = {5}};
    fx_lane(m.fx, 1, "default", "report");
    for (int n = 0; n < BATCHES; n++) {
        m.fx->wall_ms += some(&m, 2000);
        one_batch(&m);
        if (some(&m, 8) == 0)
            fx_reopen(m.fx);
        compare(&m);
        if (n % 20 == 0)
            fx_verify(m.fx);
    }
    fx_verify(m.fx);
    for (int i = 0; i < VERDICT_STORED_COUNT; i++)
        assert_true(m.results[i] > 100);
    assert_true(m.einuse > 100 && m.estate > 100 && m.enotfound > 50 && m.refused > 50);
    assert_true(m.high > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {BOTH(random_verdicts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
