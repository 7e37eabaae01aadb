/* boot_schedules.h: stored definitions, read for the core's first step. */
#ifndef RUN_BOOT_SCHEDULES_H
#define RUN_BOOT_SCHEDULES_H

#include "base/err.h"
#include "core/event.h"

/* Fills in boot->schedules[].def. What they point to is *ret_defs, for the caller to free once the
 * core has taken them. MUSTER_ENOMEM; MUSTER_EDAMAGED with `why` (at least WHY_BYTES), which names
 * the schedule: nothing may start then, as its runs would be lost without a word. */
int boot_schedules_read(struct boot *boot, struct schedule_def **ret_defs, char *why,
                        size_t why_size) MUSTER_MUSTCHECK;

#endif
