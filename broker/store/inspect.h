/* inspect.h: what lies in a directory, without opening it as a store. */
#ifndef STORE_INSPECT_H
#define STORE_INSPECT_H

#include "store/manifest.h"
#include "store/verify.h"

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

#endif
