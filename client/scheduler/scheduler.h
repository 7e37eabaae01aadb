/* scheduler.h: `muster scheduler`: runs all schedules of a broker, and keeps those of one file at
 * the broker as they are in the file. */
#ifndef SCHEDULER_SCHEDULER_H
#define SCHEDULER_SCHEDULER_H

#include "muster/client.h"

struct scheduler_options {
    const char *broker; /* as it was given: for messages */
    const char *file;   /* NULL: only runs what the broker has */
    const char *source; /* who owns the file's entries; not NULL with a file */
};

/* Blocks the signals that the scheduler takes, in this thread and in those that are started later:
 * to be called before the client is made. A descriptor that tells them, or MUSTER_EIO. */
int scheduler_signals(void);

enum scheduler_end {
    SCHEDULER_STOPPED, /* by a signal */
    SCHEDULER_REFUSED, /* the file is wrong, or has another source's name; it is told on stderr */
    SCHEDULER_FAILED   /* *ret_error: it cannot go on; told as well */
};

/* Runs until a signal says stop. */
enum scheduler_end scheduler_run(muster_client_t *client, int signal_fd,
                                 const struct scheduler_options *options, int *ret_error);

#endif
