/* serve_outcome.c: answers and ends as outcomes. Why the job was asked to stop, if it was, has a
 * say: as with commands, only success outlives a cancel or the end of the worker, and nothing a
 * time-out. */
#include "serve_outcome.h"

#include <stdio.h>
#include <sys/wait.h>

#include "base/text.h"
#include "exec_outcome.h"
#include "run.h"

static void time_out(muster_run_t *run, const char *words)
{
    char message[MESSAGE_MAX_BYTES + 1], limit[DURATION_TEXT_BYTES];

    duration_format(muster_run_timeout_ms(run), limit);
    snprintf(message, sizeof message, "%s", words);
    if (!*message)
        snprintf(message, sizeof message, "no answer within %s", limit);
    run_stopped(run, OUTCOME_TIMEOUT, "timeout", message);
}

/* For whatever is no success: true when the reason to stop has decided. */
static bool stopped(muster_run_t *run, const char *words)
{
    switch (run_stop(run)) {
    case STOP_NONE:
        return false;
    case STOP_TIMEOUT:
        time_out(run, words);
        return true;
    case STOP_CANCEL:
        run_stopped(run, OUTCOME_CANCELLED, "cancelled", words);
        return true;
    default:
        muster_run_release(run);
        return true;
    }
}

static void complete(muster_run_t *run, struct slice result)
{
    char message[160];

    if (run_stop(run) == STOP_TIMEOUT) {
        time_out(run, "");
    } else if (result.len > muster_run_result_max(run)) {
        snprintf(message, sizeof message, "the result has %zu bytes; this broker takes %zu",
                 result.len, muster_run_result_max(run));
        muster_run_fail(run, "result_too_big", message, 0);
    } else if (muster_run_complete(run, result.data, result.len)) {
        muster_run_fail(run, "no_memory", "no memory for the result", 0);
    }
}

void serve_outcome_answer(muster_run_t *run, const struct serve_answer *a)
{
    if (a->verdict == SERVE_OK)
        complete(run, a->result);
    else if (stopped(run, a->message))
        return;
    else if (a->verdict == SERVE_ERROR)
        muster_run_fail(run, a->code, a->message, a->delay_ms);
    else if (a->verdict == SERVE_PARK)
        muster_run_park(run, a->code, a->message);
    else if (a->verdict == SERVE_SNOOZE)
        muster_run_snooze(run, a->delay_ms);
    else if (a->verdict == SERVE_DISCARD)
        muster_run_discard(run);
    else
        muster_run_release(run);
}

void serve_outcome_fault(muster_run_t *run, const char *code, const char *message)
{
    if (!stopped(run, message))
        muster_run_fail(run, code, message, 0);
}

/* "signal_SIGKILL", "exit_3", and what is beside them. */
static void end_code(const struct serve_child *c, char *out, size_t out_size)
{
    char name[SIGNAL_NAME_BYTES];
    int status = c->report.status;

    if (c->report_lost)
        snprintf(out, out_size, "supervision_lost");
    else if (c->report.error)
        snprintf(out, out_size, "cannot_start");
    else if (WIFSIGNALED(status))
        snprintf(out, out_size, "signal_%s", exec_signal_name(WTERMSIG(status), name));
    else if (c->output.len)
        snprintf(out, out_size, "half_line");
    else
        snprintf(out, out_size, "exit_%d", WEXITSTATUS(status));
}

void serve_outcome_end(muster_run_t *run, const struct serve_child *c)
{
    char code[SIGNAL_NAME_BYTES + 8], how[100], message[MESSAGE_MAX_BYTES + 1];
    char name[SIGNAL_NAME_BYTES];
    bool known = !c->report_lost && !c->report.error;

    if (known && WIFSIGNALED(c->report.status))
        muster_run_set_exit(run, -1, exec_signal_name(WTERMSIG(c->report.status), name));
    else if (known)
        muster_run_set_exit(run, WEXITSTATUS(c->report.status), NULL);
    capture_last_line(&c->log, message, sizeof message);
    if (stopped(run, message))
        return;
    end_code(c, code, sizeof code);
    serve_child_describe_end(c, how, sizeof how);
    if (c->output.len)
        snprintf(message, sizeof message, "%s after %zu bytes of a line without its end", how,
                 c->output.len);
    else if (!*message)
        snprintf(message, sizeof message, "%s before it had answered", how);
    muster_run_fail(run, code, message, 0);
}

void serve_outcome_unbegun(muster_run_t *run)
{
    if (!stopped(run, "no child of the worker could begin it"))
        muster_run_release(run);
}
