/* job_entry.h: job maps as they stand in a reply, without unpacking them. */
#ifndef CLI_JOB_ENTRY_H
#define CLI_JOB_ENTRY_H

#include "base/job_state.h"
#include "base/slice.h"
#include "muster/client.h"

/* The entries of an array body, one after the other. */
struct job_entries {
    struct slice left;
    uint32_t count; /* left */
};
struct job_entries job_entries_of(const muster_reply_t *reply); /* none when the body is no array */
/* The next one, as bytes; false at the end. */
bool job_entries_next(struct job_entries *entries, struct slice *ret_entry);
/* The first, or empty. */
struct slice job_entry_first(const muster_reply_t *reply);
/* A text of the map, or empty. */
struct slice job_entry_text(struct slice entry, const char *name);
/* Whether the entry is a job; else sets the error that it tells instead: "not_found", "gone" ... */
bool job_entry_check(struct slice entry, const muster_reply_t *reply, int *ret_error);
/* The state; JOB_STATE_COUNT for one that this program does not know. */
enum job_state job_entry_state(struct slice entry);

#endif
