/* state.h: the core itself, for the files of this folder. */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include "base/err.h"
#include "core/clients.h"
#include "core/meter.h"
#include "core/schedules.h"
#include "core/sessions.h"

#define CLOCK_SLOTS    4096 /* seconds of the wheel */
#define DUE_RESIDENT   10000
#define IN_FLIGHT_MAX  2 /* batches at the store; what comes meanwhile gathers into the next */
#define COMMIT_SAMPLES 1024
#define STOP_REFS_MAX  1000 /* jobs in one CANCEL to a worker */
/* What nobody waits for is committed with something else, or after this time. */
#define LAZY_MS 100

/* Actions that wait for a batch. */
struct held_actions {
    struct action *items;
    uint32_t count, cap;
};

struct core {
    struct core_options options;
    struct rng rng;
    bool booted, failed;
    uint64_t epoch;

    /* time */
    uint64_t now_ms;  /* monotonic, of this step */
    uint64_t wall_ms; /* Unix, of this step */
    /* time in which the broker did not serve: judging peers does not count it */
    uint64_t skipped_ms;
    uint64_t asked_ms;     /* the deadline that the last step asked for */
    int64_t smooth_offset; /* Unix minus monotonic at the start: delays follow this clock, unmoved
                              by wall clock steps */
    uint64_t sampled_ms;   /* last run of the slow clocks */

    /* what the step says */
    struct held_actions actions;
    struct batch *scratch; /* memory that lives until the next step */

    /* batches */
    uint64_t id_counter; /* the last one drawn */
    struct batch *open;  /* being filled */
    bool open_urgent;    /* somebody waits for it */
    bool open_asks;      /* figures of queues are asked for in it */
    uint64_t open_since_ms;
    struct batch *spare;    /* done with, to be used again */
    struct batch *spent[8]; /* STORED in this step: reset when the next one begins */
    uint32_t spent_count;
    struct batch *in_flight[IN_FLIGHT_MAX];
    uint32_t in_flight_count;
    uint64_t batch_last;   /* number of the open batch, or of the last sealed */
    uint64_t batch_stored; /* the last durable one */
    uint64_t uncommitted;  /* bytes of submits on their way */
    int store_refuses;     /* new jobs, for want of room, as of the last commit; 0: it does not */
    uint64_t looks;        /* rows and lanes that clients' questions on their way ask for, about */
    bool dispatch_wanted;
    struct batch *storing; /* the batch of the STORED being worked off */

    /* jobs */
    struct idmap jobs; /* by id */
    struct job_pool pool;
    struct job_spec *default_spec;
    uint64_t window_bytes; /* of jobs that wait */
    uint32_t bands_active; /* bands with residents */
    uint32_t bands_ready;  /* bands whose head may be handed out, if somebody is there for it */
    struct list doubt;
    uint64_t doubt_count;
    uint64_t grace_until; /* serving clock; 0: over */
    uint32_t awaited;     /* stored sessions not heard of since the start */
    struct list clock[CLOCK_SLOTS];
    uint64_t clock_second;             /* the last second looked at */
    struct heap due, due_at;           /* by due_ms; due_at: JOB_AT */
    uint64_t due_edge_ms, due_edge_id; /* scheduled rows up to here are resident */
    bool due_complete, due_loading;

    /* queues */
    struct strmap queues;        /* name -> queue */
    struct strmap lanes_by_name; /* queue NUL kind -> lane */
    struct lane **lanes;         /* by number; entry 0 is not used */
    uint32_t lane_count, lane_cap;
    uint64_t lane_serial; /* of the lane made last */
    uint32_t lane_hint;   /* every number below it is taken; 0 is none */
    uint32_t idle_from;   /* lane at which idle.c looks on */
    uint64_t idle_due_ms;
    struct list touched; /* bands whose mark is looked at */

    /* peers */
    struct strmap sessions_by_id;
    struct idmap sessions_by_route;
    struct list sessions; /* alive, suspect or draining, by `heard` */
    struct list lapsed;   /* by when they lapsed, or were read at the start */
    struct list hungry;   /* may be given jobs */
    struct list granting; /* were given some in this dispatch */
    uint64_t offered;     /* credit of the hungry that is free */
    uint64_t free_credit; /* the same, when the last turn ended */
    uint32_t out;
    uint64_t granted_window; /* jobs granted in this and the last tenth of a second */
    uint64_t granted_before, granted_since_ms;
    struct strmap clients_by_id;
    struct idmap clients_by_route;
    struct list clients;
    struct submit_entry *spare_entries;
    uint32_t client_count, session_count;
    uint32_t held_ids; /* room in all sessions for jobs that HELLOs list */
    uint64_t late;     /* jobs that the store is asked for, since workers spoke of them */

    struct idmap waiters; /* by job id */
    struct list waiting;  /* held WAITs by deadline */

    uint32_t waited_ids;  /* of held WAITs, in all */
    uint64_t waiters_due; /* no WAIT's time is over before this */

    struct schedule_set schedules;

    /* rates and latencies */
    struct list meters;
    uint32_t meter_count; /* of them with histograms of their own */
    uint32_t meter_slot;  /* the histograms whose turn it is */
    uint32_t meter_second;
    uint64_t meter_turn, meter_due_ms;
    struct latencies shared_latencies; /* of all queues beyond METER_QUEUES */
    struct meter nobodys_meter;        /* when memory is out */
    struct meter_memo memos[LATENCY_COUNT];
    uint32_t oldest_from; /* lane at which the next look for the oldest begins */

    uint32_t watched; /* bits of enum topic */
    struct core_stats stats;
    uint32_t commit_us[COMMIT_SAMPLES];
    uint32_t commit_count;
};

/* The clock by which peers are judged. */
static inline uint64_t core_serving_ms(const struct core *core)
{
    return core->now_ms - core->skipped_ms;
}

/* The clock that delays follow. */
static inline uint64_t core_smooth_ms(const struct core *core)
{
    return (uint64_t)((int64_t)core->now_ms + core->smooth_offset);
}

/* ---- out.c: actions and batches ---- */

/* The open batch; never NULL: when memory is out the core fails and a scratch batch is given. */
struct batch *core_batch(struct core *core);
/* A new operation in the open batch; never NULL, as above. */
struct op *core_op(struct core *core, enum op_type type);
/* A new action that leaves once batch `after` is durable (0, or one that is: at once). Fill it in
 * before the next call. */
struct action *core_emit_after(struct core *core, uint64_t after, enum action_type type,
                               route_t route, uint64_t request);
static inline struct action *core_emit(struct core *core, enum action_type type, route_t route,
                                       uint64_t request)
{
    return core_emit_after(core, 0, type, route, request);
}
/* One more id and run for ACT_ABANDON or ACT_STOP_JOBS: as few messages as can be, since a peer's
 * connection takes only so many at once. */
struct job_ref {
    uint64_t id;
    uint32_t run;
};
void core_emit_ref(struct core *core, uint64_t after, enum action_type type, route_t route,
                   const struct job_ref *ref);
/* Zeroed memory that lives as long as an action emitted with the same `after`. NULL: core has
 * failed. */
void *core_memory(struct core *core, uint64_t after, size_t size);
/* A copy in such memory. */
struct slice core_copy(struct core *core, uint64_t after, struct slice bytes);
/* A client's question that is now in the open batch makes the store look at about so many rows. */
void core_asks(struct core *core, uint64_t looks);
/* Seals the open batch and hands it to the store, unless enough are on their way. */
void core_seal(struct core *core);
/* Whether core_seal would do something. */
bool core_sealable(const struct core *core);
void core_fail(struct core *core, const char *text);
/* Draws `count` ids in a row and returns the first. */
uint64_t core_draw_ids(struct core *core, uint32_t count);
static inline bool core_watches(const struct core *core, enum topic topic)
{
    return (core->watched >> topic) & 1u;
}
/* Tells the feed about a job; nothing when nobody watches. */
void publish_job(struct core *core, enum topic topic, uint64_t after, const struct job_head *head,
                 struct slice worker, struct slice code);
/* Tells of a worker, watched or not: the log has it too. */
void publish_worker(struct core *core, enum topic topic, uint64_t after, struct slice name);

/* ---- meter.c: what happens in a queue, for people ---- */
static inline struct meter *meter_of(struct core *core, struct queue *queue)
{
    struct meter *m = queue->meter ? queue->meter : meter_open(core, queue);
    m->used = true;
    return m;
}

static inline void meter_count(struct core *core, struct queue *queue, enum rate rate,
                               uint64_t count)
{
    meter_of(core, queue)->counts[rate] += count;
}

static inline void meter_latency(struct core *core, struct queue *queue, enum latency latency,
                                 uint64_t us)
{
    struct meter_memo *memo = &core->memos[latency];
    if (memo->queue != queue || memo->us != us)
        meter_look(core, queue, latency, us);
    ++*memo->count;
}

/* From a Unix time to now; 0 when the clock was set back meanwhile. */
static inline uint64_t core_us_since(const struct core *core, uint64_t wall_ms)
{
    return core->wall_ms > wall_ms ? (core->wall_ms - wall_ms) * 1000 : 0;
}

/* ---- change.c: every change of a job that is written ---- */

struct run_end { /* what ended a run, as far as it is known */
    struct slice code, message, log, signal, result;
    int16_t exit_status;
    uint64_t delay_ms;
    bool has_delay;
    bool ran; /* for some time: not given back before it started */
};

/* The job ends in the state that `event` leads to. `end` may be NULL; its slices must live in the
 * batch or be copied by `copy`. The job stays in memory until that is stored. */
void change_end(struct core *core, struct job *job, enum job_event event,
                const struct run_end *end);
/* A deleted parked job. */
void change_delete(struct core *core, struct job *job);
/* A run failed, timed out or gave up: retried or parked. */
void change_fail(struct core *core, struct job *job, const struct run_end *end,
                 enum attempt_outcome outcome, bool park);
void change_snooze(struct core *core, struct job *job, const struct run_end *end);
/* `ran`: an attempt is recorded. */
void change_release(struct core *core, struct job *job, bool ran);
void change_lapse(struct core *core, struct job *job, bool counted);
void change_due(struct core *core, struct job *job);
void change_revive(struct core *core, struct job *job);  /* operator's retry */
void change_adopt(struct core *core, struct job *job);   /* spent no more: its session lists it */
void change_regrant(struct core *core, struct job *job); /* a new run for a spent job */
void on_stored_update(struct core *core, struct op *op);
void on_stored_end(struct core *core, struct op *op);
/* Plain completions, many at a time: fills the row (jobs must be OUT). `more` is what the worker
 * said beside the result, kept with the attempt; NULL: nothing. */
void change_complete_row(struct core *core, struct job *job, struct end_row *row,
                         struct slice result, const struct run_end *more);

/* ---- due.c ---- */
void due_place(struct core *core, struct job *job); /* a stored scheduled job */
void due_leave(struct core *core, struct job *job);
void due_tick(struct core *core);
void due_on_page(struct core *core, struct op *op);
uint64_t due_deadline(const struct core *core);
bool due_less(const struct heap_node *a, const struct heap_node *b);

/* ---- runclock.c: the broker's own end to runs that overstay ---- */
void run_clock_add(struct core *core, struct job *job);
void run_clock_tick(struct core *core);

/* ---- dispatch.c ---- */
void dispatch(struct core *core);
/* The job is this session's from now on. */
void grant(struct core *core, struct job *job, struct session *s);
void ungrant(struct core *core, struct job *job);        /* out of OUT or STOPPING into no place */
void grant_stopping(struct core *core, struct job *job); /* OUT to STOPPING: it runs no more */
/* Sends what waited for the commit of a new run. */
void send_regrants(struct core *core, struct batch *batch);

/* ---- doubt.c: after a restart ---- */
void doubt_tick(struct core *core); /* ends the grace when it is over; a slice of jobs a step */
void doubt_heard(struct core *core, struct session *s);

/* ---- requests.c: what people ask ---- */
struct request {
    uint8_t type; /* enum event_type */
    bool changed; /* the change is made; what is read now is the answer */
    bool remove;  /* PARKED: delete */
    bool more;    /* PARKED by filter: where its slice ended */
    uint64_t after;
    route_t route;
    uint64_t request;
    uint32_t hold_ms;
    struct late *late; /* a worker's, not a person's */
    uint32_t schedule; /* for the runs of this one, not for a person */
};
/* A read for a request, in the open batch; NULL: the core has failed. */
struct request *request_new(struct core *core, const struct event *event);
/* Reads the jobs for the same question once more, behind what is on its way; `changed`: and what is
 * read then is the answer. `ids` are copied. */
void request_again(struct core *core, const struct request *like, bool changed, const uint64_t *ids,
                   uint32_t count);
/* False, and UNKNOWN is on its way, when it comes from a route that has not said HELLO. */
bool request_greeted(struct core *core, const struct event *event);
/* `text` is static. */
void request_refuse(struct core *core, const struct event *event, int error, const char *text);
/* What the answer shows lies in the page: it lives as long as the answer. */
void request_keep_page(struct core *core, struct blob *page);
/* A job that has not ended does now; whoever runs it is told. */
void cancel_job(struct core *core, struct job *job);
void on_stored_jobs(struct core *core, struct op *op);
void on_stored_list(struct core *core, struct op *op);
/* CANCEL to the worker that runs it, once its end is stored. */
void tell_stop(struct core *core, struct job *job);

/* ---- figures.c ---- */
void on_stored_oldest(struct core *core, struct op *op);
void on_stored_queues(struct core *core, struct op *op);

/* ---- idle.c ---- */
void idle_tick(struct core *core);
void on_stored_idle(struct core *core, struct op *op);
void on_stored_lane(struct core *core, struct op *op);

/* ---- cancel_all.c ---- */
void on_stored_match(struct core *core, struct op *op);

/* ---- view.c: stored views and what is in memory, together ---- */
void view_overlay(struct core *core, struct job_view *view);
/* Makes a job resident that a view shows; NULL when it is not alive. Followed by job_seen(). */
struct job *job_from_view(struct core *core, const struct job_view *view);
/* It was resident for a look: it leaves memory unless something is on its way. */
void job_seen(struct core *core, struct job *job);
bool view_ended(const struct job_view *view);

/* ---- waiters.c ---- */
/* Holds a WAIT whose jobs have been read. False: it is to be answered now, with what there is. */
bool waiters_hold(struct core *core, const struct request *request, const struct job_view *views,
                  uint32_t count);
void waiters_job_ended(struct core *core, uint64_t id);
void waiters_tick(struct core *core);
void waiters_fini(struct core *core);

/* ---- submits.c, dones.c ---- */
/* Finds the lane, or makes it and its row, and the queue's. NULL: LANES_MAX. */
struct lane *lane_for(struct core *core, struct slice queue, struct slice kind);
/* A job that no client submits: a run of a schedule. */
struct own_job {
    uint64_t id; /* drawn for it */
    struct lane *lane;
    uint8_t priority;
    uint64_t due_ms;       /* Unix ms; past: ready at once */
    struct job_spec *spec; /* a reference, which is taken over */
    struct slice args;     /* in the blob, or static */
    struct blob *blob;
    const struct verdict_op *verdict; /* in the open batch's memory */
};
void submit_own(struct core *core, const struct own_job *job);
void on_stored_submit(struct core *core, struct op *op);
/* All that is stored and not confirmed. */
void acknowledge_again(struct core *core, const struct client *c);
void on_stored_client(struct core *core, struct op *op);
void on_stored_done(struct core *core, struct op *op);
/* A job ended that its client session wants to be told of. */
void done_tell(struct core *core, const struct job *job, const struct done_row *row);
/* Sends what was not sent yet, from the store. */
void done_resume(struct core *core, struct client *c);

/* ---- late.c: what a worker says about jobs that are not in memory ---- */
void late_results(struct core *core, struct session *s, const struct event *event,
                  const uint32_t *missing, uint32_t count);
void late_held(struct core *core, struct session *s, const uint64_t *ids, const uint32_t *runs,
               const uint32_t *ms, uint32_t count);
void late_found(struct core *core, struct op *op);
/* The store is asked for as many as may be: nothing is taken that would add to them. */
bool late_full(const struct core *core);

/* ---- on_worker.c: jobs that a HELLO lists ---- */
/* The run is the job's last one, and nobody has the job now. */
bool held_adoptable(const struct job *job, uint32_t run);
/* It is, or is again, out at the session; `ms`: its running time, UINT32_MAX: not started. */
void held_adopt(struct core *core, struct session *s, struct job *job, uint32_t ms);
/* WELCOME leaves when nothing that the session has said waits for the store: it tells which RESULTS
 * are durable. Only then the session is given jobs. */
void hello_welcome(struct core *core, struct session *s);
void hello_welcomed(struct core *core, const struct action *welcome);
/* ABANDON to the worker, once batch `after` is stored. */
void tell_abandon(struct core *core, const struct session *s, uint64_t id, uint32_t run,
                  uint64_t after);

/* ---- on_results.c ---- */
/* What RESULTS says of its job number `at`, beside the outcome. Slices borrow from the frame. */
struct run_end run_end_of(const struct event *e, uint32_t at, struct slice result);
/* The run is the job's last one; whether the session's word on it counts depends on where the job
 * is. */
bool result_counts(const struct job *job, const struct session *s);
/* Does what one outcome says to a job of which this is the last run. */
void apply_outcome(struct core *core, struct job *job, enum outcome outcome,
                   const struct run_end *end);
void results_acknowledge(struct core *core, struct session *s);

#define EVENT(symbol, name) void core_on_##name(struct core *core, const struct event *event);
#include "core/event.def"

#endif
