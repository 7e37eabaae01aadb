/* publish.h: makes the broker's schedules of one source those of a file. */
#ifndef SCHEDULER_PUBLISH_H
#define SCHEDULER_PUBLISH_H

#include "scheduler/entries_file.h"
#include "scheduler/session.h"

#define PUBLISH_WHY_SIZE 1400

struct published {
    uint64_t put, changed, deleted;
};

/* Puts the entries, and deletes what the source has beside them. The session's agenda says who owns
 * which name: it is to be in step. 0; MUSTER_EDENIED: another source owns a name, nothing was
 * changed; MUSTER_ECLOSED: a signal said stop; or what the broker said: `why` tells it all. Done
 * again, it does the rest. */
int publish(struct session *s, const char *source, const struct entries *entries,
            struct published *ret, char why[PUBLISH_WHY_SIZE]) MUSTER_MUSTCHECK;

#endif
