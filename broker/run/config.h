/* config.h: the settings of musterd, from flags, environment, file and defaults, in this order of
 * strength. */
#ifndef RUN_CONFIG_H
#define RUN_CONFIG_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "run/log.h"

typedef char *config_ENDPOINT, *config_PATH; /* own memory */
typedef uint64_t config_DURATION, config_SIZE, config_NUMBER, config_FORMAT, config_LEVEL,
    config_SWITCH;

struct config {
#define SETTING(field, key, kind, def, least, most, said, about) config_##kind field;
#include "run/config.def"
    const char *restore; /* not a setting: the backup that --restore names; borrowed from argv */
};

enum setting_kind {
    SETTING_ENDPOINT,
    SETTING_PATH,
    SETTING_DURATION,
    SETTING_SIZE,
    SETTING_NUMBER,
    SETTING_FORMAT,
    SETTING_LEVEL,
    SETTING_SWITCH
};

/* One row of config.def. */
struct setting {
    const char *key;
    enum setting_kind kind;
    size_t offset; /* of the field in struct config */
    const char *def;
    uint64_t least, most;
    const char *said, *about;
};

extern const struct setting config_settings[];
extern const size_t config_setting_count;

/* All defaults. MUSTER_ENOMEM. */
int config_init(struct config *c) MUSTER_MUSTCHECK;
void config_fini(struct config *c);

const struct setting *config_find(struct slice key);
/* The key that is nearest to what was written, by edit distance. */
const char *config_nearest(struct slice key);
/* Reads a value. MUSTER_EINVAL or MUSTER_ENOMEM: the setting is unchanged and `why` says what is
 * allowed. */
int config_set(struct config *c, const struct setting *setting, const char *value, char *why,
               size_t why_size) MUSTER_MUSTCHECK;
/* Reads MUSTERD_* variables. */
int config_from_environment(struct config *c, char *why, size_t why_size) MUSTER_MUSTCHECK;
/* Calls `tell` for each MUSTERD_* variable that is set and no setting's, with that setting's
 * variable which is nearest to it. */
void config_stray_variables(void (*tell)(const char *name, const char *nearest));
/* Reads a YAML file; `why` begins with file:line:column. MUSTER_EINVAL, MUSTER_EIO, MUSTER_ENOMEM.
 */
int config_from_file(struct config *c, const char *path, char *why,
                     size_t why_size) MUSTER_MUSTCHECK;
/* What no single setting shows: the lease against the heartbeat, sockets beyond this machine.
 * MUSTER_EINVAL. */
int config_check(const struct config *c, char *why, size_t why_size) MUSTER_MUSTCHECK;
/* Gives `data` its default where it is empty. MUSTER_EINVAL when there is no home directory. */
int config_default_data(struct config *c, char *why, size_t why_size) MUSTER_MUSTCHECK;
/* "DURATION", and so on. */
const char *config_kind_name(enum setting_kind kind);

#endif
