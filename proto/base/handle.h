/* handle.h: handles of the public interface: numbers in the guise of pointers. A number is a place
 * in a table, a generation of that place, what kind of thing stands there, and how often the
 * process had been forked when it was made; so one that is destroyed, of another kind, of the
 * parent process, or was never given out is known as such, and nothing behind it is touched.
 *
 * Places stay allocated for good: looking at one is safe at any time. */
#ifndef BASE_HANDLE_H
#define BASE_HANDLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum handle_kind { HANDLE_CLIENT = 1, HANDLE_WORKER, HANDLE_RUN };

struct handle {
    _Atomic uintptr_t value;  /* what callers hold; 0: nobody's */
    _Atomic uintptr_t raised; /* the last value for which handle_raise() was called */
    _Atomic uint32_t holds;   /* handle_hold() without its handle_drop() */
    pthread_mutex_t lock;     /* the object's owner may use both as its own */
    pthread_cond_t changed;   /* on CLOCK_MONOTONIC */
    void *object;             /* under the lock, or while held */
    uintptr_t generation;
    uint32_t place;
    enum handle_kind kind;
    struct handle *next; /* among the free */
};

/* A handle for the object. 0; MUSTER_ENOMEM; MUSTER_EFULL above 65536 handles of a process. */
int handle_new(enum handle_kind kind, void *object, struct handle **ret);
/* Gives the place another value: what was given out before is stale from now on. Its owner's alone.
 */
uintptr_t handle_renew(struct handle *h);
/* Makes the value stale, then waits for the last handle_drop(); nobody gets in any more. Without
 * the lock. */
void handle_retire(struct handle *h);
/* Gives the place back; it is retired. */
void handle_free(struct handle *h);

/* Finds a handle and locks it. 0; MUSTER_EINVAL: NULL, or nothing of this kind; MUSTER_ECLOSED: it
 * was destroyed; MUSTER_ESTATE: it is the parent process's. */
int handle_lock(const void *value, enum handle_kind kind, struct handle **ret);
/* As handle_lock(), but without the lock: what it leads to stays until handle_drop(), which must be
 * soon. Safe in signal handlers. */
int handle_hold(const void *value, enum handle_kind kind, struct handle **ret);
void handle_drop(struct handle *h);
/* The checks of handle_lock() that look at the number alone. */
int handle_check(const void *value, enum handle_kind kind);
/* Sets and reads a mark that is the value's own; a stale value counts as raised. */
void handle_raise(struct handle *h, uintptr_t value);
bool handle_raised(const void *value, enum handle_kind kind);

#endif
