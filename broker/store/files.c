/* files.c: see files.h. Reading is by read(): a disk's error comes back as one, not as SIGBUS. */
#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"

#define PIECE_BYTES (1u << 20)

int file_failed(char *why, size_t why_size, const char *what, const char *path)
{
    int saved = errno;
    snprintf(why, why_size, "cannot %s %.180s: %s", what, path, strerror(saved));
    switch (saved) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return MUSTER_ENOSPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return MUSTER_EDENIED;
    case ENOENT:
    case ENOTDIR:
        return MUSTER_ENOTFOUND;
    default:
        return MUSTER_EIO;
    }
}

int file_path(char ret[FILE_PATH_BYTES], const char *directory, const char *name, char *why,
              size_t why_size)
{
    if (snprintf(ret, FILE_PATH_BYTES, "%s/%s", directory, name) < FILE_PATH_BYTES)
        return 0;
    snprintf(why, why_size, "the path has more than %d bytes", FILE_PATH_BYTES - 1);
    return MUSTER_EINVAL;
}

bool file_exists(const char *directory, const char *name)
{
    struct stat st;
    char path[FILE_PATH_BYTES];
    return snprintf(path, sizeof(path), "%s/%s", directory, name) < FILE_PATH_BYTES &&
           lstat(path, &st) == 0;
}

/* The first name in a folder that is not its own; a filesystem's root has lost+found. */
static int check_empty(const char *directory, const char *besides, char *why, size_t why_size)
{
    DIR *d = opendir(directory);
    if (!d)
        return file_failed(why, why_size, "open", directory);
    int error = 0;
    for (struct dirent *e; !error && (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            strcmp(e->d_name, "lost+found") == 0 || (besides && strcmp(e->d_name, besides) == 0))
            continue;
        bool unready = strstr(e->d_name, ".unfinished") || (strcmp(e->d_name, BACKUP_FILE) == 0 &&
                                                            !file_exists(directory, MANIFEST_FILE));
        snprintf(why, why_size, "%.120s is not empty: it has %.60s%s", directory, e->d_name,
                 unready ? ", left by a copy that was not finished: remove it" : "");
        error = MUSTER_EINVAL;
    }
    closedir(d);
    return error;
}

int folder_for_new(const char *directory, const char *besides, bool *ret_made, char *why,
                   size_t why_size)
{
    struct stat st;
    *ret_made = false;
    if (stat(directory, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return check_empty(directory, besides, why, why_size);
        snprintf(why, why_size, "%.180s is no folder", directory);
        return MUSTER_EINVAL;
    }
    if (mkdir(directory, 0700) == 0) {
        *ret_made = true;
        return 0;
    }
    if (errno != ENOENT)
        return file_failed(why, why_size, "make", directory);
    snprintf(why, why_size, "cannot make %.150s: the folder that it would lie in is not there",
             directory);
    return MUSTER_ENOTFOUND;
}

static int write_all(int fd, const uint8_t *at, size_t left)
{
    while (left) {
        ssize_t n = write(fd, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        at += n;
        left -= (size_t)n;
    }
    return 0;
}

struct stream {
    int from, to; /* to: -1 when the sum alone is wanted */
    const char *from_path, *to_path;
    uint64_t bytes;
    uint32_t sum;
};

static int pump(struct stream *s, file_step *step, void *user, char *why, size_t why_size)
{
    uint8_t *piece = malloc(PIECE_BYTES);
    int error = piece ? 0 : MUSTER_ENOMEM;
    if (error)
        snprintf(why, why_size, "out of memory");
    while (!error) {
        ssize_t n = read(s->from, piece, PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            error = file_failed(why, why_size, "read", s->from_path);
        if (n <= 0)
            break;
        s->sum = crc32c(s->sum, piece, (size_t)n);
        if (s->to >= 0 && write_all(s->to, piece, (size_t)n) != 0)
            error = file_failed(why, why_size, "write", s->to_path);
        s->bytes += (uint64_t)n;
        if (!error && step)
            error = step(user, s->bytes);
    }
    free(piece);
    return error;
}

int file_sum(const char *path, uint64_t *ret_bytes, uint32_t *ret_sum, file_step *step, void *user,
             char *why, size_t why_size)
{
    struct stream s = {.to = -1, .from_path = path};
    s.from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s.from < 0)
        return file_failed(why, why_size, "open", path);
    int error = pump(&s, step, user, why, why_size);
    close(s.from);
    *ret_bytes = s.bytes;
    *ret_sum = s.sum;
    return error;
}

static int open_new(const char *path, char *why, size_t why_size, int *ret)
{
    *ret = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *ret < 0 ? file_failed(why, why_size, "make", path) : 0;
}

/* Also reports what only closing tells. */
static int close_synced(int fd, const char *path, int error, char *why, size_t why_size)
{
    if (!error && fsync(fd) != 0)
        error = file_failed(why, why_size, "sync", path);
    if (close(fd) != 0 && !error)
        error = file_failed(why, why_size, "close", path);
    return error;
}

int file_copy(const char *from, const char *to, uint64_t *ret_bytes, uint32_t *ret_sum,
              file_step *step, void *user, char *why, size_t why_size)
{
    struct stream s = {.to = -1, .from_path = from, .to_path = to};
    s.from = open(from, O_RDONLY | O_CLOEXEC);
    if (s.from < 0)
        return file_failed(why, why_size, "open", from);
    int error = open_new(to, why, why_size, &s.to);
    if (!error) {
        error = pump(&s, step, user, why, why_size);
        error = close_synced(s.to, to, error, why, why_size);
    }
    close(s.from);
    *ret_bytes = s.bytes;
    *ret_sum = s.sum;
    return error;
}

int file_write(const char *path, const char *text, size_t len, char *why, size_t why_size)
{
    int fd;
    int error = open_new(path, why, why_size, &fd);
    if (error)
        return error;
    if (write_all(fd, (const uint8_t *)text, len) != 0)
        error = file_failed(why, why_size, "write", path);
    return close_synced(fd, path, error, why, why_size);
}

int file_sync(const char *path, char *why, size_t why_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_failed(why, why_size, "open", path);
    return close_synced(fd, path, 0, why, why_size);
}

int file_rename(const char *directory, const char *from, const char *to, char *why, size_t why_size)
{
    char old[FILE_PATH_BYTES], new[FILE_PATH_BYTES];
    int error = file_path(old, directory, from, why, why_size);
    if (!error)
        error = file_path(new, directory, to, why, why_size);
    if (!error && rename(old, new) != 0)
        error = file_failed(why, why_size, "rename", old);
    return error;
}
