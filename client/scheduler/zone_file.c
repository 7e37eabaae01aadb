/* zone_file.c: reading with a bound. What is no plain file is not read: a pipe would block. */
#include "scheduler/zone_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct zone_stamp stamp_of(const struct stat *st)
{
    return (struct zone_stamp){.device = (uint64_t)st->st_dev,
                               .inode = (uint64_t)st->st_ino,
                               .size = (int64_t)st->st_size,
                               .modified_ns = nanoseconds(st->st_mtim),
                               .changed_ns = nanoseconds(st->st_ctim)};
}

static int check_kind(const struct stat *st, size_t max)
{
    if (S_ISDIR(st->st_mode))
        return MUSTER_ENOTFOUND;
    if (!S_ISREG(st->st_mode)) {
        errno = EINVAL;
        return MUSTER_EIO;
    }
    return (uint64_t)st->st_size > max ? MUSTER_ETOOBIG : 0;
}

int zone_file_read(const char *path, struct buf *ret, struct zone_stamp *ret_stamp)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? MUSTER_ENOTFOUND : MUSTER_EIO;
    struct stat st;
    int error = fstat(fd, &st) ? MUSTER_EIO : check_kind(&st, ret->max);
    if (!error)
        error = file_read_all(fd, ret);
    int why = errno;
    close(fd);
    errno = why;
    if (!error)
        *ret_stamp = stamp_of(&st);
    return error;
}

bool zone_file_changed(const char *path, const struct zone_stamp *stamp)
{
    struct stat st;
    if (stat(path, &st))
        return true;
    struct zone_stamp now = stamp_of(&st);
    return now.device != stamp->device || now.inode != stamp->inode || now.size != stamp->size ||
           now.modified_ns != stamp->modified_ns || now.changed_ns != stamp->changed_ns;
}
