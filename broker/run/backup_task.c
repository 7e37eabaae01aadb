/* backup_task.c: hot backups on request. The copying is in a thread that the loop only hears of
 * when it is over; meanwhile requests are held here, as waits are in the core. The last outcome is
 * kept, for who did not get the answer. */
#include "run/backup_task.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/apply.h"
#include "run/broker.h"
#include "run/pairs.h"
#include "store/backup.h"

#define WAITERS_MAX   64 /* beyond it a request is answered at once */
#define REASON_BYTES  512
#define NICENESS      10 /* jobs first */
#define DIRECTORY_MAX 4096

struct waiting {
    route_t route;
    uint64_t request, until_ms;
};

enum phase { PHASE_NONE, PHASE_RUNNING, PHASE_OVER };

struct backup_task {
    struct backup backup; /* the thread's while it runs, but for its atomics */
    pthread_t thread;
    int fd;
    enum phase phase;
    uint64_t token;
    char directory[DIRECTORY_MAX];
    uint64_t begun_ms, ended_ms; /* monotonic */
    struct waiting waiting[WAITERS_MAX];
    uint32_t waiting_count;
    /* written by the thread before it says that it is over */
    int error;
    char why[REASON_BYTES];
};

int backup_task_new(struct backup_task **ret, struct engine *engine, const char *data)
{
    struct backup_task *t = calloc(1, sizeof *t);
    if (!t)
        return MUSTER_ENOMEM;
    t->backup.engine = engine;
    t->backup.data = data;
    t->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (t->fd < 0) {
        free(t);
        return MUSTER_EIO;
    }
    *ret = t;
    return 0;
}

void backup_task_free(struct backup_task **task)
{
    struct backup_task *t = *task;
    if (!t)
        return;
    if (t->phase == PHASE_RUNNING) {
        backup_task_stop(t);
        pthread_join(t->thread, NULL);
    }
    close(t->fd);
    free(t);
    *task = NULL;
}

int backup_task_fd(const struct backup_task *t)
{
    return t->fd;
}

bool backup_task_runs(const struct backup_task *t)
{
    return t->phase == PHASE_RUNNING;
}

void backup_task_stop(struct backup_task *t)
{
    atomic_store(&t->backup.stop, true);
}

/* ---- the thread ---- */

static void *run(void *arg)
{
    struct backup_task *t = arg;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    t->error = backup_run(&t->backup, t->why, sizeof t->why);
    uint64_t one = 1;
    ssize_t written = write(t->fd, &one, sizeof one);
    (void)written; /* fails only when it is readable anyway */
    return NULL;
}

static int begin(struct backup_task *t, const struct action *a)
{
    snprintf(t->directory, sizeof t->directory, "%.*s", SLICE_FMT(a->backup.directory));
    t->backup = (struct backup){
        .engine = t->backup.engine, .data = t->backup.data, .directory = t->directory};
    t->token = a->backup.token;
    t->begun_ms = clock_ms();
    t->waiting_count = 0;
    t->why[0] = '\0';
    int error = pthread_create(&t->thread, NULL, run, t);
    t->phase = error ? PHASE_NONE : PHASE_RUNNING;
    if (!error)
        log_write(LEVEL_INFO, "backup begins", LOG_FIELDS(log_text("directory", t->directory)));
    return error ? MUSTER_EIO : 0;
}

/* ---- answers ---- */

static void put_state(struct buf *out, const struct backup_task *t, bool over)
{
    const struct manifest *m = &t->backup.manifest;
    uint64_t passed_ms = (over ? t->ended_ms : clock_ms()) - t->begun_ms;
    wire_map(out, over ? 10 : 6);
    put_text(out, "state", slice_str(over ? "done" : "running"));
    put_text(out, "directory", slice_str(t->directory));
    put_float(out, "seconds", (double)passed_ms / 1000);
    put_number(out, "records", atomic_load(&t->backup.records));
    put_number(out, "records_total", atomic_load(&t->backup.records_total));
    put_number(out, "bytes", over ? m->bytes : atomic_load(&t->backup.bytes));
    if (!over)
        return;
    put_number(out, "epoch", m->epoch);
    put_number(out, "ready", m->ready);
    put_number(out, "scheduled", m->scheduled);
    put_number(out, "parked", m->parked);
}

static void answer(struct broker *b, const struct backup_task *t, route_t route, uint64_t request)
{
    bool over = t->phase == PHASE_OVER;
    buf_reset(&b->body);
    if (!over || t->error == 0)
        put_state(&b->body, t, over);
    apply_reply(b, route, request, over ? t->error : 0, t->why);
}

static void refuse(struct broker *b, const struct action *a, int error, const char *text)
{
    buf_reset(&b->body);
    apply_reply(b, a->route, a->request, error, text);
}

static void hold(struct broker *b, struct backup_task *t, const struct action *a)
{
    if (t->waiting_count == WAITERS_MAX || a->backup.hold_ms == 0) {
        answer(b, t, a->route, a->request);
        return;
    }
    t->waiting[t->waiting_count++] = (struct waiting){
        .route = a->route, .request = a->request, .until_ms = b->now_ms + a->backup.hold_ms};
}

void backup_task_ask(struct broker *b, const struct action *a)
{
    struct backup_task *t = b->backup;
    bool same = t->phase != PHASE_NONE && t->token == a->backup.token;
    if (same && t->phase == PHASE_OVER) {
        answer(b, t, a->route, a->request);
    } else if (same) {
        hold(b, t, a);
    } else if (t->phase == PHASE_RUNNING) {
        char text[DIRECTORY_MAX + 64];
        snprintf(text, sizeof text, "another backup is being made, into %.900s", t->directory);
        refuse(b, a, MUSTER_EBUSY, text);
    } else if (b->stopping) {
        refuse(b, a, MUSTER_ESHUTDOWN, "the broker is stopping");
    } else if (a->backup.directory.len >= DIRECTORY_MAX) {
        refuse(b, a, MUSTER_EINVAL, "directory: the path is too long");
    } else if (begin(t, a) != 0) {
        refuse(b, a, MUSTER_EIO, "no thread can be started");
    } else {
        hold(b, t, a);
    }
}

/* ---- turns ---- */

static void log_end(const struct backup_task *t)
{
    if (t->error)
        log_write(t->backup.fatal ? LEVEL_ERROR : LEVEL_WARN, "backup failed",
                  LOG_FIELDS(log_text("directory", t->directory), log_text("reason", t->why)));
    else
        log_write(LEVEL_INFO, "backup done",
                  LOG_FIELDS(log_text("directory", t->directory),
                             log_number("records", t->backup.manifest.records),
                             log_number("bytes", t->backup.manifest.bytes),
                             log_number("ms", t->ended_ms - t->begun_ms)));
}

static void join(struct broker *b, struct backup_task *t)
{
    uint64_t count;
    if (t->phase != PHASE_RUNNING || read(t->fd, &count, sizeof count) != (ssize_t)sizeof count)
        return;
    pthread_join(t->thread, NULL);
    t->phase = PHASE_OVER;
    t->ended_ms = clock_ms();
    log_end(t);
    if (t->backup.fatal)
        b->exit_code = EXIT_STORE; /* it never acknowledges again without a fresh start */
}

void backup_task_turn(struct broker *b)
{
    struct backup_task *t = b->backup;
    join(b, t);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->waiting_count; i++) {
        if (t->phase == PHASE_RUNNING && t->waiting[i].until_ms > b->now_ms)
            t->waiting[kept++] = t->waiting[i];
        else
            answer(b, t, t->waiting[i].route, t->waiting[i].request);
    }
    t->waiting_count = kept;
}

uint64_t backup_task_deadline(const struct backup_task *t)
{
    uint64_t soonest = UINT64_MAX;
    for (uint32_t i = 0; i < t->waiting_count; i++)
        if (t->waiting[i].until_ms < soonest)
            soonest = t->waiting[i].until_ms;
    return soonest;
}
