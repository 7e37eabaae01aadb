/* guard.h: turns what a damaged data file does to a memory map (a failed check inside LMDB,
 * SIGSEGV, SIGBUS) into MUSTER_EDAMAGED. The store that met it takes no more; nothing is undone. */
#ifndef STORE_GUARD_H
#define STORE_GUARD_H

#include <setjmp.h>

/* Where guard_trip and the signals return to in this thread. */
struct guard {
    sigjmp_buf back;
    struct guard *outer;
};

/* Arms `g`. The caller then calls sigsetjmp(g->back, 0) itself, which returns 1 when the guard has
 * tripped (it is disarmed then), and guard_leave on its way out, in the same function. */
void guard_arm(struct guard *g);
void guard_leave(struct guard *g);
/* Called when a check of the data has failed. Does not return; ends the process if none is armed.
 */
_Noreturn void guard_trip(const char *text);
/* What tripped last in this thread. */
const char *guard_text(void);

#endif
