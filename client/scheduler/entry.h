/* entry.h: one schedule entry as people write it, in a file or on the command line, read field by
 * field and checked. */
#ifndef SCHEDULER_ENTRY_H
#define SCHEDULER_ENTRY_H

#include "base/buf.h"
#include "msg.h"
#include "scheduler/cron.h"
#include "scheduler/zones.h"

#define ENTRY_WHY_SIZE 512

enum entry_field {
#define ENTRY_FIELD(key, option, kind, member, least, most, argument, about) ENTRY_##key,
#include "scheduler/entry.def"
    ENTRY_FIELDS /* no single field */
};

enum entry_kind {
    ENTRY_KIND_CRON,
    ENTRY_KIND_EVERY,
    ENTRY_KIND_ZONE,
    ENTRY_KIND_NAME,
    ENTRY_KIND_ARGS,
    ENTRY_KIND_NUMBER,
    ENTRY_KIND_DURATION,
    ENTRY_KIND_BACKOFF,
    ENTRY_KIND_OVERLAP,
    ENTRY_KIND_CATCH_UP,
    ENTRY_KIND_TIME,
    ENTRY_KIND_SWITCH,
    ENTRY_KIND_TEXT
};

/* One row of entry.def. */
struct entry_row {
    const char *key, *option;
    enum entry_kind kind;
    size_t offset; /* of the member in struct msg_schedule */
    uint64_t bit;  /* of the member in `has` */
    uint64_t least, most;
};
extern const struct entry_row entry_rows[ENTRY_FIELDS];

struct entry {
    struct msg_schedule schedule; /* its slices are borrowed from whoever set them */
    struct cron cron;             /* once the field is set */
    uint32_t given, wrong;        /* a bit a field: it was set, or it was refused */
    bool options;                 /* fields are called --catch-up, not catch_up */
};

/* What is wrong. */
struct entry_fault {
    enum entry_field field;
    size_t position; /* in the field's text, bytes from 1; 0: all of it */
    char text[ENTRY_WHY_SIZE];
};

/* An entry without fields; `name` is borrowed. */
void entry_init(struct entry *e, struct slice name, bool options);
/* The field of that key, or ENTRY_FIELDS. */
enum entry_field entry_field_of(struct slice key);
/* The key that was meant: what other systems call otherwise, or the nearest; NULL: none is near. */
const char *entry_field_nearest(struct slice key);
/* "catch_up", or "--catch-up" when the entry comes from the command line. */
const char *entry_field_name(const struct entry *e, enum entry_field field);

/* Reads a field; `text` is borrowed, and has a NUL behind it. MUSTER_EINVAL: *ret says what is
 * wrong and what would be right, with the field's name; the field counts as wrong. Not for args. */
int entry_set(struct entry *e, enum entry_field field, struct slice text,
              struct entry_fault *ret) MUSTER_MUSTCHECK;
/* Args: one msgpack value, borrowed. */
void entry_set_args(struct entry *e, struct slice value);
/* Notes that a field was refused by others. */
void entry_set_wrong(struct entry *e, enum entry_field field);

/* What no field shows alone: a name, one of cron and every, a kind, a known time zone, an end after
 * the start, and that there is a run at all. Each fault is told; it says nothing more of fields
 * that are wrong already. `now`: Unix seconds. 0 or MUSTER_EINVAL. */
typedef void entry_tell_fn(void *user, const struct entry_fault *fault);
int entry_check(const struct entry *e, struct zones *zones, int64_t now, entry_tell_fn *tell,
                void *user) MUSTER_MUSTCHECK;

#endif
