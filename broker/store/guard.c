/* guard.c: the way out of LMDB when its data file is damaged. Signals are caught only in a thread
 * that has armed a guard; everywhere else they do what they did before. */
#include "store/guard.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define NULL_PAGE 4096

static _Thread_local struct guard *volatile armed;
static _Thread_local const char *reason = "";
static _Thread_local char assertion[128];
static pthread_once_t installed = PTHREAD_ONCE_INIT;
static struct sigaction before_segv, before_bus;

_Noreturn static void jump(void)
{
    struct guard *g = armed;
    armed = g->outer;
    siglongjmp(g->back, 1);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    /* A null pointer is a mistake of ours, not of the data: it shall be seen as one. */
    bool null = number == SIGSEGV && (uintptr_t)info->si_addr < NULL_PAGE;
    if (armed && !null) {
        reason = number == SIGBUS ? "SIGBUS while reading the data file"
                                  : "SIGSEGV while reading the data file";
        jump();
    }
    /* Not ours: back to what was there, and the faulting instruction runs again. */
    sigaction(number, number == SIGBUS ? &before_bus : &before_segv, NULL);
}

static void install(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
    action.sa_sigaction = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before_segv);
    sigaction(SIGBUS, &action, &before_bus);
}

void guard_arm(struct guard *g)
{
    pthread_once(&installed, install);
    g->outer = armed;
    armed = g;
}

void guard_leave(struct guard *g)
{
    armed = g->outer;
}

_Noreturn void guard_trip(const char *text)
{
    snprintf(assertion, sizeof(assertion), "%s", text);
    reason = assertion;
    if (armed)
        jump();
    fprintf(stderr, "the data file is damaged: %s\n", text);
    abort();
}

const char *guard_text(void)
{
    return reason;
}
