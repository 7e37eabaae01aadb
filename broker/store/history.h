/* history.h: finished jobs, packed many to a row, and the index of their ids in memory.
 *
 * A row holds the ids, then offsets, then the names that its jobs use, each once, then the jobs.
 * Rows are numbered as they are written and trimmed whole, oldest first. */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include "core/batch.h"
#include "store/history_index.h"
#include "store/page.h"
#include "store/record.h"

#define HISTORY_WORKERS 64
#define HISTORY_CHECKED 64

struct store;
struct lane;

/* Where a name stands in the row that is being packed: valid while `row` is that row. */
struct history_name {
    uint64_t row;
    uint32_t index;
};

/* One finished job, as it goes in. */
struct history_job {
    uint64_t id, created_ms, started_ms, finished_ms;
    uint32_t run, failures, losses, attempts;
    uint8_t priority, state;
    struct lane *lane;
    struct slice worker, code, message, result;
    struct slice spec;          /* as spec_encode wrote it; empty: all defaults */
    const struct attempt *last; /* or NULL: it says no more than worker, started, finished */
    struct slice earlier;       /* attempts as attempt_encode wrote them, each with its length */
};

struct history_row { /* what trimming asks of a row */
    uint64_t newest_ms;
    uint32_t jobs, bytes;
};

struct history {
    /* rows from `first` to before `next` exist; infos is a ring of their sizes */
    uint64_t first, next, next_committed;
    struct history_row *infos;
    size_t info_cap;
    uint64_t jobs, bytes;
    struct history_index index;

    /* of the present transaction */
    uint64_t first_new; /* rows before it are deleted in this transaction */
    uint64_t jobs_new, bytes_new;
    struct history_entry *pending; /* jobs in rows of this transaction */
    size_t pending_count, pending_cap;
    bool pending_sorted;

    /* the row being packed */
    uint64_t base_ms;
    struct buf ids, offsets, names, jobs_packed;
    uint32_t name_count;
    struct history_worker { /* worker names seen lately, by hash: one that is missed is written
                               twice */
        uint64_t hash;
        struct history_name name;
        uint32_t offset, len; /* in `names` */
    } workers[HISTORY_WORKERS];

    uint64_t checked[HISTORY_CHECKED]; /* rows whose checksum this transaction has looked at */
};

void history_init(struct history *h);
void history_fini(struct history *h);
/* Reads the ids of all rows. */
int history_load(struct store *s) MUSTER_MUSTCHECK;
/* Takes a row that was read at opening into the account: rows come in rising order. */
int history_know_row(struct store *s, uint64_t number, uint64_t newest_ms, uint32_t jobs,
                     uint32_t bytes) MUSTER_MUSTCHECK;
/* Adds a job to the row being packed, and writes the row when it is full. */
int history_add(struct store *s, const struct history_job *job) MUSTER_MUSTCHECK;
/* Writes the row being packed: before anything is read, and at the end. */
int history_flush(struct store *s) MUSTER_MUSTCHECK;
/* Deletes the oldest rows beyond age, count and bytes: a bounded number of them. */
int history_trim(struct store *s) MUSTER_MUSTCHECK;
/* The transaction is over. */
void history_committed(struct store *s);
void history_aborted(struct store *s);

/* Whether a job is in history. Call history_flush first. */
bool history_find(struct store *s, uint64_t id, struct history_entry *ret);
/* The entry with the lowest id > after; false at the end. */
bool history_after(struct store *s, uint64_t after, struct history_entry *ret);
/* Whether a row's content, its checksum checked, can be read to the last job; *ret_ids is its
 * column of ids, 8 bytes each. */
bool history_row_good(struct dec content, struct slice *ret_ids);
/* Fills a view, its strings in `page`. */
int history_view(struct store *s, const struct history_entry *entry, struct page *page,
                 struct job_view *ret) MUSTER_MUSTCHECK;
/* Only what filters ask for; slices are valid until the next write. */
int history_peek(struct store *s, const struct history_entry *entry, uint8_t *ret_state,
                 struct slice *ret_queue, struct slice *ret_kind) MUSTER_MUSTCHECK;

#endif
