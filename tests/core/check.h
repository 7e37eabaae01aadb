/* check.h: the core's inside, counted again from the ground after every step. */
#ifndef CORE_TESTS_CHECK_H
#define CORE_TESTS_CHECK_H

#include <stdbool.h>

struct core;

/* Nothing is on its way to the store, or waits to be. */
bool core_check_idle(const struct core *core);
/* True when all its lists, heaps and counters agree; else what does not, in `why` (256 bytes). */
bool core_check(const struct core *core, char *why);
/* As core_check, and nothing is left in memory but what may stay: no jobs, nothing on its way. */
bool core_check_empty(const struct core *core, char *why);

#endif
