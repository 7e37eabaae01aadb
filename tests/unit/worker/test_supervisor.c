/* Nothing runs on when the worker, the supervisor or a reaper is killed with SIGKILL. Real
 * processes; this one is a child subreaper, so that it sees who is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "exec_rig.h"
#include "tree.h"

#define DEADLINE_MS 20000u

enum { STAYS, STAYS_IN_GROUP, DAEMON, QUICK, COMMAND_COUNT };

static const char *const commands[COMMAND_COUNT] = {
    [STAYS] = "echo $$ > $RIG_DIR/stays; exec sleep 1000",
    [STAYS_IN_GROUP] = "sleep 1000 & echo $! > $RIG_DIR/group; trap '' TERM HUP INT; echo $PPID > "
                       "$RIG_DIR/reaper; sleep 1000",
    [DAEMON] = "setsid sh -c 'setsid sh -c \"trap : TERM; echo \\$\\$ > $RIG_DIR/daemon; while :; "
               "do sleep 1; "
               "done\" &' & sleep 1000",
    [QUICK] = "true",
};

static char dir[] = "/tmp/muster-supervisor-XXXXXX";

/* The process id that a command has written to a file. */
static pid_t noted(const char *name)
{
    uint64_t until = clock_ms() + DEADLINE_MS;
    char path[128];
    long pid = 0;

    snprintf(path, sizeof path, "%s/%s", dir, name);
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
    uint64_t until = clock_ms() + DEADLINE_MS;

    while (kill(pid, 0) == 0 || errno != ESRCH)
        assert_true(clock_ms() < until);
}

/* Waits for every child; returns how many there were. */
static int reap_all(void)
{
    int count = 0;

    while (waitpid(-1, NULL, 0) > 0)
        count++;
    assert_int_equal(errno, ECHILD);
    return count;
}

/* A worker with one slot a command, in a process of its own. */
static pid_t start_worker(size_t first, size_t last)
{
    pid_t pid = fork();

    if (pid != 0) {
        assert_true(pid > 0);
        return pid;
    }
    struct supervisor s;
    struct reaper_env env = {.job_id = "id"};
    int control;

    if (supervisor_start(commands, COMMAND_COUNT, &s))
        _exit(1);
    for (size_t i = first; i <= last; i++)
        if (supervisor_spawn(&s, i, &env, 0, 1, 2, &control))
            _exit(1);
    for (;;)
        pause();
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    setenv("RIG_DIR", dir, 1);
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int teardown(void **state)
{
    (void)state;
    tree_end();
    return rmdir(dir);
}

static void killing_the_worker_leaves_nothing(void **state)
{
    pid_t worker = start_worker(STAYS, DAEMON);
    pid_t stays = noted("stays"), group = noted("group"), daemon = noted("daemon");

    (void)state;
    noted("reaper");
    assert_int_equal(kill(daemon, 0), 0);
    kill(worker, SIGKILL);
    expect_gone(stays);
    expect_gone(group);
    expect_gone(daemon);
    assert_int_equal(reap_all(),
                     2); /* the worker, and its supervisor: all else was reaped by them */
}

/* What a killed reaper leaves goes to the supervisor, which ends it at once. */
static void killing_a_reaper_ends_its_command(void **state)
{
    pid_t worker = start_worker(STAYS_IN_GROUP, STAYS_IN_GROUP);
    pid_t group = noted("group"), reaper = noted("reaper");

    (void)state;
    kill(reaper, SIGKILL);
    expect_gone(group);
    kill(worker, SIGKILL);
    assert_int_equal(reap_all(), 2);
}

/* With the supervisor killed, reapers are on their own; they end with the worker all the same. */
static void killing_supervisor_and_worker_leaves_nothing(void **state)
{
    pid_t worker = start_worker(STAYS_IN_GROUP, DAEMON);
    pid_t group = noted("group"), reaper = noted("reaper"), daemon = noted("daemon");
    char path[64];
    long supervisor = 0;

    (void)state;
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)reaper);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d (%*[^)]) %*c %ld", &supervisor), 1);
    fclose(f);
    kill((pid_t)supervisor, SIGKILL);
    kill(worker, SIGKILL);
    expect_gone(group);
    expect_gone(daemon);
    reap_all();
}

/* Ctrl-C in a terminal reaches every process of the worker's group: the supervisor must not hear
 * it. */
static void the_supervisor_is_deaf_to_signals(void **state)
{
    struct exec_rig rig;

    (void)state;
    exec_rig_init(&rig, commands, COMMAND_COUNT);
    for (const int *sig = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0}; *sig; sig++)
        kill(rig.supervisor.pid, *sig);
    assert_int_equal(exec_rig_run(&rig, QUICK)->outcome, OUTCOME_COMPLETED);
    assert_int_not_equal(getsid(rig.supervisor.pid), getsid(0));
    exec_rig_fini(&rig);
    assert_int_equal(reap_all(), 0);
}

static void a_lost_supervisor_is_noticed(void **state)
{
    struct exec_rig rig;

    (void)state;
    exec_rig_init(&rig, commands, COMMAND_COUNT);
    kill(rig.supervisor.pid, SIGKILL);
    waitpid(rig.supervisor.pid, NULL, 0);
    assert_int_equal(exec_rig_run(&rig, QUICK)->outcome, OUTCOME_RELEASED);
    assert_int_equal(rig.orphaned, 1);
    exec_rig_fini(&rig);
}

static void a_lost_reaper_fails_the_attempt(void **state)
{
    struct exec_rig rig;
    struct job *job;

    (void)state;
    exec_rig_init(&rig, commands, COMMAND_COUNT);
    job = exec_rig_start(&rig, STAYS_IN_GROUP, slice_of("\x80", 1), 60000);
    pid_t group = noted("group");
    kill(noted("reaper"), SIGKILL);
    exec_rig_wait(&rig, job);
    assert_int_equal(job->outcome, OUTCOME_FAILED);
    assert_string_equal(job->note->code, "supervision_lost");
    expect_gone(group);
    exec_rig_fini(&rig);
    assert_int_equal(reap_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killing_the_worker_leaves_nothing),
        cmocka_unit_test(killing_a_reaper_ends_its_command),
        cmocka_unit_test(killing_supervisor_and_worker_leaves_nothing),
        cmocka_unit_test(the_supervisor_is_deaf_to_signals),
        cmocka_unit_test(a_lost_supervisor_is_noticed),
        cmocka_unit_test(a_lost_reaper_fails_the_attempt),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
