/* feed_topics.c: subscriptions and topics of the feed. */
#include "net/feed_topics.h"

#include <stdlib.h>

/* Items of one message; more are counted, not told. */
#define ITEMS_MAX_BYTES (512u << 10)

int watchlist_init(struct watchlist *w)
{
    *w = (struct watchlist){.items = calloc(WATCH_MAX, sizeof *w->items), .version = 1};
    return w->items ? 0 : MUSTER_ENOMEM;
}

void watchlist_fini(struct watchlist *w)
{
    free(w->items);
    w->items = NULL;
    w->count = 0;
}

static struct slice watch_text(const struct watch *watch)
{
    return slice_of(watch->text, watch->len);
}

static bool starts_with(struct slice text, struct slice prefix)
{
    return text.len >= prefix.len && slice_eq(slice_of(text.data, prefix.len), prefix);
}

void watchlist_add(struct watchlist *w, struct slice prefix)
{
    w->version++;
    if (w->count == WATCH_MAX || prefix.len > TOPIC_MAX_BYTES) {
        w->untracked++;
        return;
    }
    struct watch *watch = &w->items[w->count++];
    watch->len = (uint8_t)prefix.len;
    if (prefix.len)
        memcpy(watch->text, prefix.data, prefix.len);
}

void watchlist_remove(struct watchlist *w, struct slice prefix)
{
    w->version++;
    for (uint32_t i = 0; i < w->count; i++) {
        if (!slice_eq(watch_text(&w->items[i]), prefix))
            continue;
        w->items[i] = w->items[--w->count];
        return;
    }
    if (w->untracked)
        w->untracked--;
}

bool watchlist_empty(const struct watchlist *w)
{
    return w->count == 0 && w->untracked == 0;
}

bool watchlist_covers(const struct watchlist *w, struct slice topic)
{
    if (w->untracked)
        return true;
    for (uint32_t i = 0; i < w->count; i++) {
        if (starts_with(topic, watch_text(&w->items[i])))
            return true;
    }
    return false;
}

/* Somebody who subscribed to `prefix` may get some topic of this kind. */
static bool kind_watched(const struct feed_kind *kind, struct slice prefix)
{
    struct slice name = slice_str(kind->name);
    if (starts_with(name, prefix))
        return true;
    return kind->has_queue && starts_with(prefix, name) && prefix.data[name.len] == '.';
}

uint32_t watchlist_mask(const struct watchlist *w, const struct feed_kind *kinds, uint32_t count)
{
    uint32_t mask = 0;
    for (uint32_t k = 0; k < count; k++) {
        bool watched = w->untracked > 0;
        for (uint32_t i = 0; i < w->count && !watched; i++)
            watched = kind_watched(&kinds[k], watch_text(&w->items[i]));
        mask |= watched ? UINT32_C(1) << k : 0;
    }
    return mask;
}

void topic_table_init(struct topic_table *t)
{
    *t = (struct topic_table){0};
    strmap_init(&t->by_name);
    list_init(&t->used);
    list_init(&t->pending);
}

static void topic_table_drop(struct topic_table *t, struct feed_topic *topic)
{
    strmap_remove(&t->by_name, topic->name);
    list_remove(&topic->link);
    list_remove(&topic->pending);
    buf_fini(&topic->items);
    free(topic);
    t->count--;
}

void topic_table_fini(struct topic_table *t)
{
    LIST_FOREACH_SAFE (it, &t->used) {
        topic_table_drop(t, CONTAINER_OF(it, struct feed_topic, link));
    }
    strmap_fini(&t->by_name);
}

struct feed_topic *topic_table_find(const struct topic_table *t, struct slice name)
{
    return strmap_get(&t->by_name, name);
}

/* Drops one that somebody may watch: the beat does not tell of it any more. */
static void forget(struct topic_table *t, struct feed_topic *topic)
{
    if (topic->previous > t->forgotten)
        t->forgotten = topic->previous;
    topic_table_drop(t, topic);
}

/* Makes room by forgetting the topic that was used longest ago, if it has nothing pending. */
static bool make_room(struct topic_table *t)
{
    if (t->count < FEED_TOPICS_MAX)
        return true;
    LIST_FOREACH (it, &t->used) {
        struct feed_topic *oldest = CONTAINER_OF(it, struct feed_topic, link);
        if (!list_empty(&oldest->pending))
            continue;
        forget(t, oldest);
        return true;
    }
    return false;
}

static struct feed_topic *topic_new(struct slice name)
{
    struct feed_topic *topic = calloc(1, sizeof *topic);
    if (!topic)
        return NULL;
    memcpy(topic->text, name.data, name.len);
    topic->name = slice_of(topic->text, name.len);
    list_init(&topic->link);
    list_init(&topic->pending);
    buf_init(&topic->items, ITEMS_MAX_BYTES);
    return topic;
}

struct feed_topic *topic_table_take(struct topic_table *t, struct slice name)
{
    struct feed_topic *topic = topic_table_find(t, name);
    if (topic)
        return topic;
    if (name.len > TOPIC_MAX_BYTES || !make_room(t) || !(topic = topic_new(name)))
        return NULL;
    if (strmap_put(&t->by_name, topic->name, topic)) {
        free(topic);
        return NULL;
    }
    list_push_back(&t->used, &topic->link);
    t->count++;
    return topic;
}

void topic_table_sweep(struct topic_table *t, const struct watchlist *w)
{
    LIST_FOREACH_SAFE (it, &t->used) {
        struct feed_topic *topic = CONTAINER_OF(it, struct feed_topic, link);
        if (!watchlist_covers(w, topic->name))
            topic_table_drop(t, topic);
    }
}

void topic_table_expire(struct topic_table *t, uint64_t before_ms)
{
    LIST_FOREACH_SAFE (it, &t->used) {
        struct feed_topic *topic = CONTAINER_OF(it, struct feed_topic, link);
        if (topic->used_ms >= before_ms)
            return;
        if (list_empty(&topic->pending))
            forget(t, topic);
    }
}
