/* test_retain.c: parked jobs, keys and client sessions that are let go, or not yet. */
#include <stdio.h>

#include "fixture.h"

#define DAY_MS 86400000ull

static uint64_t park(struct fixture *fx, uint32_t lane, const char *args)
{
    struct op *op = fx_submit(fx, lane, 1, args);
    struct job_head head = {.id = op->submit.first_id,
                            .seq = op->submit.first_id,
                            .created_ms = fx->wall_ms,
                            .due_ms = fx->wall_ms,
                            .lane = lane,
                            .run = 2,
                            .failures = 1,
                            .attempts = 1,
                            .priority = PRIORITY_DEFAULT,
                            .state = JOB_PARKED};
    fx_commit(fx);
    static struct attempt a = {.number = 1, .run = 1, .outcome = ATTEMPT_FAILED};
    fx_update(fx, &head)->update.attempt = &a;
    fx_commit(fx);
    return head.id;
}

static void touch(struct fixture *fx) /* a commit that changes something */
{
    fx_submit(fx, 1, 1, "t");
    fx_commit(fx);
}

static void parked_jobs_go_by_age(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    uint64_t old = park(fx, 1, "a");
    fx->wall_ms += 100 * DAY_MS;
    uint64_t young = park(fx, 1, "b");
    fx->wall_ms += 81 * DAY_MS;
    fx_reopen(fx);
    fx_submit(fx, 1, 1, "t");
    fx_commit(fx);
    assert_int_equal(fx->b->trimmed_parked, 1);
    struct op show = fx_jobs(fx, old);
    assert_int_equal(show.jobs.views[0].error, MUSTER_EGONE);
    blob_unref(show.jobs.page);
    show = fx_jobs(fx, young);
    assert_int_equal(show.jobs.views[0].error, 0);
    blob_unref(show.jobs.page);
    struct queue_counters c = fx_counters(fx, "default");
    assert_int_equal(c.trimmed, 1);
    assert_int_equal(c.parked, 1);
    assert_int_equal(fx_rows(fx, TABLE_ATTEMPT), 1);
    assert_int_equal(fx_rows(fx, TABLE_PARKED), 1);
    assert_int_equal(fx_rows(fx, TABLE_PARKED_AT), 1);
}

static void parked_jobs_go_by_bytes_but_never_young(void **state)
{
    struct fixture *fx = *state;
    fx->options.parked_bytes = 1000;
    fx_reopen(fx);
    fx_lane(fx, 1, "default", "mail");
    fx_lane(fx, 2, "innocent", "mail");
    park(fx, 2, "x");
    char args[301];
    memset(args, 'a', sizeof(args));
    args[300] = '\0';
    for (int i = 0; i < 4; i++)
        park(fx, 1, args);
    assert_true(fx->store->parked_bytes > 1000);
    assert_int_equal(fx_counters(fx, "default").trimmed, 0);
    /* All are young: the queue that fills the space is closed, the other is not. */
    struct op *op = fx_submit(fx, 1, 1, "n");
    op = fx_submit(fx, 2, 1, "n");
    fx_commit(fx);
    assert_int_equal(fx->b->ops[0].result, MUSTER_EPARKED_FULL);
    assert_int_equal(op->result, 0);
    /* A week later the oldest make room. */
    fx->wall_ms += 8 * DAY_MS;
    op = fx_submit(fx, 2, 1, "n");
    fx_commit(fx);
    assert_true(fx->store->parked_bytes <= 1000);
    assert_int_equal(fx_counters(fx, "innocent").trimmed, 1);
    assert_true(fx_counters(fx, "default").trimmed > 0);
    op = fx_submit(fx, 1, 1, "n");
    fx_commit(fx);
    assert_int_equal(op->result, 0);
    fx_verify(fx);
}

static int keyed(struct fixture *fx, const char *key, uint64_t *ret_id)
{
    struct op *op = fx_submit(fx, 1, 1, "k");
    fx_keys(fx, op, (const char *const[]){key});
    fx_commit(fx);
    *ret_id = op->submit.first_id;
    return op->submit.outcomes ? op->submit.outcomes[0] : SUBMIT_NEW;
}

static void keys_live_as_long_as_their_job_and_a_day(void **state)
{
    struct fixture *fx = *state;
    uint64_t living, ended, again;
    fx_lane(fx, 1, "default", "mail");
    keyed(fx, "living", &living);
    keyed(fx, "ended", &ended);
    fx_end(fx, ended, 1, JOB_COMPLETED)->flags = JOB_HAS_ROW | JOB_KEYED;
    fx_commit(fx);
    assert_int_equal(keyed(fx, "ended", &again), SUBMIT_DUPLICATE);
    fx->wall_ms += DAY_MS + 1;
    touch(fx);
    touch(fx);
    assert_int_equal(fx_rows(fx, TABLE_KEY), 1);
    assert_int_equal(keyed(fx, "living", &again), SUBMIT_DUPLICATE);
    assert_int_equal(keyed(fx, "ended", &again), SUBMIT_NEW);
}

/* More keys than a slice, over and over: none is passed by, none goes too soon. */
static void keys_are_swept_in_slices(void **state)
{
    struct fixture *fx = *state;
    char key[16];
    uint64_t id;
    fx_lane(fx, 1, "default", "mail");
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "old%d", i);
        keyed(fx, key, &id);
        fx_end(fx, id, 1, JOB_COMPLETED)->flags = JOB_HAS_ROW | JOB_KEYED;
        fx_commit(fx);
    }
    fx->wall_ms += DAY_MS + 1;
    for (int i = 0; i < 5; i++) {
        snprintf(key, sizeof(key), "new%d", i);
        keyed(fx, key, &id);
    }
    for (int i = 0; i < 20; i++)
        touch(fx);
    assert_int_equal(fx_rows(fx, TABLE_KEY), 5);
}

static void sessions_go_a_day_after_their_last_use(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 1, "a");
    fx_session(op, 1, 1, 0);
    op = fx_submit(fx, 1, 1, "a");
    fx_session(op, 2, 1, 0);
    fx_commit(fx);
    fx->wall_ms += DAY_MS - 1000;
    op = fx_submit(fx, 1, 1, "a");
    fx_session(op, 2, 2, 1);
    fx_commit(fx);
    assert_int_equal(fx_rows(fx, TABLE_CLIENT), 2);
    fx_reopen(fx);
    assert_int_equal(fx->store->client_count, 2);
    fx->wall_ms += 2 * 3600000;
    touch(fx);
    assert_int_equal(fx_rows(fx, TABLE_CLIENT), 1);
    assert_int_equal(fx_rows(fx, TABLE_CLIENT_USE), 1);
    assert_int_equal(fx_rows(fx, TABLE_SUBMITTED), 1);
    assert_int_equal(fx->store->client_count, 1);
    fx->wall_ms += 2 * DAY_MS;
    touch(fx);
    assert_int_equal(fx_rows(fx, TABLE_CLIENT), 0);
}

static void asking_counts_as_use(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_submit(fx, 1, 1, "a");
    fx_session(op, 1, 1, 0);
    fx_commit(fx);
    for (int i = 0; i < 4; i++) {
        fx->wall_ms += DAY_MS / 2;
        op = fx_op(fx, OP_CLIENT);
        memset(op->client.session, 1, SESSION_ID_BYTES);
        fx_commit(fx);
        assert_int_equal(op->client.number_count, 1);
        touch(fx);
    }
    assert_int_equal(fx_rows(fx, TABLE_CLIENT_USE), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(parked_jobs_go_by_age),
        BOTH(parked_jobs_go_by_bytes_but_never_young),
        BOTH(keys_live_as_long_as_their_job_and_a_day),
        BOTH(keys_are_swept_in_slices),
        BOTH(sessions_go_a_day_after_their_last_use),
        BOTH(asking_counts_as_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
