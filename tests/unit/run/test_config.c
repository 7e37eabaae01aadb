/* test_config.c: values and limits, files with their errors' places, variables, checks across
 * settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/config.h"

static struct config config;
static char why[640];

static int set_up(void **state)
{
    (void)state;
    why[0] = '\0';
    clearenv();
    return config_init(&config);
}

static int tear_down(void **state)
{
    (void)state;
    config_fini(&config);
    return 0;
}

static int set(const char *key, const char *value)
{
    const struct setting *setting = config_find(slice_str(key));
    assert_non_null(setting);
    return config_set(&config, setting, value, why, sizeof why);
}

/* Reads `text` as a file; `why` then speaks of "FILE". */
static int read_text(const char *text)
{
    char path[] = "/tmp/test_config.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int error = config_from_file(&config, path, why, sizeof why);
    unlink(path);
    if (error && strncmp(why, path, strlen(path)) == 0)
        memmove(why, why + strlen(path), strlen(why + strlen(path)) + 1);
    return error;
}

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    assert_string_equal(config.frontend, "tcp://127.0.0.1:7670");
    assert_string_equal(config.backend, "tcp://127.0.0.1:7671");
    assert_string_equal(config.feed, "tcp://127.0.0.1:7672");
    assert_null(config.data);
    assert_int_equal(config.heartbeat, 1000);
    assert_int_equal(config.lease, 10000);
    assert_int_equal(config.restart_grace, 30000);
    assert_int_equal(config.max_payload, 262144);
    assert_int_equal(config.retain_age, 3600000);
    assert_int_equal(config.retain_jobs, 100000);
    assert_int_equal(config.retain_bytes, 256u << 20);
    assert_int_equal(config.parked_age, 180ull * 86400000);
    assert_int_equal(config.parked_bytes, 0);
    assert_int_equal(config.disk_reserve, 64u << 20);
    assert_int_equal(config.log_format, LOG_AS_TEXT);
    assert_int_equal(config.log_level, LEVEL_INFO);
    assert_int_equal(config.insecure, 0);
    assert_int_equal(config_check(&config, why, sizeof why), 0);
}

static void values_are_read_by_their_kind(void **state)
{
    (void)state;
    assert_int_equal(set("lease", "1m30s"), 0);
    assert_int_equal(config.lease, 90000);
    assert_int_equal(set("max-payload", "1MiB"), 0);
    assert_int_equal(config.max_payload, 1u << 20);
    assert_int_equal(set("retain-jobs", "0"), 0);
    assert_int_equal(config.retain_jobs, 0);
    assert_int_equal(set("log-format", "json"), 0);
    assert_int_equal(config.log_format, LOG_AS_JSON);
    assert_int_equal(set("log-level", "debug"), 0);
    assert_int_equal(config.log_level, LEVEL_DEBUG);
    assert_int_equal(set("insecure", "true"), 0);
    assert_int_equal(config.insecure, 1);
    assert_int_equal(set("data", "/somewhere"), 0);
    assert_string_equal(config.data, "/somewhere");
    assert_int_equal(set("feed", "ipc:///tmp/feed"), 0);
    assert_string_equal(config.feed, "ipc:///tmp/feed");
}

static void wrong_values_change_nothing_and_say_what_is_right(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *words;
    } cases[] = {
        {"lease", "10", "a duration such as 250ms, 10s or 1h30m, not \"10\""},
        {"lease", "-1s", "a duration"},
        {"lease", "2d", "at most 1d"},
        {"heartbeat", "1ms", "at least 20ms"},
        {"max-payload", "1", "at least 1KiB"},
        {"max-payload", "1GiB", "at most 64MiB"},
        {"max-payload", "big", "a size"},
        {"retain-jobs", "-1", "a whole number"},
        {"retain-jobs", "1.5", "a whole number"},
        {"retain-jobs", "99999999999999999999", "a whole number"},
        {"parked-age", "1d", "at least 7d"},
        {"log-level", "loud", "error, warn, info or debug, not \"loud\""},
        {"log-format", "xml", "text or json"},
        {"insecure", "yes", "true or false"},
        {"frontend", "127.0.0.1:7670", "tcp:// or ipc://"},
        {"data", "", "data is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(set(cases[i].key, cases[i].value), MUSTER_EINVAL);
        if (!strstr(why, cases[i].words))
            fail_msg("%s: %s: %s", cases[i].key, cases[i].value, why);
    }
    defaults_are_those_of_the_table(state);
}

static void files_are_read(void **state)
{
    (void)state;
    assert_int_equal(
        read_text("# a comment\nlease: 20s\n\"max-payload\": '512KiB'\ninsecure: true\n"), 0);
    assert_int_equal(config.lease, 20000);
    assert_int_equal(config.max_payload, 512u << 10);
    assert_int_equal(config.insecure, 1);
    assert_int_equal(read_text(""), 0);
    assert_int_equal(read_text("# nothing\n"), 0);
    assert_int_equal(read_text("---\n...\n"), 0);
    assert_int_equal(read_text("{lease: 30s, heartbeat: 2s}"), 0);
    assert_int_equal(config.lease, 30000);
}

static void errors_in_files_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"leese: 10s\n", ":1:1: unknown key \"leese\"; the nearest is \"lease\""},
        {"lease: 10s\n\n  \nmax_payload: 1MiB\n",
         ":4:1: unknown key \"max_payload\"; the nearest is \"max-payload\""},
        {"lease: 10s\nheartbeat:   fast\n", ":2:14: heartbeat is a duration"},
        {"lease: 10s\nlease: 11s\n", ":2:1: \"lease\" is set in line 1 already"},
        {"lease: [10s]\n", ":1:8: lease takes one value"},
        {"lease: {a: 1}\n", ":1:8: lease takes one value"},
        {"- lease\n", ":1:1: the file is a map"},
        {"lease\n", ":1:1: the file is a map"},
        {"? [a]\n: b\n", ":1:3: a key is a plain word"},
        {"? {a: b}\n: b\n", ":1:3: a key is a plain word"},
        {"lease: 'open\n", ":2:1: "},
        {"lease:\n", ":1:7: lease is a duration"},
        {"\tlease: 1s\n", ":1:1: "},
        {"frontend: here\n", ":1:11: \"here\" is no endpoint"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_text(cases[i].text), MUSTER_EINVAL);
        if (strncmp(why, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s: %s", cases[i].text, why);
    }
    assert_int_equal(config_from_file(&config, "/does/not/exist", why, sizeof why), MUSTER_EIO);
    assert_non_null(strstr(why, "/does/not/exist"));
}

static void every_setting_is_a_variable(void **state)
{
    (void)state;
    setenv("MUSTERD_RESTART_GRACE", "1m", 1);
    setenv("MUSTERD_INSECURE", "true", 1);
    setenv("MUSTERD_LEASE", "", 1); /* empty: not set */
    assert_int_equal(config_from_environment(&config, why, sizeof why), 0);
    assert_int_equal(config.restart_grace, 60000);
    assert_int_equal(config.insecure, 1);
    assert_int_equal(config.lease, 10000);
    setenv("MUSTERD_LEASE", "soon", 1);
    assert_int_equal(config_from_environment(&config, why, sizeof why), MUSTER_EINVAL);
    assert_non_null(strstr(why, "MUSTERD_LEASE: lease is a duration"));
}

static char strays[512];

static void note_stray(const char *name, const char *nearest)
{
    size_t len = strlen(strays);
    snprintf(strays + len, sizeof strays - len, "%s %s\n", name, nearest);
}

static void variables_of_no_setting_are_told(void **state)
{
    (void)state;
    setenv("MUSTERD_LEASE", "12s", 1);
    setenv("MUSTERD_LEESE", "12s", 1);
    setenv("MUSTERD_RETAINAGE", "2h", 1);
    setenv("MUSTERD_", "x", 1);
    setenv("MUSTERD_HARTBEAT", "", 1);             /* empty: not set */
    setenv("MUSTERD_SERVICE_HOST", "10.1.2.3", 1); /* of Kubernetes */
    setenv("MUSTER_LEESE", "12s", 1);
    strays[0] = '\0';
    config_stray_variables(note_stray);
    assert_non_null(strstr(strays, "MUSTERD_LEESE MUSTERD_LEASE\n"));
    assert_non_null(strstr(strays, "MUSTERD_RETAINAGE MUSTERD_RETAIN_AGE\n"));
    assert_non_null(strstr(strays, "MUSTERD_ MUSTERD_"));
    size_t lines = 0;
    for (const char *p = strays; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 3);
}

static void the_lease_holds_three_heartbeats(void **state)
{
    (void)state;
    assert_int_equal(set("heartbeat", "2s"), 0);
    assert_int_equal(set("lease", "6s"), 0);
    assert_int_equal(config_check(&config, why, sizeof why), 0);
    assert_int_equal(set("lease", "5999ms"), 0);
    assert_int_equal(config_check(&config, why, sizeof why), MUSTER_EINVAL);
    assert_non_null(strstr(why, "lease is at least 3 x heartbeat"));
}

static void sockets_beyond_this_machine_need_a_word(void **state)
{
    (void)state;
    assert_int_equal(set("backend", "tcp://*:7671"), 0);
    assert_int_equal(config_check(&config, why, sizeof why), MUSTER_EINVAL);
    assert_non_null(strstr(why, "backend: tcp://*:7671"));
    assert_non_null(strstr(why, "insecure: true"));
    assert_int_equal(set("insecure", "true"), 0);
    assert_int_equal(config_check(&config, why, sizeof why), 0);
}

static void data_has_a_place_by_default(void **state)
{
    (void)state;
    assert_int_equal(config_default_data(&config, why, sizeof why), MUSTER_EINVAL);
    assert_null(config.data);
    setenv("HOME", "/home/ann", 1);
    assert_int_equal(config_default_data(&config, why, sizeof why), 0);
    assert_string_equal(config.data, "/home/ann/.local/state/muster");
    free(config.data);
    config.data = NULL;
    setenv("STATE_DIRECTORY", "/var/lib/muster:/var/lib/other", 1);
    assert_int_equal(config_default_data(&config, why, sizeof why), 0);
    assert_string_equal(config.data, "/var/lib/muster");
    assert_int_equal(set("data", "/mine"), 0);
    assert_int_equal(config_default_data(&config, why, sizeof why), 0);
    assert_string_equal(config.data, "/mine");
}

static void the_nearest_key_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *written, *nearest;
    } cases[] = {
        {"frontnd", "frontend"},
        {"back-end", "backend"},
        {"DATA", "data"},
        {"retain_age", "retain-age"},
        {"loglevel", "log-level"},
        {"hartbeat", "heartbeat"},
        {"a-very-long-key-that-resembles-nothing-at-all", "restart-grace"},
    };
    for (size_t i = 0; i + 1 < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(config_nearest(slice_str(cases[i].written)), cases[i].nearest);
    assert_non_null(config_nearest(slice_str(cases[6].written)));
    assert_non_null(config_nearest(SLICE_EMPTY));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_those_of_the_table),
        TEST(values_are_read_by_their_kind),
        TEST(wrong_values_change_nothing_and_say_what_is_right),
        TEST(files_are_read),
        TEST(errors_in_files_name_their_place),
        TEST(every_setting_is_a_variable),
        TEST(variables_of_no_setting_are_told),
        TEST(the_lease_holds_three_heartbeats),
        TEST(sockets_beyond_this_machine_need_a_word),
        TEST(data_has_a_place_by_default),
        TEST(the_nearest_key_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
