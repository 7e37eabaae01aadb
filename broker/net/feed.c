/* feed.c: subscriptions in, events out. */
#include "net/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "base/text.h"
#include "net/socket.h"
#include "wire.h"

#define SYNC_PREFIX      "sync."
#define SYNC_RANDOM_MAX  64
#define SYNCS_MAX        256
#define BEAT_TOPIC       "broker.beat"
#define IDLE_MS          120000
#define MESSAGE_MAX      (8u << 20)
#define ITEMS_KEPT_BYTES 4096 /* a topic gives more memory than this back when it is flushed */

/* Messages that may wait for a slow subscriber; after that it loses some and sees the gap. */
#define SEND_MAX 1000
/* Subscriptions are all that comes in, and short. */
#define RECEIVE_MAX 1000
#define MAX_FRAME   (TOPIC_MAX_BYTES + 56)

struct sync {
    uint8_t len;
    char topic[sizeof SYNC_PREFIX + SYNC_RANDOM_MAX];
};

struct feed {
    void *socket;
    const struct feed_kind *kinds;
    uint32_t kind_count;
    uint32_t watched;
    uint64_t watched_version; /* of the watchlist that `watched` and the topics were made from */
    uint64_t epoch, turn, flushed_ms, malformed;
    struct watchlist watches;
    struct topic_table topics;
    struct { /* where the event before went: events come in runs */
        bool valid;
        uint32_t kind;
        struct feed_topic *topic; /* NULL: nobody watches it */
        size_t queue_len;
        char queue[NAME_MAX_BYTES];
    } last;
    struct buf items, out;
    uint32_t sync_count;
    struct sync syncs[SYNCS_MAX];
    struct slice beat_topics[FEED_TOPICS_MAX];
    uint8_t beat_turns[FEED_TOPICS_MAX * 8];
    uint64_t time_ms; /* what time_text says */
    char time_text[TIME_TEXT_BYTES];
    char endpoint[SOCKET_ENDPOINT_BYTES];
};

static int prepare(struct feed *f, void *context, const struct feed_options *options, char *why,
                   size_t why_size)
{
    f->kinds = options->kinds;
    f->kind_count = options->kind_count;
    f->epoch = options->epoch;
    f->time_ms = UINT64_MAX;
    topic_table_init(&f->topics);
    buf_init(&f->items, MESSAGE_MAX);
    buf_init(&f->out, MESSAGE_MAX);
    if (watchlist_init(&f->watches)) {
        snprintf(why, why_size, "out of memory");
        return MUSTER_ENOMEM;
    }
    f->socket = zmq_socket(context, ZMQ_XPUB);
    if (!f->socket) {
        snprintf(why, why_size, "cannot make a socket: %s", zmq_strerror(errno));
        return MUSTER_EIO;
    }
    const struct socket_options tuning = {.endpoint = options->endpoint,
                                          .max_frame = MAX_FRAME,
                                          .receive_max = RECEIVE_MAX,
                                          .send_max = SEND_MAX};
    return socket_bind(f->socket, &tuning, f->endpoint, why, why_size);
}

int feed_open(struct feed **ret, void *context, const struct feed_options *options, char *why,
              size_t why_size)
{
    struct feed *f = calloc(1, sizeof *f);
    if (!f) {
        snprintf(why, why_size, "out of memory");
        return MUSTER_ENOMEM;
    }
    int error = prepare(f, context, options, why, why_size);
    if (error)
        feed_close(&f, 0);
    else
        *ret = f;
    return error;
}

void feed_close(struct feed **feed, int linger_ms)
{
    struct feed *f = *feed;
    if (!f)
        return;
    if (f->socket) {
        zmq_setsockopt(f->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close(f->socket);
    }
    topic_table_fini(&f->topics);
    watchlist_fini(&f->watches);
    buf_fini(&f->items);
    buf_fini(&f->out);
    free(f);
    *feed = NULL;
}

const char *feed_endpoint(const struct feed *f)
{
    return f->endpoint;
}

void *feed_socket(struct feed *f)
{
    return f->socket;
}

uint64_t feed_turn(const struct feed *f)
{
    return f->turn;
}

uint64_t feed_malformed(const struct feed *f)
{
    return f->malformed;
}

/* ---- subscriptions ---- */

/* sync.<1 to 64 letters and digits> */
static bool is_sync(struct slice topic)
{
    size_t prefix = sizeof SYNC_PREFIX - 1;
    if (topic.len <= prefix || topic.len > prefix + SYNC_RANDOM_MAX)
        return false;
    for (size_t i = prefix; i < topic.len; i++) {
        uint8_t c = topic.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    return memcmp(topic.data, SYNC_PREFIX, prefix) == 0;
}

static void take_subscription(struct feed *f, bool subscribe, struct slice topic)
{
    if (is_sync(topic)) {
        if (!subscribe)
            return;
        struct sync *sync = &f->syncs[f->sync_count++];
        sync->len = (uint8_t)topic.len;
        memcpy(sync->topic, topic.data, topic.len);
    } else if (subscribe) {
        watchlist_add(&f->watches, topic);
    } else {
        watchlist_remove(&f->watches, topic);
    }
}

static bool receive_one(struct feed *f)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    bool got = zmq_msg_recv(&message, f->socket, ZMQ_DONTWAIT) >= 0;
    if (got) {
        struct slice bytes = slice_of(zmq_msg_data(&message), zmq_msg_size(&message));
        if (bytes.len == 0 || bytes.data[0] > 1)
            f->malformed++;
        else
            take_subscription(f, bytes.data[0] == 1, slice_of(bytes.data + 1, bytes.len - 1));
    }
    zmq_msg_close(&message);
    return got;
}

bool feed_read(struct feed *f, uint32_t budget)
{
    bool more = true;
    for (uint32_t i = 0; i < budget && more && f->sync_count < SYNCS_MAX; i++)
        more = receive_one(f);
    if (f->watched_version != f->watches.version) {
        f->watched_version = f->watches.version;
        f->watched = watchlist_mask(&f->watches, f->kinds, f->kind_count);
        f->last.valid = false;
        topic_table_sweep(&f->topics, &f->watches);
    }
    return more;
}

uint32_t feed_watched(const struct feed *f)
{
    return f->watched;
}

bool feed_has_watchers(const struct feed *f)
{
    return !watchlist_empty(&f->watches);
}

bool feed_watches(const struct feed *f, const char *topic)
{
    return watchlist_covers(&f->watches, slice_str(topic));
}

/* ---- sending ---- */

/* Sends topic, NUL, message as one frame. Slow subscribers lose it: libzmq drops it for them alone.
 */
static void send_message(struct feed *f, struct slice topic, const struct msg *msg)
{
    buf_reset(&f->out);
    (void)buf_append(&f->out, topic.data, topic.len);
    (void)buf_append(&f->out, "", 1);
    if (wire_encode(&f->out, msg) == 0)
        (void)zmq_send(f->socket, f->out.data, f->out.len, ZMQ_DONTWAIT);
    if (f->out.cap > ITEMS_KEPT_BYTES * 64)
        buf_fini(&f->out);
}

void feed_answer(struct feed *f, uint64_t now_ms)
{
    if (!f->sync_count)
        return;
    feed_flush(f, now_ms);
    for (uint32_t i = 0; i < f->sync_count; i++) {
        const struct msg msg = {.type = MSG_SYNC, .sync = {.epoch = f->epoch, .turn = f->turn}};
        send_message(f, slice_of(f->syncs[i].topic, f->syncs[i].len), &msg);
    }
    f->sync_count = 0;
}

static void put_u64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

void feed_beat(struct feed *f, uint64_t now_ms)
{
    if (now_ms > IDLE_MS) {
        f->last.valid = false;
        topic_table_expire(&f->topics, now_ms - IDLE_MS);
    }
    if (!feed_watches(f, BEAT_TOPIC))
        return;
    uint32_t count = 0;
    LIST_FOREACH (it, &f->topics.used) {
        const struct feed_topic *topic = CONTAINER_OF(it, struct feed_topic, link);
        if (!topic->previous)
            continue;
        f->beat_topics[count] = topic->name;
        put_u64(&f->beat_turns[count * 8], topic->previous);
        count++;
    }
    const struct msg msg = {.type = MSG_BEAT,
                            .beat = {.epoch = f->epoch,
                                     .turn = f->turn,
                                     .forgotten = f->topics.forgotten,
                                     .topics = {.items = f->beat_topics, .count = count},
                                     .turns = slice_of(f->beat_turns, count * 8)}};
    send_message(f, slice_str(BEAT_TOPIC), &msg);
}

/* ---- events ---- */

static void flush_topic(struct feed *f, struct feed_topic *topic)
{
    buf_reset(&f->items);
    if (!topic->elided) {
        wire_array(&f->items, topic->count);
        (void)buf_append(&f->items, topic->items.data, topic->items.len);
    }
    struct msg msg = {.type = MSG_EVENTS,
                      .events = {.epoch = f->epoch,
                                 .turn = f->turn,
                                 .previous = topic->previous,
                                 .count = topic->count,
                                 .elided = topic->elided,
                                 .items = buf_slice(&f->items)}};
    send_message(f, topic->name, &msg);
    topic->previous = f->turn;
    topic->count = 0;
    topic->elided = false;
    buf_reset(&topic->items);
    if (topic->items.cap > ITEMS_KEPT_BYTES)
        buf_fini(&topic->items);
    list_remove(&topic->pending);
}

bool feed_pending(const struct feed *f)
{
    return !list_empty(&f->topics.pending);
}

uint64_t feed_flushed_ms(const struct feed *f)
{
    return f->flushed_ms;
}

void feed_flush(struct feed *f, uint64_t now_ms)
{
    if (!feed_pending(f))
        return;
    f->turn++;
    f->flushed_ms = now_ms;
    LIST_FOREACH_SAFE (it, &f->topics.pending) {
        flush_topic(f, CONTAINER_OF(it, struct feed_topic, pending));
    }
}

static struct feed_topic *take_topic(struct feed *f, struct slice name, uint64_t now_ms)
{
    struct feed_topic *topic = topic_table_find(&f->topics, name);
    if (topic)
        return topic;
    if (!watchlist_covers(&f->watches, name))
        return NULL;
    topic = topic_table_take(&f->topics, name);
    if (!topic && feed_pending(f)) { /* all topics have events: let them go */
        feed_flush(f, now_ms);
        topic = topic_table_take(&f->topics, name);
    }
    return topic;
}

/* The topic of an event, or NULL when nobody watches it. */
static struct feed_topic *event_topic(struct feed *f, const struct feed_event *event,
                                      uint64_t now_ms)
{
    const struct feed_kind *kind = &f->kinds[event->kind];
    struct slice queue = kind->has_queue ? event->queue : SLICE_EMPTY;
    if (f->last.valid && f->last.kind == event->kind &&
        slice_eq(slice_of(f->last.queue, f->last.queue_len), queue))
        return f->last.topic;
    char text[TOPIC_MAX_BYTES + 1];
    int len = snprintf(text, sizeof text, "%s%s%.*s", kind->name, kind->has_queue ? "." : "",
                       SLICE_FMT(queue));
    if (len < 0 || (size_t)len > TOPIC_MAX_BYTES || queue.len > sizeof f->last.queue)
        return NULL;
    f->last.topic = take_topic(f, slice_of(text, (size_t)len), now_ms);
    f->last.valid = true;
    f->last.kind = event->kind;
    f->last.queue_len = queue.len;
    if (queue.len)
        memcpy(f->last.queue, queue.data, queue.len);
    return f->last.topic;
}

/* Counts one more event; false when it is only counted, not told. */
static bool admit(struct feed *f, struct feed_topic *topic, uint64_t now_ms)
{
    if (list_empty(&topic->pending)) {
        list_push_back(&f->topics.pending, &topic->pending);
        topic->used_ms = now_ms;
        list_remove(&topic->link);
        list_push_back(&f->topics.used, &topic->link);
    }
    if (now_ms - topic->second_ms >= 1000) {
        topic->second_ms = now_ms;
        topic->in_second = 0;
    }
    topic->count++;
    if (topic->elided)
        return false;
    if (topic->in_second >= FEED_EVENTS_PER_SECOND || topic->items.error) {
        topic->elided = true;
        return false;
    }
    topic->in_second++;
    return true;
}

static void put_text(struct buf *out, const char *key, struct slice text)
{
    if (!text.len)
        return;
    wire_cstr(out, key);
    wire_str(out, text);
}

static void put_nominal_time(struct buf *out, uint64_t unix_ms)
{
    char text[TIME_TEXT_BYTES];
    if (!unix_ms)
        return;
    time_format(unix_ms, text);
    put_text(out, "nominal_time", slice_str(text));
}

static void put_event(struct feed *f, const struct feed_topic *topic,
                      const struct feed_event *event, struct buf *out)
{
    char id[JOB_ID_TEXT_BYTES];
    if (f->time_ms != event->wall_ms) {
        f->time_ms = event->wall_ms;
        time_format(event->wall_ms, f->time_text);
    }
    job_id_format(event->id, id);
    uint32_t pairs = 2u + (event->id != 0) + (event->job_kind.len != 0) + (event->queue.len != 0) +
                     (event->attempt != 0) + (event->worker.len != 0) + (event->code.len != 0) +
                     (event->schedule.len != 0) + (event->nominal_ms != 0) + (event->text.len != 0);
    wire_map(out, pairs);
    put_text(out, "time", slice_str(f->time_text));
    put_text(out, "topic", topic->name);
    put_text(out, "schedule", event->schedule);
    put_nominal_time(out, event->nominal_ms);
    put_text(out, "id", event->id ? slice_str(id) : SLICE_EMPTY);
    put_text(out, "kind", event->job_kind);
    put_text(out, "queue", event->queue);
    if (event->attempt) {
        wire_cstr(out, "attempt");
        wire_uint(out, event->attempt);
    }
    put_text(out, "worker", event->worker);
    put_text(out, "code", event->code);
    put_text(out, "text", event->text);
}

/* A message that cannot hold all its items tells their count. */
static void judge_items(struct feed_topic *topic)
{
    if (topic->items.error)
        topic->elided = true;
}

void feed_publish(struct feed *f, const struct feed_event *event, uint64_t now_ms)
{
    struct feed_topic *topic = event_topic(f, event, now_ms);
    if (!topic || !admit(f, topic, now_ms))
        return;
    put_event(f, topic, event, &topic->items);
    judge_items(topic);
}

void feed_publish_item(struct feed *f, const char *name, struct slice item, uint64_t now_ms)
{
    f->last.valid = false; /* its topic may make room for this one */
    struct feed_topic *topic = take_topic(f, slice_str(name), now_ms);
    if (!topic || !admit(f, topic, now_ms))
        return;
    wire_raw(&topic->items, item);
    judge_items(topic);
}
