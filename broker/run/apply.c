/* apply.c: one small function an action; the table at the end says which. */
#include "run/apply.h"

#include "run/apply_schedules.h"
#include "run/backup_task.h"
#include "run/cancel_cursor.h"
#include "run/done_frame.h"
#include "run/drops.h"
#include "run/reply.h"
#include "wire.h"

#define SPREAD_LEAST_MS 100
#define RESULTS_LEAST   (1u << 20)
#define PEERS_FRESH_MS  100
#define BUFFER_KEPT     (1u << 20) /* encoding buffers larger than this are given back */
#define STATS_ROUTE     0          /* the broker's own question, for the feed */

static bool send(struct broker *b, enum side side, const struct action *a, struct msg *msg)
{
    if (a->route == 0)
        return false;
    msg->request = a->request;
    buf_reset(&b->frame);
    bool sent = wire_encode(&b->frame, msg) == 0 &&
                router_send(b->sides[side], a->route, buf_slice(&b->frame));
    if (b->frame.cap > BUFFER_KEPT && b->frame.len > BUFFER_KEPT)
        buf_fini(&b->frame);
    return sent;
}

/* ---- to both sides ---- */

/* How many peers there are; counted anew now and then only. */
static uint64_t peers(struct broker *b)
{
    if (b->peers_ms == 0 || b->now_ms - b->peers_ms > PEERS_FRESH_MS) {
        struct core_stats stats = {0};
        core_get_stats(b->core, &stats);
        b->peers = stats.workers + stats.clients;
        b->peers_ms = b->now_ms;
    }
    return b->peers ? b->peers : 1;
}

static struct msg welcome(struct broker *b, const struct action *a)
{
    uint64_t spread_ms = peers(b) > SPREAD_LEAST_MS ? peers(b) : SPREAD_LEAST_MS;
    struct msg msg = {.type = MSG_WELCOME};
    msg.welcome.version = PROTOCOL_VERSION;
    msg.welcome.epoch = b->epoch;
    msg.welcome.hello = a->welcome.hello;
    msg.welcome.heartbeat_ms = b->config->heartbeat;
    msg.welcome.lease_ms = b->config->lease;
    msg.welcome.max_payload = b->config->max_payload;
    msg.welcome.reconnect_spread_ms = spread_ms;
    msg.welcome.shard = b->config->shard;
    msg.welcome.feed = slice_str(feed_endpoint(b->feed));
    msg.welcome.broker = slice_str(MUSTER_VERSION);
    return msg;
}

static void worker_welcome(struct broker *b, const struct action *a)
{
    struct msg msg = welcome(b, a);
    uint64_t window = RESULTS_WINDOW_BYTES / peers(b);
    msg.welcome.results_window = window > RESULTS_LEAST ? window : RESULTS_LEAST;
    msg.welcome.results_next = a->welcome.results_next;
    (void)send(b, SIDE_WORKER, a, &msg);
}

static void client_welcome(struct broker *b, const struct action *a)
{
    struct msg msg = welcome(b, a);
    msg.welcome.window = CLIENT_WINDOW_SUBMITS;
    msg.welcome.window_bytes = CLIENT_WINDOW_BYTES;
    (void)send(b, SIDE_CLIENT, a, &msg);
}

static void unknown(struct broker *b, enum side side, const struct action *a)
{
    struct msg msg = {.type = MSG_UNKNOWN, .unknown = {.epoch = b->epoch}};
    (void)send(b, side, a, &msg);
}

static void worker_unknown(struct broker *b, const struct action *a)
{
    unknown(b, SIDE_WORKER, a);
}

static void client_unknown(struct broker *b, const struct action *a)
{
    unknown(b, SIDE_CLIENT, a);
}

static void heartbeat(struct broker *b, enum side side, const struct action *a)
{
    struct msg msg = {.type = MSG_HEARTBEAT, .heartbeat = {.epoch = b->epoch}};
    (void)send(b, side, a, &msg);
}

static void worker_heartbeat(struct broker *b, const struct action *a)
{
    heartbeat(b, SIDE_WORKER, a);
}

static void client_heartbeat(struct broker *b, const struct action *a)
{
    heartbeat(b, SIDE_CLIENT, a);
}

static void error_text(struct broker *b, enum side side, const struct action *a, int error,
                       const char *text)
{
    struct msg msg = {.type = MSG_ERROR};
    msg.error.code = slice_str(err_code(error));
    msg.error.text = slice_str(text ? text : err_text(error));
    (void)send(b, side, a, &msg);
}

static void worker_error(struct broker *b, const struct action *a)
{
    error_text(b, SIDE_WORKER, a, a->failure.error, a->failure.text);
}

static void client_error(struct broker *b, const struct action *a)
{
    error_text(b, SIDE_CLIENT, a, a->failure.error, a->failure.text);
}

/* ---- to workers ---- */

static void jobs(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_JOBS, .jobs = {.epoch = b->epoch, .hello = a->jobs.hello}};
    bool filled = jobs_frame_fill(&b->jobs, b->core, a->jobs.jobs, a->jobs.count, &msg.jobs) == 0;
    core_sent(b->core, a, filled && send(b, SIDE_WORKER, a, &msg));
}

static void results_ack(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_RESULTS_ACK, .results_ack = {.number = a->number}};
    (void)send(b, SIDE_WORKER, a, &msg);
}

/* ABANDON and CANCEL: ids and runs. Columns in the host's order are the wire's where that is
 * little-endian. */
static bool ref_columns(struct broker *b, const struct action *a, struct slice *ids,
                        struct slice *runs)
{
    size_t count = a->refs.count;
    buf_reset(&b->body);
    for (size_t i = 0; i < count; i++)
        (void)buf_u64(&b->body, a->refs.ids[i]);
    for (size_t i = 0; i < count; i++)
        (void)buf_u32(&b->body, a->refs.runs[i]);
    *ids = slice_of(b->body.data, count * 8);
    *runs = slice_of(b->body.data + count * 8, count * 4);
    return count > 0 && b->body.error == 0;
}

static void abandon(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_ABANDON};
    if (ref_columns(b, a, &msg.abandon.ids, &msg.abandon.runs))
        (void)send(b, SIDE_WORKER, a, &msg);
}

static void stop_jobs(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_CANCEL};
    if (ref_columns(b, a, &msg.cancel.ids, &msg.cancel.runs))
        (void)send(b, SIDE_WORKER, a, &msg);
}

/* ---- to clients ---- */

static void submit_ack(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_SUBMIT_ACK};
    msg.submit_ack.number = a->submit_ack.number;
    msg.submit_ack.count = a->submit_ack.count;
    if (a->submit_ack.outcomes)
        msg.submit_ack.outcomes = slice_of(a->submit_ack.outcomes, a->submit_ack.count);
    if (a->submit_ack.ids) {
        buf_reset(&b->body);
        for (uint32_t i = 0; i < a->submit_ack.count; i++)
            (void)buf_u64(&b->body, a->submit_ack.ids[i]);
        msg.submit_ack.ids = buf_slice(&b->body);
    } else {
        msg.submit_ack.first_id = a->submit_ack.first_id;
    }
    if (!send(b, SIDE_CLIENT, a, &msg))
        core_ack_unsent(b->core, a);
}

static void send_busy(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_BUSY};
    msg.busy.number = a->busy.number;
    msg.busy.reason = slice_str(err_code(a->busy.reason));
    msg.busy.retry_ms = a->busy.retry_ms;
    msg.busy.text = slice_str(a->busy.text ? a->busy.text : err_text(a->busy.reason));
    (void)send(b, SIDE_CLIENT, a, &msg);
}

static void busy(struct broker *b, const struct action *a)
{
    drops_put_off(b, a->busy.reason);
    send_busy(b, a);
}

static void done(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_DONE};
    for (uint32_t at = 0; at < a->done.count;) {
        uint64_t first = a->done.rows[at].number;
        at += done_frame_fill(&b->body, a->done.rows + at, a->done.count - at, &msg.done);
        if (!send(b, SIDE_CLIENT, a, &msg)) {
            core_done_unsent(b->core, a, first);
            return;
        }
    }
}

/* Sends a REPLY with what is in b->body. */
static void reply(struct broker *b, const struct action *a, struct msg *msg)
{
    if (a->reply.error) {
        msg->reply.code = slice_str(err_code(a->reply.error));
        msg->reply.text = slice_str(a->reply.text ? a->reply.text : err_text(a->reply.error));
    }
    if (b->body.error) {
        msg->reply = (struct msg_reply){.code = slice_str(err_code(MUSTER_ETOOBIG)),
                                        .text = slice_str("the answer is too large: ask for less")};
    } else {
        msg->reply.body = buf_slice(&b->body);
    }
    (void)send(b, SIDE_CLIENT, a, msg);
    if (b->body.cap > BUFFER_KEPT)
        buf_fini(&b->body);
}

void apply_body(struct broker *b, route_t route, uint64_t request, struct msg *msg)
{
    const struct action a = {.route = route, .request = request};
    reply(b, &a, msg);
}

void apply_reply(struct broker *b, route_t route, uint64_t request, int error, const char *text)
{
    struct action a = {.route = route, .request = request};
    struct msg msg = {.type = MSG_REPLY};
    a.reply.error = error;
    a.reply.text = text;
    reply(b, &a, &msg);
}

static void reply_code(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    buf_reset(&b->body);
    reply(b, a, &msg);
}

static void send_jobs(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    msg.reply.more = a->reply.more;
    msg.reply.after = a->reply.after;
    buf_reset(&b->body);
    reply_jobs(&b->body, a->reply.views, a->reply.count);
    reply(b, a, &msg);
}

static void send_cancelled(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    uint8_t cursor[CANCEL_CURSOR_BYTES];
    cancel_cursor_encode(&a->cancelled.at, a->cancelled.upto, cursor);
    msg.reply.more = a->cancelled.more;
    msg.reply.cursor = slice_of(cursor, sizeof cursor);
    buf_reset(&b->body);
    reply_cancelled(&b->body, a->cancelled.count, a->cancelled.running);
    apply_body(b, a->route, a->request, &msg);
}

static void send_queues(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    buf_reset(&b->body);
    reply_queues(&b->body, a->reply.queues, a->reply.count);
    reply(b, a, &msg);
}

static void send_workers(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    buf_reset(&b->body);
    reply_workers(&b->body, b->core);
    reply(b, a, &msg);
}

static void send_stats(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    buf_reset(&b->body);
    reply_stats(&b->body, b, a->reply.queues, a->reply.count);
    if (a->route != STATS_ROUTE)
        reply(b, a, &msg);
    else if (!b->body.error)
        feed_publish_item(b->feed, "broker.stats", buf_slice(&b->body), b->now_ms);
}

/* What happened up to the last flushed turn is in the snapshot; so what waits is flushed first. */
static void send_snapshot(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    feed_flush(b->feed, b->now_ms);
    msg.reply.epoch = b->epoch;
    msg.reply.turn = feed_turn(b->feed);
    msg.reply.has = MSG_BIT(reply, turn); /* 0 is told as well */
    buf_reset(&b->body);
    reply_snapshot(&b->body, b->core, a->reply.queues, a->reply.count);
    reply(b, a, &msg);
}

/* ---- inside ---- */

static void store(struct broker *b, const struct action *a)
{
    store_thread_give(b->store, a->batch);
}

/* Workers that come and go are told in the log too, watched or not; so are schedules. */
static void log_event(struct broker *b, const struct action *a)
{
    _Static_assert(TOPIC_SCHEDULE_ERROR == TOPIC_COUNT - 1, "topics of schedules come last");
    if (a->event.topic >= TOPIC_SCHEDULE_FIRED)
        schedules_log(b, a);
    else
        log_write(a->event.topic == TOPIC_WORKER_LOST ? LEVEL_WARN : LEVEL_INFO,
                  topic_name(a->event.topic),
                  LOG_FIELDS(((struct log_field){.key = "worker", .text = a->event.worker})));
}

static void publish(struct broker *b, const struct action *a)
{
    if (!topic_has_queue(a->event.topic))
        log_event(b, a);
    if (!(feed_watched(b->feed) >> a->event.topic & 1u))
        return;

    const struct feed_event event = {.kind = (uint32_t)a->event.topic,
                                     .attempt = a->event.attempt,
                                     .id = a->event.id,
                                     .wall_ms = a->event.wall_ms,
                                     .queue = a->event.queue,
                                     .job_kind = a->event.kind,
                                     .worker = a->event.worker,
                                     .code = a->event.code,
                                     .schedule = a->event.schedule,
                                     .text = a->event.text,
                                     .nominal_ms = a->event.nominal_ms};
    feed_publish(b->feed, &event, b->now_ms);
}

static void fatal(struct broker *b, const struct action *a)
{
    log_write(LEVEL_ERROR, "the broker cannot go on",
              LOG_FIELDS(log_text("reason",
                                  a->failure.text ? a->failure.text : err_text(a->failure.error))));
    b->exit_code = EXIT_STORE;
}

static void (*const table[ACT_TYPE_COUNT])(struct broker *, const struct action *) = {
    [ACT_WORKER_WELCOME] = worker_welcome,
    [ACT_WORKER_UNKNOWN] = worker_unknown,
    [ACT_WORKER_HEARTBEAT] = worker_heartbeat,
    [ACT_JOBS] = jobs,
    [ACT_RESULTS_ACK] = results_ack,
    [ACT_ABANDON] = abandon,
    [ACT_STOP_JOBS] = stop_jobs,
    [ACT_WORKER_ERROR] = worker_error,
    [ACT_CLIENT_WELCOME] = client_welcome,
    [ACT_CLIENT_UNKNOWN] = client_unknown,
    [ACT_CLIENT_HEARTBEAT] = client_heartbeat,
    [ACT_SUBMIT_ACK] = submit_ack,
    [ACT_BUSY] = busy,
    [ACT_DONE] = done,
    [ACT_CLIENT_ERROR] = client_error,
    [ACT_REPLY_CODE] = reply_code,
    [ACT_REPLY_JOBS] = send_jobs,
    [ACT_REPLY_CANCELLED] = send_cancelled,
    [ACT_REPLY_QUEUES] = send_queues,
    [ACT_REPLY_WORKERS] = send_workers,
    [ACT_REPLY_STATS] = send_stats,
    [ACT_REPLY_SNAPSHOT] = send_snapshot,
    [ACT_REPLY_PUT] = schedules_send_put,
    [ACT_REPLY_SCHEDULES] = schedules_send,
    [ACT_REPLY_ACTS] = schedules_send_acts,
    [ACT_REPLY_FIRE] = schedules_send_fire,
    [ACT_REPLY_LEDGER] = schedules_send_ledger,
    [ACT_BACKUP] = backup_task_ask,
    [ACT_STORE] = store,
    [ACT_PUBLISH] = publish,
    [ACT_FATAL] = fatal,
};

void apply_actions(struct broker *b)
{
    uint32_t count;
    /* Asked for anew each time: the answer to an ACT_JOBS may add actions. */
    for (uint32_t i = 0; core_actions(b->core, &count), i < count; i++) {
        const struct action action = core_actions(b->core, &count)[i];
        table[action.type](b, &action);
    }
}

void apply_refusal(struct broker *b, enum side side, route_t route, const struct refusal *refusal)
{
    struct action a = {.route = route, .request = refusal->request};
    if (refusal->number && side == SIDE_CLIENT) {
        a.busy.number = refusal->number;
        a.busy.reason = refusal->error;
        a.busy.text = refusal->why;
        send_busy(b, &a);
    } else {
        error_text(b, side, &a, refusal->error, refusal->why);
    }
}
