/* engine.c: what all engines share: the names of tables, and fault points for tests. */
#include "store/engine.h"

#include <stdio.h>

const char *table_name(enum table table)
{
    static const char *const names[] = {
#define TABLE(symbol, name, prefix, about) name,
#include "store/tables.def"
    };
    return table < TABLE_COUNT ? names[table] : "?";
}

void engine_fault(struct engine *e, enum fault_point point, uint32_t after, uint32_t times,
                  int error)
{
    e->faults[point] = (struct fault){.after = after, .times = times, .error = error};
}

int engine_fault_hit(struct engine *e, enum fault_point point)
{
    struct fault *f = &e->faults[point];
    if (f->after > 1) {
        f->after--;
        return 0;
    }
    if (f->times-- <= 1)
        *f = (struct fault){.error = f->error};
    snprintf(e->error, sizeof(e->error), "fault point %d: %s", (int)point, err_text(f->error));
    return f->error;
}
