/* check.c: what must hold of the core between any two steps. It reads the core's own structures:
 * the point is that its counters and lists, each kept up to date by many hands, say the same. */
#include "check.h"

#include <stdio.h>

#include "core/state.h"

#define WHY_BYTES 256

/* Says what is wrong, once. */
#define MUST(cond, ...)                                                                            \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            snprintf(why, WHY_BYTES, __VA_ARGS__);                                                 \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

struct totals {
    uint64_t out, running, doubt, due, waiting, cost;
    uint32_t bands_active;
};

static unsigned long long ull(uint64_t value)
{
    return value;
}

static uint32_t list_length(const struct list *l)
{
    uint32_t n = 0;
    LIST_FOREACH (it, l) {
        n++;
    }
    return n;
}

static bool in_list(const struct list *node)
{
    return node->next != node;
}

/* ---- batches ---- */

static uint32_t ops_on(const struct batch *b, const struct job *job)
{
    uint32_t n = 0;
    for (uint32_t i = 0; b && i < b->op_count; i++) {
        const struct op *op = &b->ops[i];
        if (op->type == OP_UPDATE)
            n += op->update.job == job;
        for (uint32_t r = 0; op->type == OP_END && r < op->end.count; r++)
            n += op->end.rows[r].job == job;
    }
    return n;
}

static uint32_t changes_on(const struct core *core, const struct job *job)
{
    uint32_t n = ops_on(core->open, job);
    for (uint32_t i = 0; i < core->in_flight_count; i++)
        n += ops_on(core->in_flight[i], job);
    return n;
}

/* ---- jobs ---- */

static bool state_fits(const struct job *job)
{
    switch (job->place) {
    case PLACE_WAITING:
    case PLACE_RETURNED:
    case PLACE_DOUBT:
        return job->head.state == JOB_READY;
    case PLACE_OUT:
        return job->head.state == JOB_RUNNING;
    case PLACE_STOPPING:
        return job->head.state == JOB_CANCELLED;
    case PLACE_DUE:
        return job->head.state == JOB_SCHEDULED;
    default:
        return true;
    }
}

static bool job_check(const struct core *core, const struct job *job, struct totals *t, char *why)
{
    unsigned long long id = job->head.id;
    uint32_t changes = changes_on(core, job);
    bool out = job->place == PLACE_OUT || job->place == PLACE_STOPPING;
    bool waits = job->place == PLACE_WAITING || job->place == PLACE_RETURNED;
    MUST(job->place < PLACE_COUNT, "job %llu: no such place", id);
    MUST(state_fits(job), "job %llu: state %u in place %u", id, job->head.state, job->place);
    MUST(job->changes == changes, "job %llu: %u changes, but %u are on their way", id, job->changes,
         changes);
    MUST(job->place != PLACE_NONE || changes > 0, "job %llu stays in memory for nothing", id);
    MUST(out == (job->session != NULL), "job %llu: place %u, but session %p", id, job->place,
         (void *)job->session);
    MUST(in_list(&job->clock) == out, "job %llu: place %u and the clock disagree", id, job->place);
    MUST(!job->unsent || job->place == PLACE_OUT, "job %llu: unsent in place %u", id, job->place);
    MUST(!job->unsent || changes > 0, "job %llu: unsent, and nothing is on its way", id);
    MUST(heap_has(&job->node) == (job->place == PLACE_RETURNED || job->place == PLACE_DUE),
         "job %llu: place %u and the heap disagree", id, job->place);
    MUST(!waits || job->blob, "job %llu waits without its args", id);
    MUST(!out || job->unsent || !job->blob, "job %llu is out and keeps its args", id);
    t->out += out;
    t->running += job->place == PLACE_OUT;
    t->doubt += job->place == PLACE_DOUBT;
    t->due += job->place == PLACE_DUE;
    t->waiting += waits;
    if (waits)
        t->cost += sizeof *job + job->args.len;
    return true;
}

static bool jobs_check(const struct core *core, struct totals *t, char *why)
{
    size_t cursor = 0;
    uint64_t id;
    for (const struct job *job; (job = idmap_next(&core->jobs, &cursor, &id));) {
        MUST(job->head.id == id, "job %llu is kept as %llu", ull(job->head.id), ull(id));
        if (!job_check(core, job, t, why))
            return false;
    }
    MUST(t->out == core->out, "%llu jobs are out, not %u", ull(t->out), core->out);
    MUST(t->doubt == core->doubt_count && t->doubt == list_length(&core->doubt),
         "%llu jobs are in doubt, not %llu", ull(t->doubt), ull(core->doubt_count));
    MUST(t->due == core->due.count + core->due_at.count, "%llu jobs are due, not %zu", ull(t->due),
         core->due.count + core->due_at.count);
    MUST(t->cost == core->window_bytes, "the windows hold %llu bytes, not %llu", ull(t->cost),
         ull(core->window_bytes));
    return true;
}

/* ---- bands ---- */

static bool waiting_check(const struct band *band, uint32_t *ret_marked, char *why)
{
    const struct job *first_unmarked = NULL;
    uint64_t last = 0;
    LIST_FOREACH (it, &band->waiting) {
        const struct job *job = CONTAINER_OF(it, const struct job, link);
        MUST(job->head.seq > last, "job %llu is out of order in its band", ull(job->head.id));
        MUST(job->place == PLACE_WAITING, "job %llu is in a band by mistake", ull(job->head.id));
        last = job->head.seq;
        if (!first_unmarked && job->head.seq > band->mark)
            first_unmarked = job;
        *ret_marked += job->marked;
    }
    MUST(band->unmarked == first_unmarked, "lane %u priority %u: unmarked is wrong",
         band->lane->number, band->priority);
    return true;
}

static bool band_check(const struct core *core, const struct band *band, struct totals *t,
                       char *why)
{
    uint32_t n = band->lane->number, p = band->priority, marked = 0;
    if (!waiting_check(band, &marked, why))
        return false;
    for (size_t i = 0; i < band->returned.count; i++)
        marked += CONTAINER_OF(band->returned.nodes[i], const struct job, node)->marked;
    uint32_t resident = list_length(&band->waiting) + (uint32_t)band->returned.count;
    bool eligible = lane_open(band->lane) && (band->loading || band_head(band));
    MUST(resident == band->resident, "lane %u priority %u: %u resident, not %u", n, p, resident,
         band->resident);
    MUST(marked == band->marked, "lane %u priority %u: %u marked, not %u", n, p, marked,
         band->marked);
    MUST(core->in_flight_count > 0 || core->open || band->marked_coming == 0,
         "lane %u priority %u: %u marked are still coming", n, p, band->marked_coming);
    MUST(band->mark_stored <= band->mark, "lane %u priority %u: the mark is behind the stored one",
         n, p);
    MUST(heap_has(&band->node) == eligible, "lane %u priority %u: eligible %d, but in the heap %d",
         n, p, eligible, heap_has(&band->node));
    MUST(lane_open(band->lane) || resident == 0, "lane %u is closed and has %u in its window", n,
         resident);
    t->bands_active += resident > 0;
    return true;
}

static uint32_t servers_of(const struct core *core, const struct lane *lane)
{
    uint32_t n = 0;
    LIST_FOREACH (it, &core->sessions) {
        const struct session *s = CONTAINER_OF(it, const struct session, link);
        n += s->serving && session_handles(s, lane);
    }
    return n;
}

static bool lanes_check(const struct core *core, struct totals *t, char *why)
{
    for (uint32_t n = 1; n < core->lane_cap; n++) {
        const struct lane *lane = core->lanes[n];
        if (!lane)
            continue;
        uint32_t servers = servers_of(core, lane);
        MUST(lane->servers == servers, "lane %u: %u servers, not %u", n, servers, lane->servers);
        for (int p = 0; p < PRIORITY_COUNT; p++)
            if (lane->bands[p] && !band_check(core, lane->bands[p], t, why))
                return false;
    }
    MUST(t->bands_active == core->bands_active, "%u bands are active, not %u", t->bands_active,
         core->bands_active);
    return true;
}

/* ---- sessions ---- */

static bool session_check(const struct core *core, const struct session *s, char *why)
{
    uint32_t out = list_length(&s->jobs);
    bool hungry = s->welcomed && s->state == SESSION_ALIVE && !s->full && s->out < s->credit;
    MUST(out == s->out, "session %.*s: %u out, not %u", SLICE_FMT(s->name), out, s->out);
    MUST(in_list(&s->hungry) == hungry, "session %.*s: hungry %d, but in the list %d",
         SLICE_FMT(s->name), hungry, in_list(&s->hungry));
    MUST(!s->route || session_on(core, s->route) == s, "session %.*s: its route is another's",
         SLICE_FMT(s->name));
    MUST(session_find(core, s->id) == s, "session %.*s is not found", SLICE_FMT(s->name));
    MUST(s->state != SESSION_LAPSED || (out == 0 && !s->route && !s->serving),
         "session %.*s has lapsed and still holds something", SLICE_FMT(s->name));
    MUST(!s->grants && s->grant_count == 0, "session %.*s: grants were not sent",
         SLICE_FMT(s->name));
    LIST_FOREACH (it, &s->jobs) {
        const struct job *job = CONTAINER_OF(it, const struct job, link);
        MUST(job->session == s, "job %llu is listed at another session", ull(job->head.id));
    }
    return true;
}

static bool sessions_check(const struct core *core, char *why)
{
    uint32_t awaited = 0, count = 0;
    uint64_t heard = 0;
    LIST_FOREACH (it, &core->sessions) {
        const struct session *s = CONTAINER_OF(it, const struct session, link);
        count++;
        MUST(s->state != SESSION_LAPSED, "a lapsed session is among the living");
        MUST(s->heard >= heard, "the sessions are out of order");
        heard = s->heard;
        if (!session_check(core, s, why))
            return false;
    }
    LIST_FOREACH (it, &core->lapsed) {
        const struct session *s = CONTAINER_OF(it, const struct session, link);
        count++;
        awaited += s->awaited;
        MUST(s->state == SESSION_LAPSED, "a living session is among the lapsed");
        if (!session_check(core, s, why))
            return false;
    }
    MUST(count == core->session_count, "%u sessions, not %u", count, core->session_count);
    MUST(awaited == core->awaited, "%u sessions are awaited, not %u", awaited, core->awaited);
    return true;
}

static bool queues_check(const struct core *core, const struct totals *t, bool idle, char *why)
{
    uint64_t out = 0;
    size_t cursor = 0;
    for (const struct queue *q; (q = strmap_next(&core->queues, &cursor));) {
        out += q->out;
        MUST(!idle || q->untold == 0, "%lld ends of runs are untold, but nothing is on its way",
             (long long)q->untold);
        MUST((int64_t)q->out + q->untold >= 0, "%llu jobs run, and %lld ends are untold",
             ull(q->out), (long long)q->untold);
    }
    MUST(out == t->running, "%llu jobs run, not %llu", ull(t->running), ull(out));
    return true;
}

/* ---- schedules ---- */

static bool run_check(const struct core *core, const struct schedule *s, uint64_t *ret_runs,
                      char *why)
{
    for (uint32_t i = 0; i < s->run_count; i++)
        MUST(idmap_get(&core->schedules.runs, s->runs[i]) == s,
             "run %llu of schedule %.*s is not found", ull(s->runs[i]), SLICE_FMT(s->name));
    *ret_runs += s->run_count;
    return true;
}

static bool schedule_check(const struct core *core, const struct schedule *s, bool idle, char *why)
{
    bool could_run = s->waiting_ms && s->run_count == 0 && !s->paused && !s->waiting_sent;
    MUST(idmap_get(&core->schedules.by_revision, s->revision) == s,
         "schedule %.*s is not found by its revision", SLICE_FMT(s->name));
    if (s->deleted) {
        MUST(s->run_count == 0 && !in_list(&s->waiting_link) && !s->blob,
             "schedule %.*s is deleted and holds something", SLICE_FMT(s->name));
        return true;
    }
    MUST(strmap_get(&core->schedules.by_name, s->name) == s &&
             idmap_get(&core->schedules.by_number, s->number) == s,
         "schedule %.*s is not found", SLICE_FMT(s->name));
    MUST(s->kept_ms <= s->through_ms, "schedule %.*s: %llu is stored, and judged is %llu",
         SLICE_FMT(s->name), ull(s->kept_ms), ull(s->through_ms));
    MUST(in_list(&s->waiting_link) == could_run, "schedule %.*s: its run could start %d, listed %d",
         SLICE_FMT(s->name), could_run, in_list(&s->waiting_link));
    MUST(!idle || (list_empty(&s->notes) && !s->waiting_sent && s->kept_ms == s->through_ms),
         "schedule %.*s waits for the store, but nothing is on its way", SLICE_FMT(s->name));
    return true;
}

static bool schedules_check(const struct core *core, bool idle, char *why)
{
    const struct schedule_set *set = &core->schedules;
    uint64_t revision = 0, runs = 0, bytes = 0, count = 0, deleted = 0;
    LIST_FOREACH (it, &set->all) {
        const struct schedule *s = CONTAINER_OF(it, const struct schedule, link);
        MUST(s->revision > revision, "the schedules are out of order");
        revision = s->revision;
        bytes += s->def.bytes.len;
        count++;
        deleted += s->deleted;
        if (!schedule_check(core, s, idle, why) || !run_check(core, s, &runs, why))
            return false;
    }
    MUST(runs == set->runs.count, "%llu runs of schedules, not %zu", ull(runs), set->runs.count);
    MUST(bytes == set->bytes, "%llu bytes of schedules, not %llu", ull(bytes), ull(set->bytes));
    MUST(deleted == set->deleted_count && count == set->by_revision.count &&
             count - deleted == set->by_name.count && count - deleted == set->by_number.count,
         "the schedules are miscounted");
    MUST(revision <= set->revision && list_length(&set->polls) == set->poll_count,
         "the polls are miscounted");
    return true;
}

/* ---- all ---- */

bool core_check_idle(const struct core *core)
{
    return core->in_flight_count == 0 && (!core->open || core->open->op_count == 0);
}

bool core_check(const struct core *core, char *why)
{
    struct totals t = {0};
    bool idle = core_check_idle(core);
    if (!jobs_check(core, &t, why) || !lanes_check(core, &t, why) || !sessions_check(core, why) ||
        !queues_check(core, &t, idle, why) || !schedules_check(core, idle, why))
        return false;
    MUST(!idle || core->uncommitted == 0, "%llu bytes are uncommitted, but nothing is on its way",
         ull(core->uncommitted));
    MUST(!idle || core->late == 0, "%llu late jobs are asked for, but nothing is on its way",
         ull(core->late));
    MUST(!idle || core->looks == 0, "%llu looks are asked for, but nothing is on its way",
         ull(core->looks));
    MUST((core->waited_ids == 0) == list_empty(&core->waiting), "the waiters are miscounted");
    return true;
}

bool core_check_empty(const struct core *core, char *why)
{
    if (!core_check(core, why))
        return false;
    MUST(core->jobs.count == 0, "%zu jobs are still in memory", core->jobs.count);
    MUST(core->window_bytes == 0, "%llu bytes are still in the windows", ull(core->window_bytes));
    MUST(core->in_flight_count == 0, "batches are still on their way");
    MUST(!core_wants_turn(core), "it wants turn after turn");
    MUST(core->waited_ids == 0 && core->waiters.count == 0, "somebody still waits");
    return true;
}
