/* The lines between the worker and a child of --serve: jobs as they are written, answers that are
 * taken, and how those that are none are explained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/handle.h"
#include "job.h"
#include "json.h"
#include "run.h"
#include "serve_line.h"

static struct buf scratch;
static char why[200];

static int setup(void **state)
{
    (void)state;
    buf_init(&scratch, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&scratch);
    return 0;
}

static int read_answer(const char *line, struct serve_answer *ret)
{
    *why = 0;
    return serve_line_answer(slice_str(line), &scratch, ret, why, sizeof why);
}

static void answers_are_taken(void **state)
{
    static const struct {
        const char *line;
        enum serve_verdict verdict;
        const char *code, *message;
        uint64_t delay_ms;
    } rows[] = {
        {"{\"id\":\"a\",\"ok\":[1]}", SERVE_OK, "", "", 0},
        {" {\"ok\":[1],\"id\":\"a\"} \r", SERVE_OK, "", "", 0},
        {"{\"id\":\"a\",\"error\":{\"code\":\"E\"}}", SERVE_ERROR, "E", "", 0},
        {"{\"id\":\"a\",\"error\":{\"code\":\"E\",\"message\":\"two\\nlines\"}}", SERVE_ERROR, "E",
         "two lines", 0},
        {"{\"id\":\"a\",\"error\":{\"retry_after\":\"1m30s\",\"code\":\"E\"}}", SERVE_ERROR, "E",
         "", 90000},
        {"{\"id\":\"a\",\"snooze\":\"10s\"}", SERVE_SNOOZE, "", "", 10000},
        {"{\"id\":\"a\",\"snooze\":true}", SERVE_SNOOZE, "", "", 0},
        {"{\"id\":\"a\",\"park\":{\"code\":\"P\",\"message\":\"m\"}}", SERVE_PARK, "P", "m", 0},
        {"{\"id\":\"a\",\"discard\":true}", SERVE_DISCARD, "", "", 0},
        {"{\"id\":\"a\",\"release\":true}", SERVE_RELEASE, "", "", 0},
    };
    struct serve_answer a;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (read_answer(rows[i].line, &a))
            fail_msg("%s: %s", rows[i].line, why);
        assert_true(slice_is(a.id, "a"));
        assert_int_equal(a.verdict, rows[i].verdict);
        assert_string_equal(a.code, rows[i].code);
        assert_string_equal(a.message, rows[i].message);
        assert_int_equal(a.delay_ms, rows[i].delay_ms);
    }
}

static void results_are_values(void **state)
{
    static const struct {
        const char *json;
        const char *msgpack;
        size_t len;
    } rows[] = {
        {"null", "\xc0", 1},
        {"[1,\"x\"]", "\x92\x01\xa1x", 4},
        {"{\"k\":-1}", "\x81\xa1k\xff", 4},
        {"18446744073709551615", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9},
        {"\"\\u00e9\"", "\xa2\xc3\xa9", 3},
    };
    struct serve_answer a;
    char line[200];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(line, sizeof line, "{\"id\":\"a\",\"ok\":%s}", rows[i].json);
        assert_int_equal(read_answer(line, &a), 0);
        assert_int_equal(a.result.len, rows[i].len);
        assert_memory_equal(a.result.data, rows[i].msgpack, rows[i].len);
    }
}

static void others_are_explained(void **state)
{
    static const char *const rows[][2] = {
        {"", "line 1"},
        {"garbage", "line 1"},
        {"{\"id\":\"a\",\"ok\":1", "line 1"},
        {"{\"id\":\"a\",\"ok\":1}{}", "line 1"},
        {"{\"id\":\"a\",\"ok\":\"\xff\"}", "decode byte"},
        {"{\"id\":\"a\",\"ok\":1,\"ok\":2}", "duplicate"},
        {"{\"id\":\"a\",\"ok\":NaN}", "line 1"},
        {"{\"id\":\"a\",\"ok\":1e999}", "line 1"},
        {"[]", "object"},
        {"\"a\"", "object"},
        {"{}", "no \"id\""},
        {"{\"ok\":1}", "no \"id\""},
        {"{\"id\":7,\"ok\":1}", "\"id\""},
        {"{\"id\":\"a\"}", "no outcome"},
        {"{\"id\":\"a\",\"ok\":1,\"error\":{\"code\":\"E\"}}", "more than one"},
        {"{\"id\":\"a\",\"okay\":1}", "unknown key \"okay\""},
        {"{\"id\":\"a\",\"ok\":1,\"retry_after\":\"1s\"}", "unknown key \"retry_after\""},
        {"{\"id\":\"a\",\"error\":\"text\"}", "objects"},
        {"{\"id\":\"a\",\"error\":{}}", "need a \"code\""},
        {"{\"id\":\"a\",\"error\":{\"code\":\"\"}}", "\"code\""},
        {"{\"id\":\"a\",\"error\":{\"code\":\" \"}}", "need a \"code\""},
        {"{\"id\":\"a\",\"error\":{\"code\":5}}", "\"code\""},
        {"{\"id\":\"a\",\"error\":{\"code\":\"E\",\"message\":[]}}", "\"message\""},
        {"{\"id\":\"a\",\"error\":{\"code\":\"E\",\"retry_after\":10}}", "\"retry_after\""},
        {"{\"id\":\"a\",\"error\":{\"code\":\"E\",\"retry_after\":\"10\"}}", "\"retry_after\""},
        {"{\"id\":\"a\",\"error\":{\"code\":\"E\",\"trace\":1}}", "unknown key \"trace\""},
        {"{\"id\":\"a\",\"park\":{\"code\":\"P\",\"retry_after\":\"1s\"}}",
         "\"park\" has an unknown"},
        {"{\"id\":\"a\",\"snooze\":10}", "\"snooze\""},
        {"{\"id\":\"a\",\"snooze\":false}", "\"snooze\""},
        {"{\"id\":\"a\",\"snooze\":\"soon\"}", "\"snooze\""},
        {"{\"id\":\"a\",\"snooze\":\"1s\\u0000\"}", "\"snooze\""},
        {"{\"id\":\"a\",\"discard\":false}", "\"discard\""},
        {"{\"id\":\"a\",\"release\":1}", "\"release\""},
    };
    struct serve_answer a;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_answer(rows[i][0], &a), MUSTER_EINVAL);
        if (!strstr(why, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], why);
    }
}

/* An array nested `depth` deep as the result. */
static int read_nested(size_t depth)
{
    struct serve_answer a;
    char *line = calloc(1, depth * 2 + 64);
    int err;

    assert_non_null(line);
    snprintf(line, depth * 2 + 64, "{\"id\":\"a\",\"ok\":");
    memset(line + strlen(line), '[', depth);
    memset(line + strlen(line), ']', depth);
    line[strlen(line)] = '}';
    err = read_answer(line, &a);
    free(line);
    return err;
}

static void depth_and_size_have_limits(void **state)
{
    struct serve_answer a;
    struct buf small;

    (void)state;
    assert_int_equal(read_nested(31), 0);
    assert_int_equal(read_nested(32), MUSTER_EINVAL);
    assert_int_equal(read_nested(100000), MUSTER_EINVAL);
    buf_init(&small, 8);
    assert_int_equal(serve_line_answer(slice_str("{\"id\":\"a\",\"ok\":\"12345678\"}"), &small, &a,
                                       why, sizeof why),
                     MUSTER_ETOOBIG);
    buf_fini(&small);
    /* any result that is allowed has room, as ASCII escapes, too */
    assert_true(serve_line_max(1000) > 6000);
}

static void blank_lines_are_known(void **state)
{
    (void)state;
    assert_true(serve_line_blank(SLICE_EMPTY));
    assert_true(serve_line_blank(slice_str(" \t\r")));
    assert_false(serve_line_blank(slice_str(" x")));
}

static bool ends_with(const struct buf *b, const char *end)
{
    size_t len = strlen(end);

    return b->len >= len && !memcmp(b->data + b->len - len, end, len);
}

/* A batch of one job, the second run of it. */
static struct job_batch *batch_of_one(bool scheduled)
{
    static const struct slice queue = {(const uint8_t *)"mail:eu", 7};
    static const struct slice kind = {(const uint8_t *)"email.send", 10};
    static const struct slice schedule = {(const uint8_t *)"daily/eu", 8};
    static const uint8_t runs[] = {2, 0, 0, 0}, attempts[] = {3, 0, 0, 0}, one[] = {1, 0, 0, 0};
    static const uint8_t timeouts[] = {0x88, 0x13, 0, 0};
    static const uint8_t nominals[] = {0x00, 0x68, 0xe5, 0xcf, 0x8b, 0x01, 0, 0};
    static const uint8_t lengths[] = {7, 0, 0, 0};
    struct msg_jobs m = {.count = 1,
                         .first_id = (uint64_t)77 << 8,
                         .runs = slice_of(runs, 4),
                         .queues = {.items = &queue, .count = 1},
                         .kinds = {.items = &kind, .count = 1},
                         .attempts = slice_of(attempts, 4),
                         .run_timeouts_ms = slice_of(timeouts, 4),
                         .arg_lengths = slice_of(lengths, 4),
                         .args = slice_str("\x81\xa1k\xa3two")};

    if (scheduled) {
        m.schedules = (struct strs){.items = &schedule, .count = 1};
        m.schedule_of = slice_of(one, 4);
        m.nominals_ms = slice_of(nominals, 8);
    }
    struct job_batch *batch = job_batch_new(&m, 0);
    assert_non_null(batch);
    batch->jobs[0].value = HANDLE_RUN;
    return batch;
}

static void a_job_is_one_line(void **state)
{
    struct job_batch *batch = batch_of_one(false);
    struct job *run = &batch->jobs[0];
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 16);
    run_enter(run);
    assert_int_equal(serve_line_job(run_of(run), &out), 0);
    assert_true(slice_is(buf_slice(&out),
                         "{\"id\":\"0000000000k80\",\"kind\":\"email.send\",\"queue\":\"mail:eu\","
                         "\"attempt\":3,\"token\":\"0000000000k80.2\",\"run_timeout_ms\":5000,"
                         "\"args\":{\"k\":\"two\"}}\n"));
    buf_reset(&out);
    run->args = SLICE_EMPTY;
    run->meta = slice_str("trace \"1\"\n");
    assert_int_equal(serve_line_job(run_of(run), &out), 0);
    assert_true(ends_with(&out, "\"args\":null,\"meta\":\"trace \\\"1\\\"\\n\"}\n"));
    buf_reset(&out);
    run->meta = slice_of("\xff\x01", 2);
    assert_int_equal(serve_line_job(run_of(run), &out), 0);
    assert_true(ends_with(&out, "\"meta\":\"/wE=\"}\n"));
    buf_reset(&out);
    run->args = slice_of("\xc1", 1);
    assert_int_equal(serve_line_job(run_of(run), &out), MUSTER_EPROTO);
    run_leave();
    job_batch_free(batch);
    buf_fini(&out);
}

static void a_run_of_a_schedule_says_so(void **state)
{
    struct job_batch *batch = batch_of_one(true);
    struct job *run = &batch->jobs[0];
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 16);
    run_enter(run);
    assert_int_equal(muster_run_nominal_time_ms(run_of(run)), 1700000000000);
    assert_int_equal(serve_line_job(run_of(run), &out), 0);
    assert_true(ends_with(&out, "\"args\":{\"k\":\"two\"},\"schedule\":\"daily/eu\","
                                "\"nominal_time\":\"2023-11-14T22:13:20Z\"}\n"));
    run_leave();
    job_batch_free(batch);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_taken),           cmocka_unit_test(results_are_values),
        cmocka_unit_test(others_are_explained),        cmocka_unit_test(depth_and_size_have_limits),
        cmocka_unit_test(blank_lines_are_known),       cmocka_unit_test(a_job_is_one_line),
        cmocka_unit_test(a_run_of_a_schedule_says_so),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
