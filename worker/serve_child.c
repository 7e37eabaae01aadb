/* serve_child.c: start, signals, streams and end of a child that serves. */
#include "serve_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "clean.h"
#include "exec_outcome.h"
#include "log_out.h"

#define INPUT_MAX      (64u << 20)
#define SCRATCH_MAX    (64u << 20)
#define CHUNK          16384u
#define KEEP_BYTES     262144u /* buffers larger than this are not kept from job to job */
#define LOG_READS      64u     /* chunks of the log that are read at once */
#define RESTART_MS     100u    /* the first delay; doubled up to: */
#define RESTART_MAX_MS 30000u
#define STEADY_MS      10000u /* one that lived this long is not broken from the start */
#define CLOSED_MS      1000u  /* from the end of its output to its own */
#define SETTLE_MS      1000
#define EXCERPT_BYTES  80

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_all(struct serve_child *c)
{
    close_fd(&c->in);
    for (size_t i = 0; i < SERVE_FDS; i++)
        close_fd(&c->fds[i]);
}

static void shrink(struct buf *b)
{
    size_t max = b->max;

    if (b->cap <= KEEP_BYTES)
        return;
    buf_fini(b);
    buf_init(b, max);
}

static void say(const struct serve_child *c, bool trouble, const char *what)
{
    char text[512], name[EXCERPT_BYTES + 1];

    if (c->leaving)
        return;
    clean_line(slice_str(c->name), name, sizeof name);
    snprintf(text, sizeof text, "--serve \"%s\", child %u: %s", name, c->number, what);
    c->host->on_log(c->host->user, trouble, text);
}

int serve_child_init(struct serve_child *c, const struct serve_host *host, const char *name,
                     size_t command, uint32_t number)
{
    memset(c, 0, sizeof *c);
    c->host = host;
    c->name = name;
    c->command = command;
    c->number = number;
    c->in = c->fds[SERVE_CONTROL] = c->fds[SERVE_OUT] = c->fds[SERVE_ERR] = -1;
    c->kill_ms = c->closed_ms = UINT64_MAX;
    buf_init(&c->input, INPUT_MAX);
    buf_init(&c->output, CHUNK);
    buf_init(&c->scratch, SCRATCH_MAX);
    list_init(&c->link);
    return capture_init(&c->log, LOG_LAST_BYTES, true);
}

void serve_child_fini(struct serve_child *c)
{
    close_all(c);
    buf_fini(&c->input);
    buf_fini(&c->output);
    buf_fini(&c->scratch);
    capture_fini(&c->log);
}

/* ---- start ---- */

static void start_later(struct serve_child *c, uint64_t now)
{
    uint32_t shift = c->failures < 10 ? c->failures : 10;
    uint64_t delay = (uint64_t)RESTART_MS << shift;

    c->failures++;
    c->start_ms = now + (delay < RESTART_MAX_MS ? delay : RESTART_MAX_MS);
}

static void could_not_start(struct serve_child *c, uint64_t now, int system_error)
{
    char text[160];

    start_later(c, now);
    snprintf(text, sizeof text, "could not be started: %s; again in %llu ms",
             strerror(system_error), (unsigned long long)(c->start_ms - now));
    say(c, true, text);
}

/* Makes the pipes and has it started. 0, MUSTER_ECLOSED, or MUSTER_EIO with errno. */
static int spawn(struct serve_child *c)
{
    static const struct reaper_env no_job;
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    int result = MUSTER_EIO, saved;

    if (pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0)
        result = supervisor_spawn(c->host->supervisor, c->command, &no_job, in[0], out[1], err[1],
                                  &c->fds[SERVE_CONTROL]);
    saved = errno;
    c->in = in[1];
    c->fds[SERVE_OUT] = out[0];
    c->fds[SERVE_ERR] = err[0];
    close_fd(&in[0]);
    close_fd(&out[1]);
    close_fd(&err[1]);
    if (result) {
        close_all(c);
    } else {
        fcntl(c->in, F_SETFL, O_NONBLOCK);
        fcntl(c->fds[SERVE_OUT], F_SETFL, O_NONBLOCK);
        fcntl(c->fds[SERVE_ERR], F_SETFL, O_NONBLOCK);
    }
    errno = saved;
    return result;
}

bool serve_child_start(struct serve_child *c, uint64_t now)
{
    int err;

    if (c->up)
        return true;
    if (c->leaving || now < c->start_ms)
        return false;
    err = spawn(c);
    if (err == MUSTER_ECLOSED) {
        start_later(c, now);
        c->host->on_orphaned(c->host->user);
    } else if (err) {
        could_not_start(c, now, errno);
    } else {
        c->up = true;
        c->ending = false;
        c->report_lost = false;
        c->kill_ms = c->closed_ms = UINT64_MAX;
        c->start_ms = now;
        c->jobs = 0;
        buf_reset(&c->output);
    }
    return c->up;
}

/* ---- signals ---- */

static void send_signal(struct serve_child *c, int32_t sig)
{
    (void)!send(c->fds[SERVE_CONTROL], &sig, sizeof sig, MSG_NOSIGNAL);
}

void serve_child_end(struct serve_child *c, uint64_t now, uint32_t grace_ms)
{
    bool killed = c->ending && c->kill_ms == UINT64_MAX;

    if (!c->up || killed)
        return;
    if (!c->ending && grace_ms)
        send_signal(c, SIGTERM);
    c->ending = true;
    if (now + grace_ms < c->kill_ms)
        c->kill_ms = now + grace_ms;
    serve_child_tick(c, now);
}

void serve_child_leave(struct serve_child *c)
{
    close_fd(&c->in);
    c->leaving = true;
}

bool serve_child_settled(struct serve_child *c)
{
    struct pollfd p = {c->fds[SERVE_CONTROL], POLLIN, 0};
    struct reaper_report report;

    if (c->kill_ms == UINT64_MAX)
        return false; /* SIGKILL is on its way */
    send_signal(c, 0);
    if (poll(&p, 1, SETTLE_MS) <= 0 ||
        recv(p.fd, &report, sizeof report, MSG_DONTWAIT | MSG_PEEK) != (ssize_t)sizeof report ||
        report.error != REAPER_HEARD)
        return false;
    (void)!recv(p.fd, &report, sizeof report, MSG_DONTWAIT);
    c->ending = false;
    c->kill_ms = UINT64_MAX;
    return true;
}

uint64_t serve_child_due(const struct serve_child *c)
{
    if (!c->up)
        return c->start_ms;
    return c->kill_ms < c->closed_ms ? c->kill_ms : c->closed_ms;
}

void serve_child_tick(struct serve_child *c, uint64_t now)
{
    if (now >= c->closed_ms) {
        c->closed_ms = UINT64_MAX;
        if (!c->ending) {
            say(c, true, "closed its standard output and lives on; it is ended");
            serve_child_end(c, now, c->host->grace.timeout_ms);
        }
    }
    if (now >= c->kill_ms) {
        c->kill_ms = UINT64_MAX;
        send_signal(c, SIGKILL);
    }
}

/* ---- streams ---- */

void serve_child_items(const struct serve_child *c, struct pollfd items[SERVE_FDS])
{
    for (size_t i = 0; i < SERVE_FDS; i++)
        items[i] = (struct pollfd){c->fds[i], POLLIN, 0};
}

/* One chunk; true when there was something. */
static bool read_log_chunk(struct serve_child *c)
{
    uint8_t chunk[CHUNK];
    ssize_t n = c->fds[SERVE_ERR] < 0 ? -1 : read(c->fds[SERVE_ERR], chunk, sizeof chunk);

    if (n > 0 && c->in_job)
        capture_add(&c->log, chunk, (size_t)n);
    else if (n > 0)
        log_out(chunk, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(&c->fds[SERVE_ERR]);
    return n > 0;
}

void serve_child_read_log(struct serve_child *c)
{
    for (unsigned i = 0; i < LOG_READS && read_log_chunk(c); i++)
        continue;
}

bool serve_child_read_output(struct serve_child *c, uint64_t now)
{
    uint8_t *room;
    ssize_t n;

    if (c->fds[SERVE_OUT] < 0)
        return false;
    room = buf_reserve(&c->output, CHUNK);
    if (!room)
        return false;
    n = read(c->fds[SERVE_OUT], room, CHUNK);
    if (n > 0) {
        c->output.len += (size_t)n;
        return true;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_fd(&c->fds[SERVE_OUT]);
        c->closed_ms = now + CLOSED_MS;
    }
    return false;
}

/* ---- end ---- */

bool serve_child_ended(struct serve_child *c)
{
    ssize_t n = recv(c->fds[SERVE_CONTROL], &c->report, sizeof c->report, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n == (ssize_t)sizeof c->report && c->report.error == REAPER_HEARD)
        return false; /* an answer that came too late */
    c->report_lost = n != (ssize_t)sizeof c->report;
    return true;
}

void serve_child_describe_end(const struct serve_child *c, char *out, size_t out_size)
{
    char name[SIGNAL_NAME_BYTES];

    if (c->report_lost)
        snprintf(out, out_size, "the process that watched it was killed");
    else if (c->report.error)
        snprintf(out, out_size, "could not be started: %s", strerror(c->report.error));
    else if (WIFSIGNALED(c->report.status))
        snprintf(out, out_size, "ended by %s", exec_signal_name(WTERMSIG(c->report.status), name));
    else
        snprintf(out, out_size, "exit status %d", WEXITSTATUS(c->report.status));
}

/* A child that ends by itself between jobs, with status 0, wants to be a new one: no news. */
static void tell_end(const struct serve_child *c, uint64_t now)
{
    char how[100], text[240];
    bool planned = c->jobs && !c->report_lost && !c->report.error && c->report.status == 0;

    if (planned || c->ending)
        return;
    serve_child_describe_end(c, how, sizeof how);
    snprintf(text, sizeof text, "%s, after %llu jobs; it starts again in %llu ms", how,
             (unsigned long long)c->jobs,
             (unsigned long long)(c->start_ms > now ? c->start_ms - now : 0));
    say(c, true, text);
}

void serve_child_down(struct serve_child *c, uint64_t now)
{
    uint64_t lived = now - c->start_ms;

    serve_child_read_log(c);
    close_all(c);
    c->up = false;
    c->kill_ms = c->closed_ms = UINT64_MAX;
    if (c->jobs || lived >= STEADY_MS)
        c->failures = 0;
    if (c->jobs)
        c->start_ms = now;
    else
        start_later(c, now);
    tell_end(c, now);
    c->ending = false;
    buf_reset(&c->output);
    shrink(&c->output);
}

/* ---- with a job, and without ---- */

void serve_child_job_begins(struct serve_child *c, size_t line_max)
{
    c->in_job = true;
    capture_reset(&c->log);
    buf_reset(&c->output);
    c->output.max = line_max;
}

void serve_child_job_ends(struct serve_child *c, muster_run_t *run)
{
    struct slice log = capture_slice(&c->log);

    if (log.len && run)
        muster_run_set_log(run, log.data, log.len);
    else if (log.len)
        log_out(log.data, log.len);
    c->in_job = false;
    shrink(&c->input);
    shrink(&c->scratch);
}

void serve_child_stray(struct serve_child *c, uint64_t now)
{
    char text[EXCERPT_BYTES + 100], excerpt[EXCERPT_BYTES + 1];

    clean_line(buf_slice(&c->output), excerpt, sizeof excerpt);
    buf_reset(&c->output);
    shrink(&c->output);
    if (!*excerpt || c->ending)
        return;
    snprintf(text, sizeof text, "wrote to its standard output without a job; it is ended: %s",
             excerpt);
    say(c, true, text);
    serve_child_end(c, now, c->host->grace.timeout_ms);
}

void serve_child_tend(struct serve_child *c, const struct pollfd items[SERVE_FDS], uint64_t now)
{
    if (c->up && items[SERVE_ERR].revents)
        read_log_chunk(c);
    if (c->up && items[SERVE_OUT].revents && serve_child_read_output(c, now))
        serve_child_stray(c, now);
    if (c->up)
        serve_child_tick(c, now);
    if (c->up && items[SERVE_CONTROL].revents && serve_child_ended(c))
        serve_child_down(c, now);
    if (!c->up)
        serve_child_start(c, now);
}
