/* exec.c: one command from its start to its end: its pipes, its time, the signals that it gets. */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture.h"
#include "exec_outcome.h"
#include "json.h"
#include "run.h"

#define INPUT_MAX  (64u << 20)
#define CHUNK      16384u
#define DRAIN_MOST 64u /* chunks read after the end: whoever could still write is dead */

enum { ON_CONTROL, ON_CANCEL, ON_IN, ON_OUT, ON_ERR, ON_COUNT };

/* A command that runs. Descriptors are -1 when closed. */
struct exec {
    muster_run_t *run;
    const struct exec_handler *handler;
    int control, cancel, in, out, err;
    struct buf input;
    size_t written;
    struct capture output, log;
    enum job_stop stop; /* what it was last asked to end for */
    uint64_t kill_ms;   /* when to send SIGKILL; UINT64_MAX: not, or it has been sent */
    bool killed;
    bool ended;       /* report is valid */
    bool report_lost; /* its reaper died without one */
    struct reaper_report report;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void exec_fini(struct exec *x)
{
    close_fd(&x->control);
    close_fd(&x->in);
    close_fd(&x->out);
    close_fd(&x->err);
    buf_fini(&x->input);
    capture_fini(&x->output);
    capture_fini(&x->log);
}

/* ---- start ---- */

static int prepare(struct exec *x)
{
    size_t len, max = muster_run_result_max(x->run);
    const void *args = muster_run_args(x->run, &len);
    int err;

    if (capture_init(&x->output, max < RESULT_MAX_BYTES ? max : RESULT_MAX_BYTES, false) ||
        capture_init(&x->log, LOG_LAST_BYTES, true))
        return MUSTER_ENOMEM;
    err = msgpack_to_json(slice_of(args, len), &x->input);
    return err ? err : buf_append(&x->input, "\n", 1); /* so that `read` in sh succeeds */
}

static void copy_name(char out[NAME_MAX_BYTES + 1], struct slice name)
{
    snprintf(out, NAME_MAX_BYTES + 1, "%.*s", SLICE_FMT(name));
}

static int spawn(struct exec *x, const int theirs[3])
{
    struct reaper_env env;
    struct slice name;

    memset(&env, 0, sizeof env);
    muster_run_id(x->run, env.job_id);
    muster_run_token(x->run, env.token);
    name.data = (const uint8_t *)muster_run_kind(x->run, &name.len);
    copy_name(env.kind, name);
    name.data = (const uint8_t *)muster_run_queue(x->run, &name.len);
    copy_name(env.queue, name);
    name.data = (const uint8_t *)muster_run_schedule(x->run, &name.len);
    copy_name(env.schedule, name);
    run_nominal_time(x->run, env.nominal_time);
    snprintf(env.attempt, sizeof env.attempt, "%u", muster_run_attempt(x->run));
    return supervisor_spawn(x->handler->supervisor, x->handler->command, &env, theirs[0], theirs[1],
                            theirs[2], &x->control);
}

static void make_nonblocking(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* Makes the pipes and has the command started. 0, MUSTER_ECLOSED, or MUSTER_EIO with errno. */
static int start(struct exec *x)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    int result = MUSTER_EIO;

    x->cancel = muster_run_cancel_fd(x->run);
    if (pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0)
        result = spawn(x, (int[3]){in[0], out[1], err[1]});
    x->in = in[1];
    x->out = out[0];
    x->err = err[0];
    close_fd(&in[0]);
    close_fd(&out[1]);
    close_fd(&err[1]);
    make_nonblocking(x->in);
    make_nonblocking(x->out);
    make_nonblocking(x->err);
    return result;
}

/* ---- while it runs ---- */

static void send_signal(struct exec *x, int32_t sig)
{
    (void)!send(x->control, &sig, sizeof sig, MSG_NOSIGNAL);
}

uint32_t exec_grace_for(const struct exec_grace *g, enum job_stop stop)
{
    switch (stop) {
    case STOP_CANCEL:
        return g->cancel_ms;
    case STOP_DRAIN:
        return g->drain_ms;
    case STOP_NOW:
        return 0;
    default:
        return g->timeout_ms;
    }
}

/* Sends what is due of SIGTERM and SIGKILL. */
static void look_at_stop(struct exec *x, uint64_t now)
{
    enum job_stop stop = run_stop(x->run);
    uint32_t grace = exec_grace_for(&x->handler->grace, stop);

    if (x->killed)
        return;
    if (stop > x->stop) {
        if (x->stop == STOP_NONE && grace)
            send_signal(x, SIGTERM);
        if (now + grace < x->kill_ms)
            x->kill_ms = now + grace;
        x->stop = stop;
    }
    if (now >= x->kill_ms) {
        send_signal(x, SIGKILL);
        x->kill_ms = UINT64_MAX;
        x->killed = true;
    }
}

static void write_input(struct exec *x)
{
    ssize_t n = write(x->in, x->input.data + x->written, x->input.len - x->written);

    if (n > 0)
        x->written += (size_t)n;
    if ((n < 0 && errno != EAGAIN && errno != EINTR) || x->written == x->input.len)
        close_fd(&x->in); /* all is said, or nobody reads: both are fine */
}

/* Reads what is there, one chunk; false when there is nothing for now. */
static bool read_output(int *fd, struct capture *c)
{
    uint8_t chunk[CHUNK];
    ssize_t n = read(*fd, chunk, sizeof chunk);

    if (n > 0) {
        capture_add(c, chunk, (size_t)n);
        return true;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(fd);
    return false;
}

static void read_report(struct exec *x)
{
    ssize_t n = recv(x->control, &x->report, sizeof x->report, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    x->ended = true;
    x->report_lost = n != (ssize_t)sizeof x->report;
}

static int wait_ms(const struct exec *x, uint64_t now)
{
    if (x->kill_ms == UINT64_MAX)
        return -1;
    return x->kill_ms > now ? (int)(x->kill_ms - now) : 0;
}

/* The descriptor is raised again for each stronger reason to stop. */
static void clear_cancel(const struct exec *x)
{
    uint64_t count;

    (void)!read(x->cancel, &count, sizeof count);
}

static void serve(struct exec *x)
{
    struct pollfd p[ON_COUNT] = {
        [ON_CONTROL] = {x->control, POLLIN, 0},
        [ON_CANCEL] = {x->cancel, POLLIN, 0},
        [ON_IN] = {-1, POLLOUT, 0},
        [ON_OUT] = {-1, POLLIN, 0},
        [ON_ERR] = {-1, POLLIN, 0},
    };

    while (!x->ended) {
        p[ON_IN].fd = x->in;
        p[ON_OUT].fd = x->out;
        p[ON_ERR].fd = x->err;
        if (poll(p, ON_COUNT, wait_ms(x, clock_ms())) < 0 && errno != EINTR)
            break;
        if (p[ON_CANCEL].revents)
            clear_cancel(x);
        look_at_stop(x, clock_ms());
        if (x->in >= 0 && p[ON_IN].revents)
            write_input(x);
        if (x->out >= 0 && p[ON_OUT].revents)
            read_output(&x->out, &x->output);
        if (x->err >= 0 && p[ON_ERR].revents)
            read_output(&x->err, &x->log);
        if (p[ON_CONTROL].revents)
            read_report(x);
    }
}

/* What the command left in the pipes. */
static void read_rest(struct exec *x)
{
    for (unsigned i = 0; i < DRAIN_MOST && x->out >= 0 && read_output(&x->out, &x->output); i++)
        continue;
    for (unsigned i = 0; i < DRAIN_MOST && x->err >= 0 && read_output(&x->err, &x->log); i++)
        continue;
}

/* ---- the job ---- */

static void could_not_start(struct exec *x, int err, int system_error)
{
    char text[160];

    if (err == MUSTER_ECLOSED) {
        muster_run_release(x->run);
        x->handler->on_orphaned(x->handler->user);
        return;
    }
    snprintf(text, sizeof text, "the command could not be started: %s", strerror(system_error));
    muster_run_fail(x->run, "cannot_start", text, 0);
}

static void conclude(struct exec *x)
{
    if (!x->ended || x->report_lost)
        muster_run_fail(x->run, "supervision_lost",
                        "the process that watched the command was killed", 0);
    else if (x->report.error)
        could_not_start(x, MUSTER_EIO, x->report.error);
    else
        exec_outcome(x->run, x->report.status, &x->output, &x->log);
}

void exec_run(muster_run_t *run, void *user)
{
    struct exec x = {
        .run = run,
        .handler = user,
        .control = -1,
        .cancel = -1,
        .in = -1,
        .out = -1,
        .err = -1,
        .kill_ms = UINT64_MAX,
    };
    int err;

    buf_init(&x.input, INPUT_MAX);
    err = prepare(&x);
    if (err) {
        muster_run_fail(run, err == MUSTER_EPROTO ? "invalid_args" : "no_memory",
                        "the args could not be written as JSON", 0);
    } else if ((err = start(&x))) {
        could_not_start(&x, err, errno);
    } else {
        serve(&x);
        read_rest(&x);
        conclude(&x);
    }
    exec_fini(&x);
}
