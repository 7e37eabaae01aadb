/* serve_pool.c: who has which child, and the keeper.
 *
 * Children that have just had a job are likely to have another soon: the keeper looks at one only
 * when it has been idle for a while, so that a busy worker pays nothing for it. */
#include "serve_pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

#define IDLE_MS   50u
#define KILLED_MS 5000u /* for those that were killed to be gone */

struct serve_program {
    struct serve_pool *pool;
    struct serve_child *children; /* pool->slots of them */
    struct list up, down;         /* idle ones; the newest in front */
};

struct serve_pool {
    struct serve_host host;
    struct serve_program *programs;
    size_t program_count;
    uint32_t slots;
    pthread_mutex_t lock;
    pthread_t keeper;
    bool has_keeper, closing, asleep; /* asleep: the keeper would look too late by itself */
    int wake_fd;
    struct pollfd *items; /* the keeper's: the wake_fd, and SERVE_FDS for each child */
    struct serve_child **watched;
};

static struct serve_child *child_of(struct list *link)
{
    return CONTAINER_OF(link, struct serve_child, link);
}

static size_t child_count(const struct serve_pool *p)
{
    return p->program_count * p->slots;
}

static struct serve_child *child_at(const struct serve_pool *p, size_t index)
{
    return &p->programs[index / p->slots].children[index % p->slots];
}

/* ---- who has it; the lock is held ---- */

static void take(struct serve_child *c)
{
    list_remove(&c->link);
    c->idle = false;
}

static void give(struct serve_child *c)
{
    struct serve_program *program = c->program;

    list_push_front(c->up && !c->ending ? &program->up : &program->down, &c->link);
    c->idle = true;
}

/* The one that can be started first. */
static struct serve_child *first_down(struct serve_program *program)
{
    struct serve_child *best = NULL;

    LIST_FOREACH (it, &program->down) {
        struct serve_child *c = child_of(it);
        if (!best || serve_child_due(c) < serve_child_due(best))
            best = c;
    }
    return best;
}

struct serve_child *serve_pool_take(struct serve_program *program)
{
    struct serve_child *c;

    pthread_mutex_lock(&program->pool->lock);
    c = list_empty(&program->up) ? first_down(program) : child_of(program->up.next);
    if (c)
        take(c);
    pthread_mutex_unlock(&program->pool->lock);
    return c;
}

static void wake(const struct serve_pool *p)
{
    uint64_t one = 1;

    (void)!write(p->wake_fd, &one, sizeof one);
}

void serve_pool_give(struct serve_child *c)
{
    struct serve_pool *p = c->program->pool;
    bool asleep;

    c->idle_ms = clock_ms();
    pthread_mutex_lock(&p->lock);
    give(c);
    asleep = p->asleep;
    p->asleep = false;
    pthread_mutex_unlock(&p->lock);
    if (asleep)
        wake(p);
}

/* ---- the keeper ---- */

/* Fills items and watched with the idle children; returns how many, and when to look again. */
static size_t watch(struct serve_pool *p, uint64_t now, uint64_t *ret_due)
{
    size_t n = 0;

    *ret_due = UINT64_MAX;
    for (size_t i = 0; i < child_count(p); i++) {
        struct serve_child *c = child_at(p, i);
        uint64_t due;
        if (!c->idle)
            continue; /* not ours to look at */
        due = serve_child_due(c);
        if (c->up && !c->ending && now < c->idle_ms + IDLE_MS) {
            due = c->idle_ms + IDLE_MS;
        } else {
            serve_child_items(c, &p->items[1 + n * SERVE_FDS]);
            p->watched[n++] = c;
        }
        *ret_due = due < *ret_due ? due : *ret_due;
    }
    return n;
}

static bool wants_tending(const struct serve_child *c, const struct pollfd *items, uint64_t now)
{
    return items[SERVE_CONTROL].revents || items[SERVE_OUT].revents || items[SERVE_ERR].revents ||
           now >= serve_child_due(c);
}

/* What somebody has taken meanwhile is his. Children are tended without the lock. */
static void tend(struct serve_pool *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct serve_child *c = p->watched[i];
        const struct pollfd *items = &p->items[1 + i * SERVE_FDS];
        uint64_t now = clock_ms();

        if (p->closing || !c->idle || !wants_tending(c, items, now))
            continue;
        take(c);
        pthread_mutex_unlock(&p->lock);
        serve_child_tend(c, items, now);
        pthread_mutex_lock(&p->lock);
        give(c);
    }
}

static void *keeper_main(void *arg)
{
    struct serve_pool *p = arg;
    uint64_t due, count;

    p->items[0] = (struct pollfd){p->wake_fd, POLLIN, 0};
    pthread_mutex_lock(&p->lock);
    while (!p->closing) {
        uint64_t now = clock_ms();
        size_t n = watch(p, now, &due);
        int wait = due == UINT64_MAX ? -1 : due > now ? (int)(due - now) : 0;

        p->asleep = wait < 0 || wait > (int)IDLE_MS;
        pthread_mutex_unlock(&p->lock);
        if (poll(p->items, (nfds_t)(1 + n * SERVE_FDS), wait) < 0)
            n = 0;
        if (p->items[0].revents)
            (void)!read(p->wake_fd, &count, sizeof count);
        pthread_mutex_lock(&p->lock);
        p->asleep = false;
        tend(p, n);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* With all signals blocked. */
static int start_keeper(struct serve_pool *p)
{
    sigset_t all, before;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&p->keeper, NULL, keeper_main, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->has_keeper = !err;
    return err ? MUSTER_EIO : 0;
}

/* ---- all of them ---- */

static int make_program(struct serve_pool *p, const struct serve_command *command)
{
    struct serve_program *program = &p->programs[p->program_count];
    int err = 0;

    program->pool = p;
    list_init(&program->up);
    list_init(&program->down);
    program->children = calloc(p->slots, sizeof *program->children);
    if (!program->children)
        return MUSTER_ENOMEM;
    p->program_count++;
    for (uint32_t i = 0; i < p->slots; i++) {
        struct serve_child *c = &program->children[i];
        int failed = serve_child_init(c, &p->host, command->text, command->number, i + 1);
        err = err ? err : failed; /* all are made, so that all can be freed */
        c->program = program;
        give(c);
    }
    return err;
}

int serve_pool_new(const struct serve_host *host, const struct serve_command *commands,
                   size_t count, uint32_t slots, struct serve_pool **ret)
{
    struct serve_pool *p = calloc(1, sizeof *p);
    int err = MUSTER_ENOMEM;

    *ret = NULL;
    if (!p)
        return err;
    p->host = *host;
    p->slots = slots;
    pthread_mutex_init(&p->lock, NULL);
    p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    p->programs = calloc(count, sizeof *p->programs);
    p->items = calloc(1 + count * slots * SERVE_FDS, sizeof *p->items);
    p->watched = calloc(count * slots, sizeof(struct serve_child *));
    if (p->programs && p->items && p->watched)
        err = p->wake_fd < 0 ? MUSTER_EIO : 0;
    for (size_t i = 0; !err && i < count; i++)
        err = make_program(p, &commands[i]);
    if (!err)
        err = start_keeper(p);
    if (err) {
        serve_pool_free(p, 0);
        return err;
    }
    *ret = p;
    return 0;
}

struct serve_program *serve_pool_program(struct serve_pool *p, size_t index)
{
    return &p->programs[index];
}

/* Closes what the children read jobs from, and after grace_ms kills; returns those that are left,
 * with their items filled in. */
static size_t see_off(struct serve_pool *p, bool kill)
{
    size_t n = 0;

    for (size_t i = 0; i < child_count(p); i++) {
        struct serve_child *c = child_at(p, i);
        if (!c->up)
            continue;
        serve_child_leave(c);
        if (kill)
            serve_child_end(c, clock_ms(), 0);
        serve_child_items(c, &p->items[n * SERVE_FDS]);
        p->watched[n++] = c;
    }
    return n;
}

static void end_children(struct serve_pool *p, uint32_t grace_ms)
{
    uint64_t now = clock_ms(), kill = now + grace_ms, until = kill + KILLED_MS;
    size_t n;

    while (now < until && (n = see_off(p, now >= kill))) {
        uint64_t next = now >= kill ? until : kill;
        if (poll(p->items, (nfds_t)(n * SERVE_FDS), (int)(next - now)) < 0 && errno != EINTR)
            return; /* the supervisor ends them */
        now = clock_ms();
        for (size_t i = 0; i < n; i++)
            serve_child_tend(p->watched[i], &p->items[i * SERVE_FDS], now);
    }
}

void serve_pool_free(struct serve_pool *p, uint32_t grace_ms)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_mutex_unlock(&p->lock);
    if (p->has_keeper) {
        wake(p);
        pthread_join(p->keeper, NULL);
        end_children(p, grace_ms);
    }
    for (size_t i = 0; i < child_count(p); i++)
        serve_child_fini(child_at(p, i));
    for (size_t i = 0; i < p->program_count; i++)
        free(p->programs[i].children);
    if (p->wake_fd >= 0)
        close(p->wake_fd);
    pthread_mutex_destroy(&p->lock);
    free(p->programs);
    free(p->items);
    free(p->watched);
    free(p);
}
