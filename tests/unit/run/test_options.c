/* test_options.c: the command line, and which source of a setting is the strongest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/options.h"

static struct config config;
static char file[] = "/tmp/test_options.XXXXXX";
static char said[8192]; /* what went to stdout and stderr */

static int set_up(void **state)
{
    (void)state;
    static const char text[] = "lease: 40s\nheartbeat: 4s\nrestart-grace: 4m\n";
    clearenv();
    setenv("HOME", "/home/ann", 1);
    memcpy(file + strlen(file) - 6, "XXXXXX", 6);
    int fd = mkstemp(file);
    return fd < 0 || write(fd, text, sizeof text - 1) < 0 || close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    config_fini(&config);
    unlink(file);
    return 0;
}

/* Runs with stdout and stderr caught in `said`. Arguments end with NULL. */
static enum options_verdict read_args(const char *first, ...)
{
    char *argv[16] = {(char *)(uintptr_t) "musterd", (char *)(uintptr_t)first};
    int argc = first ? 2 : 1;
    va_list args;
    va_start(args, first);
    while (first && argc < 15 && (argv[argc] = va_arg(args, char *)))
        argc++;
    va_end(args);
    char caught[] = "/tmp/test_options_said.XXXXXX";
    int fd = mkstemp(caught), out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    fflush(NULL);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    enum options_verdict verdict = options_read(&config, argc, argv);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    ssize_t len = pread(fd, said, sizeof said - 1, 0);
    said[len > 0 ? len : 0] = '\0';
    close(fd);
    unlink(caught);
    return verdict;
}

static void flags_go_before_variables_before_the_file(void **state)
{
    (void)state;
    setenv("MUSTERD_LEASE", "30s", 1);
    setenv("MUSTERD_RESTART_GRACE", "3m", 1);
    assert_int_equal(read_args("--config", file, "--lease=20s", "--data", "/d", NULL), OPTIONS_RUN);
    assert_int_equal(config.lease, 20000);
    assert_int_equal(config.restart_grace, 180000);
    assert_int_equal(config.heartbeat, 4000);
    assert_int_equal(config.retain_jobs, 100000);
    assert_string_equal(config.data, "/d");
    assert_string_equal(said, "");
}

static void a_switch_needs_no_value(void **state)
{
    (void)state;
    assert_int_equal(read_args("--insecure", "--frontend", "tcp://*:*", NULL), OPTIONS_RUN);
    assert_int_equal(config.insecure, 1);
    assert_string_equal(config.data, "/home/ann/.local/state/muster");
    config_fini(&config);
    assert_int_equal(read_args("--insecure=false", "--frontend", "tcp://*:*", NULL), OPTIONS_WRONG);
    assert_non_null(strstr(said, "can be reached from other machines"));
}

static void a_file_can_be_checked(void **state)
{
    (void)state;
    setenv("MUSTERD_LEASE", "nonsense", 1); /* the file alone is looked at */
    assert_int_equal(read_args("--check-config", file, NULL), OPTIONS_DONE);
    assert_non_null(strstr(said, ": ok\n"));
    config_fini(&config);
    int fd = open(file, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "feeed: x\n", 9), 9);
    close(fd);
    assert_int_equal(read_args("--check-config", file, NULL), OPTIONS_WRONG);
    assert_non_null(strstr(said, ":4:1: unknown key \"feeed\"; the nearest is \"feed\""));
}

static void a_directory_can_be_looked_at(void **state)
{
    (void)state;
    assert_int_equal(read_args("--verify", "--data", "/d", NULL), OPTIONS_VERIFY);
    assert_string_equal(config.data, "/d");
    config_fini(&config);
    assert_int_equal(read_args("--restore", "/b", NULL), OPTIONS_RESTORE);
    assert_string_equal(config.restore, "/b");
    assert_string_equal(config.data, "/home/ann/.local/state/muster");
    config_fini(&config);
    assert_int_equal(read_args("--restore", "/b", "--verify", NULL), OPTIONS_WRONG);
    assert_non_null(strstr(said, "two tasks"));
}

static void wrong_words_are_explained(void **state)
{
    (void)state;
    static const struct {
        const char *args[3], *words;
    } cases[] = {
        {{"--leas-e=1s"}, "unknown flag --leas-e=1s; the nearest is --lease"},
        {{"--lease"}, "--lease needs a value"},
        {{"-x"}, "unknown flag -x"},
        {{"run"}, "\"run\" is too much"},
        {{"--lease", "1x"}, "--lease: lease is a duration"},
        {{"--config", "/none"}, "/none: cannot be read"},
        {{"--lease", "1s"}, "lease is at least 3 x heartbeat"},
        {{"--frontend", "tcp://0.0.0.0:1"}, "set `insecure: true` (--insecure)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_args(cases[i].args[0], cases[i].args[1], NULL), OPTIONS_WRONG);
        if (strncmp(said, "musterd: ", 9) != 0 || !strstr(said, cases[i].words))
            fail_msg("%s: %s", cases[i].args[0], said);
        config_fini(&config);
    }
}

static void help_names_every_setting(void **state)
{
    (void)state;
    assert_int_equal(read_args("--help", NULL), OPTIONS_DONE);
    for (size_t i = 0; i < config_setting_count; i++)
        assert_non_null(strstr(said, config_settings[i].key));
    for (const char *line = said; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    assert_int_equal(read_args("--version", NULL), OPTIONS_DONE);
    assert_non_null(strstr(said, "musterd 0."));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(flags_go_before_variables_before_the_file),
        TEST(a_switch_needs_no_value),
        TEST(a_file_can_be_checked),
        TEST(a_directory_can_be_looked_at),
        TEST(wrong_words_are_explained),
        TEST(help_names_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
