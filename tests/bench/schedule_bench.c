/* schedule_bench.c: how many next times a second one core finds, expression by expression. A table,
 * or with --json one object a line. argv: [--json] [times per expression]. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "scheduler/plan.h"
#include "scheduler/zones.h"

#define TIMES 2000000
#define START INT64_C(1767225600) /* 2026-01-01; from there again when 2199 is over */

static const struct {
    const char *expression, *zone;
} cases[] = {
    {"*/5 * * * *", "UTC"},
    {"*/5 * * * *", "Europe/Berlin"},
    {"* * * * * *", "Asia/Tokyo"},
    {"0 9 * * *", "Asia/Tokyo"},
    {"0 9 * * 1-5", "America/New_York"},
    {"0 0 L * *", "UTC"},
    {"0 0 L * *", "Europe/Berlin"},
    {"30 2 * * *", "Europe/Berlin"},
    {"0 0 13 * 5", "Australia/Lord_Howe"},
    {"0 8 LW,15W * *", "America/Santiago"},
    {"0 0 * * 1#1,5L", "Africa/Casablanca"},
    {"0 0 29 2 *", "Europe/Berlin"},
};

/* Microseconds for so many next times, each after the one before. */
static uint64_t measure(const struct plan *plan, uint64_t times, int64_t *ret_sum)
{
    struct occurrence found = {.utc = START};
    uint64_t begin = clock_us();
    int64_t sum = 0;
    for (uint64_t i = 0; i < times; i++) {
        if (!plan_next(plan, found.utc, &found))
            found.utc = START;
        sum += found.utc;
    }
    *ret_sum = sum; /* so that nothing is left out as unused */
    return clock_us() - begin;
}

static bool run(struct zones *zones, size_t i, uint64_t times, bool json)
{
    struct plan plan = {0};
    struct cron_error error;
    if (cron_parse(slice_str(cases[i].expression), &plan.cron, &error)) {
        fprintf(stderr, "schedule_bench: %s\n", error.text);
        return false;
    }
    if (zones_find(zones, slice_str(cases[i].zone), &plan.zone)) {
        fprintf(stderr, "schedule_bench: %s\n", zones_error(zones));
        return false;
    }
    int64_t sum;
    double ns = (double)measure(&plan, times, &sum) * 1000 / (double)times;
    if (sum == 0)
        return false;
    if (json)
        printf("{\"expression\":\"%s\",\"timezone\":\"%s\",\"ns\":%.1f,\"per_second\":%.0f}\n",
               cases[i].expression, cases[i].zone, ns, 1e9 / ns);
    else
        printf("%-18s %-20s %8.1f ns %12.0f/s\n", cases[i].expression, cases[i].zone, ns, 1e9 / ns);
    return true;
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    uint64_t times = argc > 1 + json ? strtoull(argv[1 + json], NULL, 10) : TIMES;
    struct zones *zones;
    bool done = times > 0 && zones_new(&zones, NULL) == 0;
    if (!done)
        return 2;
    for (size_t i = 0; done && i < sizeof cases / sizeof cases[0]; i++)
        done = run(zones, i, times, json);
    zones_free(zones);
    return done ? 0 : 1;
}
