/* say_schedules.c: see the header. */
#include "say_schedules.h"

#include "base/err.h"
#include "core/state.h"
#include "harness.h"

#define VIEWS_SHOWN 12

void say_time(struct buf *out, uint64_t wall_ms)
{
    int64_t ms = (int64_t)(wall_ms - HARNESS_START_WALL_MS);
    uint64_t size = (uint64_t)(ms < 0 ? -ms : ms);
    buf_printf(out, "%s%llu", ms < 0 ? "-" : "", (unsigned long long)(size / 1000));
    if (size % 1000)
        buf_printf(out, ".%03u", (unsigned)(size % 1000));
}

static void labelled_time(struct buf *out, const char *label, uint64_t wall_ms)
{
    if (!wall_ms)
        return;
    buf_printf(out, " %s=", label);
    say_time(out, wall_ms);
}

void say_verdict(struct buf *out, uint8_t verdict, uint8_t reason)
{
    buf_printf(out, "%s", fire_verdict_name((enum fire_verdict)verdict));
    if (verdict < VERDICT_STORED_COUNT)
        buf_printf(out, "(%s)", fire_reason_name((enum fire_reason)reason));
}

static void row(struct buf *out, const struct namer *n, const struct ledger_row *r)
{
    say_time(out, r->nominal_ms);
    buf_printf(out, "=");
    say_verdict(out, r->verdict, r->reason);
    if (r->job)
        buf_printf(out, ":%s", n->job(n->ctx, r->job));
    if (r->count) {
        buf_printf(out, "[%u from ", r->count);
        say_time(out, r->first_ms);
        buf_printf(out, "]");
    }
}

/* ---- actions ---- */

void say_put(struct buf *out, const struct namer *n, const struct action *a)
{
    (void)n;
    if (a->put.error)
        buf_printf(out, " %s %.*s %.*s", err_code(a->put.error), SLICE_FMT(a->put.name),
                   SLICE_FMT(a->put.owner));
    else
        buf_printf(out, " %u changed=%u", a->put.count, a->put.changed);
}

static void view(struct buf *out, const struct namer *n, const struct schedule_view *v)
{
    buf_printf(out, " %.*s:%llu", SLICE_FMT(v->name), (unsigned long long)v->revision);
    if (v->deleted) {
        buf_printf(out, "(deleted)");
        return;
    }
    buf_printf(out, "%s{", v->paused ? "(paused)" : "");
    labelled_time(out, "through", v->through_ms);
    labelled_time(out, "waiting", v->waiting_ms);
    for (uint32_t i = 0; i < v->run_count; i++)
        buf_printf(out, " %s", n->job(n->ctx, v->runs[i]));
    if (v->last.judged_ms) {
        buf_printf(out, " last ");
        row(out, n, &v->last);
    }
    buf_printf(out, " }");
}

void say_schedules(struct buf *out, const struct namer *n, const struct action *a)
{
    buf_printf(out, " %llu%s%s", (unsigned long long)a->schedules.revision,
               a->schedules.reset ? " reset" : "", a->schedules.more ? " more" : "");
    for (uint32_t i = 0; i < a->schedules.count && i < VIEWS_SHOWN; i++)
        view(out, n, &a->schedules.views[i]);
    if (a->schedules.count > VIEWS_SHOWN)
        buf_printf(out, " ... (%u)", a->schedules.count);
}

void say_acts(struct buf *out, const struct namer *n, const struct action *a)
{
    (void)n;
    for (uint32_t i = 0; i < a->acts.count && i < VIEWS_SHOWN; i++)
        buf_printf(out, " %.*s=%s", SLICE_FMT(a->acts.names[i]), err_code(a->acts.errors[i]));
    if (a->acts.count > VIEWS_SHOWN)
        buf_printf(out, " ... (%u)", a->acts.count);
}

void say_fire(struct buf *out, const struct namer *n, const struct action *a)
{
    for (uint32_t i = 0; i < a->fire.count; i++) {
        buf_printf(out, " ");
        say_verdict(out, a->fire.verdicts[i], a->fire.reasons[i]);
        if (a->fire.jobs[i])
            buf_printf(out, ":%s", n->job(n->ctx, a->fire.jobs[i]));
        if (a->fire.through_ms[i]) {
            buf_printf(out, "/");
            say_time(out, a->fire.through_ms[i]);
        }
    }
}

void say_ledger(struct buf *out, const struct namer *n, const struct action *a)
{
    for (uint32_t i = 0; i < a->ledger.count; i++) {
        buf_printf(out, " ");
        row(out, n, &a->ledger.rows[i]);
    }
    if (a->ledger.more)
        buf_printf(out, " more");
}

/* ---- operations ---- */

static void schedule(struct buf *out, const struct namer *n, uint32_t number)
{
    const struct schedule *s = idmap_get(&n->core->schedules.by_number, number);
    if (s)
        buf_printf(out, " %.*s", SLICE_FMT(s->name));
    else
        buf_printf(out, " #%u", number);
}

void say_op_schedule(struct buf *out, const struct namer *n, const struct op *op)
{
    schedule(out, n, op->schedule.schedule);
    if (op->schedule.drop)
        buf_printf(out, " drop");
}

void say_op_state(struct buf *out, const struct namer *n, const struct op *op)
{
    schedule(out, n, op->schedule_state.schedule);
    buf_printf(out, "%s", op->schedule_state.paused ? " paused" : "");
    labelled_time(out, "owed", op->schedule_state.owed_from_ms);
}

static void verdict(struct buf *out, const struct verdict_op *v)
{
    if (!v->chained)
        buf_printf(out, " unchained");
    labelled_time(out, "waiting", v->waiting_ms);
}

void say_op_verdict(struct buf *out, const struct namer *n, const struct op *op)
{
    const struct verdict_op *v = op->verdict.verdict;
    schedule(out, n, v->schedule);
    buf_printf(out, " ");
    row(out, n, &v->row);
    verdict(out, v);
}

void say_op_run(struct buf *out, const struct op *op)
{
    const struct verdict_op *v = op->submit.verdict;
    if (!v)
        return;
    if (op->submit.state == JOB_SCHEDULED)
        labelled_time(out, "due", op->submit.due_ms);
    buf_printf(out, " %s", fire_reason_name((enum fire_reason)v->row.reason));
    verdict(out, v);
}

void say_op_ledger(struct buf *out, const struct namer *n, const struct op *op)
{
    schedule(out, n, op->ledger.schedule);
}
