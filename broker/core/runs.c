/* runs.c: the runs of schedules that have not ended: what overlap asks for. A run that was parked
 * has ended. */
#include <stdlib.h>

#include "core/state.h"

int run_add(struct core *core, struct schedule *s, uint64_t id)
{
    if (s->run_count >= SCHEDULE_RUNS_MAX)
        return 0;
    if (s->run_count == s->run_cap) {
        uint32_t cap = s->run_cap ? s->run_cap * 2 : 1;
        uint64_t *runs = realloc(s->runs, cap * sizeof *runs);
        if (!runs)
            return MUSTER_ENOMEM;
        s->runs = runs;
        s->run_cap = cap;
    }
    int error = idmap_put(&core->schedules.runs, id, s);
    if (!error)
        s->runs[s->run_count++] = id;
    return error;
}

void run_drop(struct core *core, struct schedule *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->run_count; i++) {
        if (s->runs[i] != id)
            continue;
        memmove(&s->runs[i], &s->runs[i + 1], (s->run_count - i - 1) * sizeof s->runs[0]);
        s->run_count--;
        idmap_remove(&core->schedules.runs, id);
        break;
    }
}

void run_remove(struct core *core, struct schedule *s, uint64_t id)
{
    run_drop(core, s, id);
    if (s->run_count == 0 && s->waiting_ms)
        fire_waiting(core, s);
}

void runs_forget(struct core *core, struct schedule *s)
{
    for (uint32_t i = 0; i < s->run_count; i++)
        idmap_remove(&core->schedules.runs, s->runs[i]);
    free(s->runs);
    s->runs = NULL;
    s->run_count = s->run_cap = 0;
}

void run_revived(struct core *core, struct slice schedule, uint64_t id)
{
    struct schedule *s = strmap_get(&core->schedules.by_name, schedule);
    if (s && s->def.overlap != OVERLAP_ALLOW && run_add(core, s, id) != 0)
        core_fail(core, "out of memory for a run of a schedule");
}

void run_ended(struct core *core, uint64_t id)
{
    struct schedule *s = idmap_get(&core->schedules.runs, id);
    if (s)
        run_remove(core, s, id);
}

/* ---- what overlap looks at ---- */

/* Its runs come into memory, and then the item is judged. */
static void read_runs(struct core *core, struct schedule *s, const struct fire_item *item)
{
    struct request like = {.type = EV_FIRE, .schedule = s->number};
    request_again(core, &like, false, s->runs, s->run_count);
    s->reading = true;
    s->held = *item;
}

/* Whether runs are not in memory yet. */
static bool reading_runs(struct core *core, struct schedule *s, const struct fire_item *item)
{
    bool missing = false;
    for (uint32_t i = 0; i < s->run_count; i++)
        missing = missing || !job_find(core, s->runs[i]);
    if (missing && !s->reading)
        read_runs(core, s, item);
    return missing || s->reading;
}

bool runs_read_row(struct core *core, struct schedule *s, const struct fire_item *item)
{
    if (s->reading || s->looked_ms == item->nominal_ms)
        return s->reading;
    struct request *r = batch_alloc(core_batch(core), sizeof *r);
    if (!r) {
        core_fail(core, "out of memory for a run of a schedule");
        return true;
    }
    r->schedule = s->number;
    struct op *op = core_op(core, OP_LEDGER);
    op->ledger.schedule = s->number;
    op->ledger.from_ms = item->nominal_ms;
    op->ledger.before_ms = item->nominal_ms + 1;
    op->ledger.limit = 1;
    op->ledger.owner = r;
    s->looked_ms = item->nominal_ms;
    read_runs(core, s, item);
    return true;
}

void runs_row_found(struct core *core, const struct op *op)
{
    const struct request *r = op->ledger.owner;
    struct schedule *s = idmap_get(&core->schedules.by_number, r->schedule);
    if (!s || !s->reading)
        return;
    /* one that it replaces, missed, is none */
    s->looked_has_row = op->ledger.count > 0 && !(s->held.over >> op->ledger.rows[0].verdict & 1);
}

static bool is_overdue(const struct core *core, const struct job *job)
{
    bool waits = job->head.state == JOB_READY || job->head.state == JOB_SCHEDULED;
    return waits && job->place != PLACE_DOUBT && job->spec->expires_ms &&
           core->wall_ms >= job->spec->expires_ms;
}

bool runs_expire(struct core *core, struct schedule *s, const struct fire_item *item)
{
    bool any = false;
    if (!s->def.expires_in_ms || item->overlap == OVERLAP_ALLOW || s->run_count == 0)
        return false;
    if (reading_runs(core, s, item))
        return true;
    for (uint32_t i = 0; i < s->run_count; i++) {
        struct job *job = job_find(core, s->runs[i]);
        if (!job || !is_overdue(core, job))
            continue;
        change_end(core, job, JOB_EV_EXPIRE, NULL);
        any = true;
    }
    return any;
}

void runs_cancel(struct core *core, struct schedule *s)
{
    for (uint32_t i = 0; i < s->run_count; i++) {
        struct job *job = job_find(core, s->runs[i]);
        if (job)
            cancel_job(core, job);
    }
}
