/* file_watch.c: cheap looks at the inode; the content is read when that says something new. */
#include "scheduler/file_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/map.h"
#include "yaml_tree.h"

static void look(const char *path, struct stat *ret)
{
    if (stat(path, ret))
        *ret = (struct stat){0};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(a->st_mtim, b->st_mtim) && same_time(a->st_ctim, b->st_ctim);
}

/* Nothing is taken from pipes. */
static bool read_hash(const char *path, mode_t mode, uint64_t *ret)
{
    struct buf content;
    int fd = S_ISREG(mode) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    *ret = 0;
    if (fd < 0)
        return false;
    buf_init(&content, YAML_FILE_MAX);
    int error = file_read_all(fd, &content);
    if (!error)
        *ret = hash_bytes(buf_slice(&content));
    buf_fini(&content);
    (void)close(fd);
    return error == 0;
}

void file_watch_begin(struct file_watch *w, const char *path)
{
    *w = (struct file_watch){.path = path};
    look(path, &w->stat);
    w->there = read_hash(path, w->stat.st_mode, &w->hash);
}

bool file_watch_look(struct file_watch *w)
{
    struct stat now;
    look(w->path, &now);
    bool quiet = same(&now, &w->stat);
    w->stat = now;
    if (!quiet || !w->unsettled) {
        w->unsettled = !quiet;
        return false;
    }
    uint64_t hash;
    bool there = read_hash(w->path, now.st_mode, &hash);
    bool other = there != w->there || hash != w->hash;
    w->unsettled = false;
    w->there = there;
    w->hash = hash;
    return other;
}
