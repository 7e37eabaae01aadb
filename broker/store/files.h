/* files.h: the files of backups and of the data directory by name: paths, folders, whole-file
 * checksums. */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FILE_PATH_BYTES 4096

#define DATA_FILE        "data.mdb"
#define LOCK_FILE        "lock"
#define BACKUP_FILE      "backup.mdb"
#define BACKUP_UNREADY   "backup.mdb.unfinished"
#define MANIFEST_FILE    "MANIFEST"
#define MANIFEST_UNREADY "MANIFEST.unfinished"
#define RESTORE_UNREADY  "data.mdb.unfinished"

/* Says "cannot <what> <path>: <why>" of errno; MUSTER_ENOSPACE for a full disk, MUSTER_EDENIED,
 * MUSTER_ENOTFOUND, else MUSTER_EIO. */
int file_failed(char *why, size_t why_size, const char *what, const char *path);
/* directory/name. MUSTER_EINVAL when it is too long. */
int file_path(char ret[FILE_PATH_BYTES], const char *directory, const char *name, char *why,
              size_t why_size) MUSTER_MUSTCHECK;
bool file_exists(const char *directory, const char *name);

/* A folder for something new: it is empty, but for lost+found and a file `besides` (or NULL), or it
 * is made (0700) in its parent, which must be there. *ret_made says which. */
int folder_for_new(const char *directory, const char *besides, bool *ret_made, char *why,
                   size_t why_size) MUSTER_MUSTCHECK;

/* What file_copy and file_sum call now and then with the bytes done; not 0: they end with that. */
typedef int file_step(void *user, uint64_t bytes);

/* The size and CRC-32C of a file. `step` may be NULL. */
int file_sum(const char *path, uint64_t *ret_bytes, uint32_t *ret_sum, file_step *step, void *user,
             char *why, size_t why_size) MUSTER_MUSTCHECK;
/* Copies a file to a new one (0600) and syncs that; the sum is of what was read. */
int file_copy(const char *from, const char *to, uint64_t *ret_bytes, uint32_t *ret_sum,
              file_step *step, void *user, char *why, size_t why_size) MUSTER_MUSTCHECK;
/* Writes a small new file (0600) and syncs it. */
int file_write(const char *path, const char *text, size_t len, char *why,
               size_t why_size) MUSTER_MUSTCHECK;
int file_sync(const char *path, char *why, size_t why_size) MUSTER_MUSTCHECK;
/* directory/from becomes directory/to. */
int file_rename(const char *directory, const char *from, const char *to, char *why,
                size_t why_size) MUSTER_MUSTCHECK;

#endif
