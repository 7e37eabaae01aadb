/* entries_file.h: the entries of a YAML file, `schedules: {NAME: {cron: ..., kind: ...}}`, checked,
 * and as bytes for SCHEDULE_PUT. */
#ifndef SCHEDULER_ENTRIES_FILE_H
#define SCHEDULER_ENTRIES_FILE_H

#include "base/buf.h"
#include "scheduler/zones.h"
#include "yaml_fault.h"

#define ENTRIES_FAULTS_MAX 20 /* as many as people read at once */

/* In the file's order. */
struct entries {
    struct buf bytes; /* SCHEDULE maps, one behind the other */
    uint32_t *ends;   /* where each ends */
    uint32_t count, cap;
};

/* Reads the file. `now`: Unix seconds, for what never runs from now on. 0; MUSTER_EINVAL,
 * MUSTER_EIO, MUSTER_ETOOBIG or MUSTER_ENOMEM: `faults` has everything that is wrong, in the order
 * of the file, and *ret has no entries. The caller calls entries_fini(). */
int entries_read(struct entries *ret, const char *path, struct zones *zones, int64_t now,
                 struct yaml_faults *faults) MUSTER_MUSTCHECK;
/* One of them: a SCHEDULE map, for wire_decode_schedule(). */
struct slice entries_at(const struct entries *e, uint32_t index);
void entries_fini(struct entries *e);

#endif
