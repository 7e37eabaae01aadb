/* sessions.h: worker processes as the broker knows them. The lease belongs to the session: whatever
 * it says on its current route renews it for all its jobs. */
#ifndef CORE_SESSIONS_H
#define CORE_SESSIONS_H

#include "core/lanes.h"

struct session_queue {
    struct queue *queue;
    int64_t weight;
    int64_t current;        /* smooth weighted round robin */
    struct band *candidate; /* in one pick */
};

/* A list of held jobs as HELLO's parts bring it in. */
struct held {
    uint64_t *ids;
    uint32_t *runs;
    uint32_t *ms;
    uint32_t count, cap;
};

struct session {
    uint8_t id[SESSION_ID_BYTES];
    struct slice name, host; /* own memory */
    struct list link;        /* core->sessions, by `heard`, or core->lapsed */
    struct list hungry;      /* core->hungry: may be given jobs */
    route_t route;           /* 0: none */
    uint8_t state;           /* enum session_state */
    bool welcomed;           /* its WELCOME has left on this route */
    bool welcome_owed;       /* it waits until all that the session says has been judged */
    uint64_t welcome_request;
    bool strict, all_kinds;
    bool full;    /* its socket took no more: nothing is sent until it speaks */
    bool serving; /* counted in its lanes' servers */
    bool awaited; /* stored before the broker started and not heard of since */
    uint32_t pid, slots, credit, out;
    uint32_t offered;      /* of its credit, in core->offered */
    struct list granting;  /* core->granting: was given jobs in this dispatch */
    uint64_t hello;        /* number of the last HELLO */
    uint64_t heard;        /* serving clock */
    uint64_t results_next; /* RESULTS number expected */
    uint64_t batch;        /* the last batch that changed it or took its results */
    uint32_t lookups;      /* reads on the way that its next RESULTS_ACK waits for */
    struct session_queue *queues;
    uint32_t queue_count;
    struct slice *queue_names, *kinds; /* own memory */
    uint32_t kind_count;
    struct strmap kind_set;
    uint64_t handled;    /* serial of the lane that it was found to handle last; 0: none */
    struct list jobs;    /* out at it, or stopping */
    struct job **grants; /* being gathered for one JOBS, in step memory */
    uint32_t grant_count;
    size_t grant_bytes;
    struct held held;       /* while HELLO's parts come in */
    uint64_t hello_pending; /* number of the HELLO whose parts come in; 0: none */
    uint64_t hello_ignored; /* number of one that came when there was no room for it; 0: none */
    uint32_t parts_seen;
};

struct session *session_find(const struct core *core, const uint8_t id[SESSION_ID_BYTES]);
/* What the session is told next judges the job: it waits for the job's last batch. */
static inline void session_after(struct session *s, const struct job *job)
{
    if (job->batch > s->batch)
        s->batch = job->batch;
}
struct session *session_on(const struct core *core, route_t route);
/* A session that has lapsed, as it were, until its HELLO is whole; NULL when out of memory. */
struct session *session_new(struct core *core, const uint8_t id[SESSION_ID_BYTES]);
void session_free(struct core *core, struct session *s);
/* Its row, in the open batch: put, with the mark that it lapsed or without; or dropped, and the
 * session with it. */
void session_write(struct core *core, struct session *s, bool lapsed);
void session_drop(struct core *core, struct session *s);
/* Its names, queues and kinds, for a HELLO to fill in anew. */
void session_labels_free(struct core *core, struct session *s);
/* What is told to it from now on waits for the open batch, if that changes anything. */
void session_after_open(const struct core *core, struct session *s);
/* Frees the list of jobs that HELLO's parts have brought in. */
void session_drop_held(struct core *core, struct session *s);
/* Nothing is taken from, or sent on, its old route any more. */
void session_unroute(struct core *core, struct session *s);
/* It has spoken: the lease starts anew. */
void session_touch(struct core *core, struct session *s);
/* Counts it in or out of its lanes, and into or out of core->hungry, by what it can take now. */
void session_refresh(struct core *core, struct session *s);
bool session_handles(const struct session *s, const struct lane *lane);
/* Into core->lapsed, without credit. */
void session_set_lapsed(struct core *core, struct session *s);
/* Deadlines of all sessions: suspect, lapse, forget. */
void sessions_tick(struct core *core);
uint64_t sessions_deadline(const struct core *core);

#endif
