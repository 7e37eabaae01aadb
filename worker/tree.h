/* tree.h: ending everything that a process has started. Works for a child subreaper: what its
 * children leave behind becomes its own child, whatever session or group it has moved to. */
#ifndef WORKER_TREE_H
#define WORKER_TREE_H

#include <stddef.h>
#include <sys/types.h>

/* Processes that are left alone. */
struct tree_keep {
    const pid_t *pids;
    size_t count;
};

/* Sends SIGKILL to each child of this process that is not kept. Returns how many could be
 * signalled; children that may not be (a set-user-id program) do not count. */
size_t tree_kill_children(const struct tree_keep *keep);
/* Kills and reaps children until there is none, or none that may be killed. Single-threaded
 * processes only. */
void tree_end(void);

#endif
