/* monitor_core.h: whether the events of the feed are all there. Pure: messages and time go in,
 * verdicts come out.
 *
 * A round: subscribe to the topics, then to sync.<random>; SYNC says from which turn on nothing is
 * missed; the snapshot, asked for after that, says up to which turn its state goes. Events of later
 * turns go on from it. Each message names the turn of the one before on its topic, and the beat the
 * last turn of each topic: what does not fit was missed. The subscription to sync.<random> stays: a
 * SYNC that comes again says that the connection was made anew, and what was told meanwhile is
 * lost. */
#ifndef MONITOR_MONITOR_CORE_H
#define MONITOR_MONITOR_CORE_H

#include "base/map.h"
#include "base/rng.h"
#include "monitor/topics.h"
#include "msg.h"

/* From one round to the next, at least, up to a fifth more: doubled while they follow each other
 * soon. */
#define MONITOR_ROUND_MS   500
#define MONITOR_ROUNDS_MS  8000
#define MONITOR_ANSWER_MS  3000 /* for SYNC to come */
#define MONITOR_SILENCE_MS 5000 /* without a beat: the broker is away */

enum monitor_phase {
    MONITOR_SYNCING, /* SYNC is asked for */
    MONITOR_LOADING, /* SYNC came: the snapshot is to be asked for */
    MONITOR_LIVE
};

enum monitor_verdict {
    MONITOR_NOTHING,   /* told before, or not wanted */
    MONITOR_TELL,      /* an event to show */
    MONITOR_MISSED,    /* some events are missing: begin a round when monitor_core_round_due() */
    MONITOR_RESTARTED, /* another broker speaks: likewise */
    MONITOR_CUT_OFF,   /* the connection broke and was made anew: likewise */
    MONITOR_LOAD       /* ask for the snapshot now */
};

struct monitor_core {
    const struct topics *topics;
    enum monitor_phase phase;
    bool broken; /* a gap was told: a round is due */
    bool away;   /* silence was told */
    uint64_t epoch;
    uint64_t since;    /* SYNC's turn: what comes after it was not missed by being late */
    uint64_t shown;    /* the snapshot's turn: events up to it are in it */
    uint64_t checked;  /* turn of the last beat: all topics were complete up to it */
    uint64_t missed;   /* turns between what was seen and what MONITOR_MISSED was told by */
    uint64_t began_ms; /* the last round */
    uint64_t next_ms;  /* earliest begin of the next one */
    uint64_t wait_ms;  /* between these two, about */
    uint64_t heard_ms;
    struct strmap last; /* topic to struct monitor_topic: its last turn */
    struct rng rng;
};

void monitor_core_init(struct monitor_core *m, const struct topics *topics, uint64_t seed,
                       uint64_t now_ms);
void monitor_core_fini(struct monitor_core *m);

/* A round begins: everything that was known of the feed is forgotten. */
void monitor_core_begin(struct monitor_core *m, uint64_t now_ms);
/* SYNC on the topic of this round. */
enum monitor_verdict monitor_core_sync(struct monitor_core *m, const struct msg_sync *sync,
                                       uint64_t now_ms);
/* The snapshot has come. MONITOR_NOTHING when it can be shown, MONITOR_RESTARTED when it is of
 * another broker than SYNC. */
enum monitor_verdict monitor_core_snapshot(struct monitor_core *m, uint64_t epoch, uint64_t turn);
/* There was none. */
void monitor_core_snapshot_failed(struct monitor_core *m);
enum monitor_verdict monitor_core_events(struct monitor_core *m, struct slice topic,
                                         const struct msg_events *events, uint64_t now_ms);
enum monitor_verdict monitor_core_beat(struct monitor_core *m, const struct msg_beat *beat,
                                       uint64_t now_ms);

/* A round should begin now: after a gap, when SYNC has not come, or when the broker is back. */
bool monitor_core_round_due(const struct monitor_core *m, uint64_t now_ms);
/* True once when the broker has been silent for too long. */
bool monitor_core_silent(struct monitor_core *m, uint64_t now_ms);
/* When to ask the two functions above again. */
uint64_t monitor_core_deadline(const struct monitor_core *m);

#endif
