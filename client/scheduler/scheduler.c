/* scheduler.c: the life of a scheduler: reads what the broker has, puts its file there, and runs
 * all of it; once more when a signal, another content of the file, or a new start of the broker
 * asks for it. It keeps nothing on disk: what was judged the broker knows (each FIRE names the
 * nominal time judged before), so it may be killed at any moment, and any number may run. */
#include "scheduler/scheduler.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "scheduler/file_watch.h"
#include "scheduler/log.h"
#include "scheduler/publish.h"

#define LINE_BYTES 1500
#define AGAIN_MS   1000

struct scheduler {
    const struct scheduler_options *options;
    struct session session;
    struct zones *zones;
    struct file_watch watch;
    uint64_t look_at_ms;
    uint64_t again_at_ms; /* the broker could not take the file: once more; UINT64_MAX: it could */
};

int scheduler_signals(void)
{
    static const int taken[] = {SIGTERM, SIGINT, SIGHUP};
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        (void)sigaddset(&set, taken[i]);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL))
        return MUSTER_EIO;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? MUSTER_EIO : fd;
}

/* ---- the file ---- */

/* Something is wrong with the file or its entries: into the log, and to whoever watches the broker.
 */
static void tell(struct scheduler *s, const char *what)
{
    scheduler_log("error", "%s", what);
    session_notice(&s->session, s->options->source, what);
}

static void tell_faults(struct scheduler *s, const struct yaml_faults *faults)
{
    char line[LINE_BYTES];
    for (uint32_t i = 0; i < faults->count; i++) {
        yaml_fault_print(&faults->list[i], s->options->file, line, sizeof line);
        scheduler_log("error", "%s", line);
    }
    if (faults->more)
        scheduler_log("error", "%s: %u more", s->options->file, faults->more);
    yaml_faults_print(faults, s->options->file, line, sizeof line);
    session_notice(&s->session, s->options->source, line);
}

/* 0, or what is wrong, which is told. An entry that has ended is no fault here: the file was right
 * when it was written. */
static int read_file(struct scheduler *s, struct entries *ret)
{
    struct yaml_faults faults;
    struct stat about;
    if (!stat(s->options->file, &about) && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) {
        char line[LINE_BYTES]; /* a pipe has its content once, and may keep us waiting for ever */
        (void)snprintf(line, sizeof line, "%s: is no regular file, which can be read again",
                       s->options->file);
        tell(s, line);
        return MUSTER_EINVAL;
    }
    yaml_faults_init(&faults, ENTRIES_FAULTS_MAX);
    int error = entries_read(ret, s->options->file, s->zones, 0, &faults);
    if (error)
        tell_faults(s, &faults);
    yaml_faults_fini(&faults);
    return error;
}

/* Reads the file and brings the broker's schedules in line. */
static int publish_file(struct scheduler *s)
{
    struct entries entries;
    struct published done;
    char why[PUBLISH_WHY_SIZE];
    file_watch_begin(&s->watch, s->options->file);
    int error = read_file(s, &entries);
    if (error)
        return error;
    error = publish(&s->session, s->options->source, &entries, &done, why);
    entries_fini(&entries);
    (void)malloc_trim(0); /* a large file takes much more than what is kept of it */
    if (!error)
        scheduler_log("info", "%s: %ju entries, %ju of them new or changed; %ju deleted",
                      s->options->file, (uintmax_t)done.put, (uintmax_t)done.changed,
                      (uintmax_t)done.deleted);
    else if (error != MUSTER_ECLOSED)
        tell(s, why);
    return error;
}

/* What the broker may take a moment later. */
static bool passes(int error)
{
    static const int errors[] = {MUSTER_EBUSY,    MUSTER_EFULL,         MUSTER_ESHUTDOWN,
                                 MUSTER_ENOSPACE, MUSTER_EDISK_RESERVE, MUSTER_ETIMEOUT};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (error == errors[i])
            return true;
    return false;
}

/* ---- again ---- */

static bool file_changed(struct scheduler *s)
{
    uint64_t now_ms = clock_ms();
    if (!s->options->file || now_ms < s->look_at_ms)
        return false;
    s->look_at_ms = now_ms + FILE_WATCH_LOOK_MS;
    return file_watch_look(&s->watch);
}

static void reload_zones(struct scheduler *s)
{
    bool changed = zones_reload(s->zones);
    if (*zones_error(s->zones))
        tell(s, zones_error(s->zones));
    if (!changed && s->session.agenda.broken == 0)
        return;
    if (changed)
        scheduler_log("info", "time zones have other rules than before");
    agenda_recompute(&s->session.agenda);
    session_read_again(&s->session); /* what could not be read before, perhaps can be now */
}

/* Whatever is wrong now, what the broker has goes on. */
static void reload(struct scheduler *s, bool zones)
{
    s->session.reload = s->session.renewed = false;
    if (zones)
        reload_zones(s);
    if (!s->options->file)
        return;
    int error = session_sync(&s->session);
    if (!error)
        error = publish_file(s);
    s->again_at_ms = passes(error) ? clock_ms() + AGAIN_MS : UINT64_MAX;
    if (error && error != MUSTER_ECLOSED && !s->session.failed)
        scheduler_log("warn", "%s: the schedules stay as they are", s->options->file);
}

static void serve(struct scheduler *s)
{
    struct session *session = &s->session;
    while (!session->stop && !session->failed) {
        bool asked = session->reload;
        if (file_changed(s) || asked)
            reload(s, true);
        else if (session->renewed || clock_ms() >= s->again_at_ms)
            reload(s, false);
        session_turn(session, s->options->file ? s->look_at_ms : UINT64_MAX);
    }
}

/* ---- from start to end ---- */

/* Nothing is fired before the file's entries are there: what was taken out of the file meanwhile
 * shall not run once more. */
static int begin(struct scheduler *s)
{
    int error = session_sync(&s->session);
    while (!error && s->options->file) {
        error = publish_file(s);
        if (!passes(error))
            break;
        for (uint64_t end_ms = clock_ms() + AGAIN_MS; clock_ms() < end_ms && !s->session.stop;)
            session_turn(&s->session, end_ms);
        error = s->session.stop ? MUSTER_ECLOSED : s->session.failed;
    }
    if (error)
        return error;
    s->session.firing = true;
    printf("muster scheduler: ready entries=%zu\n", agenda_count(&s->session.agenda));
    (void)fflush(stdout);
    return 0;
}

static enum scheduler_end end_of(struct scheduler *s, int error, int *ret_error)
{
    *ret_error = s->session.failed ? s->session.failed : error;
    if (s->session.failed)
        scheduler_log("error", "the broker at %s: %s", s->options->broker,
                      err_text(s->session.failed));
    if (s->session.failed || error == MUSTER_ENOMEM)
        return SCHEDULER_FAILED;
    return !error || error == MUSTER_ECLOSED ? SCHEDULER_STOPPED : SCHEDULER_REFUSED;
}

static enum scheduler_end run(struct scheduler *s, int *ret_error)
{
    int error = begin(s);
    if (!error)
        serve(s);
    session_finish(&s->session);
    return end_of(s, error, ret_error);
}

enum scheduler_end scheduler_run(muster_client_t *client, int signal_fd,
                                 const struct scheduler_options *options, int *ret_error)
{
    struct scheduler s = {.options = options, .again_at_ms = UINT64_MAX};
    enum scheduler_end end = SCHEDULER_FAILED;
    *ret_error = zones_new(&s.zones, NULL);
    if (*ret_error) {
        scheduler_log("error", "time zones: %s", err_text(*ret_error));
        return end;
    }
    *ret_error = session_init(&s.session, client, signal_fd, s.zones);
    s.session.broker = options->broker;
    s.session.source = options->source;
    if (*ret_error)
        scheduler_log("error", "cannot start: %s", err_text(*ret_error));
    else
        end = run(&s, ret_error);
    session_fini(&s.session);
    zones_free(s.zones);
    return end;
}
