/* restore.h: from a backup to a data directory. */
#ifndef STORE_RESTORE_H
#define STORE_RESTORE_H

#include "store/inspect.h"

struct restore {
    const char *backup, *data; /* from where to where */
    uint64_t now_ms;           /* Unix ms */
    struct inspection found;   /* in: functions of found.verify; out */
    uint64_t epoch;            /* out: the first start will be above it */
};

/* Checks the whole backup, copies it into an empty or missing data directory, and raises what must
 * not be used twice (epoch, ids, numbers of ends) above what the original can have used since.
 * Nothing is left behind on an error but an empty folder. MUSTER_EDAMAGED: the backup;
 * MUSTER_EINVAL: the data directory is not empty; else as inspect. */
int restore_run(struct restore *r, char *why, size_t why_size) MUSTER_MUSTCHECK;

#endif
