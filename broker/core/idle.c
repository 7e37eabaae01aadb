/* idle.c: lanes in which nothing has been for an hour go, so that their number is bound by what is
 * used. Only the store knows that a lane is empty: it is asked now and then; a lane that was empty
 * twice, an hour apart, and got no SUBMIT between, had no job in all that time. */
#include "core/state.h"

#define LOOK_MS       10000        /* between two questions */
#define ASK_AGAIN_MS  (60 * 60000) /* between two about the same lane */
#define EMPTY_MS      (60 * 60000) /* a lane that was empty for so long goes */
#define LANES_AT_ONCE 1000

static bool asleep(const struct lane *lane)
{
    for (uint8_t p = 0; p < PRIORITY_COUNT; p++) {
        const struct band *band = lane->bands[p];
        if (band && (band->resident > 0 || band->loading || band->marked_coming > 0))
            return false;
    }
    return true;
}

void idle_tick(struct core *core)
{
    if (core->now_ms < core->idle_due_ms || core->lane_count == 0)
        return;
    core->idle_due_ms = core->now_ms + LOOK_MS;
    struct idle_lane *lanes = batch_alloc(core_batch(core), LANES_AT_ONCE * sizeof *lanes);
    uint32_t count = 0;
    if (!lanes) {
        core_fail(core, "out of memory for a look at the lanes");
        return;
    }
    for (uint32_t seen = 0; seen < core->lane_cap && count < LANES_AT_ONCE; seen++) {
        core->idle_from = core->idle_from + 1 < core->lane_cap ? core->idle_from + 1 : 0;
        struct lane *lane = core->lanes[core->idle_from];
        if (!lane || core->now_ms < lane->ask_ms)
            continue;
        bool first = lane->ask_ms == 0; /* it is new, or the broker is */
        lane->ask_ms = core->now_ms + ASK_AGAIN_MS;
        if (first || !asleep(lane))
            continue;
        lanes[count++].lane = lane->number;
    }
    if (count == 0)
        return;
    struct op *op = core_op(core, OP_IDLE);
    op->idle.lanes = lanes;
    op->idle.count = count;
}

/* Takes the answer down; true when it may go. */
static bool over(const struct core *core, struct lane *lane, bool empty)
{
    uint64_t batch = core->storing->number;
    if (!empty || lane->batch >= batch) {
        lane->empty_batch = 0;
        return false;
    }
    if (lane->empty_batch == 0 || lane->batch >= lane->empty_batch) {
        lane->empty_batch = batch;
        lane->empty_ms = core->now_ms;
    }
    return core->now_ms - lane->empty_ms >= EMPTY_MS && asleep(lane);
}

/* Jobs that have ended, and still hold a worker's slot, name their lanes. */
static void spare_named(struct core *core)
{
    size_t cursor = 0;
    for (const struct job *job; (job = idmap_next(&core->jobs, &cursor, NULL));)
        lane_at(core, job->head.lane)->empty_batch = 0;
}

void on_stored_idle(struct core *core, struct op *op)
{
    bool any = false;
    for (uint32_t i = 0; i < op->idle.count; i++) {
        struct idle_lane *from = &op->idle.lanes[i];
        struct lane *lane = lane_at(core, from->lane);
        from->empty = lane && over(core, lane, from->empty);
        any = any || from->empty;
    }
    if (any)
        spare_named(core);
    for (uint32_t i = 0; any && i < op->idle.count; i++) {
        struct lane *lane = lane_at(core, op->idle.lanes[i].lane);
        if (!op->idle.lanes[i].empty || lane->empty_batch == 0)
            continue;
        struct op *drop = core_op(core, OP_LANE);
        drop->lane.lane = lane->number;
        drop->lane.drop = true;
        lane_drop(core, lane);
    }
}

void on_stored_lane(struct core *core, struct op *op)
{
    if (op->lane.drop && op->result != 0)
        core_fail(core, "a lane that was dropped is not empty");
}
