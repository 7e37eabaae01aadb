/* file.c: reads until there is no more. */
#include "base/file.h"

#include <errno.h>
#include <unistd.h>

#define READ_BYTES 65536

int file_read_all(int fd, struct buf *out)
{
    for (;;) {
        uint8_t beyond; /* once all is full: is there more? */
        size_t room = out->max - out->len;
        size_t want = room < READ_BYTES ? room : READ_BYTES;
        uint8_t *to = room ? buf_reserve(out, want) : &beyond;
        if (!to)
            return MUSTER_ENOMEM;
        ssize_t got = read(fd, to, room ? want : 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return MUSTER_EIO;
        if (got == 0)
            return 0;
        if (!room)
            return MUSTER_ETOOBIG;
        out->len += (size_t)got;
    }
}
