/* drops.h: tells in the log what was dropped or refused: at most one line a second and reason. */
#ifndef RUN_DROPS_H
#define RUN_DROPS_H

#include "run/broker.h"

struct drop_report;

/* NULL when out of memory. */
struct drop_report *drops_new(void);
void drops_free(struct drop_report *d);
/* A frame was refused: counts it; the words are kept for the log. */
void drops_count(struct broker *b, enum side side, const struct refusal *refusal);
/* A SUBMIT was answered by BUSY for this reason. */
void drops_put_off(struct broker *b, int reason);
/* Logs what is new, if a second has passed since its like was last said. Once a turn. */
void drops_report(struct broker *b);
/* When drops_report has something to say that it could not say yet (monotonic ms); UINT64_MAX:
 * nothing. */
uint64_t drops_deadline(const struct broker *b);

#endif
