/* arrears.c: the nominal times that an entry owes: forwards from the one judged last. */
#include "scheduler/arrears.h"

#include <stdlib.h>

#define MS 1000

/* One call's view. */
struct owing {
    struct arrears *state;
    const struct plan *plan;
    uint64_t through_ms;
    int64_t now;    /* seconds */
    int64_t missed; /* what is not after this runs no more: a newer one is due, or it is too late */
    int *steps;
    struct due_item *items;
    size_t count, max;
};

void arrears_reset(struct arrears *c)
{
    free(c->span);
    c->span = NULL;
    c->counted = false;
}

static void add(struct owing *o, uint64_t nominal_ms, enum fire_ask ask, uint64_t first_ms,
                uint64_t count)
{
    struct due_item *item = &o->items[o->count++];
    *item = (struct due_item){.previous_ms = o->through_ms,
                              .nominal_ms = nominal_ms,
                              .first_ms = first_ms,
                              .count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count,
                              .ask = (uint8_t)ask};
    o->through_ms = nominal_ms;
}

/* The row of the nominal times that a gap of the clock dropped, before the one that comes after. */
static void add_gap(struct owing *o, const struct occurrence *next)
{
    if (next->dropped == 0 || next->dropped_at <= 0)
        return;
    uint64_t gap_ms = (uint64_t)next->dropped_at * MS - MS + NOMINAL_GAP_MS;
    if (gap_ms > o->through_ms)
        add(o, gap_ms, FIRE_GAP, 0, next->dropped);
}

/* ---- rows for many ---- */

enum span_made {
    SPAN_DONE,   /* all others have rows of their own */
    SPAN_TO_GAP, /* up to a gap: what comes behind it is to be looked at anew */
    SPAN_LATER   /* the count goes on next time */
};

/* The last nominal time that shares a row with others; false: there are not so many. */
static bool span_end(const struct owing *o, int64_t after, int64_t *ret)
{
    struct occurrence seen;
    int64_t before = o->missed + 1;
    for (int i = 0; i <= ARREARS_ROWS; i++) {
        --*o->steps;
        if (!plan_previous(o->plan, before, &seen) || seen.utc <= after)
            return false;
        before = seen.utc;
    }
    *ret = before;
    return true;
}

/* Goes on with the count; true when it is complete. It ends before a gap: that has its own row. */
static bool count_on(const struct owing *o, struct span_count *s)
{
    struct occurrence next;
    if (o->plan->every_s && !s->complete) {
        s->count += (uint64_t)(s->until - s->last) / o->plan->every_s;
        s->last = s->until;
        s->complete = true;
    }
    while (!s->complete && (*o->steps)-- > 0) {
        if (!plan_next(o->plan, s->last, &next) || next.utc > s->until || next.dropped) {
            s->complete = true;
        } else {
            s->last = next.utc;
            s->count++;
        }
    }
    return s->complete;
}

/* The count that begins at `first`: the one that is remembered, or a new one. NULL: none is needed,
 * or there is no memory for it: then each has a row of its own. */
static struct span_count *span_of(struct owing *o, int64_t after, int64_t first)
{
    struct arrears *c = o->state;
    int64_t until;
    if (c->span && c->span->after == after)
        return c->span;
    if (c->counted)
        return NULL;
    if (!span_end(o, after, &until)) {
        c->counted = true;
        return NULL;
    }
    if (!c->span)
        c->span = malloc(sizeof *c->span);
    if (c->span)
        *c->span = (struct span_count){
            .after = after, .first = first, .last = first, .until = until, .count = 1};
    return c->span;
}

/* One row for all that is older than the newest missed ones, or none when there are not so many. */
static enum span_made add_span(struct owing *o, int64_t *after, const struct occurrence *first)
{
    if (*o->steps <= 0)
        return SPAN_LATER;
    struct span_count *s = span_of(o, *after, first->utc);
    if (!s)
        return SPAN_DONE;
    if (!count_on(o, s))
        return SPAN_LATER;
    if (s->count == 1)
        add(o, (uint64_t)s->last * MS, FIRE_MISSED, 0, 0);
    else
        add(o, (uint64_t)s->last * MS + NOMINAL_SPAN_MS, FIRE_MISSED, (uint64_t)s->first * MS,
            s->count);
    *after = s->last;
    o->state->counted = s->last == s->until;
    return o->state->counted ? SPAN_DONE : SPAN_TO_GAP;
}

/* ---- one after the other ---- */

/* Up to where nominal times run no more, when more than one is owed. */
static int64_t missed_until(const struct owing *o, uint64_t now_ms, int64_t first)
{
    struct occurrence newest;
    uint64_t window_ms = o->state->window_ms;
    if (o->state->policy == CATCH_UP_ALL) /* nominal + window < now */
        return now_ms > window_ms ? (int64_t)((now_ms - window_ms + MS - 1) / MS) - 1 : -1;
    if (!plan_previous(o->plan, o->now + 1, &newest) || newest.utc < first)
        return first - 1;
    return newest.utc - 1;
}

static void add_each(struct owing *o, int64_t after)
{
    struct occurrence next;
    while (o->count + 1 < o->max && plan_next(o->plan, after, &next) && next.utc <= o->now) {
        bool missed = o->state->policy != CATCH_UP_ALL && next.utc <= o->missed;
        add_gap(o, &next);
        add(o, (uint64_t)next.utc * MS, missed ? FIRE_MISSED : FIRE_RUN, 0, 0);
        after = next.utc;
    }
}

/* `max` is at least 3: a gap, a row for many, and one more. */
size_t arrears_owed(struct arrears *c, const struct plan *plan, uint64_t through_ms,
                    uint64_t now_ms, int *steps, struct due_item *items, size_t max, bool *ret_more)
{
    struct owing o = {.state = c,
                      .plan = plan,
                      .through_ms = through_ms,
                      .now = (int64_t)(now_ms / MS),
                      .steps = steps,
                      .items = items,
                      .max = max};
    struct occurrence first, second;
    int64_t after = (int64_t)(through_ms / MS);
    *ret_more = false;
    if (!plan_next(plan, after, &first) || first.utc > o.now) {
        arrears_reset(c);
        return 0;
    }
    add_gap(&o, &first);
    o.missed = first.utc - 1;
    bool several = plan_next(plan, first.utc, &second) && second.utc <= o.now;
    if (!several) {
        add(&o, (uint64_t)first.utc * MS, FIRE_RUN, 0, 0);
        return o.count;
    }
    o.missed = missed_until(&o, now_ms, first.utc);
    enum span_made made = first.utc <= o.missed ? add_span(&o, &after, &first) : SPAN_DONE;
    *ret_more = made == SPAN_LATER;
    if (made != SPAN_DONE)
        return o.count;
    add_each(&o, after);
    return o.count;
}
