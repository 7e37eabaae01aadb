/* verify_schedule.c: the rows of schedules: each has a definition and a state, or is gone and only
 * has a ledger. */
#include <stdlib.h>

#include "store/keys.h"
#include "store/verify.h"

/* Names are given once. */
static int note_name(struct verify *v, struct slice key, uint32_t number, struct slice name)
{
    const struct schedule_tally *other = strmap_get(&v->schedules, name);
    if (other) {
        verify_problem(v, TABLE_SCHEDULE, key, "schedule %u has the same name",
                       (unsigned)other->number);
        return 0;
    }
    struct schedule_tally *t = malloc(sizeof(*t) + name.len);
    if (!t)
        return MUSTER_ENOMEM;
    *t = (struct schedule_tally){.number = number};
    t->name = slice_of(memcpy(t + 1, name.data, name.len), name.len);
    if (strmap_put(&v->schedules, t->name, t) == 0)
        return 0;
    free(t);
    return MUSTER_ENOMEM;
}

/* *ret: whether there is a row of the schedule in `table`. */
static int is_in(struct verify *v, enum table table, uint32_t number, bool *ret)
{
    struct key k;
    struct slice value;
    int error = engine_get(v->engine, table, key_u32(&k, number), &value);
    *ret = !error;
    return error == MUSTER_ENOTFOUND ? 0 : error;
}

int verify_schedule(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct schedule_record r;
    bool has_state;
    uint32_t number = key.len == 4 ? key_u32_at(key, 0) : 0;
    if (number == 0 || !frame_open(TABLE_SCHEDULE, key, value, &d) || !schedule_decode(&d, &r))
        return verify_damaged(v, TABLE_SCHEDULE, key);
    if (number > v->schedule_seen)
        v->schedule_seen = number;
    int error = is_in(v, TABLE_SCHEDULE_STATE, number, &has_state);
    if (error)
        return error;
    if (!has_state)
        verify_problem(v, TABLE_SCHEDULE, key, "its state is not there");
    return note_name(v, key, number, r.name);
}

int verify_schedule_state(struct verify *v, struct slice key, struct slice value)
{
    struct key k;
    struct dec d, row;
    struct schedule_state state;
    struct ledger_row last;
    bool exists, kept;
    if (key.len != 4 || !frame_open(TABLE_SCHEDULE_STATE, key, value, &d) ||
        !schedule_state_decode(&d, &state))
        return verify_damaged(v, TABLE_SCHEDULE_STATE, key);
    uint32_t number = key_u32_at(key, 0);
    int error = is_in(v, TABLE_SCHEDULE, number, &exists);
    if (error)
        return error;
    if (!exists)
        verify_problem(v, TABLE_SCHEDULE_STATE, key, "its schedule is not there");
    for (size_t i = 0; i < state.runs.len / 8; i++)
        verify_saw_id(v, slice_u64_at(state.runs, i));
    if (!state.last.judged_ms)
        return 0;
    verify_saw_id(v, state.last.job);
    error =
        verify_look_up(v, TABLE_LEDGER, key_ledger(&k, number, state.last.nominal_ms), &row, &kept);
    if (kept && ledger_decode(&row, state.last.nominal_ms, &last) &&
        (last.verdict != state.last.verdict || last.job != state.last.job))
        verify_problem(v, TABLE_SCHEDULE_STATE, key, "the ledger says otherwise of its last row");
    return error;
}

int verify_schedule_gone(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    bool exists;
    if (key.len != 4 || !frame_open(TABLE_SCHEDULE_GONE, key, value, &d))
        return verify_damaged(v, TABLE_SCHEDULE_GONE, key);
    uint32_t number = key_u32_at(key, 0);
    if (number > v->schedule_seen)
        v->schedule_seen = number;
    int error = is_in(v, TABLE_SCHEDULE, number, &exists);
    if (!error && exists)
        verify_problem(v, TABLE_SCHEDULE_GONE, key, "a schedule that is there cannot be gone");
    return error;
}

/* Rows of a schedule follow each other: it is looked up once. */
static int schedule_of(struct verify *v, uint32_t number)
{
    bool exists;
    if (v->schedule.number == number)
        return 0;
    int error = is_in(v, TABLE_SCHEDULE, number, &exists);
    if (!error && !exists)
        error = is_in(v, TABLE_SCHEDULE_GONE, number, &exists);
    v->schedule.number = number;
    v->schedule.exists = exists;
    return error;
}

int verify_ledger(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct ledger_row row;
    if (key.len != KEY_LEDGER_BYTES || !frame_open(TABLE_LEDGER, key, value, &d) ||
        !ledger_decode(&d, key_u64_at(key, 4), &row))
        return verify_damaged(v, TABLE_LEDGER, key);
    verify_saw_id(v, row.job);
    int error = schedule_of(v, key_u32_at(key, 0));
    if (!error && !v->schedule.exists)
        verify_problem(v, TABLE_LEDGER, key, "its schedule is not there");
    return error;
}
