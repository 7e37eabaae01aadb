/* boot_schedules.c: the schedules that the core starts with. */
#include "store/boot.h"

/* A run that waits or runs. Parked is ended, as overlap sees it. */
static int is_alive(struct store *s, uint64_t id, bool *ret)
{
    struct record r;
    int error = job_get(s, id, &r);
    *ret = !error && (r.head.state == JOB_SCHEDULED || r.head.state == JOB_READY);
    return error == MUSTER_ENOTFOUND ? 0 : error;
}

static int copy_runs(struct store *s, struct page *page, struct slice runs,
                     struct boot_schedule *to)
{
    uint64_t *ids = runs.len ? page_alloc(page, runs.len) : NULL;
    int error = runs.len && !ids ? store_nomem(s) : 0;
    for (size_t i = 0; i < runs.len / 8 && !error; i++) {
        bool alive;
        uint64_t id = slice_u64_at(runs, i);
        error = is_alive(s, id, &alive);
        if (!error && alive)
            ids[to->run_count++] = id;
    }
    to->runs = ids;
    return error;
}

/* Whether a time waits: the state may be of a moment when its run was on its way already, or when
 * its row was, which was refused. */
static int still_waits(struct store *s, uint32_t number, uint64_t *waiting_ms)
{
    struct ledger_row row = {0};
    int error = *waiting_ms ? ledger_get(s, number, *waiting_ms, &row) : 0;
    if (error == MUSTER_ENOTFOUND || row.verdict != VERDICT_WAITING)
        *waiting_ms = 0;
    return error == MUSTER_ENOTFOUND ? 0 : error;
}

static int read_one(struct store *s, struct page *page, const struct cursor *c,
                    struct boot_schedule *to)
{
    struct dec d;
    struct schedule_record r;
    struct schedule_state state;
    uint32_t number = c->key.len == 4 ? key_u32_at(c->key, 0) : 0;
    if (number == 0 || number > s->schedule_high ||
        !frame_open(TABLE_SCHEDULE, c->key, c->value, &d) || !schedule_decode(&d, &r))
        return store_damaged(s, TABLE_SCHEDULE, c->key);
    int error = schedule_state_get(s, number, &state);
    if (error)
        return error == MUSTER_ENOTFOUND ? store_damaged(s, TABLE_SCHEDULE_STATE, c->key) : error;
    *to = (struct boot_schedule){.number = number,
                                 .paused = state.paused,
                                 .through_ms = state.through_ms,
                                 .waiting_ms = state.waiting_ms,
                                 .name = page_copy(page, r.name),
                                 .source = page_copy(page, r.source),
                                 .definition = page_copy(page, r.definition),
                                 .last = state.last};
    if (to->name.len != r.name.len || to->source.len != r.source.len ||
        to->definition.len != r.definition.len)
        return store_nomem(s);
    error = still_waits(s, number, &to->waiting_ms);
    return error ? error : copy_runs(s, page, state.runs, to);
}

/* *ret_count: how many there are. With `to` also what they are. */
static int read_all(struct store *s, struct page *page, struct boot_schedule *to,
                    uint32_t *ret_count)
{
    struct cursor c;
    *ret_count = 0;
    int error = cursor_open(&c, s->engine, TABLE_SCHEDULE);
    if (!error)
        error = cursor_seek(&c, SLICE_EMPTY);
    while (!error) {
        error = to ? read_one(s, page, &c, &to[*ret_count]) : 0;
        ++*ret_count;
        if (!error)
            error = cursor_next(&c);
    }
    cursor_close(&c);
    return error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

int boot_schedules(struct store *s, struct page *page, struct boot *ret)
{
    uint32_t count;
    ret->schedule_high = s->schedule_high;
    int error = read_all(s, page, NULL, &count);
    if (error || count == 0)
        return error;
    struct boot_schedule *all = page_alloc(page, count * sizeof(*all));
    if (!all)
        return store_nomem(s);
    error = read_all(s, page, all, &count);
    ret->schedules = all;
    ret->schedule_count = error ? 0 : count;
    return error;
}
