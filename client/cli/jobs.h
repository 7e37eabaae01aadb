/* jobs.h: jobs told to people or programs. */
#ifndef CLI_JOBS_H
#define CLI_JOBS_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/job_entry.h"

#define JOBS_ANY_STATE (~0u)

/* Jobs told one page after the other: a table or a JSON array. */
struct jobs_out {
    const struct cli *cli;
    bool brief;       /* people get a line a job, "id state", instead of the table */
    const char *says; /* with brief: this instead of the state, or NULL */
    bool retried;     /* with brief: what went wrong before is not told again */
    unsigned wanted;  /* states (1 << enum job_state) that are no error after the command */
    size_t count;     /* jobs told */
    bool unhappy;     /* some job is parked, cancelled or expired */
    int status;       /* of the first job that was missing or in another state */
    json_t *page;     /* for people: what is not printed yet */
};

void jobs_begin(struct jobs_out *out, const struct cli *cli, bool brief, unsigned wanted);
/* One job. */
void jobs_take(struct jobs_out *out, struct slice entry);
/* What an error means for a job. */
const char *jobs_error_text(int error);
/* One id without a job. */
void jobs_miss(struct jobs_out *out, uint64_t id, int error);
/* A job that the command does not apply to, because of its state. */
void jobs_refuse(struct jobs_out *out, struct slice entry);
/* Prints the page, for people. */
void jobs_flush(struct jobs_out *out);
/* The body of a reply: an array of job maps. `ids` (may be NULL) are those asked for, to name the
 * missing ones. 0, or the exit status when the body makes no sense. */
int jobs_add(struct jobs_out *out, const muster_reply_t *reply, const uint64_t *ids, size_t count);
/* Returns the exit status: for what was missing or in another state, else 0. */
int jobs_end(struct jobs_out *out);

/* Calls `ask` for at most IDS_PER_REQUEST ids at a time and tells the jobs. */
typedef int jobs_ask_fn(muster_client_t *client, const uint64_t *ids, size_t count,
                        uint64_t timeout_ms, muster_reply_t **ret_reply);
int jobs_each(struct jobs_out *out, jobs_ask_fn *ask, const uint64_t *ids, size_t count,
              uint64_t timeout_ms);

/* One job with all there is to say about it, for people. */
void jobs_print_one(const struct cli *cli, const json_t *job);

#endif
