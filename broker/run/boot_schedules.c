/* boot_schedules.c: the definitions that the store kept as they came. They were checked then; args
 * may be larger than max-payload allows by now. */
#include "run/boot_schedules.h"

#include <stdio.h>
#include <stdlib.h>

#include "run/translate.h"

static int read_one(struct boot_schedule *schedule, struct schedule_def *def, char *why,
                    size_t why_size)
{
    char reason[WHY_BYTES] = "";
    int error = schedule_def_read(schedule->definition, UINT32_MAX, def, reason);
    if (!error && !slice_eq(def->name, schedule->name)) {
        error = MUSTER_EDAMAGED;
        snprintf(reason, sizeof reason, "it is the one of %.*s", SLICE_FMT(def->name));
    }
    schedule->def = def;
    if (error)
        snprintf(why, why_size, "the stored definition of schedule %.*s cannot be read: %s",
                 SLICE_FMT(schedule->name), reason);
    return error ? MUSTER_EDAMAGED : 0;
}

int boot_schedules_read(struct boot *boot, struct schedule_def **ret_defs, char *why,
                        size_t why_size)
{
    *ret_defs = NULL;
    if (boot->schedule_count == 0)
        return 0;
    struct schedule_def *defs = calloc(boot->schedule_count, sizeof *defs);
    if (!defs) {
        snprintf(why, why_size, "out of memory");
        return MUSTER_ENOMEM;
    }
    *ret_defs = defs;
    for (uint32_t i = 0; i < boot->schedule_count; i++) {
        int error = read_one(&boot->schedules[i], &defs[i], why, why_size);
        if (error)
            return error;
    }
    return 0;
}
