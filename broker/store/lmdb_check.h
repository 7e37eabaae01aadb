/* lmdb_check.h: checks the pages of an LMDB data file before LMDB trusts them.
 *
 * LMDB has no checksums and takes every number in a page as it is: a flipped bit there would crash
 * it, or make it overwrite pages that are in use. Records have checksums of their own; this is
 * about what holds them together. */
#ifndef STORE_LMDB_CHECK_H
#define STORE_LMDB_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Goes through all pages of the file, unless those in use are more than `max_bytes`: then through
 * the two meta pages alone. A missing or empty file is good. MUSTER_EDAMAGED, MUSTER_EIO,
 * MUSTER_ENOMEM. */
int lmdb_check(const char *path, uint64_t max_bytes, char *why, size_t why_size) MUSTER_MUSTCHECK;

#endif
