/* plan_of.c: from SCHEDULE to plan. The broker knows neither cron nor zones: what it tells may be
 * anything that some program has put. */
#include "scheduler/plan_of.h"

#include <stdio.h>

#define MS 1000

/* The first whole second that is not before. */
static int64_t seconds_up(uint64_t ms)
{
    return (int64_t)(ms / MS + (ms % MS != 0));
}

static int read_cron(struct slice text, struct cron *ret, char *why, size_t why_size)
{
    struct cron_error error;
    if (!cron_parse(text, ret, &error))
        return 0;
    (void)snprintf(why, why_size, "cron: %s", error.text);
    return MUSTER_EINVAL;
}

static int find_zone(struct zones *zones, struct slice name, const struct zone **ret, char *why,
                     size_t why_size)
{
    int error = zones_find(zones, name.len ? name : slice_str("UTC"), ret);
    if (!error || error == MUSTER_ENOMEM)
        return error;
    (void)snprintf(why, why_size, "timezone: %s", zones_error(zones));
    return MUSTER_EINVAL;
}

int plan_of(struct zones *zones, const struct msg_schedule *schedule, struct plan *ret, char *why,
            size_t why_size)
{
    bool ends = schedule->has & MSG_BIT(schedule, end_ms);
    *ret = (struct plan){0};
    ret->start = seconds_up(schedule->start_ms);
    if (ends) /* the first that is out; 0 would be no end */
        ret->end = schedule->end_ms ? seconds_up(schedule->end_ms) : -1;
    if (!schedule->cron.len == !schedule->every_s || schedule->every_s > UINT32_MAX) {
        (void)snprintf(why, why_size, "cron and every: exactly one of them");
        return MUSTER_EINVAL;
    }
    ret->every_s = (uint32_t)schedule->every_s;
    int error = schedule->every_s ? 0 : read_cron(schedule->cron, &ret->cron, why, why_size);
    return error ? error : find_zone(zones, schedule->timezone, &ret->zone, why, why_size);
}
