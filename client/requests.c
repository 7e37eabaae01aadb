/* requests.c: the questions and orders of the public interface: each one message and its REPLY, or
 * one a broker, merged. */
#include <stdlib.h>

#include "base/clock.h"
#include "client.h"
#include "merge.h"
#include "wire.h"

#define WAIT_SLACK_MS   10000 /* beyond the hold, before an unanswered WAIT is doubted */
#define FIRST_ANSWER_MS 1000  /* lists of a new handle wait so long for all brokers */

/* ---- replies ---- */

const void *muster_reply_body(const muster_reply_t *reply, size_t *ret_bytes)
{
    if (ret_bytes)
        *ret_bytes = reply ? reply->body.len : 0;
    return reply ? reply->body.data : NULL;
}

const char *muster_reply_code(const muster_reply_t *reply)
{
    return reply ? reply->code : "";
}

const char *muster_reply_text(const muster_reply_t *reply)
{
    return reply ? reply->text : "";
}

bool muster_reply_more(const muster_reply_t *reply, uint64_t *ret_after)
{
    if (ret_after)
        *ret_after = reply ? reply->after : 0;
    return reply && reply->more;
}

void muster_reply_turn(const muster_reply_t *reply, uint64_t *ret_epoch, uint64_t *ret_turn)
{
    if (ret_epoch)
        *ret_epoch = reply ? reply->epoch : 0;
    if (ret_turn)
        *ret_turn = reply ? reply->turn : 0;
}

void muster_reply_destroy(muster_reply_t **reply)
{
    if (!reply || !*reply)
        return;
    buf_fini(&(*reply)->body);
    free(*reply);
    *reply = NULL;
}

/* ---- asking ---- */

/* Enters for a question; *ret_reply is NULL until there is one. Unlocked. */
static int begin(muster_client_t *client, muster_reply_t **ret_reply, struct client **ret)
{
    if (!ret_reply)
        return MUSTER_EINVAL;
    *ret_reply = NULL;
    int error = client_enter_to_wait(client, ret);
    if (!error)
        client_unlock(*ret);
    return error;
}

static int finish(struct client *c, int error)
{
    client_lock(c);
    client_leave(c);
    return error;
}

static int ask_at(struct client *c, struct msg *request, enum call_to to, size_t where,
                  uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    struct call *call;
    int error = call_post(c, request, to, where, 0, &call);
    return error ? error : call_collect(c, call, client_until(timeout_ms), ret_reply);
}

/* Asks one broker: the first that is connected. */
static int ask_any(muster_client_t *client, struct msg *request, uint64_t timeout_ms,
                   muster_reply_t **ret_reply)
{
    struct client *c;
    int error = begin(client, ret_reply, &c);
    return error ? error : finish(c, ask_at(c, request, TO_ANY, 0, timeout_ms, ret_reply));
}

/* ---- every broker ---- */

enum whom { CONNECTED, EVERYBODY };

/* Some broker may yet answer for the first time: a new handle has a second for that. Locked. */
static bool may_yet_answer(const struct client *c)
{
    if (c->stop || clock_ms() >= c->made_ms + FIRST_ANSWER_MS)
        return false;
    for (size_t i = 0; i < c->route_count; i++)
        if (!c->routes[i].welcomed && !c->routes[i].failed)
            return true;
    return false;
}

/* The routes that are to be asked: those connected, or all; none: the first that will be. */
static size_t choose(struct client *c, enum whom whom, uint64_t until_ms, size_t *ret_routes)
{
    size_t count = 0;
    uint64_t first_ms = c->made_ms + FIRST_ANSWER_MS;
    client_lock(c);
    while (whom == CONNECTED && may_yet_answer(c) &&
           client_wait_until(c, until_ms < first_ms ? until_ms : first_ms))
        ;
    for (size_t i = 0; i < c->route_count; i++)
        if (whom == EVERYBODY || c->routes[i].connected)
            ret_routes[count++] = i;
    client_unlock(c);
    return count;
}

/* Collects all, also after an error: the first one stays. Where the first that did it stands for
 * all, who does not know the thing is passed over if another one does. */
static int collect_all(struct client *c, const struct merge *how, struct call **calls, size_t count,
                       uint64_t until_ms, muster_reply_t **replies)
{
    int first = 0, unknown = 0;
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        int error = call_collect(c, calls[i], first ? 0 : until_ms, &replies[i]);
        if (how->by == merge_first && error == MUSTER_ENOTFOUND)
            unknown = error;
        else
            first = first ? first : error;
        done += !error;
    }
    return first || done ? first : unknown;
}

/* Makes one reply of several, which end here; of a failure, what the first that failed said. */
static int merge_all(const struct merge *how, muster_reply_t **replies, size_t count, int error,
                     muster_reply_t **ret_reply)
{
    if (!error)
        error = how->by(how, replies, count, ret_reply);
    for (size_t i = 0; i < count; i++) {
        if (error && !*ret_reply && replies[i] && replies[i]->code[0]) {
            *ret_reply = replies[i];
            replies[i] = NULL;
        }
        muster_reply_destroy(&replies[i]);
    }
    return error;
}

/* Asks several brokers the same at the same time. */
static int ask_each(muster_client_t *client, struct msg *request, enum whom whom,
                    const struct merge *how, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    struct call *calls[CLIENT_ROUTES_MAX];
    muster_reply_t *replies[CLIENT_ROUTES_MAX] = {0};
    size_t routes[CLIENT_ROUTES_MAX], posted = 0;
    uint64_t until_ms = client_until(timeout_ms);
    struct client *c;
    int error = begin(client, ret_reply, &c);
    if (error)
        return error;
    size_t count = choose(c, whom, until_ms, routes);
    if (count < 2)
        return finish(c, ask_at(c, request, count ? TO_ROUTE : TO_ANY, count ? routes[0] : 0,
                                timeout_ms, ret_reply));
    while (posted < count && !error) {
        error = call_post(c, request, TO_ROUTE, routes[posted], 0, &calls[posted]);
        posted += !error;
    }
    int said = collect_all(c, how, calls, posted, error ? 0 : until_ms, replies);
    error = error ? error : said;
    return finish(c, merge_all(how, replies, posted, error, ret_reply));
}

/* ---- by ids ---- */

/* One question by ids, to be cut into one a shard. */
struct by_ids {
    struct msg request;
    struct slice *field; /* in request: where the ids go */
    const uint64_t *ids;
    size_t count;
    uint64_t patience_ms;
};

/* The ids of one shard as a column of the wire; empty if there are none. */
static int fill_ids(struct buf *column, const struct by_ids *q, size_t shard)
{
    buf_reset(column);
    for (size_t i = 0; i < q->count; i++)
        if (shard == MERGE_SHARDS || (q->ids[i] & 0xff) == shard)
            (void)buf_u64(column, q->ids[i]);
    return column->error;
}

static int post_ids(struct client *c, struct by_ids *q, struct buf *column, enum call_to to,
                    size_t shard, struct call **ret)
{
    int error = fill_ids(column, q, to == TO_SHARD ? shard : MERGE_SHARDS);
    *q->field = buf_slice(column);
    return error ? error : call_post(c, &q->request, to, shard, q->patience_ms, ret);
}

/* How many shards the ids are of, and which. */
static size_t shards_of(const struct by_ids *q, uint8_t shards[MERGE_SHARDS])
{
    bool seen[MERGE_SHARDS] = {false};
    size_t count = 0;
    for (size_t i = 0; i < q->count; i++) {
        uint8_t shard = (uint8_t)(q->ids[i] & 0xff);
        if (!seen[shard])
            shards[count++] = shard;
        seen[shard] = true;
    }
    return count;
}

static int ask_shards(struct client *c, struct by_ids *q, const uint8_t *shards, size_t count,
                      uint64_t until_ms, muster_reply_t **ret_reply)
{
    struct call *calls[MERGE_SHARDS];
    muster_reply_t *replies[MERGE_SHARDS] = {0};
    struct merge how = {.by = merge_by_ids, .ids = q->ids, .id_count = q->count, .shards = shards};
    struct buf column;
    size_t posted = 0;
    int error = 0;
    buf_init(&column, q->count * 8);
    while (posted < count && !error) {
        error = post_ids(c, q, &column, TO_SHARD, shards[posted], &calls[posted]);
        posted += !error;
    }
    buf_fini(&column);
    int said = collect_all(c, &how, calls, posted, error ? 0 : until_ms, replies);
    error = error ? error : said;
    if (count == 1) {
        *ret_reply = replies[0];
        return error;
    }
    return merge_all(&how, replies, posted, error, ret_reply);
}

static int ask_ids(muster_client_t *client, struct by_ids *q, uint64_t timeout_ms,
                   muster_reply_t **ret_reply)
{
    uint8_t shards[MERGE_SHARDS];
    struct client *c;
    if (!q->ids || q->count == 0 || q->count > IDS_PER_REQUEST) {
        if (ret_reply)
            *ret_reply = NULL;
        return MUSTER_EINVAL;
    }
    int error = begin(client, ret_reply, &c);
    if (error)
        return error;
    size_t count = c->route_count > 1 ? shards_of(q, shards) : 1;
    uint64_t until_ms = client_until(timeout_ms);
    if (c->route_count > 1)
        return finish(c, ask_shards(c, q, shards, count, until_ms, ret_reply));
    struct call *call;
    struct buf column;
    buf_init(&column, q->count * 8);
    error = post_ids(c, q, &column, TO_ANY, 0, &call);
    buf_fini(&column);
    return finish(c, error ? error : call_collect(c, call, until_ms, ret_reply));
}

int muster_get(muster_client_t *client, const uint64_t *ids, size_t count, uint64_t timeout_ms,
               muster_reply_t **ret_reply)
{
    struct by_ids q = {.request.type = MSG_GET, .ids = ids, .count = count};
    q.field = &q.request.get.ids;
    return ask_ids(client, &q, timeout_ms, ret_reply);
}

int muster_cancel(muster_client_t *client, const uint64_t *ids, size_t count, uint64_t timeout_ms,
                  muster_reply_t **ret_reply)
{
    struct by_ids q = {.request.type = MSG_CANCEL, .ids = ids, .count = count};
    q.field = &q.request.cancel.ids;
    return ask_ids(client, &q, timeout_ms, ret_reply);
}

int muster_parked(muster_client_t *client, enum muster_parked_action action, const uint64_t *ids,
                  size_t count, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    struct by_ids q = {.request.type = MSG_PARKED, .ids = ids, .count = count};
    q.request.parked.action = (uint64_t)action;
    q.field = &q.request.parked.ids;
    return ask_ids(client, &q, timeout_ms, ret_reply);
}

/* Whether a job map of a reply tells of an end; what is not there has ended too. */
static bool job_ended(struct wire_reader *r, uint32_t pairs)
{
    bool ended = true;
    for (uint32_t i = 0; i < pairs; i++) {
        struct wire_token key, value;
        struct slice bytes;
        if (wire_read(r, &key) || wire_skip(r, &bytes))
            return true;
        struct wire_reader inner = {bytes};
        enum job_state state;
        if (key.kind == WIRE_STR && slice_is(key.bytes, "state") && !wire_read(&inner, &value) &&
            value.kind == WIRE_STR && !job_state_parse(value.bytes, &state))
            ended = state >= JOB_COMPLETED;
    }
    return ended;
}

static bool all_ended(struct slice body)
{
    struct wire_reader r = {body};
    struct wire_token array, job;
    bool ended = true;
    if (wire_read(&r, &array) || array.kind != WIRE_ARRAY)
        return true;
    for (uint32_t i = 0; i < array.count && !wire_read(&r, &job); i++) {
        if (job.kind == WIRE_MAP)
            ended = job_ended(&r, job.count) && ended;
        else if (job.kind == WIRE_ARRAY)
            return true;
    }
    return ended;
}

/* Held replies expire at the broker: each WAIT asks for what is left, and the next one renews it.
 */
static int wait_once(muster_client_t *client, const uint64_t *ids, size_t count, uint64_t left_ms,
                     muster_reply_t **ret_reply)
{
    struct by_ids q = {.request.type = MSG_WAIT, .ids = ids, .count = count};
    uint64_t hold_ms = left_ms < REPLY_HOLD_MS ? left_ms : REPLY_HOLD_MS;
    q.field = &q.request.wait.ids;
    q.request.wait.hold_ms = hold_ms + (hold_ms == 0); /* 0 would be the longest */
    q.patience_ms = hold_ms + WAIT_SLACK_MS;
    return ask_ids(client, &q, left_ms > UINT64_MAX / 4 ? MUSTER_FOREVER : left_ms + 1000,
                   ret_reply);
}

int muster_wait(muster_client_t *client, const uint64_t *ids, size_t count, uint64_t timeout_ms,
                muster_reply_t **ret_reply)
{
    uint64_t until_ms = client_until(timeout_ms);
    muster_reply_t *last = NULL, *reply;
    if (!ret_reply)
        return MUSTER_EINVAL;
    *ret_reply = NULL;
    for (;;) {
        uint64_t now_ms = clock_ms();
        uint64_t left_ms = until_ms == UINT64_MAX ? UINT64_MAX
                           : until_ms > now_ms    ? until_ms - now_ms
                                                  : 0;
        int error = wait_once(client, ids, count, left_ms, &reply);
        if (!reply && error == MUSTER_ETIMEOUT && last) {
            *ret_reply = last;
            return error;
        }
        muster_reply_destroy(&last);
        if (error || all_ended(buf_slice(&reply->body))) {
            *ret_reply = reply;
            return error;
        }
        if (clock_ms() >= until_ms) {
            *ret_reply = reply;
            return MUSTER_ETIMEOUT;
        }
        last = reply;
    }
}

/* ---- by filter ---- */

static const struct muster_filter no_filter;

int muster_list(muster_client_t *client, const struct muster_filter *filter, uint64_t timeout_ms,
                muster_reply_t **ret_reply)
{
    const struct muster_filter *f = filter ? filter : &no_filter;
    struct msg m = {.type = MSG_LIST};
    m.list.state = slice_str(f->state);
    m.list.queue = slice_str(f->queue);
    m.list.kind = slice_str(f->kind);
    m.list.after = f->after;
    m.list.limit = f->limit;
    struct merge how = {
        .by = merge_lists, .sorted = true, .limit = f->limit ? f->limit : LIST_DEFAULT};
    return ask_each(client, &m, CONNECTED, &how, timeout_ms, ret_reply);
}

int muster_parked_all(muster_client_t *client, enum muster_parked_action action,
                      const struct muster_filter *filter, uint64_t timeout_ms,
                      muster_reply_t **ret_reply)
{
    const struct muster_filter *f = filter ? filter : &no_filter;
    struct msg m = {.type = MSG_PARKED};
    m.parked.action = (uint64_t)action;
    m.parked.all = 1;
    m.parked.queue = slice_str(f->queue);
    m.parked.kind = slice_str(f->kind);
    m.parked.after = f->after;
    struct merge how = {.by = merge_lists};
    return ask_each(client, &m, EVERYBODY, &how, timeout_ms, ret_reply);
}

/* Broker by broker: the reply of a slice says at which the next one is to be asked for. */
int muster_cancel_all(muster_client_t *client, const struct muster_filter *filter,
                      const muster_reply_t *before, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    const struct muster_filter *f = filter ? filter : &no_filter;
    struct msg m = {.type = MSG_CANCEL};
    struct client *c;
    m.cancel.all = 1;
    m.cancel.state = slice_str(f->state);
    m.cancel.queue = slice_str(f->queue);
    m.cancel.kind = slice_str(f->kind);
    if (before)
        m.cancel.cursor = slice_of(before->cursor, before->cursor_bytes);
    int error = begin(client, ret_reply, &c);
    if (error)
        return error;
    size_t at = before && before->route < c->route_count ? before->route : 0;
    error = ask_at(c, &m, TO_ROUTE, at, timeout_ms, ret_reply);
    if (!error && *ret_reply) {
        (*ret_reply)->route = at;
        if (!(*ret_reply)->more && at + 1 < c->route_count) {
            (*ret_reply)->more = true;
            (*ret_reply)->route = at + 1;
            (*ret_reply)->cursor_bytes = 0;
        }
    }
    return finish(c, error);
}

int muster_pause(muster_client_t *client, const char *queue, bool paused, uint64_t timeout_ms,
                 muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_PAUSE};
    struct merge how = {.by = merge_first};
    m.pause.queue = slice_str(queue);
    m.pause.paused = paused;
    return ask_each(client, &m, EVERYBODY, &how, timeout_ms, ret_reply);
}

/* ---- without fields ---- */

int muster_queues(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_QUEUES};
    struct merge how = {.by = merge_lists};
    return ask_each(client, &m, CONNECTED, &how, timeout_ms, ret_reply);
}

int muster_workers(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_WORKERS};
    struct merge how = {.by = merge_lists};
    return ask_each(client, &m, CONNECTED, &how, timeout_ms, ret_reply);
}

int muster_stats(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_STATS};
    return ask_any(client, &m, timeout_ms, ret_reply);
}

int muster_backup(muster_client_t *client, const char *directory, uint64_t token, uint64_t hold_ms,
                  uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    struct client *c;
    struct call *call;
    struct msg m = {.type = MSG_BACKUP};
    int error = begin(client, ret_reply, &c);
    if (error)
        return error;
    if (!directory || c->route_count != 1)
        return finish(c, MUSTER_EINVAL); /* which broker's? */
    m.backup.directory = slice_str(directory);
    m.backup.token = token;
    m.backup.hold_ms = hold_ms < REPLY_HOLD_MS ? hold_ms : REPLY_HOLD_MS;
    m.backup.has = MSG_BIT(backup, hold_ms); /* 0 is told as well */
    error = call_post(c, &m, TO_ANY, 0, m.backup.hold_ms + WAIT_SLACK_MS, &call);
    return finish(c, error ? error : call_collect(c, call, client_until(timeout_ms), ret_reply));
}

int muster_snapshot(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_SNAPSHOT};
    return ask_any(client, &m, timeout_ms, ret_reply);
}
