/* test_list.c: jobs by rising id from everywhere at once, with filters and pages. */
#include <stdio.h>

#include "fixture.h"

struct mix {
    uint64_t plain, low, other, scheduled, parked, retried, done;
};

static void change(struct fixture *fx, uint64_t id, uint8_t state, uint64_t seq)
{
    struct job_head head = {.id = id,
                            .seq = seq,
                            .created_ms = fx->wall_ms,
                            .due_ms = fx->wall_ms,
                            .lane = 1,
                            .run = 2,
                            .priority = PRIORITY_DEFAULT,
                            .state = state};
    fx_update(fx, &head);
}

/* One job of each sort, by rising id as in struct mix. */
static struct mix make_mix(struct fixture *fx)
{
    struct mix m;
    fx_lane(fx, 1, "default", "mail");
    fx_lane(fx, 2, "other", "mail");
    m.plain = fx_submit(fx, 1, 1, "p")->submit.first_id;
    struct op *op = fx_submit(fx, 1, 1, "l");
    op->submit.priority = 0;
    m.low = op->submit.first_id;
    m.other = fx_submit(fx, 2, 1, "o")->submit.first_id;
    m.scheduled = fx_submit(fx, 1, 1, "s")->submit.first_id;
    m.parked = fx_submit(fx, 1, 1, "k")->submit.first_id;
    m.retried = fx_submit(fx, 1, 1, "r")->submit.first_id;
    m.done = fx_submit(fx, 1, 1, "d")->submit.first_id;
    change(fx, m.scheduled, JOB_SCHEDULED, m.scheduled);
    change(fx, m.parked, JOB_PARKED, m.parked);
    change(fx, m.retried, JOB_READY, fx_draw(fx, 1));
    fx_end(fx, m.done, 1, JOB_COMPLETED);
    fx_commit(fx);
    return m;
}

static void expect(struct fixture *fx, int state, const char *queue, const char *kind,
                   const uint64_t *ids, uint32_t count)
{
    struct op op = fx_list(fx, state, queue, kind, 0, 100);
    assert_int_equal(op.list.count, count);
    assert_false(op.list.more);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(op.list.views[i].id, ids[i]);
    blob_unref(op.list.page);
}

static void everything_is_listed_by_id(void **state)
{
    struct fixture *fx = *state;
    struct mix m = make_mix(fx);
    fx_reopen(fx);
    expect(fx, -1, NULL, NULL, (uint64_t *)&m, 7);
    expect(fx, JOB_READY, NULL, NULL, (uint64_t[]){m.plain, m.low, m.other, m.retried}, 4);
    expect(fx, JOB_RUNNING, NULL, NULL, (uint64_t[]){m.plain, m.low, m.other, m.retried}, 4);
    expect(fx, JOB_SCHEDULED, NULL, NULL, &m.scheduled, 1);
    expect(fx, JOB_PARKED, NULL, NULL, &m.parked, 1);
    expect(fx, JOB_COMPLETED, NULL, NULL, &m.done, 1);
    expect(fx, JOB_CANCELLED, NULL, NULL, NULL, 0);
    expect(fx, -1, "other", NULL, &m.other, 1);
    expect(fx, -1, "default", "nothing", NULL, 0);
    expect(fx, JOB_PARKED, "other", NULL, NULL, 0);
    expect(fx, -1, NULL, "mail", (uint64_t *)&m, 7);
}

static void pages_follow_each_other(void **state)
{
    struct fixture *fx = *state;
    struct mix m = make_mix(fx);
    const uint64_t *ids = (const uint64_t *)&m;
    uint64_t after = 0;
    for (uint32_t at = 0; at < 7; at += 3) {
        struct op op = fx_list(fx, -1, NULL, NULL, after, 3);
        assert_int_equal(op.list.count, at < 6 ? 3 : 1);
        for (uint32_t i = 0; i < op.list.count; i++)
            assert_int_equal(op.list.views[i].id, ids[at + i]);
        assert_int_equal(op.list.more, at < 6);
        after = op.list.last;
        blob_unref(op.list.page);
    }
}

static void views_are_whole(void **state)
{
    struct fixture *fx = *state;
    struct mix m = make_mix(fx);
    struct op op = fx_list(fx, -1, NULL, NULL, m.other, 1);
    const struct job_view *v = op.list.views;
    assert_int_equal(v->id, m.scheduled);
    assert_true(text_is(v->args, "s0"));
    assert_true(text_is(v->queue, "default"));
    assert_true(text_is(v->kind, "mail"));
    assert_int_equal(v->head.run, 2);
    blob_unref(op.list.page);
}

/* A filter that fits nothing looks at a bounded number of rows a call, and gets through. */
static void work_is_bounded(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    fx_lane(fx, 2, "default", "rare");
    for (int i = 0; i < 50; i++) {
        uint64_t first = fx_submit(fx, 1, 1000, "")->submit.first_id;
        for (uint64_t n = 0; n < 1000; n++)
            fx_end(fx, first + n * 256, 1, JOB_COMPLETED);
        fx_commit(fx);
    }
    uint64_t rare = fx_submit(fx, 2, 1, "x")->submit.first_id;
    fx_end(fx, rare, 2, JOB_COMPLETED);
    fx_commit(fx);
    uint64_t after = 0, found = 0;
    int calls = 0;
    for (bool more = true; more; calls++) {
        struct op op = fx_list(fx, -1, "default", "rare", after, 10);
        found += op.list.count;
        assert_true(op.list.last > after || !op.list.more);
        after = op.list.last;
        more = op.list.more;
        blob_unref(op.list.page);
    }
    assert_int_equal(found, 1);
    assert_in_range(calls, 3, 4);
}

/* References in a lane are passed over without an end, and nothing behind them is missed. */
static void references_are_passed(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t first = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t ids = fx_submit(fx, 1, 500, "")->submit.first_id;
        first = first ? first : ids;
        fx_commit(fx);
        for (uint64_t n = 0; n < 500; n++)
            change(fx, ids + n * 256, JOB_READY, fx_draw(fx, 1));
        fx_commit(fx);
    }
    uint64_t last = fx_submit(fx, 1, 1, "z")->submit.first_id;
    fx_commit(fx);
    uint64_t after = 0, count = 0, seen = 0;
    for (bool more = true; more;) {
        struct op op = fx_list(fx, JOB_READY, NULL, NULL, after, 400);
        for (uint32_t i = 0; i < op.list.count; i++) {
            assert_true(op.list.views[i].id > seen);
            seen = op.list.views[i].id;
        }
        count += op.list.count;
        after = op.list.last;
        more = op.list.more;
        blob_unref(op.list.page);
    }
    assert_int_equal(count, 1501);
    assert_int_equal(seen, last);
}

/* More references than a call looks at, and nothing else: each call still gets on. */
static void references_alone_do_not_hold_a_list(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    for (int i = 0; i < 21; i++) {
        uint64_t ids = fx_submit(fx, 1, 1000, "")->submit.first_id;
        fx_commit(fx);
        for (uint64_t n = 0; n < 1000; n++)
            change(fx, ids + n * 256, JOB_READY, fx_draw(fx, 1) + 21000 * 512);
        fx_commit(fx);
    }
    uint64_t after = fx->id; /* beyond all ids, before all sequence numbers */
    int calls = 0;
    for (bool more = true; more; calls++) {
        struct op op = fx_list(fx, -1, NULL, NULL, after, 10);
        assert_int_equal(op.list.count, 0);
        assert_true(op.list.last > after || !op.list.more);
        after = op.list.last;
        more = op.list.more;
        blob_unref(op.list.page);
    }
    assert_in_range(calls, 2, 3);
}

static void probes_find_plain_jobs(void **state)
{
    struct fixture *fx = *state;
    struct mix m = make_mix(fx);
    const uint64_t *ids = (const uint64_t *)&m;
    const uint8_t states[] = {JOB_READY,  JOB_READY, JOB_READY,    JOB_SCHEDULED,
                              JOB_PARKED, JOB_READY, JOB_COMPLETED};
    for (int i = 0; i < 7; i++) {
        struct op show = fx_jobs(fx, ids[i]);
        assert_int_equal(show.jobs.views[0].error, 0);
        assert_int_equal(show.jobs.views[0].id, ids[i]);
        assert_int_equal(show.jobs.views[0].head.state, states[i]);
        blob_unref(show.jobs.page);
    }
}

/* In any order, some twice, some that there never were, and some whose place is another job's. */
static void many_are_shown_at_once(void **state)
{
    enum { LANES = 40, EACH = 5, JOBS = LANES * EACH, ASKED = 3 * JOBS };
    struct fixture *fx = *state;
    struct mix m = make_mix(fx);
    uint64_t jobs[JOBS], ids[ASKED];
    for (uint32_t lane = 0; lane < LANES; lane++) {
        char kind[16];
        snprintf(kind, sizeof(kind), "k%u", lane);
        fx_lane(fx, 10 + lane, "many", kind);
    }
    for (uint32_t i = 0; i < JOBS; i++) { /* neighbours lie in different lanes */
        struct op *op = fx_submit(fx, 10 + i % LANES, 1, "x");
        op->submit.priority = (uint8_t)(i % 3);
        jobs[i] = op->submit.first_id;
    }
    fx_commit(fx);
    for (uint32_t i = 0; i < ASKED; i++)
        ids[i] = i % 3 == 2 ? m.plain + 1 + i : jobs[i * 7 % JOBS];
    ids[0] = m.done, ids[1] = m.retried, ids[4] = m.parked, ids[6] = UINT64_MAX, ids[7] = m.low;
    struct op *op = fx_op(fx, OP_JOBS);
    op->jobs.ids = ids;
    op->jobs.count = ASKED;
    op->jobs.lane_probe = true;
    fx_commit(fx);
    for (uint32_t i = 0; i < ASKED; i++) {
        const struct job_view *v = &op->jobs.views[i];
        bool known = i % 3 != 2 && ids[i] != UINT64_MAX;
        assert_int_equal(v->id, ids[i]);
        assert_int_equal(v->error, known                  ? 0
                                   : ids[i] == UINT64_MAX ? MUSTER_ENOTFOUND
                                                          : MUSTER_EGONE);
        if (known)
            assert_int_equal(v->head.id, ids[i]);
        if (known && i > 7)
            assert_true(text_is(v->args, "x0"));
    }
    blob_unref(op->jobs.page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(everything_is_listed_by_id),
        BOTH(pages_follow_each_other),
        BOTH(views_are_whole),
        BOTH(work_is_bounded),
        BOTH(references_are_passed),
        BOTH(probes_find_plain_jobs),
        BOTH(many_are_shown_at_once),
        BOTH(references_alone_do_not_hold_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
