/* feed_topics.h: what the feed's subscribers watch, and what is known of each topic that had
 * events.
 *
 * Both tables are bounded: subscriptions beyond the first WATCH_MAX count as "somebody watches
 * everything", and the topic that was used longest ago makes room for a new one. */
#ifndef NET_FEED_TOPICS_H
#define NET_FEED_TOPICS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"

#define WATCH_MAX       1024
#define FEED_TOPICS_MAX 4096

/* A kind of topic; its index is its bit in a mask. */
struct feed_kind {
    const char *name; /* "job.completed" */
    bool has_queue;   /* "." and a queue's name follow */
};

/* Prefixes that are subscribed to; each once, as XPUB tells them. */
struct watchlist {
    struct watch {
        uint8_t len;
        char text[TOPIC_MAX_BYTES];
    } * items;
    uint32_t count;
    uint32_t untracked; /* subscriptions that found no place */
    uint64_t version;   /* raised by every change */
};

/* 0 or MUSTER_ENOMEM. */
int watchlist_init(struct watchlist *w) MUSTER_MUSTCHECK;
void watchlist_fini(struct watchlist *w);
void watchlist_add(struct watchlist *w, struct slice prefix);
void watchlist_remove(struct watchlist *w, struct slice prefix);
bool watchlist_empty(const struct watchlist *w);
/* True when somebody gets messages on this topic. */
bool watchlist_covers(const struct watchlist *w, struct slice topic);
/* The kinds of which some topic may be watched. */
uint32_t watchlist_mask(const struct watchlist *w, const struct feed_kind *kinds, uint32_t count);

/* One topic that had events while it was watched. */
struct feed_topic {
    struct list link;    /* topic_table.used, oldest first */
    struct list pending; /* topic_table.pending: has events of this turn */
    char text[TOPIC_MAX_BYTES];
    struct slice name; /* in text */
    uint64_t previous; /* turn of the last message; 0: none yet */
    uint64_t used_ms;
    uint64_t second_ms; /* start of the second that is counted */
    uint32_t in_second; /* events told in it */
    uint32_t count;     /* events of this turn */
    bool elided;        /* this turn's events are counted, not told */
    struct buf items;   /* this turn's events */
};

struct topic_table {
    struct strmap by_name;
    struct list used, pending;
    uint32_t count;
    uint64_t forgotten; /* greatest last turn of those that made room or had no events for long */
};

void topic_table_init(struct topic_table *t);
void topic_table_fini(struct topic_table *t);
struct feed_topic *topic_table_find(const struct topic_table *t, struct slice name);
/* The topic of this name, made if there is none. NULL when out of memory, or when there is room for
 * none because all have pending events. */
struct feed_topic *topic_table_take(struct topic_table *t, struct slice name);
/* The subscriptions have changed: forgets the topics that nobody watches now. */
void topic_table_sweep(struct topic_table *t, const struct watchlist *w);
/* Forgets topics without events since `before_ms`. */
void topic_table_expire(struct topic_table *t, uint64_t before_ms);

#endif
