/* entry_options.h: a schedule entry by options of the command line, one for each field of
 * scheduler/entry.def. */
#ifndef CLI_ENTRY_OPTIONS_H
#define CLI_ENTRY_OPTIONS_H

#include "base/buf.h"
#include "cli/options.h"
#include "scheduler/entry.h"

/* As the options were written; a member of the struct of a command's values. */
struct entry_options {
    const char *text[ENTRY_FIELDS]; /* NULL: not given */
    bool flag[ENTRY_FIELDS];        /* of those without a value */
};

/* The row of a field, in a command's table: `member` of `type` is the struct entry_options.
 * Between the rows of its own a command defines ENTRY_FIELD as this, and includes entry.def. */
#define ENTRY_OPTION_ROW(type, member, key, option, kind, argument, about)                         \
    {                                                                                              \
        option, ENTRY_KIND_##kind == ENTRY_KIND_SWITCH ? OPTION_FLAG : OPTION_TEXT, argument,      \
            about,                                                                                 \
            ENTRY_KIND_##kind == ENTRY_KIND_SWITCH ? offsetof(type, member.flag[ENTRY_##key])      \
                                                   : offsetof(type, member.text[ENTRY_##key]),     \
            0, 0                                                                                   \
    }

/* Appends the entry as a SCHEDULE map to `out`. `now`: Unix seconds. 0; MUSTER_EINVAL: `why` has
 * the first fault, with its option; MUSTER_ETOOBIG, MUSTER_ENOMEM. */
int entry_options_read(const struct entry_options *options, const char *name, struct zones *zones,
                       int64_t now, struct buf *out, char why[ENTRY_WHY_SIZE]) MUSTER_MUSTCHECK;

#endif
