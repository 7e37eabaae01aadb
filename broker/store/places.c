/* places.c: where a job with a row by id waits: in its lane, in the list of what is due, or parked.
 */
#include "store/inner.h"

static void count_parked(struct store *s, struct queue *queue, uint64_t before)
{
    uint64_t after = queue->record.counters.parked;
    if (before && !after)
        s->queues_with_parked--;
    else if (!before && after)
        s->queues_with_parked++;
}

static int leave_parked(struct store *s, struct queue *queue, uint64_t id)
{
    struct key k;
    struct dec d;
    struct parked_record r;
    struct slice key = key_u64(&k, id);
    int error = row_get(s, TABLE_PARKED, key, &d);
    if (error)
        return error == MUSTER_ENOTFOUND ? 0 : error;
    if (!parked_decode(&d, &r))
        return store_damaged(s, TABLE_PARKED, key);
    uint64_t *bytes = &queue->record.parked_bytes;
    *bytes -= r.bytes < *bytes ? r.bytes : *bytes;
    s->parked_bytes -= r.bytes < s->parked_bytes ? r.bytes : s->parked_bytes;
    error = row_drop(s, TABLE_PARKED, key);
    return error ? error : row_drop(s, TABLE_PARKED_AT, key_pair(&k, r.at_ms, id));
}

int place_leave(struct store *s, struct lane *lane, const struct job_head *head)
{
    struct key k;
    int error = queue_touch(s, lane->queue);
    if (error)
        return error;
    uint64_t *gauge = queue_gauge(lane->queue, head->state);
    uint64_t before = lane->queue->record.counters.parked;
    if (gauge && *gauge)
        --*gauge;
    switch (head->state) {
    case JOB_READY:
    case JOB_RUNNING:
        return row_drop(s, TABLE_READY, key_ready(&k, head->lane, head->priority, head->seq));
    case JOB_SCHEDULED:
        return row_drop(s, TABLE_DUE, key_pair(&k, head->due_ms, head->id));
    case JOB_PARKED:
        count_parked(s, lane->queue, before);
        return leave_parked(s, lane->queue, head->id);
    default:
        return 0;
    }
}

static int enter_ready(struct store *s, struct lane *lane, const struct job_head *head)
{
    struct key k;
    struct enc e;
    int error = lane_use_priority(s, lane, head->priority);
    if (!error)
        error = row_begin(s, REF_BYTES, &e);
    if (error)
        return error;
    ref_encode(&e, head->id);
    return row_put(s, &e, TABLE_READY, key_ready(&k, head->lane, head->priority, head->seq),
                   PUT_NEW);
}

static int enter_parked(struct store *s, struct lane *lane, const struct job_head *head,
                        uint64_t bytes)
{
    struct key k;
    struct enc e;
    struct parked_record r = {.at_ms = s->now_ms, .bytes = bytes, .lane = lane->number};
    int error = row_begin(s, PARKED_BOUND, &e);
    if (error)
        return error;
    parked_encode(&e, &r);
    error = row_put(s, &e, TABLE_PARKED, key_u64(&k, head->id), PUT_SET);
    if (error)
        return error;
    lane->queue->record.parked_bytes += bytes;
    s->parked_bytes += bytes;
    count_parked(s, lane->queue, lane->queue->record.counters.parked - 1);
    return row_put_empty(s, TABLE_PARKED_AT, key_pair(&k, r.at_ms, head->id));
}

int place_enter(struct store *s, struct lane *lane, const struct job_head *head, uint64_t bytes)
{
    struct key k;
    int error = queue_touch(s, lane->queue);
    if (error)
        return error;
    uint64_t *gauge = queue_gauge(lane->queue, head->state);
    if (gauge)
        ++*gauge;
    switch (head->state) {
    case JOB_READY:
        return enter_ready(s, lane, head);
    case JOB_SCHEDULED:
        return row_put_empty(s, TABLE_DUE, key_pair(&k, head->due_ms, head->id));
    case JOB_PARKED:
        return enter_parked(s, lane, head, bytes);
    default:
        return store_misuse(s, "a job cannot be stored in this state", head->state);
    }
}
