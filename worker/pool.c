/* pool.c: threads ("seats") that take chains of jobs from one queue, under one lock; finished jobs
 * go back on a lock-free list. */
#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/handle.h"
#include "run.h"

#define CHAIN_MAX 512u
#define CHAIN_NS  1000000u /* a thread takes jobs for about this time */
#define QUIET_US  500u     /* how long a thread may keep finished jobs to itself */
#define LOOK_US   2000u

/* One thread. */
struct seat {
    struct pool *pool;
    pthread_t thread;
    _Atomic(struct job *) current;
    struct handle *handle; /* its value is what the handler that runs now holds */
    int cancel_fd;         /* -1 until a handler asks; under the pool's lock */
};

struct pool {
    pool_run_fn *run;
    void *ctx;
    uint32_t slots;
    int fd;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job *head, **tail; /* waiting jobs */
    uint32_t queued, idle, seat_count;
    struct seat **seats;
    uint64_t mean_ns; /* of a job, in a thread's eyes; 0: not known */
    atomic_bool closing, notified, chained;
    _Atomic(struct job *) done;   /* newest first */
    _Atomic uint64_t deadline_us; /* no running job's run_timeout ends before */
    uint64_t look_us;             /* the I/O thread's own */
};

static void wake(struct pool *p)
{
    uint64_t one = 1;

    if (!atomic_exchange(&p->notified, true) && write(p->fd, &one, sizeof one) < 0)
        atomic_store(&p->notified, false);
}

static void push_done(struct pool *p, struct job *job)
{
    struct job *head = atomic_load_explicit(&p->done, memory_order_relaxed);

    do {
        job->next = head;
    } while (!atomic_compare_exchange_weak(&p->done, &head, job));
}

/* ---- a thread ---- */

static void lower_deadline(struct pool *p, uint64_t at)
{
    uint64_t old = atomic_load_explicit(&p->deadline_us, memory_order_relaxed);

    while (at < old) {
        if (atomic_compare_exchange_weak(&p->deadline_us, &old, at)) {
            wake(p);
            return;
        }
    }
}

static uint64_t deadline_of(const struct job *job)
{
    return atomic_load(&job->started_us) + (uint64_t)job->run_timeout_ms * 1000u;
}

/* Runs the job unless it was revoked; returns the time afterwards. */
static uint64_t seat_run(struct seat *seat, struct job *job, uint64_t now)
{
    struct pool *p = seat->pool;
    uint64_t end;

    if (atomic_load(&p->closing) || !job_claim(job, STAGE_RUNNING))
        return now;
    atomic_store_explicit(&job->started_us, now, memory_order_relaxed);
    atomic_store_explicit(&job->place, seat, memory_order_relaxed);
    job->value = handle_renew(seat->handle);
    atomic_store(&seat->current, job);
    if (atomic_load(&job->stop)) /* whoever asked before saw nobody here */
        handle_raise(seat->handle, job->value);
    lower_deadline(p, deadline_of(job));
    run_enter(job);
    p->run(p->ctx, job);
    run_leave();
    (void)handle_renew(seat->handle);
    atomic_store(&seat->current, NULL);
    end = clock_us();
    job->run_us = end - now < UINT32_MAX ? (uint32_t)(end - now) : UINT32_MAX;
    return end;
}

/* Runs a chain of `count` jobs. Finished ones are visible to the I/O thread at once, but it is
 * woken only at the end of the chain or when QUIET_US have passed. */
static void seat_run_chain(struct seat *seat, struct job *job, uint32_t count)
{
    struct pool *p = seat->pool;
    uint64_t began = clock_us(), told = began, now = began;

    for (uint32_t i = 0; i < count; i++) {
        struct job *next = job->next; /* the job is not ours once pushed */
        now = seat_run(seat, job, now);
        push_done(p, job);
        if (now - told >= QUIET_US || i + 1 == count) {
            wake(p);
            told = now;
        }
        job = next;
    }
    pthread_mutex_lock(&p->lock);
    if (count) {
        uint64_t each = (now - began) * 1000u / count + 1;
        p->mean_ns = p->mean_ns ? (p->mean_ns * 7 + each) / 8 : each;
    }
}

static void call_hand(struct pool *p);

/* Takes jobs from the queue's head, linked by `next`; the lock is held. */
static struct job *take_chain(struct pool *p, uint32_t *ret_count)
{
    struct job *first = p->head, *last = first;
    uint64_t most = p->mean_ns ? CHAIN_NS / p->mean_ns : 1;
    uint32_t fair = (p->queued + p->slots - 1) / p->slots, n = 1;

    most = most < fair ? most : fair;
    most = most < CHAIN_MAX ? most : CHAIN_MAX;
    while (n < most && last->next) {
        last = last->next;
        n++;
    }
    p->head = last->next;
    if (!p->head)
        p->tail = &p->head;
    p->queued -= n;
    if (n > 1)
        atomic_store_explicit(&p->chained, true, memory_order_relaxed);
    if (p->head)
        call_hand(p);
    *ret_count = n;
    return first;
}

static void *seat_main(void *arg)
{
    struct seat *seat = arg;
    struct pool *p = seat->pool;
    uint32_t count;

    pthread_mutex_lock(&p->lock);
    while (!atomic_load(&p->closing)) {
        if (!p->head) {
            p->idle++;
            pthread_cond_wait(&p->work, &p->lock);
            p->idle--;
            continue;
        }
        struct job *chain = take_chain(p, &count);
        pthread_mutex_unlock(&p->lock);
        seat_run_chain(seat, chain, count); /* returns with the lock */
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void seat_free(struct seat *seat)
{
    handle_retire(seat->handle);
    handle_free(seat->handle);
    if (seat->cancel_fd >= 0)
        close(seat->cancel_fd);
    free(seat);
}

/* One more thread, with all signals blocked; the lock is held. */
static int seat_new(struct pool *p)
{
    struct seat *seat = calloc(1, sizeof *seat);
    sigset_t all, before;
    int err;

    if (!seat)
        return MUSTER_ENOMEM;
    seat->pool = p;
    seat->cancel_fd = -1;
    err = handle_new(HANDLE_RUN, NULL, &seat->handle);
    if (err) {
        free(seat);
        return err;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&seat->thread, NULL, seat_main, seat);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err) {
        seat_free(seat);
        return MUSTER_EIO;
    }
    p->seats[p->seat_count++] = seat;
    return 0;
}

/* Work waits: wakes one thread, or makes one. Whoever takes work and leaves some calls the next, so
 * one call is enough. */
static void call_hand(struct pool *p)
{
    if (p->idle)
        pthread_cond_signal(&p->work);
    else if (p->seat_count < p->slots)
        (void)seat_new(p); /* fewer threads are no failure: there is at least one */
}

/* ---- the I/O thread ---- */

int pool_new(uint32_t slots, pool_run_fn *run, void *ctx, struct pool **ret)
{
    struct pool *p = calloc(1, sizeof *p);
    int err = MUSTER_ENOMEM;

    *ret = NULL;
    if (!p)
        return err;
    p->run = run;
    p->ctx = ctx;
    p->slots = slots;
    p->tail = &p->head;
    p->look_us = UINT64_MAX;
    atomic_init(&p->deadline_us, UINT64_MAX);
    p->seats = calloc(slots, sizeof *p->seats);
    p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_mutex_lock(&p->lock);
    if (p->seats)
        err = p->fd < 0 ? MUSTER_EIO : seat_new(p);
    pthread_mutex_unlock(&p->lock);
    if (err) {
        pool_free(p);
        return err;
    }
    *ret = p;
    return 0;
}

void pool_free(struct pool *p)
{
    uint32_t count;

    pthread_mutex_lock(&p->lock);
    atomic_store(&p->closing, true);
    count = p->seat_count;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < count; i++) {
        pthread_join(p->seats[i]->thread, NULL);
        seat_free(p->seats[i]);
    }
    if (p->fd >= 0)
        close(p->fd);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p->seats);
    free(p);
}

void pool_submit(struct pool *p, struct job_batch *b)
{
    for (uint32_t i = 0; i + 1 < b->count; i++)
        b->jobs[i].next = &b->jobs[i + 1];
    b->jobs[b->count - 1].next = NULL;
    pthread_mutex_lock(&p->lock);
    *p->tail = &b->jobs[0];
    p->tail = &b->jobs[b->count - 1].next;
    p->queued += b->count;
    call_hand(p);
    pthread_mutex_unlock(&p->lock);
    p->look_us = clock_us() + LOOK_US;
}

struct job *pool_take(struct pool *p, bool readable)
{
    struct job *newest, *oldest = NULL;
    uint64_t count;

    if (readable && read(p->fd, &count, sizeof count) > 0)
        atomic_store(&p->notified, false); /* before taking: who comes later writes again */
    newest = atomic_exchange(&p->done, NULL);
    if (newest)
        p->look_us = clock_us() + LOOK_US;
    else if (p->look_us != UINT64_MAX && clock_us() >= p->look_us)
        p->look_us = UINT64_MAX;
    while (newest) {
        struct job *job = newest;
        newest = job->next;
        job->next = oldest;
        oldest = job;
    }
    return oldest;
}

uint64_t pool_look_us(const struct pool *p)
{
    return atomic_load(&p->chained) ? p->look_us : UINT64_MAX;
}

void pool_purge(struct pool *p)
{
    struct job **at = &p->head;

    pthread_mutex_lock(&p->lock);
    while (*at) {
        struct job *job = *at;
        if (atomic_load(&job->stage) != STAGE_REVOKED) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        p->queued--;
        push_done(p, job);
    }
    p->tail = at;
    pthread_mutex_unlock(&p->lock);
    wake(p);
}

int pool_fd(const struct pool *p)
{
    return p->fd;
}

/* ---- stopping ---- */

static void raise_fd(int fd)
{
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);

    (void)n; /* it can only be full, which is readable as well */
}

/* Whoever asks by the handle, or waits for the descriptor, learns that the job is to stop. */
static void tell_stop(struct seat *seat, const struct job *job)
{
    handle_raise(seat->handle, job->value);
    if (seat->cancel_fd >= 0)
        raise_fd(seat->cancel_fd);
}

void pool_stop(struct pool *p, struct job *job)
{
    struct seat *seat;

    pthread_mutex_lock(&p->lock);
    seat = atomic_load(&job->place);
    if (seat && atomic_load(&seat->current) == job)
        tell_stop(seat, job);
    pthread_mutex_unlock(&p->lock);
}

/* A job that a seat shows as current cannot be freed under us: only the I/O thread frees, after
 * pool_take. */
void pool_stop_all(struct pool *p, enum job_stop why)
{
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < p->seat_count; i++) {
        struct job *job = atomic_load(&p->seats[i]->current);
        if (job && job_ask_stop(job, why))
            tell_stop(p->seats[i], job);
    }
    pthread_mutex_unlock(&p->lock);
}

uint64_t pool_expire(struct pool *p, uint64_t now_us)
{
    uint64_t next = UINT64_MAX;

    if (atomic_load(&p->deadline_us) > now_us)
        return atomic_load(&p->deadline_us);
    atomic_store(&p->deadline_us, UINT64_MAX);
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < p->seat_count; i++) {
        struct job *job = atomic_load(&p->seats[i]->current);
        uint64_t at = job ? deadline_of(job) : UINT64_MAX;
        if (at > now_us)
            next = at < next ? at : next;
        else if (job_ask_stop(job, STOP_TIMEOUT))
            tell_stop(p->seats[i], job);
    }
    pthread_mutex_unlock(&p->lock);
    lower_deadline(p, next);
    return atomic_load(&p->deadline_us);
}

uint32_t pool_running(struct pool *p)
{
    uint32_t n = 0;

    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < p->seat_count; i++)
        n += atomic_load(&p->seats[i]->current) != NULL;
    pthread_mutex_unlock(&p->lock);
    return n;
}

int pool_cancel_fd(struct job *job)
{
    struct seat *seat = atomic_load(&job->place);
    struct pool *p = seat->pool;
    uint64_t count;

    pthread_mutex_lock(&p->lock);
    if (seat->cancel_fd < 0)
        seat->cancel_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    else if (read(seat->cancel_fd, &count, sizeof count) > 0)
        count = 0; /* that was an earlier job's */
    if (seat->cancel_fd >= 0 && atomic_load(&job->stop))
        raise_fd(seat->cancel_fd);
    pthread_mutex_unlock(&p->lock);
    return seat->cancel_fd >= 0 ? seat->cancel_fd : MUSTER_EIO;
}
