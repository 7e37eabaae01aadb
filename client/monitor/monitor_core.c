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
    bool soon = m->wait_ms && now_ms < m->began_ms + 4 * m->wait_ms;
    m->wait_ms = soon ? 2 * m->wait_ms : MONITOR_ROUND_MS;
    if (m->wait_ms > MONITOR_ROUNDS_MS)
        m->wait_ms = MONITOR_ROUNDS_MS;
    m->began_ms = m->heard_ms = now_ms;
    m->next_ms = now_ms + m->wait_ms + rng_below(&m->rng, m->wait_ms / 5);
}

static void hear(struct monitor_core *m, uint64_t now_ms)
{
    m->heard_ms = now_ms;
    if (m->away)
        m->broken = true; /* it is back: what it did meanwhile is not known */
    m->away = false;
}

/* Tells a gap once a round. */
static enum monitor_verdict gap(struct monitor_core *m, enum monitor_verdict verdict)
{
    if (m->broken)
        return MONITOR_NOTHING;
    m->broken = true;
    return verdict;
}

static enum monitor_verdict missed(struct monitor_core *m, uint64_t turns)
{
    if (!m->broken)
        m->missed = turns;
    return gap(m, MONITOR_MISSED);
}

enum monitor_verdict monitor_core_sync(struct monitor_core *m, const struct msg_sync *sync,
                                       uint64_t now_ms)
{
    hear(m, now_ms);
    if (m->phase != MONITOR_SYNCING) /* nobody asked: the subscriptions were made anew */
        return gap(m, sync->epoch == m->epoch ? MONITOR_CUT_OFF : MONITOR_RESTARTED);
    m->phase = MONITOR_LOADING;
    m->broken = false;
    m->epoch = sync->epoch;
    m->since = m->checked = sync->turn;
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
        return missed(m, events->previous - before); /* the caller shows this event all the same */
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
    uint64_t checked = m->checked;
    size_t cursor = 0;
    struct slice topic;
    m->checked = beat->turn;
    for (size_t i = 0; strs_next(&beat->topics, &cursor, &topic); i++) {
        if ((i + 1) * 8 > beat->turns.len)
            break;
        uint64_t last = slice_u64_at(beat->turns, i), before = seen(m, topic);
        if (last > before && topics_want(m->topics, topic))
            return missed(m, last - before);
    }
    /* Since the beat before, the broker has forgotten topics that had events after it. */
    return beat->forgotten > checked ? missed(m, beat->forgotten - checked) : MONITOR_NOTHING;
}

/* UINT64_MAX: there is no reason for one. */
static uint64_t next_round_ms(const struct monitor_core *m)
{
    uint64_t answer_ms = m->began_ms + MONITOR_ANSWER_MS;
    if (m->phase == MONITOR_SYNCING)
        return answer_ms > m->next_ms ? answer_ms : m->next_ms;
    return m->broken ? m->next_ms : UINT64_MAX;
}

bool monitor_core_round_due(const struct monitor_core *m, uint64_t now_ms)
{
    /* A broker that is away would not answer. */
    return !m->away && now_ms >= next_round_ms(m);
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
    uint64_t silence_ms = m->heard_ms + MONITOR_SILENCE_MS, round_ms = next_round_ms(m);
    return round_ms < silence_ms ? round_ms : silence_ms;
}
