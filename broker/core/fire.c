/* fire.c: nominal times of schedules are judged. The verdict, its row in the ledger and the run's
 * job are one operation of the store, which checks once more that the time has not been judged:
 * only what it says is told. */
#include "core/state.h"

#define JITTER_SEED       0x9e3779b97f4a7c15ull
#define TRIGGERS_AHEAD_MS 60000 /* of the clock; beyond it was set back */

struct fire_reply { /* what the answer to a FIRE needs */
    route_t route;
    uint64_t request;
    uint64_t after; /* batch that the answer waits for */
    uint32_t count, pending;
    uint8_t *verdicts, *reasons;
    uint64_t *through_ms, *jobs;
};

struct asker {        /* a place in an answer that waits for a verdict to be stored */
    struct list link; /* in fire_note->askers */
    struct fire_reply *reply;
    uint32_t at;
};

/* A verdict on its way to the store. */
struct fire_note {
    struct verdict_op op;
    struct list link;   /* in schedule->notes, if it is of the chain */
    uint32_t chain;     /* the schedule's then */
    struct list askers; /* who fired it, and who asked for it since */
};

static void *alloc(struct core *core, size_t size)
{
    void *memory = batch_alloc(core_batch(core), size);
    if (!memory)
        core_fail(core, "out of memory for a run of a schedule");
    return memory;
}

/* ---- one verdict ---- */

/* The note for a row; the schedule's state in memory is as after it. NULL: the core has failed. */
static struct fire_note *note_new(struct core *core, struct schedule *s,
                                  const struct fire_item *item, uint8_t verdict, uint8_t reason)
{
    struct fire_note *note = alloc(core, sizeof *note);
    if (!note)
        return NULL;
    uint64_t keep_ms = s->def.window_ms + LEDGER_BEYOND_WINDOW_MS;
    note->op.schedule = s->number;
    note->op.chained = item->chained;
    note->op.previous_ms = item->previous_ms;
    note->op.over = item->over;
    note->op.keep_ms = core->wall_ms > keep_ms ? core->wall_ms - keep_ms : 0;
    note->op.owner = note;
    list_init(&note->link);
    list_init(&note->askers);
    note->op.row = (struct ledger_row){.nominal_ms = item->nominal_ms,
                                       .judged_ms = core->wall_ms,
                                       .first_ms = item->first_ms,
                                       .count = item->count,
                                       .verdict = verdict,
                                       .reason = reason};
    return note;
}

static bool makes_run(const struct ledger_row *row)
{
    return row->verdict == VERDICT_FIRED || row->verdict == VERDICT_WAITING;
}

/* The state that the row leaves, in memory and for the store. */
static void apply_note(struct core *core, struct schedule *s, struct fire_note *note)
{
    note->chain = s->chain;
    if (note->op.chained) {
        s->through_ms = note->op.row.nominal_ms;
        list_push_back(&s->notes, &note->link);
    }
    if (note->op.row.verdict == VERDICT_WAITING)
        s->waiting_ms = note->op.row.nominal_ms;
    if (s->looked_ms == note->op.row.nominal_ms)
        s->looked_ms = 0; /* what was found is not all that there is: it is looked for again */
    s->unstored += makes_run(&note->op.row);
    /* a run that waited and is submitted now waits until that is stored */
    bool starts = (note->op.over & 1u << VERDICT_WAITING) != 0;
    note->op.waiting_ms = starts ? 0 : s->waiting_ms;
    note->op.run_count = s->run_count;
    note->op.runs = alloc(core, (s->run_count + 1) * sizeof *note->op.runs);
    if (note->op.runs && s->run_count)
        memcpy(note->op.runs, s->runs, s->run_count * sizeof *s->runs);
    s->batch = core->batch_last;
}

/* What a row without a job counts among what waits for the disk, about. */
static size_t verdict_bytes(const struct verdict_op *op)
{
    return 256 + op->run_count * sizeof op->runs[0];
}

/* A row without a job. */
static struct fire_note *decide(struct core *core, struct schedule *s, const struct fire_item *item,
                                uint8_t verdict, uint8_t reason)
{
    struct fire_note *note = note_new(core, s, item, verdict, reason);
    if (!note)
        return NULL;
    if (reason == REASON_OVERLAP && s->run_count)
        note->op.row.job = s->runs[0]; /* the one that it would have overlapped */
    apply_note(core, s, note);
    core_op(core, OP_VERDICT)->verdict.verdict = &note->op;
    core->uncommitted += verdict_bytes(&note->op);
    return note;
}

/* Always the same for a nominal time. */
static uint64_t jitter_of(const struct schedule *s, uint64_t nominal_ms)
{
    uint64_t mix[2] = {hash_bytes(s->name), nominal_ms * JITTER_SEED};
    return s->def.jitter_ms ? hash_bytes(slice_of(mix, sizeof mix)) % (s->def.jitter_ms + 1) : 0;
}

static struct job_spec *spec_of(struct core *core, const struct schedule *s, uint64_t nominal_ms)
{
    struct job_spec like = s->def.spec;
    if (s->def.expires_in_ms)
        like.expires_ms = core->wall_ms + s->def.expires_in_ms;
    like.schedule = s->name;
    like.nominal_ms = nominal_ms;
    return spec_take(core, &like);
}

/* Submits a run. *ret_refusal: why there can be none at present, when NULL is returned. */
static struct fire_note *fire(struct core *core, struct schedule *s, const struct fire_item *item,
                              enum fire_verdict *ret_refusal)
{
    *ret_refusal = VERDICT_FULL;
    struct lane *lane = lane_for(core, s->def.queue, s->def.kind);
    struct fire_note *note = lane ? note_new(core, s, item, VERDICT_FIRED, item->reason) : NULL;
    struct job_spec *spec = note ? spec_of(core, s, item->nominal_ms) : NULL;
    if (!spec)
        return NULL;
    bool by_hand = item->reason == REASON_TRIGGER;
    struct own_job job = {.id = core_draw_ids(core, 1),
                          .lane = lane,
                          .priority = s->def.priority,
                          .spec = spec,
                          .args = s->def.args,
                          .blob = s->blob,
                          .verdict = &note->op};
    job.due_ms = by_hand ? core->wall_ms : item->nominal_ms + jitter_of(s, item->nominal_ms);
    job.due_ms += s->def.delay_ms;
    note->op.row.job = job.id;
    bool watched = s->def.overlap != OVERLAP_ALLOW || item->overlap != OVERLAP_ALLOW;
    if (watched && run_add(core, s, job.id) != 0)
        core_fail(core, "out of memory for a run of a schedule");
    apply_note(core, s, note);
    submit_own(core, &job);
    return note;
}

/* ---- judging ---- */

static bool too_late(const struct core *core, const struct schedule *s, uint64_t nominal_ms)
{
    return nominal_ms + schedule_def_window_ms(&s->def) < core->wall_ms;
}

/* It is due, and a run is asked for. */
static struct fire_note *judge_overlap(struct core *core, struct schedule *s,
                                       const struct fire_item *item, enum fire_verdict *ret_refusal)
{
    *ret_refusal = VERDICT_LATER;
    if (item->overlap != OVERLAP_ALLOW && s->unstored > 0)
        return NULL; /* the store may say that there is no such run */
    if (runs_expire(core, s, item))
        return NULL;
    bool alone = s->run_count == 0 && !s->waiting_ms;
    if (alone || item->overlap == OVERLAP_ALLOW)
        return fire(core, s, item, ret_refusal);
    if (item->overlap == OVERLAP_QUEUE_ONE && !s->waiting_ms)
        return decide(core, s, item, VERDICT_WAITING, item->reason);
    if (item->overlap != OVERLAP_CANCEL_OLD)
        return decide(core, s, item, VERDICT_SKIPPED, REASON_OVERLAP);
    if (runs_read_row(core, s, item))
        return NULL;
    *ret_refusal = VERDICT_FULL;
    if (core->store_refuses || !lane_for(core, s->def.queue, s->def.kind))
        return NULL;        /* before anything is cancelled for it */
    if (!s->looked_has_row) /* else a backfill was before its time came: the store will say so */
        runs_cancel(core, s);
    return fire(core, s, item, ret_refusal);
}

static struct fire_note *judge(struct core *core, struct schedule *s, const struct fire_item *item,
                               enum fire_verdict *ret_refusal)
{
    if (item->ask == FIRE_GAP)
        return decide(core, s, item, VERDICT_SKIPPED, REASON_GAP);
    if (item->chained && too_late(core, s, item->nominal_ms))
        return decide(core, s, item, VERDICT_MISSED, REASON_WINDOW);
    if (item->ask == FIRE_MISSED)
        return decide(core, s, item, VERDICT_MISSED, REASON_SUPERSEDED);
    return judge_overlap(core, s, item, ret_refusal);
}

/* Judges it if it is to be judged now. NULL: it is not, and *ret_refusal says why. */
static struct fire_note *consider(struct core *core, struct schedule *s,
                                  const struct fire_item *item, enum fire_verdict *ret_refusal)
{
    *ret_refusal = VERDICT_KNOWN;
    if (item->chained && item->nominal_ms <= s->through_ms)
        return NULL;
    if (item->reason == REASON_BACKFILL && item->nominal_ms == s->known_ms) {
        s->known_ms = 0;
        return NULL;
    }
    *ret_refusal = VERDICT_EARLY;
    uint64_t ahead_ms = item->reason == REASON_TRIGGER ? TRIGGERS_AHEAD_MS : 0;
    if (item->nominal_ms > core->wall_ms + ahead_ms)
        return NULL;
    *ret_refusal = VERDICT_BEHIND;
    if (item->chained && item->previous_ms != s->through_ms)
        return NULL;
    *ret_refusal = VERDICT_LATER;
    if (core->uncommitted > core->options.uncommitted_max * 2)
        return NULL;
    return judge(core, s, item, ret_refusal);
}

void fire_waiting(struct core *core, struct schedule *s)
{
    struct fire_item item = {.nominal_ms = s->waiting_ms,
                             .overlap = OVERLAP_QUEUE_ONE,
                             .reason = REASON_DUE, /* or as the row says that it replaces */
                             .over = 1u << VERDICT_WAITING};
    enum fire_verdict refusal;
    list_remove(&s->waiting_link);
    if (s->paused || s->waiting_sent || !s->waiting_ms || s->run_count)
        return; /* whoever changes that comes here again */
    s->waiting_sent = fire(core, s, &item, &refusal) != NULL;
    if (!s->waiting_sent) /* tried again every second */
        list_push_back(&core->schedules.waiting, &s->waiting_link);
}

void fire_found(struct core *core, struct op *op)
{
    const struct request *r = op->jobs.owner;
    struct schedule *s = idmap_get(&core->schedules.by_number, r->schedule);
    enum fire_verdict refusal;
    if (!s || !s->reading)
        return;
    for (uint32_t i = 0; i < op->jobs.count; i++) {
        const struct job_view *view = &op->jobs.views[i];
        if (!job_find(core, view->id) && !job_from_view(core, view))
            run_remove(core, s, view->id); /* it has ended */
    }
    s->reading = false;
    if (!s->paused)
        (void)consider(core, s, &s->held, &refusal);
    if (!s->reading)
        s->looked_ms = 0; /* the next one is looked for anew */
    for (uint32_t i = 0; i < op->jobs.count; i++) {
        struct job *job = job_find(core, op->jobs.views[i].id);
        if (job)
            job_seen(core, job);
    }
}

/* ---- FIRE ---- */

/* A run by hand has a nominal time that no clock gives, and none twice: it may be some milliseconds
 * from now. */
static uint64_t trigger_ms(const struct core *core, struct schedule *s)
{
    uint64_t ms = core->wall_ms;
    if (ms <= s->trigger_ms && s->trigger_ms - ms < TRIGGERS_AHEAD_MS)
        ms = s->trigger_ms + 1;
    uint64_t rest = ms % 1000;
    if (rest < NOMINAL_TRIGGER_MIN)
        ms += NOMINAL_TRIGGER_MIN - rest;
    else if (rest > NOMINAL_TRIGGER_MAX)
        ms += 1000 - rest + NOMINAL_TRIGGER_MIN;
    s->trigger_ms = ms;
    return ms;
}

static uint64_t column_u64(struct slice column, uint32_t at)
{
    return column.len ? slice_u64_at(column, at) : 0;
}

static struct fire_item item_at(const struct core *core, const struct event *e, uint32_t at,
                                struct schedule *s)
{
    struct fire_item item = {.nominal_ms = slice_u64_at(e->fire.nominals_ms, at),
                             .overlap = s->def.overlap};
    if (e->fire.mode == FIRE_TRIGGER) {
        if (item.nominal_ms == 0)
            item.nominal_ms = trigger_ms(core, s);
        item.overlap = OVERLAP_ALLOW;
        item.reason = REASON_TRIGGER;
    } else if (e->fire.mode == FIRE_BACKFILL) {
        item.overlap = e->fire.overlap;
        item.reason = REASON_BACKFILL;
        item.over = 1u << VERDICT_MISSED;
    } else {
        item.chained = true;
        item.previous_ms = column_u64(e->fire.previous_ms, at);
        item.ask = e->fire.asks.len ? e->fire.asks.data[at] : FIRE_RUN;
        item.first_ms = column_u64(e->fire.firsts_ms, at);
        item.count = e->fire.counts.len ? slice_u32_at(e->fire.counts, at) : 0;
    }
    return item;
}

static struct schedule *schedule_at(const struct core *core, const struct event *e, uint32_t at)
{
    if (e->fire.epoch != core->epoch)
        return NULL;
    struct schedule *s =
        idmap_get(&core->schedules.by_revision, slice_u64_at(e->fire.revisions, at));
    bool fires = s && !s->deleted && (!s->paused || e->fire.mode != FIRE_DUE);
    return fires ? s : NULL;
}

static void answer(struct core *core, const struct fire_reply *r, uint64_t after)
{
    struct action *a = core_emit_after(core, after, ACT_REPLY_FIRE, r->route, r->request);
    a->fire.count = r->count;
    a->fire.verdicts = r->verdicts;
    a->fire.reasons = r->reasons;
    a->fire.through_ms = r->through_ms;
    a->fire.jobs = r->jobs;
}

/* An empty answer in memory that lives as long as what waits for batch `after`. */
static struct fire_reply *reply_new(struct core *core, uint64_t after, const struct event *e)
{
    uint32_t count = e->fire.count;
    struct fire_reply *r = core_memory(core, after, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct fire_reply){.route = e->route,
                             .request = e->request,
                             .count = count,
                             .verdicts = core_memory(core, after, count),
                             .reasons = core_memory(core, after, count),
                             .through_ms = core_memory(core, after, count * sizeof(uint64_t)),
                             .jobs = core_memory(core, after, count * sizeof(uint64_t))};
    return core->failed ? NULL : r;
}

/* What has been decided for each goes into the same answer, in memory that lives longer. */
static struct fire_reply *reply_longer(struct core *core, uint64_t after, const struct event *e,
                                       const struct fire_reply *from)
{
    struct fire_reply *r = reply_new(core, after, e);
    if (!r)
        return NULL;
    memcpy(r->verdicts, from->verdicts, from->count);
    memcpy(r->through_ms, from->through_ms, from->count * sizeof(uint64_t));
    r->after = from->after;
    return r;
}

/* The verdict of the chain that is on its way for this time, or for one after it. */
static struct fire_note *note_on_its_way(const struct schedule *s, const struct fire_item *item)
{
    LIST_FOREACH (it, &s->notes) {
        struct fire_note *note = CONTAINER_OF(it, struct fire_note, link);
        if (note->chain == s->chain && note->op.row.nominal_ms >= item->nominal_ms)
            return note;
    }
    return NULL;
}

/* The note that the answer waits for, or NULL: what there is to say has been said. */
static struct fire_note *fire_one(struct core *core, const struct event *e, uint32_t at,
                                  struct fire_reply *r)
{
    struct schedule *s = schedule_at(core, e, at);
    if (!s) {
        r->verdicts[at] = VERDICT_STALE;
        return NULL;
    }
    enum fire_verdict refusal;
    struct fire_item item = item_at(core, e, at, s);
    struct fire_note *note = consider(core, s, &item, &refusal);
    if (!note)
        r->verdicts[at] = (uint8_t)refusal;
    if (!note && refusal == VERDICT_KNOWN)
        note = note_on_its_way(s, &item);
    r->through_ms[at] = schedule_certain_ms(s);
    if (s->batch > r->after)
        r->after = s->batch; /* what is told of it is on its way */
    return note;
}

/* The place `at` of the answer waits for the note. False: the core has failed. */
static bool wait_for(struct core *core, struct fire_note *note, struct fire_reply *r, uint32_t at)
{
    struct asker *asker = core_memory(core, core->batch_last, sizeof *asker);
    if (!asker)
        return false;
    asker->reply = r;
    asker->at = at;
    list_push_back(&note->askers, &asker->link);
    r->pending++;
    return true;
}

void core_on_fire(struct core *core, const struct event *e)
{
    if (!request_greeted(core, e))
        return;
    struct fire_reply *r = reply_new(core, 0, e);
    for (uint32_t i = 0; r && i < e->fire.count && !core->failed; i++) {
        struct fire_note *note = fire_one(core, e, i, r);
        if (!note)
            continue;
        if (r->pending == 0) /* the open batch's memory lives longer than any that is on its way */
            r = reply_longer(core, core->batch_last, e, r);
        if (!r || !wait_for(core, note, r, i))
            return;
    }
    if (!r || core->failed || r->pending > 0)
        return;
    if (r->after > core->batch_stored)
        r = reply_longer(core, r->after, e, r);
    if (r)
        answer(core, r, r->after);
}

/* ---- stored ---- */

static enum fire_verdict verdict_of(const struct fire_note *note, int result)
{
    switch (result) {
    case 0:
        return note->op.row.verdict;
    case MUSTER_EINUSE:
        return VERDICT_KNOWN;
    case MUSTER_ESTATE:
        return VERDICT_BEHIND;
    case MUSTER_ENOTFOUND:
        return VERDICT_STALE;
    default:
        return VERDICT_FULL;
    }
}

/* The store has not done it: what memory took for done is not. */
static void take_back(struct core *core, struct schedule *s, const struct fire_note *note,
                      int result)
{
    const struct ledger_row *row = &note->op.row;
    bool broken = note->op.chained && result != MUSTER_EINUSE && note->chain == s->chain;
    if (broken) {
        s->through_ms = schedule_certain_ms(s);
        s->chain++;
    }
    if (row->verdict == VERDICT_WAITING && s->waiting_ms == row->nominal_ms)
        s->waiting_ms = 0;
    if (row->verdict != VERDICT_FIRED)
        return;
    if (note->op.over & 1u << VERDICT_WAITING)
        run_drop(core, s, row->job); /* it is tried again in a second */
    else
        run_remove(core, s, row->job);
}

/* The run that waited is on its way, or has to be tried again. */
static void waiting_stored(struct core *core, struct schedule *s, uint64_t nominal_ms, int result)
{
    s->waiting_sent = false;
    if (s->waiting_ms != nominal_ms)
        return; /* it was refused, and another one waits by now */
    if (result == 0 || result == MUSTER_EINUSE)
        s->waiting_ms = 0;
    else
        list_push_back(&core->schedules.waiting, &s->waiting_link);
}

static void tell(struct core *core, const struct schedule *s, const struct ledger_row *row)
{
    static const uint8_t topics[VERDICT_STORED_COUNT] = {
        [VERDICT_FIRED] = TOPIC_SCHEDULE_FIRED,
        [VERDICT_SKIPPED] = TOPIC_SCHEDULE_SKIPPED,
        [VERDICT_MISSED] = TOPIC_SCHEDULE_MISSED,
    };
    core->stats.verdicts[row->verdict] += row->count ? row->count : 1;
    if (row->verdict != VERDICT_WAITING)
        publish_schedule(core, topics[row->verdict], 0, s, row,
                         slice_str(fire_reason_name(row->reason)));
}

/* Who fired it is told the verdict, who asked since that it is known; all the same when it came to
 * nothing. */
static void answer_askers(struct core *core, const struct schedule *s, const struct fire_note *note,
                          int result)
{
    LIST_FOREACH (it, &note->askers) {
        const struct asker *a = CONTAINER_OF(it, struct asker, link);
        struct fire_reply *r = a->reply;
        bool fired_it = r->verdicts[a->at] != VERDICT_KNOWN;
        if (result != 0 || fired_it)
            r->verdicts[a->at] = (uint8_t)verdict_of(note, result);
        if (result == 0 && fired_it) {
            r->reasons[a->at] = note->op.row.reason;
            r->jobs[a->at] = note->op.row.job;
        }
        if (s)
            r->through_ms[a->at] = s->kept_ms;
        if (--r->pending == 0)
            answer(core, r, r->after);
    }
}

static void on_verdict(struct core *core, struct fire_note *note, int result)
{
    struct schedule *s = idmap_get(&core->schedules.by_number, note->op.schedule);
    const struct ledger_row *row = &note->op.row;
    bool judged = result == 0 || result == MUSTER_EINUSE;
    list_remove(&note->link);
    if (s) {
        s->unstored -= makes_run(row);
        if (note->op.chained && judged && s->kept_ms < row->nominal_ms)
            s->kept_ms = row->nominal_ms;
        if (result == 0 && (note->op.chained || s->last.nominal_ms == row->nominal_ms))
            s->last = *row;
        if (note->op.over & 1u << VERDICT_WAITING)
            waiting_stored(core, s, row->nominal_ms, result);
        if (judged && !note->op.chained && list_empty(&note->askers))
            s->known_ms = row->nominal_ms;
        if (result != 0)
            take_back(core, s, note, result);
        else
            tell(core, s, row);
    }
    answer_askers(core, s, note, result);
}

void on_stored_verdict(struct core *core, struct op *op)
{
    core->uncommitted -= verdict_bytes(op->verdict.verdict);
    on_verdict(core, op->verdict.verdict->owner, op->result);
}

void fire_submitted(struct core *core, const struct op *op)
{
    on_verdict(core, op->submit.verdict->owner, op->result);
}
