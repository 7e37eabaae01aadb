/* job_state.h: the numbers that the wire, the store and the core share for states and outcomes. */
#ifndef BASE_JOB_STATE_H
#define BASE_JOB_STATE_H

#include "base/slice.h"

/* What became of a run, in RESULTS.outcomes. */
enum outcome {
    OUTCOME_COMPLETED,
    OUTCOME_FAILED,    /* counts against max_attempts; retried after the backoff, or parked */
    OUTCOME_PARKED,    /* the handler gave up: parked now */
    OUTCOME_DISCARDED, /* ends as cancelled, code `discarded` */
    OUTCOME_SNOOZED,   /* again later at no cost */
    OUTCOME_RELEASED,  /* not run, or not to its end: ready again at no cost */
    OUTCOME_CANCELLED, /* stopped because CANCEL asked for it */
    OUTCOME_TIMEOUT,   /* a failure: run_timeout was over */
    OUTCOME_COUNT
};

/* SUBMIT_ACK.outcomes */
enum submit_outcome { SUBMIT_NEW, SUBMIT_DUPLICATE, SUBMIT_CONFLICT, SUBMIT_OUTCOME_COUNT };

/* Job states as they are stored, told in DONE and named in JSON. In doubt is no stored state. */
enum job_state {
    JOB_SCHEDULED,
    JOB_READY,
    JOB_RUNNING,
    JOB_COMPLETED,
    JOB_CANCELLED,
    JOB_EXPIRED,
    JOB_PARKED,
    JOB_STATE_COUNT
};

const char *job_state_name(enum job_state state);
/* MUSTER_EINVAL when `name` is none. */
int job_state_parse(struct slice name, enum job_state *ret);

#endif
