/* peers.h: workers and clients that keep to the protocol over connections that lose nothing in
 * order, but may be late, and may break at any time. */
#ifndef CORE_TESTS_PEERS_H
#define CORE_TESTS_PEERS_H

#include "base/list.h"
#include "events.h"
#include "harness.h"
#include "model_schedules.h"

#define PADDING_MOST 4000
#define NAMES        3 /* queues q0.. and kinds k0.. */
#define HELD_MOST    64
#define SUBMITS_MOST 8 /* unacknowledged ones of a client */
#define JOBS_MOST    6 /* of one SUBMIT */
#define IDS_KEPT     256

struct item { /* a job in a message */
    uint64_t id;
    uint32_t run, ms;
    uint8_t outcome;
    bool has_delay;
    uint64_t delay_ms;
};

/* On its way to the core (type: enum event_type) or to a peer (enum action_type). */
struct message {
    struct list link;
    int type;
    route_t route;
    uint64_t key; /* of the sender's session */
    uint64_t hello, number, epoch;
    uint32_t part, parts;
    bool flag;
    uint32_t count;
    struct item items[];
};

struct held_job {
    uint64_t id;
    uint32_t run;
    bool started, stopping;
    uint64_t reported; /* number of the RESULTS that has its end; 0: none */
};

struct worker {
    uint8_t session[SESSION_ID_BYTES];
    uint64_t key; /* a number for each session that there ever was */
    char name[16];
    route_t route;
    bool welcomed, silent, gone;
    uint64_t hello, results_next, beat_ms;
    uint32_t slots, credit;
    bool queues[NAMES], kinds[NAMES];
    struct held_job held[HELD_MOST];
    uint32_t held_count;
    struct list frames; /* struct message: RESULTS not acknowledged */
    struct list up, down;
};

struct submission {
    uint64_t number;
    bool sent;
    unsigned queue, kind;
    uint8_t priority;
    uint64_t delay_ms, at_ms, expires_in_ms;
    bool notify;
    struct job_spec spec;
    uint32_t count;
    char args[JOBS_MOST][32], keys[JOBS_MOST][16];
};

struct client {
    uint8_t session[SESSION_ID_BYTES];
    uint64_t key;
    route_t route;
    bool welcomed, silent;
    uint64_t hello, next_number, confirmed, done_seen, beat_ms;
    struct submission submits[SUBMITS_MOST];
    uint32_t submit_count;
    uint64_t pending; /* requests on this route that are not answered */
    bool cancel_more; /* where its last cancel by filter ended, and whether before the end */
    struct match_at cancel_at;
    uint64_t cancel_upto;
    struct list up, down;
};

/* ---- schedulers ---- */

#define SCHEDULE_NAMES 4 /* s0.. */
#define ORDER_ITEMS    6

struct order_item {
    unsigned name;
    uint64_t revision, previous_ms, nominal_ms, first_ms;
    uint32_t count;
    uint8_t ask;
};

/* A question or an order about schedules, on its way to the core, then to be answered. */
struct order {
    struct list link;
    enum event_type type;
    route_t route;
    uint64_t request, epoch, after;
    uint8_t mode, overlap; /* of a FIRE */
    uint8_t action;        /* of a SCHEDULE_ACT */
    uint32_t salt;         /* of a SCHEDULE_PUT */
    uint32_t hold_ms;
    uint64_t judged; /* of a LEDGER: how much had been then, if nothing was on its way */
    uint32_t count;
    struct order_item items[ORDER_ITEMS];
};

/* Knows the schedules as it was told, and what is due by its own clock. Now and then it misses an
 * answer: then what it knows is old. */
struct scheduler {
    uint8_t session[SESSION_ID_BYTES];
    route_t route;
    bool welcomed;
    uint64_t hello, beat_ms;
    int64_t clock_ms; /* ahead of the broker's */
    uint64_t epoch, revision;
    struct known_entry {
        bool exists, paused;
        uint64_t revision, through_ms;
    } entries[SCHEDULE_NAMES];
    struct list up, asked; /* struct order */
};

#define WORKERS    5
#define CLIENTS    3
#define SCHEDULERS 2

struct world {
    struct harness h;
    struct model model;
    struct rng rng;
    uint64_t next_key;
    route_t next_route;
    uint64_t epoch; /* counts the starts of the broker */
    struct worker workers[WORKERS];
    struct client clients[CLIENTS];
    struct scheduler schedulers[SCHEDULERS];
    uint64_t next_request;
    uint64_t wall_most;
    uint64_t rest_ms;       /* calm: schedules are fired up to here, by the wall clock */
    struct list ghosts;     /* messages of connections that broke, still to be read, perhaps */
    unsigned names;         /* of queues and of kinds that clients use */
    uint32_t padding;       /* bytes that args are longer by */
    uint64_t ids[IDS_KEPT]; /* some acknowledged jobs, for requests */
    uint32_t id_count;
    bool verbose;
    bool calm; /* peers do nothing wild any more */
};

static inline bool chance(struct world *w, unsigned percent)
{
    return rng_below(&w->rng, 100) < percent;
}

struct message *message_new(int type, route_t route, uint32_t count);
void messages_drop(struct list *l);

/* worker_peer.c */
void worker_begin(struct world *w, struct worker *k, unsigned number);
void worker_connect(struct world *w, struct worker *k);
/* Reads one message that came down. */
void worker_read(struct world *w, struct worker *k);
void worker_take_jobs(struct world *w, struct worker *k, const struct action *a);
/* Starts, ends, reports something. */
void worker_act(struct world *w, struct worker *k);
void worker_goodbye(struct world *w, struct worker *k);
void worker_beat(struct world *w, struct worker *k);

/* client_peer.c */
void client_begin(struct world *w, struct client *c);
void client_connect(struct world *w, struct client *c);
void client_read(struct world *w, struct client *c);
void client_act(struct world *w, struct client *c);
void client_submit(struct world *w, struct client *c);
void client_send(struct world *w, struct client *c);
void client_goodbye(struct world *w, struct client *c);
void client_beat(struct world *w, struct client *c);
void client_take(struct world *w, struct client *c, const struct action *a);
struct submission *client_submission(struct client *c, uint64_t number);

/* scheduler_peer.c */
void scheduler_begin(struct world *w, struct scheduler *s, unsigned number);
void scheduler_connect(struct world *w, struct scheduler *s);
void scheduler_end(struct scheduler *s);
/* Wants something, says what it wanted, hears of it. */
void scheduler_act(struct world *w, struct scheduler *s);
void scheduler_send(struct world *w, struct scheduler *s);
void scheduler_take(struct world *w, struct scheduler *s, const struct action *a);
void scheduler_beat(struct world *w, struct scheduler *s);
/* Calm: polls, resumes, and fires what is left. */
void scheduler_rest(struct world *w, struct scheduler *s);
/* Every schedule is fired up to rest_ms, and none waits. */
bool schedules_rest(const struct world *w);

/* show.c: one of both, when the world is verbose */
void world_show(struct world *w, const struct action *a, const struct batch *b);

/* deliver.c: a message becomes an event */
void deliver(struct world *w, struct message *m);

#endif
