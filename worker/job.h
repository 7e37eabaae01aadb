/* job.h: one job held by this process: what the broker said, where it stands, what became of it.
 *
 * Jobs live in the batch in which they came. The session machine (I/O thread) owns the batch; a
 * job's `stage` says who may touch the rest: whoever moves it out of STAGE_WAITING. */
#ifndef WORKER_JOB_H
#define WORKER_JOB_H

#include <stdatomic.h>

#include "base/job_state.h"
#include "base/list.h"
#include "msg.h"

/* How a job stands between the I/O thread and the threads that run handlers. */
enum job_stage {
    STAGE_WAITING, /* nobody has begun; the first to leave this stage owns the job */
    STAGE_RUNNING, /* a handler thread has it */
    STAGE_REVOKED  /* the I/O thread took it back; it must not be run */
};

/* Why a job is to stop; a greater reason replaces a smaller one. */
enum job_stop {
    STOP_NONE,
    STOP_DRAIN,   /* the drain time is over: give it back */
    STOP_TIMEOUT, /* run_timeout is over */
    STOP_CANCEL,  /* somebody cancelled the job */
    STOP_ABANDON, /* the broker has given the job elsewhere: no report */
    STOP_NOW      /* the worker ends at once */
};

/* What the session machine will do with the job. */
enum job_fate {
    FATE_HELD,      /* to be reported */
    FATE_ABANDONED, /* runs, or did, but is not reported */
    FATE_SETTLED    /* reported, or given up before it began */
};

/* What a handler had to say beyond its outcome; made only when it says something. */
struct job_note {
    char code[CODE_MAX_BYTES + 1];
    char message[MESSAGE_MAX_BYTES + 1];
    char signal[33];
    int exit_status; /* -1: it did not exit by itself */
    uint64_t delay_ms;
    uint8_t *log;
    size_t log_len;
};

/* A pair of queue and kind that the jobs of a batch point to. */
struct job_lane {
    struct slice queue, kind;
    const void *handler; /* filled in by whoever runs the jobs */
};

struct job {
    uint64_t id;
    uint32_t run, attempt, run_timeout_ms;
    uint8_t fate;                /* enum job_fate; the I/O thread's own */
    _Atomic uint8_t stage;       /* enum job_stage */
    _Atomic uint8_t stop;        /* enum job_stop */
    _Atomic uint64_t started_us; /* monotonic; 0 before */
    struct job_lane *lane;
    struct job_batch *batch;
    struct slice args, meta;
    struct job *next;      /* in the chain of finished jobs */
    _Atomic(void *) place; /* the thread that runs it */
    uintptr_t value;       /* what its handler holds; written before that thread shows it */
    /* written by the handler's thread, read when it has come back */
    bool decided;
    uint8_t outcome; /* enum outcome */
    uint32_t run_us;
    uint32_t result_len;
    uint8_t *result;
    struct job_note *note;
};

/* The jobs of one JOBS message. */
struct job_batch {
    struct list link;
    uint64_t arrived_ms;
    uint32_t count;
    uint32_t out; /* jobs that have not come back from the handler threads */

    uint32_t lane_count;
    struct job_lane *lanes;
    struct slice *schedules; /* NULL: no job is a run of one */
    /* columns: of each job its place in schedules, plus 1, or 0; its nominal time, Unix ms */
    struct slice schedule_of, nominals_ms;
    void *owner;                  /* the link that it came by */
    uint32_t result_max;          /* bytes of one result */
    void *frame;                  /* what args and names lie in */
    void (*release)(void *frame); /* NULL: nothing to free */
    struct job jobs[];
};

/* The jobs of a decoded JOBS message; args, metas and names stay where the message has them. NULL
 * when out of memory or when an index of a lane or schedule is out of range. */
struct job_batch *job_batch_new(const struct msg_jobs *m, uint64_t now_ms);
/* Frees the batch, what its jobs still own, and the frame. */
void job_batch_free(struct job_batch *b);

/* Id of job `i` of a message that names jobs by `ids` or by `first_id`. */
static inline uint64_t job_ref_id(struct slice ids, uint64_t first_id, uint32_t i)
{
    return ids.len ? slice_u64_at(ids, i) : first_id + ((uint64_t)i << 8);
}

/* The name of the schedule that the job is a run of, and its nominal time (Unix ms); empty and 0:
 * of none. */
struct slice job_schedule(const struct job *job, uint64_t *ret_nominal_ms);

/* Tries to move the job out of STAGE_WAITING; true for the one caller that did. */
static inline bool job_claim(struct job *job, enum job_stage stage)
{
    uint8_t waiting = STAGE_WAITING;
    return atomic_compare_exchange_strong(&job->stage, &waiting, (uint8_t)stage);
}

/* Asks a running job to stop; true when this reason is new to it. */
bool job_ask_stop(struct job *job, enum job_stop why);
/* The note, made when missing; NULL when out of memory. */
struct job_note *job_note(struct job *job);
/* Frees result and note. */
void job_clear(struct job *job);

#endif
