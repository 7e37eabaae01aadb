/* backfill.h: the nominal times of a span, cut into FIREs until each has its verdict. Pure: it
 * knows no broker and no clock. */
#ifndef CLI_BACKFILL_H
#define CLI_BACKFILL_H

#include "base/limits.h"
#include "base/schedule.h"
#include "base/slice.h"
#include "scheduler/plan.h"

struct backfill {
    struct plan plan;
    int64_t at, to; /* Unix seconds: times up to `at` were taken, those after `to` are not wanted */
    bool end;       /* there are no more to take */
    struct occurrence open[FIRE_MAX]; /* taken, without a verdict, by rising time */
    bool again[FIRE_MAX];             /* of each: it was asked for before */
    uint32_t count;                   /* of those */
    uint64_t verdicts[VERDICT_COUNT]; /* how often each came that is one for good */
    /* Known, but not the first time they were asked for: who has judged them? By rising time. */
    uint64_t unsure_ms[FIRE_MAX];
    uint32_t unsure_count;
};

/* What an answer has changed. */
struct backfill_step {
    uint32_t judged; /* times that have their verdict now */
    bool stale;      /* the schedule is to be read again */
    bool full;       /* there was no room */
};

/* Times of [from, to], Unix ms. */
void backfill_init(struct backfill *b, const struct plan *plan, uint64_t from_ms, uint64_t to_ms);
/* Takes times up to a full message; how many are open: 0, all have their verdict. */
uint32_t backfill_fill(struct backfill *b);
/* The verdicts (COL8) of all that are open. Those that were not judged stay open, in their order;
 * but those to come by the broker's clock do not. */
struct backfill_step backfill_take(struct backfill *b, struct slice verdicts);
/* What the ledger says of one that is unsure; of others nothing is taken. */
void backfill_settle(struct backfill *b, uint64_t nominal_ms, enum fire_verdict verdict);
/* The rest of those that are unsure were known. */
void backfill_settle_rest(struct backfill *b);
/* The open times, as a COL64 of Unix ms. */
void backfill_column(const struct backfill *b, uint8_t column[8 * FIRE_MAX]);
/* Which open time that is, or FIRE_MAX. */
uint32_t backfill_find(const struct backfill *b, uint64_t nominal_ms);

#endif
