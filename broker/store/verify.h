/* verify.h: reads every record of every table, and checks that it can be what it should be and that
 * the tables agree with each other. */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include "base/map.h"
#include "store/record.h"

#define VERIFY_TEXT_BYTES 256

struct verify {
    /* from the caller; the functions may be NULL */
    struct engine *engine;
    void (*on_problem)(void *user, const char *text);
    void (*on_progress)(void *user, uint64_t records); /* now and then */
    void *user;

    /* what was found */
    uint64_t problems;
    char first[VERIFY_TEXT_BYTES]; /* the first of them */
    uint64_t rows[TABLE_COUNT], records;
    uint64_t ready, scheduled, parked, finished; /* jobs */
    uint64_t epoch, id_high;
    uint8_t store_id[16];

    /* its own while it works: verify_records begins and ends with them empty */
    struct idmap lanes;   /* number -> struct lane_tally */
    struct strmap queues; /* name -> struct queue_tally */
    uint64_t id_seen;     /* the highest id or sequence number */
    struct {
        uint8_t session[SESSION_ID_BYTES];
        bool known, exists;
        struct client_record record;
    } client; /* the last one looked up: its rows follow each other */
    uint32_t schedule_high, schedule_seen;
    struct strmap schedules; /* names seen: of struct schedule_tally */
    struct {
        uint32_t number;
        bool exists;
    } schedule; /* the last one looked up */
};

/* 0 also when there are problems; MUSTER_EDAMAGED when the engine cannot go on, MUSTER_EIO,
 * MUSTER_ENOMEM. Needs a transaction. */
int verify_records(struct verify *v) MUSTER_MUSTCHECK;

/* Counts a problem and tells it: the table, the key in hex, and what is wrong. */
void verify_problem(struct verify *v, enum table table, struct slice key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- between verify.c, verify_job.c and verify_schedule.c ---- */

/* An id, or sequence number, is in use. */
void verify_saw_id(struct verify *v, uint64_t id);
/* Looks for a row that must be there, and opens it. *ret_good false: it is missing or damaged (the
 * latter is told where its own table is read). */
int verify_look_up(struct verify *v, enum table table, struct slice key, struct dec *ret,
                   bool *ret_good);

/* A problem: the row cannot be read. 0. */
int verify_damaged(struct verify *v, enum table table, struct slice key);

struct schedule_tally {
    uint32_t number;
    struct slice name; /* owned */
};

struct queue_tally {
    struct slice name; /* owned */
    bool has_row;
    struct queue_record record;
    uint64_t ready, scheduled, parked, parked_bytes;
};

struct lane_tally {
    uint32_t number;
    uint16_t priorities, priorities_seen;
    uint64_t rows, rows_seen;
    struct queue_tally *queue;
};

/* Each checks one row of its table. 0 or fatal, whether or not there is a problem. */
int verify_ready(struct verify *v, struct slice key, struct slice value);
int verify_job(struct verify *v, struct slice key, struct slice value);
int verify_due(struct verify *v, struct slice key, struct slice value);
int verify_parked(struct verify *v, struct slice key, struct slice value);
int verify_parked_at(struct verify *v, struct slice key, struct slice value);
int verify_attempt(struct verify *v, struct slice key, struct slice value);
int verify_history(struct verify *v, struct slice key, struct slice value);
int verify_schedule(struct verify *v, struct slice key, struct slice value);
int verify_schedule_state(struct verify *v, struct slice key, struct slice value);
int verify_schedule_gone(struct verify *v, struct slice key, struct slice value);
int verify_ledger(struct verify *v, struct slice key, struct slice value);

#endif
