/* say_schedules.h: what is said of schedules; say.c's tables call these. */
#ifndef LIB_SAY_SCHEDULES_H
#define LIB_SAY_SCHEDULES_H

#include "say.h"

/* Wall times as seconds since the tests' worlds began: "60", "-5.999". */
void say_time(struct buf *out, uint64_t wall_ms);
/* "fired(due)" */
void say_verdict(struct buf *out, uint8_t verdict, uint8_t reason);

void say_put(struct buf *out, const struct namer *n, const struct action *a);
void say_schedules(struct buf *out, const struct namer *n, const struct action *a);
void say_acts(struct buf *out, const struct namer *n, const struct action *a);
void say_fire(struct buf *out, const struct namer *n, const struct action *a);
void say_ledger(struct buf *out, const struct namer *n, const struct action *a);

void say_op_schedule(struct buf *out, const struct namer *n, const struct op *op);
void say_op_state(struct buf *out, const struct namer *n, const struct op *op);
void say_op_verdict(struct buf *out, const struct namer *n, const struct op *op);
void say_op_ledger(struct buf *out, const struct namer *n, const struct op *op);
/* A SUBMIT's; nothing when it is not a run of a schedule. */
void say_op_run(struct buf *out, const struct op *op);

#endif
