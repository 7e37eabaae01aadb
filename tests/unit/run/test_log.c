/* test_log.c: lines as text and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/log.h"

static char line[8192];

static void catch_line(enum log_level level, const char *message, const struct log_field *fields)
{
    char path[] = "/tmp/test_log.XXXXXX";
    int fd = mkstemp(path), err = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    log_write(level, message, fields);
    dup2(err, STDERR_FILENO);
    close(err);
    ssize_t len = pread(fd, line, sizeof line - 1, 0);
    line[len > 0 ? len : 0] = '\0';
    close(fd);
    unlink(path);
}

static void text_lines_are_for_people(void **state)
{
    (void)state;
    log_setup(LEVEL_INFO, LOG_AS_TEXT);
    catch_line(LEVEL_WARN, "something happened",
               LOG_FIELDS(log_text("plain", "a/b"), log_text("spaced", "a \"b\"\n"),
                          log_number("count", 3), log_text("empty", "")));
    assert_non_null(strstr(line,
                           "Z warn  something happened plain=a/b spaced=\"a \\\"b\\\"\\u000a\" "
                           "count=3 empty=\"\"\n"));
    catch_line(LEVEL_DEBUG, "hidden", LOG_NO_FIELDS);
    assert_string_equal(line, "");
    assert_false(log_wants(LEVEL_DEBUG));
}

static void json_lines_are_json(void **state)
{
    (void)state;
    log_setup(LEVEL_DEBUG, LOG_AS_JSON);
    catch_line(LEVEL_DEBUG, "what \\ \"it\" is",
               LOG_FIELDS(log_text("bad", "a\xFF\x01z"), log_number("n", UINT64_MAX / 2)));
    json_t *json = json_loads(line, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "level")), "debug");
    assert_string_equal(json_string_value(json_object_get(json, "message")), "what \\ \"it\" is");
    assert_string_equal(json_string_value(json_object_get(json, "bad")), "a\xEF\xBF\xBD\x01z");
    assert_int_equal(json_integer_value(json_object_get(json, "n")), INT64_MAX);
    assert_non_null(json_object_get(json, "time"));
    json_decref(json);
}

static void long_lines_lose_their_fields(void **state)
{
    (void)state;
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_setup(LEVEL_INFO, LOG_AS_JSON);
    catch_line(LEVEL_INFO, "kept", LOG_FIELDS(log_text("long", text)));
    json_t *json = json_loads(line, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "message")), "kept");
    json_decref(json);
    log_setup(LEVEL_INFO, LOG_AS_TEXT);
    catch_line(LEVEL_INFO, "kept", LOG_FIELDS(log_text("long", text)));
    assert_non_null(strstr(line, "info  kept\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines_are_for_people),
        cmocka_unit_test(json_lines_are_json),
        cmocka_unit_test(long_lines_lose_their_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
