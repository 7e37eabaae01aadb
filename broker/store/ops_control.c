/* ops_control.c: lanes, queues, marks, worker sessions. */
#include "store/inner.h"

static int drop_marks(struct store *s, uint32_t lane)
{
    struct key k;
    int error = 0;
    for (uint8_t p = 0; p < PRIORITY_COUNT && !error; p++)
        error = row_drop(s, TABLE_MARK, key_mark(&k, lane, p));
    return error;
}

static int lane_is_empty(struct store *s, const struct lane *lane, bool *ret)
{
    struct cursor c;
    struct key k;
    struct slice prefix = key_u32(&k, lane->number);
    int error = cursor_open(&c, s->engine, TABLE_READY);
    if (!error)
        error = cursor_seek(&c, prefix);
    *ret = lane->rows == 0 && (error || !key_starts(c.key, prefix.data, prefix.len));
    cursor_close(&c);
    return !error || error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

static int drop_lane(struct store *s, struct op *op)
{
    bool empty;
    struct lane *lane = lane_row_find(s, op->lane.lane);
    if (!lane)
        return 0;
    int error = lane_is_empty(s, lane, &empty);
    if (error)
        return error;
    if (!empty) {
        op->result = MUSTER_ESTATE;
        return 0;
    }
    error = lane_touch(s, lane);
    if (error)
        return error;
    lane->dropped = true;
    s->last_lane = NULL;
    return drop_marks(s, lane->number);
}

int op_idle(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    int error = 0;
    for (uint32_t i = 0; i < op->idle.count && !error; i++) {
        const struct lane *lane = lane_row_find(s, op->idle.lanes[i].lane);
        op->idle.lanes[i].empty = false;
        if (lane)
            error = lane_is_empty(s, lane, &op->idle.lanes[i].empty);
    }
    return error;
}

int op_lane(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    if (op->lane.drop)
        return drop_lane(s, op);
    struct lane *lane = lane_row_find(s, op->lane.lane);
    if (lane)
        return 0;
    struct lane_record r = {
        .queue = op->lane.queue, .kind = op->lane.kind, .group = op->lane.group};
    int error = lane_create(s, op->lane.lane, &r);
    if (error)
        return error;
    lane = lane_row_find(s, op->lane.lane);
    error = lane_touch(s, lane);
    return error ? error : queue_touch(s, lane->queue);
}

int op_queue(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct queue *queue;
    int error = queue_need(s, op->queue.name, &queue);
    if (error)
        return error;
    queue->record.paused = op->queue.paused;
    return queue_touch(s, queue);
}

int op_mark(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct enc e;
    struct key k;
    int error = row_begin(s, VAR_BYTES_MAX, &e);
    if (error)
        return error;
    enc_var(&e, op->mark.seq);
    return row_put(s, &e, TABLE_MARK, key_mark(&k, op->mark.lane, op->mark.priority), PUT_SET);
}

int op_worker(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct enc e;
    struct key k;
    struct slice key = key_session(&k, op->worker.session);
    if (op->worker.drop)
        return row_drop(s, TABLE_WORKER, key);
    int error = row_begin(s, worker_bound(op->worker.name), &e);
    if (error)
        return error;
    worker_encode(&e, op->worker.lapsed, op->worker.results_next, op->worker.name);
    return row_put(s, &e, TABLE_WORKER, key, PUT_SET);
}
