/* bench_cluster.c: a private broker and worker in a folder of their own, cleaned up whatever
 * happens. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/bench.h"

#define START_MS      30000
#define STOP_MS       10000
#define LOG_TAIL      2000
#define SAMPLE_NS     20000000
#define TMPFS_TYPE    0x01021994
#define RAMFS_TYPE    0x858458f6
#define LOOPBACK_PORT "tcp://127.0.0.1:*"

static struct bench_cluster *to_clean; /* by the thread that waits for signals */
static pthread_mutex_t cleaning = PTHREAD_MUTEX_INITIALIZER;

static double seconds_now(void)
{
    return (double)clock_us() * 1e-6;
}

/* ---- signals ---- */

static void end_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGHUP);
}

static void *await_signal(void *arg)
{
    sigset_t set;
    int number = 0;
    (void)arg;
    end_signals(&set);
    (void)sigwait(&set, &number);
    bench_cluster_fini(to_clean);
    _exit(128 + number);
}

static void guard(struct bench_cluster *c)
{
    sigset_t set;
    pthread_t thread;
    to_clean = c;
    end_signals(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&thread, NULL, await_signal, NULL) == 0)
        (void)pthread_detach(thread);
}

/* ---- the broker while it runs ---- */

static void print_log_tail(const struct bench_cluster *c)
{
    char name[600], text[LOG_TAIL + 1];
    (void)snprintf(name, sizeof name, "%s/log", c->folder);
    FILE *log = fopen(name, "re");
    if (!log || c->cli->json) {
        if (log)
            (void)fclose(log);
        return;
    }
    if (fseek(log, -LOG_TAIL, SEEK_END))
        rewind(log);
    size_t got = fread(text, 1, LOG_TAIL, log);
    (void)fwrite(text, 1, got, stderr);
    (void)fclose(log);
}

uint64_t bench_cluster_rss_anon(const struct bench_cluster *c)
{
    char name[64], line[256];
    unsigned long long kib = 0;
    (void)snprintf(name, sizeof name, "/proc/%d/status", (int)c->broker);
    FILE *file = fopen(name, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
            break;
    (void)fclose(file);
    return kib * 1024;
}

double bench_cluster_cpu_s(const struct bench_cluster *c)
{
    char name[64], text[1024];
    unsigned long long user = 0, kernel = 0;
    (void)snprintf(name, sizeof name, "/proc/%d/stat", (int)c->broker);
    FILE *file = fopen(name, "re");
    size_t got = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        (void)fclose(file);
    text[got] = '\0';
    const char *after = strrchr(text, ')'); /* the name may hold anything */
    if (!after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                         &kernel) != 2)
        return 0;
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* Whoever submits would wait for it for ever. */
static void end_with_broker(struct bench_cluster *c)
{
    if (!atomic_exchange(&c->sampling, false)) /* now nobody waits for this thread */
        return;
    print_log_tail(c);
    int status = cli_error(c->cli, MUSTER_EIO, "the broker has ended by itself");
    bench_cluster_fini(c);
    _exit(status);
}

static void *sample(void *arg)
{
    struct bench_cluster *c = arg;
    struct timespec tick = {0, SAMPLE_NS};
    while (c->sampling) {
        siginfo_t about = {0};
        pid_t serving = c->serving;
        if (serving > 0 && waitid(P_PID, (id_t)serving, &about, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            about.si_pid == serving && c->serving == serving)
            end_with_broker(c);
        uint64_t bytes = c->broker > 0 ? bench_cluster_rss_anon(c) : 0;
        if (bytes > c->rss_anon_peak)
            c->rss_anon_peak = bytes;
        (void)nanosleep(&tick, NULL);
    }
    return NULL;
}

static void begin_sampling(struct bench_cluster *c)
{
    c->sampling = true;
    if (pthread_create(&c->sampler, NULL, sample, c))
        c->sampling = false;
}

static void end_sampling(struct bench_cluster *c)
{
    if (atomic_exchange(&c->sampling, false))
        (void)pthread_join(c->sampler, NULL);
}

/* ---- processes ---- */

static void child_setup(int input, int output, int log)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0); /* Ctrl-C is ours to handle */
    if (input >= 0)
        (void)dup2(input, STDIN_FILENO);
    (void)dup2(output >= 0 ? output : log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
}

/* Starts a program whose stderr goes to the folder's log, with `input` as stdin (-1: ours);
 * *ret_output (may be NULL) reads its stdout. */
static pid_t spawn(const struct bench_cluster *c, char *const argv[], int input, int *ret_output)
{
    char log_name[600];
    int pipes[2] = {-1, -1};
    (void)snprintf(log_name, sizeof log_name, "%s/log", c->folder);
    int log = open(log_name, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || (ret_output && pipe2(pipes, O_CLOEXEC))) {
        if (log >= 0)
            (void)close(log);
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        child_setup(input, pipes[1], log);
        (void)execv(argv[0], argv);
        _exit(127);
    }
    (void)close(log);
    if (ret_output) {
        (void)close(pipes[1]);
        *ret_output = pipes[0];
    }
    return pid;
}

/* Kills and reaps. */
static void end_process(pid_t *pid, int sig)
{
    if (*pid <= 0)
        return;
    (void)kill(*pid, sig);
    struct timespec tick = {0, 2000000};
    double until = seconds_now() + STOP_MS / 1000.0;
    while (waitpid(*pid, NULL, WNOHANG) == 0) {
        if (seconds_now() > until)
            (void)kill(*pid, SIGKILL);
        (void)nanosleep(&tick, NULL);
    }
    *pid = 0;
}

/* Reads a line that begins like this; false at the end of the output or of patience (-1: none). */
static bool read_line(int output, const char *begin, int patience_ms, char *line, size_t size)
{
    size_t used = 0;
    double until = seconds_now() + patience_ms / 1000.0;
    line[0] = '\0';
    while (used + 1 < size) {
        struct pollfd item = {.fd = output, .events = POLLIN};
        int left = patience_ms < 0 ? -1 : (int)((until - seconds_now()) * 1000);
        if ((patience_ms >= 0 && left <= 0) || poll(&item, 1, left) <= 0)
            return false;
        ssize_t got = read(output, line + used, size - 1 - used);
        if (got <= 0)
            return false;
        used += (size_t)got;
        line[used] = '\0';
        if (strchr(line, '\n'))
            return strncmp(line, begin, strlen(begin)) == 0;
    }
    return false;
}

/* The word behind "name=". */
static bool read_field(const char *line, const char *name, char *out, size_t size)
{
    const char *at = strstr(line, name);
    if (!at)
        return false;
    at += strlen(name);
    size_t len = strcspn(at, " \n");
    return (size_t)snprintf(out, size, "%.*s", (int)len, at) < size;
}

int bench_cluster_start_broker(struct bench_cluster *c)
{
    char data[600], line[512] = "";
    int output;
    (void)snprintf(data, sizeof data, "%s/data", c->folder);
    bool again = c->same_ports && c->frontend[0];
    char *frontend = again ? c->frontend : LOOPBACK_PORT;
    char *backend = again ? c->backend : LOOPBACK_PORT;
    char *argv[] = {c->musterd, "--frontend",  frontend, "--backend", backend,
                    "--feed",   LOOPBACK_PORT, "--data", data,        NULL};
    double begun = seconds_now();
    pid_t pid = spawn(c, argv, -1, &output);
    if (pid < 0)
        return cli_error(c->cli, MUSTER_EIO, "cannot start %s: %s", c->musterd, strerror(errno));
    c->broker = pid;
    bool ready = read_line(output, "musterd: ready ", START_MS, line, sizeof line) &&
                 read_field(line, " frontend=", c->frontend, sizeof c->frontend) &&
                 read_field(line, " backend=", c->backend, sizeof c->backend);
    (void)close(output);
    c->ready_s = seconds_now() - begun;
    if (ready) {
        c->serving = pid;
        return 0;
    }
    print_log_tail(c);
    return cli_error(c->cli, MUSTER_EIO, "%s did not become ready%s%s", c->musterd,
                     *line ? ": " : "", line);
}

void bench_cluster_kill_broker(struct bench_cluster *c)
{
    pid_t pid = c->broker;
    c->serving = c->broker = 0;
    end_process(&pid, SIGKILL);
}

/* ---- workers ---- */

int bench_cluster_start_workers(struct bench_cluster *c, const struct bench_load *load,
                                uint32_t count)
{
    char word[BENCH_WORD_BYTES];
    bench_load_word(load, word);
    char *argv[] = {c->self, "bench-worker", c->backend, word, NULL};
    for (uint32_t i = 0; i < count; i++) {
        pid_t pid = spawn(c, argv, -1, NULL);
        if (pid < 0)
            return cli_error(c->cli, MUSTER_EIO, "cannot start a worker: %s", strerror(errno));
        c->workers[c->worker_count++] = pid;
    }
    return 0;
}

static void end_workers(struct bench_cluster *c, int number)
{
    for (uint32_t i = 0; i < c->worker_count; i++)
        (void)kill(c->workers[i], number);
    while (c->worker_count)
        end_process(&c->workers[--c->worker_count], number);
}

void bench_cluster_stop_workers(struct bench_cluster *c)
{
    end_workers(c, SIGTERM);
}

/* ---- submitters ---- */

static int start_submitter(struct bench_cluster *c, const struct bench_load *load, int gate)
{
    char word[BENCH_WORD_BYTES], line[64];
    bench_load_word(load, word);
    char *argv[] = {c->self, "bench-submitter", c->frontend, word, NULL};
    uint32_t at = c->submitter_count;
    pid_t pid = spawn(c, argv, gate, &c->submitter_output[at]);
    if (pid < 0)
        return cli_error(c->cli, MUSTER_EIO, "cannot start a submitter: %s", strerror(errno));
    c->submitters[at] = pid;
    c->submitter_count++;
    if (read_line(c->submitter_output[at], "ready", START_MS, line, sizeof line))
        return 0;
    print_log_tail(c);
    return cli_error(c->cli, MUSTER_ETIMEOUT, "a submitter did not become ready");
}

static void end_submitters(struct bench_cluster *c)
{
    while (c->submitter_count) {
        uint32_t at = --c->submitter_count;
        (void)close(c->submitter_output[at]);
        end_process(&c->submitters[at], SIGKILL);
    }
}

/* They share the jobs: each a run of its own in the list. */
static int start_submitters(struct bench_cluster *c, const struct bench_load *load, uint32_t count,
                            int gate)
{
    struct bench_load part = *load;
    int status = 0;
    for (uint32_t i = 0; i < count && !status; i++) {
        uint64_t end = load->jobs * (i + 1) / count;
        part.first = load->jobs * i / count;
        part.jobs = end - part.first;
        part.first += load->first;
        status = start_submitter(c, &part, gate);
    }
    return status;
}

static int await_submitters(struct bench_cluster *c, struct bench_pushed *ret_pushed)
{
    char line[96];
    *ret_pushed = (struct bench_pushed){.begun_us = UINT64_MAX};
    for (uint32_t i = 0; i < c->submitter_count; i++) {
        struct bench_pushed one;
        if (!read_line(c->submitter_output[i], "done ", -1, line, sizeof line) ||
            sscanf(line, "done %" SCNu64 " %llu", &one.begun_us, &one.refused) != 2) {
            print_log_tail(c);
            return cli_error(c->cli, MUSTER_EIO, "a submitter ended before it was done");
        }
        if (one.begun_us < ret_pushed->begun_us)
            ret_pushed->begun_us = one.begun_us;
        ret_pushed->refused += one.refused;
    }
    return 0;
}

int bench_cluster_push(struct bench_cluster *c, const struct bench_load *load, uint32_t count,
                       struct bench_pushed *ret_pushed)
{
    int gate[2]; /* all begin when it is closed */
    if (pipe2(gate, O_CLOEXEC))
        return cli_error(c->cli, MUSTER_EIO, "cannot make a pipe: %s", strerror(errno));
    int status = start_submitters(c, load, count, gate[0]);
    (void)close(gate[1]);
    (void)close(gate[0]);
    status = status ? status : await_submitters(c, ret_pushed);
    end_submitters(c);
    return status;
}

/* ---- folder ---- */

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *at)
{
    (void)about;
    (void)type;
    (void)at;
    return remove(path);
}

void bench_cluster_fini(struct bench_cluster *c)
{
    pthread_mutex_lock(&cleaning);
    end_submitters(c);
    end_workers(c, SIGKILL);
    pid_t broker = c->broker;
    c->serving = c->broker = 0;
    end_process(&broker, SIGTERM);
    end_sampling(c);
    if (c->folder[0])
        (void)nftw(c->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    c->folder[0] = '\0';
    pthread_mutex_unlock(&cleaning);
}

static const char *default_parent(void)
{
    struct stat about;
    const char *temporary = getenv("TMPDIR");
    if (stat("build", &about) == 0 && S_ISDIR(about.st_mode) && access("build", W_OK) == 0)
        return "build";
    return temporary && *temporary ? temporary : "/tmp";
}

static int find_programs(struct bench_cluster *c)
{
    ssize_t len = readlink("/proc/self/exe", c->self, sizeof c->self - 1);
    if (len < 0)
        return cli_error(c->cli, MUSTER_EIO, "cannot read /proc/self/exe: %s", strerror(errno));
    c->self[len] = '\0';
    char copy[sizeof c->self];
    memcpy(copy, c->self, sizeof copy);
    (void)snprintf(c->musterd, sizeof c->musterd, "%.480s/musterd", dirname(copy));
    if (access(c->musterd, X_OK))
        return cli_error(c->cli, MUSTER_ENOTFOUND, "%s: %s", c->musterd, strerror(errno));
    return 0;
}

int bench_cluster_init(const struct cli *cli, struct bench_cluster *c, const char *parent)
{
    struct statfs fs;
    memset(c, 0, sizeof *c);
    c->cli = cli;
    int status = find_programs(c);
    if (status)
        return status;
    if (!parent)
        parent = default_parent();
    if (statfs(parent, &fs))
        return cli_usage(cli, "bench", "--data %s: %s", parent, strerror(errno));
    if ((unsigned long)fs.f_type == TMPFS_TYPE || (unsigned long)fs.f_type == RAMFS_TYPE)
        return cli_error_code(
            cli, EXIT_REFUSED, "tmpfs",
            "%s is in memory, where syncing costs nothing: name a folder on a disk with --data",
            parent);
    guard(c);
    if ((size_t)snprintf(c->folder, sizeof c->folder, "%s/muster-bench-XXXXXX", parent) >=
            sizeof c->folder ||
        !mkdtemp(c->folder)) {
        c->folder[0] = '\0';
        return cli_error(cli, MUSTER_EIO, "cannot make a folder in %s: %s", parent,
                         strerror(errno));
    }
    begin_sampling(c);
    return 0;
}

const char *bench_cluster_filesystem(const struct bench_cluster *c)
{
    static const struct {
        unsigned long type;
        const char *name;
    } known[] = {{0xef53, "ext4"},         {0x58465342, "xfs"}, {0x9123683e, "btrfs"},
                 {0x794c7630, "overlay"},  {0x6969, "nfs"},     {0x2fc12fc1, "zfs"},
                 {0xf2f52010, "f2fs"},     {0x01021997, "9p"},  {0x65735546, "fuse"},
                 {0xca451a4e, "bcachefs"}, {0xfe534d42, "smb"}};
    static char other[32];
    struct statfs fs;
    if (statfs(c->folder, &fs))
        return "unknown";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if ((unsigned long)fs.f_type == known[i].type)
            return known[i].name;
    (void)snprintf(other, sizeof other, "type 0x%lx", (unsigned long)fs.f_type);
    return other;
}

uint64_t bench_cluster_store_bytes(const struct bench_cluster *c)
{
    char name[600];
    struct stat about;
    (void)snprintf(name, sizeof name, "%s/data/data.mdb", c->folder);
    return stat(name, &about) ? 0 : (uint64_t)about.st_blocks * 512;
}
