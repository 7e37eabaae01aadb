/* answers.h: the bodies of the REPLYs to SCHEDULES and FIRE, read. Slices borrow from the body. */
#ifndef SCHEDULER_ANSWERS_H
#define SCHEDULER_ANSWERS_H

#include "base/err.h"
#include "base/limits.h"
#include "wire.h"

/* A page of SCHEDULES. */
struct schedules_answer {
    uint64_t now_ms;          /* the broker's clock, Unix ms */
    uint64_t epoch, revision; /* `after` of the next question */
    uint64_t newest;          /* the highest there is: `since` of a reading that goes on */
    bool reset;               /* forget what you know */
    struct wire_reader items; /* schedules_answer_next() */
    uint32_t left;
};

struct told_schedule {
    struct slice name, source, definition;
    uint64_t revision, through_ms;
    bool deleted, paused;
};

struct fire_answer {
    uint64_t now_ms;
    struct slice verdicts, through_ms, jobs; /* COL8, COL64, COL64: one a nominal time */
};

/* 0 or MUSTER_EPROTO. */
int schedules_answer_read(struct slice body, struct schedules_answer *ret) MUSTER_MUSTCHECK;
/* 1: the next schedule; 0: there are no more; MUSTER_EPROTO. */
int schedules_answer_next(struct schedules_answer *a, struct told_schedule *ret) MUSTER_MUSTCHECK;
/* `count`: nominal times in the FIRE. 0 or MUSTER_EPROTO. */
int fire_answer_read(struct slice body, uint32_t count, struct fire_answer *ret) MUSTER_MUSTCHECK;
/* The number behind a key of a map; 0 when there is none. */
uint64_t answer_number(struct slice body, const char *key);

#endif
