/* test_entry_options.c: schedule entries from the command line: the same fields and checks as in
 * files, by the names of options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/entry_options.h"
#include "wire.h"

#define NOW INT64_C(1763769600)

struct values {
    const char *source;
    struct entry_options entry;
};

static const struct option_row rows[] = {
    {"source", OPTION_NAME, "NAME", "of another table", offsetof(struct values, source), 0, 0},
#define ENTRY_FIELD(key, option, kind, member, least, most, argument, about)                       \
    ENTRY_OPTION_ROW(struct values, entry, key, option, kind, argument, about),
#include "scheduler/entry.def"
    {0},
};

static struct zones *zones;
static struct buf out;
static char why[ENTRY_WHY_SIZE];

static int set_up(void **state)
{
    (void)state;
    buf_init(&out, 1 << 20);
    return zones_new(&zones, "/usr/share/zoneinfo");
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&out);
    zones_free(zones);
    return 0;
}

/* Reads the words as the program would. */
static int read_words(const char *name, char **words, int count)
{
    struct values values = {0};
    const struct option_set set = {rows, &values};
    buf_reset(&out);
    for (int at = 0; at < count;) {
        int taken = options_take(&set, 1, words + at, count - at, why, sizeof why);
        assert_true(taken > 0);
        at += taken;
    }
    return entry_options_read(&values.entry, name, zones, NOW, &out, why);
}

#define READ(name, ...)                                                                            \
    read_words(name, (char *[]){__VA_ARGS__},                                                      \
               (int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)))

static void options_are_fields(void **state)
{
    (void)state;
    struct msg_schedule s;
    assert_int_equal(READ("daily", "--cron", "0 9 * * *", "--timezone=Asia/Tokyo", "--kind", "x",
                          "--args", "{\"a\": [1, null]}", "--max-attempts", "3", "--catch-up=all",
                          "--catch-up-window", "2h", "--source", "me", "--paused"),
                     0);
    assert_int_equal(wire_decode_schedule(buf_slice(&out), &s, NULL, 0), 0);
    assert_true(slice_is(s.name, "daily"));
    assert_true(slice_is(s.cron, "0 9 * * *"));
    assert_true(slice_is(s.args, "\x81\xa1"
                                 "a\x92\x01\xc0"));
    assert_true(slice_is(s.queue, "default"));
    assert_int_equal(s.max_attempts, 3);
    assert_int_equal(s.catch_up, CATCH_UP_ALL);
    assert_int_equal(s.catch_up_window_ms, 7200000);
    assert_int_equal(s.paused, 1);
}

static void faults_name_the_option(void **state)
{
    (void)state;
    assert_int_equal(READ("a", "--every", "5m"), MUSTER_EINVAL);
    assert_string_equal(why, "what? It has no --kind, such as report.daily");
    assert_int_equal(READ("a", "--every", "5m", "--kind", "x", "--run-timeout", "0s"),
                     MUSTER_EINVAL);
    assert_string_equal(why, "--run-timeout is at least 1ms, not \"0s\"");
    assert_int_equal(READ("a", "--every", "5m", "--kind", "x", "--args", "{a: 1}"), MUSTER_EINVAL);
    assert_string_equal(why, "--args is not JSON: line 1, column 2: string or '}' expected near 'a'"
                             " (a string needs quotes: '\"text\"')");
    assert_int_equal(READ("a", "--cron", "0 9 * * *", "--kind", "x", "--timezone", "Tokio"),
                     MUSTER_EINVAL);
    assert_string_equal(why, "--timezone: there is no time zone \"Tokio\" in /usr/share/zoneinfo; "
                             "the nearest is \"Asia/Tokyo\"");
    assert_int_equal(READ("a b", "--every", "5m", "--kind", "x"), MUSTER_EINVAL);
    assert_string_equal(why,
                        "a name is 1 to 128 of A-Z a-z 0-9 . _ : / -, the first a letter or digit");
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(options_are_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(faults_name_the_option, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
