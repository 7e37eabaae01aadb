/* plan.c: from local times to instants.
 *
 * A wildcard expression is asked for period after period of one offset: what fits the local clock
 * is due. For a fixed one, a nominal time L is due when the local clock first shows L or more: at L
 * itself the first time it comes, or at the end of the gap that swallows it. The times due after an
 * instant are thus those above all that the local clock has shown until then. */
#include "scheduler/plan.h"

#include "base/civil.h"

#define FIRST INT64_C(-62135596800) /* 0001-01-01; earlier ones are as this one */
/* Two instants that are further apart do not show the same local time. */
#define OFFSET_SPAN (ZONE_OFFSET_MAX - ZONE_OFFSET_MIN)

/* ---- the local clock ---- */

static void period_at(const struct plan *plan, int64_t utc, struct zone_period *ret)
{
    if (plan->zone)
        zone_period_at(plan->zone, utc, ret);
    else
        *ret = (struct zone_period){.from = INT64_MIN, .until = INT64_MAX, .abbreviation = "UTC"};
}

/* The highest time that the local clock has shown until an instant of a period, with it. */
static int64_t highest_shown(const struct plan *plan, const struct zone_period *at, int64_t utc)
{
    struct zone_period p = *at;
    int64_t highest = utc + p.offset;
    while (p.from > utc - OFFSET_SPAN) {
        int64_t end = p.from - 1;
        period_at(plan, end, &p);
        if (end + p.offset > highest)
            highest = end + p.offset;
    }
    return highest;
}

/* Whether the local time of this instant is that of another one, too. */
static bool comes_twice(const struct plan *plan, const struct zone_period *at, int64_t utc)
{
    int64_t local = utc + at->offset;
    struct zone_period p = *at;
    while (p.until <= utc + OFFSET_SPAN) {
        period_at(plan, p.until, &p);
        if (local - p.offset >= p.from && local - p.offset < p.until)
            return true;
    }
    p = *at;
    while (p.from > utc - OFFSET_SPAN) {
        period_at(plan, p.from - 1, &p);
        if (local - p.offset >= p.from && local - p.offset < p.until)
            return true;
    }
    return false;
}

/* Where a nominal local time is. */
struct place {
    int64_t utc;
    struct zone_period period; /* of utc */
    int64_t gap;               /* length of the gap before utc that holds the time, or 0 */
};

/* `p` is a period that begins before the local clock has shown the time. */
static void find_place(const struct plan *plan, struct zone_period p, int64_t local,
                       struct place *ret)
{
    if (local - ZONE_OFFSET_MAX >= p.until) /* far away: not period by period */
        period_at(plan, local - ZONE_OFFSET_MAX, &p);
    int32_t before = p.offset;
    while (local - p.offset >= p.until) {
        before = p.offset;
        period_at(plan, p.until, &p);
    }
    ret->period = p;
    ret->gap = 0;
    ret->utc = local - p.offset;
    if (ret->utc < p.from) {
        ret->utc = p.from;
        ret->gap = p.offset - before;
    }
}

static void tell(const struct plan *plan, const struct zone_period *p, int64_t utc,
                 struct occurrence *ret)
{
    *ret = (struct occurrence){.utc = utc, .local = utc + p->offset, .offset = p->offset};
    if (comes_twice(plan, p, utc))
        ret->dst = PLAN_DST_OVERLAP;
}

/* ---- wildcard ---- */

static bool wildcard_next(const struct plan *plan, int64_t after, struct occurrence *ret)
{
    struct zone_period p;
    int64_t local;
    period_at(plan, after, &p);
    while (after < PLAN_LAST && cron_next(&plan->cron, after + p.offset, &local)) {
        if (local - p.offset < p.until) {
            tell(plan, &p, local - p.offset, ret);
            return true;
        }
        after = p.until - 1;
        period_at(plan, p.until, &p);
    }
    return false;
}

static bool wildcard_previous(const struct plan *plan, int64_t before, struct occurrence *ret)
{
    struct zone_period p;
    int64_t local;
    period_at(plan, before - 1, &p);
    while (cron_previous(&plan->cron, before + p.offset, &local)) {
        if (local - p.offset >= p.from) {
            tell(plan, &p, local - p.offset, ret);
            return true;
        }
        before = p.from;
        period_at(plan, p.from - 1, &p);
    }
    return false;
}

/* ---- fixed ---- */

/* Nominal times from `local` on, below `end`. */
static uint32_t count_nominal(const struct cron *cron, int64_t local, int64_t end)
{
    uint32_t count = 0;
    while (local < end) {
        count++;
        if (!cron_next(cron, local, &local))
            break;
    }
    return count;
}

static bool fixed_next(const struct plan *plan, int64_t after, struct occurrence *ret)
{
    struct place place;
    uint32_t dropped = 0;
    int64_t dropped_at = 0, local;
    period_at(plan, after, &place.period);
    int64_t shown = highest_shown(plan, &place.period, after);
    while (cron_next(&plan->cron, shown, &local) && local - ZONE_OFFSET_MAX <= PLAN_LAST) {
        find_place(plan, place.period, local, &place);
        int64_t gap_end = place.utc + place.period.offset;
        if (place.gap < PLAN_GAP_DROPPED) {
            tell(plan, &place.period, place.utc, ret);
            if (place.gap > 0)
                ret->dst = PLAN_DST_GAP;
            ret->dropped = dropped;
            ret->dropped_at = dropped_at;
            return true;
        }
        dropped += count_nominal(&plan->cron, local, gap_end);
        dropped_at = place.utc;
        shown = gap_end - 1;
    }
    return false;
}

/* The instant of the last one before `before`. */
static bool fixed_instant_before(const struct plan *plan, int64_t before, int64_t *ret)
{
    struct zone_period p;
    struct place place;
    int64_t local;
    period_at(plan, before - 1, &p);
    int64_t shown = highest_shown(plan, &p, before - 1);
    while (cron_previous(&plan->cron, shown + 1, &local)) {
        period_at(plan, local - ZONE_OFFSET_MAX, &p);
        find_place(plan, p, local, &place);
        if (place.gap < PLAN_GAP_DROPPED) {
            *ret = place.utc;
            return true;
        }
        shown = place.utc + place.period.offset - place.gap - 1;
    }
    return false;
}

/* Asks for what follows the one before, as that tells what was dropped between them. */
static bool fixed_previous(const struct plan *plan, int64_t before, struct occurrence *ret)
{
    int64_t instant, one_before;
    if (!fixed_instant_before(plan, before, &instant))
        return false;
    if (!fixed_instant_before(plan, instant, &one_before))
        one_before = instant - 1;
    if (plan->start && one_before < plan->start)
        one_before = plan->start - 1;
    return fixed_next(plan, one_before, ret);
}

/* ---- interval ---- */

static void tell_multiple(const struct plan *plan, int64_t utc, struct occurrence *ret)
{
    struct zone_period p;
    period_at(plan, utc, &p);
    *ret = (struct occurrence){.utc = utc, .local = utc + p.offset, .offset = p.offset};
}

/* ---- all ---- */

static int64_t last_second(const struct plan *plan)
{
    return plan->end && plan->end <= PLAN_LAST ? plan->end - 1 : PLAN_LAST;
}

bool plan_next(const struct plan *plan, int64_t after, struct occurrence *ret)
{
    int64_t last = last_second(plan);
    bool found = true;
    if (after < FIRST)
        after = FIRST;
    if (plan->start && after < plan->start)
        after = plan->start - 1;
    if (after >= last)
        return false;
    if (plan->every_s)
        tell_multiple(plan, (civil_floor_div(after, plan->every_s) + 1) * plan->every_s, ret);
    else if (plan->cron.wildcard)
        found = wildcard_next(plan, after, ret);
    else
        found = fixed_next(plan, after, ret);
    return found && ret->utc <= last;
}

bool plan_previous(const struct plan *plan, int64_t before, struct occurrence *ret)
{
    int64_t last = last_second(plan);
    bool found = true;
    if (before > last)
        before = last + 1;
    if (before <= FIRST || (plan->start && before <= plan->start))
        return false;
    if (plan->every_s)
        tell_multiple(plan, civil_floor_div(before - 1, plan->every_s) * plan->every_s, ret);
    else if (plan->cron.wildcard)
        found = wildcard_previous(plan, before, ret);
    else
        found = fixed_previous(plan, before, ret);
    return found && !(plan->start && ret->utc < plan->start);
}
