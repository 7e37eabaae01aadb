/* file.h: a whole file as bytes. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* Appends all that is still to be read from `fd`. 0; MUSTER_EIO: errno says why; MUSTER_ETOOBIG:
 * more than fits into out->max; MUSTER_ENOMEM. */
int file_read_all(int fd, struct buf *out) MUSTER_MUSTCHECK;

#endif
