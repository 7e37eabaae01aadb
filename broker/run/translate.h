/* translate.h: decoded messages to events. Everything a peer may not say is found here, so that the
 * core sees only values within the limits. Nothing is copied: an event borrows from the frame and
 * from the translator until the next one. */
#ifndef RUN_TRANSLATE_H
#define RUN_TRANSLATE_H

#include "base/err.h"
#include "core/event.h"
#include "msg.h"

enum side { SIDE_WORKER, SIDE_CLIENT, SIDE_COUNT };

#define WHY_BYTES 256

struct translator {
    uint32_t max_payload;
    struct slice queues[QUEUES_PER_WORKER];
    struct slice kinds[KINDS_PER_WORKER];
    struct detail details[BATCH_JOBS_MAX];
    struct schedule_def defs[SCHEDULES_PER_PUT];
    struct slice names[SCHEDULES_PER_PUT];
};

/* What a refused frame is answered. */
struct refusal {
    int error; /* MUSTER_E* */
    enum msg_type type;
    uint64_t request;
    uint64_t number;     /* of a client's SUBMIT: answered by BUSY; 0: by ERROR */
    char why[WHY_BYTES]; /* names the limit */
};

/* Fills in all of the event but its times and route. 0, or an error with the refusal filled in. */
int translate(struct translator *t, enum side side, struct blob *frame, struct event *ret,
              struct refusal *ret_refusal) MUSTER_MUSTCHECK;

/* Reads and checks one SCHEDULE, from a peer or from the store; slices of *ret borrow from it. On
 * an error `why` (WHY_BYTES) names the field and the rule. */
int schedule_def_read(struct slice bytes, uint32_t max_payload, struct schedule_def *ret,
                      char *why) MUSTER_MUSTCHECK;

#endif
