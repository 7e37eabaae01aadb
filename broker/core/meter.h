/* meter.h: rates and latencies of queues, for people: of the last seconds, in memory only.
 *
 * A queue has a meter while something happens in it. Latencies are counted in histograms of the
 * event's own time (no clock is read), a few instructions a job; at most METER_QUEUES queues have
 * histograms of their own, all others share one, which counts for the broker as a whole alone. */
#ifndef CORE_METER_H
#define CORE_METER_H

#include "base/histogram.h"
#include "base/list.h"
#include "core/core.h"

#define METER_QUEUES  1000
#define METER_SLOTS   3     /* histograms in turn: quantiles are of the last 60 to 90 s */
#define METER_SLOT_MS 30000 /* each for so long */
#define METER_SECONDS 11    /* marks of the counts, one a second: the 10 s rates */
#define METER_TENS    7     /* one each ten seconds: the 1 min rates */

struct queue;

struct latencies {
    struct histogram slots[METER_SLOTS][LATENCY_COUNT]; /* microseconds */
};

struct meter {
    struct list link; /* in core->meters */
    struct queue *queue;
    struct latencies *latencies; /* its own, or core->shared_latencies */
    uint64_t counts[RATE_COUNT];
    /* the low bits of the counts when each of the last seconds, and tens of seconds, began */
    uint32_t seconds[METER_SECONDS][RATE_COUNT], tens[METER_TENS][RATE_COUNT];
    bool used;           /* since the last second */
    uint32_t idle_since; /* second */
};

/* Jobs of one message mostly have one latency: where the last one was counted. */
struct meter_memo {
    const struct queue *queue; /* NULL: nowhere */
    uint64_t us;
    uint32_t *count;
};

/* The queue's meter, made when it has none. Never NULL: when memory is out, one that nobody reads.
 */
struct meter *meter_open(struct core *core, struct queue *queue);
/* Has core->memos[latency] point to where this one is counted, until the next tick. */
void meter_look(struct core *core, struct queue *queue, enum latency latency, uint64_t us);
/* Moves on to the present second: marks, histograms that take turns, meters that are not used. */
void meters_tick(struct core *core);
void meters_fini(struct core *core);
/* What the queue's meter says; all 0 when it has none. */
void meter_read(const struct core *core, const struct queue *queue, struct figures *ret);

#endif
