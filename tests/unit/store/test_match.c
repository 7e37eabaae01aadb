/* test_match.c: what waits, by filter, in slices: each job once, however the walk is cut, and also
 * those that get a row by id on the way. */
#include <stdio.h>

#include "fixture.h"

#define MOST 64

struct walk {
    const char *queue, *kind;
    uint64_t upto;
    uint32_t limit;
    struct match_at at;
    bool more;
    uint64_t ids[MOST];
    uint32_t count;
};

static void step(struct fixture *fx, struct walk *w)
{
    struct op *op = fx_op(fx, OP_MATCH);
    op->match.queue = slice_str(w->queue);
    op->match.kind = slice_str(w->kind);
    op->match.upto = w->upto;
    op->match.limit = w->limit;
    op->match.from = w->at;
    fx_commit(fx);
    assert_true(op->match.count <= w->limit);
    for (uint32_t i = 0; i < op->match.count && w->count < MOST; i++) {
        const struct job_head *head = &op->match.records[i].head;
        assert_true(head->state == JOB_READY || head->state == JOB_SCHEDULED);
        w->ids[w->count++] = head->id;
    }
    w->at = op->match.at;
    w->more = op->match.more;
    blob_unref(op->match.page);
}

static void walk(struct fixture *fx, struct walk *w)
{
    int steps = 0;
    do {
        step(fx, w);
        assert_true(++steps < 100);
    } while (w->more);
}

static void expect(struct fixture *fx, const char *queue, const char *kind, uint32_t limit,
                   const uint64_t *ids, uint32_t count)
{
    struct walk w = {.queue = queue, .kind = kind, .upto = fx->id, .limit = limit};
    walk(fx, &w);
    assert_int_equal(w.count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(w.ids[i], ids[i]);
}

static void set(struct fixture *fx, uint64_t id, uint32_t lane, uint8_t state, uint64_t seq)
{
    struct job_head head = {.id = id,
                            .seq = seq,
                            .created_ms = fx->wall_ms,
                            .due_ms = fx->wall_ms,
                            .lane = lane,
                            .run = 2,
                            .priority = PRIORITY_DEFAULT,
                            .state = state};
    fx_update(fx, &head);
    fx_commit(fx);
}

struct mix {
    uint64_t urgent, plain[3], other, scheduled, retried, parked;
};

static struct mix make_mix(struct fixture *fx)
{
    struct mix m;
    fx_lane(fx, 1, "q", "mail");
    fx_lane(fx, 2, "q", "scan");
    fx_lane(fx, 7, "r", "mail");
    m.plain[0] = fx_submit(fx, 1, 2, "p")->submit.first_id;
    m.plain[1] = m.plain[0] + 256;
    struct op *op = fx_submit(fx, 1, 1, "u");
    op->submit.priority = 0;
    m.urgent = op->submit.first_id;
    m.plain[2] = fx_submit(fx, 2, 1, "s")->submit.first_id;
    m.other = fx_submit(fx, 7, 1, "o")->submit.first_id;
    m.scheduled = fx_submit(fx, 1, 1, "w")->submit.first_id;
    m.retried = fx_submit(fx, 1, 1, "r")->submit.first_id;
    m.parked = fx_submit(fx, 1, 1, "k")->submit.first_id;
    uint64_t done = fx_submit(fx, 1, 1, "d")->submit.first_id;
    fx_commit(fx);
    set(fx, m.scheduled, 1, JOB_SCHEDULED, m.scheduled);
    set(fx, m.retried, 1, JOB_READY, fx_draw(fx, 1));
    set(fx, m.parked, 1, JOB_PARKED, m.parked);
    fx_end(fx, done, 1, JOB_COMPLETED);
    fx_commit(fx);
    return m;
}

static void each_job_comes_once(void **state)
{
    struct fixture *fx = *state;
    struct mix m = make_mix(fx);
    uint64_t all[] = {m.urgent, m.plain[0],  m.plain[1], m.plain[2],
                      m.other,  m.scheduled, m.retried};
    uint64_t in_q[] = {m.urgent, m.plain[0], m.plain[1], m.plain[2], m.scheduled, m.retried};
    uint64_t mails[] = {m.urgent, m.plain[0], m.plain[1], m.other, m.scheduled, m.retried};
    for (uint32_t limit = 1; limit < 9; limit++) {
        expect(fx, NULL, NULL, limit, all, 7);
        expect(fx, "q", NULL, limit, in_q, 6);
        expect(fx, NULL, "mail", limit, mails, 6);
        expect(fx, "q", "scan", limit, &m.plain[2], 1);
        expect(fx, "r", "scan", limit, NULL, 0);
        expect(fx, "none", NULL, limit, NULL, 0);
        if (limit == 4)
            fx_reopen(fx);
    }
}

static void later_ones_are_left_out(void **state)
{
    struct fixture *fx = *state;
    struct mix m = make_mix(fx);
    struct walk w = {.upto = m.plain[1], .limit = 10};
    walk(fx, &w);
    assert_int_equal(w.count, 2);
    assert_int_equal(w.ids[1], m.plain[1]);
    /* By id, and not by the sequence number that it drew later. */
    w = (struct walk){.upto = m.retried, .limit = 10, .at = {.by_id = true}};
    walk(fx, &w);
    assert_int_equal(w.count, 2);
    assert_int_equal(w.ids[1], m.retried);
}

/* A plain job that the walk has not reached fails once meanwhile: it has a row by id now, with
 * another place, and is found there. One that it has passed is not shown twice. */
static void a_job_that_moves_is_not_missed(void **state)
{
    struct fixture *fx = *state;
    struct mix m = make_mix(fx);
    struct walk w = {.upto = fx->id, .limit = 1};
    step(fx, &w);
    assert_int_equal(w.ids[0], m.urgent);
    fx_end(fx, m.urgent, 1, JOB_CANCELLED)->priority = 0;
    set(fx, m.plain[1], 1, JOB_SCHEDULED, m.plain[1]);
    walk(fx, &w);
    uint64_t wanted[] = {m.urgent,   m.plain[0],  m.plain[2], m.other,
                         m.plain[1], m.scheduled, m.retried};
    assert_int_equal(w.count, 7);
    for (int i = 0; i < 7; i++)
        assert_int_equal(w.ids[i], wanted[i]);
}

/* Any place may be asked for. */
static void odd_places_end_well(void **state)
{
    struct fixture *fx = *state;
    make_mix(fx);
    struct match_at odd[] = {{.lane = UINT32_MAX},
                             {.lane = 1, .priority = 200},
                             {.lane = 1, .priority = 5, .seq = UINT64_MAX},
                             {.by_id = true, .seq = UINT64_MAX},
                             {.lane = 3, .priority = 9, .seq = 5}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct walk w = {.upto = UINT64_MAX, .limit = 3, .at = odd[i]};
        walk(fx, &w);
    }
}

/* A filter that fits nothing looks at a bounded number of rows a call, and gets through. */
static void work_is_bounded(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "q", "mail");
    fx_lane(fx, 2, "q", "rare");
    uint32_t calls = 0;
    const char *key[512];
    char texts[512][16];
    for (uint32_t n = 0; n < 50; n++) { /* references are passed over in the first half */
        for (uint32_t i = 0; i < 512; i++) {
            snprintf(texts[i], sizeof texts[i], "k%u", n * 512 + i);
            key[i] = texts[i];
        }
        fx_keys(fx, fx_submit(fx, 1, 512, ""), key);
        fx_commit(fx);
    }
    uint64_t rare = fx_submit(fx, 2, 1, "x")->submit.first_id;
    fx_commit(fx);
    struct walk w = {.kind = "rare", .upto = fx->id, .limit = 10};
    do {
        step(fx, &w);
        calls++;
    } while (w.more);
    assert_int_equal(w.count, 1);
    assert_int_equal(w.ids[0], rare);
    assert_in_range(calls, 2, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(each_job_comes_once),
        BOTH(later_ones_are_left_out),
        BOTH(a_job_that_moves_is_not_missed),
        BOTH(odd_places_end_well),
        BOTH(work_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
