/* loop.c: turns. A turn reads what is there, up to a bound for each socket, lets the core act on
 * all of it together, and waits for the next message, batch or deadline. */
#include "run/loop.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "run/apply.h"
#include "run/backup_task.h"
#include "run/drops.h"

#define MESSAGES_PER_TURN 256
#define SOCKET_TURN_US    1000 /* so long one socket is read in a turn, about */
#define CLOCK_EVERY       16   /* messages between two looks at the clock */
/* Under load events gather so long; on an idle broker they leave at once. */
#define FEED_GATHER_MS 10
#define SECOND_MS      1000
#define STOP_MS        2000 /* for what is on its way when the broker is stopped */

enum poll_item {
    POLL_SIGNAL,
    POLL_STORE,
    POLL_BACKUP,
    POLL_FEED,
    POLL_BACKEND,
    POLL_FRONTEND,
    POLL_COUNT
};

static void read_clocks(struct broker *b)
{
    b->now_ms = clock_ms();
    b->wall_ms = clock_wall_ms();
}

void loop_step(struct broker *b, struct event *event)
{
    event->now_ms = b->now_ms;
    event->wall_ms = b->wall_ms;
    core_step(b->core, event);
    apply_actions(b);
}

static void step_plain(struct broker *b, enum event_type type)
{
    struct event event = {.type = type};
    loop_step(b, &event);
}

/* ---- messages ---- */

static void take_frame(struct broker *b, enum side side, route_t route, struct blob *frame)
{
    struct event event;
    if (translate(&b->translator, side, frame, &event, &b->refusal) == 0) {
        event.route = route;
        loop_step(b, &event);
    } else {
        drops_count(b, side, &b->refusal);
        apply_refusal(b, side, route, &b->refusal);
    }
    blob_unref(frame);
}

static bool may_read(const struct broker *b, enum side side)
{
    return !b->stopping && b->exit_code == EXIT_NOT_YET &&
           (side != SIDE_CLIENT || core_frontend_open(b->core));
}

static void read_side(struct broker *b, enum side side)
{
    uint64_t until_us = 0;
    route_t route;
    struct blob *frame;
    for (uint32_t i = 0; i < MESSAGES_PER_TURN && may_read(b, side); i++) {
        if (i % CLOCK_EVERY == 0) {
            uint64_t now_us = clock_us();
            if (i == 0)
                until_us = now_us + SOCKET_TURN_US;
            else if (now_us >= until_us)
                return;
        }
        if (!router_receive(b->sides[side], &route, &frame))
            return;
        take_frame(b, side, route, frame);
    }
}

/* ---- the store ---- */

static void read_store(struct broker *b)
{
    char why[512];
    struct batch *batch = store_thread_take(b->store);
    while (batch) {
        struct batch *next = batch->next;
        struct event event = {.type = EV_STORED, .stored = {.batch = batch}};
        batch->next = NULL;
        loop_step(b, &event);
        batch = next;
    }
    int error = store_thread_error(b->store, why, sizeof why);
    if (error) {
        log_write(LEVEL_ERROR, "the store failed; nothing more is acknowledged",
                  LOG_FIELDS(log_text("code", err_code(error)), log_text("reason", why)));
        b->exit_code = EXIT_STORE;
    }
}

/* ---- the feed ---- */

/* Subscriptions: the core hears of them before the subscriber gets its answer. */
static void read_feed(struct broker *b)
{
    uint32_t before = feed_watched(b->feed);
    feed_read(b->feed, MESSAGES_PER_TURN);
    if (feed_watched(b->feed) != before) {
        struct event event = {.type = EV_WATCH, .watch = {.topics = feed_watched(b->feed)}};
        loop_step(b, &event);
    }
    feed_answer(b->feed, b->now_ms);
}

static uint64_t feed_deadline(const struct broker *b)
{
    if (feed_pending(b->feed))
        return feed_flushed_ms(b->feed) + FEED_GATHER_MS;
    return feed_has_watchers(b->feed) ? b->second_ms + SECOND_MS : UINT64_MAX;
}

/* Each second for those who watch: the figures, as a question to the core whose answer goes to
 * route 0, and the beat. */
static void tell_second(struct broker *b)
{
    if (!feed_has_watchers(b->feed) || b->now_ms < b->second_ms + SECOND_MS)
        return;
    b->second_ms = b->now_ms;
    if (feed_watches(b->feed, "broker.stats"))
        step_plain(b, EV_STATS);
    feed_beat(b->feed, b->now_ms);
}

static void flush_feed(struct broker *b)
{
    if (feed_pending(b->feed) && b->now_ms >= feed_flushed_ms(b->feed) + FEED_GATHER_MS)
        feed_flush(b->feed, b->now_ms);
}

/* ---- signals ---- */

static void read_signals(struct broker *b, int signal_fd)
{
    struct signalfd_siginfo info;
    while (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (!b->stopping)
            log_write(LEVEL_INFO, "stopping", LOG_FIELDS(log_number("signal", info.ssi_signo)));
        b->stopping = true;
        backup_task_stop(b->backup);
        b->stop_ms = b->now_ms + STOP_MS;
    }
}

/* What was read is durable and acknowledged, or it takes too long. */
static bool is_drained(const struct broker *b)
{
    bool idle = store_thread_in_flight(b->store) == 0 && !core_wants_turn(b->core) &&
                !backup_task_runs(b->backup);
    return idle || b->now_ms >= b->stop_ms;
}

/* ---- turns ---- */

static void prepare_poll(struct broker *b, zmq_pollitem_t items[POLL_COUNT], int signal_fd)
{
    items[POLL_SIGNAL] = (zmq_pollitem_t){.fd = signal_fd, .events = ZMQ_POLLIN};
    items[POLL_STORE] = (zmq_pollitem_t){.fd = store_thread_fd(b->store), .events = ZMQ_POLLIN};
    items[POLL_BACKUP] = (zmq_pollitem_t){.fd = backup_task_fd(b->backup), .events = ZMQ_POLLIN};
    items[POLL_FEED] = (zmq_pollitem_t){.socket = feed_socket(b->feed), .events = ZMQ_POLLIN};
    items[POLL_BACKEND] = (zmq_pollitem_t){.socket = router_socket(b->sides[SIDE_WORKER])};
    items[POLL_FRONTEND] = (zmq_pollitem_t){.socket = router_socket(b->sides[SIDE_CLIENT])};
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static long poll_timeout(const struct broker *b)
{
    uint64_t deadline = sooner(core_next_deadline(b->core), feed_deadline(b));
    deadline = sooner(deadline, drops_deadline(b));
    deadline = sooner(deadline, backup_task_deadline(b->backup));
    if (b->stopping)
        deadline = sooner(deadline, b->stop_ms);
    if (core_wants_turn(b->core))
        return 0; /* the actions of the last turn left something to do */
    if (deadline == UINT64_MAX)
        return -1;
    if (deadline <= b->now_ms)
        return 0;
    return deadline - b->now_ms < 3600000 ? (long)(deadline - b->now_ms) : 3600000;
}

static void wait(struct broker *b, zmq_pollitem_t items[POLL_COUNT])
{
    items[POLL_BACKEND].events = may_read(b, SIDE_WORKER) ? ZMQ_POLLIN : 0;
    items[POLL_FRONTEND].events = may_read(b, SIDE_CLIENT) ? ZMQ_POLLIN : 0;
    if (zmq_poll(items, POLL_COUNT, poll_timeout(b)) < 0) {
        for (int i = 0; i < POLL_COUNT; i++)
            items[i].revents = 0; /* EINTR: a turn without messages */
    }
    read_clocks(b);
}

static void turn(struct broker *b, zmq_pollitem_t items[POLL_COUNT], int signal_fd)
{
    if (items[POLL_SIGNAL].revents)
        read_signals(b, signal_fd);
    if (items[POLL_STORE].revents)
        read_store(b);
    if (items[POLL_FEED].revents)
        read_feed(b);
    if (items[POLL_BACKEND].revents)
        read_side(b, SIDE_WORKER);
    if (items[POLL_FRONTEND].revents)
        read_side(b, SIDE_CLIENT);
    /* After the messages: what peers said in time counts before they are judged. */
    if (b->now_ms >= core_next_deadline(b->core))
        step_plain(b, EV_TICK);
    backup_task_turn(b);
    tell_second(b);
    if (core_wants_turn(b->core))
        step_plain(b, EV_TURN);
    flush_feed(b);
    drops_report(b);
}

int loop_run(struct broker *b, int signal_fd)
{
    zmq_pollitem_t items[POLL_COUNT];
    prepare_poll(b, items, signal_fd);
    read_clocks(b);
    while (b->exit_code == EXIT_NOT_YET) {
        wait(b, items);
        turn(b, items, signal_fd);
        if (b->stopping && b->exit_code == EXIT_NOT_YET && is_drained(b))
            b->exit_code = EXIT_STOPPED;
    }
    feed_flush(b->feed, b->now_ms);
    return b->exit_code;
}
