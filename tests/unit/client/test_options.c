/* Options, near words, and the table of commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/commands.h"

struct values {
    bool flag;
    const char *text, *name;
    struct option_number wait, count, size, at;
};

static const struct option_row rows[] = {
    {"flag", OPTION_FLAG, NULL, "", offsetof(struct values, flag), 0, 0},
    {"text", OPTION_TEXT, "TEXT", "", offsetof(struct values, text), 0, 0},
    {"name", OPTION_NAME, "NAME", "", offsetof(struct values, name), 0, 0},
    {"wait", OPTION_DURATION, "DURATION", "", offsetof(struct values, wait), 0, 60000},
    {"count", OPTION_COUNT, "N", "", offsetof(struct values, count), 1, 9},
    {"size", OPTION_SIZE, "BYTES", "", offsetof(struct values, size), 0, 0},
    {"at", OPTION_TIME, "TIME", "", offsetof(struct values, at), 0, 0},
    {0},
};

static struct values values;
static char why[256];

static int take(const char *one, const char *two)
{
    char *args[] = {(char *)(uintptr_t)one, (char *)(uintptr_t)two};
    struct option_set set = {rows, &values};
    why[0] = '\0';
    return options_take(&set, 1, args, two ? 2 : 1, why, sizeof why);
}

static int setup(void **state)
{
    (void)state;
    values = (struct values){0};
    return 0;
}

static void test_takes_values(void **state)
{
    (void)state;
    assert_int_equal(take("--flag", "x"), 1);
    assert_true(values.flag);
    assert_int_equal(take("--text", "--flag"), 2);
    assert_string_equal(values.text, "--flag");
    assert_int_equal(take("--text=", NULL), 1);
    assert_string_equal(values.text, "");
    assert_int_equal(take("--name=a.b/c", NULL), 1);
    assert_int_equal(take("--wait", "1m"), 2);
    assert_int_equal(values.wait.value, 60000);
    assert_int_equal(take("--count", "9"), 2);
    assert_int_equal(values.count.value, 9);
    assert_int_equal(take("--size", "2KiB"), 2);
    assert_int_equal(values.size.value, 2048);
    assert_int_equal(take("--at", "1970-01-01T00:00:01Z"), 2);
    assert_int_equal(values.at.value, 1000);
}

static void test_leaves_words(void **state)
{
    (void)state;
    assert_int_equal(take("word", NULL), 0);
    assert_int_equal(take("-", NULL), 0);
    assert_int_equal(take("-5", NULL), 0); /* a JSON number */
    assert_int_equal(take("{\"a\":1}", NULL), 0);
}

static void test_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *one, *two, *why;
    } bad[] = {
        {"--flg", NULL, "unknown option --flg; did you mean --flag?"},
        {"--zzzzzz", NULL, "unknown option --zzzzzz"},
        {"-x", NULL, "options begin with two dashes"},
        {"--flag=1", NULL, "--flag takes no value"},
        {"--text", NULL, "--text needs a value: TEXT"},
        {"--name", "a b", "--name: \"a b\" is not a name"},
        {"--wait", "5", "--wait: \"5\" is not a duration"},
        {"--wait", "-5s", "--wait: \"-5s\" is not a duration"},
        {"--wait", "2m", "--wait: \"2m\""},
        {"--count", "0", "a number from 1 to 9"},
        {"--count", "3x", "a number from 1 to 9"},
        {"--count", "-1", "a number from 1 to 9"},
        {"--count", "99999999999999999999", "a number from 1 to 9"},
        {"--at", "noon", "--at: \"noon\" is not a time"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (take(bad[i].one, bad[i].two) != -1 || !strstr(why, bad[i].why))
            fail_msg("%s %s: %s", bad[i].one, bad[i].two ? bad[i].two : "", why);
}

static void test_near_words(void **state)
{
    (void)state;
    static const struct {
        const char *word, *near;
    } near[] = {
        {"sumbit", "submit"}, {"subm", "submit"}, {"queue", "queues"},    {"worker", "workers"},
        {"paus", "pause"},    {"xyzzy", NULL},    {"moniter", "monitor"},
    };
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) {
        char *words[] = {(char *)(uintptr_t)near[i].word};
        const char *best = command_nearest(words, 1);
        if ((best == NULL) != (near[i].near == NULL) || (best && strcmp(best, near[i].near) != 0))
            fail_msg("%s: %s", near[i].word, best ? best : "nothing");
    }
    char *two[] = {"parked", "lst"};
    assert_string_equal(command_nearest(two, 2), "parked list");
}

static void test_finds_commands(void **state)
{
    (void)state;
    int used = 0;
    char *one[] = {"show", "parked"}, *two[] = {"parked", "show"}, *none[] = {"parked"};
    assert_string_equal(command_find(one, 2, &used)->name, "show");
    assert_int_equal(used, 1);
    assert_string_equal(command_find(two, 2, &used)->name, "parked show");
    assert_int_equal(used, 2);
    assert_null(command_find(none, 1, &used));
    assert_true(command_is_group("parked"));
    assert_false(command_is_group("show"));
}

static void test_exit_status(void **state)
{
    (void)state;
    assert_int_equal(cli_exit_of(0), 0);
    assert_int_equal(cli_exit_of(MUSTER_EINVAL), 2);
    assert_int_equal(cli_exit_of(MUSTER_ENOTFOUND), 3);
    assert_int_equal(cli_exit_of(MUSTER_EGONE), 3);
    assert_int_equal(cli_exit_of(MUSTER_ENOBROKER), 4);
    assert_int_equal(cli_exit_of(MUSTER_ECONFLICT), 5);
    assert_int_equal(cli_exit_of(MUSTER_ETIMEOUT), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(test_takes_values), TEST(test_leaves_words),   TEST(test_says_what_is_wrong),
        TEST(test_near_words),   TEST(test_finds_commands), TEST(test_exit_status),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
