/* arrears.h: which nominal times of an entry are owed at a moment, and what is to be asked for
 * each. Pure: time comes in. Long outages are counted in slices, so that other entries need not
 * wait meanwhile. */
#ifndef SCHEDULER_ARREARS_H
#define SCHEDULER_ARREARS_H

#include "base/schedule.h"
#include "scheduler/plan.h"

/* So many of the newest missed times have rows of their own; older ones share one. */
#define ARREARS_ROWS 1000

/* One nominal time, or several in one row, as FIRE tells it. */
struct due_item {
    uint64_t previous_ms, nominal_ms;
    uint64_t first_ms; /* of a row for many; 0: it is one */
    uint32_t count;    /* so many; 0: it is one */
    uint8_t ask;       /* enum fire_ask */
};

/* How far the count of a row for many has come. */
struct span_count {
    int64_t after; /* it belongs to this place in the plan */
    int64_t first, last, until;
    uint64_t count;
    bool complete;
};

/* What an entry asks for, and what is remembered of its outage; all zero at first. */
struct arrears {
    uint64_t window_ms;
    uint8_t policy;          /* enum catch_up */
    bool counted;            /* what is still owed of this outage gets no further row for many */
    struct span_count *span; /* while there is one */
};

/* Fills up to `max` items with what is owed behind `through_ms` at `now_ms`, in order, and returns
 * how many. 0: nothing is due, or, with *ret_more, the count goes on with the next call. `steps` is
 * how many times of the plan may be looked at beside those of the items; it goes down. */
size_t arrears_owed(struct arrears *c, const struct plan *plan, uint64_t through_ms,
                    uint64_t now_ms, int *steps, struct due_item *items, size_t max,
                    bool *ret_more);
/* Forgets the outage: all is judged, or the plan is another one. */
void arrears_reset(struct arrears *c);

#endif
