/* reaper.c: between the supervisor and one command. */
#include "reaper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tree.h"

#define SERVE_PROTOCOL "1" /* of the lines in docs/exec.md */

struct reaper {
    pid_t command; /* also its process group */
    int control, signals;
    bool ended; /* the command has; its group is dead */
    int status;
};

/* ---- the command itself ---- */

static void plain_signals(void)
{
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A command for one job is told of it; one that serves learns which form the lines have. */
static int set_environment(const struct reaper_env *env)
{
    const struct {
        const char *name, *value;
    } rows[] = {
        {"MUSTER_JOB_ID", env->job_id},
        {"MUSTER_KIND", env->kind},
        {"MUSTER_QUEUE", env->queue},
        {"MUSTER_ATTEMPT", env->attempt},
        {"MUSTER_TOKEN", env->token},
        {"MUSTER_SCHEDULE", env->schedule},
        {"MUSTER_NOMINAL_TIME", env->nominal_time},
    };
    bool serves = !*env->job_id;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (*rows[i].value ? setenv(rows[i].name, rows[i].value, 1) : unsetenv(rows[i].name))
            return -1;
    return serves ? setenv("MUSTER_SERVE", SERVE_PROTOCOL, 1) : unsetenv("MUSTER_SERVE");
}

_Noreturn static void become_command(const char *command, const struct reaper_env *env,
                                     const int fds[REAPER_FDS])
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    plain_signals();
    if (dup2(fds[REAPER_STDIN], 0) < 0 || dup2(fds[REAPER_STDOUT], 1) < 0 ||
        dup2(fds[REAPER_STDERR], 2) < 0 || set_environment(env))
        _exit(127);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    dprintf(2, "/bin/sh: cannot be executed (errno %d)\n", errno);
    _exit(127);
}

/* ---- the reaper ---- */

static void report(const struct reaper *r, int error)
{
    struct reaper_report answer = {.error = error, .status = r->status};

    (void)!send(r->control, &answer, sizeof answer, MSG_NOSIGNAL);
}

/* Ends all that is left and the reaper. */
_Noreturn static void finish(struct reaper *r)
{
    tree_end();
    report(r, 0);
    _exit(0);
}

/* Notices the end of the command while its process id cannot yet be anybody else's, and ends its
 * group. */
static void look_for_end(struct reaper *r)
{
    siginfo_t info = {0};

    if (waitid(P_PID, (id_t)r->command, &info, WEXITED | WNOWAIT | WNOHANG) || !info.si_pid)
        return;
    kill(-r->command, SIGKILL);
    waitpid(r->command, &r->status, 0);
    r->ended = true;
}

static void obey(struct reaper *r)
{
    int32_t sig;
    ssize_t n = recv(r->control, &sig, sizeof sig, 0);

    if (n == (ssize_t)sizeof sig && sig == 0) {
        report(r, REAPER_HEARD);
        return;
    }
    if (n == (ssize_t)sizeof sig && sig != SIGKILL) {
        kill(-r->command, sig);
        return;
    }
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    kill(-r->command, SIGKILL); /* the order was SIGKILL, or the worker is gone */
    tree_kill_children(NULL);
    waitpid(r->command, &r->status, 0);
    r->ended = true;
}

/* Reaps what the command's processes have left behind; the command itself is kept for
 * look_for_end(). */
static void reap_orphans(const struct reaper *r)
{
    siginfo_t info;

    for (;;) {
        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) || !info.si_pid ||
            info.si_pid == r->command)
            return;
        waitpid(info.si_pid, NULL, 0);
    }
}

static void serve(struct reaper *r)
{
    struct pollfd fds[] = {{r->control, POLLIN, 0}, {r->signals, POLLIN, 0}};
    struct signalfd_siginfo info;

    while (!r->ended) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            (void)!read(r->signals, &info, sizeof info);
        look_for_end(r);
        if (!r->ended)
            reap_orphans(r);
        if (!r->ended && fds[0].revents)
            obey(r);
    }
}

_Noreturn void reaper_main(const char *command, const struct reaper_env *env,
                           const int fds[REAPER_FDS])
{
    struct reaper r = {.control = fds[REAPER_CONTROL]};
    sigset_t child, all;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "muster-reaper");
    prctl(PR_SET_PDEATHSIG, SIGCONT); /* stopped, it would not see the supervisor's end */
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigfillset(&all); /* so that a signal for the command waits until its dispositions are set */
    sigprocmask(SIG_SETMASK, &all, NULL);
    r.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    r.command = r.signals < 0 ? -1 : fork();
    if (r.command < 0) {
        report(&r, errno);
        _exit(1);
    }
    if (r.command == 0)
        become_command(command, env, fds);
    setpgid(r.command, r.command);
    for (int i = REAPER_STDIN; i < REAPER_FDS; i++)
        close(fds[i]);
    serve(&r);
    finish(&r);
}
