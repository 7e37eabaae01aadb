/* main.c: muster-worker: runs jobs by commands of this machine. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/text.h"
#include "handlers.h"
#include "log_out.h"
#include "options.h"
#include "worker.h"

#define STATUS_ERROR 1
#define LEAVE_MS     2000u /* for children that serve to end when there are no more jobs */

static _Atomic(muster_worker_t *) the_worker; /* for signal handlers */
static atomic_int signals_taken;
static atomic_bool orphaned; /* the supervisor has died */

static void log_line(const char *level, const char *text)
{
    char when[TIME_TEXT_BYTES], line[1024];
    int n;

    time_format(clock_wall_ms(), when);
    n = snprintf(line, sizeof line, "%s %-5s %.900s\n", when, level, text);
    log_out(line, (size_t)n);
}

static void on_log(void *user, bool trouble, const char *text)
{
    (void)user;
    log_line(trouble ? "warn" : "info", text);
}

static void on_ready(void *user, const char *name, const char *session, uint32_t slots)
{
    (void)user;
    printf("muster-worker: ready name=%s session=%s slots=%u\n", name, session, slots);
    fflush(stdout);
}

/* ---- signals ---- */

/* The first lets handlers finish, the second does not. */
static void on_signal(int sig)
{
    muster_worker_t *w = atomic_load(&the_worker);

    (void)sig;
    if (!w)
        return;
    if (atomic_fetch_add(&signals_taken, 1) == 0)
        muster_worker_drain(w);
    else
        muster_worker_stop(w);
}

static void take_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

/* ---- commands ---- */

static void on_orphaned(void *user)
{
    muster_worker_t *w = atomic_load(&the_worker);

    (void)user;
    if (!w)
        return; /* we have ended it ourselves */
    if (!atomic_exchange(&orphaned, true))
        log_line("error", "the supervisor process was killed; without it commands could outlive "
                          "the worker: stopping");
    muster_worker_stop(w);
}

/* The supervisor, with every command; before there is any thread. */
static int start_supervisor(const struct settings *s, struct supervisor *ret)
{
    const char **commands = calloc(s->exec_count, sizeof *commands);
    int err;

    if (!commands)
        return MUSTER_ENOMEM;
    for (size_t i = 0; i < s->exec_count; i++)
        commands[i] = s->execs[i].command;
    err = supervisor_start(commands, s->exec_count, ret);
    free(commands); /* the child has its own copy */
    return err;
}

/* A command takes five descriptors here; commands themselves keep the limit that the supervisor
 * has. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Works with these handlers until the end. */
static int work(muster_worker_t *worker)
{
    int err;

    atomic_store(&the_worker, worker);
    take_signals();
    err = muster_worker_run(worker);
    if (err == MUSTER_ETIMEOUT)
        log_line("error",
                 "stopped with work that no broker has acknowledged: it will run again elsewhere");
    return err;
}

static int run(const struct settings *s, const struct supervisor *supervisor)
{
    struct muster_worker_options options = {
        .brokers = (const char *const *)s->brokers,
        .broker_count = s->broker_count,
        .queues = s->queues,
        .queue_count = s->queue_count,
        .strict = s->strict,
        .slots = s->slots,
        .name = s->name,
        .on_ready = on_ready,
        .on_log = on_log,
    };
    struct serve_host host = {supervisor, EXEC_GRACE_DEFAULT, on_log, on_orphaned, NULL};
    struct handlers handlers = {0};
    muster_worker_t *worker = NULL;
    char why[256] = "";
    int err;

    signal(SIGPIPE, SIG_IGN);
    err = muster_worker_new(&options, &worker, why, sizeof why);
    if (!err)
        err = handlers_init(&handlers, s, &host, (uint32_t)muster_worker_slots(worker), worker);
    if (!err)
        err = work(worker);
    if (err && err != MUSTER_ETIMEOUT)
        log_line("error", *why ? why : err_text(err));
    atomic_store(&the_worker, NULL);
    if (err == MUSTER_ETIMEOUT)
        supervisor_end(supervisor); /* a command that cannot be told to end is not waited for */
    muster_worker_destroy(&worker);
    handlers_fini(&handlers, err || atomic_load(&signals_taken) > 1 ? 0 : LEAVE_MS);
    return err;
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct supervisor supervisor;
    int err;

    options_read(argc, argv, &settings);
    if (start_supervisor(&settings, &supervisor)) {
        perror("muster-worker: the supervisor process cannot be started");
        return STATUS_ERROR;
    }
    raise_descriptors();
    err = run(&settings, &supervisor);
    supervisor_stop(&supervisor);
    settings_fini(&settings);
    return err || atomic_load(&orphaned) ? STATUS_ERROR : 0;
}
