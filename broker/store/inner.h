/* inner.h: a store from inside: the engine, what is kept in memory of its tables, and what the
 * present transaction has not written yet. Everything in memory follows from the tables: after an
 * aborted transaction it is thrown away and read again. */
#ifndef STORE_INNER_H
#define STORE_INNER_H

#include "base/map.h"
#include "store/history.h"
#include "store/page.h"
#include "store/record.h"
#include "store/store.h"

#define STORE_WHY_BYTES 256

/* A queue, with the counters as this transaction leaves them. */
struct queue {
    struct slice name; /* owned */
    struct queue_record record;
    bool dirty;
};

/* A lane. Also one that was dropped stays until the store is opened again: history names it. */
struct lane {
    uint32_t number;
    bool dirty, dropped;
    struct slice queue_name, kind, group; /* owned, one allocation */
    struct queue *queue;
    uint16_t priorities;
    uint64_t rows;
    struct history_name queue_in_history, kind_in_history;
};

/* What is known of a client session in this transaction. */
struct client {
    uint8_t session[SESSION_ID_BYTES];
    bool exists, dirty;
    uint64_t stored_hour; /* in CLIENT_USE; meaningful when it exists */
    struct client_record record;
};

struct pointers { /* a growing array */
    void **items;
    size_t count, cap;
};

struct store {
    struct engine *engine;
    struct store_options options;
    char why[STORE_WHY_BYTES];
    bool dead; /* a fatal error was met: it takes no more */

    /* from the tables */
    uint64_t epoch, id_high;
    uint32_t schedule_high; /* the highest number that a schedule ever had */
    uint8_t store_id[16];
    struct idmap lanes;    /* number -> struct lane */
    struct strmap queues;  /* name -> struct queue */
    uint64_t client_count; /* rows in CLIENT */
    uint64_t parked_bytes; /* of all queues */
    uint32_t queues_with_parked;
    struct history history;

    /* of the present transaction */
    uint64_t now_ms;
    bool wrote;       /* there is something to commit */
    int refuse;       /* submits are refused with this error; 0: they are not */
    bool parked_full; /* parked jobs fill their space, and the oldest is too young to go */
    uint64_t id_high_new;
    uint32_t schedule_high_new;
    uint32_t keys_added;
    uint64_t trimmed_parked;
    struct pointers dirty_lanes, dirty_queues;
    struct strmap clients; /* session -> struct client */
    struct lane *last_lane;

    /* sweeps go on where they ended; lost with a restart, which only delays them */
    struct key key_cursor;

    struct buf scratch; /* the record being written */
    struct buf gather;  /* what goes into a record, put together first */
};

/* A session whose numbers of ends stand so high comes from a backup: where it stands now is not
 * known before it says HELLO. */
#define DONE_LOOSE (1ull << 48)

/* ---- errors: each returns its code and leaves the reason in s->why ---- */

int store_damaged(struct store *s, enum table table, struct slice key);
int store_nomem(struct store *s);
/* Something that only a mistake of ours can cause. */
int store_misuse(struct store *s, const char *what, uint64_t number);
/* Passes an engine's error on, with its reason. */
int store_failed(struct store *s, int error);

/* Does the work behind a guard: damage that LMDB itself stumbles over comes back as
 * MUSTER_EDAMAGED, with the reason. Nothing is cleaned up then, and the store takes no more. */
int store_guarded(struct store *s, int (*work)(struct store *, void *arg), void *arg);

/* ---- records through the engine ---- */

/* Starts a record in s->scratch. */
int row_begin(struct store *s, size_t bound, struct enc *ret) MUSTER_MUSTCHECK;
/* Ends it and puts it. */
int row_put(struct store *s, const struct enc *e, enum table table, struct slice key,
            enum put_mode mode) MUSTER_MUSTCHECK;
/* A record without content. */
int row_put_empty(struct store *s, enum table table, struct slice key) MUSTER_MUSTCHECK;
/* 0, MUSTER_ENOTFOUND (no reason is set), or fatal. *ret is valid until the next write. */
int row_get(struct store *s, enum table table, struct slice key, struct dec *ret) MUSTER_MUSTCHECK;
/* MUSTER_ENOTFOUND when it was not there. */
int row_del(struct store *s, enum table table, struct slice key) MUSTER_MUSTCHECK;
/* As row_del, where a missing row is no matter. */
int row_drop(struct store *s, enum table table, struct slice key) MUSTER_MUSTCHECK;
/* The job with a row by id. 0, MUSTER_ENOTFOUND, or fatal. Borrows as row_get does. */
int job_get(struct store *s, uint64_t id, struct record *ret) MUSTER_MUSTCHECK;
int job_put(struct store *s, const struct job_head *head, const struct job_spec *spec,
            struct slice args) MUSTER_MUSTCHECK;
/* The job as a row of its lane, without a row by id. */
int ready_put_inline(struct store *s, const struct job_head *head, const struct job_spec *spec,
                     struct slice args) MUSTER_MUSTCHECK;
/* A READY record that a cursor or a get has found: the whole job, or the id of the one it refers to
 * (*ret_ref true, ret->head.id). */
int ready_decode(struct store *s, struct slice key, struct slice value, struct record *ret,
                 bool *ret_ref) MUSTER_MUSTCHECK;

/* ---- state.c: lanes, queues, meta ---- */

int state_load(struct store *s) MUSTER_MUSTCHECK;
void state_clear(struct store *s);
/* Writes what changed. */
int state_flush(struct store *s) MUSTER_MUSTCHECK;
/* NULL when there is none. */
struct lane *lane_row_find(struct store *s, uint32_t number);
/* MUSTER_EDAMAGED when a record of `table` names a lane that is not there. */
int lane_of_record(struct store *s, uint32_t number, enum table table, struct slice key,
                   struct lane **ret) MUSTER_MUSTCHECK;
int lane_create(struct store *s, uint32_t number, const struct lane_record *r) MUSTER_MUSTCHECK;
/* Finds the queue or makes it. */
int queue_need(struct store *s, struct slice name, struct queue **ret) MUSTER_MUSTCHECK;
int lane_touch(struct store *s, struct lane *lane) MUSTER_MUSTCHECK;
int queue_touch(struct store *s, struct queue *queue) MUSTER_MUSTCHECK;
/* Notes that the lane has rows of this priority. */
int lane_use_priority(struct store *s, struct lane *lane, uint8_t priority) MUSTER_MUSTCHECK;
/* The gauge of a state, or NULL. A running job counts as ready. */
uint64_t *queue_gauge(struct queue *queue, uint8_t state);

/* ---- clients.c: client sessions, their outcomes and ends ---- */

/* What is known of a session; *ret->exists false when nothing. */
int client_row_find(struct store *s, const uint8_t *session, struct client **ret) MUSTER_MUSTCHECK;
/* Marks it used now, and makes it exist. */
int client_row_touch(struct store *s, struct client *c) MUSTER_MUSTCHECK;
/* Tells an end; *ret_number is its number, or 0 when the session is gone. */
int client_end(struct store *s, const uint8_t *session, const struct done_row *end,
               uint64_t *ret_number) MUSTER_MUSTCHECK;
int client_drop(struct store *s, const uint8_t *session) MUSTER_MUSTCHECK;
int clients_flush(struct store *s) MUSTER_MUSTCHECK;
void clients_forget(struct store *s);
/* Deletes the rows of `table` (SUBMITTED or DONE) of a session with numbers up to `last`. */
int numbers_drop(struct store *s, enum table table, const uint8_t *session,
                 uint64_t last) MUSTER_MUSTCHECK;

/* ---- attempts.c ---- */

/* Records an attempt: cuts the log of the one before and drops those beyond ATTEMPTS_KEPT. */
int attempt_put(struct store *s, uint64_t id, const struct attempt *a) MUSTER_MUSTCHECK;
/* Reads the attempts of a job into `page`; those that were not kept are missing at the front. */
int attempts_read(struct store *s, uint64_t id, struct page *page, struct attempt **ret,
                  uint32_t *ret_count) MUSTER_MUSTCHECK;
int attempts_drop(struct store *s, uint64_t id) MUSTER_MUSTCHECK;
/* Bytes of all attempts of a job. */
int attempts_bytes(struct store *s, uint64_t id, uint64_t *ret) MUSTER_MUSTCHECK;
/* The end of a log, at most `max` bytes. */
struct slice log_tail(struct slice log, size_t max);

/* ---- places.c: the index rows of jobs with a row by id ---- */

/* Takes a job out of the index of its state, and out of that state's gauge. */
int place_leave(struct store *s, struct lane *lane, const struct job_head *head) MUSTER_MUSTCHECK;
/* Puts it in. `bytes` is what a parked job takes. */
int place_enter(struct store *s, struct lane *lane, const struct job_head *head,
                uint64_t bytes) MUSTER_MUSTCHECK;

/* ---- claim.c: idempotency keys ---- */

/* Claims queue and key for `id`. *ret_outcome is enum submit_outcome; *ret_id the id that holds it.
 */
int key_claim(struct store *s, struct slice queue, struct slice key, uint64_t hash, uint64_t id,
              uint8_t *ret_outcome, uint64_t *ret_id) MUSTER_MUSTCHECK;

/* ---- schedules.c: their definitions and states ---- */

/* MUSTER_ENOTFOUND when there is no such schedule. The runs borrow from the record. */
int schedule_state_get(struct store *s, uint32_t number,
                       struct schedule_state *ret) MUSTER_MUSTCHECK;
int schedule_state_put(struct store *s, uint32_t number,
                       const struct schedule_state *state) MUSTER_MUSTCHECK;
/* Carries out a verdict. *ret_result: 0, or why nothing happened (MUSTER_ENOTFOUND, MUSTER_ESTATE)
 * or only the schedule's chain went on (MUSTER_EINUSE). */
int verdict_carry_out(struct store *s, const struct verdict_op *v,
                      int *ret_result) MUSTER_MUSTCHECK;

/* ---- ledger.c: what became of nominal times ---- */

/* 0 or MUSTER_ENOTFOUND. */
int ledger_get(struct store *s, uint32_t schedule, uint64_t nominal_ms,
               struct ledger_row *ret) MUSTER_MUSTCHECK;
int ledger_put(struct store *s, uint32_t schedule, const struct ledger_row *row) MUSTER_MUSTCHECK;
/* Drops a few rows at the front that were judged before `keep_ms`. */
int ledger_trim(struct store *s, uint32_t schedule, uint64_t keep_ms,
                uint64_t waiting_ms) MUSTER_MUSTCHECK;
/* Deletes rows of schedules that were dropped: a slice of them. */
int ledger_sweep(struct store *s) MUSTER_MUSTCHECK;

/* ---- retain.c: what is let go, a bounded slice a transaction ---- */

int retain(struct store *s) MUSTER_MUSTCHECK;

/* ---- operations: 0 or fatal; a submit that does not happen has op->result ---- */

int op_lane(struct store *s, struct batch *b, struct op *op);
int op_queue(struct store *s, struct batch *b, struct op *op);
int op_mark(struct store *s, struct batch *b, struct op *op);
int op_worker(struct store *s, struct batch *b, struct op *op);
int op_client_drop(struct store *s, struct batch *b, struct op *op);
int op_submit(struct store *s, struct batch *b, struct op *op);
int op_update(struct store *s, struct batch *b, struct op *op);
int op_end(struct store *s, struct batch *b, struct op *op);
int op_done_taken(struct store *s, struct batch *b, struct op *op);
int op_schedule(struct store *s, struct batch *b, struct op *op);
int op_schedule_state(struct store *s, struct batch *b, struct op *op);
int op_verdict(struct store *s, struct batch *b, struct op *op);
int op_page(struct store *s, struct batch *b, struct op *op);
int op_due(struct store *s, struct batch *b, struct op *op);
int op_jobs(struct store *s, struct batch *b, struct op *op);
int op_list(struct store *s, struct batch *b, struct op *op);
int op_oldest(struct store *s, struct batch *b, struct op *op);
int op_idle(struct store *s, struct batch *b, struct op *op);
int op_match(struct store *s, struct batch *b, struct op *op);
int op_queues(struct store *s, struct batch *b, struct op *op);
int op_client(struct store *s, struct batch *b, struct op *op);
int op_done(struct store *s, struct batch *b, struct op *op);
int op_ledger(struct store *s, struct batch *b, struct op *op);

/* A store over an engine, which it owns: for store_open_* and for tests. */
int store_open_engine(struct store **ret, struct engine *engine,
                      const struct store_options *options, char *why,
                      size_t why_size) MUSTER_MUSTCHECK;
/* Closes the store and gives its engine back. */
struct engine *store_detach(struct store **store);

#endif
