/* job_state.c: names of job states. */
#include "base/job_state.h"

#include "base/err.h"

static const char *const state_names[JOB_STATE_COUNT] = {
    [JOB_SCHEDULED] = "scheduled", [JOB_READY] = "ready",         [JOB_RUNNING] = "running",
    [JOB_COMPLETED] = "completed", [JOB_CANCELLED] = "cancelled", [JOB_EXPIRED] = "expired",
    [JOB_PARKED] = "parked",
};

/* As in JSON; "?" for none. */
const char *job_state_name(enum job_state state)
{
    return (unsigned)state < JOB_STATE_COUNT ? state_names[state] : "?";
}

int job_state_parse(struct slice name, enum job_state *ret)
{
    for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
        if (slice_is(name, state_names[i])) {
            *ret = (enum job_state)i;
            return 0;
        }
    }
    return MUSTER_EINVAL;
}
