/* schedules.h: short ways to ask a store under test for schedules. Those that return an operation
 * add it to the present batch. */
#ifndef TEST_STORE_SCHEDULES_H
#define TEST_STORE_SCHEDULES_H

#include "fixture.h"

#define T(n) (1800000000000ull + (n)*1000ull) /* the n-th nominal time */

/* A lane, and schedule 1 with nothing owed up to T(0). */
void sx_up(struct fixture *fx);
/* Checks every record, and frees what sx_booted holds. */
void sx_done(struct fixture *fx);
void sx_put(struct fixture *fx, uint32_t number, const char *name);
struct op *sx_drop(struct fixture *fx, uint32_t number);
struct op *sx_set_state(struct fixture *fx, uint32_t number, bool paused, uint64_t owed_ms);
/* A row without a job; *ret can be changed until the commit. */
struct op *sx_judge(struct fixture *fx, uint32_t number, uint64_t nominal_ms, uint8_t verdict,
                    struct verdict_op **ret);
struct op *sx_chain(struct fixture *fx, uint32_t number, uint64_t previous_ms, uint64_t nominal_ms,
                    uint8_t verdict);
/* A run: a job of lane 1 and its row. */
struct op *sx_run(struct fixture *fx, uint32_t number, uint64_t nominal_ms,
                  struct verdict_op **ret);
struct op *sx_chain_run(struct fixture *fx, uint32_t number, uint64_t previous_ms,
                        uint64_t nominal_ms);
/* So many rows, from T(from) on, committed. */
void sx_fill_ledger(struct fixture *fx, uint32_t number, uint64_t from, uint64_t rows);
/* Commits and reads; blob_unref the page. */
struct op sx_read_ledger(struct fixture *fx, uint32_t number, uint64_t before_ms, uint64_t from_ms,
                         uint32_t limit);
/* The schedule as the next start sees it; its memory is here until the next call. */
struct boot_schedule sx_booted(struct fixture *fx, uint32_t number);

#endif
