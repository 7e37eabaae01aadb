/* drops.c: counters turned into log lines. */
#include "run/drops.h"

#include <stdlib.h>
#include <string.h>

#define QUIET_MS 1000

/* One reason, as last told. */
struct told {
    uint64_t count, at_ms;
};

struct drop_report {
    struct told router[SIDE_COUNT][ROUTER_COUNT_MAX];
    struct told refusal[SIDE_COUNT][REFUSAL_COUNT];
    struct told feed;
    char why[SIDE_COUNT][REFUSAL_COUNT][WHY_BYTES]; /* of the newest */
    uint64_t looked_ms;
};

static const char *const side_names[SIDE_COUNT] = {"backend", "frontend"};

struct drop_report *drops_new(void)
{
    return calloc(1, sizeof(struct drop_report));
}

void drops_free(struct drop_report *d)
{
    free(d);
}

void drops_count(struct broker *b, enum side side, const struct refusal *refusal)
{
    int index = refusal->error < 0 && -refusal->error < REFUSAL_COUNT ? -refusal->error : 0;
    b->refused[side][index]++;
    memcpy(b->drops->why[side][index], refusal->why, WHY_BYTES);
}

/* True when `count` has news that may be told now; then *ret_new is how many. */
static bool is_news(struct told *told, uint64_t count, uint64_t now_ms, uint64_t *ret_new)
{
    if (count == told->count || (told->at_ms && now_ms - told->at_ms < QUIET_MS))
        return false;
    *ret_new = count - told->count;
    *told = (struct told){count, now_ms};
    return true;
}

static void report_side(struct broker *b, enum side side)
{
    struct drop_report *d = b->drops;
    uint64_t new;
    for (int i = 0; i < ROUTER_COUNT_MAX; i++) {
        enum router_count which = (enum router_count)i;
        if (is_news(&d->router[side][i], router_counter(b->sides[side], which), b->now_ms, &new))
            log_write(LEVEL_WARN, router_count_about(which),
                      LOG_FIELDS(log_text("socket", side_names[side]),
                                 log_text("reason", router_count_name(which)),
                                 log_number("count", new)));
    }
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        if (is_news(&d->refusal[side][i], b->refused[side][i], b->now_ms, &new))
            log_write(LEVEL_WARN, "refused frames",
                      LOG_FIELDS(log_text("socket", side_names[side]),
                                 log_text("reason", err_code(-i)), log_number("count", new),
                                 log_text("newest", d->why[side][i])));
    }
}

void drops_report(struct broker *b)
{
    struct drop_report *d = b->drops;
    uint64_t new;
    if (b->now_ms - d->looked_ms < QUIET_MS / 10)
        return;
    d->looked_ms = b->now_ms;
    report_side(b, SIDE_WORKER);
    report_side(b, SIDE_CLIENT);
    if (is_news(&d->feed, feed_malformed(b->feed), b->now_ms, &new))
        log_write(LEVEL_WARN, "dropped messages that were no subscription",
                  LOG_FIELDS(log_text("socket", "feed"), log_number("count", new)));
}
