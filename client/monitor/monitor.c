/* monitor.c: subscribing, reading the feed, and beginning a new round when something was missed. */
#include "monitor/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/limits.h"
#include "monitor/event_text.h"
#include "monitor/monitor_core.h"
#include "wire.h"

#define BEAT_TOPIC    "broker.beat"
#define AWAY_POLL_MS  500
#define PING_MS       1000
#define FRAMES_A_TURN 1000
#define RECEIVE_MAX                                                                                \
    20000 /* messages that may wait: for the snapshot, or whoever reads the output */

struct monitor {
    struct cli *cli;
    const struct monitor_options *options;
    struct monitor_core core;
    void *context, *socket;
    char sync_topic[32];
    uint64_t shown;
    bool wants_beats;
};

/* ---- the socket ---- */

void monitor_feed_endpoint(const char *broker, const char *feed, char *out, size_t out_size)
{
    static const char *const any[] = {"tcp://0.0.0.0:", "tcp://[::]:", "tcp://*:"};
    const char *port = strrchr(broker, ':');
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
        size_t len = strlen(any[i]);
        if (strncmp(feed, any[i], len) != 0 || strncmp(broker, "tcp://", 6) != 0 || !port)
            continue;
        (void)snprintf(out, out_size, "%.*s:%s", (int)(port - broker), broker, feed + len);
        return;
    }
    (void)snprintf(out, out_size, "%s", feed);
}

static void subscribe(struct monitor *m, int option, const char *topic)
{
    (void)zmq_setsockopt(m->socket, option, topic, strlen(topic));
}

static void close_socket(struct monitor *m)
{
    int linger = 0;
    if (!m->socket)
        return;
    (void)zmq_setsockopt(m->socket, ZMQ_LINGER, &linger, sizeof linger);
    (void)zmq_close(m->socket);
    m->socket = NULL;
}

/* 0 or the exit status. */
static int open_socket(struct monitor *m)
{
    struct muster_broker_info broker;
    char endpoint[300];
    int receive_max = RECEIVE_MAX, ipv6 = 1;
    int error = muster_client_ready(m->cli->client, cli_timeout_ms(m->cli), &broker);
    if (error)
        return cli_reply_error(m->cli, error, NULL, "");
    if (m->options->feed)
        (void)snprintf(endpoint, sizeof endpoint, "%s", m->options->feed);
    else
        monitor_feed_endpoint(m->cli->broker, broker.feed, endpoint, sizeof endpoint);
    close_socket(m);
    m->socket = zmq_socket(m->context, ZMQ_SUB);
    if (!m->socket)
        return cli_error(m->cli, MUSTER_ENOMEM, "cannot make a socket: %s", zmq_strerror(errno));
    (void)zmq_setsockopt(m->socket, ZMQ_RCVHWM, &receive_max, sizeof receive_max);
    (void)zmq_setsockopt(m->socket, ZMQ_IPV6, &ipv6, sizeof ipv6);
    if (zmq_connect(m->socket, endpoint))
        return cli_usage(m->cli, "monitor", "the feed's endpoint \"%s\" cannot be used: %s",
                         endpoint, zmq_strerror(errno));
    for (size_t i = 0; i < m->options->topics.count; i++)
        subscribe(m, ZMQ_SUBSCRIBE, m->options->topics.words[i]);
    subscribe(m, ZMQ_SUBSCRIBE, BEAT_TOPIC);
    m->sync_topic[0] = '\0';
    return 0;
}

/* ---- rounds ---- */

/* Behind the subscriptions of the topics: so its answer says that they are heard. */
static void begin_round(struct monitor *m)
{
    uint64_t random = clock_ms();
    (void)!getrandom(&random, sizeof random, 0);
    if (m->sync_topic[0])
        subscribe(m, ZMQ_UNSUBSCRIBE, m->sync_topic);
    (void)snprintf(m->sync_topic, sizeof m->sync_topic, "sync.%016llx", (unsigned long long)random);
    subscribe(m, ZMQ_SUBSCRIBE, m->sync_topic);
    monitor_core_begin(&m->core, clock_ms());
}

static void load_snapshot(struct monitor *m)
{
    muster_reply_t *reply;
    uint64_t epoch, turn;
    int error = muster_snapshot(m->cli->client, CLI_TIMEOUT_MS, &reply);
    if (error) {
        monitor_core_snapshot_failed(&m->core);
        event_text_gap(m->cli, SLICE_EMPTY, 0, "the broker gave no snapshot; asking again");
    } else {
        muster_reply_turn(reply, &epoch, &turn);
        if (monitor_core_snapshot(&m->core, epoch, turn) == MONITOR_NOTHING)
            event_text_snapshot(m->cli, reply);
    }
    muster_reply_destroy(&reply);
    m->core.heard_ms = clock_ms(); /* beats that came meanwhile are still to be read */
}

static void tell_gap(struct monitor *m, enum monitor_verdict verdict, struct slice topic)
{
    static const char *const reasons[] = {
        [MONITOR_MISSED] = "events were missed; reading the state again",
        [MONITOR_RESTARTED] = "the broker has restarted; reading the state again",
        [MONITOR_CUT_OFF] = "the connection was lost for a while; reading the state again",
        [MONITOR_LOAD] = NULL,
    };
    if (!reasons[verdict])
        return;
    bool missed = verdict == MONITOR_MISSED;
    event_text_gap(m->cli, missed ? topic : SLICE_EMPTY, missed ? m->core.missed : 0,
                   reasons[verdict]);
}

/* ---- messages ---- */

static void on_events(struct monitor *m, struct slice topic, const struct msg_events *events)
{
    enum monitor_verdict verdict = monitor_core_events(&m->core, topic, events, clock_ms());
    tell_gap(m, verdict, topic);
    bool show = verdict == MONITOR_TELL ||
                (verdict == MONITOR_MISSED && topics_want(&m->options->topics, topic));
    if (show)
        m->shown += event_text_show(m->cli, topic, events, m->options->count - m->shown);
}

static void on_beat(struct monitor *m, const struct msg_beat *beat)
{
    tell_gap(m, monitor_core_beat(&m->core, beat, clock_ms()), SLICE_EMPTY);
    if (m->wants_beats && m->core.phase == MONITOR_LIVE) {
        event_text_beat(m->cli, beat);
        m->shown++;
    }
}

static void on_sync(struct monitor *m, struct slice topic, const struct msg_sync *sync)
{
    if (!slice_is(topic, m->sync_topic))
        return; /* of a round that was given up */
    enum monitor_verdict verdict = monitor_core_sync(&m->core, sync, clock_ms());
    tell_gap(m, verdict, SLICE_EMPTY);
    if (verdict == MONITOR_LOAD)
        load_snapshot(m);
}

/* topic, NUL, message */
static void on_frame(struct monitor *m, struct slice frame)
{
    char why[128];
    struct msg message;
    const uint8_t *nul = frame.len ? memchr(frame.data, 0, frame.len) : NULL;
    if (!nul)
        return;
    struct slice topic = slice_of(frame.data, (size_t)(nul - frame.data));
    struct slice bytes = slice_of(nul + 1, frame.len - topic.len - 1);
    if (wire_decode(bytes, &message, why, sizeof why))
        return;
    if (message.type == MSG_EVENTS)
        on_events(m, topic, &message.events);
    else if (message.type == MSG_BEAT)
        on_beat(m, &message.beat);
    else if (message.type == MSG_SYNC)
        on_sync(m, topic, &message.sync);
}

static void receive(struct monitor *m)
{
    for (int i = 0; i < FRAMES_A_TURN && m->shown < m->options->count; i++) {
        zmq_msg_t frame;
        (void)zmq_msg_init(&frame);
        bool got = zmq_msg_recv(&frame, m->socket, ZMQ_DONTWAIT) >= 0;
        if (got && !zmq_msg_more(&frame))
            on_frame(m, slice_of(zmq_msg_data(&frame), zmq_msg_size(&frame)));
        (void)zmq_msg_close(&frame);
        if (!got)
            return;
    }
}

/* ---- the loop ---- */

/* The feed is silent. Once the frontend answers, the feed is connected anew: it may be elsewhere.
 */
static int look_for_broker(struct monitor *m)
{
    muster_reply_t *reply;
    int error = muster_stats(m->cli->client, PING_MS, &reply);
    muster_reply_destroy(&reply);
    if (error)
        return 0;
    int status = open_socket(m);
    if (!status)
        begin_round(m);
    return status;
}

static int turn(struct monitor *m)
{
    uint64_t now = clock_ms();
    if (monitor_core_silent(&m->core, now))
        event_text_gap(m->cli, SLICE_EMPTY, 0, "the broker is silent; waiting for it");
    if (m->core.away)
        return look_for_broker(m);
    if (monitor_core_round_due(&m->core, now))
        begin_round(m);
    return 0;
}

static void wait_for_feed(struct monitor *m)
{
    uint64_t now = clock_ms(), deadline = monitor_core_deadline(&m->core);
    long timeout = m->core.away ? AWAY_POLL_MS : deadline <= now ? 0 : (long)(deadline - now);
    zmq_pollitem_t item = {.socket = m->socket, .events = ZMQ_POLLIN};
    (void)fflush(stdout);
    (void)zmq_poll(&item, 1, timeout);
}

static int run(struct monitor *m)
{
    int status = open_socket(m);
    if (status)
        return status;
    begin_round(m);
    while (m->shown < m->options->count && !ferror(stdout)) {
        wait_for_feed(m);
        receive(m);
        status = turn(m);
        if (status)
            return status;
    }
    return EXIT_DONE;
}

int monitor_run(struct cli *cli, const struct monitor_options *options)
{
    struct monitor m = {.cli = cli, .options = options, .context = zmq_ctx_new()};
    uint64_t seed = clock_ms();
    if (!m.context)
        return cli_error(cli, MUSTER_ENOMEM, "out of memory");
    m.wants_beats = topics_want(&options->topics, slice_str(BEAT_TOPIC));
    monitor_core_init(&m.core, &options->topics, seed, clock_ms());
    int status = run(&m);
    close_socket(&m);
    monitor_core_fini(&m.core);
    (void)zmq_ctx_term(m.context);
    return status;
}
