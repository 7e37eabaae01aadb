/* reaper.h: the process that runs one command and answers for all that the command starts: a child
 * subreaper between the supervisor and /bin/sh. It ends when nothing of the command is left. */
#ifndef WORKER_REAPER_H
#define WORKER_REAPER_H

#include <stdint.h>

#include "base/text.h"

/* What the command is told in its environment; what is empty is not there. */
struct reaper_env {
    char job_id[JOB_ID_TEXT_BYTES]; /* empty: no job; jobs come on standard input (--serve) */
    char kind[NAME_MAX_BYTES + 1];
    char queue[NAME_MAX_BYTES + 1];
    char attempt[12];
    char token[32];
    char schedule[NAME_MAX_BYTES + 1]; /* with nominal_time: of a run of a schedule */
    char nominal_time[TIME_TEXT_BYTES];
};

#define REAPER_HEARD (-1)

/* On the control socket (SOCK_SEQPACKET). From the worker: an int32_t, the signal to send; SIGKILL
 * ends all processes of the command; 0 sends none and is answered by REAPER_HEARD, when all that
 * were asked for before have been sent. End of file: end everything. To the worker, once, when the
 * command has ended and nothing of it is left: */
struct reaper_report {
    int32_t error;  /* errno when it could not be started, else 0; or REAPER_HEARD */
    int32_t status; /* as waitpid() tells it */
};

enum { REAPER_CONTROL, REAPER_STDIN, REAPER_STDOUT, REAPER_STDERR, REAPER_FDS };

/* Runs the command; call in a fresh single-threaded child. Does not return. */
_Noreturn void reaper_main(const char *command, const struct reaper_env *env,
                           const int fds[REAPER_FDS]);

#endif
