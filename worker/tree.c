/* tree.c: children by /proc, since the kernel's own list is not built in everywhere. */
#include "tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_MS       5 /* between looks while children die */
#define GIVE_UP_ROUNDS 10

static bool kept(const struct tree_keep *keep, pid_t pid)
{
    for (size_t i = 0; keep && i < keep->count; i++)
        if (keep->pids[i] == pid)
            return true;
    return false;
}

static size_t kill_one(const struct tree_keep *keep, pid_t pid)
{
    return pid > 1 && !kept(keep, pid) && kill(pid, SIGKILL) == 0;
}

/* The kernel's list of our children; false where it does not keep one. */
static bool kill_listed(const struct tree_keep *keep, size_t *ret_killed)
{
    char path[64];
    long pid;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    f = fopen(path, "re");
    if (!f)
        return false;
    while (fscanf(f, "%ld", &pid) == 1)
        *ret_killed += kill_one(keep, (pid_t)pid);
    fclose(f);
    return true;
}

/* The parent of a process, or -1. */
static pid_t parent_of(const char *pid_text)
{
    char path[300], stat[512];
    const char *after_name;
    long parent;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%s/stat", pid_text);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    n = read(fd, stat, sizeof stat - 1);
    close(fd);
    if (n <= 0)
        return -1;
    stat[n] = 0;
    after_name = strrchr(stat, ')');
    return after_name && sscanf(after_name, ") %*c %ld", &parent) == 1 ? (pid_t)parent : -1;
}

static void kill_found(const struct tree_keep *keep, size_t *ret_killed)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;

    if (!proc)
        return;
    while ((entry = readdir(proc)))
        if (isdigit((unsigned char)entry->d_name[0]) && parent_of(entry->d_name) == getpid())
            *ret_killed += kill_one(keep, (pid_t)strtol(entry->d_name, NULL, 10));
    closedir(proc);
}

size_t tree_kill_children(const struct tree_keep *keep)
{
    size_t killed = 0;

    if (!kill_listed(keep, &killed))
        kill_found(keep, &killed);
    return killed;
}

void tree_end(void)
{
    unsigned in_vain =
        0; /* rounds in which nothing could be killed: what is left may not be, by us */

    while (in_vain < GIVE_UP_ROUNDS) {
        pid_t pid;

        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            continue;
        if (pid < 0 && errno == ECHILD)
            return;
        in_vain = tree_kill_children(NULL) ? 0 : in_vain + 1;
        poll(NULL, 0, RETRY_MS);
    }
}
