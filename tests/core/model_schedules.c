/* model_schedules.c: see the header. */
#include "model_schedules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/state.h"
#include "schedule_text.h"

static unsigned long long ull(uint64_t value)
{
    return value;
}

void model_schedules_init(struct model *m)
{
    idmap_init(&m->schedules);
}

void model_schedules_fini(struct model *m)
{
    size_t at = 0;
    for (struct known_schedule *s; (s = idmap_next(&m->schedules, &at, NULL));) {
        size_t row = 0;
        for (struct known_row *r; (r = idmap_next(&s->rows, &row, NULL));)
            free(r);
        idmap_fini(&s->rows);
        free(s);
    }
    idmap_fini(&m->schedules);
}

struct known_schedule *model_schedule(const struct model *m, uint32_t number)
{
    return idmap_get(&m->schedules, number);
}

static struct known_schedule *living(const struct model *m, uint32_t number)
{
    struct known_schedule *s = model_schedule(m, number);
    return s && !s->dropped ? s : NULL;
}

/* ---- what is committed ---- */

static struct known_schedule *schedule_begins(struct model *m, uint32_t number)
{
    struct known_schedule *s = calloc(1, sizeof *s);
    if (!s || idmap_put(&m->schedules, number, s) != 0)
        model_broken("out of memory");
    s->number = number;
    idmap_init(&s->rows);
    return s;
}

void model_commit_schedule(struct model *m, const struct op *op)
{
    struct schedule_def def;
    uint32_t number = op->schedule.schedule;
    struct known_schedule *s = model_schedule(m, number);
    if (s && s->dropped)
        model_broken("schedule %u changes after its end", number);
    if (op->schedule.drop) {
        if (!s)
            model_broken("schedule %u ends and never was", number);
        s->dropped = true;
        m->judged++;
        return;
    }
    if (!schedule_text_read(op->schedule.definition, &def))
        model_broken("schedule %u is stored otherwise than it was put", number);
    if (!s)
        s = schedule_begins(m, number);
    snprintf(s->name, sizeof s->name, "%.*s", SLICE_FMT(def.name));
    s->overlap = def.overlap;
}

void model_commit_state(struct model *m, const struct op *op)
{
    struct known_schedule *s = living(m, op->schedule_state.schedule);
    if (!s || op->result != 0)
        model_broken("schedule %u changes and is not there", op->schedule_state.schedule);
    s->paused = op->schedule_state.paused;
    if (s->through_ms < op->schedule_state.owed_from_ms)
        s->through_ms = op->schedule_state.owed_from_ms;
}

static bool is_alive(const struct known_job *j)
{
    return !j->ended && j->state != JOB_PARKED && !j->was_parked;
}

/* Runs that overlap has to look at. */
static uint32_t runs_alive(const struct model *m, uint32_t number)
{
    uint32_t alive = 0;
    size_t at = 0;
    for (const struct known_job *j; (j = idmap_next(&m->jobs, &at, NULL));)
        alive += j->schedule == number && j->overlaps && is_alive(j);
    return alive;
}

static void check_alone(const struct model *m, const struct known_schedule *s,
                        const struct verdict_op *v)
{
    bool waited = v->over & 1u << VERDICT_WAITING;
    bool alone = waited || (v->chained && s->overlap != OVERLAP_ALLOW);
    if (alone && runs_alive(m, s->number) > 0)
        model_broken("schedule %s: %llu is fired, and a run before it has not ended", s->name,
                     ull(v->row.nominal_ms));
}

static void check_over(const struct known_schedule *s, const struct known_row *r,
                       const struct verdict_op *v)
{
    if (r->row.verdict == VERDICT_FIRED || r->row.verdict == VERDICT_SKIPPED ||
        !(v->over >> r->row.verdict & 1))
        model_broken("schedule %s: %llu was judged before: %s, now %s", s->name,
                     ull(v->row.nominal_ms), fire_verdict_name(r->row.verdict),
                     fire_verdict_name(v->row.verdict));
    if (r->row.verdict == VERDICT_WAITING && v->row.verdict != VERDICT_FIRED)
        model_broken("schedule %s: %llu waited, and is not fired", s->name, ull(v->row.nominal_ms));
}

static void put_row(struct known_schedule *s, const struct verdict_op *v)
{
    struct known_row *r = idmap_get(&s->rows, v->row.nominal_ms);
    if (r) {
        check_over(s, r, v);
        s->waiting_rows -= r->row.verdict == VERDICT_WAITING;
    } else {
        r = calloc(1, sizeof *r);
        if (!r || idmap_put(&s->rows, v->row.nominal_ms, r) != 0)
            model_broken("out of memory");
        s->row_count++;
    }
    uint8_t waited_for = r->row.reason;
    bool waited = r->ever && r->row.verdict == VERDICT_WAITING;
    r->row = v->row;
    if (waited)
        r->row.reason = waited_for;
    r->ever |= (uint8_t)(1u << v->row.verdict);
    s->waiting_rows += v->row.verdict == VERDICT_WAITING;
    if (s->waiting_rows > 1)
        model_broken("schedule %s: two runs wait", s->name);
}

static void count(struct model *m, const struct verdict_op *v, int result)
{
    uint8_t as = result == 0               ? v->row.verdict
                 : result == MUSTER_EINUSE ? (uint8_t)VERDICT_KNOWN
                 : result == MUSTER_ESTATE ? (uint8_t)VERDICT_BEHIND
                                           : (uint8_t)VERDICT_FULL;
    m->verdicts[as]++;
    m->judged++;
    m->started += result == 0 && v->over & 1u << VERDICT_WAITING;
}

static void commit_verdict(struct model *m, const struct verdict_op *v, int result)
{
    struct known_schedule *s = living(m, v->schedule);
    if (result == 0 && !s)
        model_broken("schedule %u is fired and is not there", v->schedule);
    if (result == 0 && v->chained && v->previous_ms != s->through_ms)
        model_broken("schedule %s: %llu is judged after %llu, and %llu was the last", s->name,
                     ull(v->row.nominal_ms), ull(v->previous_ms), ull(s->through_ms));
    if (result == 0)
        put_row(s, v);
    count(m, v, result);
    if (s && v->chained && (result == 0 || result == MUSTER_EINUSE))
        s->through_ms = v->row.nominal_ms;
}

void model_commit_verdict(struct model *m, const struct op *op)
{
    const struct verdict_op *v = op->verdict.verdict;
    if (v->row.verdict == VERDICT_FIRED)
        model_broken("schedule %u: %llu is fired without a job", v->schedule,
                     ull(v->row.nominal_ms));
    commit_verdict(m, v, op->result);
}

void model_commit_run(struct model *m, const struct op *op)
{
    const struct verdict_op *v = op->submit.verdict;
    const struct known_schedule *s = living(m, v->schedule);
    if (v->row.verdict != VERDICT_FIRED || v->row.job != op->submit.first_id ||
        op->submit.count != 1)
        model_broken("schedule %u: a job is no run of it", v->schedule);
    if (op->result == 0 && s)
        check_alone(m, s, v);
    commit_verdict(m, v, op->result);
}

void model_run_known(struct model *m, const struct op *op, struct known_job *j)
{
    const struct verdict_op *v = op->submit.verdict;
    const struct known_schedule *s = living(m, v->schedule);
    j->schedule = v->schedule;
    j->nominal_ms = v->row.nominal_ms;
    j->overlaps = s->overlap != OVERLAP_ALLOW;
    snprintf(j->args, sizeof j->args, "%.8s@%llu", s->name, ull(v->row.nominal_ms));
}

/* ---- what is said ---- */

/* Also those of that name that are no more: answers may be late. */
static const struct known_schedule *called(const struct model *m, const char *name, size_t *cursor)
{
    for (const struct known_schedule *s; (s = idmap_next(&m->schedules, cursor, NULL));)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

static bool was_judged(const struct model *m, const char *name, uint64_t nominal_ms,
                       uint8_t verdicts)
{
    size_t cursor = 0;
    for (const struct known_schedule *s; (s = called(m, name, &cursor));) {
        const struct known_row *r = idmap_get(&s->rows, nominal_ms);
        if (r && r->ever & verdicts)
            return true;
    }
    return false;
}

static uint64_t highest_through(const struct model *m, const char *name)
{
    uint64_t highest = 0;
    size_t cursor = 0;
    for (const struct known_schedule *s; (s = called(m, name, &cursor));)
        if (s->through_ms > highest)
            highest = s->through_ms;
    return highest;
}

void model_fire_told(const struct model *m, const struct fire_told *told)
{
    uint8_t bit = (uint8_t)(1u << told->verdict);
    bool by_hand = told->mode == FIRE_TRIGGER; /* its nominal time is the core's */
    if (told->verdict < VERDICT_STORED_COUNT && !by_hand &&
        !was_judged(m, told->name, told->nominal_ms, bit))
        model_broken("schedule %s: %llu is told to be %s, and that is not stored", told->name,
                     ull(told->nominal_ms), fire_verdict_name(told->verdict));
    if (told->verdict == VERDICT_KNOWN && told->mode == FIRE_DUE &&
        highest_through(m, told->name) < told->nominal_ms)
        model_broken("schedule %s: %llu is told to be known, and nothing of it is stored",
                     told->name, ull(told->nominal_ms));
    if (told->verdict == VERDICT_KNOWN && told->mode == FIRE_BACKFILL &&
        !was_judged(m, told->name, told->nominal_ms, 0xff))
        model_broken("schedule %s: %llu is told to be known, and has no row", told->name,
                     ull(told->nominal_ms));
    model_through_told(m, told->name, told->through_ms);
}

void model_through_told(const struct model *m, const char *name, uint64_t through_ms)
{
    uint64_t highest = highest_through(m, name);
    if (through_ms > highest)
        model_broken("schedule %s is told to be judged up to %llu, and is up to %llu", name,
                     ull(through_ms), ull(highest));
}

static void check_page(const struct known_schedule *s, const struct action *a, uint32_t limit)
{
    uint32_t count = s->row_count < limit ? s->row_count : limit;
    if (a->ledger.count != count || a->ledger.more != (s->row_count > limit))
        model_broken("schedule %s: its ledger has %u rows, and %u are shown", s->name, s->row_count,
                     a->ledger.count);
    for (uint32_t i = 0; i < count; i++) {
        const struct ledger_row *row = &a->ledger.rows[i];
        const struct known_row *r = idmap_get(&s->rows, row->nominal_ms);
        if (!r || r->row.verdict != row->verdict || r->row.job != row->job ||
            r->row.reason != row->reason || r->row.count != row->count)
            model_broken("schedule %s: the row of %llu is not as it was stored", s->name,
                         ull(row->nominal_ms));
    }
}

void model_ledger_told(const struct model *m, const char *name, const struct action *a,
                       uint32_t limit, bool now)
{
    size_t cursor = 0;
    for (uint32_t i = 0; i < a->ledger.count; i++)
        if (!was_judged(m, name, a->ledger.rows[i].nominal_ms,
                        (uint8_t)(1u << a->ledger.rows[i].verdict)))
            model_broken("schedule %s: a row of %llu is shown that was never stored", name,
                         ull(a->ledger.rows[i].nominal_ms));
    for (const struct known_schedule *s; now && (s = called(m, name, &cursor));)
        if (!s->dropped)
            check_page(s, a, limit);
}

void model_schedule_published(const struct model *m, const struct action *a)
{
    static const uint8_t verdicts[TOPIC_COUNT] = {
        [TOPIC_SCHEDULE_FIRED] = 1u << VERDICT_FIRED,
        [TOPIC_SCHEDULE_SKIPPED] = 1u << VERDICT_SKIPPED,
        [TOPIC_SCHEDULE_MISSED] = 1u << VERDICT_MISSED,
    };
    char name[32];
    snprintf(name, sizeof name, "%.*s", SLICE_FMT(a->event.schedule));
    uint8_t verdict = verdicts[a->event.topic];
    if (verdict && !was_judged(m, name, a->event.nominal_ms, verdict))
        model_broken("the feed tells of schedule %s at %llu, and nothing of it is stored", name,
                     ull(a->event.nominal_ms));
}

/* ---- nothing is on its way ---- */

static void runs_agree(const struct model *m, const struct schedule *s)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < s->run_count; i++) {
        const struct known_job *j = model_job(m, s->runs[i]);
        /* a run that is retried by hand belongs to whichever schedule has the name now */
        bool its = j && (j->schedule == s->number || j->was_parked);
        if (!its || j->ended || j->state == JOB_PARKED)
            model_broken("schedule %.*s takes job %llu for a run of its that is alive",
                         SLICE_FMT(s->name), ull(s->runs[i]));
        known += j->overlaps && is_alive(j);
    }
    if (known != runs_alive(m, s->number))
        model_broken("schedule %.*s knows of %u runs that are alive, and there are %u",
                     SLICE_FMT(s->name), known, runs_alive(m, s->number));
}

static void schedule_agrees(const struct model *m, const struct schedule *s)
{
    const struct known_schedule *k = living(m, s->number);
    if (!k)
        model_broken("schedule %.*s is not stored", SLICE_FMT(s->name));
    if (s->through_ms != k->through_ms || s->kept_ms != k->through_ms)
        model_broken("schedule %s is judged up to %llu, and memory has %llu, %llu", k->name,
                     ull(k->through_ms), ull(s->through_ms), ull(s->kept_ms));
    if (s->paused != k->paused || s->def.overlap != k->overlap)
        model_broken("schedule %s is another one in memory", k->name);
    const struct known_row *r = idmap_get(&k->rows, s->waiting_ms);
    bool waits = r && r->row.verdict == VERDICT_WAITING;
    if ((s->waiting_ms != 0) != waits || k->waiting_rows != waits)
        model_broken("schedule %s: %llu waits in memory, %u in the store", k->name,
                     ull(s->waiting_ms), k->waiting_rows);
    r = s->last.judged_ms ? idmap_get(&k->rows, s->last.nominal_ms) : NULL;
    if (s->last.judged_ms && !r)
        model_broken("schedule %s: the last row, of %llu, is not stored", k->name,
                     ull(s->last.nominal_ms));
    runs_agree(m, s);
}

void model_schedules_agree(const struct model *m, const struct core *core)
{
    size_t at = 0;
    uint32_t count = 0;
    for (const struct schedule *s; (s = idmap_next(&core->schedules.by_number, &at, NULL));)
        schedule_agrees(m, s);
    at = 0;
    for (const struct known_schedule *s; (s = idmap_next(&m->schedules, &at, NULL));)
        count += !s->dropped;
    if (count != core->schedules.by_number.count)
        model_broken("%u schedules are stored, and %zu in memory", count,
                     core->schedules.by_number.count);
}
