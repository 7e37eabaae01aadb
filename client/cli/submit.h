/* submit.h: what the two forms of `submit` share. */
#ifndef CLI_SUBMIT_H
#define CLI_SUBMIT_H

#include "cli/cli.h"

struct submit_values {
    const char *queue, *backoff, *idempotency_key, *meta, *file;
    struct option_number priority, delay, at, max_attempts, run_timeout, expires_in;
    bool wait;
};

/* A job as the options say; borrows from them. */
struct muster_job submit_job(const struct submit_values *v, const char *kind);
/* submit --file. */
int submit_file(struct cli *cli, const struct submit_values *v, const char *kind);

#endif
