/* test_reply.c: jobs and queues as people get them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "json.h"
#include "run/reply.h"

static struct buf out;

static int set_up(void **state)
{
    (void)state;
    buf_init(&out, 1u << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

static void expect_json(const char *text)
{
    struct buf json;
    buf_init(&json, 1u << 20);
    assert_int_equal(out.error, 0);
    assert_int_equal(msgpack_to_json(buf_slice(&out), &json), 0);
    (void)buf_append(&json, "", 1);
    assert_string_equal((const char *)json.data, text);
    buf_fini(&json);
}

static struct job_view plain_view(void)
{
    return (struct job_view){
        .id = 256,
        .head = {.id = 256,
                 .created_ms = 1700000000000,
                 .due_ms = 1700000001000,
                 .priority = 5,
                 .state = JOB_READY},
        .spec = {.max_attempts = 25},
        .queue = slice_str("mail"),
        .kind = slice_str("email.send"),
        .args = slice_str("\x81\xA1k\x01"),
        .waits = WAITS_NO_WORKER,
    };
}

static void a_waiting_job(void **state)
{
    (void)state;
    char wanted[1024];
    struct job_view view = plain_view();
    reply_job(&out, &view);
    snprintf(wanted, sizeof wanted,
             "{\"id\":\"0000000000080\",\"kind\":\"email.send\",\"queue\":\"mail\","
             "\"state\":\"ready\",\"priority\":5,\"args\":{\"k\":1},"
             "\"created_at\":\"2023-11-14T22:13:20.000Z\",\"run_at\":\"2023-11-14T22:13:21.000Z\","
             "\"started_at\":null,\"finished_at\":null,\"schedule\":null,"
             "\"nominal_time\":null,\"max_attempts\":25,\"failures\":0,"
             "\"losses\":0,\"result\":null,\"error\":null,\"waits\":{\"reason\":\"%s\","
             "\"text\":\"%s\"},\"stopping\":false,\"worker\":null,\"attempts\":[]}",
             waits_name(WAITS_NO_WORKER), waits_text(WAITS_NO_WORKER));
    expect_json(wanted);
}

static void a_parked_job(void **state)
{
    (void)state;
    const struct attempt attempt = {.number = 1,
                                    .run = 1,
                                    .outcome = ATTEMPT_FAILED,
                                    .exit_status = 65,
                                    .started_ms = 1700000000000,
                                    .ended_ms = 1700000000500,
                                    .worker = slice_str("w-1"),
                                    .code = slice_str("exit_65"),
                                    .log = slice_str("bad \xFF byte")};
    struct job_view view = plain_view();
    view.head.state = JOB_PARKED;
    view.head.failures = 1;
    view.waits = WAITS_NONE;
    view.args = SLICE_EMPTY;
    view.code = slice_str("exit_65");
    view.message = slice_str("no such file");
    view.started_ms = 1700000000000;
    view.worker = slice_str("w-1");
    view.attempts = (struct attempt *)(uintptr_t)&attempt;
    view.attempt_count = 1;
    reply_job(&out, &view);
    expect_json(
        "{\"id\":\"0000000000080\",\"kind\":\"email.send\",\"queue\":\"mail\",\"state\":\"parked\","
        "\"priority\":5,\"args\":null,\"created_at\":\"2023-11-14T22:13:20.000Z\",\"run_at\":null,"
        "\"started_at\":\"2023-11-14T22:13:20.000Z\",\"finished_at\":\"2023-11-14T22:13:21.000Z\","
        "\"schedule\":null,\"nominal_time\":null,\"max_attempts\":25,\"failures\":1,\"losses\":0,"
        "\"result\":null,\"error\":{\"code\":"
        "\"exit_65\",\"message\":\"no such file\"},\"waits\":null,\"stopping\":false,\"worker\":"
        "\"w-1\",\"attempts\":[{\"attempt\":1,\"worker\":\"w-1\",\"started_at\":"
        "\"2023-11-14T22:13:20.000Z\",\"ended_at\":\"2023-11-14T22:13:20.500Z\",\"outcome\":"
        "\"failed\",\"code\":\"exit_65\",\"message\":null,\"exit_status\":65,\"signal\":null,"
        "\"log\":\"bad \xEF\xBF\xBD byte\"}]}");
}

static void jobs_that_are_not_there(void **state)
{
    (void)state;
    const struct job_view views[] = {{.id = 256, .error = MUSTER_ENOTFOUND},
                                     {.id = 256, .error = MUSTER_EGONE}};
    reply_jobs(&out, views, 2);
    expect_json("[null,{\"id\":\"0000000000080\",\"error\":{\"code\":\"gone\",\"message\":\"it has "
                "finished and is no longer kept\"}}]");
}

static void a_running_job(void **state)
{
    (void)state;
    struct job_view view = plain_view();
    view.running = view.stopping = true;
    view.waits = WAITS_NONE;
    reply_job(&out, &view);
    json_t *job = msgpack_to_jansson(buf_slice(&out));
    assert_non_null(job);
    assert_string_equal(json_string_value(json_object_get(job, "state")), "running");
    assert_true(json_is_true(json_object_get(job, "stopping")));
    json_decref(job);
}

static void a_run_of_a_schedule(void **state)
{
    (void)state;
    struct job_view view = plain_view();
    view.spec.schedule = slice_str("daily");
    view.spec.nominal_ms = 1700000000000;
    reply_job(&out, &view);
    json_t *job = msgpack_to_jansson(buf_slice(&out));
    assert_non_null(job);
    assert_string_equal(json_string_value(json_object_get(job, "schedule")), "daily");
    assert_string_equal(json_string_value(json_object_get(job, "nominal_time")),
                        "2023-11-14T22:13:20.000Z");
    json_decref(job);
}

static void queues(void **state)
{
    (void)state;
    const struct queue_view view = {.info = {.name = slice_str("mail"),
                                             .paused = true,
                                             .counters = {.ready = 1,
                                                          .scheduled = 3,
                                                          .parked = 4,
                                                          .completed = 5,
                                                          .failed = 6,
                                                          .lost = 7,
                                                          .cancelled = 8,
                                                          .expired = 9}},
                                    .running = 2,
                                    .oldest_ready_ms = 1500,
                                    .figures = {.per_s = {10.5, 11.5, 12.5},
                                                .per_s_1m = {13.5, 14.5, 15.5},
                                                .latency = {[LATENCY_RUN] = {9, 1500, 2500, 1}}}};
    reply_queues(&out, &view, 1);
    expect_json(
        "[{\"queue\":\"mail\",\"paused\":true,\"ready\":1,\"running\":2,\"scheduled\":3,"
        "\"parked\":4,\"completed\":5,\"failed\":6,\"lost\":7,\"cancelled\":8,\"expired\":9,"
        "\"oldest_ready_s\":1.5,\"submitted_per_s\":10.5,\"completed_per_s\":11.5,"
        "\"failed_per_s\":12.5,\"submitted_per_s_1m\":13.5,\"completed_per_s_1m\":14.5,"
        "\"failed_per_s_1m\":15.5,\"wait_ms\":null,"
        "\"run_ms\":{\"p50\":1.5,\"p95\":2.5,\"p99\":0.001},\"total_ms\":null}]");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_waiting_job), TEST(a_parked_job),        TEST(jobs_that_are_not_there),
        TEST(a_running_job), TEST(a_run_of_a_schedule), TEST(queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
