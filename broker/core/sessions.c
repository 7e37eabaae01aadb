/* sessions.c: worker sessions: finding, leases, and who may be given jobs. */
#include "core/sessions.h"

#include <stdlib.h>

#include "core/state.h"

#define LAPSED_KEPT_MS  86400000u
#define LAPSED_KEPT_MAX 100000u

struct session *session_find(const struct core *core, const uint8_t id[SESSION_ID_BYTES])
{
    return strmap_get(&core->sessions_by_id, slice_of(id, SESSION_ID_BYTES));
}

struct session *session_on(const struct core *core, route_t route)
{
    return idmap_get(&core->sessions_by_route, route);
}

struct session *session_new(struct core *core, const uint8_t id[SESSION_ID_BYTES])
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    memcpy(s->id, id, SESSION_ID_BYTES);
    list_init(&s->link);
    list_init(&s->hungry);
    list_init(&s->granting);
    list_init(&s->jobs);
    strmap_init(&s->kind_set);
    if (strmap_put(&core->sessions_by_id, slice_of(s->id, SESSION_ID_BYTES), s) != 0) {
        free(s);
        return NULL;
    }
    core->session_count++;
    session_set_lapsed(core, s); /* until its HELLO is whole */
    return s;
}

void session_labels_free(struct core *core, struct session *s)
{
    for (uint32_t i = 0; i < s->queue_count; i++)
        queue_unname(core, s->queues[i].queue);
    for (uint32_t i = 0; i < s->kind_count; i++)
        text_disown(s->kinds[i]);
    for (uint32_t i = 0; i < s->queue_count; i++)
        text_disown(s->queue_names[i]);
    free(s->kinds);
    free(s->queue_names);
    free(s->queues);
    text_disown(s->name);
    text_disown(s->host);
    s->kinds = s->queue_names = NULL;
    s->queues = NULL;
    s->kind_count = s->queue_count = 0;
    s->handled = 0;
    s->name = s->host = SLICE_EMPTY;
    strmap_fini(&s->kind_set);
    strmap_init(&s->kind_set);
}

void session_unroute(struct core *core, struct session *s)
{
    if (s->route)
        idmap_remove(&core->sessions_by_route, s->route);
    s->route = 0;
    s->welcomed = s->welcome_owed = false;
}

void session_drop_held(struct core *core, struct session *s)
{
    core->held_ids -= s->held.cap;
    free(s->held.ids);
    free(s->held.runs);
    free(s->held.ms);
    s->held = (struct held){0};
}

void session_free(struct core *core, struct session *s)
{
    session_unroute(core, s);
    s->state = SESSION_LAPSED;
    session_refresh(core, s);
    list_remove(&s->link);
    strmap_remove(&core->sessions_by_id, slice_of(s->id, SESSION_ID_BYTES));
    core->session_count--;
    session_labels_free(core, s);
    strmap_fini(&s->kind_set);
    session_drop_held(core, s);
    free(s);
}

void session_touch(struct core *core, struct session *s)
{
    if (s->state == SESSION_LAPSED)
        return;
    s->heard = core_serving_ms(core);
    list_remove(&s->link);
    list_push_back(&core->sessions, &s->link);
    bool refresh = s->full;
    s->full = false;
    if (s->state == SESSION_SUSPECT) {
        s->state = SESSION_ALIVE;
        refresh = true;
    }
    if (refresh)
        session_refresh(core, s);
}

bool session_handles(const struct session *s, const struct lane *lane)
{
    bool queue = false;
    for (uint32_t i = 0; i < s->queue_count && !queue; i++)
        queue = s->queues[i].queue == lane->queue;
    return queue && (s->all_kinds || strmap_get(&s->kind_set, lane->kind));
}

/* Its lanes gain or lose a server. */
static void count_in_lanes(struct core *core, struct session *s, bool in)
{
    for (uint32_t i = 0; i < s->queue_count; i++) {
        LIST_FOREACH (it, &s->queues[i].queue->lanes) {
            struct lane *lane = CONTAINER_OF(it, struct lane, link);
            if (!s->all_kinds && !strmap_get(&s->kind_set, lane->kind))
                continue;
            bool was = lane->servers > 0;
            lane->servers = in ? lane->servers + 1 : lane->servers - 1;
            if (was != (lane->servers > 0))
                lane_changed(core, lane);
        }
    }
}

void session_refresh(struct core *core, struct session *s)
{
    bool serving = s->welcomed && (s->state == SESSION_ALIVE || s->state == SESSION_SUSPECT);
    if (serving != s->serving) {
        s->serving = serving;
        count_in_lanes(core, s, serving);
    }
    bool hungry = s->welcomed && s->state == SESSION_ALIVE && !s->full && s->out < s->credit;
    if (hungry && list_empty(&s->hungry)) {
        list_push_back(&core->hungry, &s->hungry);
        core->dispatch_wanted = true;
    } else if (!hungry) {
        list_remove(&s->hungry);
    }
    uint32_t offered = hungry ? s->credit - s->out : 0;
    core->offered += (uint64_t)offered - s->offered;
    s->offered = offered;
}

static struct op *row_op(struct core *core, struct session *s)
{
    struct op *op = core_op(core, OP_WORKER);
    memcpy(op->worker.session, s->id, SESSION_ID_BYTES);
    s->batch = core->batch_last;
    return op;
}

void session_write(struct core *core, struct session *s, bool lapsed)
{
    struct op *op = row_op(core, s);
    op->worker.lapsed = lapsed;
    op->worker.results_next = s->results_next;
    op->worker.name = batch_copy(core_batch(core), s->name);
}

void session_after_open(const struct core *core, struct session *s)
{
    if (core->open && core->open->op_count > 0)
        s->batch = core->open->number;
}

void session_drop(struct core *core, struct session *s)
{
    row_op(core, s)->worker.drop = true;
    session_free(core, s);
}

void session_set_lapsed(struct core *core, struct session *s)
{
    s->state = SESSION_LAPSED;
    s->credit = 0;
    s->heard = core_serving_ms(core);
    session_refresh(core, s);
    list_remove(&s->link);
    list_push_back(&core->lapsed, &s->link);
}

/* The lease is over: its jobs go back. */
static void session_lapse(struct core *core, struct session *s)
{
    core->stats.lapses++;
    session_drop_held(core, s);
    s->hello_pending = 0;
    session_unroute(core, s);
    session_set_lapsed(core, s);
    while (!list_empty(&s->jobs)) {
        struct job *job = CONTAINER_OF(s->jobs.next, struct job, link);
        if (job->place == PLACE_STOPPING)
            job_stopped(core, job);
        else
            change_lapse(core, job, true);
    }
    session_write(core, s, true);
    publish_worker(core, TOPIC_WORKER_LOST, s->batch, s->name);
}

static uint64_t session_suspect_ms(const struct core *core)
{
    uint64_t three = core->options.heartbeat_ms * 3, half = core->options.lease_ms / 2;
    return three < half ? three : half;
}

static void forget_lapsed(struct core *core)
{
    while (!list_empty(&core->lapsed)) {
        struct session *s = CONTAINER_OF(core->lapsed.next, struct session, link);
        bool old = core_serving_ms(core) - s->heard > LAPSED_KEPT_MS;
        if (s->awaited || (!old && core->session_count <= LAPSED_KEPT_MAX))
            break;
        session_drop(core, s);
    }
}

/* Oldest first: the walk ends at the first that is well. */
void sessions_tick(struct core *core)
{
    uint64_t now = core_serving_ms(core);
    LIST_FOREACH_SAFE (it, &core->sessions) {
        struct session *s = CONTAINER_OF(it, struct session, link);
        uint64_t silent = now - s->heard;
        if (silent < session_suspect_ms(core))
            break;
        if (silent >= core->options.lease_ms) {
            session_lapse(core, s);
        } else if (s->state == SESSION_ALIVE) {
            s->state = SESSION_SUSPECT;
            session_refresh(core, s);
            publish_worker(core, TOPIC_WORKER_SUSPECT, 0, s->name);
        }
    }
    forget_lapsed(core);
}

/* The first in the list may be suspect already, and one behind it not yet. */
uint64_t sessions_deadline(const struct core *core)
{
    uint64_t next = UINT64_MAX;
    LIST_FOREACH (it, &core->sessions) {
        const struct session *s = CONTAINER_OF(it, const struct session, link);
        bool alive = s->state == SESSION_ALIVE;
        uint64_t due = s->heard + (alive ? session_suspect_ms(core) : core->options.lease_ms);
        if (due < next)
            next = due;
        if (alive)
            break;
    }
    return next == UINT64_MAX ? next : next + core->skipped_ms;
}
