/* meter.c: marks of counters that rates are computed from, and histograms that take turns. */
#include "core/meter.h"

#include <stdlib.h>

#include "core/state.h"

#define IDLE_S 100 /* a meter that nobody uses goes: by then all its windows are empty */

static uint32_t second_of(const struct core *core)
{
    return (uint32_t)(core->now_ms / 1000);
}

static void take_latencies(struct core *core, struct meter *m)
{
    struct latencies *own = core->meter_count < METER_QUEUES ? calloc(1, sizeof *own) : NULL;
    m->latencies = own ? own : &core->shared_latencies;
    core->meter_count += own != NULL;
}

static void close_meter(struct core *core, struct meter *m)
{
    if (m->latencies != &core->shared_latencies) {
        free(m->latencies);
        core->meter_count--;
    }
    m->queue->meter = NULL;
    list_remove(&m->link);
    free(m);
}

struct meter *meter_open(struct core *core, struct queue *queue)
{
    if (queue->meter)
        return queue->meter;
    struct meter *m = calloc(1, sizeof *m);
    if (!m) {
        core->nobodys_meter.latencies = &core->shared_latencies;
        return &core->nobodys_meter;
    }
    m->queue = queue;
    m->idle_since = second_of(core);
    take_latencies(core, m);
    list_push_back(&core->meters, &m->link);
    queue->meter = m;
    return m;
}

void meter_look(struct core *core, struct queue *queue, enum latency latency, uint64_t us)
{
    struct histogram *h = &meter_of(core, queue)->latencies->slots[core->meter_slot][latency];
    core->memos[latency] = (struct meter_memo){queue, us, &h->counts[histogram_bucket(us)]};
}

void meters_fini(struct core *core)
{
    LIST_FOREACH_SAFE (it, &core->meters) {
        close_meter(core, CONTAINER_OF(it, struct meter, link));
    }
}

/* All seconds and tens of seconds that have begun since the last tick began with these counts. */
static void mark(struct meter *m, uint32_t from, uint32_t to)
{
    uint32_t first = to - from > METER_TENS * 10 ? to - METER_TENS * 10 : from;
    for (uint32_t s = first + 1; s <= to; s++) {
        for (int r = 0; r < RATE_COUNT; r++) {
            m->seconds[s % METER_SECONDS][r] = (uint32_t)m->counts[r];
            if (s % 10 == 0)
                m->tens[s / 10 % METER_TENS][r] = (uint32_t)m->counts[r];
        }
    }
}

static void clear_slots(struct latencies *l, uint64_t from, uint64_t to)
{
    uint64_t first = to - from > METER_SLOTS ? to - METER_SLOTS : from;
    for (uint64_t slot = first + 1; slot <= to; slot++)
        memset(l->slots[slot % METER_SLOTS], 0, sizeof l->slots[0]);
}

void meters_tick(struct core *core)
{
    uint32_t before = core->meter_second, now = second_of(core);
    uint64_t slot_before = core->meter_turn, slot = core->now_ms / METER_SLOT_MS;
    core->meter_second = now;
    core->meter_turn = slot;
    core->meter_slot = (uint32_t)(slot % METER_SLOTS);
    core->meter_due_ms = (uint64_t)now * 1000 + 1000;
    memset(core->memos, 0, sizeof core->memos);
    clear_slots(&core->shared_latencies, slot_before, slot);
    LIST_FOREACH_SAFE (it, &core->meters) {
        struct meter *m = CONTAINER_OF(it, struct meter, link);
        mark(m, before, now);
        if (m->latencies != &core->shared_latencies)
            clear_slots(m->latencies, slot_before, slot);
        else if (core->meter_count < METER_QUEUES)
            take_latencies(core, m);
        if (m->used)
            m->idle_since = before;
        m->used = false;
        if (now - m->idle_since > IDLE_S)
            close_meter(core, m);
    }
}

/* ---- reading ---- */

static double rate(const struct core *core, uint64_t count, uint32_t mark, uint64_t since_ms)
{
    uint64_t elapsed_ms = core->now_ms > since_ms ? core->now_ms - since_ms : 1;
    return (double)((uint32_t)count - mark) * 1000.0 / (double)elapsed_ms;
}

static void read_rates(const struct core *core, const struct meter *m, struct figures *ret)
{
    uint64_t second = core->meter_second, ten = second / 10;
    uint64_t recent = second >= METER_SECONDS - 1 ? second - (METER_SECONDS - 1) : 0;
    uint64_t minute = ten >= METER_TENS - 1 ? ten - (METER_TENS - 1) : 0;
    for (int r = 0; r < RATE_COUNT; r++) {
        ret->per_s[r] +=
            rate(core, m->counts[r], m->seconds[recent % METER_SECONDS][r], recent * 1000);
        ret->per_s_1m[r] +=
            rate(core, m->counts[r], m->tens[minute % METER_TENS][r], minute * 10000);
    }
}

static void add_latencies(const struct latencies *from, struct histogram to[LATENCY_COUNT])
{
    for (int slot = 0; slot < METER_SLOTS; slot++)
        for (int l = 0; l < LATENCY_COUNT; l++)
            histogram_add(&to[l], &from->slots[slot][l]);
}

static void read_latencies(const struct histogram from[LATENCY_COUNT], struct figures *ret)
{
    for (int l = 0; l < LATENCY_COUNT; l++) {
        ret->latency[l].count = histogram_total(&from[l]);
        ret->latency[l].us_p50 = histogram_quantile(&from[l], 500);
        ret->latency[l].us_p95 = histogram_quantile(&from[l], 950);
        ret->latency[l].us_p99 = histogram_quantile(&from[l], 990);
    }
}

void meter_read(const struct core *core, const struct queue *queue, struct figures *ret)
{
    struct histogram sum[LATENCY_COUNT] = {0};
    const struct meter *m = queue->meter;
    *ret = (struct figures){0};
    if (!m)
        return;
    read_rates(core, m, ret);
    if (m->latencies == &core->shared_latencies)
        return;
    add_latencies(m->latencies, sum);
    read_latencies(sum, ret);
}

void core_get_figures(const struct core *core, struct figures *ret)
{
    struct histogram sum[LATENCY_COUNT] = {0};
    *ret = (struct figures){0};
    add_latencies(&core->shared_latencies, sum);
    LIST_FOREACH (it, &core->meters) {
        const struct meter *m = CONTAINER_OF(it, const struct meter, link);
        read_rates(core, m, ret);
        if (m->latencies != &core->shared_latencies)
            add_latencies(m->latencies, sum);
    }
    read_latencies(sum, ret);
}
