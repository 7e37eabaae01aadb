/* backup.h: a consistent copy of an open store, made by a thread of its own while the store goes on
 * committing. */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "store/manifest.h"

struct engine;

struct backup {
    struct engine *engine; /* of the open store, from store_engine() */
    const char *data;      /* its directory */
    const char *directory; /* where the backup is to be */

    /* any thread, any time */
    atomic_bool stop; /* break it off */
    atomic_uint_least64_t records, records_total, bytes;

    /* when it is over */
    struct manifest manifest; /* after 0 */
    bool fatal;               /* the store's own data cannot be read: it must not go on */
};

/* Makes the backup, and returns when it is there for good, or when nothing of it is left. `why`
 * (256 bytes or more) says what was wrong: MUSTER_EINVAL (the folder is not empty),
 * MUSTER_ENOTFOUND (it cannot be made), MUSTER_EDENIED, MUSTER_ENOSPACE, MUSTER_EDISK_RESERVE
 * (broken off: the copy keeps deleted pages from being used again), MUSTER_ESHUTDOWN (stopped),
 * MUSTER_EDAMAGED, MUSTER_EIO. */
int backup_run(struct backup *b, char *why, size_t why_size) MUSTER_MUSTCHECK;

#endif
