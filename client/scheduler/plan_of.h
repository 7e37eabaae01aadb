/* plan_of.h: when a schedule is due, as a SCHEDULE of the wire says it. */
#ifndef SCHEDULER_PLAN_OF_H
#define SCHEDULER_PLAN_OF_H

#include "msg.h"
#include "scheduler/plan.h"
#include "scheduler/zones.h"

/* 0; MUSTER_EINVAL with the reason in `why`: it cannot be read, or its zone is not known here;
 * MUSTER_ENOMEM. */
int plan_of(struct zones *zones, const struct msg_schedule *schedule, struct plan *ret, char *why,
            size_t why_size) MUSTER_MUSTCHECK;

#endif
