/* figures.c: what QUEUES, STATS and SNAPSHOT tell: the store's counters, what runs, rates and
 * latencies, and for how long the oldest job has been ready. */
#include "core/state.h"

#define LANES_AT_ONCE 10000 /* one question looks into so many backlogs; the next goes on */
#define ROWS_AT_ONCE  20000 /* rows that it may read beyond the first of each */
#define ROWS_OF_LANE  256

/* ---- the oldest of what is not in memory ---- */

/* Rows of the band lie in the store, and none of those that wait is in memory. */
static bool band_asleep(const struct lane *lane, uint8_t priority)
{
    const struct band *band = lane->bands[priority];
    return band ? band->resident == 0 && !band->complete : (lane->stored & 1u << priority) != 0;
}

/* Fills in what is asked about the lane; false: nothing. */
static bool fill_oldest(const struct lane *lane, struct oldest_lane *ret, uint32_t *rows_left)
{
    bool any = false;
    for (uint8_t p = 0; p < PRIORITY_COUNT; p++) {
        bool asleep = band_asleep(lane, p);
        ret->after[p] = !asleep ? UINT64_MAX : lane->bands[p] ? lane->bands[p]->edge : 0;
        any = any || asleep;
    }
    /* The first rows may be of jobs that run: one more than there can be of them is enough. */
    uint64_t wanted = lane->queue->out < ROWS_OF_LANE ? lane->queue->out : ROWS_OF_LANE - 1;
    if (wanted > *rows_left)
        wanted = 0;
    if (any)
        *rows_left -= (uint32_t)wanted;
    ret->lane = lane->number;
    ret->max_rows = (uint32_t)wanted + 1;
    return any;
}

static void ask_oldest(struct core *core)
{
    uint32_t cap = core->lane_count < LANES_AT_ONCE ? core->lane_count : LANES_AT_ONCE;
    uint32_t rows_left = ROWS_AT_ONCE, count = 0;
    struct oldest_lane *lanes = batch_alloc(core_batch(core), (cap + 1) * sizeof *lanes);
    if (!lanes) {
        core_fail(core, "out of memory for a request");
        return;
    }
    for (uint32_t seen = 0; seen < core->lane_cap && count < cap; seen++) {
        core->oldest_from = core->oldest_from + 1 < core->lane_cap ? core->oldest_from + 1 : 0;
        struct lane *lane = core->lanes[core->oldest_from];
        if (lane)
            count += fill_oldest(lane, &lanes[count], &rows_left);
    }
    if (count == 0)
        return;
    struct op *op = core_op(core, OP_OLDEST);
    op->oldest.lanes = lanes;
    op->oldest.count = count;
}

/* A row in the store may be that of a job that runs, or ends just now. */
static bool still_waits(const struct core *core, uint64_t id)
{
    const struct job *job = job_find(core, id);
    return !job || job->head.state == JOB_READY;
}

void on_stored_oldest(struct core *core, struct op *op)
{
    for (uint32_t i = 0; i < op->oldest.count; i++) {
        const struct oldest_lane *from = &op->oldest.lanes[i];
        struct lane *lane = lane_at(core, from->lane);
        if (!lane)
            continue;
        lane->oldest_ms = 0;
        for (uint32_t r = 0; r < from->row_count; r++) {
            const struct oldest_row *row = &from->rows[r];
            bool older = lane->oldest_ms == 0 || row->due_ms < lane->oldest_ms;
            if (older && still_waits(core, row->id))
                lane->oldest_ms = row->due_ms;
        }
    }
}

static uint64_t oldest_of_lane(const struct lane *lane)
{
    uint64_t oldest = UINT64_MAX;
    for (uint8_t p = 0; p < PRIORITY_COUNT; p++) {
        const struct band *band = lane->bands[p];
        const struct job *head = band ? band_head(band) : NULL;
        uint64_t since = head ? head->head.due_ms : band_asleep(lane, p) ? lane->oldest_ms : 0;
        if (since > 0 && since < oldest)
            oldest = since;
    }
    return oldest;
}

static uint64_t oldest_age(const struct core *core, const struct queue *q)
{
    uint64_t oldest = UINT64_MAX;
    LIST_FOREACH (it, &q->lanes) {
        uint64_t since = oldest_of_lane(CONTAINER_OF(it, const struct lane, link));
        oldest = since < oldest ? since : oldest;
    }
    if (oldest == UINT64_MAX)
        return 0;
    return core->wall_ms > oldest ? core->wall_ms - oldest : 1;
}

/* ---- the answer ---- */

static void ask_queues(struct core *core, const struct event *e)
{
    if (!request_greeted(core, e))
        return;
    ask_oldest(core);
    struct request *r = request_new(core, e);
    if (!r)
        return;
    core_op(core, OP_QUEUES)->queues.owner = r;
    core->open_asks = true;
    core_asks(core, core->queues.count + core->lane_count);
}

void core_on_queues(struct core *core, const struct event *e)
{
    ask_queues(core, e);
}

void core_on_stats(struct core *core, const struct event *e)
{
    ask_queues(core, e);
}

void core_on_snapshot(struct core *core, const struct event *e)
{
    ask_queues(core, e);
}

void core_on_workers(struct core *core, const struct event *e)
{
    if (request_greeted(core, e))
        core_emit(core, ACT_REPLY_WORKERS, e->route, e->request);
}

/* Whoever follows the events is told of a run's end once it is durable: until then it runs. */
static void fill_queue(const struct core *core, struct queue_view *view,
                       const struct queue_info *info)
{
    const struct queue *q = queue_find(core, info->name);
    view->info = *info;
    if (!q)
        return;
    view->info.paused = q->paused;
    uint64_t running = (uint64_t)((int64_t)q->out + q->untold);
    uint64_t ready = info->counters.ready;
    view->running = running;
    meter_read(core, q, &view->figures);
    view->info.counters.ready = ready > running ? ready - running : 0;
    view->oldest_ready_ms = view->info.counters.ready ? oldest_age(core, q) : 0;
}

void on_stored_queues(struct core *core, struct op *op)
{
    static const uint8_t answers[EV_COUNT] = {[EV_QUEUES] = ACT_REPLY_QUEUES,
                                              [EV_STATS] = ACT_REPLY_STATS,
                                              [EV_SNAPSHOT] = ACT_REPLY_SNAPSHOT};
    const struct request *r = op->queues.owner;
    uint32_t count = op->queues.count;
    struct queue_view *views = core_memory(core, 0, (count ? count : 1) * sizeof *views);
    if (views) {
        for (uint32_t i = 0; i < count; i++)
            fill_queue(core, &views[i], &op->queues.infos[i]);
        struct action *a = core_emit(core, answers[r->type], r->route, r->request);
        a->reply.queues = views;
        a->reply.count = count;
    }
    request_keep_page(core, op->queues.page);
    op->queues.page = NULL;
}
