/* zone_file.h: a file of tzdata as bytes, and whether it changed since. */
#ifndef SCHEDULER_ZONE_FILE_H
#define SCHEDULER_ZONE_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* Which file it was, and when it changed last. */
struct zone_stamp {
    uint64_t device, inode;
    int64_t size, modified_ns, changed_ns;
};

/* The content is put into `ret`, which the caller has set up with the most bytes as its maximum.
 * 0; MUSTER_ENOTFOUND: no such file, or a folder; MUSTER_ETOOBIG: larger than that maximum;
 * MUSTER_EIO: errno says what was wrong (EINVAL: neither a file nor a folder); MUSTER_ENOMEM. */
int zone_file_read(const char *path, struct buf *ret, struct zone_stamp *ret_stamp);
/* Is it another file, or another content, than then? True also when it is not there any more. */
bool zone_file_changed(const char *path, const struct zone_stamp *stamp);

#endif
