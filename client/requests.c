/* requests.c: the questions and orders of the public interface, each one message and its REPLY. */
#include <stdlib.h>

#include "base/clock.h"
#include "client.h"
#include "wire.h"

#define WAIT_SLACK_MS 10000 /* beyond the hold, before an unanswered WAIT is doubted */

/* ---- replies ---- */

const void *muster_reply_body(const muster_reply_t *reply, size_t *ret_bytes)
{
    *ret_bytes = reply->body.len;
    return reply->body.data;
}

const char *muster_reply_code(const muster_reply_t *reply)
{
    return reply->code;
}

const char *muster_reply_text(const muster_reply_t *reply)
{
    return reply->text;
}

bool muster_reply_more(const muster_reply_t *reply, uint64_t *ret_after)
{
    if (ret_after)
        *ret_after = reply->after;
    return reply->more;
}

void muster_reply_turn(const muster_reply_t *reply, uint64_t *ret_epoch, uint64_t *ret_turn)
{
    *ret_epoch = reply->epoch;
    *ret_turn = reply->turn;
}

void muster_reply_destroy(muster_reply_t **reply)
{
    if (!reply || !*reply)
        return;
    buf_fini(&(*reply)->body);
    free(*reply);
    *reply = NULL;
}

/* ---- by ids ---- */

/* The ids as a column of the wire. 0, MUSTER_EINVAL, MUSTER_ENOMEM. */
static int fill_ids(struct buf *column, const uint64_t *ids, size_t count)
{
    if (count == 0 || count > IDS_PER_REQUEST)
        return MUSTER_EINVAL;
    buf_init(column, count * 8);
    for (size_t i = 0; i < count; i++)
        (void)buf_u64(column, ids[i]);
    return column->error;
}

static int ask_ids(muster_client_t *client, struct msg *request, struct slice *ret_field,
                   const uint64_t *ids, size_t count, uint64_t timeout_ms, uint64_t patience_ms,
                   muster_reply_t **ret_reply)
{
    struct buf column = {0};
    *ret_reply = NULL;
    int error = fill_ids(&column, ids, count);
    if (!error) {
        *ret_field = buf_slice(&column);
        error = client_ask(client, request, timeout_ms, patience_ms, ret_reply);
    }
    buf_fini(&column);
    return error;
}

int muster_get(muster_client_t *client, const uint64_t *ids, size_t count, uint64_t timeout_ms,
               muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_GET};
    return ask_ids(client, &m, &m.get.ids, ids, count, timeout_ms, 0, ret_reply);
}

int muster_cancel(muster_client_t *client, const uint64_t *ids, size_t count, uint64_t timeout_ms,
                  muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_CANCEL};
    return ask_ids(client, &m, &m.cancel.ids, ids, count, timeout_ms, 0, ret_reply);
}

int muster_parked(muster_client_t *client, enum muster_parked_action action, const uint64_t *ids,
                  size_t count, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_PARKED};
    m.parked.action = (uint64_t)action;
    return ask_ids(client, &m, &m.parked.ids, ids, count, timeout_ms, 0, ret_reply);
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

int muster_wait(muster_client_t *client, const uint64_t *ids, size_t count, uint64_t timeout_ms,
                muster_reply_t **ret_reply)
{
    uint64_t until_ms = client_until(timeout_ms);
    muster_reply_t *last = NULL;
    *ret_reply = NULL;
    for (;;) {
        /* Held replies expire at the broker: each WAIT asks for what is left, and the next one
         * renews it. */
        uint64_t now_ms = clock_ms();
        uint64_t left = until_ms > now_ms ? until_ms - now_ms : 0;
        struct msg m = {.type = MSG_WAIT};
        m.wait.hold_ms = left < REPLY_HOLD_MS ? left : REPLY_HOLD_MS;
        m.wait.hold_ms += m.wait.hold_ms == 0; /* 0 would be the longest */
        muster_reply_t *reply;
        int error = ask_ids(client, &m, &m.wait.ids, ids, count,
                            until_ms == UINT64_MAX ? MUSTER_FOREVER : left + 1000,
                            m.wait.hold_ms + WAIT_SLACK_MS, &reply);
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

int muster_list(muster_client_t *client, const struct muster_filter *filter, uint64_t timeout_ms,
                muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_LIST};
    m.list.state = slice_str(filter->state);
    m.list.queue = slice_str(filter->queue);
    m.list.kind = slice_str(filter->kind);
    m.list.after = filter->after;
    m.list.limit = filter->limit;
    return client_ask(client, &m, timeout_ms, 0, ret_reply);
}

int muster_parked_all(muster_client_t *client, enum muster_parked_action action,
                      const struct muster_filter *filter, uint64_t timeout_ms,
                      muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_PARKED};
    m.parked.action = (uint64_t)action;
    m.parked.all = 1;
    m.parked.queue = slice_str(filter->queue);
    m.parked.kind = slice_str(filter->kind);
    m.parked.after = filter->after;
    return client_ask(client, &m, timeout_ms, 0, ret_reply);
}

int muster_cancel_all(muster_client_t *client, const struct muster_filter *filter,
                      const muster_reply_t *before, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_CANCEL};
    m.cancel.all = 1;
    m.cancel.state = slice_str(filter->state);
    m.cancel.queue = slice_str(filter->queue);
    m.cancel.kind = slice_str(filter->kind);
    if (before)
        m.cancel.cursor = slice_of(before->cursor, before->cursor_bytes);
    return client_ask(client, &m, timeout_ms, 0, ret_reply);
}

int muster_pause(muster_client_t *client, const char *queue, bool paused, uint64_t timeout_ms,
                 muster_reply_t **ret_reply)
{
    struct msg m = {.type = MSG_PAUSE};
    m.pause.queue = slice_str(queue);
    m.pause.paused = paused;
    return client_ask(client, &m, timeout_ms, 0, ret_reply);
}

/* ---- without fields ---- */

static int ask_plain(muster_client_t *client, enum msg_type type, uint64_t timeout_ms,
                     muster_reply_t **ret_reply)
{
    struct msg m = {.type = type};
    return client_ask(client, &m, timeout_ms, 0, ret_reply);
}

int muster_queues(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    return ask_plain(client, MSG_QUEUES, timeout_ms, ret_reply);
}

int muster_workers(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    return ask_plain(client, MSG_WORKERS, timeout_ms, ret_reply);
}

int muster_stats(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    return ask_plain(client, MSG_STATS, timeout_ms, ret_reply);
}

int muster_snapshot(muster_client_t *client, uint64_t timeout_ms, muster_reply_t **ret_reply)
{
    return ask_plain(client, MSG_SNAPSHOT, timeout_ms, ret_reply);
}
