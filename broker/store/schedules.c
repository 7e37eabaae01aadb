/* schedules.c: schedules: their definitions and states, and what is decided for their nominal
 * times. A number is given to one schedule, ever. */
#include "store/inner.h"

int schedule_state_get(struct store *s, uint32_t number, struct schedule_state *ret)
{
    struct key k;
    struct dec d;
    struct slice key = key_u32(&k, number);
    int error = row_get(s, TABLE_SCHEDULE_STATE, key, &d);
    if (error)
        return error;
    return schedule_state_decode(&d, ret) ? 0 : store_damaged(s, TABLE_SCHEDULE_STATE, key);
}

int schedule_state_put(struct store *s, uint32_t number, const struct schedule_state *state)
{
    struct key k;
    struct enc e;
    int error = row_begin(s, schedule_state_bound(state), &e);
    if (error)
        return error;
    schedule_state_encode(&e, state);
    return row_put(s, &e, TABLE_SCHEDULE_STATE, key_u32(&k, number), PUT_SET);
}

/* ---- put, drop, pause ---- */

static int put_definition(struct store *s, const struct op *op)
{
    struct key k;
    struct enc e;
    struct schedule_record r = {.name = op->schedule.name,
                                .source = op->schedule.source,
                                .definition = op->schedule.definition};
    int error = row_begin(s, schedule_bound(&r), &e);
    if (error)
        return error;
    schedule_encode(&e, &r);
    return row_put(s, &e, TABLE_SCHEDULE, key_u32(&k, op->schedule.schedule), PUT_SET);
}

/* A new one has a state from the start, so that each has one. */
static int put_schedule(struct store *s, const struct op *op)
{
    struct key k;
    struct dec d;
    struct schedule_state state;
    uint32_t number = op->schedule.schedule;
    int error = schedule_state_get(s, number, &state);
    if (error == MUSTER_ENOTFOUND) {
        error = row_get(s, TABLE_SCHEDULE_GONE, key_u32(&k, number), &d);
        if (!error)
            return store_misuse(s, "a schedule has a number that was another's", number);
        state = (struct schedule_state){0};
        if (error == MUSTER_ENOTFOUND)
            error = schedule_state_put(s, number, &state);
    }
    if (error)
        return error;
    if (number > s->schedule_high_new)
        s->schedule_high_new = number;
    return put_definition(s, op);
}

/* Its ledger goes slice by slice. */
static int drop_schedule(struct store *s, struct op *op)
{
    struct key k;
    uint32_t number = op->schedule.schedule;
    int error = row_del(s, TABLE_SCHEDULE, key_u32(&k, number));
    if (error == MUSTER_ENOTFOUND) {
        op->result = MUSTER_ENOTFOUND;
        return 0;
    }
    if (!error)
        error = row_drop(s, TABLE_SCHEDULE_STATE, key_u32(&k, number));
    return error ? error : row_put_empty(s, TABLE_SCHEDULE_GONE, key_u32(&k, number));
}

int op_schedule(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    bool named = op->schedule.drop || op->schedule.name.len;
    if (op->schedule.schedule == 0 || !named)
        return store_misuse(s, "a schedule without a number or name", op->schedule.schedule);
    return op->schedule.drop ? drop_schedule(s, op) : put_schedule(s, op);
}

int op_schedule_state(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct schedule_state state;
    uint32_t number = op->schedule_state.schedule;
    int error = schedule_state_get(s, number, &state);
    if (error == MUSTER_ENOTFOUND) {
        op->result = MUSTER_ENOTFOUND;
        return 0;
    }
    if (error)
        return error;
    state.paused = op->schedule_state.paused;
    if (state.through_ms < op->schedule_state.owed_from_ms)
        state.through_ms = op->schedule_state.owed_from_ms;
    return schedule_state_put(s, number, &state);
}

/* ---- verdicts ---- */

static bool verdict_is_one(const struct verdict_op *v)
{
    return v->row.verdict < VERDICT_STORED_COUNT && v->row.reason < REASON_COUNT &&
           v->row.judged_ms != 0;
}

static bool chain_holds(const struct verdict_op *v, const struct schedule_state *state)
{
    return !v->chained ||
           (v->previous_ms == state->through_ms && v->row.nominal_ms > v->previous_ms);
}

/* The time has been judged, and that stands. */
static int pass_by(struct store *s, const struct verdict_op *v, struct schedule_state *state,
                   const struct ledger_row *found)
{
    if (!v->chained)
        return 0;
    state->through_ms = v->row.nominal_ms;
    state->last = *found;
    return schedule_state_put(s, v->schedule, state);
}

static int put_verdict(struct store *s, const struct verdict_op *v, const struct ledger_row *row,
                       struct schedule_state *state)
{
    int error = ledger_put(s, v->schedule, row);
    if (error)
        return error;
    if (v->chained)
        state->through_ms = row->nominal_ms;
    if (v->chained || (state->last.judged_ms && state->last.nominal_ms == row->nominal_ms))
        state->last = *row;
    state->waiting_ms = v->waiting_ms;
    buf_reset(&s->gather);
    for (uint32_t i = 0; i < v->run_count; i++)
        buf_u64(&s->gather, v->runs[i]);
    if (s->gather.error)
        return store_nomem(s);
    state->runs = buf_slice(&s->gather);
    error = schedule_state_put(s, v->schedule, state);
    return error ? error : ledger_trim(s, v->schedule, v->keep_ms, v->waiting_ms);
}

int verdict_carry_out(struct store *s, const struct verdict_op *v, int *ret_result)
{
    struct schedule_state state;
    struct ledger_row found;
    *ret_result = verdict_is_one(v) ? 0 : MUSTER_EINVAL;
    if (*ret_result)
        return 0;
    int error = schedule_state_get(s, v->schedule, &state);
    if (error) {
        *ret_result = error;
        return error == MUSTER_ENOTFOUND ? 0 : error;
    }
    if (!chain_holds(v, &state)) {
        *ret_result = MUSTER_ESTATE;
        return 0;
    }
    error = ledger_get(s, v->schedule, v->row.nominal_ms, &found);
    if (error && error != MUSTER_ENOTFOUND)
        return error;
    if (!error && !(v->over >> found.verdict & 1)) {
        *ret_result = MUSTER_EINUSE;
        return pass_by(s, v, &state, &found);
    }
    struct ledger_row row = v->row;
    if (!error && found.verdict == VERDICT_WAITING)
        row.reason = found.reason; /* why it was to run is said by the row that waited */
    return put_verdict(s, v, &row, &state);
}

/* Rows take space and make none: without room for jobs there is none for them. */
int op_verdict(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    op->result = s->refuse;
    return s->refuse ? 0 : verdict_carry_out(s, op->verdict.verdict, &op->result);
}
