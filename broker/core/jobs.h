/* jobs.h: the jobs that are in memory: those that wait in a window, are out at workers, in doubt,
 * due soon, or just changing. */
#ifndef CORE_JOBS_H
#define CORE_JOBS_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "core/job.h"

struct core;
struct session;

/* Where a resident job is. Each place has its list or heap; job_unplace() is the way out of any. */
enum place {
    PLACE_NONE,     /* resident for a look, or while a batch that changes it is on its way */
    PLACE_WAITING,  /* in its band, in order of arrival */
    PLACE_RETURNED, /* in its band's heap: came back out of order */
    PLACE_OUT,      /* granted to a session */
    PLACE_DOUBT,    /* handed out, perhaps, before the broker started */
    PLACE_DUE,      /* scheduled, near */
    PLACE_STOPPING, /* ended, but its run has not stopped at the worker */
    PLACE_COUNT
};

struct job {
    struct job_head head;
    struct list link;      /* band, session's out, or doubt */
    struct list clock;     /* wheel of run time-outs */
    struct heap_node node; /* band's returned, or due */
    struct job_spec *spec; /* a reference */
    struct blob *blob;     /* what args lie in; NULL: not in memory */
    struct slice args;
    struct session *session; /* OUT, STOPPING: who has it */
    uint64_t batch;          /* the last batch that changed it */
    uint64_t granted_ms;     /* serving clock */
    uint64_t started_wall_ms;
    uint64_t listed;  /* number of the HELLO that listed it last */
    uint32_t changes; /* operations on it that are on their way */
    uint8_t place;    /* enum place */
    bool prefetched;  /* granted beyond the free slots: its loss does not count */
    bool unsent;      /* granted, but JOBS waits for the commit of its run */
    bool marked;      /* counted in its band's `marked` */
};

/* What happens to a job; job_states.def has a row for every (state, event). */
enum job_event {
    JOB_EV_DUE,
    JOB_EV_GRANT,
    JOB_EV_COMPLETE,
    JOB_EV_RETRY,
    JOB_EV_PARK,
    JOB_EV_DISCARD,
    JOB_EV_SNOOZE,
    JOB_EV_RELEASE,
    JOB_EV_LAPSE,
    JOB_EV_CANCEL,
    JOB_EV_EXPIRE,
    JOB_EV_REVIVE,
    JOB_EV_COUNT
};

/* The only way to another state: by the table. False, with nothing changed, when the table has no
 * such edge. */
bool job_move(struct job *job, enum job_event event);

/* A new resident job with one reference to `spec` taken, in PLACE_NONE; NULL when out of memory. */
struct job *job_new(struct core *core, const struct job_head *head, struct job_spec *spec);
/* The same, from what the store has of it. */
struct job *job_load(struct core *core, const struct job_head *head, const struct job_spec *spec);
struct job *job_find(const struct core *core, uint64_t id);
/* Leaves memory, from whatever place. */
void job_forget(struct core *core, struct job *job);
/* Args into memory, and out again. */
void job_set_args(struct job *job, struct blob *blob, struct slice args);
void job_drop_args(struct job *job);
/* Bytes that it counts in core->window_bytes while it waits. */
static inline size_t job_cost(const struct job *job)
{
    return sizeof *job + job->args.len;
}
/* Takes it out of its place, into PLACE_NONE. */
void job_unplace(struct core *core, struct job *job);
/* A STOPPING one has stopped, as far as anybody will ever know: it leaves memory when its end is
 * stored. */
void job_stopped(struct core *core, struct job *job);

/* A spec equal to `like` (meta copied): the shared default one, or a new one. One reference; NULL
 * when out of memory. */
struct job_spec *spec_take(struct core *core, const struct job_spec *like);
void spec_release(struct job_spec *spec);

/* Memory for jobs, in slabs: one allocation for 512 of them. */
struct job_pool {
    struct list free;
    struct job_slab *slabs;
};
void job_pool_fini(struct job_pool *pool);

#endif
