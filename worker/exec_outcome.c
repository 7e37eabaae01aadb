/* exec_outcome.c: the table of exit statuses, and the words for people. */
#include "exec_outcome.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "run.h"

/* What the contract makes of an exit status; the rest are failures with the code exit_N. */
static const struct exit_row {
    int status;
    enum outcome outcome;
    const char *code; /* NULL: exit_N */
} exit_table[] = {
    {0, OUTCOME_COMPLETED, NULL},
    {65, OUTCOME_PARKED, NULL},              /* EX_DATAERR: it can never work */
    {75, OUTCOME_SNOOZED, NULL},             /* EX_TEMPFAIL */
    {78, OUTCOME_PARKED, NULL},              /* EX_CONFIG */
    {126, OUTCOME_FAILED, "not_executable"}, /* sh: found, but cannot be executed */
    {127, OUTCOME_FAILED, "not_executable"}, /* sh: not found */
};

static struct exit_row row_for(int status)
{
    for (size_t i = 0; i < sizeof exit_table / sizeof *exit_table; i++)
        if (exit_table[i].status == status)
            return exit_table[i];
    return (struct exit_row){status, OUTCOME_FAILED, NULL};
}

const char *exec_signal_name(int sig, char out[SIGNAL_NAME_BYTES])
{
    const char *name = sigabbrev_np(sig);

    if (name)
        snprintf(out, SIGNAL_NAME_BYTES, "SIG%s", name);
    else
        snprintf(out, SIGNAL_NAME_BYTES, "SIG%d", sig);
    return out;
}

/* For people: the command's last words, or how it ended. */
static void describe(int status, const struct capture *log, char *out, size_t out_size)
{
    char name[SIGNAL_NAME_BYTES];
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

    capture_last_line(log, out, out_size);
    if (*out)
        return;
    if (WIFSIGNALED(status))
        snprintf(out, out_size, "ended by %s", exec_signal_name(WTERMSIG(status), name));
    else if (code > 128 && sigabbrev_np(code - 128))
        snprintf(out, out_size, "exit status %d: a process of it was ended by %s, perhaps", code,
                 exec_signal_name(code - 128, name));
    else
        snprintf(out, out_size, "exit status %d", code);
}

static void complete(muster_run_t *run, const struct capture *output)
{
    struct buf result;
    size_t max = muster_run_result_max(run);

    buf_init(&result, max + RESULT_MAX_BYTES * 9); /* a value may be longer than its JSON */
    if (capture_result(output, max, &result) || muster_run_complete(run, result.data, result.len))
        muster_run_complete(run, NULL, 0); /* the work is done, whatever became of its words */
    buf_fini(&result);
}

static void exited(muster_run_t *run, int status, const char *message, const struct capture *output)
{
    struct exit_row row = row_for(status);
    char code[16];

    snprintf(code, sizeof code, "exit_%d", status);
    if (row.outcome == OUTCOME_COMPLETED)
        complete(run, output);
    else if (row.outcome == OUTCOME_SNOOZED)
        muster_run_snooze(run, 0);
    else if (row.outcome == OUTCOME_PARKED)
        muster_run_park(run, code, message);
    else
        muster_run_fail(run, row.code ? row.code : code, message, 0);
}

static void signalled(muster_run_t *run, int sig, const char *message)
{
    char name[SIGNAL_NAME_BYTES], code[SIGNAL_NAME_BYTES + 8];

    snprintf(code, sizeof code, "signal_%s", exec_signal_name(sig, name));
    muster_run_fail(run, code, message, 0);
}

static void timed_out(muster_run_t *run, const struct capture *log)
{
    char message[MESSAGE_MAX_BYTES + 1], limit[DURATION_TEXT_BYTES];

    capture_last_line(log, message, sizeof message);
    duration_format(muster_run_timeout_ms(run), limit);
    if (!*message)
        snprintf(message, sizeof message, "it did not end within %s", limit);
    run_stopped(run, OUTCOME_TIMEOUT, "timeout", message);
}

void exec_outcome(muster_run_t *run, int status, const struct capture *output,
                  const struct capture *log)
{
    enum job_stop stop = run_stop(run);
    struct slice said = capture_slice(log);
    bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    char message[MESSAGE_MAX_BYTES + 1], name[SIGNAL_NAME_BYTES];

    if (said.len)
        muster_run_set_log(run, said.data, said.len);
    if (WIFSIGNALED(status))
        muster_run_set_exit(run, -1, exec_signal_name(WTERMSIG(status), name));
    else
        muster_run_set_exit(run, WEXITSTATUS(status), NULL);
    describe(status, log, message, sizeof message);

    if (stop == STOP_TIMEOUT)
        timed_out(run, log);
    else if (stop == STOP_CANCEL && !done)
        run_stopped(run, OUTCOME_CANCELLED, "cancelled", message);
    else if (stop != STOP_NONE && !done)
        muster_run_release(run);
    else if (WIFSIGNALED(status))
        signalled(run, WTERMSIG(status), message);
    else
        exited(run, WEXITSTATUS(status), message, output);
}
