/* handle.c: the table of handles: places in chunks that are never freed. */
#include "base/handle.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"

#define KIND_BITS 2
#if UINTPTR_MAX > UINT32_MAX
#define FORK_BITS  6
#define PLACE_BITS 16
#else
#define FORK_BITS  4
#define PLACE_BITS 12
#endif
#define LOW_BITS     (KIND_BITS + FORK_BITS + PLACE_BITS)
#define MASK(bits)   (((uintptr_t)1 << (bits)) - 1)
#define CHUNK_PLACES 64u
#define CHUNKS       ((1u << PLACE_BITS) / CHUNK_PLACES)

struct chunk {
    struct chunk *next; /* all that were ever made, also by the parent process */
    struct handle handles[CHUNK_PLACES];
};

static _Atomic(struct chunk *) chunks[CHUNKS];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
/* under the lock */
static struct chunk *all_chunks;
static struct handle *free_handles;
static uint32_t chunk_count;
/* changes in a child alone, before it has other threads */
static uintptr_t forks;

/* ---- fork ---- */

static void before_fork(void)
{
    (void)pthread_mutex_lock(&table_lock);
}

static void after_fork(void)
{
    (void)pthread_mutex_unlock(&table_lock);
}

/* The parent's threads are not here, and its locks may be held for ever: its places are left alone.
 */
static void after_fork_in_child(void)
{
    forks = (forks + 1) & MASK(FORK_BITS);
    for (uint32_t i = 0; i < chunk_count; i++)
        atomic_store(&chunks[i], NULL);
    chunk_count = 0;
    free_handles = NULL;
    (void)pthread_mutex_unlock(&table_lock);
}

static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ---- places ---- */

static void init_place(struct handle *h, uint32_t place)
{
    pthread_condattr_t attributes;

    h->place = place;
    (void)pthread_mutex_init(&h->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&h->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

/* Another chunk of free places; locked. */
static int add_chunk(void)
{
    if (chunk_count == CHUNKS)
        return MUSTER_EFULL;
    struct chunk *chunk = calloc(1, sizeof *chunk);
    if (!chunk)
        return MUSTER_ENOMEM;
    for (uint32_t i = CHUNK_PLACES; i-- > 0;) {
        struct handle *h = &chunk->handles[i];
        init_place(h, chunk_count * CHUNK_PLACES + i);
        h->next = free_handles;
        free_handles = h;
    }
    chunk->next = all_chunks;
    all_chunks = chunk;
    atomic_store(&chunks[chunk_count++], chunk);
    return 0;
}

static uintptr_t value_of(const struct handle *h)
{
    return (h->generation << LOW_BITS) | ((uintptr_t)h->place << (KIND_BITS + FORK_BITS)) |
           (forks << KIND_BITS) | (uintptr_t)h->kind;
}

uintptr_t handle_renew(struct handle *h)
{
    h->generation = (h->generation + 1) & MASK(sizeof(uintptr_t) * 8 - LOW_BITS);
    uintptr_t value = value_of(h);
    atomic_store_explicit(&h->value, value, memory_order_release);
    return value;
}

int handle_new(enum handle_kind kind, void *object, struct handle **ret)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, watch_forks);
    (void)pthread_mutex_lock(&table_lock);
    int error = free_handles ? 0 : add_chunk();
    struct handle *h = free_handles;
    if (!error)
        free_handles = h->next;
    (void)pthread_mutex_unlock(&table_lock);
    if (error)
        return error;
    (void)pthread_mutex_lock(&h->lock);
    h->kind = kind;
    h->object = object;
    (void)handle_renew(h);
    (void)pthread_mutex_unlock(&h->lock);
    *ret = h;
    return 0;
}

void handle_retire(struct handle *h)
{
    atomic_store(&h->value, 0);
    while (atomic_load(&h->holds))
        (void)sched_yield();
}

void handle_free(struct handle *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->object = NULL;
    (void)pthread_mutex_unlock(&h->lock);
    (void)pthread_mutex_lock(&table_lock);
    h->next = free_handles;
    free_handles = h;
    (void)pthread_mutex_unlock(&table_lock);
}

/* ---- finding ---- */

int handle_check(const void *value, enum handle_kind kind)
{
    uintptr_t v = (uintptr_t)value;

    if ((v & MASK(KIND_BITS)) != (uintptr_t)kind)
        return MUSTER_EINVAL;
    return (v >> KIND_BITS & MASK(FORK_BITS)) == forks ? 0 : MUSTER_ESTATE;
}

static int find(const void *value, enum handle_kind kind, struct handle **ret)
{
    int error = handle_check(value, kind);
    if (error)
        return error;
    uintptr_t place = (uintptr_t)value >> (KIND_BITS + FORK_BITS) & MASK(PLACE_BITS);
    struct chunk *chunk = atomic_load_explicit(&chunks[place / CHUNK_PLACES], memory_order_acquire);
    if (!chunk)
        return MUSTER_EINVAL; /* never given out */
    *ret = &chunk->handles[place % CHUNK_PLACES];
    return 0;
}

int handle_lock(const void *value, enum handle_kind kind, struct handle **ret)
{
    int error = find(value, kind, ret);
    if (error)
        return error;
    (void)pthread_mutex_lock(&(*ret)->lock);
    if (atomic_load_explicit(&(*ret)->value, memory_order_acquire) == (uintptr_t)value)
        return 0;
    (void)pthread_mutex_unlock(&(*ret)->lock);
    return MUSTER_ECLOSED;
}

int handle_hold(const void *value, enum handle_kind kind, struct handle **ret)
{
    int error = find(value, kind, ret);
    if (error)
        return error;
    atomic_fetch_add(&(*ret)->holds, 1);
    if (atomic_load(&(*ret)->value) == (uintptr_t)value)
        return 0;
    handle_drop(*ret);
    return MUSTER_ECLOSED;
}

void handle_drop(struct handle *h)
{
    atomic_fetch_sub(&h->holds, 1);
}

void handle_raise(struct handle *h, uintptr_t value)
{
    atomic_store(&h->raised, value);
}

bool handle_raised(const void *value, enum handle_kind kind)
{
    struct handle *h;

    return find(value, kind, &h) || atomic_load(&h->value) != (uintptr_t)value ||
           atomic_load(&h->raised) == (uintptr_t)value;
}
