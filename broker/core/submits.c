/* submits.c: clients say HELLO and submit. A resend is answered, never executed: the outcome of
 * each number is kept until the client has confirmed it. */
#include <stdlib.h>

#include "core/state.h"

/* Ends not yet taken by a client session: beyond them SUBMIT gets BUSY. */
#define DONE_BACKLOG_MAX 100000
#define CLIENT_LOOKS     16 /* what reading a client session counts as */

struct submit_note { /* what the core needs when an OP_SUBMIT is stored */
    struct blob *frame;
    struct job_spec *spec;
    uint32_t covered; /* of its jobs, at or below the mark */
};

static void busy(struct core *core, route_t route, uint64_t number, int reason, uint32_t retry_ms,
                 const char *text)
{
    struct action *a = core_emit(core, ACT_BUSY, route, 0);
    a->busy.number = number;
    a->busy.reason = reason;
    a->busy.retry_ms = retry_ms;
    a->busy.text = text;
}

/* Its own batch is durable: what the client did since does not hold the answer back. */
static void acknowledge(struct core *core, const struct client *c, const struct submit_entry *e)
{
    uint8_t *outcomes = NULL;
    uint64_t *ids = NULL;
    if (e->outcomes) {
        outcomes = core_memory(core, 0, e->count);
        ids = core_memory(core, 0, e->count * sizeof *ids);
        if (!outcomes || !ids)
            return;
        memcpy(outcomes, e->outcomes, e->count);
        memcpy(ids, e->ids, e->count * sizeof *ids);
    }
    struct action *a = core_emit(core, ACT_SUBMIT_ACK, c->route, 0);
    a->submit_ack.number = e->number;
    a->submit_ack.first_id = e->first_id;
    a->submit_ack.count = e->count;
    a->submit_ack.outcomes = outcomes;
    a->submit_ack.ids = ids;
}

void acknowledge_again(struct core *core, const struct client *c)
{
    for (uint64_t n = 1; c->route && n <= CLIENT_WINDOW_SUBMITS; n++) {
        const struct submit_entry *e = client_entry(c, c->confirmed + n);
        if (e && e->stored)
            acknowledge(core, c, e);
    }
}

void core_ack_unsent(struct core *core, const struct action *action)
{
    struct client *c = client_on(core, action->route);
    if (c)
        c->acks_unsent = true;
}

/* True when the number is new and within the window; else it has been answered. */
static bool number_is_new(struct core *core, struct client *c, const struct event *e)
{
    uint64_t number = e->submit.number;
    if (number <= c->confirmed) {
        core->stats.duplicate_submits++;
        busy(core, e->route, number, MUSTER_ESTATE, 0,
             "this number was confirmed: it was acknowledged before");
        return false;
    }
    const struct submit_entry *entry = client_entry(c, number);
    if (entry) {
        core->stats.duplicate_submits++;
        if (entry->stored)
            acknowledge(core, c, entry);
        return false;
    }
    if (number - c->confirmed > CLIENT_WINDOW_SUBMITS) {
        busy(core, e->route, number, MUSTER_EWINDOW, 100,
             "more SUBMITs are unconfirmed than WELCOME's window allows");
        return false;
    }
    return true;
}

static bool has_room(struct core *core, const struct client *c, const struct event *e)
{
    if (core->uncommitted > core->options.uncommitted_max * 2) {
        busy(core, e->route, e->submit.number, MUSTER_EBUSY, 50,
             "more submits wait for the disk than may");
        return false;
    }
    if (e->submit.notify && c->done_last - c->done_taken > DONE_BACKLOG_MAX) {
        busy(core, e->route, e->submit.number, MUSTER_EWINDOW, 1000,
             "too many ends of this session's jobs were told and not confirmed");
        return false;
    }
    return true;
}

struct lane *lane_for(struct core *core, struct slice queue, struct slice kind)
{
    struct lane *lane = lane_find(core, queue, kind);
    if (lane)
        return lane;
    if (core->lane_count >= LANES_MAX)
        return NULL; /* not even the queue */
    struct queue *q = queue_get(core, queue);
    lane = q ? lane_new(core, q, kind, 0) : NULL;
    if (!lane)
        return NULL;
    if (!q->exists) {
        q->exists = true;
        struct op *op = core_op(core, OP_QUEUE);
        op->queue.name = q->name;
        op->queue.paused = q->paused;
    }
    struct op *op = core_op(core, OP_LANE);
    op->lane.lane = lane->number;
    op->lane.queue = q->name;
    op->lane.kind = lane->kind;
    lane->batch = q->batch = core->batch_last;
    return lane;
}

static struct job_spec *spec_for(struct core *core, const struct client *c, const struct event *e)
{
    struct job_spec like = e->submit.spec;
    if (e->submit.expires_in_ms)
        like.expires_ms = core->wall_ms + e->submit.expires_in_ms;
    if (e->submit.notify)
        memcpy(like.notify, c->id, SESSION_ID_BYTES);
    return spec_take(core, &like);
}

static size_t submit_bytes(const struct op *op)
{
    return op->submit.args.len + op->submit.keys.len + 64 * (size_t)op->submit.count;
}

static void set_due(const struct core *core, struct op *op, const struct event *e)
{
    op->submit.state = JOB_READY;
    op->submit.due_ms = core->wall_ms;
    if (e->submit.delay_ms > 0) {
        op->submit.state = JOB_SCHEDULED;
        op->submit.due_ms = core_smooth_ms(core) + e->submit.delay_ms;
        op->submit.delay_ms = e->submit.delay_ms;
    } else if (e->submit.at_ms > core->wall_ms) {
        op->submit.state = JOB_SCHEDULED;
        op->submit.due_ms = e->submit.at_ms;
        op->submit.flags |= JOB_AT;
    }
}

static void fill_op(struct core *core, struct op *op, const struct client *c, const struct event *e,
                    const struct lane *lane, struct submit_note *note)
{
    op->submit.spec = note->spec;
    op->submit.lane = lane->number;
    op->submit.count = e->submit.count;
    op->submit.priority = e->submit.priority;
    op->submit.flags = e->submit.notify ? JOB_NOTIFY : 0;
    op->submit.created_ms = core->wall_ms;
    set_due(core, op, e);
    op->submit.arg_lengths = e->submit.arg_lengths;
    op->submit.args = e->submit.args;
    op->submit.key_lengths = e->submit.key_lengths;
    op->submit.keys = e->submit.keys;
    memcpy(op->submit.session, c->id, SESSION_ID_BYTES);
    op->submit.number = e->submit.number;
    op->submit.confirmed = c->confirmed;
    op->submit.owner = note;
}

static void take_in(struct core *core, struct client *c, const struct event *e, struct lane *lane)
{
    struct submit_note *note = batch_alloc(core_batch(core), sizeof *note);
    struct band *band = band_get(core, lane, e->submit.priority);
    struct submit_entry *entry = note && band ? client_entry_add(core, c, e->submit.number) : NULL;
    struct job_spec *spec = entry ? spec_for(core, c, e) : NULL;
    if (!spec || batch_hold(core_batch(core), e->submit.frame) != 0) {
        core_fail(core, "out of memory for a SUBMIT");
        return;
    }
    note->frame = e->submit.frame;
    note->spec = spec;
    struct op *op = core_op(core, OP_SUBMIT);
    fill_op(core, op, c, e, lane, note);
    uint64_t first_id = op->submit.first_id = core_draw_ids(core, e->submit.count);
    bool ready = op->submit.state == JOB_READY;
    core->uncommitted += submit_bytes(op);
    core->stats.submits++;
    c->batch = lane->batch = core->batch_last;
    entry->first_id = first_id;
    entry->count = e->submit.count;
    if (ready)
        note->covered = marks_cover_submit(core, band, first_id, e->submit.count);
}

void submit_own(struct core *core, const struct own_job *job)
{
    struct submit_note *note = batch_alloc(core_batch(core), sizeof *note);
    uint8_t *length = batch_alloc(core_batch(core), 4);
    struct band *band = band_get(core, job->lane, job->priority);
    if (!note || !length || !band || batch_hold(core_batch(core), job->blob) != 0) {
        spec_release(job->spec);
        core_fail(core, "out of memory for a job");
        return;
    }
    for (int i = 0; i < 4; i++)
        length[i] = (uint8_t)(job->args.len >> 8 * i);
    note->frame = job->blob;
    note->spec = job->spec;
    struct op *op = core_op(core, OP_SUBMIT);
    op->submit.spec = job->spec;
    op->submit.lane = job->lane->number;
    op->submit.count = 1;
    op->submit.priority = job->priority;
    op->submit.flags = JOB_SCHEDULE;
    op->submit.first_id = job->id;
    op->submit.created_ms = op->submit.due_ms = core->wall_ms;
    op->submit.state = JOB_READY;
    if (job->due_ms > core->wall_ms) {
        op->submit.state = JOB_SCHEDULED;
        op->submit.due_ms = job->due_ms;
        op->submit.flags |= JOB_AT;
    }
    op->submit.arg_lengths = slice_of(length, 4);
    op->submit.args = job->args;
    op->submit.verdict = job->verdict;
    op->submit.owner = note;
    core->uncommitted += submit_bytes(op);
    job->lane->batch = core->batch_last;
    if (op->submit.state == JOB_READY)
        note->covered = marks_cover_submit(core, band, job->id, 1);
}

void core_on_submit(struct core *core, const struct event *e)
{
    struct client *c = client_on(core, e->route);
    if (!c || !c->known) {
        core_emit(core, ACT_CLIENT_UNKNOWN, e->route, 0);
        return;
    }
    client_touch(core, c);
    client_confirm(core, c, e->submit.confirmed);
    if (!number_is_new(core, c, e) || !has_room(core, c, e))
        return;
    struct lane *lane = lane_for(core, e->submit.queue, e->submit.kind);
    if (!lane)
        busy(core, e->route, e->submit.number, MUSTER_ELANES, 60000,
             "the broker holds as many pairs of queue and kind as it may");
    else
        take_in(core, c, e, lane);
}

static struct job_head head_of(const struct op *op, uint32_t at)
{
    uint64_t id = op->submit.first_id + 256 * (uint64_t)at;
    bool keyed = op->submit.key_lengths.len && slice_u32_at(op->submit.key_lengths, at) > 0;
    bool row = keyed || op->submit.state == JOB_SCHEDULED || (op->submit.flags & JOB_SCHEDULE) != 0;
    return (struct job_head){
        .id = id,
        .seq = id,
        .created_ms = op->submit.created_ms,
        .due_ms = op->submit.due_ms,
        .delay_ms = op->submit.delay_ms,
        .lane = op->submit.lane,
        .run = 1,
        .flags = (uint16_t)(op->submit.flags | (keyed ? JOB_KEYED : 0) | (row ? JOB_HAS_ROW : 0)),
        .priority = op->submit.priority,
        .state = op->submit.state,
    };
}

static void place_one(struct core *core, struct band *band, const struct op *op, uint32_t at,
                      struct slice args)
{
    const struct submit_note *note = op->submit.owner;
    if (op->submit.state == JOB_READY && !window_takes(core, band)) {
        band->complete = false; /* stays with the store */
        return;
    }
    struct job_head head = head_of(op, at);
    struct job *job = job_new(core, &head, note->spec);
    if (!job)
        return;
    if (op->submit.state == JOB_SCHEDULED) {
        due_place(core, job);
    } else {
        job_set_args(job, note->frame, args);
        window_place(core, job);
    }
}

static void place_all(struct core *core, struct band *band, const struct op *op)
{
    const uint8_t *args = op->submit.args.data;
    uint64_t placed = 0;
    for (uint32_t i = 0; i < op->submit.count; i++) {
        size_t len = slice_u32_at(op->submit.arg_lengths, i);
        if (!op->submit.outcomes || op->submit.outcomes[i] == SUBMIT_NEW) {
            place_one(core, band, op, i, slice_of(args, len));
            if (core_watches(core, TOPIC_JOB_SUBMITTED)) {
                struct job_head head = head_of(op, i);
                publish_job(core, TOPIC_JOB_SUBMITTED, 0, &head, SLICE_EMPTY, SLICE_EMPTY);
            }
            placed++;
        }
        args += len;
    }
    meter_count(core, band->lane->queue, RATE_SUBMITTED, placed);
    core->stats.jobs_submitted += placed;
    window_fill(core, band);
}

static bool keep_outcomes(struct submit_entry *e, const uint8_t *outcomes, const uint64_t *ids,
                          uint32_t count)
{
    if (!outcomes)
        return true;
    e->outcomes = malloc(count);
    e->ids = malloc(count * sizeof *e->ids);
    if (!e->outcomes || !e->ids)
        return false;
    memcpy(e->outcomes, outcomes, count);
    memcpy(e->ids, ids, count * sizeof *e->ids);
    return true;
}

static void answer(struct core *core, const struct op *op)
{
    struct client *c = client_find(core, op->submit.session);
    struct submit_entry *e = c ? client_entry(c, op->submit.number) : NULL;
    if (!e)
        return;
    if (op->result != 0 && op->result != MUSTER_EINUSE) {
        client_entry_drop(core, c, e);
        uint32_t retry_ms = op->result == MUSTER_EINVAL ? 0 : 1000;
        if (c->route)
            busy(core, c->route, op->submit.number, op->result, retry_ms, err_text(op->result));
        return;
    }
    e->first_id = op->submit.first_id; /* in use: as the store has it from before */
    if (!keep_outcomes(e, op->submit.outcomes, op->submit.ids, op->submit.count)) {
        core_fail(core, "out of memory for a client session");
        return;
    }
    e->stored = true;
    if (e->number <= c->confirmed)
        client_entry_drop(core, c, e);
    else if (c->route)
        acknowledge(core, c, e);
}

void on_stored_submit(struct core *core, struct op *op)
{
    struct submit_note *note = op->submit.owner;
    struct band *band = band_get(core, lane_at(core, op->submit.lane), op->submit.priority);
    core->uncommitted -= submit_bytes(op);
    if (band) {
        band->marked_coming -= note->covered;
        if (op->result == 0)
            place_all(core, band, op);
    }
    if (op->submit.verdict)
        fire_submitted(core, op);
    else
        answer(core, op);
    spec_release(note->spec);
}

static void welcome(struct core *core, struct client *c, uint64_t request)
{
    core_emit_after(core, c->batch, ACT_CLIENT_WELCOME, c->route, request)->welcome.hello =
        c->hello;
    done_resume(core, c);
}

void on_stored_client(struct core *core, struct op *op)
{
    struct client *c = client_find(core, op->client.session);
    if (!c || c->known)
        return;
    c->known = true;
    if (op->client.confirmed > c->confirmed)
        c->confirmed = op->client.confirmed;
    c->done_taken = op->client.done_taken;
    c->done_last = op->client.done_last;
    if (c->done_sent < c->done_taken)
        c->done_sent = c->done_taken;
    for (uint32_t i = 0; i < op->client.number_count; i++) {
        const struct client_number *n = &op->client.numbers[i];
        if (n->number <= c->confirmed || client_entry(c, n->number))
            continue;
        struct submit_entry *e = client_entry_add(core, c, n->number);
        if (!e)
            return;
        e->stored = true;
        e->first_id = n->first_id;
        e->count = n->count;
        if (!keep_outcomes(e, n->outcomes, n->ids, n->count))
            core_fail(core, "out of memory for a client session");
    }
    if (c->route)
        welcome(core, c, 0);
}

static void read_client(struct core *core, const struct client *c)
{
    struct op *op = core_op(core, OP_CLIENT);
    memcpy(op->client.session, c->id, SESSION_ID_BYTES);
    op->client.done_confirmed = c->done_sent;
    core_asks(core, CLIENT_LOOKS);
}

void core_on_client_hello(struct core *core, const struct event *e)
{
    struct client *c = client_find(core, e->client_hello.session);
    bool is_new = !c;
    if (is_new)
        c = client_new(core, e->client_hello.session);
    if (!c) {
        core_fail(core, "out of memory for a client session");
        return;
    }
    if (e->client_hello.number <= c->hello)
        return;
    if (c->route)
        idmap_remove(&core->clients_by_route, c->route);
    struct client *other = client_on(core, e->route);
    if (other)
        other->route = 0; /* the connection is the newer session's now */
    c->route = e->route;
    c->hello = e->client_hello.number;
    c->done_sent = e->client_hello.done_confirmed;
    c->done_full = c->acks_unsent = false;
    c->done_frames = 0;
    if (idmap_put(&core->clients_by_route, e->route, c) != 0)
        core_fail(core, "out of memory for a client session");
    client_touch(core, c);
    client_confirm(core, c, e->client_hello.submit_confirmed);
    if (is_new)
        read_client(core, c);
    else if (c->known)
        welcome(core, c, e->request);
}

void core_on_client_heartbeat(struct core *core, const struct event *e)
{
    struct client *c = client_on(core, e->route);
    if (!c) {
        core_emit(core, ACT_CLIENT_UNKNOWN, e->route, 0);
        return;
    }
    client_touch(core, c);
    core_emit(core, ACT_CLIENT_HEARTBEAT, e->route, e->request);
}

void core_on_client_goodbye(struct core *core, const struct event *e)
{
    struct client *c = client_on(core, e->route);
    if (!c)
        return;
    struct op *op = core_op(core, OP_CLIENT_DROP);
    memcpy(op->client.session, c->id, SESSION_ID_BYTES);
    client_free(core, c);
}
