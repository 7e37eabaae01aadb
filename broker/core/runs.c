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
