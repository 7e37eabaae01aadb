/* ops_submit.c: new jobs. A plain ready job becomes one row in its lane; a scheduled or keyed one
 * gets a row by id and stands in an index. */
#include "store/inner.h"

#define ID_STEP 256 /* ids are counter << 8 | shard */

/* The columns of a SUBMIT, checked against each other. */
struct columns {
    struct slice arg_lengths, args, key_lengths, keys;
    size_t arg_at, key_at; /* of the next job */
};

static bool column_fits(struct slice lengths, struct slice bytes, uint32_t count)
{
    uint64_t sum = 0;
    if (lengths.len != (size_t)count * 4)
        return false;
    for (uint32_t i = 0; i < count; i++)
        sum += slice_u32_at(lengths, i);
    return sum == bytes.len;
}

static struct slice next_of(struct slice lengths, struct slice bytes, uint32_t index, size_t *at)
{
    size_t len = slice_u32_at(lengths, index);
    struct slice piece = slice_of(bytes.data ? bytes.data + *at : NULL, len);
    *at += len;
    return piece;
}

static uint64_t id_at(const struct op *op, uint32_t index)
{
    return op->submit.first_id + (uint64_t)index * ID_STEP;
}

/* Puts the numbers and outcomes of the row into the operation: it was carried out before. */
static int answer_again(struct store *s, struct batch *b, struct op *op, struct slice key,
                        struct dec *d)
{
    struct client_number n;
    struct slice outcomes, ids;
    if (!submitted_decode(d, &n, &outcomes, &ids))
        return store_damaged(s, TABLE_SUBMITTED, key);
    op->submit.first_id = n.first_id;
    op->submit.count = n.count;
    op->submit.outcomes = batch_alloc(b, n.count);
    op->submit.ids = batch_alloc(b, (size_t)n.count * sizeof(uint64_t));
    if (!op->submit.outcomes || !op->submit.ids)
        return store_nomem(s);
    for (uint32_t i = 0; i < n.count; i++) {
        op->submit.outcomes[i] = outcomes.len ? outcomes.data[i] : (uint8_t)SUBMIT_NEW;
        op->submit.ids[i] = ids.len ? slice_u64_at(ids, i) : id_at(op, i);
    }
    return 0;
}

/* A SUBMIT whose number is confirmed, or whose outcome is stored, must not happen twice. */
static int seen_before(struct store *s, struct batch *b, struct op *op, struct client *c)
{
    struct key k;
    struct dec d;
    struct slice key = key_numbered(&k, op->submit.session, op->submit.number);
    if (!c->exists)
        return 0;
    int error = row_get(s, TABLE_SUBMITTED, key, &d);
    if (error == MUSTER_ENOTFOUND) {
        op->result = op->submit.number <= c->record.confirmed ? MUSTER_EINUSE : 0;
        return 0;
    }
    op->result = MUSTER_EINUSE;
    return error ? error : answer_again(s, b, op, key, &d);
}

static int note_number(struct store *s, const struct op *op, struct client *c)
{
    struct enc e;
    struct key k;
    struct client_number n = {.number = op->submit.number,
                              .first_id = op->submit.first_id,
                              .count = op->submit.count,
                              .outcomes = op->submit.outcomes,
                              .ids = op->submit.ids};
    int error = 0;
    if (op->submit.confirmed > c->record.confirmed) {
        error = numbers_drop(s, TABLE_SUBMITTED, op->submit.session, op->submit.confirmed);
        c->record.confirmed = op->submit.confirmed;
    }
    if (!error)
        error = row_begin(s, submitted_bound(&n), &e);
    if (error)
        return error;
    submitted_encode(&e, &n);
    error =
        row_put(s, &e, TABLE_SUBMITTED, key_numbered(&k, op->submit.session, n.number), PUT_SET);
    return error ? error : client_row_touch(s, c);
}

/* All that these rows differ in is the id, the args and the checksum: the rest is encoded once. */
static int submit_plain(struct store *s, struct op *op, struct lane *lane, struct columns *col)
{
    struct job_head head = {.id = op->submit.first_id,
                            .seq = op->submit.first_id,
                            .created_ms = op->submit.created_ms,
                            .due_ms = op->submit.created_ms,
                            .lane = lane->number,
                            .run = 1,
                            .flags = op->submit.flags,
                            .priority = op->submit.priority,
                            .state = JOB_READY};
    struct enc e;
    struct key k;
    int error = row_begin(s, job_bound(op->submit.spec) + op->submit.args.len, &e);
    if (error)
        return error;
    job_encode(&e, &head, op->submit.spec);
    uint8_t *frame = s->scratch.data, *args_at = e.at;
    for (uint32_t i = 0; i < op->submit.count && !error; i++) {
        uint64_t id = id_at(op, i);
        struct enc patch = {frame + FRAME_OVERHEAD + JOB_ID_OFFSET};
        enc_u64(&patch, id);
        e.at = args_at;
        enc_raw(&e, next_of(col->arg_lengths, col->args, i, &col->arg_at));
        struct slice key = key_ready(&k, lane->number, head.priority, id);
        error = row_put(s, &e, TABLE_READY, key, PUT_NEW);
    }
    return error;
}

static uint64_t body_hash(const struct lane *lane, struct slice args)
{
    uint64_t parts[3] = {hash_bytes(lane->queue_name), hash_bytes(lane->kind), hash_bytes(args)};
    uint8_t bytes[sizeof(parts)];
    struct enc e = {bytes};
    for (int i = 0; i < 3; i++)
        enc_u64(&e, parts[i]);
    return hash_bytes(slice_of(bytes, sizeof(bytes)));
}

/* One job of a SUBMIT with keys or a time, or of a schedule. A ready one whose key is empty is a
 * plain job after all. */
static int put_one(struct store *s, const struct op *op, struct lane *lane, uint64_t id, bool keyed,
                   struct slice args)
{
    unsigned flags = op->submit.flags | (keyed ? JOB_KEYED : 0);
    struct job_head head = {.id = id,
                            .seq = id,
                            .created_ms = op->submit.created_ms,
                            .due_ms = op->submit.created_ms,
                            .lane = lane->number,
                            .run = 1,
                            .flags = (uint16_t)flags,
                            .priority = op->submit.priority,
                            .state = op->submit.state};
    if (head.state == JOB_READY && !keyed && !(head.flags & JOB_SCHEDULE)) {
        lane->queue->record.counters.ready++;
        int error = lane_use_priority(s, lane, head.priority);
        return error ? error : ready_put_inline(s, &head, op->submit.spec, args);
    }
    head.flags |= JOB_HAS_ROW;
    if (head.state == JOB_SCHEDULED) {
        head.due_ms = op->submit.due_ms;
        head.delay_ms = op->submit.delay_ms;
    }
    lane->rows++;
    int error = job_put(s, &head, op->submit.spec, args);
    return error ? error : place_enter(s, lane, &head, 0);
}

/* *ret_new false: its key was taken, and nothing was written. */
static int submit_one(struct store *s, struct op *op, struct lane *lane, struct columns *col,
                      uint32_t index, bool *ret_new)
{
    uint64_t id = id_at(op, index);
    struct slice args = next_of(col->arg_lengths, col->args, index, &col->arg_at);
    struct slice key = SLICE_EMPTY;
    *ret_new = true;
    if (col->key_lengths.len)
        key = next_of(col->key_lengths, col->keys, index, &col->key_at);
    if (key.len) {
        uint8_t *outcome = &op->submit.outcomes[index];
        int error = key_claim(s, lane->queue_name, key, body_hash(lane, args), id, outcome,
                              &op->submit.ids[index]);
        *ret_new = *outcome == SUBMIT_NEW;
        if (error || !*ret_new)
            return error;
    }
    return put_one(s, op, lane, id, key.len > 0, args);
}

/* Where all are new there is nothing to tell: outcomes and ids stay NULL. */
static int submit_rows(struct store *s, struct batch *b, struct op *op, struct lane *lane,
                       struct columns *col, uint64_t *ret_new)
{
    uint32_t count = op->submit.count;
    if (col->key_lengths.len) {
        op->submit.outcomes = batch_alloc(b, count);
        op->submit.ids = batch_alloc(b, count * sizeof(uint64_t));
        if (!op->submit.outcomes || !op->submit.ids)
            return store_nomem(s);
        for (uint32_t i = 0; i < count; i++)
            op->submit.ids[i] = id_at(op, i);
    }
    int error = lane_touch(s, lane);
    *ret_new = 0;
    for (uint32_t i = 0; i < count && !error; i++) {
        bool is_new;
        error = submit_one(s, op, lane, col, i, &is_new);
        *ret_new += is_new;
    }
    if (*ret_new == count)
        op->submit.outcomes = NULL, op->submit.ids = NULL;
    return error;
}

/* Queues that take more than their share of the space for parked jobs are closed until there is
 * room. */
static bool parked_full(const struct store *s, const struct queue *queue)
{
    uint64_t share = s->options.parked_bytes / (s->queues_with_parked ? s->queues_with_parked : 1);
    return s->parked_full && queue->record.parked_bytes >= share;
}

/* A verdict is on one job, which nothing else can refuse. */
static bool verdict_fits(const struct op *op)
{
    return !op->submit.verdict || (op->submit.count == 1 && op->submit.flags & JOB_SCHEDULE &&
                                   !op->submit.key_lengths.len);
}

/* Why nothing of this SUBMIT may happen, or 0. */
static int refusal(const struct store *s, const struct op *op, const struct lane *lane)
{
    uint32_t count = op->submit.count;
    bool fits = column_fits(op->submit.arg_lengths, op->submit.args, count) &&
                op->submit.priority < PRIORITY_COUNT && verdict_fits(op) &&
                (op->submit.state == JOB_READY || op->submit.state == JOB_SCHEDULED);
    if (fits && op->submit.key_lengths.len)
        fits = column_fits(op->submit.key_lengths, op->submit.keys, count);
    for (uint32_t i = 0; fits && op->submit.key_lengths.len && i < count; i++)
        fits = slice_u32_at(op->submit.key_lengths, i) <= KEY_MAX_BYTES;
    if (!fits)
        return MUSTER_EINVAL;
    if (s->refuse)
        return s->refuse;
    return parked_full(s, lane->queue) ? MUSTER_EPARKED_FULL : 0;
}

static int carry_out(struct store *s, struct batch *b, struct op *op, struct lane *lane)
{
    struct columns col = {.arg_lengths = op->submit.arg_lengths,
                          .args = op->submit.args,
                          .key_lengths = op->submit.key_lengths,
                          .keys = op->submit.keys};
    bool plain =
        op->submit.state == JOB_READY && !col.key_lengths.len && !(op->submit.flags & JOB_SCHEDULE);
    uint64_t fresh = op->submit.count;
    int error = queue_touch(s, lane->queue);
    if (!error && plain)
        error = lane_use_priority(s, lane, op->submit.priority);
    if (!error)
        error = plain ? submit_plain(s, op, lane, &col) : submit_rows(s, b, op, lane, &col, &fresh);
    lane->queue->record.counters.submitted += fresh;
    if (plain)
        lane->queue->record.counters.ready += fresh;
    return error;
}

int op_submit(struct store *s, struct batch *b, struct op *op)
{
    struct client *client = NULL;
    int error = 0;
    op->submit.outcomes = NULL;
    op->submit.ids = NULL;
    if (op->submit.number) {
        error = client_row_find(s, op->submit.session, &client);
        if (!error)
            error = seen_before(s, b, op, client);
    }
    if (error || op->result)
        return error;
    struct lane *lane = lane_row_find(s, op->submit.lane);
    if (!lane)
        return store_misuse(s, "a SUBMIT names a lane that is not there", op->submit.lane);
    op->result = refusal(s, op, lane);
    if (op->result)
        return 0;
    if (op->submit.verdict)
        error = verdict_carry_out(s, op->submit.verdict, &op->result);
    if (error || op->result)
        return error;
    error = carry_out(s, b, op, lane);
    if (!error && client)
        error = note_number(s, op, client);
    return error;
}
