/* The contract with commands, one test a promise of docs/exec.md: how they end, what they write,
 * how they are stopped, and that nothing of them is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "exec_rig.h"
#include "json.h"

/* X(symbol, command) */
#define COMMANDS                                                                                   \
    X(TRUE, "true")                                                                                \
    X(EXIT_3, "echo ' first'; echo 'a reason' >&2; echo >&2; exit 3")                              \
    X(EXIT_65, "echo bad >&2; exit 65")                                                            \
    X(EXIT_75, "exit 75")                                                                          \
    X(EXIT_78, "exit 78")                                                                          \
    X(NOT_FOUND, "exec /nonexistent/muster-handler")                                               \
    X(NOT_EXECUTABLE, "exec /etc/passwd")                                                          \
    X(KILLED, "kill -9 $$")                                                                        \
    X(INNER_KILLED, "sh -c 'kill -9 $$'; exit $?")                                                 \
    X(JSON, "echo ' {\"n\": [1, 2.5, null]} '")                                                    \
    X(TEXT, "printf 'two\\nlines\\n\\n'")                                                          \
    X(BAD_UTF8, "printf 'a\\377b'")                                                                \
    X(LONG, "head -c 70000 /dev/zero | tr '\\0' x")                                                \
    X(EXACT, "head -c 65536 /dev/zero | tr '\\0' x")                                               \
    X(ENDLESS, "yes")                                                                              \
    X(LONG_LOG, "head -c 100000 /dev/zero | tr '\\0' x >&2; echo >&2; echo END >&2; exit 1")       \
    X(CAT, "cat")                                                                                  \
    X(ENVIRONMENT, "echo $MUSTER_JOB_ID $MUSTER_KIND $MUSTER_QUEUE $MUSTER_ATTEMPT $MUSTER_TOKEN") \
    X(SCHEDULE, "echo ${MUSTER_SCHEDULE-none} ${MUSTER_NOMINAL_TIME-none}")                        \
    X(NO_STDIN, "exec <&-; echo done")                                                             \
    X(SLEEP, "exec sleep 1000")                                                                    \
    X(DEAF, "trap '' TERM; while :; do sleep 1000; done")                                          \
    X(POLITE, "trap 'echo stopped; exit 0' TERM; sleep 1000 & wait")                               \
    X(CLOSES_STDOUT, "exec >&- 2>&-; exec sleep 0.3")                                              \
    X(BACKGROUND, "sleep 1000 & echo $! > $RIG_DIR/pid; echo ok")                                  \
    X(DAEMON, "setsid sh -c 'setsid sleep 1000 & echo $! > $RIG_DIR/pid' & "                       \
              "until [ -s $RIG_DIR/pid ]; do :; done; echo ok")                                    \
    X(DAEMON_STAYS, "setsid sh -c 'setsid sleep 1000 & echo $! > $RIG_DIR/pid' & exec sleep 1000") \
    X(OWN_GROUP, "ps -o pgid= -p $$ | tr -d ' '; echo $$")                                         \
    X(SIGPIPE_DEFAULT, "yes | head -1 >/dev/null; "                                                \
                       "grep -c 'SigIgn:.*0000000000001000' /proc/self/status; true")

enum command {
#define X(symbol, command) symbol,
    COMMANDS
#undef X
        COMMAND_COUNT
};

static const char *const commands[] = {
#define X(symbol, command) command,
    COMMANDS
#undef X
};

static struct exec_rig rig;
static char dir[] = "/tmp/muster-exec-XXXXXX";

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    setenv("RIG_DIR", dir, 1);
    setenv("MUSTER_SCHEDULE", "of the worker itself", 1);
    setenv("MUSTER_NOMINAL_TIME", "its own", 1);
    exec_rig_init(&rig, commands, COMMAND_COUNT);
    return 0;
}

static int teardown(void **state)
{
    char path[64];

    (void)state;
    exec_rig_fini(&rig);
    snprintf(path, sizeof path, "%s/pid", dir);
    unlink(path);
    return rmdir(dir);
}

/* ---- looking at ends ---- */

static void expect(const struct job *job, enum outcome outcome, const char *code,
                   const char *message)
{
    assert_int_equal(job->outcome, outcome);
    if (code)
        assert_string_equal(job->note->code, code);
    if (message)
        assert_string_equal(job->note->message, message);
}

static void expect_result(const struct job *job, const char *json)
{
    struct buf text;

    assert_int_equal(job->outcome, OUTCOME_COMPLETED);
    buf_init(&text, 1 << 24);
    if (job->result_len)
        assert_int_equal(msgpack_to_json(slice_of(job->result, job->result_len), &text), 0);
    assert_int_equal(buf_append(&text, "", 1), 0);
    assert_string_equal((const char *)text.data, json);
    buf_fini(&text);
}

/* The process that a command wrote down. */
static pid_t noted_pid(void)
{
    uint64_t until = clock_ms() + 20000;
    char path[64];
    long pid = 0;

    snprintf(path, sizeof path, "%s/pid", dir);
    while (pid <= 0) {
        FILE *f = fopen(path, "r");
        assert_true(clock_ms() < until);
        if (f && fscanf(f, "%ld", &pid) != 1)
            pid = 0;
        if (f)
            fclose(f);
    }
    unlink(path);
    return (pid_t)pid;
}

static void expect_gone(pid_t pid)
{
    uint64_t until = clock_ms() + 20000;

    while (kill(pid, 0) == 0)
        assert_true(clock_ms() < until);
    assert_int_equal(errno, ESRCH);
}

/* ---- exit status ---- */

static void exit_status_decides(void **state)
{
    (void)state;
    expect(exec_rig_run(&rig, TRUE), OUTCOME_COMPLETED, NULL, NULL);
    const struct job *job = exec_rig_run(&rig, EXIT_3);
    expect(job, OUTCOME_FAILED, "exit_3", "a reason");
    assert_int_equal(job->note->exit_status, 3);
    assert_memory_equal(job->note->log, "a reason\n\n", 10);
    expect(exec_rig_run(&rig, EXIT_65), OUTCOME_PARKED, "exit_65", "bad");
    expect(exec_rig_run(&rig, EXIT_78), OUTCOME_PARKED, "exit_78", "exit status 78");
    job = exec_rig_run(&rig, EXIT_75);
    expect(job, OUTCOME_SNOOZED, NULL, NULL);
    assert_int_equal(job->note->delay_ms, 0);
}

static void what_cannot_be_executed_fails(void **state)
{
    (void)state;
    const struct job *job = exec_rig_run(&rig, NOT_FOUND);
    expect(job, OUTCOME_FAILED, "not_executable", NULL);
    assert_non_null(strstr(job->note->message, "/nonexistent/muster-handler"));
    assert_int_equal(job->note->exit_status, 127);
    job = exec_rig_run(&rig, NOT_EXECUTABLE);
    expect(job, OUTCOME_FAILED, "not_executable", NULL);
    assert_int_equal(job->note->exit_status, 126);
}

static void a_signal_is_named(void **state)
{
    (void)state;
    const struct job *job = exec_rig_run(&rig, KILLED);
    expect(job, OUTCOME_FAILED, "signal_SIGKILL", "ended by SIGKILL");
    assert_string_equal(job->note->signal, "SIGKILL");
    assert_int_equal(job->note->exit_status, -1);
    job = exec_rig_run(&rig, INNER_KILLED);
    expect(job, OUTCOME_FAILED, "exit_137", NULL);
}

/* ---- input and output ---- */

static void stdout_is_the_result(void **state)
{
    (void)state;
    expect_result(exec_rig_run(&rig, TRUE), "");
    expect_result(exec_rig_run(&rig, JSON), "{\"n\":[1,2.5,null]}");
    expect_result(exec_rig_run(&rig, TEXT), "\"two\\nlines\"");
    expect_result(exec_rig_run(&rig, BAD_UTF8), "\"a\xEF\xBF\xBD"
                                                "b\"");
}

static void long_output_is_cut_and_marked(void **state)
{
    static const char mark[] = "x\n[cut: the output had 70000 bytes]";
    const struct job *job = exec_rig_run(&rig, LONG);

    (void)state;
    assert_int_equal(job->outcome, OUTCOME_COMPLETED);
    assert_in_range(job->result_len, 65000, 65700);
    assert_memory_equal(job->result + job->result_len - (sizeof mark - 1), mark, sizeof mark - 1);
    job = exec_rig_run(&rig, EXACT);
    assert_int_equal(job->result_len, 65536 + 5); /* with its header */
    assert_int_equal(job->result[job->result_len - 1], 'x');
}

static void stderr_keeps_its_end(void **state)
{
    const struct job *job = exec_rig_run(&rig, LONG_LOG);

    (void)state;
    expect(job, OUTCOME_FAILED, "exit_1", "END");
    assert_int_equal(job->note->log_len, LOG_LAST_BYTES);
    assert_memory_equal(job->note->log + LOG_LAST_BYTES - 5, "\nEND\n", 5);
}

static void args_come_as_json(void **state)
{
    struct buf args;
    char why[160];

    (void)state;
    buf_init(&args, 1 << 24);
    assert_int_equal(json_to_msgpack("{\"to\":\"you\",\"n\":[1,2]}", 22, &args, why, sizeof why),
                     0);
    struct job *job = exec_rig_start(&rig, CAT, buf_slice(&args), 60000);
    exec_rig_wait(&rig, job);
    expect_result(job, "{\"to\":\"you\",\"n\":[1,2]}");
    buf_fini(&args);
}

/* More than a pipe holds goes in while output comes out; a command that reads nothing is no
 * trouble. */
static void long_args_do_not_block(void **state)
{
    uint8_t *args = calloc(1, 200005);
    struct job *job;

    (void)state;
    assert_non_null(args);
    memcpy(args, "\xdb\x00\x03\x0d\x40", 5);
    memset(args + 5, 'z', 200000);
    job = exec_rig_start(&rig, CAT, slice_of(args, 200005), 60000);
    exec_rig_wait(&rig, job);
    assert_int_equal(job->outcome, OUTCOME_COMPLETED);
    assert_in_range(job->result_len, 65000, 65700);
    job = exec_rig_start(&rig, NO_STDIN, slice_of(args, 200005), 60000);
    exec_rig_wait(&rig, job);
    expect_result(job, "\"done\"");
    free(args);
}

static void the_environment_tells_who_it_is(void **state)
{
    char id[JOB_ID_TEXT_BYTES], wanted[128];

    (void)state;
    job_id_format((uint64_t)77 << 8, id);
    snprintf(wanted, sizeof wanted, "\"%s email.send mail 3 %s.1\"", id, id);
    expect_result(exec_rig_run(&rig, ENVIRONMENT), wanted);
}

static void a_run_of_a_schedule_is_told_its_time(void **state)
{
    (void)state;
    expect_result(exec_rig_run(&rig, SCHEDULE), "\"none none\"");
    rig.schedule = slice_str("daily/eu");
    rig.nominal_ms = 1774746000000;
    expect_result(exec_rig_run(&rig, SCHEDULE), "\"daily/eu 2026-03-29T01:00:00Z\"");
    rig.nominal_ms += 7; /* by hand */
    expect_result(exec_rig_run(&rig, SCHEDULE), "\"daily/eu 2026-03-29T01:00:00.007Z\"");
    rig.schedule = SLICE_EMPTY;
    expect_result(exec_rig_run(&rig, SCHEDULE), "\"none none\"");
}

static void it_leads_a_group_with_plain_signals(void **state)
{
    const struct job *job = exec_rig_run(&rig, OWN_GROUP);
    char text[64];
    long group, self;

    (void)state;
    snprintf(text, sizeof text, "%.*s", (int)job->result_len - 1, (const char *)job->result + 1);
    assert_int_equal(sscanf(text, "%ld %ld", &group, &self), 2);
    assert_int_equal(group, self);
    expect_result(exec_rig_run(&rig, SIGPIPE_DEFAULT), "0");
}

/* ---- stopping ---- */

static void run_timeout_ends_it(void **state)
{
    struct job *job = exec_rig_start(&rig, SLEEP, slice_of("\x80", 1), 50);

    (void)state;
    exec_rig_wait(&rig, job);
    expect(job, OUTCOME_TIMEOUT, "timeout", "it did not end within 50ms");
    assert_string_equal(job->note->signal, "SIGTERM");
    job = exec_rig_start(&rig, DEAF, slice_of("\x80", 1), 50);
    exec_rig_wait(&rig, job);
    expect(job, OUTCOME_TIMEOUT, "timeout", NULL);
    assert_string_equal(job->note->signal, "SIGKILL");
    assert_true(job->run_us >= 350000);
    job = exec_rig_start(&rig, ENDLESS, slice_of("\x80", 1), 50);
    exec_rig_wait(&rig, job);
    expect(job, OUTCOME_TIMEOUT, "timeout", NULL);
    job = exec_rig_start(&rig, POLITE, slice_of("\x80", 1), 200);
    exec_rig_wait(&rig, job);
    expect(job, OUTCOME_TIMEOUT, "timeout", NULL);
}

static void cancel_and_drain_end_it(void **state)
{
    struct job *job = exec_rig_start(&rig, SLEEP, slice_of("\x80", 1), 60000);

    (void)state;
    exec_rig_stop(&rig, job, STOP_CANCEL);
    exec_rig_wait(&rig, job);
    expect(job, OUTCOME_CANCELLED, "cancelled", "ended by SIGTERM");
    job = exec_rig_start(&rig, DEAF, slice_of("\x80", 1), 60000);
    exec_rig_stop(&rig, job, STOP_DRAIN);
    exec_rig_wait(&rig, job);
    expect(job, OUTCOME_RELEASED, NULL, NULL);
    job = exec_rig_start(&rig, DEAF, slice_of("\x80", 1), 60000);
    exec_rig_stop(&rig, job, STOP_NOW);
    exec_rig_wait(&rig, job);
    expect(job, OUTCOME_RELEASED, NULL, NULL);
    assert_true(job->run_us < 300000); /* at once, without grace */
}

/* A second, stronger reason is heard while the first one's grace runs. */
static void a_stronger_stop_is_heard(void **state)
{
    struct job *job = exec_rig_start(&rig, DEAF, slice_of("\x80", 1), 60000);

    (void)state;
    rig.handlers[DEAF].grace.cancel_ms = 60000;
    exec_rig_stop(&rig, job, STOP_CANCEL);
    exec_rig_stop(&rig, job, STOP_NOW);
    exec_rig_wait(&rig, job);
    expect(job, OUTCOME_RELEASED, NULL, NULL);
    rig.handlers[DEAF].grace.cancel_ms = 300;
}

/* ---- what is left behind ---- */

static void closing_stdout_does_not_end_it(void **state)
{
    const struct job *job = exec_rig_run(&rig, CLOSES_STDOUT);

    (void)state;
    assert_int_equal(job->outcome, OUTCOME_COMPLETED);
    assert_true(job->run_us >= 300000);
}

static void background_processes_end_with_the_job(void **state)
{
    (void)state;
    expect_result(exec_rig_run(&rig, BACKGROUND), "\"ok\"");
    expect_gone(noted_pid());
}

/* A daemon leaves the process group, but not its ancestors. */
static void daemons_end_with_the_job(void **state)
{
    struct job *job;
    pid_t pid;

    (void)state;
    expect_result(exec_rig_run(&rig, DAEMON), "\"ok\"");
    expect_gone(noted_pid());
    job = exec_rig_start(&rig, DAEMON_STAYS, slice_of("\x80", 1), 60000);
    pid = noted_pid();
    assert_int_equal(kill(pid, 0), 0);
    exec_rig_stop(&rig, job, STOP_CANCEL);
    exec_rig_wait(&rig, job);
    expect_gone(pid);
}

static size_t open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void no_descriptor_is_left(void **state)
{
    size_t before;

    (void)state;
    exec_rig_run(&rig, TRUE);
    before = open_descriptors();
    for (int i = 0; i < 20; i++)
        exec_rig_run(&rig, JSON);
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_status_decides),
        cmocka_unit_test(what_cannot_be_executed_fails),
        cmocka_unit_test(a_signal_is_named),
        cmocka_unit_test(stdout_is_the_result),
        cmocka_unit_test(long_output_is_cut_and_marked),
        cmocka_unit_test(stderr_keeps_its_end),
        cmocka_unit_test(args_come_as_json),
        cmocka_unit_test(long_args_do_not_block),
        cmocka_unit_test(the_environment_tells_who_it_is),
        cmocka_unit_test(a_run_of_a_schedule_is_told_its_time),
        cmocka_unit_test(it_leads_a_group_with_plain_signals),
        cmocka_unit_test(run_timeout_ends_it),
        cmocka_unit_test(cancel_and_drain_end_it),
        cmocka_unit_test(a_stronger_stop_is_heard),
        cmocka_unit_test(closing_stdout_does_not_end_it),
        cmocka_unit_test(background_processes_end_with_the_job),
        cmocka_unit_test(daemons_end_with_the_job),
        cmocka_unit_test(no_descriptor_is_left),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
