/* schedules.c: short ways to ask a store under test for schedules. */
#include "schedules.h"

void sx_put(struct fixture *fx, uint32_t number, const char *name)
{
    struct op *op = fx_op(fx, OP_SCHEDULE);
    op->schedule.schedule = number;
    op->schedule.name = slice_str(name);
    op->schedule.source = slice_str("file");
    op->schedule.definition = slice_str("every second");
}

struct op *sx_drop(struct fixture *fx, uint32_t number)
{
    struct op *op = fx_op(fx, OP_SCHEDULE);
    op->schedule.schedule = number;
    op->schedule.drop = true;
    return op;
}

struct op *sx_set_state(struct fixture *fx, uint32_t number, bool paused, uint64_t owed_ms)
{
    struct op *op = fx_op(fx, OP_SCHEDULE_STATE);
    op->schedule_state.schedule = number;
    op->schedule_state.paused = paused;
    op->schedule_state.owed_from_ms = owed_ms;
    return op;
}

static struct verdict_op *verdict_new(struct fixture *fx, uint32_t number, uint64_t nominal_ms,
                                      uint8_t verdict)
{
    struct verdict_op *v = batch_alloc(fx->b, sizeof(*v));
    *v = (struct verdict_op){.schedule = number};
    v->row = (struct ledger_row){.nominal_ms = nominal_ms,
                                 .judged_ms = fx->wall_ms,
                                 .verdict = verdict,
                                 .reason = REASON_SUPERSEDED};
    return v;
}

struct op *sx_judge(struct fixture *fx, uint32_t number, uint64_t nominal_ms, uint8_t verdict,
                    struct verdict_op **ret)
{
    struct op *op = fx_op(fx, OP_VERDICT);
    *ret = verdict_new(fx, number, nominal_ms, verdict);
    op->verdict.verdict = *ret;
    return op;
}

struct op *sx_chain(struct fixture *fx, uint32_t number, uint64_t previous_ms, uint64_t nominal_ms,
                    uint8_t verdict)
{
    struct verdict_op *v;
    struct op *op = sx_judge(fx, number, nominal_ms, verdict, &v);
    v->chained = true;
    v->previous_ms = previous_ms;
    return op;
}

struct op *sx_run(struct fixture *fx, uint32_t number, uint64_t nominal_ms, struct verdict_op **ret)
{
    struct op *op = fx_submit(fx, 1, 1, "run");
    struct verdict_op *v = verdict_new(fx, number, nominal_ms, VERDICT_FIRED);
    v->row.job = op->submit.first_id;
    v->row.reason = REASON_DUE;
    v->runs = batch_alloc(fx->b, sizeof(*v->runs));
    v->runs[0] = op->submit.first_id;
    v->run_count = 1;
    op->submit.flags = JOB_SCHEDULE;
    op->submit.spec->schedule = slice_str("daily");
    op->submit.spec->nominal_ms = nominal_ms;
    op->submit.verdict = v;
    *ret = v;
    return op;
}

struct op *sx_chain_run(struct fixture *fx, uint32_t number, uint64_t previous_ms,
                        uint64_t nominal_ms)
{
    struct verdict_op *v;
    struct op *op = sx_run(fx, number, nominal_ms, &v);
    v->chained = true;
    v->previous_ms = previous_ms;
    return op;
}

struct boot_schedule sx_booted(struct fixture *fx, uint32_t number)
{
    static struct boot boot;
    struct boot_schedule none = {0};
    boot_free(&boot);
    if (!fx)
        return none;
    boot = fx_boot(fx);
    for (uint32_t i = 0; i < boot.schedule_count; i++)
        if (boot.schedules[i].number == number)
            return boot.schedules[i];
    return none;
}

struct op sx_read_ledger(struct fixture *fx, uint32_t number, uint64_t before_ms, uint64_t from_ms,
                         uint32_t limit)
{
    struct op *op = fx_op(fx, OP_LEDGER);
    op->ledger.schedule = number;
    op->ledger.before_ms = before_ms;
    op->ledger.from_ms = from_ms;
    op->ledger.limit = limit;
    fx_commit(fx);
    return *op;
}

void sx_up(struct fixture *fx)
{
    fx_lane(fx, 1, "default", "report");
    sx_put(fx, 1, "daily");
    sx_set_state(fx, 1, false, T(0));
    fx_commit(fx);
}

void sx_done(struct fixture *fx)
{
    fx_verify(fx);
    sx_booted(NULL, 0);
}

void sx_fill_ledger(struct fixture *fx, uint32_t number, uint64_t from, uint64_t rows)
{
    struct verdict_op *v;
    for (uint64_t n = from; n < from + rows; n++) {
        sx_judge(fx, number, T(n), VERDICT_MISSED, &v);
        if (fx->b->op_count == 500)
            fx_commit(fx);
    }
    fx_commit(fx);
}
