/* test_frames.c: columns of JOBS and DONE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "run/done_frame.h"
#include "run/jobs_frame.h"
#include "wire.h"

/* Here a job is what it grants. */
struct job {
    struct job_grant grant;
};

void core_job_grant(const struct core *core, const struct job *job, struct job_grant *ret)
{
    (void)core;
    *ret = job->grant;
}

static struct job jobs[BATCH_JOBS_MAX];
static struct job *pointers[BATCH_JOBS_MAX];
static struct jobs_frame frame;
static struct buf encoded;
static char text[] = "abcdefghijklmnopqrstuvwxyz";

static int set_up(void **state)
{
    (void)state;
    jobs_frame_init(&frame, 1u << 20);
    buf_init(&encoded, 1u << 24);
    for (uint32_t i = 0; i < BATCH_JOBS_MAX; i++) {
        pointers[i] = &jobs[i];
        jobs[i].grant = (struct job_grant){.id = 1000 + 256 * (uint64_t)i,
                                           .run = 1,
                                           .attempt = 1,
                                           .run_timeout_ms = RUN_TIMEOUT_DEFAULT_MS,
                                           .lane = 7,
                                           .queue = slice_str("mail"),
                                           .kind = slice_str("send"),
                                           .args = slice_of(text + i % 13 * 2, 2)};
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    jobs_frame_fini(&frame);
    buf_fini(&encoded);
    return 0;
}

/* Over the wire and back. */
static void pass(struct msg *msg)
{
    char why[256];
    buf_reset(&encoded);
    assert_int_equal(wire_encode(&encoded, msg), 0);
    if (wire_decode(buf_slice(&encoded), msg, why, sizeof why))
        fail_msg("%s", why);
}

static struct msg_jobs fill(uint32_t count)
{
    struct msg msg = {.type = MSG_JOBS, .jobs = {.epoch = 1, .hello = 2}};
    assert_int_equal(jobs_frame_fill(&frame, NULL, pointers, count, &msg.jobs), 0);
    pass(&msg);
    return msg.jobs;
}

static void plain_jobs_need_few_columns(void **state)
{
    (void)state;
    struct msg_jobs m = fill(13);
    assert_int_equal(m.count, 13);
    assert_int_equal(m.first_id, 1000);
    assert_int_equal(m.ids.len + m.runs.len + m.lanes.len + m.attempts.len, 0);
    assert_int_equal(m.run_timeouts_ms.len + m.meta_lengths.len + m.metas.len, 0);
    assert_int_equal(m.queues.count, 1);
    assert_true(slice_is(strs_at(&m.queues, 0), "mail"));
    assert_true(slice_is(m.args, text)); /* they lay side by side */
}

static void args_from_anywhere_stay_in_order(void **state)
{
    (void)state;
    struct msg_jobs m = fill(30); /* 13 side by side, 13 more, 4 */
    char wanted[100];
    snprintf(wanted, sizeof wanted, "%s%s%.8s", text, text, text);
    assert_true(slice_is(m.args, wanted));
    for (uint32_t i = 0; i < 30; i++)
        assert_int_equal(slice_u32_at(m.arg_lengths, i), 2);
}

static void what_differs_gets_its_column(void **state)
{
    (void)state;
    jobs[1].grant.id = 5;
    jobs[2].grant.run = 3;
    jobs[3].grant.attempt = 4;
    jobs[4].grant.run_timeout_ms = 99;
    jobs[5].grant.meta = slice_str("meta");
    jobs[6].grant.lane = 8;
    jobs[6].grant.kind = slice_str("other");
    struct msg_jobs m = fill(8);
    assert_int_equal(m.first_id, 0);
    assert_int_equal(slice_u64_at(m.ids, 0), 1000);
    assert_int_equal(slice_u64_at(m.ids, 1), 5);
    assert_int_equal(slice_u32_at(m.runs, 2), 3);
    assert_int_equal(slice_u32_at(m.runs, 3), 1);
    assert_int_equal(slice_u32_at(m.attempts, 3), 4);
    assert_int_equal(slice_u32_at(m.run_timeouts_ms, 4), 99);
    assert_int_equal(slice_u32_at(m.run_timeouts_ms, 5), RUN_TIMEOUT_DEFAULT_MS);
    assert_int_equal(slice_u32_at(m.meta_lengths, 5), 4);
    assert_true(slice_is(m.metas, "meta"));
    assert_int_equal(m.kinds.count, 2);
    assert_int_equal(slice_u32_at(m.lanes, 5), 0);
    assert_int_equal(slice_u32_at(m.lanes, 6), 1);
    assert_int_equal(slice_u32_at(m.lanes, 7), 0);
    assert_true(slice_is(strs_at(&m.kinds, 1), "other"));
}

static void runs_of_schedules_are_named(void **state)
{
    (void)state;
    struct msg_jobs m = fill(8);
    assert_int_equal(m.schedules.count + m.schedule_of.len + m.nominals_ms.len, 0);
    jobs[2].grant.schedule = jobs[3].grant.schedule = slice_str("daily");
    jobs[2].grant.nominal_ms = 1700000000000;
    jobs[3].grant.nominal_ms = 1700000060000;
    jobs[5].grant.schedule = slice_str("hourly");
    jobs[5].grant.nominal_ms = 1700000001000;
    m = fill(8);
    assert_int_equal(m.schedules.count, 2);
    assert_true(slice_is(strs_at(&m.schedules, 0), "daily"));
    assert_true(slice_is(strs_at(&m.schedules, 1), "hourly"));
    static const uint32_t places[] = {0, 0, 1, 1, 0, 2, 0, 0};
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(slice_u32_at(m.schedule_of, i), places[i]);
        assert_int_equal(slice_u64_at(m.nominals_ms, i), jobs[i].grant.nominal_ms);
    }
    for (uint32_t i = 0; i < BATCH_JOBS_MAX; i++)
        jobs[i].grant.schedule = slice_of(text + i % 26, 1);
    m = fill(BATCH_JOBS_MAX);
    assert_int_equal(m.schedules.count, BATCH_JOBS_MAX);
    assert_int_equal(slice_u32_at(m.schedule_of, BATCH_JOBS_MAX - 1), BATCH_JOBS_MAX);
    for (uint32_t i = 0; i < BATCH_JOBS_MAX; i++)
        jobs[i].grant.schedule = SLICE_EMPTY;
    m = fill(2); /* and the next one is clean */
    assert_int_equal(m.schedules.count + m.schedule_of.len + m.nominals_ms.len, 0);
}

static void a_full_message_of_lanes(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < BATCH_JOBS_MAX; i++)
        jobs[i].grant.lane = i + 1;
    struct msg_jobs m = fill(BATCH_JOBS_MAX);
    assert_int_equal(m.queues.count, BATCH_JOBS_MAX);
    assert_int_equal(slice_u32_at(m.lanes, BATCH_JOBS_MAX - 1), BATCH_JOBS_MAX - 1);
    m = fill(1); /* and the next one is clean */
    assert_int_equal(m.queues.count, 1);
    assert_int_equal(m.lanes.len, 0);
}

static void ends_are_told_with_results_and_reasons(void **state)
{
    (void)state;
    const struct done_row rows[] = {
        {.number = 4, .id = 256, .state = JOB_COMPLETED, .result = slice_str("\x2A")},
        {.number = 6, .id = 512, .state = JOB_PARKED, .code = slice_str("exit_1")},
        {.number = 7, .id = 768, .state = JOB_EXPIRED},
    };
    struct buf scratch;
    struct msg msg = {.type = MSG_DONE};
    buf_init(&scratch, 1u << 20);
    assert_int_equal(done_frame_fill(&scratch, rows, 3, &msg.done), 3);
    pass(&msg);
    assert_int_equal(msg.done.number, 7);
    assert_int_equal(msg.done.count, 3);
    assert_int_equal(slice_u64_at(msg.done.ids, 2), 768);
    assert_memory_equal(msg.done.states.data, "\3\6\5", 3);
    assert_int_equal(slice_u32_at(msg.done.result_lengths, 0), 1);
    assert_int_equal(slice_u32_at(msg.done.result_lengths, 1), 0);
    assert_true(slice_is(msg.done.results, "\x2A"));
    struct msg_detail detail;
    assert_int_equal(wire_decode_detail(msg.done.details, &detail), 0);
    assert_true(slice_is(detail.code, "exit_1"));
    buf_fini(&scratch);
}

static void many_ends_take_several_messages(void **state)
{
    (void)state;
    static struct done_row rows[600];
    static uint8_t large[40000] = {0xC5};
    struct buf scratch;
    struct msg_done done;
    buf_init(&scratch, 1u << 20);
    for (int i = 0; i < 600; i++)
        rows[i] = (struct done_row){.number = (uint64_t)i + 1, .id = 256, .state = JOB_COMPLETED};
    assert_int_equal(done_frame_fill(&scratch, rows, 600, &done), BATCH_JOBS_MAX);
    assert_int_equal(done.number, BATCH_JOBS_MAX);
    assert_int_equal(done.result_lengths.len + done.detail_lengths.len, 0);
    for (int i = 0; i < 600; i++)
        rows[i].result = slice_of(large, sizeof large);
    assert_int_equal(done_frame_fill(&scratch, rows, 600, &done), 2);
    buf_fini(&scratch);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(plain_jobs_need_few_columns),     TEST(args_from_anywhere_stay_in_order),
        TEST(what_differs_gets_its_column),    TEST(runs_of_schedules_are_named),
        TEST(a_full_message_of_lanes),         TEST(ends_are_told_with_results_and_reasons),
        TEST(many_ends_take_several_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
