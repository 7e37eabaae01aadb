/* feed.h: the XPUB socket that tells monitors what happens.
 *
 * Events are gathered per topic and go out as one message a topic when the feed is flushed; each
 * flush that sends something is a turn. A message carries (epoch, turn, turn of the message before
 * on its topic), the beat lists the last turn of each topic: so a subscriber sees what it missed.
 * Nothing here waits: who is too slow loses messages. */
#ifndef NET_FEED_H
#define NET_FEED_H

#include "net/feed_topics.h"

struct feed;

struct feed_options {
    const char *endpoint;
    uint64_t epoch;
    const struct feed_kind *kinds; /* borrowed for ever; at most 32 */
    uint32_t kind_count;
};

/* Above this, a topic's events of a second are counted instead of told. */
#define FEED_EVENTS_PER_SECOND 20000

struct feed_event {
    uint32_t kind;    /* index into kinds */
    uint32_t attempt; /* 0: left out */
    uint64_t id;      /* 0: left out */
    uint64_t wall_ms;
    struct slice queue, job_kind, worker, code, schedule, text; /* empty: left out */
    uint64_t nominal_ms;                                        /* 0: left out */
};

/* Binds. MUSTER_EIO or MUSTER_ENOMEM with `why`. */
int feed_open(struct feed **ret, void *context, const struct feed_options *options, char *why,
              size_t why_size) MUSTER_MUSTCHECK;
void feed_close(struct feed **feed, int linger_ms);
const char *feed_endpoint(const struct feed *f);
void *feed_socket(struct feed *f);

/* Reads at most `budget` subscription messages; false when none is left. Then look at feed_watched,
 * tell whoever makes events, and only then call feed_answer: a subscriber that got its answer
 * misses nothing after it. */
bool feed_read(struct feed *f, uint32_t budget);
/* Mask of the kinds that somebody watches. */
uint32_t feed_watched(const struct feed *f);
/* True when anyone watches anything. */
bool feed_has_watchers(const struct feed *f);
bool feed_watches(const struct feed *f, const char *topic);
/* Answers each subscription to sync.<random> by SYNC on that topic. */
void feed_answer(struct feed *f, uint64_t now_ms);

void feed_publish(struct feed *f, const struct feed_event *event, uint64_t now_ms);
/* An event whose item (one msgpack map) the caller has made. */
void feed_publish_item(struct feed *f, const char *topic, struct slice item, uint64_t now_ms);
/* True when events wait for feed_flush. */
bool feed_pending(const struct feed *f);
void feed_flush(struct feed *f, uint64_t now_ms);
/* When it was flushed last (monotonic ms). */
uint64_t feed_flushed_ms(const struct feed *f);
/* The last turn that was flushed. */
uint64_t feed_turn(const struct feed *f);
/* Sends the beat, if anyone watches it, and forgets topics that had no events for two minutes. */
void feed_beat(struct feed *f, uint64_t now_ms);

/* Messages from subscribers that were no subscription. */
uint64_t feed_malformed(const struct feed *f);

#endif
