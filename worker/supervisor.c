/* supervisor.c: the child process, and how the worker's threads talk to it. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "tree.h"

#define REAPERS_END_MS 3000 /* time that reapers have to end by themselves */

/* One message to the child, with the descriptors of REAPER_* beside it. */
struct request {
    uint32_t command;
    struct reaper_env env;
};

union control_buffer {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * REAPER_FDS)];
};

/* ---- the child ---- */

struct child {
    const char *const *commands;
    size_t command_count;
    int fd, signals;
    pid_t *reapers;
    size_t count, cap;
};

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

static bool remember(struct child *c, pid_t pid)
{
    if (c->count == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        pid_t *grown = realloc(c->reapers, cap * sizeof *grown);
        if (!grown)
            return false;
        c->reapers = grown;
        c->cap = cap;
    }
    c->reapers[c->count++] = pid;
    return true;
}

static bool forget(struct child *c, pid_t pid)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->reapers[i] == pid) {
            c->reapers[i] = c->reapers[--c->count];
            return true;
        }
    }
    return false;
}

/* Reads one request; its descriptors into fds. 1 when there is one, 0 when the worker is gone, -1
 * for anything else. */
static int receive(int fd, struct request *request, int fds[REAPER_FDS])
{
    union control_buffer control;
    struct iovec part = {request, sizeof *request};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        return 0;
    if (n != (ssize_t)sizeof *request || !c || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(sizeof(int) * REAPER_FDS))
        return -1;
    memcpy(fds, CMSG_DATA(c), sizeof(int) * REAPER_FDS);
    return 1;
}

static void spawn(struct child *c, const struct request *request, int fds[REAPER_FDS])
{
    pid_t pid = request->command < c->command_count ? fork() : -1;

    if (pid == 0) {
        close(c->fd);
        close(c->signals);
        reaper_main(c->commands[request->command], &request->env, fds);
    }
    if (pid < 0 || !remember(c, pid)) {
        struct reaper_report answer = {.error = errno ? errno : EINVAL};
        (void)!send(fds[REAPER_CONTROL], &answer, sizeof answer, MSG_NOSIGNAL);
    }
    close_all(fds, REAPER_FDS);
}

/* Reaps; a reaper that did not end by itself has left its command's processes to us. One that was
 * stopped could end nothing: it goes on. */
static void reap(struct child *c)
{
    struct signalfd_siginfo info;
    bool orphans = false;
    int status;
    pid_t pid;

    while (read(c->signals, &info, sizeof info) > 0)
        continue;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (WIFSTOPPED(status))
            kill(pid, SIGCONT);
        else
            orphans = !forget(c, pid) || status != 0 || orphans;
    }
    if (orphans)
        tree_kill_children(&(struct tree_keep){c->reapers, c->count});
}

/* The worker is gone: reapers see that too and end their commands; then whatever is left goes. */
_Noreturn static void end_all(struct child *c)
{
    struct pollfd p = {c->signals, POLLIN, 0};

    reap(c);
    for (int waited = 0; c->count && waited < REAPERS_END_MS; waited += 100) {
        (void)poll(&p, 1, 100);
        reap(c);
    }
    tree_end();
    _exit(0);
}

_Noreturn static void child_main(struct child *c)
{
    static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2};
    struct pollfd fds[] = {{c->fd, POLLIN, 0}, {-1, POLLIN, 0}};
    struct request request;
    int received[REAPER_FDS];
    sigset_t child;

    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "muster-superv");
    prctl(PR_SET_PDEATHSIG, SIGCONT); /* stopped, it would not see the worker's end */
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    fds[1].fd = c->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (c->signals < 0)
        _exit(1);
    for (;;) {
        int got = -1;
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            end_all(c);
        if (fds[1].revents)
            reap(c);
        if (fds[0].revents && (got = receive(c->fd, &request, received)) == 0)
            end_all(c);
        if (got == 1)
            spawn(c, &request, received);
    }
}

/* ---- the worker's side ---- */

/* Descriptors 0 to 2 are taken from now on, so that no pipe ever gets such a number. */
static void fill_standard_fds(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

int supervisor_start(const char *const *commands, size_t count, struct supervisor *ret)
{
    int pair[2];

    sigset_t all, before;

    fill_standard_fds();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return MUSTER_EIO;
    ret->fd = pair[0];
    sigfillset(&all); /* until the child ignores what it must not hear */
    sigprocmask(SIG_SETMASK, &all, &before);
    ret->pid = fork();
    if (ret->pid == 0) {
        struct child c = {.commands = commands, .command_count = count, .fd = pair[1]};
        close(pair[0]);
        child_main(&c);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(pair[1]);
    if (ret->pid < 0) {
        close(pair[0]);
        return MUSTER_EIO;
    }
    return 0;
}

static int send_request(int fd, const struct request *request, const int fds[REAPER_FDS])
{
    union control_buffer control;
    struct iovec part = {(void *)(uintptr_t)request, sizeof *request};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    struct cmsghdr *c;
    ssize_t n;

    memset(&control, 0, sizeof control);
    c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * REAPER_FDS);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * REAPER_FDS);
    do {
        n = sendmsg(fd, &m, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EPIPE || errno == ECONNRESET ? MUSTER_ECLOSED : MUSTER_EIO;
    return 0;
}

int supervisor_spawn(const struct supervisor *s, size_t index, const struct reaper_env *env,
                     int stdin_fd, int stdout_fd, int stderr_fd, int *ret_control)
{
    struct request request;
    int pair[2], err;

    memset(&request, 0, sizeof request);
    request.command = (uint32_t)index;
    request.env = *env;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return MUSTER_EIO;
    err = send_request(s->fd, &request, (int[REAPER_FDS]){pair[1], stdin_fd, stdout_fd, stderr_fd});
    close(pair[1]);
    if (err)
        close(pair[0]);
    else
        *ret_control = pair[0];
    return err;
}

void supervisor_end(const struct supervisor *s)
{
    shutdown(s->fd, SHUT_RDWR);
    kill(s->pid, SIGCONT); /* somebody may have stopped it */
}

void supervisor_stop(struct supervisor *s)
{
    close(s->fd);
    kill(s->pid, SIGCONT); /* it has not been waited for: the number is its own */
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    s->fd = -1;
}
