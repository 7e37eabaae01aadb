/* ops_update.c: a job's new head: it gets, or has, a row by id, and moves to where its state puts
 * it. */
#include "store/inner.h"

/* The next write may move what a record points to: it is copied into s->gather. */
static int gather_slices(struct store *s, struct record *r)
{
    struct slice *const slices[] = {&r->args, &r->spec.meta, &r->spec.schedule};
    const size_t count = sizeof(slices) / sizeof(slices[0]);
    buf_reset(&s->gather);
    for (size_t i = 0; i < count; i++)
        if (buf_append(&s->gather, slices[i]->data, slices[i]->len) != 0)
            return store_nomem(s);
    size_t at = 0;
    for (size_t i = 0; i < count; at += slices[i]->len, i++)
        slices[i]->data = slices[i]->len ? s->gather.data + at : NULL;
    return 0;
}

/* The job as it is stored, with what its slices point to kept in s->gather. */
static int take_present(struct store *s, const struct op *op, struct record *ret, bool *ret_row)
{
    struct key k;
    struct slice value;
    const struct job_head *h = &op->update.head;
    bool ref = false;
    int error = job_get(s, h->id, ret);
    *ret_row = error == 0;
    if (error == MUSTER_ENOTFOUND) {
        struct slice key = key_ready(&k, h->lane, h->priority, op->update.old_seq);
        error = engine_get(s->engine, TABLE_READY, key, &value);
        if (error)
            return error == MUSTER_ENOTFOUND ? error : store_failed(s, error);
        error = ready_decode(s, key, value, ret, &ref);
        if (!error && (ref || ret->head.id != h->id))
            return MUSTER_ENOTFOUND;
    }
    if (error)
        return error;
    return gather_slices(s, ret);
}

static int give_back(struct store *s, struct op *op, const struct job_head *head,
                     const struct record *present)
{
    struct page *page = page_new();
    struct record *r = page ? page_alloc(page, sizeof(*r)) : NULL;
    if (!r) {
        page_free(page);
        return store_nomem(s);
    }
    *r = (struct record){.head = *head, .spec = present->spec};
    r->args = page_copy(page, present->args);
    op->update.record = r;
    op->update.page = page_blob(page);
    return page_spec(page, &r->spec) && r->args.len == present->args.len ? 0 : store_nomem(s);
}

static void count_cause(struct queue *queue, const struct op *op, const struct job_head *old,
                        const struct job_head *new)
{
    struct queue_counters *c = &queue->record.counters;
    c->failed += op->update.cause == CAUSE_FAILED;
    c->lost += op->update.cause == CAUSE_LOST;
    c->parked_total += new->state == JOB_PARKED && old->state != JOB_PARKED;
}

/* Being parked is an end to the session that wants to be told; what becomes of the job later is not
 * told, so the wish ends with it. */
static int tell_parked(struct store *s, struct op *op, struct job_head *head,
                       const struct job_spec *spec)
{
    const struct attempt *a = op->update.attempt;
    if (head->state != JOB_PARKED || !(head->flags & JOB_NOTIFY))
        return 0;
    struct done_row end = {.id = head->id, .state = JOB_PARKED};
    if (a) {
        end.code = a->code;
        end.message = a->message;
    }
    head->flags &= (uint16_t)~JOB_NOTIFY;
    return client_end(s, spec->notify, &end, &op->update.done_number);
}

static int leave(struct store *s, struct lane *lane, const struct job_head *old, bool had_row)
{
    struct key k;
    if (had_row)
        return place_leave(s, lane, old);
    uint64_t *ready = &lane->queue->record.counters.ready;
    *ready -= *ready > 0;
    lane->rows++;
    int error = lane_touch(s, lane);
    return error ? error
                 : row_drop(s, TABLE_READY, key_ready(&k, old->lane, old->priority, old->seq));
}

static int record_attempt(struct store *s, const struct op *op, uint64_t *ret_bytes)
{
    uint64_t id = op->update.head.id;
    int error = 0;
    *ret_bytes = 0;
    if (op->update.attempt)
        error = attempt_put(s, id, op->update.attempt);
    if (!error && op->update.head.state == JOB_PARKED)
        error = attempts_bytes(s, id, ret_bytes);
    return error;
}

int op_update(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct record present;
    struct lane *lane;
    struct key k;
    struct job_head head = op->update.head;
    bool had_row;
    uint64_t bytes;
    int error = take_present(s, op, &present, &had_row);
    if (error == MUSTER_ENOTFOUND) {
        op->result = MUSTER_ENOTFOUND;
        return 0;
    }
    if (!error)
        error = lane_of_record(s, present.head.lane, TABLE_JOB, key_u64(&k, head.id), &lane);
    if (error)
        return error;
    head.lane = present.head.lane;
    head.flags |= JOB_HAS_ROW;
    if (!(present.head.flags & JOB_NOTIFY))
        head.flags &= (uint16_t)~JOB_NOTIFY;
    if (head.state == JOB_RUNNING)
        head.state = JOB_READY;
    error = queue_touch(s, lane->queue);
    if (!error)
        error = leave(s, lane, &present.head, had_row);
    if (!error)
        error = record_attempt(s, op, &bytes);
    if (!error)
        error = tell_parked(s, op, &head, &present.spec);
    if (!error)
        error = job_put(s, &head, &present.spec, present.args);
    if (!error)
        error = place_enter(s, lane, &head, bytes + s->scratch.len);
    if (error)
        return error;
    count_cause(lane->queue, op, &present.head, &head);
    return op->update.want ? give_back(s, op, &head, &present) : 0;
}
