/* settings.h: what muster-worker was told, by flags or by its file, checked. */
#ifndef WORKER_SETTINGS_H
#define WORKER_SETTINGS_H

#include <muster/worker.h>

#include "base/err.h"
#include "base/slice.h"

/* One key, the same as a flag and in the file. */
struct setting_row {
    const char *key;
    bool many; /* may be given several times, or as a list */
};

extern const struct setting_row setting_rows[];
extern const size_t setting_row_count;

/* A kind and its command. */
struct exec_setting {
    char *kind, *command;
    bool serve; /* the command stays, and serves job after job */
};

struct settings {
    char **brokers;
    struct muster_worker_queue *queues;
    struct exec_setting *execs;
    size_t broker_count, queue_count, exec_count;
    bool strict;
    uint32_t slots; /* 0: the number of cores */
    char *name;     /* NULL: made from host and process id */
};

void settings_fini(struct settings *s);

/* Takes one value of a key, as text: endpoint, NAME[:WEIGHT], true or false, a number, a name,
 * KIND=COMMAND. 0, or MUSTER_EINVAL with the reason in `why`, or MUSTER_ENOMEM. */
int settings_take(struct settings *s, const char *key, const char *value, char *why,
                  size_t why_size) MUSTER_MUSTCHECK;
/* The same for `exec` and `serve` with kind and command apart, as a map in the file has them. */
int settings_take_command(struct settings *s, bool serve, struct slice kind, const char *command,
                          char *why, size_t why_size) MUSTER_MUSTCHECK;

/* The row of a key, or NULL. */
const struct setting_row *settings_find(const char *key);
/* The known key that is most like this one. */
const char *settings_nearest(const char *key);

/* Reads a YAML file into *s; keys that `skip` names (one bit a row of setting_rows) are checked,
 * but not taken. 0, or MUSTER_EINVAL (why: file, line, column, reason), MUSTER_EIO, MUSTER_ENOMEM.
 */
int config_read(const char *path, struct settings *s, uint32_t skip, char *why,
                size_t why_size) MUSTER_MUSTCHECK;

#endif
