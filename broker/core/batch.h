/* batch.h: what the core asks of the store, and how the store answers.
 *
 * A batch is a list of operations that one transaction carries out in order, whole or not at all.
 * The core fills it and gives it away; the store thread fills in the answers and gives it back
 * (STORED). Until then nobody else touches it. Slices point into the batch's arena or into blobs
 * that it holds. */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include "base/schedule.h"
#include "core/job.h"

enum op_type {
    /* writes */
    OP_LANE,           /* lane: create, or drop when it is empty */
    OP_QUEUE,          /* queue: create, pause, resume */
    OP_MARK,           /* mark: nothing of (lane, priority) beyond seq may be handed out */
    OP_WORKER,         /* worker session: put or drop */
    OP_CLIENT_DROP,    /* client session said GOODBYE */
    OP_SUBMIT,         /* submit: new jobs of one template */
    OP_UPDATE,         /* update: a job's new head, and an attempt to record */
    OP_END,            /* end: jobs that completed, were cancelled, expired or were deleted */
    OP_DONE_TAKEN,     /* done: the client session took its ends up to a number */
    OP_SCHEDULE,       /* schedule: put its definition, or drop it with its state and ledger */
    OP_SCHEDULE_STATE, /* schedule_state: pause, resume, owed from */
    OP_VERDICT,        /* verdict: a ledger row of a nominal time that submits no job */
    /* reads: they see exactly the operations before them */
    OP_PAGE,   /* page: ready rows of (lane, priority) after seq */
    OP_DUE,    /* due: scheduled rows after (due_ms, id) */
    OP_JOBS,   /* jobs: full views by id */
    OP_LIST,   /* list: full views by filter */
    OP_MATCH,  /* match: heads of what waits, by filter, in the order of the tables */
    OP_OLDEST, /* oldest: the first rows of lanes */
    OP_IDLE,   /* idle: whether lanes are empty */
    OP_QUEUES, /* queues: counters of all queues */
    OP_CLIENT, /* client: what is known of a client session */
    OP_DONE,   /* done: ends not yet taken by a client session */
    OP_LEDGER, /* ledger: rows of a schedule, newest first */
    OP_TYPE_COUNT
};

/* A row as read back for the window: without attempts. */
struct record {
    struct job_head head;
    struct job_spec spec; /* meta lies in the page's blob */
    struct slice args;    /* in the page's blob; empty when not asked for */
};

/* Everything about one job, for people. */
struct job_view {
    int error; /* 0, MUSTER_ENOTFOUND, or MUSTER_EGONE (finished, no longer held) */
    uint64_t id;
    struct job_head head; /* head.state is the stored state */
    struct job_spec spec;
    struct slice queue, kind, args, result, code, message, worker;
    uint64_t started_ms, finished_ms; /* 0: not known */
    struct attempt *attempts;
    uint32_t attempt_count;
    /* filled in by the core for a resident job */
    uint8_t waits; /* enum waits_reason, 0: none */
    bool running;  /* shown as running, by `worker` since started_ms */
    bool stopping; /* cancelled, and its run has not ended yet */
};

struct queue_counters {
    /* totals since the queue exists, committed with what they count */
    uint64_t submitted, completed, cancelled, expired; /* jobs */
    uint64_t failed, lost;                             /* attempts */
    uint64_t parked_total;                             /* jobs ever parked */
    uint64_t trimmed; /* parked jobs deleted for want of space or by age */
    /* how many there are now */
    uint64_t ready; /* stored as ready: includes the running ones */
    uint64_t scheduled, parked;
};

struct queue_info {
    struct slice name;
    bool paused;
    struct queue_counters counters;
};

/* One finished job in OP_END. Plain completions are the hot path: nothing but a row is made for
 * them. */
struct end_row {
    uint64_t id, seq; /* where its lane row is, if it has one */
    uint32_t lane;
    uint32_t run;
    uint64_t created_ms, started_ms, finished_ms;
    uint16_t flags; /* JOB_HAS_ROW, JOB_NOTIFY, JOB_KEYED tell which rows there are */
    uint8_t priority;
    uint8_t state;       /* enum job_state that it ends in; JOB_STATE_COUNT: deleted, no history */
    struct slice result; /* msgpack, or empty */
    /* the last attempt when it says more than (worker, started, finished); or NULL */
    const struct attempt *attempt;
    struct slice worker;        /* name of who ran it last; may be empty */
    struct slice code, message; /* why it did not complete */
    uint64_t done_number; /* with JOB_NOTIFY: out, number given to this end in its client session */
    void *job;            /* the core's own, */
    bool ran;             /* and so is this: it ended a run */
};

/* Which total goes up with the update. */
enum update_cause { CAUSE_NONE, CAUSE_FAILED, CAUSE_LOST, CAUSE_COUNT };

/* What was decided for a nominal time of a schedule. */
struct ledger_row {
    uint64_t nominal_ms; /* Unix ms; base/schedule.h says what other than whole seconds means */
    uint64_t judged_ms;
    uint64_t job;      /* fired: its id */
    uint64_t first_ms; /* a row for many: the first of them; 0: it is one */
    uint32_t count;    /* a row for many: how many; 0: it is one */
    uint8_t verdict;   /* enum fire_verdict, below VERDICT_STORED_COUNT */
    uint8_t reason;    /* enum fire_reason */
};

/* A row to be written, and the schedule's state after it. The store is the judge: result is
 * MUSTER_EINUSE when the nominal time has a row that may not be replaced (a chained one counts as
 * judged all the same), and MUSTER_ESTATE, with nothing done, when the chain is broken. */
struct verdict_op {
    uint32_t schedule; /* number */
    bool chained;      /* previous_ms must be the schedule's through_ms, which this row then is */
    uint64_t previous_ms;
    uint8_t over; /* bits of enum fire_verdict: rows that may be replaced */
    struct ledger_row row;
    uint64_t keep_ms;    /* rows judged before this may go: a few with each operation */
    uint64_t waiting_ms; /* the nominal time that waits after this; 0: none */
    uint64_t *runs; /* runs that may be alive after this, in the arena; also the new one's id */
    uint32_t run_count;
    void *owner; /* the core's own */
};

struct op {
    uint8_t type;
    int result; /* out: 0 or why this operation alone did not happen (submits and what belongs to
                   schedules; reads: none found is 0) */
    union {
        struct {
            uint32_t lane;
            bool drop;
            struct slice queue, kind, group;
        } lane;
        struct {
            struct slice name;
            bool paused;
        } queue;
        struct {
            uint32_t lane;
            uint8_t priority;
            uint64_t seq;
        } mark;
        struct {
            uint8_t session[SESSION_ID_BYTES];
            bool drop, lapsed;
            uint64_t results_next; /* RESULTS number expected next, at the time of the row */
            struct slice name;
        } worker;
        struct {
            uint8_t session[SESSION_ID_BYTES];
            /* OP_CLIENT out: 0 confirmed means not known */
            uint64_t confirmed;
            /* SUBMITs above confirmed whose outcome is known, by rising number */
            struct client_number *numbers;
            uint32_t number_count;
            uint64_t done_taken, done_last; /* ends taken, and the last end given a number */
            uint64_t done_confirmed;        /* in: ends that the session says it has taken */
        } client;
        struct {
            struct job_spec *spec;
            uint32_t lane, count;
            uint8_t priority;
            uint8_t state; /* JOB_READY, or JOB_SCHEDULED for due_ms */
            uint16_t flags;
            uint64_t first_id; /* ids first_id, first_id + 256, ...; a ready job's seq is its id */
            uint64_t created_ms, due_ms, delay_ms;
            struct slice arg_lengths, args; /* COL32 and bytes, in a blob that the batch holds */
            struct slice key_lengths, keys; /* empty: no idempotency keys */
            uint8_t session[SESSION_ID_BYTES];
            /* of the client session; number 0: no session (tests, scheduler) */
            uint64_t number, confirmed;
            uint8_t *outcomes; /* out, in the arena: enum submit_outcome a job; NULL: all new */
            uint64_t *ids;     /* out, in the arena with outcomes: each job's id */
            void *owner;       /* the core's own */
            /* a run of a schedule (count 1, JOB_SCHEDULE): row and job together, or neither */
            const struct verdict_op *verdict;
        } submit;
        struct {
            struct job_head head;          /* the new head */
            uint64_t old_seq;              /* lane row before this update, if it has no row by id */
            uint8_t cause;                 /* enum update_cause */
            bool want;                     /* give the record back, with args */
            const struct attempt *attempt; /* to record, or NULL */
            struct record *record;         /* out with want, in `page` */
            uint64_t done_number;          /* parked with JOB_NOTIFY: out, as in end_row */
            struct blob *page; /* out: holds what record points to; the core takes it over */
            void *job;         /* the core's own, */
            bool ran;          /* and so is this: it ended a run */
        } update;
        struct {
            struct end_row *rows;
            uint32_t count;
        } end;
        struct {
            uint32_t lane;
            uint8_t priority;
            uint64_t after;               /* seq */
            uint32_t max_rows, max_bytes; /* at least one row is given whatever its size */
            struct record *records;       /* out, in `page` */
            uint32_t count;
            bool end;      /* out: no rows after these */
            uint64_t last; /* out: seq of the last row looked at */
            struct blob *page;
        } page;
        struct {
            uint64_t after_ms, after_id;
            uint32_t max_rows;
            struct record *records; /* out: heads and specs, no args */
            uint32_t count;
            bool end;
            struct blob *page;
        } due;
        struct {
            const uint64_t *ids;
            uint32_t count;
            bool lane_probe;        /* look for plain waiting jobs in every lane too */
            struct job_view *views; /* out: one an id, in `page` */
            struct blob *page;
            void *owner;
        } jobs;
        struct {
            int state; /* enum job_state or -1 */
            struct slice queue, kind;
            uint64_t after;
            uint32_t limit;
            struct job_view *views; /* out, by rising id, in `page`; at most about 8 MiB of them */
            uint32_t count;
            bool more;
            uint64_t last;
            struct blob *page;
            void *owner;
        } list;
        struct {
            struct slice queue, kind; /* empty: any */
            uint64_t upto;            /* the highest id wanted */
            uint32_t limit;           /* at most so many; of rows by id fewer are asked for */
            struct match_at {         /* where the walk stands; all 0: at its beginning */
                bool by_id;           /* the plain jobs of all lanes are done: rows by id, by seq */
                uint8_t priority;
                uint32_t lane;
                uint64_t seq;       /* the last one looked at */
            } from, at;             /* in, out */
            struct record *records; /* out: heads and specs, no args, in `page` */
            uint32_t count;
            bool more; /* out: go on from `at` */
            struct blob *page;
            void *owner;
        } match;
        struct {
            struct oldest_lane { /* in the arena */
                uint32_t lane;
                uint32_t max_rows; /* of each priority */
                /* a priority's rows beyond this one are meant; UINT64_MAX: it is not */
                uint64_t after[PRIORITY_COUNT];
                struct oldest_row { /* out, in the arena */
                    uint64_t id, due_ms;
                } * rows;
                uint32_t row_count;
            } * lanes;
            uint32_t count;
        } oldest;
        struct {
            struct idle_lane { /* in the arena */
                uint32_t lane;
                bool empty; /* out: no job of any state */
            } * lanes;
            uint32_t count;
        } idle;
        struct {
            struct queue_info *infos; /* out, in `page` */
            uint32_t count;
            struct blob *page;
            void *owner;
        } queues;
        struct {
            uint8_t session[SESSION_ID_BYTES];
            uint64_t number; /* OP_DONE_TAKEN: taken up to; OP_DONE: those above */
            uint32_t limit;
            struct done_row { /* out, in `page` */
                uint64_t number, id;
                uint8_t state;
                struct slice result, code, message;
            } * rows;
            uint32_t count;
            struct blob *page;
        } done;
        struct {
            uint32_t schedule; /* its number: never used again */
            bool drop;
            struct slice name, source, definition; /* definition: SCHEDULE as it is on the wire */
        } schedule;
        struct {
            uint32_t schedule;
            bool paused;
            /* through_ms, if it is lower: nominal times up to here are not owed */
            uint64_t owed_from_ms;
        } schedule_state;
        struct {
            const struct verdict_op *verdict;
        } verdict;
        struct {
            uint32_t schedule;
            uint64_t before_ms, from_ms; /* nominal times below, and not below */
            uint32_t limit;
            struct ledger_row *rows; /* out, newest first, in `page` */
            uint32_t count;
            bool more;
            struct blob *page;
            void *owner;
        } ledger;
    };
};

/* A SUBMIT number whose outcome is stored: what its SUBMIT_ACK said. */
struct client_number {
    uint64_t number;
    uint64_t first_id;
    uint32_t count;
    uint8_t *outcomes; /* NULL: all new */
    uint64_t *ids;     /* NULL: first_id, first_id + 256, ... */
};

struct batch {
    uint64_t number;  /* 1, 2, ... since start */
    uint64_t wall_ms; /* Unix ms when it was sealed */
    uint64_t id_high; /* the highest id or sequence number drawn up to here */
    struct op *ops;
    uint32_t op_count, op_cap;
    struct blob **blobs; /* held until the batch is freed */
    uint32_t blob_count, blob_cap;
    struct batch_chunk *chunks; /* the arena; both sides may allocate while the batch is theirs */
    size_t bytes;               /* of payloads that it will write */
    void *held;                 /* the core's own: actions that wait for this batch */
    uint64_t looks;             /* the core's own: what its clients' questions ask for */
    struct batch *next;         /* for whoever owns it */
    /* out */
    uint64_t commit_us; /* how long the transaction took, this batch's whole group */
    uint64_t disk_used, disk_free;
    int refuse;              /* why new jobs are refused for want of room; 0: they are not */
    uint64_t trimmed_parked; /* parked jobs trimmed in this transaction */
};

struct batch *batch_new(void); /* NULL when out of memory */
void batch_free(struct batch *b);
/* Empties it for use again: drops blobs, keeps memory. */
void batch_reset(struct batch *b);
/* A new zeroed operation, or NULL; the pointer is valid until the next one. */
struct op *batch_op(struct batch *b, enum op_type type);
/* Memory that lives as long as the batch's content; NULL when out of memory. Zeroed. */
void *batch_alloc(struct batch *b, size_t size);
struct slice batch_copy(struct batch *b, struct slice bytes);
/* Holds a reference to the blob until the batch is reset or freed. 0 or MUSTER_ENOMEM. */
int batch_hold(struct batch *b, struct blob *blob);

/* What the store knows when it opens: the core starts from this. Arrays live until boot_free. */
struct boot {
    uint64_t epoch; /* already raised and stored for this start */
    uint64_t id_high;
    struct boot_lane {
        uint32_t lane;
        uint16_t priorities; /* bits: which may have rows */
        struct slice queue, kind, group;
    } * lanes;
    uint32_t lane_count;
    struct queue_info *queues;
    uint32_t queue_count;
    struct boot_mark {
        uint32_t lane;
        uint8_t priority;
        uint64_t seq;
    } * marks;
    uint32_t mark_count;
    struct boot_worker {
        uint8_t session[SESSION_ID_BYTES];
        bool lapsed;
        uint64_t results_next;
        struct slice name;
    } * workers;
    uint32_t worker_count;
    struct boot_schedule {
        uint32_t number;
        bool paused;
        uint64_t through_ms; /* nominal times up to here are judged, or not owed */
        uint64_t waiting_ms; /* one that waits for the end of a run; 0: none */
        struct slice name, source, definition;
        uint64_t *runs; /* jobs of its that have not ended */
        uint32_t run_count;
        struct ledger_row last;         /* the newest chained row; judged_ms 0: there is none */
        const struct schedule_def *def; /* the definition read; put here by whoever knows how */
    } * schedules;
    uint32_t schedule_count;
    uint32_t schedule_high; /* the highest number ever given */
    /* rows at or below the marks that are not spent: heads and specs without args */
    struct record *doubt;
    uint32_t doubt_count;
    struct blob *memory; /* holds all of the above */
};

#endif
