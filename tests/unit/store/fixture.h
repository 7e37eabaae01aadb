/* fixture.h: a store under test, on either engine, and short ways to ask it for things. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/inner.h"

struct fixture {
    bool lmdb;
    char dir[64];
    struct store *store;
    struct engine *engine; /* of the store */
    struct store_options options;
    uint64_t id;      /* the last drawn */
    uint64_t wall_ms; /* of the next batch */
    struct batch *b;  /* the batch being filled */
    char why[256];
};

/* One test for both engines. */
#define BOTH(test)                                                                                 \
    {#test " (memory)", test, fixture_memory, fixture_down, NULL},                                 \
    {                                                                                              \
#test " (lmdb)", test, fixture_lmdb, fixture_down, NULL                                    \
    }
int fixture_memory(void **state);
int fixture_lmdb(void **state);
int fixture_down(void **state);

/* Closes and opens again: only what was committed is left. */
void fx_reopen(struct fixture *fx);
/* Opens again with other options. */
void fx_reopen_with(struct fixture *fx, const struct store_options *options);

/* Adds an operation to the present batch. */
struct op *fx_op(struct fixture *fx, enum op_type type);
/* Commits the present batch; its operations are readable until the next fx_op. 0 is asserted. */
void fx_commit(struct fixture *fx);
int fx_try_commit(struct fixture *fx);
uint64_t fx_draw(struct fixture *fx, uint32_t count); /* ids; returns the first */

void fx_lane(struct fixture *fx, uint32_t lane, const char *queue, const char *kind);
/* `count` ready jobs with args "<prefix><index>"; returns the operation, not committed yet. */
struct op *fx_submit(struct fixture *fx, uint32_t lane, uint32_t count, const char *prefix);
void fx_session(struct op *op, uint8_t session, uint64_t number, uint64_t confirmed);
/* Keys of a submit: one text a job. */
void fx_keys(struct fixture *fx, struct op *op, const char *const *keys);
/* One job that ends. */
struct end_row *fx_end(struct fixture *fx, uint64_t id, uint32_t lane, uint8_t state);
/* Schedules 1 and 2 with ledgers; the second is dropped, and its rows are not swept yet. */
void fx_schedules(struct fixture *fx);
/* A job's new head, from what the store has now. */
struct op *fx_update(struct fixture *fx, const struct job_head *head);

/* Commits and reads. The blob is kept by the fixture's caller: blob_unref it. */
struct op fx_page(struct fixture *fx, uint32_t lane, uint8_t priority, uint64_t after,
                  uint32_t max_rows);
struct op fx_jobs(struct fixture *fx, uint64_t id);
struct op fx_list(struct fixture *fx, int state, const char *queue, const char *kind,
                  uint64_t after, uint32_t limit);
struct queue_counters fx_counters(struct fixture *fx, const char *queue);
/* How many rows a table has. */
uint64_t fx_rows(struct fixture *fx, enum table table);
struct boot fx_boot(struct fixture *fx);
/* Reads and checks every record; 0 is asserted, or else *fx has the reason. */
void fx_verify(struct fixture *fx);
int fx_try_verify(struct fixture *fx);
/* A whole file, with a byte of room behind it; free() it. */
uint8_t *fx_read_file(const char *path, size_t *ret_size);
void fx_write_file(const char *path, const uint8_t *bytes, size_t size);
bool text_is(struct slice s, const char *text);

#endif
