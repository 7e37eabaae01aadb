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
    struct told put_off[REFUSAL_COUNT];
    struct told feed;
    char why[SIDE_COUNT][REFUSAL_COUNT][WHY_BYTES]; /* of the newest */
    uint64_t next_ms; /* when what could not be told yet may be told; UINT64_MAX: nothing */
};

static const char *const side_names[SIDE_COUNT] = {"backend", "frontend"};

struct drop_report *drops_new(void)
{
    struct drop_report *d = calloc(1, sizeof(struct drop_report));
    if (d)
        d->next_ms = UINT64_MAX;
    return d;
}

void drops_free(struct drop_report *d)
{
    free(d);
}

static int index_of(int error)
{
    return error < 0 && -error < REFUSAL_COUNT ? -error : 0;
}

void drops_put_off(struct broker *b, int reason)
{
    b->put_off[index_of(reason)]++;
}

void drops_count(struct broker *b, enum side side, const struct refusal *refusal)
{
    int index = index_of(refusal->error);
    b->refused[side][index]++;
    memcpy(b->drops->why[side][index], refusal->why, WHY_BYTES);
}

/* True when `count` has news that may be told now; then *ret_new is how many. */
static bool is_news(struct broker *b, struct told *told, uint64_t count, uint64_t *ret_new)
{
    if (count == told->count)
        return false;
    if (told->at_ms && b->now_ms - told->at_ms < QUIET_MS) {
        if (told->at_ms + QUIET_MS < b->drops->next_ms)
            b->drops->next_ms = told->at_ms + QUIET_MS;
        return false;
    }
    *ret_new = count - told->count;
    *told = (struct told){count, b->now_ms};
    return true;
}

static void report_side(struct broker *b, enum side side)
{
    struct drop_report *d = b->drops;
    uint64_t new;
    for (int i = 0; i < ROUTER_COUNT_MAX; i++) {
        enum router_count which = (enum router_count)i;
        if (is_news(b, &d->router[side][i], router_counter(b->sides[side], which), &new))
            log_write(LEVEL_WARN, router_count_about(which),
                      LOG_FIELDS(log_text("socket", side_names[side]),
                                 log_text("reason", router_count_name(which)),
                                 log_number("count", new)));
    }
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        if (is_news(b, &d->refusal[side][i], b->refused[side][i], &new))
            log_write(LEVEL_WARN, "refused frames",
                      LOG_FIELDS(log_text("socket", side_names[side]),
                                 log_text("reason", err_code(-i)), log_number("count", new),
                                 log_text("newest", d->why[side][i])));
    }
}

static void report_put_off(struct broker *b)
{
    uint64_t new;
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        if (is_news(b, &b->drops->put_off[i], b->put_off[i], &new))
            log_write(LEVEL_WARN, "submits were answered by BUSY",
                      LOG_FIELDS(log_text("reason", err_code(-i)), log_number("count", new),
                                 log_text("text", err_text(-i))));
    }
}

void drops_report(struct broker *b)
{
    struct drop_report *d = b->drops;
    uint64_t new;
    d->next_ms = UINT64_MAX;
    report_side(b, SIDE_WORKER);
    report_side(b, SIDE_CLIENT);
    report_put_off(b);
    if (is_news(b, &d->feed, feed_malformed(b->feed), &new))
        log_write(LEVEL_WARN, "dropped messages that were no subscription",
                  LOG_FIELDS(log_text("socket", "feed"), log_number("count", new)));
}

uint64_t drops_deadline(const struct broker *b)
{
    return b->drops->next_ms;
}
