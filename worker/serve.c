/* serve.c: one job on one child: the line out, the answer in, time, stop, and what goes wrong.
 *
 * A child that ends before it has read the first byte of a job has not begun it: the next child
 * gets it, at no cost. So programs that cannot start, or that end after so many jobs, burn no
 * attempts. */
#include "serve.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "clean.h"
#include "run.h"
#include "serve_line.h"
#include "serve_outcome.h"

#define HOLD_MS       10000u /* how long a job waits for a child that is up */
#define CLOSED_MS     1000u  /* from the end of its input to its own */
#define LINE_MARGIN   65536u /* read beyond the longest answer, so that it shows */
#define REST_READS    256u   /* chunks read after the end: whoever could still write is dead */
#define EXCERPT_BYTES 80
#define WHY_BYTES     200

enum { ON_CANCEL = SERVE_FDS, ON_IN, ON_COUNT };

/* A job that is being done. */
struct serving {
    muster_run_t *run;
    struct serve_child *child;
    int cancel;
    enum job_stop stop;   /* what the child was last told to end for */
    size_t written, seen; /* of the job's line; of the output, searched for a newline */
    bool answered;
    struct serve_answer answer;
    const char *fault; /* a code: it broke the rules */
    char why[WHY_BYTES + EXCERPT_BYTES + 8];
};

/* ---- faults ---- */

/* The child broke the rules; it is ended, and the attempt fails when it has ended. */
static void fault(struct serving *s, const char *code, const char *what, struct slice excerpt)
{
    struct serve_child *c = s->child;
    char text[EXCERPT_BYTES + 1];

    if (s->fault)
        return;
    clean_line(excerpt, text, sizeof text);
    s->fault = code;
    snprintf(s->why, sizeof s->why, "%.*s%s%s", WHY_BYTES, what, *text ? ": " : "", text);
    serve_child_end(c, clock_ms(), c->host->grace.timeout_ms);
}

/* ---- the answer ---- */

static void take_answer(struct serving *s, struct slice line)
{
    char why[WHY_BYTES], id[MUSTER_RUN_ID_BYTES];
    int err = serve_line_answer(line, &s->child->scratch, &s->answer, why, sizeof why);

    if (err == MUSTER_ENOMEM)
        fault(s, "no_memory", "no memory for the answer", SLICE_EMPTY);
    else if (err)
        fault(s, "bad_output", why, line);
    else if (!slice_is(s->answer.id, muster_run_id(s->run, id)))
        fault(s, "wrong_id", "the answer is for another job", s->answer.id);
    else if (s->written < s->child->input.len)
        fault(s, "bad_output", "it answered before it had read the job", SLICE_EMPTY);
    else
        s->answered = true;
}

/* Looks for whole lines in what was read. The first that is not blank is the answer; what is behind
 * it stays. */
static void look_for_line(struct serving *s)
{
    struct buf *out = &s->child->output;
    size_t from = 0;
    uint8_t *end;

    while (!s->answered && !s->fault && s->seen < out->len &&
           (end = memchr(out->data + s->seen, '\n', out->len - s->seen))) {
        struct slice line = slice_of(out->data + from, (size_t)(end - out->data) - from);
        s->seen = from = (size_t)(end - out->data) + 1;
        if (!serve_line_blank(line))
            take_answer(s, line);
    }
    if (from)
        memmove(out->data, out->data + from, out->len - from);
    out->len -= from;
    s->seen = out->len;
    if (!s->answered && out->len > serve_line_max(muster_run_result_max(s->run)))
        fault(s, "line_too_long", "the answer is longer than any result may be", SLICE_EMPTY);
}

static void read_output(struct serving *s)
{
    struct serve_child *c = s->child;

    if (s->fault)
        c->output.len = 0;
    if (serve_child_read_output(c, clock_ms()) && !s->fault)
        look_for_line(s);
    else if (c->output.error)
        fault(s, "no_memory", "no memory for the answer", SLICE_EMPTY);
}

/* ---- the job's line ---- */

static void write_input(struct serving *s)
{
    struct serve_child *c = s->child;
    ssize_t n = write(c->in, c->input.data + s->written, c->input.len - s->written);

    if (n > 0)
        s->written += (size_t)n;
    else if (n < 0 && errno != EAGAIN && errno != EINTR && c->closed_ms == UINT64_MAX)
        c->closed_ms = clock_ms() + CLOSED_MS; /* it has ended, or closed its input */
}

/* Whether the child has read something of the job. Call before its pipe is closed. */
static bool has_begun(const struct serving *s)
{
    int unread = 0;

    if (!s->written)
        return false;
    return ioctl(s->child->in, FIONREAD, &unread) || (size_t)unread < s->written;
}

/* ---- stop ---- */

static void look_at_stop(struct serving *s)
{
    struct serve_child *c = s->child;
    enum job_stop stop = run_stop(s->run);

    if (stop <= s->stop)
        return;
    s->stop = stop;
    serve_child_end(c, clock_ms(), exec_grace_for(&c->host->grace, stop));
}

/* The descriptor is raised again for each stronger reason to stop. */
static void clear_cancel(const struct serving *s)
{
    uint64_t count;

    (void)!read(s->cancel, &count, sizeof count);
}

static int wait_ms(uint64_t due)
{
    uint64_t now;

    if (due == UINT64_MAX)
        return -1;
    now = clock_ms();
    return due > now ? (int)(due - now) : 0;
}

/* ---- one try on a child that is up ---- */

/* Closed pipes are faults only if the child lives on. */
static void look_at_closed(struct serving *s)
{
    struct serve_child *c = s->child;

    if (clock_ms() < c->closed_ms || c->ending)
        return;
    c->closed_ms = UINT64_MAX;
    if (c->fds[SERVE_OUT] < 0)
        fault(s, "closed_stdout", "it closed its standard output and lives on", SLICE_EMPTY);
    else
        fault(s, "closed_stdin", "it closed its standard input and lives on", SLICE_EMPTY);
}

/* Waits for something and attends to it; true when the child has ended. */
static bool step(struct serving *s)
{
    struct serve_child *c = s->child;
    bool writing = s->written < c->input.len && c->closed_ms == UINT64_MAX;
    struct pollfd p[ON_COUNT];

    serve_child_items(c, p);
    p[ON_CANCEL] = (struct pollfd){s->cancel, POLLIN, 0};
    p[ON_IN] = (struct pollfd){writing ? c->in : -1, POLLOUT, 0};
    if (poll(p, ON_COUNT, wait_ms(serve_child_due(c))) < 0 && errno != EINTR)
        return false;
    if (p[ON_CANCEL].revents)
        clear_cancel(s);
    look_at_stop(s);
    if (p[ON_IN].revents)
        write_input(s);
    /* poll() looks at it after the output: nothing said before is missed */
    if (p[SERVE_ERR].revents)
        serve_child_read_log(c);
    if (p[SERVE_OUT].revents)
        read_output(s);
    if (s->answered)
        return false;
    look_at_closed(s);
    serve_child_tick(c, clock_ms());
    return p[SERVE_CONTROL].revents && serve_child_ended(c);
}

/* What it wrote before it ended. */
static void read_rest(struct serving *s)
{
    struct serve_child *c = s->child;

    for (unsigned i = 0; i < REST_READS && !s->answered && c->fds[SERVE_OUT] >= 0; i++)
        read_output(s);
    serve_child_read_log(c);
}

/* The child has ended; true when that is the end of the job, too. */
static bool conclude_ended(struct serving *s)
{
    struct serve_child *c = s->child;
    bool begun = has_begun(s), over = true;

    read_rest(s);
    if (s->answered)
        serve_outcome_answer(s->run, &s->answer);
    else if (s->fault)
        serve_outcome_fault(s->run, s->fault, s->why);
    else if (begun || s->stop != STOP_NONE)
        serve_outcome_end(s->run, c);
    else
        over = false;
    c->jobs += s->answered;
    serve_child_job_ends(c, over ? s->run : NULL);
    serve_child_down(c, clock_ms());
    return over;
}

/* It has answered and lives. If it was told to end meanwhile, it is kept all the same. */
static void conclude_answered(struct serving *s)
{
    struct serve_child *c = s->child;

    serve_outcome_answer(s->run, &s->answer);
    c->jobs++;
    serve_child_job_ends(c, s->run);
    if (c->ending)
        (void)serve_child_settled(c);
    serve_child_stray(c, clock_ms());
}

/* Gives the job to the child and stays with it. True when the job's end is known; false: the child
 * has ended without having begun it. */
static bool exchange(struct serving *s)
{
    struct serve_child *c = s->child;
    bool ended = false;

    s->written = s->seen = 0;
    serve_child_job_begins(c, serve_line_max(muster_run_result_max(s->run)) + LINE_MARGIN);
    write_input(s);
    while (!s->answered && !ended)
        ended = step(s);
    if (ended)
        return conclude_ended(s);
    conclude_answered(s);
    return true;
}

/* ---- the job ---- */

/* Waits until the child is up and quiet; false when the job is to stop, or has waited for long. */
static bool await_up(struct serving *s, uint64_t until)
{
    struct serve_child *c = s->child;
    struct pollfd p[SERVE_FDS + 1];
    bool quiet = false;

    while (!quiet) {
        uint64_t now = clock_ms(), due;

        if (run_stop(s->run) != STOP_NONE || now >= until)
            return false;
        due = serve_child_start(c, now) && !c->ending ? now : serve_child_due(c);
        serve_child_items(c, p);
        p[ON_CANCEL] = (struct pollfd){s->cancel, POLLIN, 0};
        if (poll(p, SERVE_FDS + 1, wait_ms(due < until ? due : until)) < 0 && errno != EINTR)
            return false;
        quiet = c->up && !c->ending && !p[SERVE_OUT].revents && !p[SERVE_CONTROL].revents;
        serve_child_tend(c, p, clock_ms());
    }
    return true;
}

static void do_job(struct serving *s)
{
    uint64_t until = clock_ms() + HOLD_MS;

    do {
        if (!await_up(s, until)) {
            serve_outcome_unbegun(s->run);
            return;
        }
    } while (!exchange(s));
}

void serve_run(muster_run_t *run, void *user)
{
    struct serving s = {.run = run, .child = serve_pool_take(user)};
    int err;

    if (!s.child) { /* there are as many as slots */
        muster_run_release(run);
        return;
    }
    s.cancel = muster_run_cancel_fd(run);
    buf_reset(&s.child->input);
    err = serve_line_job(run, &s.child->input);
    if (s.cancel < 0)
        muster_run_fail(run, "cannot_start", "no descriptor for a cancel", 0);
    else if (err)
        muster_run_fail(run, err == MUSTER_EPROTO ? "invalid_args" : "no_memory",
                        "the args could not be written as JSON", 0);
    else
        do_job(&s);
    serve_pool_give(s.child);
}
