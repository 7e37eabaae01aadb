/* test_random.c: random batches, full disks and restarts against a model that is too simple to be
 * wrong. After each batch everything that can be read is compared. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"

#define LANES   3
#define JOBS    20000
#define BATCHES 250
#define KEYS    25

struct mjob {
    struct job_head head;
    bool there, finished;
    uint8_t ended;
};

struct model {
    struct fixture *fx;
    struct rng rng;
    struct mjob *jobs; /* by rising id */
    uint32_t count;
    uint64_t keys[KEYS]; /* id that holds it; 0: free */
    struct queue_counters counters;
    struct { /* what each submit of the batch asked for, by its place in the batch */
        char keys[8][8];
    } asked[16];
};

static struct mjob *find(struct model *m, uint64_t id)
{
    for (uint32_t i = m->count; i-- > 0;)
        if (m->jobs[i].head.id == id)
            return &m->jobs[i];
    return NULL;
}

static uint64_t *gauge(struct model *m, uint8_t state)
{
    return state == JOB_READY       ? &m->counters.ready
           : state == JOB_SCHEDULED ? &m->counters.scheduled
                                    : &m->counters.parked;
}

/* ---- filling a batch ---- */

static void add_submit(struct model *m)
{
    struct fixture *fx = m->fx;
    uint32_t place = fx->b->number ? 0 : fx->b->op_count;
    uint32_t count = 1 + (uint32_t)rng_below(&m->rng, 5);
    struct op *op = fx_submit(fx, 1 + (uint32_t)rng_below(&m->rng, LANES), count, "x");
    op->submit.priority = (uint8_t)rng_below(&m->rng, 3);
    if (rng_below(&m->rng, 4) == 0) {
        op->submit.state = JOB_SCHEDULED;
        op->submit.due_ms = fx->wall_ms + rng_below(&m->rng, 5) * 1000;
    }
    if (rng_below(&m->rng, 3) == 0) {
        const char *keys[8];
        for (uint32_t i = 0; i < count; i++) {
            snprintf(m->asked[place].keys[i], 8, "%u", (unsigned)rng_below(&m->rng, KEYS));
            keys[i] = rng_below(&m->rng, 5) ? m->asked[place].keys[i] : "";
            if (!keys[i][0])
                m->asked[place].keys[i][0] = '\0';
        }
        fx_keys(fx, op, keys);
    }
}

static const struct mjob *some_job(struct model *m)
{
    uint32_t recent = m->count < 60 ? m->count : 60;
    return recent ? &m->jobs[m->count - 1 - rng_below(&m->rng, recent)] : NULL;
}

static void add_update(struct model *m)
{
    static const uint8_t states[] = {JOB_READY, JOB_SCHEDULED, JOB_PARKED, JOB_RUNNING};
    const struct mjob *j = some_job(m);
    if (!j)
        return;
    struct job_head head = j->head;
    static struct attempt a;
    a = (struct attempt){.number = head.attempts + 1, .run = head.run, .code = slice_str("c")};
    head.state = states[rng_below(&m->rng, 4)];
    head.run++;
    head.attempts++;
    head.due_ms = m->fx->wall_ms + rng_below(&m->rng, 5) * 1000;
    uint64_t old_seq = head.seq;
    if (head.state != JOB_SCHEDULED && rng_below(&m->rng, 2))
        head.seq = fx_draw(m->fx, 1);
    struct op *op = fx_update(m->fx, &head);
    op->update.old_seq = old_seq;
    op->update.cause = (uint8_t)rng_below(&m->rng, CAUSE_COUNT);
    op->update.attempt = &a;
    op->update.want = rng_below(&m->rng, 2);
}

static void add_end(struct model *m)
{
    static const uint8_t states[] = {JOB_COMPLETED, JOB_COMPLETED, JOB_CANCELLED, JOB_EXPIRED,
                                     JOB_STATE_COUNT};
    const struct mjob *j = some_job(m);
    if (!j)
        return;
    struct end_row *r = fx_end(m->fx, j->head.id, j->head.lane, states[rng_below(&m->rng, 5)]);
    r->seq = j->head.seq;
    r->priority = j->head.priority;
    r->run = j->head.run;
    r->flags = j->head.flags;
}

/* ---- what the batch did to the model ---- */

static void apply_submit(struct model *m, const struct op *op, uint32_t place)
{
    if (op->result) {
        assert_int_equal(op->result, MUSTER_ENOSPACE);
        return;
    }
    for (uint32_t i = 0; i < op->submit.count; i++) {
        uint64_t id = op->submit.first_id + i * 256ull;
        bool keyed = op->submit.key_lengths.len && m->asked[place].keys[i][0];
        uint8_t outcome = op->submit.outcomes ? op->submit.outcomes[i] : (uint8_t)SUBMIT_NEW;
        uint64_t *holder = keyed ? &m->keys[strtoul(m->asked[place].keys[i], NULL, 10)] : NULL;
        assert_int_equal(outcome != SUBMIT_NEW, holder && *holder);
        if (outcome != SUBMIT_NEW) {
            assert_int_equal(op->submit.ids[i], *holder);
            continue;
        }
        if (holder)
            *holder = id;
        bool row = keyed || op->submit.state == JOB_SCHEDULED;
        assert_true(m->count < JOBS);
        m->jobs[m->count++] = (struct mjob){
            .there = true,
            .head = {.id = id,
                     .seq = id,
                     .created_ms = op->submit.created_ms,
                     .due_ms = op->submit.due_ms,
                     .lane = op->submit.lane,
                     .run = 1,
                     .flags = (uint16_t)((keyed ? JOB_KEYED : 0) | (row ? JOB_HAS_ROW : 0)),
                     .priority = op->submit.priority,
                     .state = op->submit.state}};
        m->counters.submitted++;
        ++*gauge(m, op->submit.state);
    }
}

static void apply_update(struct model *m, const struct op *op)
{
    struct mjob *j = find(m, op->update.head.id);
    assert_int_equal(op->result, j->there ? 0 : MUSTER_ENOTFOUND);
    assert_int_equal(op->update.page != NULL, j->there && op->update.want);
    if (op->update.page)
        assert_int_equal(op->update.record->args.data[0], 'x');
    blob_unref(op->update.page);
    if (!j->there)
        return;
    uint8_t before = j->head.state;
    --*gauge(m, before);
    j->head = op->update.head;
    j->head.flags |= JOB_HAS_ROW;
    if (j->head.state == JOB_RUNNING)
        j->head.state = JOB_READY;
    ++*gauge(m, j->head.state);
    m->counters.failed += op->update.cause == CAUSE_FAILED;
    m->counters.lost += op->update.cause == CAUSE_LOST;
    m->counters.parked_total += j->head.state == JOB_PARKED && before != JOB_PARKED;
}

static void apply_end(struct model *m, const struct op *op)
{
    const struct end_row *r = op->end.rows;
    struct mjob *j = find(m, r->id);
    if (!j->there)
        return;
    --*gauge(m, j->head.state);
    j->there = false;
    j->finished = r->state != JOB_STATE_COUNT;
    j->ended = r->state;
    m->counters.completed += r->state == JOB_COMPLETED;
    m->counters.cancelled += r->state == JOB_CANCELLED;
    m->counters.expired += r->state == JOB_EXPIRED;
}

/* An update or end names the job as it was when the batch was filled: so each job once a batch. */
static bool named_twice(const struct batch *b, uint32_t place)
{
    const struct op *last = &b->ops[place];
    uint64_t id = last->type == OP_END ? last->end.rows[0].id : last->update.head.id;
    for (uint32_t o = 0; o < place; o++) {
        const struct op *op = &b->ops[o];
        if ((op->type == OP_END && op->end.rows[0].id == id) ||
            (op->type == OP_UPDATE && op->update.head.id == id))
            return true;
    }
    return false;
}

static void one_batch(struct model *m)
{
    struct fixture *fx = m->fx;
    fx_op(fx, OP_MARK)->mark.lane = 1;
    for (uint64_t n = 1 + rng_below(&m->rng, 12); n > 0; n--) {
        uint64_t what = rng_below(&m->rng, 10);
        if (what < 3) {
            add_submit(m);
            continue;
        }
        uint32_t before = fx->b->op_count;
        if (what < 7)
            add_update(m);
        else
            add_end(m);
        if (fx->b->op_count > before && named_twice(fx->b, before))
            fx->b->op_count = before;
    }
    if (rng_below(&m->rng, 5) == 0)
        engine_fault(fx->engine, rng_below(&m->rng, 2) ? FAULT_PUT : FAULT_COMMIT,
                     1 + (uint32_t)rng_below(&m->rng, 3), 1, MUSTER_ENOSPACE);
    fx_commit(fx);
    engine_fault(fx->engine, FAULT_PUT, 0, 0, 0);
    engine_fault(fx->engine, FAULT_COMMIT, 0, 0, 0);
    for (uint32_t o = 1; o < fx->b->op_count; o++) {
        const struct op *op = &fx->b->ops[o];
        if (op->type == OP_SUBMIT)
            apply_submit(m, op, o);
        else if (op->type == OP_UPDATE)
            apply_update(m, op);
        else
            apply_end(m, op);
    }
}

/* ---- comparing ---- */

static void compare_lists(struct model *m)
{
    uint64_t after = 0;
    uint32_t at = 0;
    for (bool more = true; more;) {
        struct op op = fx_list(m->fx, -1, NULL, NULL, after, 100);
        for (uint32_t i = 0; i < op.list.count; i++, at++) {
            while (at < m->count && !m->jobs[at].there && !m->jobs[at].finished)
                at++;
            const struct job_view *v = &op.list.views[i];
            const struct mjob *j = &m->jobs[at];
            assert_true(at < m->count);
            assert_int_equal(v->id, j->head.id);
            assert_int_equal(v->head.state, j->there ? j->head.state : j->ended);
            assert_int_equal(v->head.run, j->head.run);
        }
        after = op.list.last;
        more = op.list.more;
        blob_unref(op.list.page);
    }
    for (; at < m->count; at++)
        assert_false(m->jobs[at].there || m->jobs[at].finished);
}

static const struct mjob *next_ready(struct model *m, uint32_t lane, uint8_t priority,
                                     uint64_t after)
{
    const struct mjob *best = NULL;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct job_head *h = &m->jobs[i].head;
        if (m->jobs[i].there && h->state == JOB_READY && h->lane == lane &&
            h->priority == priority && h->seq > after && (!best || h->seq < best->head.seq))
            best = &m->jobs[i];
    }
    return best;
}

static void compare_pages(struct model *m)
{
    uint32_t lane = 1 + (uint32_t)rng_below(&m->rng, LANES);
    uint8_t priority = (uint8_t)rng_below(&m->rng, 3);
    uint64_t after = 0;
    for (bool end = false; !end;) {
        struct op op = fx_page(m->fx, lane, priority, after, 50);
        for (uint32_t i = 0; i < op.page.count; i++) {
            const struct mjob *j = next_ready(m, lane, priority, after);
            assert_non_null(j);
            assert_int_equal(op.page.records[i].head.id, j->head.id);
            assert_int_equal(op.page.records[i].head.flags, j->head.flags);
            after = j->head.seq;
        }
        end = op.page.end;
        blob_unref(op.page.page);
    }
    assert_null(next_ready(m, lane, priority, after));
}

static void compare_due(struct model *m)
{
    uint64_t scheduled = 0, before_ms = 0;
    struct op *op = fx_op(m->fx, OP_DUE);
    op->due.max_rows = JOBS;
    fx_commit(m->fx);
    for (uint32_t i = 0; i < op->due.count; i++) {
        const struct job_head *h = &op->due.records[i].head;
        assert_true(h->due_ms >= before_ms);
        before_ms = h->due_ms;
        assert_int_equal(find(m, h->id)->head.due_ms, h->due_ms);
        scheduled++;
    }
    assert_int_equal(scheduled, m->counters.scheduled);
    blob_unref(op->due.page);
}

static void compare(struct model *m)
{
    struct queue_counters c = fx_counters(m->fx, "default");
    assert_memory_equal(&c, &m->counters, sizeof(c));
    compare_lists(m);
    compare_pages(m);
    compare_due(m);
    uint64_t rows = 0, with_row = 0;
    for (uint32_t i = 0; i < m->count; i++)
        with_row += m->jobs[i].there && m->jobs[i].head.flags & JOB_HAS_ROW;
    size_t at = 0;
    for (struct lane *lane; (lane = idmap_next(&m->fx->store->lanes, &at, NULL)) != NULL;)
        rows += lane->rows;
    assert_int_equal(fx_rows(m->fx, TABLE_JOB), with_row);
    assert_int_equal(rows, with_row);
    assert_int_equal(fx_rows(m->fx, TABLE_READY), c.ready);
    assert_int_equal(fx_rows(m->fx, TABLE_PARKED), c.parked);
}

static void random_batches(void **state)
{
    struct model m = {.fx = *state, .rng = {11}};
    m.jobs = calloc(JOBS, sizeof(*m.jobs));
    for (uint32_t lane = 1; lane <= LANES; lane++)
        fx_lane(m.fx, lane, "default", lane == 1 ? "a" : lane == 2 ? "b" : "c");
    for (int n = 0; n < BATCHES; n++) {
        m.fx->wall_ms += rng_below(&m.rng, 1000);
        one_batch(&m);
        if (rng_below(&m.rng, 8) == 0)
            fx_reopen(m.fx);
        if (n % 5 == 0)
            compare(&m);
    }
    compare(&m);
    fx_verify(m.fx);
    assert_true(m.counters.completed > 50 && m.counters.parked_total > 20);
    free(m.jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {BOTH(random_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
