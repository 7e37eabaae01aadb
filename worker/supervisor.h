/* supervisor.h: the child process that starts commands for the worker and outlives it just long
 * enough to end them. It is forked before the worker has any thread, leads a session of its own,
 * and is a child subreaper: whatever a command has started ends with the worker, also when the
 * worker is killed with SIGKILL. */
#ifndef WORKER_SUPERVISOR_H
#define WORKER_SUPERVISOR_H

#include <stddef.h>
#include <sys/types.h>

#include "reaper.h"

struct supervisor {
    int fd; /* to the child; its end of file ends everything */
    pid_t pid;
};

/* Forks it with the worker's commands, which never change. 0 or MUSTER_EIO (errno says why). */
int supervisor_start(const char *const *commands, size_t count, struct supervisor *ret);
/* Has command `index` started with these as its standard streams; any thread. The caller keeps its
 * own ends and closes these. *ret_control is the socket described in reaper.h. 0; MUSTER_ECLOSED
 * when the supervisor is gone, MUSTER_EIO. */
int supervisor_spawn(const struct supervisor *s, size_t index, const struct reaper_env *env,
                     int stdin_fd, int stdout_fd, int stderr_fd, int *ret_control);
/* Has it end whatever still runs, and itself, without waiting for that. */
void supervisor_end(const struct supervisor *s);
/* Ends whatever still runs and waits for the child. */
void supervisor_stop(struct supervisor *s);

#endif
