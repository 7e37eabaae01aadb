/* apply_schedules.h: the part of apply.c that is about schedules: answers and log lines. */
#ifndef RUN_APPLY_SCHEDULES_H
#define RUN_APPLY_SCHEDULES_H

#include "run/broker.h"

void schedules_send_put(struct broker *b, const struct action *a);
void schedules_send(struct broker *b, const struct action *a);
void schedules_send_acts(struct broker *b, const struct action *a);
void schedules_send_fire(struct broker *b, const struct action *a);
void schedules_send_ledger(struct broker *b, const struct action *a);

/* The log's line of an ACT_PUBLISH of a schedule's, if it gets one: changes and errors do, up to a
 * hundred a second. */
void schedules_log(struct broker *b, const struct action *a);

#endif
