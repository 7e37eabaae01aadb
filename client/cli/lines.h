/* lines.h: a file's lines, one after the other, in bounded memory. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/buf.h"
#include "base/err.h"

struct lines {
    int fd; /* borrowed */
    struct buf buf;
    size_t at;       /* where the next line begins in buf */
    size_t line_max; /* bytes of a line; longer ones are passed over */
    uint64_t number; /* of the line told last, from 1 */
    uint64_t offset; /* bytes of the file up to the end of that line */
    bool end;
};

void lines_init(struct lines *l, int fd, size_t line_max);
void lines_fini(struct lines *l);
/* The next line without its end; valid until the next call. 0; MUSTER_ENOTFOUND at the end;
 * MUSTER_ETOOBIG when it is longer than line_max (it is passed over, and counted); MUSTER_EIO
 * (errno says why) or MUSTER_ENOMEM. */
int lines_next(struct lines *l, struct slice *ret_line) MUSTER_MUSTCHECK;

#endif
