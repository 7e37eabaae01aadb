/* backup.h: a consistent copy of an open store, made by a thread of its own while the store goes on
 * committing, and its way back. */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include <stdatomic.h>

#include "store/manifest.h"
#include "store/store.h"
#include "store/verify.h"

struct engine;

/* Space beside the disk reserve below which a copy is broken off. */
#define BACKUP_MARGIN_BYTES (16ull << 20)

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

/* Valid from opening to closing; for backup_run. */
struct engine *store_engine(struct store *s);

/* ---- what lies in a directory, without opening it as a store ---- */

struct inspection {
    bool is_backup;           /* out: it has a manifest */
    struct manifest manifest; /* out, of a backup */
    struct verify verify;     /* in: its functions; out: what was found */
};

/* Checks the file, its pages and every record of a data directory that nobody uses, or of a backup.
 * 0: it was read to the end, or as far as its damage lets; x->verify.problems says whether it is
 * good. MUSTER_ENOTFOUND, MUSTER_EINUSE, MUSTER_ENEWER, MUSTER_EIO, MUSTER_ENOMEM, MUSTER_EDENIED:
 * it could not be read. */
int inspect(struct inspection *x, const char *directory, char *why,
            size_t why_size) MUSTER_MUSTCHECK;

/* ---- the way back ---- */

struct restore {
    const char *backup, *data; /* from where to where */
    uint64_t now_ms;           /* Unix ms */
    struct inspection found;   /* in: functions of found.verify; out */
    uint64_t epoch;            /* out: that the first start will be above of */
};

/* Checks the whole backup, copies it into an empty or missing data directory, and raises what must
 * not be used twice (epoch, ids, numbers of ends) above what the original can have used since.
 * Nothing is left behind on an error but an empty folder. MUSTER_EDAMAGED: the backup;
 * MUSTER_EINVAL: the data directory is not empty; else as inspect. */
int restore_run(struct restore *r, char *why, size_t why_size) MUSTER_MUSTCHECK;

#endif
