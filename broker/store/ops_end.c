/* ops_end.c: jobs that are over: their rows go, and a packed line of history comes. A plain
 * completion is one deletion and some bytes; whoever has a row by id pays for what it has. */
#include <stdlib.h>

#include "store/inner.h"

/* What is known of the job that ends, beyond its end_row. */
struct ending {
    struct end_row *row;
    struct lane *lane;
    struct history_job history;
    uint8_t notify[SESSION_ID_BYTES];
    bool has_row, tell;
};

static struct history_job history_of(const struct end_row *r, struct lane *lane)
{
    return (struct history_job){.id = r->id,
                                .created_ms = r->created_ms,
                                .started_ms = r->started_ms,
                                .finished_ms = r->finished_ms,
                                .run = r->run,
                                .priority = r->priority,
                                .state = r->state,
                                .lane = lane,
                                .worker = r->worker,
                                .code = r->code,
                                .message = r->message,
                                .result = r->result,
                                .last = r->attempt};
}

static int keep_spec(struct store *s, struct ending *x, const struct job_spec *spec)
{
    if (spec_is_default(spec))
        return 0;
    memcpy(x->notify, spec->notify, sizeof(x->notify));
    uint8_t *place = buf_reserve(&s->gather, spec_bound(spec));
    if (!place)
        return store_nomem(s);
    struct enc e = {place};
    spec_encode(&e, spec);
    /* Its place is found again from s->gather: earlier attempts may still move that. */
    x->history.spec = slice_of(NULL, (size_t)(e.at - place));
    s->gather.len += x->history.spec.len;
    return 0;
}

/* Takes the row of a job that waits in its lane alone. MUSTER_ENOTFOUND: there is none. */
static int end_plain(struct store *s, struct ending *x)
{
    struct key k;
    struct slice value;
    const struct end_row *r = x->row;
    struct slice key = key_ready(&k, r->lane, r->priority, r->seq);
    int error = engine_pick(s->engine, TABLE_READY, key, &value);
    if (error)
        return error == MUSTER_ENOTFOUND ? error : store_failed(s, error);
    uint8_t kind = row_kind(value);
    if (kind == ROW_REF)
        return MUSTER_ENOTFOUND;
    if (kind != ROW_JOB || r->flags & JOB_NOTIFY) {
        struct record job;
        bool ref;
        error = ready_decode(s, key, value, &job, &ref);
        if (!error)
            error = keep_spec(s, x, &job.spec);
        if (error)
            return error;
        x->tell = job.head.flags & JOB_NOTIFY;
    }
    s->wrote = true;
    error = engine_drop(s->engine, TABLE_READY);
    return error ? store_failed(s, error) : 0;
}

/* Earlier attempts go into history without their long logs. */
static int gather_attempts(struct store *s, struct ending *x, uint64_t id)
{
    struct attempt *all;
    uint32_t count;
    size_t before = s->gather.len;
    struct page *page = page_new();
    if (!page)
        return store_nomem(s);
    int error = attempts_read(s, id, page, &all, &count);
    for (uint32_t i = 0; i < count && !error; i++) {
        all[i].log = log_tail(all[i].log, LOG_EARLIER_BYTES);
        uint8_t *place = buf_reserve(&s->gather, attempt_bound(&all[i]));
        if (!place) {
            error = store_nomem(s);
            break;
        }
        struct enc e = {place};
        attempt_encode(&e, &all[i]);
        s->gather.len += (size_t)(e.at - place);
    }
    x->history.earlier = slice_of(NULL, s->gather.len - before);
    page_free(page);
    return error;
}

/* Takes the row by id, its place in an index, and its attempts. MUSTER_ENOTFOUND: there is none. */
static int end_row_by_id(struct store *s, struct ending *x)
{
    struct key k;
    struct record job;
    uint64_t id = x->row->id;
    int error = job_get(s, id, &job);
    if (error)
        return error;
    struct job_head head = job.head;
    x->has_row = true;
    x->tell = head.flags & JOB_NOTIFY;
    x->history.failures = head.failures;
    x->history.losses = head.losses;
    x->history.attempts = head.attempts;
    error = keep_spec(s, x, &job.spec);
    if (!error)
        error = lane_of_record(s, head.lane, TABLE_JOB, key_u64(&k, id), &x->lane);
    if (error)
        return error;
    x->history.lane = x->lane;
    x->history.priority = head.priority;
    if (x->row->state != JOB_STATE_COUNT && head.attempts)
        error = gather_attempts(s, x, id);
    if (!error && head.attempts)
        error = attempts_drop(s, id);
    if (!error)
        error = place_leave(s, x->lane, &head);
    if (!error)
        error = row_drop(s, TABLE_JOB, key_u64(&k, id));
    if (!error)
        error = lane_touch(s, x->lane);
    x->lane->rows -= x->lane->rows > 0;
    return error;
}

static void count_end(struct ending *x)
{
    struct queue_counters *c = &x->lane->queue->record.counters;
    c->completed += x->row->state == JOB_COMPLETED;
    c->cancelled += x->row->state == JOB_CANCELLED;
    c->expired += x->row->state == JOB_EXPIRED;
    if (!x->has_row)
        c->ready -= c->ready > 0;
}

static int tell(struct store *s, struct ending *x)
{
    struct end_row *r = x->row;
    struct done_row end = {.id = r->id,
                           .state = r->state,
                           .result = r->result,
                           .code = r->code,
                           .message = r->message};
    return client_end(s, x->notify, &end, &r->done_number);
}

static int add_history(struct store *s, struct ending *x)
{
    /* What was gathered stands still from here on: spec first, then attempts. */
    x->history.spec.data = s->gather.data;
    x->history.earlier.data = s->gather.data ? s->gather.data + x->history.spec.len : NULL;
    return history_add(s, &x->history);
}

static int end_one(struct store *s, struct end_row *r)
{
    struct ending x = {.row = r};
    buf_reset(&s->gather);
    x.lane = lane_row_find(s, r->lane);
    if (!x.lane)
        return store_misuse(s, "a job that ends names a lane that is not there", r->lane);
    x.history = history_of(r, x.lane);
    int error = r->flags & JOB_HAS_ROW ? end_row_by_id(s, &x) : end_plain(s, &x);
    /* The core may not know yet which row it has. */
    if (error == MUSTER_ENOTFOUND)
        error = r->flags & JOB_HAS_ROW ? end_plain(s, &x) : end_row_by_id(s, &x);
    if (error)
        return error == MUSTER_ENOTFOUND ? 0 : error;
    error = queue_touch(s, x.lane->queue);
    if (error)
        return error;
    count_end(&x);
    if (r->state == JOB_STATE_COUNT)
        return 0;
    if (x.tell)
        error = tell(s, &x);
    return error ? error : add_history(s, &x);
}

static int by_place(const void *a, const void *b)
{
    const struct end_row *x = *(struct end_row *const *)a, *y = *(struct end_row *const *)b;
    if (x->lane != y->lane)
        return x->lane < y->lane ? -1 : 1;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

/* In the order of their lane rows, whatever order they ended in: neighbours lie on one page. But
 * ends that a client is told of are numbered in the order in which the core has them. */
static struct end_row **in_order(struct batch *b, struct end_row *rows, uint32_t count)
{
    struct end_row **order = batch_alloc(b, count * sizeof(struct end_row *));
    bool sorted = true, told = false;
    for (uint32_t i = 0; order && i < count; i++) {
        order[i] = &rows[i];
        told = told || rows[i].flags & JOB_NOTIFY;
        sorted = sorted && (i == 0 || by_place(&order[i - 1], &order[i]) <= 0);
    }
    if (order && !sorted && !told)
        qsort(order, count, sizeof(struct end_row *), by_place);
    return order;
}

int op_end(struct store *s, struct batch *b, struct op *op)
{
    int error = 0;
    struct end_row **rows = in_order(b, op->end.rows, op->end.count);
    if (!rows)
        return store_nomem(s);
    for (uint32_t i = 0; i < op->end.count && !error; i++) {
        rows[i]->done_number = 0;
        error = end_one(s, rows[i]);
    }
    return error;
}
