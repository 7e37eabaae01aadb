/* on_stored.c: a batch is durable. Its operations' answers are worked off in order; then what
 * waited for it leaves. */
#include "core/state.h"

static void on_stored_mark(struct core *core, struct op *op)
{
    struct lane *lane = lane_at(core, op->mark.lane);
    struct band *band = lane ? lane->bands[op->mark.priority] : NULL;
    if (!band || op->mark.seq <= band->mark_stored)
        return;
    band->mark_stored = op->mark.seq;
    band_refresh(core, band);
    core->dispatch_wanted = true;
}

static void take_batch(struct core *core, struct batch *b)
{
    for (uint32_t i = 0; i < core->in_flight_count; i++)
        if (core->in_flight[i] == b) {
            core->in_flight_count--;
            memmove(&core->in_flight[i], &core->in_flight[i + 1],
                    (core->in_flight_count - i) * sizeof core->in_flight[0]);
            break;
        }
    core->spent[core->spent_count++] = b;
    core->looks -= b->looks;
}

static void release_held(struct core *core, struct batch *b)
{
    struct held_actions *held = b->held;
    for (uint32_t i = 0; held && i < held->count; i++) {
        struct action *a = core_emit(core, held->items[i].type, 0, 0);
        *a = held->items[i];
        if (a->type == ACT_WORKER_WELCOME)
            hello_welcomed(core, a);
    }
}

static bool writes(const struct batch *b)
{
    for (uint32_t i = 0; i < b->op_count; i++)
        if (b->ops[i].type < OP_PAGE)
            return true;
    return false;
}

static void count_commit(struct core *core, const struct batch *b)
{
    if (writes(b))
        core->commit_us[core->commit_count++ % COMMIT_SAMPLES] =
            b->commit_us > UINT32_MAX ? UINT32_MAX : (uint32_t)b->commit_us;

    core->stats.disk_used = b->disk_used;
    core->stats.disk_free = b->disk_free;
    core->store_refuses = b->refuse;
    core->stats.trimmed_parked += b->trimmed_parked;
}

void core_on_stored(struct core *core, const struct event *event)
{
    static void (*const handlers[OP_TYPE_COUNT])(struct core *, struct op *) = {
        [OP_MARK] = on_stored_mark,
        [OP_SUBMIT] = on_stored_submit,
        [OP_UPDATE] = on_stored_update,
        [OP_END] = on_stored_end,
        [OP_PAGE] = window_on_page,
        [OP_DUE] = due_on_page,
        [OP_JOBS] = on_stored_jobs,
        [OP_LIST] = on_stored_list,
        [OP_CLIENT] = on_stored_client,
        [OP_DONE] = on_stored_done,
        [OP_MATCH] = on_stored_match,
        [OP_OLDEST] = on_stored_oldest,
        [OP_IDLE] = on_stored_idle,
        [OP_LANE] = on_stored_lane,
        [OP_VERDICT] = on_stored_verdict,
        [OP_LEDGER] = on_stored_ledger,
        [OP_SCHEDULE_STATE] = on_stored_state,
    };
    struct batch *b = event->stored.batch;
    take_batch(core, b);
    core->batch_stored = b->number;
    core->storing = b;
    count_commit(core, b);
    uint32_t at = 0; /* figures of queues stand last, and are told behind all events */
    for (; at < b->op_count && b->ops[at].type != OP_QUEUES && !core->failed; at++)
        if (handlers[b->ops[at].type])
            handlers[b->ops[at].type](core, &b->ops[at]);
    send_regrants(core, b);
    release_held(core, b);
    for (; at < b->op_count && !core->failed; at++)
        on_stored_queues(core, &b->ops[at]);
    core->storing = NULL;
}
