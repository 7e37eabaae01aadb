/* verify_job.c: the rows that belong to jobs. Each reference is followed once, from the smaller
 * table: a plain job in its lane refers to nothing but the lane. */
#include "store/history.h"
#include "store/keys.h"
#include "store/verify.h"

void verify_saw_id(struct verify *v, uint64_t id)
{
    if (id > v->id_seen)
        v->id_seen = id;
}

int verify_look_up(struct verify *v, enum table table, struct slice key, struct dec *ret,
                   bool *ret_good)
{
    struct slice value;
    int error = engine_get(v->engine, table, key, &value);
    *ret_good = !error && frame_open(table, key, value, ret);
    return error == MUSTER_ENOTFOUND ? 0 : error;
}

static int look_up_job(struct verify *v, uint64_t id, struct record *ret, bool *ret_good)
{
    struct key k;
    struct dec d;
    int error = verify_look_up(v, TABLE_JOB, key_u64(&k, id), &d, ret_good);
    if (*ret_good)
        *ret_good = job_decode(&d, ret);
    return error;
}

static struct lane_tally *lane_of(struct verify *v, enum table table, struct slice key,
                                  uint32_t number)
{
    struct lane_tally *lane = idmap_get(&v->lanes, number);
    if (!lane)
        verify_problem(v, table, key, "it names lane %u, which is not there", (unsigned)number);
    return lane;
}

static int check_reference(struct verify *v, struct slice key, uint64_t id)
{
    struct record job;
    bool good;
    int error = look_up_job(v, id, &job, &good);
    if (error)
        return error;
    const struct job_head *h = &job.head;
    if (!good)
        verify_problem(v, TABLE_READY, key, "it refers to a job that is not there");
    else if (h->state != JOB_READY || h->lane != key_u32_at(key, 0) || h->priority != key.data[4] ||
             h->seq != key_u64_at(key, 5))
        verify_problem(v, TABLE_READY, key, "the job that it refers to waits elsewhere");
    return 0;
}

int verify_ready(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct record r;
    int error = 0;
    if (key.len != KEY_READY_BYTES || key.data[4] >= PRIORITY_COUNT) {
        verify_problem(v, TABLE_READY, key, "its key is none of this table");
        return 0;
    }
    bool good = frame_open(TABLE_READY, key, value, &d);
    if (good && row_kind(value) == ROW_REF) {
        dec_u8(&d);
        uint64_t id = dec_u64(&d);
        good = !d.bad;
        error = good ? check_reference(v, key, id) : 0;
    } else if (good) {
        good = job_decode(&d, &r) && r.head.lane == key_u32_at(key, 0) &&
               r.head.priority == key.data[4] && r.head.seq == key_u64_at(key, 5) &&
               r.head.state == JOB_READY;
        verify_saw_id(v, good ? r.head.id : 0);
        if (good && r.head.flags & JOB_SCHEDULE)
            verify_problem(v, TABLE_READY, key, "a run of a schedule that has no row by id");
    }
    if (!good)
        return verify_damaged(v, TABLE_READY, key);
    v->ready++;
    verify_saw_id(v, key_u64_at(key, 5));
    struct lane_tally *lane = lane_of(v, TABLE_READY, key, key_u32_at(key, 0));
    if (lane) {
        lane->priorities_seen |= (uint16_t)(1u << key.data[4]);
        lane->queue->ready++;
    }
    return error;
}

/* The row of the index that a job's state asks for. */
static int check_place(struct verify *v, struct slice key, const struct job_head *h)
{
    struct key k;
    struct dec d;
    bool good, waits;
    struct slice at = key_ready(&k, h->lane, h->priority, h->seq), value;
    int error = engine_get(v->engine, TABLE_READY, at, &value);
    waits = !error;
    if (error && error != MUSTER_ENOTFOUND)
        return error;
    if (waits != (h->state == JOB_READY) || (waits && row_kind(value) != ROW_REF)) {
        verify_problem(v, TABLE_JOB, key, "its lane says otherwise than its state");
        return 0;
    }
    if (h->state == JOB_SCHEDULED)
        error = verify_look_up(v, TABLE_DUE, key_pair(&k, h->due_ms, h->id), &d, &good);
    else if (h->state == JOB_PARKED)
        error = verify_look_up(v, TABLE_PARKED, key_u64(&k, h->id), &d, &good);
    else
        return 0;
    if (!error && !good)
        verify_problem(v, TABLE_JOB, key, "it is %s, and not in that list",
                       job_state_name((enum job_state)h->state));
    return error;
}

int verify_job(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct record r;
    const struct job_head *h = &r.head;
    if (key.len != 8 || !frame_open(TABLE_JOB, key, value, &d) || !job_decode(&d, &r) ||
        h->id != key_u64_at(key, 0))
        return verify_damaged(v, TABLE_JOB, key);
    if (h->state != JOB_READY && h->state != JOB_SCHEDULED && h->state != JOB_PARKED) {
        verify_problem(v, TABLE_JOB, key, "a job that is %s cannot be here",
                       job_state_name((enum job_state)h->state));
        return 0;
    }
    verify_saw_id(v, h->id);
    verify_saw_id(v, h->seq);
    struct lane_tally *lane = lane_of(v, TABLE_JOB, key, h->lane);
    if (!lane)
        return 0;
    lane->rows_seen++;
    lane->queue->scheduled += h->state == JOB_SCHEDULED;
    lane->queue->parked += h->state == JOB_PARKED;
    v->scheduled += h->state == JOB_SCHEDULED;
    v->parked += h->state == JOB_PARKED;
    return check_place(v, key, h);
}

int verify_due(struct verify *v, struct slice key, struct slice value)
{
    struct dec d;
    struct record r;
    bool good;
    if (key.len != 16 || !frame_open(TABLE_DUE, key, value, &d))
        return verify_damaged(v, TABLE_DUE, key);
    int error = look_up_job(v, key_u64_at(key, 8), &r, &good);
    if (!error && (!good || r.head.state != JOB_SCHEDULED || r.head.due_ms != key_u64_at(key, 0)))
        verify_problem(v, TABLE_DUE, key, "no job is due then");
    return error;
}

int verify_parked(struct verify *v, struct slice key, struct slice value)
{
    struct key k;
    struct dec d, listed;
    struct record r;
    struct parked_record p;
    bool good = false;
    if (key.len != 8 || !frame_open(TABLE_PARKED, key, value, &d) || !parked_decode(&d, &p))
        return verify_damaged(v, TABLE_PARKED, key);
    uint64_t id = key_u64_at(key, 0);
    int error = look_up_job(v, id, &r, &good);
    if (error)
        return error;
    if (!good || r.head.state != JOB_PARKED || r.head.lane != p.lane)
        verify_problem(v, TABLE_PARKED, key, "no such job is parked");
    struct lane_tally *lane = lane_of(v, TABLE_PARKED, key, p.lane);
    if (lane)
        lane->queue->parked_bytes += p.bytes;
    error = verify_look_up(v, TABLE_PARKED_AT, key_pair(&k, p.at_ms, id), &listed, &good);
    if (!error && !good)
        verify_problem(v, TABLE_PARKED, key, "it is not in the list by time");
    return error;
}

int verify_parked_at(struct verify *v, struct slice key, struct slice value)
{
    struct key k;
    struct dec d;
    struct parked_record p;
    bool good;
    if (key.len != 16 || !frame_open(TABLE_PARKED_AT, key, value, &d))
        return verify_damaged(v, TABLE_PARKED_AT, key);
    int error = verify_look_up(v, TABLE_PARKED, key_u64(&k, key_u64_at(key, 8)), &d, &good);
    if (!error && !(good && parked_decode(&d, &p) && p.at_ms == key_u64_at(key, 0)))
        verify_problem(v, TABLE_PARKED_AT, key, "no job was parked then");
    return error;
}

int verify_attempt(struct verify *v, struct slice key, struct slice value)
{
    struct key k;
    struct dec d;
    struct attempt a;
    struct slice job;
    if (key.len != 16 || !frame_open(TABLE_ATTEMPT, key, value, &d) || !attempt_decode(&d, &a) ||
        a.number != key_u64_at(key, 8))
        return verify_damaged(v, TABLE_ATTEMPT, key);
    int error = engine_get(v->engine, TABLE_JOB, key_u64(&k, key_u64_at(key, 0)), &job);
    if (error == MUSTER_ENOTFOUND)
        verify_problem(v, TABLE_ATTEMPT, key, "its job is not there");
    return error == MUSTER_ENOTFOUND ? 0 : error;
}

int verify_history(struct verify *v, struct slice key, struct slice value)
{
    struct key k;
    struct dec d;
    struct slice ids, job;
    if (key.len != 8 || !frame_open(TABLE_HISTORY, key, value, &d) || !history_row_good(d, &ids))
        return verify_damaged(v, TABLE_HISTORY, key);
    for (uint32_t i = 0; i < ids.len / 8; i++) {
        uint64_t id = slice_u64_at(ids, i);
        int error = engine_get(v->engine, TABLE_JOB, key_u64(&k, id), &job);
        if (!error)
            verify_problem(v, TABLE_HISTORY, key, "job %016llx of it has not ended",
                           (unsigned long long)id);
        else if (error != MUSTER_ENOTFOUND)
            return error;
        verify_saw_id(v, id);
        v->finished++;
    }
    return 0;
}
