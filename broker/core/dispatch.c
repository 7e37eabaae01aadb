/* dispatch.c: which job goes to which session. Free slots of all workers are filled before anything
 * is prefetched. */
#include "core/state.h"

/* Bands looked past in one pick because this session does not handle them. */
#define ASIDE_MAX 256

void grant(struct core *core, struct job *job, struct session *s)
{
    job_unplace(core, job);
    (void)job_move(job, JOB_EV_GRANT);
    job->place = PLACE_OUT;
    job->session = s;
    job->listed = 0; /* another session's HELLO had that number */
    job->prefetched = s->out >= s->slots;
    job->granted_ms = core_serving_ms(core);
    job->started_wall_ms = core->wall_ms;
    list_push_back(&s->jobs, &job->link);
    s->out++;
    core->out++;
    lane_at(core, job->head.lane)->queue->out++;
    run_clock_add(core, job);
}

void grant_stopping(struct core *core, struct job *job)
{
    lane_at(core, job->head.lane)->queue->out--;
    job->place = PLACE_STOPPING;
}

static void sent(struct core *core, struct job *job)
{
    job->unsent = false;
    lane_at(core, job->head.lane)->queue->untold++;
}

void ungrant(struct core *core, struct job *job)
{
    list_remove(&job->link);
    list_remove(&job->clock);
    job->session->out--;
    if (core->out-- >= core->options.out_max)
        core->dispatch_wanted = true; /* whoever is hungry was held up by it */
    if (job->place == PLACE_OUT)
        lane_at(core, job->head.lane)->queue->out--;
    job->session = NULL;
    job->place = PLACE_NONE;
    if (job->unsent)
        sent(core, job);
}

static bool may_prefetch(const struct job *job)
{
    return job->head.losses == 0 && !(job->head.flags & JOB_SPENT);
}

static bool suits(struct session *s, const struct band *band, bool prefetch)
{
    if (s->handled != band->lane->serial) {
        if (!session_handles(s, band->lane))
            return false;
        s->handled = band->lane->serial;
    }
    return !prefetch || !band_ready(band) || may_prefetch(band_head(band));
}

/* As below, by the session's kinds: so many bands of other kinds stand before its own. */
static struct band *pick_by_kind(const struct core *core, const struct queue *q, struct session *s,
                                 bool prefetch)
{
    struct band *best = NULL;
    for (uint32_t i = 0; i < s->kind_count; i++) {
        const struct lane *lane = lane_find(core, q->name, s->kinds[i]);
        for (int p = 0; lane && p < PRIORITY_COUNT; p++) {
            struct band *band = lane->bands[p];
            if (band && heap_has(&band->node) && suits(s, band, prefetch) &&
                (!best || q->open.less(&band->node, &best->node)))
                best = band;
        }
    }
    return best;
}

/* The most urgent band of the queue for this session. It may have to be waited for. */
static struct band *pick_band(struct core *core, struct queue *q, struct session *s, bool prefetch)
{
    struct band *aside[ASIDE_MAX], *found = NULL;
    uint32_t count = 0;
    while (!found && heap_top(&q->open) && count < ASIDE_MAX) {
        struct band *band = CONTAINER_OF(heap_top(&q->open), struct band, node);
        if (suits(s, band, prefetch)) {
            found = band;
        } else {
            heap_remove(&q->open, &band->node);
            aside[count++] = band;
        }
    }
    if (!found && count == ASIDE_MAX)
        found = pick_by_kind(core, q, s, prefetch);
    while (count > 0)
        band_refresh(core, aside[--count]);
    return found;
}

/* Smooth weighted round robin, as nginx does it. A queue whose turn it is, and whose next job waits
 * for its mark, keeps the turn. */
static struct band *pick_by_weight(struct core *core, struct session *s, bool prefetch)
{
    struct session_queue *winner = NULL;
    int64_t total = 0;
    for (uint32_t i = 0; i < s->queue_count; i++) {
        struct session_queue *sq = &s->queues[i];
        sq->candidate = pick_band(core, sq->queue, s, prefetch);
        if (!sq->candidate)
            continue;
        sq->current += sq->weight;
        total += sq->weight;
        if (!winner || sq->current > winner->current)
            winner = sq;
    }
    if (winner && band_ready(winner->candidate)) {
        winner->current -= total;
        return winner->candidate;
    }
    for (uint32_t i = 0; i < s->queue_count; i++)
        if (s->queues[i].candidate)
            s->queues[i].current -= s->queues[i].weight;
    return NULL;
}

/* Strict: the first queue that has something. */
static struct band *pick_in_order(struct core *core, struct session *s, bool prefetch)
{
    for (uint32_t i = 0; i < s->queue_count; i++) {
        struct band *band = pick_band(core, s->queues[i].queue, s, prefetch);
        if (band)
            return band_ready(band) ? band : NULL;
    }
    return NULL;
}

static struct band *pick(struct core *core, struct session *s, bool prefetch)
{
    if (s->strict || s->queue_count == 1)
        return pick_in_order(core, s, prefetch);
    return pick_by_weight(core, s, prefetch);
}

static void publish_started(struct core *core, const struct session *s, struct job *const *jobs,
                            uint32_t count)
{
    if (!core_watches(core, TOPIC_JOB_STARTED))
        return;
    for (uint32_t i = 0; i < count; i++)
        publish_job(core, TOPIC_JOB_STARTED, 0, &jobs[i]->head, s->name, SLICE_EMPTY);
}

static void flush(struct core *core, struct session *s)
{
    if (s->grant_count == 0)
        return;
    struct action *a = core_emit(core, ACT_JOBS, s->route, 0);
    a->jobs.hello = s->hello;
    a->jobs.jobs = s->grants;
    a->jobs.count = s->grant_count;
    a->jobs.session = s;
    publish_started(core, s, s->grants, s->grant_count);
    core->stats.jobs_granted += s->grant_count;
    core->granted_window += s->grant_count;
    s->grants = NULL;
    s->grant_count = 0;
    s->grant_bytes = 0;
}

static void gather(struct core *core, struct session *s, struct job *job)
{
    if (s->grant_count > 0 && s->grant_bytes + job->args.len > BATCH_BYTES_TARGET)
        flush(core, s);
    if (!s->grants)
        s->grants = core_memory(core, 0, BATCH_JOBS_MAX * sizeof *s->grants);
    if (!s->grants)
        return;
    s->grants[s->grant_count++] = job;
    s->grant_bytes += job->args.len;
    if (s->grant_count == BATCH_JOBS_MAX)
        flush(core, s);
}

/* Hands the head of the band to the session. */
static void hand_out(struct core *core, struct session *s, struct band *band)
{
    struct job *job = band_head(band);
    if (job->spec->expires_ms && core->wall_ms >= job->spec->expires_ms) {
        change_end(core, job, JOB_EV_EXPIRE, NULL);
    } else if (job->head.flags & JOB_SPENT) {
        change_regrant(core, job);
        grant(core, job, s);
        job->unsent = true;
        lane_at(core, job->head.lane)->queue->untold--;
    } else {
        grant(core, job, s);
        gather(core, s, job);
    }
    if (job->place == PLACE_OUT)
        meter_latency(core, band->lane->queue, LATENCY_WAIT, core_us_since(core, job->head.due_ms));
    if (list_empty(&s->granting))
        list_push_back(&core->granting, &s->granting);
    window_fill(core, band);
}

/* One round over the hungry: up to `chunk` jobs each. False when nobody could be given anything. */
static bool give_round(struct core *core, bool prefetch, uint32_t chunk)
{
    bool any = false;
    LIST_FOREACH_SAFE (it, &core->hungry) {
        struct session *s = CONTAINER_OF(it, struct session, hungry);
        if (core->bands_ready == 0)
            return any;
        uint32_t most = prefetch || s->slots > s->credit ? s->credit : s->slots;
        for (uint32_t i = 0; i < chunk && s->out < most && core->out < core->options.out_max; i++) {
            struct band *band = pick(core, s, prefetch);
            if (!band)
                break;
            hand_out(core, s, band);
            any = true;
        }
    }
    return any;
}

void dispatch(struct core *core)
{
    if (!core->dispatch_wanted)
        return;
    while (give_round(core, false, 1))
        ;
    while (give_round(core, true, 64))
        ;
    while (!list_empty(&core->granting)) {
        struct session *s = CONTAINER_OF(core->granting.next, struct session, granting);
        list_remove(&s->granting);
        flush(core, s);
        session_refresh(core, s);
    }
    core->free_credit = core->offered;
    core->dispatch_wanted = false; /* bands put back by pick_band have just been looked at */
}

void send_regrants(struct core *core, struct batch *batch)
{
    for (uint32_t i = 0; i < batch->op_count; i++) {
        struct op *op = &batch->ops[i];
        struct job *job = op->type == OP_UPDATE ? op->update.job : NULL;
        if (!job || !job->unsent || job->place != PLACE_OUT || job->changes > 0)
            continue;
        struct session *s = job->session;
        sent(core, job);
        if (s->welcomed && !s->full)
            gather(core, s, job);
        else
            change_release(core, job, false);
    }
    for (uint32_t i = 0; i < batch->op_count; i++) {
        struct op *op = &batch->ops[i];
        struct job *job = op->type == OP_UPDATE ? op->update.job : NULL;
        if (job && job->place == PLACE_OUT)
            flush(core, job->session);
    }
}

static void take_back(struct core *core, struct job *job)
{
    struct session *s = job->session;
    ungrant(core, job);
    s->full = true;
    (void)job_move(job, JOB_EV_RELEASE);
    window_place(core, job);
}

void core_sent(struct core *core, const struct action *action, bool sent)
{
    struct session *s = action->jobs.session;
    for (uint32_t i = 0; i < action->jobs.count; i++) {
        if (sent)
            job_drop_args(action->jobs.jobs[i]);
        else
            take_back(core, action->jobs.jobs[i]);
    }
    if (!sent)
        session_refresh(core, s);
}
