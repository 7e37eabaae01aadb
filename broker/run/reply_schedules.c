/* reply_schedules.c: schedules, verdicts and ledgers as msgpack. */
#include "run/reply_schedules.h"

#include "base/err.h"
#include "base/limits.h"
#include "run/pairs.h"

/* nil for 0. */
static void put_some(struct buf *out, const char *key, uint64_t number)
{
    wire_cstr(out, key);
    if (number)
        wire_uint(out, number);
    else
        wire_nil(out);
}

void reply_put(struct buf *out, uint32_t count, uint32_t changed)
{
    wire_map(out, 2);
    put_number(out, "put", count);
    put_number(out, "changed", changed);
}

/* ---- schedules ---- */

static void put_verdict(struct buf *out, const struct ledger_row *row)
{
    put_number(out, "nominal", row->nominal_ms);
    put_number(out, "judged", row->judged_ms);
    wire_cstr(out, "verdict");
    wire_cstr(out, fire_verdict_name((enum fire_verdict)row->verdict));
    wire_cstr(out, "reason");
    wire_cstr(out, fire_reason_name((enum fire_reason)row->reason));
    wire_cstr(out, "job");
    put_id(out, row->job);
}

static void put_last(struct buf *out, const struct ledger_row *row)
{
    wire_cstr(out, "last");
    if (row->judged_ms == 0) {
        wire_nil(out);
        return;
    }
    wire_map(out, 5);
    put_verdict(out, row);
}

static void put_runs(struct buf *out, const struct schedule_view *view)
{
    wire_cstr(out, "runs");
    wire_array(out, view->run_count);
    for (uint32_t i = 0; i < view->run_count; i++)
        put_id(out, view->runs[i]);
}

static void put_schedule(struct buf *out, const struct schedule_view *view)
{
    wire_map(out, view->deleted ? 3 : 10);
    put_text(out, "name", view->name);
    put_number(out, "revision", view->revision);
    put_bool(out, "deleted", view->deleted);
    if (view->deleted)
        return;
    put_text(out, "source", view->source);
    put_bool(out, "paused", view->paused);
    put_number(out, "through", view->through_ms);
    put_some(out, "waiting", view->waiting_ms);
    put_runs(out, view);
    put_last(out, &view->last);
    wire_cstr(out, "definition");
    wire_bin(out, view->definition);
}

void reply_schedules(struct buf *out, const struct schedule_page *page)
{
    wire_map(out, 6);
    put_number(out, "now", page->now_ms);
    put_number(out, "epoch", page->epoch);
    put_number(out, "revision", page->revision);
    put_number(out, "newest", page->newest);
    put_bool(out, "reset", page->reset);
    wire_cstr(out, "schedules");
    wire_array(out, page->count);
    for (uint32_t i = 0; i < page->count; i++)
        put_schedule(out, &page->views[i]);
}

void reply_acts(struct buf *out, const struct slice *names, const int *errors, uint32_t count)
{
    wire_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        wire_map(out, 2);
        put_text(out, "name", names[i]);
        wire_cstr(out, "code");
        wire_cstr(out, errors[i] ? err_code(errors[i]) : NULL);
    }
}

/* ---- FIRE and the ledger ---- */

static void put_column(struct buf *out, const char *key, const uint64_t *numbers, uint32_t count)
{
    uint8_t column[8 * FIRE_MAX];
    count = count < FIRE_MAX ? count : FIRE_MAX;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t byte = 0; byte < 8; byte++)
            column[8 * i + byte] = (uint8_t)(numbers[i] >> (8 * byte));
    }
    wire_cstr(out, key);
    wire_bin(out, slice_of(column, 8 * (size_t)count));
}

void reply_fire(struct buf *out, uint64_t now_ms, const struct fire_answers *answers)
{
    wire_map(out, 5);
    put_number(out, "now", now_ms);
    wire_cstr(out, "verdicts");
    wire_bin(out, slice_of(answers->verdicts, answers->count));
    wire_cstr(out, "reasons");
    wire_bin(out, slice_of(answers->reasons, answers->count));
    put_column(out, "through", answers->through_ms, answers->count);
    put_column(out, "jobs", answers->jobs, answers->count);
}

void reply_ledger(struct buf *out, const struct ledger_row *rows, uint32_t count)
{
    wire_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        wire_map(out, 7);
        put_verdict(out, &rows[i]);
        put_some(out, "first", rows[i].first_ms);
        put_some(out, "count", rows[i].count);
    }
}
