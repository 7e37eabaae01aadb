/* muster-worker as a process, against a broker played by hand: what it prints, how it ends, what it
 * leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_broker.h"

#define DEADLINE_MS 20000u
#define ARGS_MAX    16

static struct fake_broker broker;

struct program {
    pid_t pid;
    int out; /* its standard output and error */
    char text[8192];
    size_t len;
};

static void start(struct program *p, const char *const *args)
{
    const char *argv[ARGS_MAX + 2] = {MUSTER_WORKER};
    int pipe_fds[2];

    memset(p, 0, sizeof *p);
    for (size_t i = 0; args[i]; i++) {
        assert_true(i < ARGS_MAX);
        argv[i + 1] = args[i];
    }
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        dup2(pipe_fds[1], 1);
        dup2(pipe_fds[1], 2);
        execv(MUSTER_WORKER, (char *const *)(uintptr_t)argv);
        _exit(99);
    }
    close(pipe_fds[1]);
    p->out = pipe_fds[0];
}

/* Reads what it prints until `wanted` is there; NULL: until it closes its output. */
static void read_until(struct program *p, const char *wanted)
{
    uint64_t until = clock_ms() + DEADLINE_MS;

    while (!wanted || !strstr(p->text, wanted)) {
        struct pollfd fd = {p->out, POLLIN, 0};
        uint64_t now = clock_ms();
        if (now >= until || poll(&fd, 1, (int)(until - now)) != 1)
            fail_msg("waiting for \"%s\": %s", wanted ? wanted : "the end", p->text);
        ssize_t n = read(p->out, p->text + p->len, sizeof p->text - 1 - p->len);
        if (n <= 0 && wanted)
            fail_msg("no \"%s\": %s", wanted, p->text);
        if (n <= 0)
            return;
        p->len += (size_t)n;
    }
}

/* Its exit status once all that it has started is gone, too. */
static int finish(struct program *p)
{
    int status;

    read_until(p, NULL); /* the supervisor and commands hold the same pipe */
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    close(p->out);
    assert_int_equal(waitpid(-1, NULL, 0), -1); /* nobody was left to us, their subreaper */
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int setup(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    unsetenv("MUSTER_BACKEND");
    fake_broker_init(&broker);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_broker_fini(&broker);
    return 0;
}

static struct slice map0(void)
{
    return slice_of("\x80", 1);
}

static void wrong_use_is_status_2(void **state)
{
    static const struct {
        const char *args[4], *says;
    } rows[] = {
        {{NULL}, "--exec email.send=./send-mail"},
        {{"--exec", "x", NULL}, "KIND=COMMAND"},
        {{"--exec", "a=b", "--broker=tcp://x", NULL}, "port is missing"},
        {{"--exec=a=b", "--no-such-flag", NULL}, "no-such-flag"},
        {{"--exec=a=b", "word", NULL}, "unexpected word"},
        {{"--config", "/nonexistent", NULL}, "No such file"},
        {{"--exec=a=b", "--slots", "0", NULL}, "65536"},
    };
    struct program p;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        start(&p, rows[i].args);
        assert_int_equal(finish(&p), 2);
        if (!strstr(p.text, rows[i].says))
            fail_msg("no \"%s\": %s", rows[i].says, p.text);
    }
}

static void help_and_version_are_status_0(void **state)
{
    struct program p;

    (void)state;
    start(&p, (const char *[]){"--help", NULL});
    assert_int_equal(finish(&p), 0);
    assert_non_null(strstr(p.text, "--exec=KIND=COMMAND"));
    start(&p, (const char *[]){"--version", NULL});
    assert_int_equal(finish(&p), 0);
    assert_non_null(strstr(p.text, "muster-worker " MUSTER_VERSION));
}

static void it_serves_and_drains(void **state)
{
    struct program p;
    const struct msg_results *r;

    (void)state;
    setenv("MUSTER_BACKEND", broker.endpoint, 1);
    start(&p, (const char *[]){"--name", "w-1", "--slots", "3", "--queue", "mail:2", "--exec",
                               "up=tr a-z A-Z", "--exec", "*=echo $MUSTER_KIND", NULL});
    unsetenv("MUSTER_BACKEND");
    fake_broker_welcome(&broker, 0);
    assert_true(slice_is(strs_at(&broker.msg.hello.queues, 0), "mail"));
    assert_true(slice_is(strs_at(&broker.msg.hello.kinds, 1), "*"));
    read_until(&p, "muster-worker: ready name=w-1 session=");
    read_until(&p, " slots=3\n");
    fake_broker_jobs(&broker, "up", 1, 1, slice_of("\xa1x", 2), 60000);
    r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
    assert_true(slice_eq(r->results, slice_of("\xa1X", 2)));
    fake_broker_ack(&broker, 1);
    fake_broker_jobs(&broker, "other", 2, 1, map0(), 60000);
    r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
    assert_true(slice_eq(r->results, slice_of("\xa5other", 6)));
    fake_broker_ack(&broker, 2);
    kill(p.pid, SIGTERM);
    fake_broker_expect(&broker, MSG_GOODBYE);
    assert_int_equal(finish(&p), 0);
}

static void a_missing_broker_is_waited_for(void **state)
{
    struct program p;

    (void)state;
    fake_broker_down(&broker);
    start(&p, (const char *[]){"--broker", broker.endpoint, "--exec", "a=true", NULL});
    read_until(&p, "waiting for it");
    fake_broker_up(&broker);
    fake_broker_welcome(&broker, 0);
    read_until(&p, "connected to ");
    read_until(&p, "muster-worker: ready");
    kill(p.pid, SIGINT);
    fake_broker_expect(&broker, MSG_GOODBYE);
    assert_int_equal(finish(&p), 0);
}

/* Sends the first SIGTERM and waits until it has been heard. */
static void drain_begins(const struct program *p)
{
    kill(p->pid, SIGTERM);
    while (fake_broker_expect(&broker, MSG_CREDIT)->credit.credit != 0)
        continue;
}

static void the_second_signal_stops_at_once(void **state)
{
    struct program p;
    const struct msg_results *r;

    (void)state;
    start(&p, (const char *[]){
                  "--broker", broker.endpoint, "--exec",
                  "a=trap 'echo no >&2' TERM; echo begun >&2; while :; do sleep 100; done", NULL});
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "a", 1, 1, map0(), 60000);
    fake_broker_send(&broker, &(struct msg){.type = MSG_HEARTBEAT});
    fake_broker_expect(&broker, MSG_HEARTBEAT);
    drain_begins(&p);
    kill(p.pid, SIGTERM);
    r = &fake_broker_expect(&broker, MSG_RESULTS)->results;
    assert_int_equal(r->outcomes.data[0], OUTCOME_RELEASED);
    fake_broker_ack(&broker, 1);
    fake_broker_expect(&broker, MSG_GOODBYE);
    assert_int_equal(finish(&p), 0);
}

static void unacknowledged_work_is_status_1(void **state)
{
    struct program p;

    (void)state;
    start(&p, (const char *[]){"--broker", broker.endpoint, "--exec", "a=true", NULL});
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "a", 1, 1, map0(), 60000);
    fake_broker_expect(&broker, MSG_RESULTS);
    drain_begins(&p);
    kill(p.pid, SIGTERM);
    assert_int_equal(finish(&p), 1);
    assert_non_null(strstr(p.text, "no broker has acknowledged"));
}

/* The program's own process is killed; commands, daemons and supervisor go as well. */
static void kill_9_leaves_nothing(void **state)
{
    struct program p;

    (void)state;
    start(&p, (const char *[]){
                  "--broker", broker.endpoint, "--exec",
                  "a=setsid sh -c 'setsid sleep 1000 &' & sleep 1000 & exec sleep 1000", NULL});
    fake_broker_welcome(&broker, 0);
    fake_broker_jobs(&broker, "a", 1, 2, map0(), 60000);
    fake_broker_send(&broker, &(struct msg){.type = MSG_HEARTBEAT});
    fake_broker_expect(&broker, MSG_HEARTBEAT);
    kill(p.pid, SIGKILL);
    waitpid(p.pid, NULL, 0);
    assert_int_equal(waitpid(-1, NULL, 0) > 0, 1); /* the supervisor, when all else is gone */
    assert_int_equal(waitpid(-1, NULL, 0), -1);
    close(p.out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wrong_use_is_status_2),
        TEST(help_and_version_are_status_0),
        TEST(it_serves_and_drains),
        TEST(a_missing_broker_is_waited_for),
        TEST(the_second_signal_stops_at_once),
        TEST(unacknowledged_work_is_status_1),
        TEST(kill_9_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
