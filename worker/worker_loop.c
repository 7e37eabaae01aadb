/* worker_loop.c: muster_worker_run(): the thread that talks to the brokers and to the pool. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fds.h"
#include "worker.h"

/* After the drain time: for handlers to end and results to be acknowledged. */
#define STOP_GRACE_MS 5000u
#define STOP_NOW_MS   1000u
#define STOP_RETRY_MS 50u /* while stopping, jobs that begin in that moment are asked again */
#define POLL_MAX_MS   60000u
#define FIXED_ITEMS   2u

/* ---- start and end ---- */

static int make_kinds(struct worker *w)
{
    w->kinds = calloc(w->handler_count ? w->handler_count : 1, sizeof *w->kinds);
    if (!w->kinds)
        return MUSTER_ENOMEM;
    for (size_t i = 0; i < w->handler_count; i++)
        w->kinds[i] = slice_str(w->handlers[i].kind);
    w->who.kinds = w->kinds;
    w->who.kind_count = (uint32_t)w->handler_count;
    return 0;
}

static int make_links(struct worker *w)
{
    uint32_t count = (uint32_t)w->broker_count;

    w->links = calloc(count, sizeof *w->links);
    if (!w->links)
        return MUSTER_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t seed = clock_us();
        if (getrandom(&seed, sizeof seed, 0) < 0)
            seed ^= (uint64_t)getpid() << 32;
        link_init(&w->links[i], w, w->zmq, w->brokers[i], seed);
        w->links[i].core.share = (w->who.slots + count - 1) / count;
    }
    w->link_count = count;
    return 0;
}

static int begin(struct worker *w)
{
    int err;

    w->stop_ms = w->give_up_ms = UINT64_MAX;
    w->zmq = fds_for_zmq() ? zmq_ctx_new() : NULL;
    if (!w->zmq)
        return MUSTER_EIO;
    if ((err = make_kinds(w)) || (err = pool_new(w->who.slots, worker_run_job, w, &w->pool)))
        return err;
    return make_links(w);
}

static bool all_ended(const struct worker *w)
{
    for (size_t i = 0; i < w->link_count; i++)
        if (!worker_core_ended(&w->links[i].core))
            return false;
    return true;
}

/* ---- one turn ---- */

static void drain(struct worker *w, uint64_t now)
{
    w->stop_ms = now + w->drain_ms;
    w->give_up_ms = w->stop_ms + STOP_GRACE_MS;
    for (size_t i = 0; i < w->link_count; i++)
        worker_core_drain(&w->links[i].core);
    pool_purge(w->pool);
}

static void obey(struct worker *w, uint64_t now)
{
    int wanted = atomic_load(&w->order);
    uint64_t count;
    ssize_t n = read(w->order_fd, &count, sizeof count);

    (void)n;
    if (wanted == w->order_seen)
        return;
    if (w->order_seen < ORDER_DRAIN)
        drain(w, now);
    if (wanted == ORDER_STOP) {
        w->stop_ms = now;
        w->give_up_ms = now + STOP_NOW_MS;
    }
    w->order_seen = wanted;
}

static void take_finished(struct worker *w, bool readable)
{
    struct job *job = pool_take(w->pool, readable);

    while (job) {
        struct job *next = job->next;
        struct link *l = job->batch->owner;
        worker_core_finished(&l->core, job);
        job = next;
    }
}

/* With several brokers each learns how many slots the others' jobs use. */
static void share_slots(struct worker *w)
{
    uint32_t all = 0, slots = w->who.slots;

    if (w->link_count < 2)
        return;
    for (size_t i = 0; i < w->link_count; i++)
        all += w->links[i].core.held_jobs + w->links[i].core.abandoned;
    for (size_t i = 0; i < w->link_count; i++) {
        struct worker_core *c = &w->links[i].core;
        uint32_t others = all - c->held_jobs - c->abandoned;
        worker_core_elsewhere(c, others < slots ? others : slots);
    }
}

static void tick(struct worker *w, uint64_t now)
{
    bool gave_back = false;

    share_slots(w);
    for (size_t i = 0; i < w->link_count; i++) {
        struct worker_core *c = &w->links[i].core;
        bool before = c->gave_back;
        worker_core_tick(c, now);
        gave_back = gave_back || (c->gave_back && !before);
    }
    if (gave_back)
        pool_purge(w->pool);
    if (now >= w->stop_ms)
        pool_stop_all(w->pool, w->order_seen == ORDER_STOP ? STOP_NOW : STOP_DRAIN);
}

/* Milliseconds until something is due. */
static long wait_ms(struct worker *w, uint64_t now_us)
{
    uint64_t now = now_us / 1000, at = now + POLL_MAX_MS;
    uint64_t expire = pool_expire(w->pool, now_us), look = pool_look_us(w->pool);
    uint64_t due_us = expire < look ? expire : look;
    uint64_t stop = now >= w->stop_ms ? now + STOP_RETRY_MS : w->stop_ms;

    for (size_t i = 0; i < w->link_count; i++) {
        uint64_t due = worker_core_deadline(&w->links[i].core);
        at = due < at ? due : at;
    }
    if (due_us != UINT64_MAX && due_us / 1000 + 1 < at)
        at = due_us / 1000 + 1;
    at = stop < at ? stop : at;
    at = w->give_up_ms < at ? w->give_up_ms : at;
    return at > now ? (long)(at - now) : 0;
}

static int fill_items(struct worker *w, zmq_pollitem_t *items)
{
    int n = 0;

    items[n++] = (zmq_pollitem_t){.fd = w->order_fd, .events = ZMQ_POLLIN};
    items[n++] = (zmq_pollitem_t){.fd = pool_fd(w->pool), .events = ZMQ_POLLIN};
    for (size_t i = 0; i < w->link_count; i++) {
        const struct conn *c = &w->links[i].conn;
        if (!c->socket)
            continue;
        items[n++] = (zmq_pollitem_t){.socket = c->socket, .events = ZMQ_POLLIN};
        items[n++] = (zmq_pollitem_t){.socket = c->monitor, .events = ZMQ_POLLIN};
    }
    return n;
}

static int turn(struct worker *w, zmq_pollitem_t *items, bool *more)
{
    int n = fill_items(w, items);
    long wait = *more ? 0 : wait_ms(w, clock_us());
    uint64_t now;

    if (zmq_poll(items, n, wait) < 0 && errno != EINTR)
        return MUSTER_EIO;
    now = clock_ms();
    obey(w, now);
    *more = false;
    for (size_t i = 0; i < w->link_count; i++)
        *more = link_read(&w->links[i], now) || *more;
    take_finished(w, (items[1].revents & ZMQ_POLLIN) != 0);
    tick(w, now);
    return 0;
}

int muster_worker_run(muster_worker_t *worker)
{
    struct worker *w;
    zmq_pollitem_t *items;
    bool more = false;
    int err = worker_begin(worker, &w);

    if (err)
        return err;
    items = calloc(FIXED_ITEMS + w->broker_count * 2, sizeof *items);
    err = items ? begin(w) : MUSTER_ENOMEM;
    while (!err && !all_ended(w)) {
        err = turn(w, items, &more);
        if (!err && !all_ended(w) && clock_ms() >= w->give_up_ms)
            err = MUSTER_ETIMEOUT;
    }
    for (size_t i = 0; i < w->link_count; i++)
        conn_close(&w->links[i].conn, 0);
    free(items);
    worker_end(w);
    return err;
}
