/* Lines of a bulk file: cut out of it in bounded memory, and read as jobs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/lines.h"
#include "cli/ndjson.h"

#define DEFAULT_KIND "by.default"

static struct ndjson_line line;
static char why[256];

static int setup(void **state)
{
    (void)state;
    ndjson_init(&line, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ndjson_fini(&line);
    return 0;
}

static int parse(const char *text, const char *kind)
{
    struct muster_job defaults = MUSTER_JOB(kind);
    defaults.queue = "q";
    defaults.delay_ms = 7;
    return ndjson_parse(&line, text, strlen(text), &defaults, why, sizeof why);
}

static void test_line_says_everything(void **state)
{
    (void)state;
    assert_int_equal(
        parse("{\"kind\":\"k\",\"args\":[1,2],\"queue\":\"other\",\"priority\":0,\"delay\":\"2s\","
              "\"at\":\"2030-01-31T09:00:00Z\",\"max_attempts\":3,\"backoff\":\"fixed:9s\","
              "\"run_timeout\":\"1m\",\"expires_in\":\"1h\",\"idempotency_key\":\"x\","
              "\"meta\":{\"trace\":1}}",
              NULL),
        0);
    const struct muster_job *job = &line.job;
    assert_string_equal(job->kind, "k");
    assert_string_equal(job->queue, "other");
    assert_int_equal(job->priority, 0);
    assert_int_equal(job->delay_ms, 2000);
    assert_int_equal(job->at_ms, 1896080400000);
    assert_int_equal(job->max_attempts, 3);
    assert_string_equal(job->backoff, "fixed:9s");
    assert_int_equal(job->run_timeout_ms, 60000);
    assert_int_equal(job->expires_in_ms, 3600000);
    assert_string_equal(job->idempotency_key, "x");
    assert_int_equal(job->meta_bytes, 11);
    assert_memory_equal(job->meta, "{\"trace\":1}", 11);
    assert_int_equal(job->args_bytes, 3);
    assert_memory_equal(job->args, "\x92\x01\x02", 3);
}

static void test_command_line_says_the_rest(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"queue\":null,\"args\":null}", DEFAULT_KIND), 0);
    assert_string_equal(line.job.kind, DEFAULT_KIND);
    assert_string_equal(line.job.queue, "q");
    assert_int_equal(line.job.delay_ms, 7);
    assert_int_equal(line.job.args_bytes, 1); /* nil is a value */
    assert_int_equal(parse("{}", DEFAULT_KIND), 0);
    assert_null(line.job.args); /* the library makes it {} */
}

static void test_bad_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"nope", "column"},
        {"[1]", "not a JSON object"},
        {"{}", "no \"kind\""},
        {"{\"kind\":\"a b\"}", "kind: \"a b\" is no name"},
        {"{\"kind\":5}", "kind: not a string"},
        {"{\"kind\":\"k\",\"prioritiy\":3}", "did you mean \"priority\"?"},
        {"{\"kind\":\"k\",\"priority\":10}", "priority: not a number from 0 to 9"},
        {"{\"kind\":\"k\",\"priority\":\"1\"}", "priority: not a number"},
        {"{\"kind\":\"k\",\"delay\":5}", "delay: not a string"},
        {"{\"kind\":\"k\",\"delay\":\"-5s\"}", "delay: \"-5s\" is no duration"},
        {"{\"kind\":\"k\",\"delay\":\"5\"}", "delay: \"5\" is no duration"},
        {"{\"kind\":\"k\",\"delay\":\"99999d\"}", "delay: \"99999d\" is too long"},
        {"{\"kind\":\"k\",\"at\":\"tomorrow\"}", "at: \"tomorrow\" is no time"},
        {"{\"kind\":\"k\",\"max_attempts\":0}", "max_attempts: not a number"},
        {"{\"kind\":\"k\",\"backoff\":\"soon\"}", "backoff: \"soon\" is nothing such as"},
        {"{\"kind\":\"k\",\"run_timeout\":\"0s\"}", "run_timeout: must be above 0"},
        {"{\"kind\":\"k\",\"kind\":\"k\"}", "duplicate"},
        {"{\"kind\":\"k\",\"idempotency_key\":\"a\\u0000b\"}", "NUL"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        why[0] = '\0';
        if (parse(rows[i].text, NULL) == 0 || !strstr(why, rows[i].why))
            fail_msg("%s: %s", rows[i].text, why);
    }
}

/* A file with this content, open for reading. */
static int file_of(const char *content, size_t len)
{
    char name[] = "/tmp/muster-lines-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(write(fd, content, len), len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void test_lines(void **state)
{
    (void)state;
    static const char content[] = "one\n\nthree\r\nlast";
    int fd = file_of(content, sizeof content - 1);
    struct lines lines;
    struct slice text;
    lines_init(&lines, fd, 100);
    assert_int_equal(lines_next(&lines, &text), 0);
    assert_true(slice_is(text, "one"));
    assert_int_equal(lines_next(&lines, &text), 0);
    assert_int_equal(text.len, 0);
    assert_int_equal(lines_next(&lines, &text), 0);
    assert_true(slice_is(text, "three\r"));
    assert_int_equal(lines_next(&lines, &text), 0);
    assert_true(slice_is(text, "last"));
    assert_int_equal(lines.number, 4);
    assert_int_equal(lines.offset, sizeof content - 1);
    assert_int_equal(lines_next(&lines, &text), MUSTER_ENOTFOUND);
    lines_fini(&lines);
    close(fd);
}

static void test_long_lines_are_passed_over(void **state)
{
    (void)state;
    size_t len = 300000;
    char *content = malloc(len);
    memset(content, 'x', len);
    memcpy(content, "a\n", 2);
    content[200000] = '\n';
    memcpy(content + len - 3, "\nb\n", 3);
    int fd = file_of(content, len);
    struct lines lines;
    struct slice text;
    lines_init(&lines, fd, 1000);
    assert_int_equal(lines_next(&lines, &text), 0);
    assert_int_equal(lines_next(&lines, &text), MUSTER_ETOOBIG);
    assert_int_equal(lines_next(&lines, &text), MUSTER_ETOOBIG);
    assert_int_equal(lines_next(&lines, &text), 0);
    assert_true(slice_is(text, "b"));
    assert_int_equal(lines.number, 4);
    assert_int_equal(lines.offset, len);
    assert_int_equal(lines_next(&lines, &text), MUSTER_ENOTFOUND);
    assert_true(lines.buf.cap < 4 * 65536 + 4096);
    lines_fini(&lines);
    close(fd);
    free(content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_line_says_everything),
        TEST(test_command_line_says_the_rest),
        TEST(test_bad_lines),
        TEST(test_lines),
        TEST(test_long_lines_are_passed_over),
    };
    return cmocka_run_group_tests_name("ndjson", tests, NULL, NULL);
}
