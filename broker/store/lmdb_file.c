/* lmdb_file.c: claiming a data directory and allocating its data file ahead.
 *
 * The lock is flock() on a file of its own: LMDB would let a second process in and share. The
 * kernel drops it with the process, also after kill -9, so that no stale lock is ever left. */
#include "store/lmdb_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MAP_BYTES_MIN (1ull << 30)
#define MAP_BYTES_MAX (1ull << 44) /* 16 TiB of the 128 TiB that a process has */

static int failed(char *why, size_t why_size, const char *what, const char *directory)
{
    int saved = errno;
    snprintf(why, why_size, "cannot %s %s: %s", what, directory, strerror(saved));
    return saved == ENOSPC || saved == EDQUOT ? MUSTER_ENOSPACE : MUSTER_EIO;
}

/* Memory maps, and locks that die with their process, are not to be had over a network. */
static const char *network_filesystem(int fd)
{
    static const struct {
        uint32_t magic;
        const char *name;
    } known[] = {{0x6969, "NFS"},      {0x517B, "SMB"},       {0xFF534D42, "CIFS"},
                 {0xFE534D42, "SMB"},  {0x01021997, "9P"},    {0x00C36400, "Ceph"},
                 {0x5346414F, "AFS"},  {0x73757245, "Coda"},  {0x0BD00BD0, "Lustre"},
                 {0x47504653, "GPFS"}, {0x7461636F, "OCFS2"}, {0x564C, "NCP"},
                 {0x01161970, "GFS2"}};
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if ((uint32_t)fs.f_type == known[i].magic)
            return known[i].name;
    return NULL;
}

/* mkdir -p, each new part 0700. */
static int make_directory(const char *directory, char *why, size_t why_size)
{
    char *path = strdup(directory);
    if (!path) {
        snprintf(why, why_size, "out of memory");
        return MUSTER_ENOMEM;
    }
    int error = 0;
    for (char *p = path + 1; !error; p++) {
        char at = *p;
        if (at != '/' && at != '\0')
            continue;
        *p = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            error = failed(why, why_size, "make the directory", path);
        *p = at;
        if (at == '\0')
            break;
    }
    free(path);
    return error;
}

static void read_holder(int fd, char *out, size_t out_size)
{
    ssize_t n = pread(fd, out, out_size - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    out[strspn(out, "0123456789")] = '\0';
}

static int take_lock(int directory_fd, const char *directory, int *ret_fd, char *why,
                     size_t why_size)
{
    int fd = openat(directory_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(why, why_size, "open the file lock in", directory);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int error = MUSTER_EINUSE;
        if (errno == EWOULDBLOCK) {
            char holder[24];
            read_holder(fd, holder, sizeof(holder));
            snprintf(why, why_size,
                     "%s is in use by process %s: stop that process, or use another directory",
                     directory, holder[0] ? holder : "(unknown)");
        } else {
            error = failed(why, why_size, "lock", directory);
        }
        close(fd);
        return error;
    }
    char text[24];
    int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    /* The number is for people; on a full disk the lock holds without it. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length)
        errno = 0;
    *ret_fd = fd;
    return 0;
}

int lmdb_file_claim(const char *directory, int *ret_fd, char *why, size_t why_size)
{
    int error = make_directory(directory, why, why_size);
    if (error)
        return error;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(why, why_size, "open", directory);
    const char *network = network_filesystem(fd);
    if (network) {
        snprintf(why, why_size,
                 "%s is on %s, a network filesystem: use a directory on a local disk", directory,
                 network);
        error = MUSTER_EINVAL;
    } else {
        error = take_lock(fd, directory, ret_fd, why, why_size);
    }
    close(fd);
    return error;
}

/* The parent too: the directory itself may be new. */
int lmdb_file_sync_directory(const char *directory, char *why, size_t why_size)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(why, why_size, "open", directory);
    int error = fsync(fd) == 0 ? 0 : failed(why, why_size, "sync", directory);
    int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A parent that cannot be opened is not ours, and was there before. */
    if (parent >= 0) {
        if (!error && fsync(parent) != 0 && errno != EINVAL)
            error = failed(why, why_size, "sync the parent of", directory);
        close(parent);
    }
    close(fd);
    return error;
}

uint64_t lmdb_file_map_bytes(const char *directory)
{
    struct statvfs fs;
    uint64_t bytes = MAP_BYTES_MAX;
    if (statvfs(directory, &fs) == 0 && fs.f_blocks < MAP_BYTES_MAX / fs.f_frsize)
        bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    bytes &= ~((1ull << 20) - 1);
    return bytes < MAP_BYTES_MIN ? MAP_BYTES_MIN : bytes;
}

uint64_t lmdb_file_grow(int data_fd, uint64_t bytes, uint64_t *ret_free)
{
    struct stat st;
    struct statvfs fs;
    *ret_free = 0;
    if (fstat(data_fd, &st) != 0)
        return 0;
    uint64_t size = (uint64_t)st.st_size;
    if (fstatvfs(data_fd, &fs) == 0)
        *ret_free = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (size >= bytes || *ret_free < bytes - size)
        return size;
    /* Not posix_fallocate: where the filesystem cannot allocate, that one writes zeros. */
    if (fallocate(data_fd, 0, (off_t)size, (off_t)(bytes - size)) != 0)
        return size;
    *ret_free -= bytes - size;
    return bytes;
}
