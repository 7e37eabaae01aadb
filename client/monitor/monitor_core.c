/* monitor_core.c: gaps in the numbers of turns. */
#include "monitor/monitor_core.h"

#include <stdlib.h>

#include "wire.h"

#define TOPICS_KEPT_MAX 200000 /* more than a broker tells of; then a round begins anew */

struct monitor_topic {
    uint64_t turn;
    size_t len;
    uint8_t name[];
};

void monitor_core_init(struct monitor_core *m, const struct topics *topics, uint64_t seed,
                       uint64_t now_ms)
{
    *m = (struct monitor_core){
        .topics = topics, .rng = {seed}, .heard_ms = now_ms, .next_ms = now_ms};
    strmap_init(&m->last);
}

static void forget(struct monitor_core *m)
{
    size_t cursor = 0;
    struct monitor_topic *topic;
    while ((topic = strmap_next(&m->last, &cursor)))
        free(topic);
    strmap_fini(&m->last);
    strmap_init(&m->last);
}

void monitor_core_fini(struct monitor_core *m)
{
    forget(m);
    strmap_fini(&m->last);
}

void monitor_core_begin(struct monitor_core *m, uint64_t now_ms)
{
    forget(m);
    m->phase = MONITOR_SYNCING;
    m->broken = m->away = false;
    m->began_ms = m->heard_ms = now_ms;
    m->next_ms = now_ms + MONITOR_ROUND_MS + rng_below(&m->rng, MONITOR_ROUND_MS / 5);
}

static void hear(struct monitor_core *m, uint64_t now_ms)
{
    m->heard_ms = now_ms;
    if (m->away)
        m->broken = true; /* it is back: what it did meanwhile is not known */
    m->away = false;
}

enum monitor_verdict monitor_core_sync(struct monitor_core *m, const struct msg_sync *sync,
                                       uint64_t now_ms)
{
    hear(m, now_ms);
    if (m->phase != MONITOR_SYNCING)
        return MONITOR_NOTHING;
    m->phase = MONITOR_LOADING;
    m->broken = false;
    m->epoch = sync->epoch;
    m->since = sync->turn;
    return MONITOR_LOAD;
}

enum monitor_verdict monitor_core_snapshot(struct monitor_core *m, uint64_t epoch, uint64_t turn)
{
    if (epoch != m->epoch) {
        m->broken = true;
        return MONITOR_RESTARTED;
    }
    m->phase = MONITOR_LIVE;
    m->shown = turn;
    return MONITOR_NOTHING;
}

void monitor_core_snapshot_failed(struct monitor_core *m)
{
    m->broken = true;
}

/* The last turn known of a topic. */
static uint64_t seen(const struct monitor_core *m, struct slice name)
{
    const struct monitor_topic *topic = strmap_get(&m->last, name);
    return topic && topic->turn > m->since ? topic->turn : m->since;
}

static void note_turn(struct monitor_core *m, struct slice name, uint64_t turn)
{
    struct monitor_topic *topic = strmap_get(&m->last, name);
    if (!topic) {
        topic = malloc(sizeof *topic + name.len);
        if (!topic || m->last.count >= TOPICS_KEPT_MAX) {
            free(topic);
            m->broken = true;
            return;
        }
        topic->len = name.len;
        memcpy(topic->name, name.data, name.len);
        if (strmap_put(&m->last, slice_of(topic->name, topic->len), topic)) {
            free(topic);
            m->broken = true;
            return;
        }
    }
    topic->turn = turn;
}

/* Tells a gap once a round. */
static enum monitor_verdict gap(struct monitor_core *m, enum monitor_verdict verdict)
{
    if (m->broken)
        return MONITOR_NOTHING;
    m->broken = true;
    return verdict;
}

enum monitor_verdict monitor_core_events(struct monitor_core *m, struct slice topic,
                                         const struct msg_events *events, uint64_t now_ms)
{
    hear(m, now_ms);
    if (m->phase != MONITOR_LIVE)
        return MONITOR_NOTHING;
    if (events->epoch != m->epoch)
        return gap(m, MONITOR_RESTARTED);
    uint64_t before = seen(m, topic);
    if (events->turn <= before)
        return MONITOR_NOTHING;
    note_turn(m, topic, events->turn);
    if (events->previous > before && !m->broken)
        return gap(m, MONITOR_MISSED); /* the caller shows this event all the same */
    return events->turn > m->shown && topics_want(m->topics, topic) ? MONITOR_TELL
                                                                    : MONITOR_NOTHING;
}

enum monitor_verdict monitor_core_beat(struct monitor_core *m, const struct msg_beat *beat,
                                       uint64_t now_ms)
{
    hear(m, now_ms);
    if (m->phase != MONITOR_LIVE)
        return MONITOR_NOTHING;
    if (beat->epoch != m->epoch)
        return gap(m, MONITOR_RESTARTED);
    size_t cursor = 0;
    struct slice topic;
    for (size_t i = 0; strs_next(&beat->topics, &cursor, &topic); i++) {
        if ((i + 1) * 8 > beat->turns.len)
            break;
        if (slice_u64_at(beat->turns, i) > seen(m, topic) && topics_want(m->topics, topic))
            return gap(m, MONITOR_MISSED);
    }
    return MONITOR_NOTHING;
}

bool monitor_core_round_due(const struct monitor_core *m, uint64_t now_ms)
{
    if (m->away)
        return false; /* it would not answer */
    if (m->phase == MONITOR_SYNCING)
        return now_ms >= m->began_ms + MONITOR_ANSWER_MS && now_ms >= m->next_ms;
    return m->broken && now_ms >= m->next_ms;
}

bool monitor_core_silent(struct monitor_core *m, uint64_t now_ms)
{
    if (m->away || now_ms < m->heard_ms + MONITOR_SILENCE_MS)
        return false;
    m->away = true;
    return true;
}

uint64_t monitor_core_deadline(const struct monitor_core *m)
{
    if (m->away)
        return UINT64_MAX;
    uint64_t deadline = m->heard_ms + MONITOR_SILENCE_MS;
    if ((m->broken || m->phase == MONITOR_SYNCING) && m->next_ms < deadline)
        deadline = m->next_ms;
    return deadline;
}
