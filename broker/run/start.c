/* start.c: the order of starting (store, sockets, core) and stopping. The store comes first: a
 * broker whose data is in use or damaged must not take connections. */
#include "run/start.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "run/backup_task.h"
#include "run/boot_schedules.h"
#include "run/broker.h"
#include "run/drops.h"
#include "run/loop.h"
#include "store/store.h"

#define REASON_BYTES 512
#define LINGER_MS    1000
#define UNSENT_MAX   (256u << 20) /* large frames on their way out, each socket */
#define REPLY_MAX    (64u << 20)  /* one answer */

/* What start_broker opens and closes. */
struct parts {
    struct store *store;
    struct boot boot;
    void *context;
    struct broker broker;
};

static const struct feed_kind feed_kinds[TOPIC_COUNT] = {
#define TOPIC(symbol, name, has_queue) [TOPIC_##symbol] = {name, has_queue},
#include "base/topic.def"
};

static int fail(int status, const char *what, const char *why)
{
    log_write(LEVEL_ERROR, what, LOG_FIELDS(log_text("reason", why)));
    return status;
}

/* ---- the store ---- */

/* mkdir -p, for the owner alone. */
static int make_directory(const char *path, char *why, size_t why_size)
{
    char part[4096];
    size_t len = strlen(path);
    if (len >= sizeof part) {
        snprintf(why, why_size, "the path has more than %zu bytes", sizeof part - 1);
        return MUSTER_EINVAL;
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) && errno != EEXIST && errno != EISDIR) {
            snprintf(why, why_size, "cannot make %s: %s", path, strerror(errno));
            return MUSTER_EIO;
        }
    }
    return 0;
}

static void warn_of_tmpfs(const char *path)
{
    struct statfs fs;
    if (statfs(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
        log_write(LEVEL_WARN,
                  "the data directory is on tmpfs: nothing survives a restart of the machine",
                  LOG_FIELDS(log_text("data", path)));
}

static int open_store(struct parts *p, const struct config *c)
{
    char why[REASON_BYTES] = "";
    struct store_options options = STORE_OPTIONS_DEFAULT;
    options.directory = c->data;
    options.now_ms = clock_wall_ms();
    options.retain_age_ms = c->retain_age;
    options.retain_jobs = c->retain_jobs;
    options.retain_bytes = c->retain_bytes;
    options.parked_age_ms = c->parked_age;
    options.parked_bytes = c->parked_bytes;
    options.disk_reserve = c->disk_reserve;
    if (make_directory(c->data, why, sizeof why))
        return fail(EXIT_USAGE, "cannot make the data directory", why);
    warn_of_tmpfs(c->data);
    int error = store_open_lmdb(&p->store, &options, why, sizeof why);
    if (!error)
        error = store_boot(p->store, &p->boot, why, sizeof why);
    if (!error)
        return EXIT_NOT_YET;
    bool io = error == MUSTER_EIO || error == MUSTER_ENOSPACE || error == MUSTER_ENOMEM;
    return fail(io ? EXIT_STORE : EXIT_DATA, "cannot open the data directory", why);
}

/* ---- sockets ---- */

static int open_router(struct parts *p, enum side side, const char *name, const char *endpoint)
{
    char why[REASON_BYTES] = "", what[64];
    const struct router_options options = {
        .endpoint = endpoint,
        .max_frame = FRAME_OVERHEAD_BYTES + 4 * BATCH_BYTES_TARGET + p->broker.config->max_payload,
        .max_unsent = UNSENT_MAX};
    if (router_open(&p->broker.sides[side], p->context, &options, why, sizeof why) == 0)
        return EXIT_NOT_YET;
    snprintf(what, sizeof what, "cannot open the %s", name);
    return fail(EXIT_BIND, what, why);
}

static int open_sockets(struct parts *p, const struct config *c)
{
    char why[REASON_BYTES] = "";
    p->context = zmq_ctx_new();
    if (!p->context)
        return fail(EXIT_BIND, "cannot start ZeroMQ", strerror(errno));
    int status = open_router(p, SIDE_CLIENT, "frontend", c->frontend);
    if (status == EXIT_NOT_YET)
        status = open_router(p, SIDE_WORKER, "backend", c->backend);
    if (status != EXIT_NOT_YET)
        return status;
    const struct feed_options options = {.endpoint = c->feed,
                                         .epoch = p->broker.epoch,
                                         .kinds = feed_kinds,
                                         .kind_count = TOPIC_COUNT};
    if (feed_open(&p->broker.feed, p->context, &options, why, sizeof why))
        return fail(EXIT_BIND, "cannot open the feed", why);
    return EXIT_NOT_YET;
}

/* ---- the core ---- */

static int first_step(struct parts *p)
{
    char why[REASON_BYTES] = "";
    struct schedule_def *defs = NULL;
    int error = boot_schedules_read(&p->boot, &defs, why, sizeof why);
    if (!error) {
        struct event boot = {.type = EV_BOOT, .boot = {.boot = &p->boot}};
        loop_step(&p->broker, &boot);
        boot_free(&p->boot);
    }
    free(defs);
    return error ? fail(error == MUSTER_EDAMAGED ? EXIT_DATA : EXIT_STORE, "cannot start", why)
                 : EXIT_NOT_YET;
}

static int open_core(struct parts *p, const struct config *c)
{
    struct broker *b = &p->broker;
    struct core_options options = CORE_OPTIONS_DEFAULT;
    options.shard = (uint8_t)c->shard;
    options.heartbeat_ms = c->heartbeat;
    options.lease_ms = c->lease;
    options.restart_grace_ms = c->restart_grace;
    if (getrandom(&options.seed, sizeof options.seed, 0) != (ssize_t)sizeof options.seed)
        options.seed = clock_us() ^ (uint64_t)getpid();
    b->core = core_new(&options);
    b->drops = drops_new();
    if (!b->core || !b->drops)
        return fail(EXIT_STORE, "cannot start", "out of memory");
    int error = backup_task_new(&b->backup, store_engine(p->store), c->data);
    if (error)
        return fail(EXIT_STORE, "cannot start", err_text(error));
    error = store_thread_start(&b->store, p->store);
    if (error)
        return fail(EXIT_STORE, "cannot start the store's thread", err_text(error));
    b->now_ms = b->started_ms = b->second_ms = clock_ms();
    b->wall_ms = clock_wall_ms();
    return first_step(p);
}

/* ---- all of it ---- */

static void say_ready(const struct broker *b)
{
    const char *frontend = router_endpoint(b->sides[SIDE_CLIENT]);
    const char *backend = router_endpoint(b->sides[SIDE_WORKER]);
    printf("musterd: ready frontend=%s backend=%s feed=%s\n", frontend, backend,
           feed_endpoint(b->feed));
    fflush(stdout);
    log_write(LEVEL_INFO, "ready",
              LOG_FIELDS(log_text("version", MUSTER_VERSION), log_number("epoch", b->epoch),
                         log_text("data", b->config->data), log_text("frontend", frontend),
                         log_text("backend", backend), log_text("feed", feed_endpoint(b->feed))));
}

/* The store ends first: what it still commits is not acknowledged, but it is not lost either. Blobs
 * go back to the routers before these are closed. */
static int close_all(struct parts *p, int status)
{
    struct broker *b = &p->broker;
    int linger_ms = status == EXIT_STOPPED ? LINGER_MS : 0;
    backup_task_free(&b->backup);
    int error = store_thread_stop(&b->store);
    if (error && status == EXIT_STOPPED)
        status = fail(EXIT_STORE, "the store failed while stopping", err_text(error));
    if (b->core)
        core_destroy(&b->core);
    router_close(&b->sides[SIDE_CLIENT], linger_ms);
    router_close(&b->sides[SIDE_WORKER], linger_ms);
    feed_close(&b->feed, linger_ms);
    if (p->context)
        zmq_ctx_term(p->context);
    boot_free(&p->boot);
    if (p->store)
        store_close(&p->store);
    drops_free(b->drops);
    jobs_frame_fini(&b->jobs);
    buf_fini(&b->frame);
    buf_fini(&b->body);
    return status;
}

int start_broker(const struct config *config, int signal_fd)
{
    struct parts *p = calloc(1, sizeof *p);
    if (!p)
        return fail(EXIT_STORE, "cannot start", "out of memory");
    struct broker *b = &p->broker;
    b->config = config;
    b->exit_code = EXIT_NOT_YET;
    b->translator.max_payload = (uint32_t)config->max_payload;
    size_t batch_bytes = BATCH_JOBS_MAX * (size_t)config->max_payload;
    jobs_frame_init(&b->jobs, batch_bytes);
    buf_init(&b->frame, REPLY_MAX + FRAME_OVERHEAD_BYTES);
    buf_init(&b->body, REPLY_MAX);
    int status = open_store(p, config);
    b->epoch = p->boot.epoch;
    if (status == EXIT_NOT_YET)
        status = open_sockets(p, config);
    if (status == EXIT_NOT_YET)
        status = open_core(p, config);
    if (status == EXIT_NOT_YET) {
        say_ready(b);
        status = loop_run(b, signal_fd);
    }
    status = close_all(p, status);
    if (status == EXIT_STOPPED)
        log_write(LEVEL_INFO, "stopped", LOG_NO_FIELDS);
    free(p);
    return status;
}
