/* core_rig.h: a worker's session machine in virtual time, with a trace of all that it asks for. */
#ifndef TESTS_CORE_RIG_H
#define TESTS_CORE_RIG_H

#include "worker_core.h"

#define RIG_SLOTS 2
#define RIG_JOBS  4096
#define ID(n)     ((uint64_t)(n) << 8)

struct rig {
    struct worker_core core;
    struct worker_identity who;
    uint64_t now;
    char trace[65536];
    size_t trace_len;
    struct job *jobs[RIG_JOBS]; /* started, and not come back */
    size_t job_count;
    uint64_t last_hello;
};

/* A machine that has not been ticked yet. */
void rig_init(struct rig *r);
void rig_fini(struct rig *r);
/* Fails the test unless exactly this was asked for since the last time. */
void rig_expect(struct rig *r, const char *trace);
void rig_forget_trace(struct rig *r);

/* Lets time pass and ticks once. */
void rig_wait(struct rig *r, uint64_t ms);
void rig_tick(struct rig *r);
/* Opens, greets, is welcomed; the trace is forgotten. */
void rig_serve(struct rig *r);
void rig_welcome(struct rig *r, uint64_t epoch, uint64_t results_next);
void rig_send(struct rig *r, enum msg_type type); /* UNKNOWN, HEARTBEAT, GOODBYE */
/* JOBS of `count` jobs from number `first` on, in the present route. */
void rig_jobs(struct rig *r, uint64_t first, uint32_t count);
void rig_jobs_of(struct rig *r, uint64_t epoch, uint64_t hello, uint64_t first, uint32_t count);
void rig_ack(struct rig *r, uint64_t number);
void rig_name(struct rig *r, enum msg_type type, uint64_t id_number,
              uint32_t run); /* CANCEL, ABANDON */

/* A handler begins; false when the job was taken back. */
bool rig_begin(struct rig *r, uint64_t number);
/* A handler ends after run_us. */
void rig_end(struct rig *r, uint64_t number, enum outcome outcome, uint32_t run_us);
/* Begins and ends jobs from number `first` on. */
void rig_do(struct rig *r, uint64_t first, uint32_t count, uint32_t run_us);
/* Revoked jobs come back, as the pool gives them. */
void rig_return_revoked(struct rig *r);

#endif
