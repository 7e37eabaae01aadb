/* Settings as text, from flags and from the file: what is taken, and how what is wrong is
 * explained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "endpoint.h"
#include "settings.h"

static struct settings s;
static char why[700];

static int teardown(void **state)
{
    (void)state;
    settings_fini(&s);
    return 0;
}

static int take(const char *key, const char *value)
{
    return settings_take(&s, key, value, why, sizeof why);
}

static void values_are_checked(void **state)
{
    static const struct {
        const char *key, *value, *part; /* NULL: it is taken */
    } rows[] = {
        {"queue", "mail", NULL},
        {"queue", "a:b:7", NULL},
        {"queue", "mail", "twice"},
        {"queue", "x:0", "weight"},
        {"queue", "x:99999999999", "weight"},
        {"queue", "-x", "name"},
        {"queue", "", "name"},
        {"slots", "4", NULL},
        {"slots", "0", "65536"},
        {"slots", "65537", "65536"},
        {"slots", "4x", "65536"},
        {"slots", "", "65536"},
        {"strict", "true", NULL},
        {"strict", "yes", "true or false"},
        {"name", "host-1", NULL},
        {"name", "a b", "name"},
        {"exec", "email.send=./send --all=1", NULL},
        {"exec", "*=cat", NULL},
        {"exec", "*=cat", "already"},
        {"serve", "jobs=exec ./jobs", NULL},
        {"serve", "email.send=cat", "already"},
        {"exec", "jobs=cat", "already"},
        {"serve", "email.send", "KIND=COMMAND"},
        {"exec", "email.send", "KIND=COMMAND"},
        {"exec", "x=", "empty"},
        {"exec", "x=  \t", "empty"},
        {"exec", "=cat", "kind"},
        {"broker", "tcp://h:1", NULL},
        {"broker", "http://h", "tcp://host:port"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int err = take(rows[i].key, rows[i].value);
        assert_int_equal(err, rows[i].part ? MUSTER_EINVAL : 0);
        if (rows[i].part && !strstr(why, rows[i].part))
            fail_msg("%s=%s: %s", rows[i].key, rows[i].value, why);
    }
    assert_int_equal(s.queue_count, 2);
    assert_string_equal(s.queues[1].name, "a:b");
    assert_int_equal(s.queues[1].weight, 7);
    assert_string_equal(s.execs[0].kind, "email.send");
    assert_string_equal(s.execs[0].command, "./send --all=1");
    assert_false(s.execs[0].serve);
    assert_true(s.execs[2].serve);
}

static void endpoints_are_checked(void **state)
{
    static const char *const good[] = {"tcp://127.0.0.1:7671", "tcp://[::1]:7671",
                                       "tcp://a.b-c:65535", "ipc:///run/muster"};
    static const char *const bad[] = {
        "",          "tcp://",         "tcp://h",       "tcp://h:",
        "tcp://:7",  "tcp://*:7",      "tcp://h:0",     "tcp://h:65536",
        "tcp://h:x", "tcp://::1:7671", "tcp://h:1/x",   "tcp://a b:1",
        "ipc://",    "inproc://x",     "127.0.0.1:7671"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(endpoint_check(good[i], why, sizeof why), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(endpoint_check(bad[i], why, sizeof why), MUSTER_EINVAL);
}

/* ---- the file ---- */

static int read_text(const char *text, uint32_t skip)
{
    char path[] = "/tmp/muster-settings-XXXXXX";
    int fd = mkstemp(path), err;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    settings_fini(&s);
    err = config_read(path, &s, skip, why, sizeof why);
    unlink(path);
    return err;
}

static void a_file_is_read(void **state)
{
    (void)state;
    assert_int_equal(read_text("# a comment\nbroker:\n  - tcp://a:1\n  - tcp://b:2\nqueue: mail:3\n"
                               "strict: true\nslots: 8\nname: host-1\nexec:\n  email.send: ./send\n"
                               "  '*': 'cat | sort'\n",
                               0),
                     0);
    assert_int_equal(s.broker_count, 2);
    assert_string_equal(s.brokers[1], "tcp://b:2");
    assert_int_equal(s.queues[0].weight, 3);
    assert_true(s.strict);
    assert_int_equal(s.slots, 8);
    assert_string_equal(s.name, "host-1");
    assert_int_equal(s.exec_count, 2);
    assert_string_equal(s.execs[1].command, "cat | sort");
    assert_int_equal(read_text("exec: [a=b, c=d]\n", 0), 0);
    assert_int_equal(s.exec_count, 2);
    assert_int_equal(read_text("", 0), 0);
    assert_int_equal(read_text("# nothing\n", 0), 0);
}

/* A key that a flag has set is checked, but does not count. */
static void flags_win(void **state)
{
    uint32_t slots_bit = (uint32_t)1 << (settings_find("slots") - setting_rows);

    (void)state;
    assert_int_equal(read_text("slots: 8\nname: n\n", slots_bit), 0);
    assert_int_equal(s.slots, 0);
    assert_string_equal(s.name, "n");
    assert_int_equal(read_text("slots: many\n", slots_bit), MUSTER_EINVAL);
}

static void wrong_files_are_explained(void **state)
{
    static const struct {
        const char *text, *place, *part;
    } rows[] = {
        {"slot: 3\n", ":1:1: ", "nearest is \"slots\""},
        {"name: n\nqueues: a\n", ":2:1: ", "nearest is \"queue\""},
        {"name: n\nname: m\n", ":2:1: ", "\"name\" is set in line 1 already"},
        {"slots: -1\n", ":1:8: ", "slots is a number"},
        {"queue:\n  - a\n  - 'b c'\n", ":3:5: ", "a name is"},
        {"slots: [1]\n", ":1:8: ", "plain value"},
        {"exec:\n  a: b\n  a: c\n", ":3:3: ", "already"},
        {"exec:\n  a: [b]\n", ":2:3: ", "plain"},
        {"- a\n", ":1:1: ", "map"},
        {"a: b: c\n", ":1:", ""},
        {"name: \"x\n", ":", ""},
        {"? [a]\n: b\n", ":1:3: ", "plain word"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_text(rows[i].text, 0), MUSTER_EINVAL);
        if (!strstr(why, rows[i].place) || !strstr(why, rows[i].part))
            fail_msg("%s: %s", rows[i].text, why);
    }
    assert_int_equal(config_read("/nonexistent", &s, 0, why, sizeof why), MUSTER_EIO);
    assert_non_null(strstr(why, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(values_are_checked, teardown),
        cmocka_unit_test_teardown(endpoints_are_checked, teardown),
        cmocka_unit_test_teardown(a_file_is_read, teardown),
        cmocka_unit_test_teardown(flags_win, teardown),
        cmocka_unit_test_teardown(wrong_files_are_explained, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
