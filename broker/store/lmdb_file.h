/* lmdb_file.h: the directory under the LMDB engine: who may use it, what lies under it, and the
 * space that is allocated ahead. */
#ifndef STORE_LMDB_FILE_H
#define STORE_LMDB_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Makes the directory if it is missing (0700) and takes its lock; *ret_fd holds the lock until it
 * is closed. MUSTER_EINUSE names the process that has it; network filesystems are MUSTER_EINVAL. */
int lmdb_file_claim(const char *directory, int *ret_fd, char *why,
                    size_t why_size) MUSTER_MUSTCHECK;
/* Makes the names of new files in the directory durable. */
int lmdb_file_sync_directory(const char *directory, char *why, size_t why_size) MUSTER_MUSTCHECK;
/* The address space for the map of a directory: its filesystem's size, within reason. */
uint64_t lmdb_file_map_bytes(const char *directory);

/* Allocates the data file up to `bytes`, as far as the filesystem has room and knows how. Returns
 * the bytes that the file now has; *ret_free is what the filesystem has beside them. */
uint64_t lmdb_file_grow(int data_fd, uint64_t bytes, uint64_t *ret_free);

#endif
