/* schedules.c: the schedules themselves: put, paused, resumed, deleted, and read at the start. */
#include <stdlib.h>

#include "core/state.h"

#define DELETED_KEPT 10000 /* deleted ones that are still told of */

void schedules_init(struct core *core)
{
    struct schedule_set *set = &core->schedules;
    strmap_init(&set->by_name);
    idmap_init(&set->by_number);
    idmap_init(&set->by_revision);
    idmap_init(&set->runs);
    list_init(&set->all);
    list_init(&set->deleted);
    list_init(&set->waiting);
    list_init(&set->polls);
    set->polls_due = UINT64_MAX;
}

static void schedule_free(struct core *core, struct schedule *s)
{
    runs_forget(core, s);
    list_remove(&s->waiting_link);
    list_remove(&s->deleted_link);
    list_remove(&s->link);
    text_disown(s->name);
    text_disown(s->source);
    blob_unref(s->blob);
    free(s);
}

void schedules_fini(struct core *core)
{
    struct schedule_set *set = &core->schedules;
    polls_fini(core);
    LIST_FOREACH_SAFE (it, &set->all) {
        schedule_free(core, CONTAINER_OF(it, struct schedule, link));
    }
    strmap_fini(&set->by_name);
    idmap_fini(&set->by_number);
    idmap_fini(&set->by_revision);
    idmap_fini(&set->runs);
}

/* A slice of the bytes `from`, as it lies in their copy; one from elsewhere stays. */
static void rebase(struct slice *s, struct slice from, struct slice to)
{
    uintptr_t at = (uintptr_t)s->data, begin = (uintptr_t)from.data;
    if (s->len && at >= begin && at < begin + from.len)
        s->data = to.data + (at - begin);
}

/* Takes a copy of the definition. 0 or MUSTER_ENOMEM. */
static int take_def(struct core *core, struct schedule *s, const struct schedule_def *def)
{
    struct blob *blob = blob_copy(def->bytes);
    if (!blob)
        return MUSTER_ENOMEM;
    core->schedules.bytes += def->bytes.len - s->def.bytes.len;
    blob_unref(s->blob);
    s->blob = blob;
    s->def = *def;
    struct slice *slices[] = {&s->def.name,  &s->def.bytes, &s->def.cron, &s->def.timezone,
                              &s->def.queue, &s->def.kind,  &s->def.args, &s->def.spec.meta};
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++)
        rebase(slices[i], def->bytes, blob->bytes);
    return 0;
}

static struct schedule *schedule_new(struct core *core, uint32_t number, struct slice source,
                                     const struct schedule_def *def)
{
    struct schedule *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    list_init(&s->link);
    list_init(&s->waiting_link);
    list_init(&s->deleted_link);
    list_init(&s->notes);
    s->number = number;
    s->name = text_own(def->name);
    s->source = text_own(source);
    if (!s->name.data || !s->source.data || take_def(core, s, def) != 0 ||
        strmap_put(&core->schedules.by_name, s->name, s) != 0 ||
        idmap_put(&core->schedules.by_number, number, s) != 0) {
        core_fail(core, "out of memory for a schedule");
        list_push_back(&core->schedules.all, &s->link); /* it goes with the core */
        return NULL;
    }
    return s;
}

static void set_revision(struct core *core, struct schedule *s)
{
    struct schedule_set *set = &core->schedules;
    if (s->revision)
        idmap_remove(&set->by_revision, s->revision);
    s->revision = ++set->revision;
    if (idmap_put(&set->by_revision, s->revision, s) != 0)
        core_fail(core, "out of memory for a schedule");
    list_remove(&s->link);
    list_push_back(&set->all, &s->link);
}

void schedule_revise(struct core *core, struct schedule *s)
{
    set_revision(core, s);
    s->batch = core->batch_last;
}

void schedule_owe_from_now(struct core *core, struct schedule *s)
{
    if (s->owed_ms < core->wall_ms)
        s->owed_ms = core->wall_ms; /* not back with the clock */
    if (s->through_ms < s->owed_ms) {
        s->through_ms = s->owed_ms;
        s->chain++;
    }
}

static void store_state(struct core *core, const struct schedule *s)
{
    struct op *op = core_op(core, OP_SCHEDULE_STATE);
    op->schedule_state.schedule = s->number;
    op->schedule_state.paused = s->paused;
    op->schedule_state.owed_from_ms = s->owed_ms;
}

void on_stored_state(struct core *core, struct op *op)
{
    struct schedule *s = idmap_get(&core->schedules.by_number, op->schedule_state.schedule);
    if (s && s->kept_ms < op->schedule_state.owed_from_ms)
        s->kept_ms = op->schedule_state.owed_from_ms;
}

static void store_definition(struct core *core, const struct schedule *s)
{
    struct slice name = batch_copy(core_batch(core), s->name);
    struct slice source = batch_copy(core_batch(core), s->source);
    if (batch_hold(core_batch(core), s->blob) != 0)
        core_fail(core, "out of memory for a schedule");
    struct op *op = core_op(core, OP_SCHEDULE);
    op->schedule.schedule = s->number;
    op->schedule.name = name;
    op->schedule.source = source;
    op->schedule.definition = s->blob->bytes;
}

static bool same_times(const struct schedule_def *a, const struct schedule_def *b)
{
    return slice_eq(a->cron, b->cron) && slice_eq(a->timezone, b->timezone) &&
           a->every_s == b->every_s && a->start_ms == b->start_ms && a->end_ms == b->end_ms;
}

/* True when it is new or another one than before. */
static bool put_one(struct core *core, struct slice source, const struct schedule_def *def,
                    uint64_t *after)
{
    struct schedule *s = strmap_get(&core->schedules.by_name, def->name);
    if (s && s->batch > *after)
        *after = s->batch; /* it may be on its way from before */
    if (s && slice_eq(s->def.bytes, def->bytes))
        return false;
    bool is_new = !s, was_paused = s && s->paused;
    bool other_times = is_new || !same_times(&s->def, def);
    bool says_pause = is_new || s->def.paused != def->paused;
    if (is_new)
        s = schedule_new(core, ++core->schedules.high, source, def);
    else if (take_def(core, s, def) != 0)
        core_fail(core, "out of memory for a schedule");
    if (!s || core->failed)
        return false;
    if (says_pause) /* else a pause that somebody asked for stays */
        s->paused = def->paused;
    if (other_times || (was_paused && !s->paused))
        schedule_owe_from_now(core, s);
    store_definition(core, s);
    store_state(core, s);
    schedule_revise(core, s);
    *after = s->batch;
    publish_schedule(core, TOPIC_SCHEDULE_CHANGED, s->batch, s, NULL, slice_str("put"));
    if (was_paused && s->waiting_ms)
        fire_waiting(core, s);
    return true;
}

/* Why none of them may be put: names one of them when it is another source's. */
static int put_refusal(const struct core *core, const struct event *e,
                       const struct schedule **ret_owned)
{
    const struct schedule_set *set = &core->schedules;
    uint64_t bytes = set->bytes, count = set->by_name.count;
    *ret_owned = NULL;
    for (uint32_t i = 0; i < e->schedule_put.count; i++) {
        const struct schedule_def *def = &e->schedule_put.defs[i];
        const struct schedule *s = strmap_get(&set->by_name, def->name);
        if (s && !slice_eq(s->source, e->schedule_put.source)) {
            *ret_owned = s;
            return MUSTER_EOWNED;
        }
        bytes += def->bytes.len - (s ? s->def.bytes.len : 0);
        count += !s;
    }
    if (count > SCHEDULES_MAX || bytes > SCHEDULES_BYTES_MAX)
        return MUSTER_EFULL;
    return core->store_refuses;
}

void core_on_schedule_put(struct core *core, const struct event *e)
{
    const struct schedule *owned;
    if (!request_greeted(core, e))
        return;
    int error = put_refusal(core, e, &owned);
    uint32_t changed = 0;
    uint64_t after = 0;
    for (uint32_t i = 0; !error && i < e->schedule_put.count; i++)
        changed += put_one(core, e->schedule_put.source, &e->schedule_put.defs[i], &after);
    if (changed)
        polls_answer(core);
    struct action *a = core_emit_after(core, after, ACT_REPLY_PUT, e->route, e->request);
    a->put.error = error;
    a->put.count = e->schedule_put.count;
    a->put.changed = changed;
    if (owned) {
        a->put.name = owned->name;
        a->put.owner = owned->source;
    }
}

static void forget_deleted(struct core *core)
{
    struct schedule_set *set = &core->schedules;
    while (set->deleted_count > DELETED_KEPT) {
        struct schedule *s = CONTAINER_OF(set->deleted.next, struct schedule, deleted_link);
        if (s->batch > core->batch_stored)
            return;
        set->forgotten = s->revision;
        set->deleted_count--;
        idmap_remove(&set->by_revision, s->revision);
        schedule_free(core, s);
    }
}

static void delete_one(struct core *core, struct schedule *s)
{
    struct schedule_set *set = &core->schedules;
    struct op *op = core_op(core, OP_SCHEDULE);
    op->schedule.schedule = s->number;
    op->schedule.drop = true;
    strmap_remove(&set->by_name, s->name);
    idmap_remove(&set->by_number, s->number);
    runs_forget(core, s);
    list_remove(&s->waiting_link);
    s->waiting_ms = 0;
    s->deleted = true;
    set->deleted_count++;
    set->bytes -= s->def.bytes.len;
    s->def = (struct schedule_def){0}; /* nobody is told of it any more */
    blob_unref(s->blob);
    s->blob = NULL;
    schedule_revise(core, s);
    list_push_back(&set->deleted, &s->deleted_link);
    publish_schedule(core, TOPIC_SCHEDULE_CHANGED, s->batch, s, NULL, slice_str("deleted"));
}

static void pause_one(struct core *core, struct schedule *s, bool pause)
{
    if (s->paused == pause)
        return;
    s->paused = pause;
    if (!pause)
        schedule_owe_from_now(core, s);
    store_state(core, s);
    schedule_revise(core, s);
    publish_schedule(core, TOPIC_SCHEDULE_CHANGED, s->batch, s, NULL,
                     slice_str(pause ? "paused" : "resumed"));
    if (s->waiting_ms)
        fire_waiting(core, s);
}

static int act_on(struct core *core, const struct event *e, struct slice name, uint64_t *after)
{
    struct schedule *s = strmap_get(&core->schedules.by_name, name);
    if (!s || (e->schedule_act.source.len && !slice_eq(s->source, e->schedule_act.source)))
        return MUSTER_ENOTFOUND;
    if (e->schedule_act.action == SCHEDULE_DELETE)
        delete_one(core, s);
    else
        pause_one(core, s, e->schedule_act.action == SCHEDULE_PAUSE);
    if (s->batch > *after)
        *after = s->batch;
    return 0;
}

static void answer_acts(struct core *core, const struct event *e, const int *errors, uint64_t after)
{
    uint32_t count = e->schedule_act.count;
    struct slice *names = core_memory(core, after, count * sizeof *names);
    int *kept = core_memory(core, after, count * sizeof *kept);
    if (!names || !kept)
        return;
    memcpy(kept, errors, count * sizeof *kept);
    for (uint32_t i = 0; i < count; i++)
        names[i] = core_copy(core, after, e->schedule_act.names[i]);
    struct action *a = core_emit_after(core, after, ACT_REPLY_ACTS, e->route, e->request);
    a->acts.names = names;
    a->acts.errors = kept;
    a->acts.count = count;
}

void core_on_schedule_act(struct core *core, const struct event *e)
{
    uint32_t count = e->schedule_act.count;
    uint64_t after = 0;
    if (!request_greeted(core, e))
        return;
    int *errors = core_memory(core, 0, (count ? count : 1) * sizeof *errors);
    if (!errors)
        return;
    for (uint32_t i = 0; i < count; i++)
        errors[i] = act_on(core, e, e->schedule_act.names[i], &after);
    polls_answer(core);
    forget_deleted(core);
    answer_acts(core, e, errors, after);
}

static void boot_one(struct core *core, const struct boot_schedule *from)
{
    struct schedule *s = schedule_new(core, from->number, from->source, from->def);
    if (!s)
        return;
    set_revision(core, s);
    s->paused = from->paused;
    s->through_ms = s->kept_ms = from->through_ms;
    s->waiting_ms = from->waiting_ms;
    s->last = from->last;
    for (uint32_t i = 0; i < from->run_count; i++)
        if (run_add(core, s, from->runs[i]) != 0)
            core_fail(core, "out of memory for a schedule");
    if (s->waiting_ms && s->run_count == 0 && !s->paused)
        list_push_back(&core->schedules.waiting, &s->waiting_link);
}

void schedules_boot(struct core *core, const struct boot *boot)
{
    core->schedules.high = boot->schedule_high;
    for (uint32_t i = 0; i < boot->schedule_count && !core->failed; i++)
        boot_one(core, &boot->schedules[i]);
}

void schedules_tick(struct core *core)
{
    polls_tick(core);
    if (core->now_ms - core->sampled_ms < 1000)
        return;
    /* what cannot be fired goes to the back again: each is tried once */
    const struct list *last = core->schedules.waiting.prev;
    LIST_FOREACH_SAFE (it, &core->schedules.waiting) {
        bool was_last = it == last;
        fire_waiting(core, CONTAINER_OF(it, struct schedule, waiting_link));
        if (was_last)
            return;
    }
}

uint64_t schedules_deadline(const struct core *core)
{
    uint64_t next = core->schedules.polls_due;
    uint64_t second =
        core->sampled_ms + 1000 > core->now_ms ? core->sampled_ms + 1000 : core->now_ms;
    return !list_empty(&core->schedules.waiting) && second < next ? second : next;
}

void publish_schedule(struct core *core, enum topic topic, uint64_t after, const struct schedule *s,
                      const struct ledger_row *row, struct slice code)
{
    if (row && !core_watches(core, topic))
        return;
    bool has_job = row && row->job;
    struct slice name = core_copy(core, after, s->name);
    struct slice queue = core_copy(core, after, has_job ? s->def.queue : SLICE_EMPTY);
    struct slice kind = core_copy(core, after, has_job ? s->def.kind : SLICE_EMPTY);
    struct action *a = core_emit_after(core, after, ACT_PUBLISH, 0, 0);
    a->event.topic = topic;
    a->event.wall_ms = core->wall_ms;
    a->event.schedule = name;
    a->event.queue = queue;
    a->event.kind = kind;
    a->event.code = code;
    if (row) {
        a->event.id = row->job;
        a->event.nominal_ms = row->nominal_ms;
    }
}

void core_on_notice(struct core *core, const struct event *e)
{
    if (!request_greeted(core, e))
        return;
    struct action *a = core_emit(core, ACT_PUBLISH, 0, 0);
    a->event.topic = TOPIC_SCHEDULE_ERROR;
    a->event.wall_ms = core->wall_ms;
    a->event.schedule = e->notice.source; /* the event's: told at once */
    a->event.code = e->notice.code;
    a->event.text = e->notice.text;
    core_emit(core, ACT_REPLY_CODE, e->route, e->request);
}
