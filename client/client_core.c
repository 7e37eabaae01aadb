/* client_core.c: the session machine: messages by a table of handlers, time by one deadline, what
 * is to be done by one function for each phase. */
#include "client_core.h"

#include <assert.h>

#include "base/err.h"

static struct client_submit *submit_of(struct list *link)
{
    return CONTAINER_OF(link, struct client_submit, link);
}

static struct client_request *request_of(struct list *link)
{
    return CONTAINER_OF(link, struct client_request, link);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

int client_error_of(struct slice code)
{
    static const struct {
        int error;
        const char *code;
    } known[] = {
#define ERR(symbol, number, name, text) {-(number), name},
#include "base/err.def"
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (slice_is(code, known[i].code))
            return known[i].error;
    return MUSTER_EINVAL;
}

void client_core_init(struct client_core *c, const struct client_identity *who, uint64_t now_ms)
{
    *c = (struct client_core){
        .who = *who,
        .phase = CLIENT_OFFLINE,
        .rng = {who->seed},
        .connect_at_ms = now_ms,
        .greet_ms = CLIENT_GREET_MS,
        .heartbeat_ms = CLIENT_HEARTBEAT_MS,
        .spread_ms = CLIENT_RECONNECT_MS,
        .next_number = 1,
    };
    list_init(&c->submits);
    list_init(&c->requests);
}

uint64_t client_core_confirmed(const struct client_core *c)
{
    return list_empty(&c->submits) ? c->next_number - 1 : submit_of(c->submits.next)->number - 1;
}

uint64_t client_core_gate(const struct client_core *c, uint64_t last)
{
    LIST_FOREACH (it, &c->submits)
        if (submit_of(it)->state != CLIENT_SUBMIT_DEFERRED)
            return submit_of(it)->order - 1;
    return last;
}

/* Something for which the broker owes a sign of life. */
static bool outstanding(const struct client_core *c)
{
    return c->unsettled_count > 0 || !list_empty(&c->requests) || c->ends_awaited;
}

/* The clock of silence starts when the first thing becomes outstanding. */
static void begin_waiting(struct client_core *c, uint64_t now_ms)
{
    if (outstanding(c))
        return;
    c->heard_ms = now_ms;
    c->beat_at_ms = now_ms + c->heartbeat_ms;
}

bool client_core_has_room(const struct client_core *c, size_t bytes)
{
    if (c->phase == CLIENT_FAILED || c->phase == CLIENT_CLOSED)
        return true; /* it is refused at once */
    if (c->next_number - client_core_confirmed(c) > c->window)
        return false;
    return c->unsettled_count == 0 || c->unsettled_bytes + bytes <= c->window_bytes;
}

void client_core_submit(struct client_core *c, struct client_submit *s, uint64_t now_ms)
{
    assert(s->count > 0);
    begin_waiting(c, now_ms);
    s->number = c->next_number++;
    s->state = CLIENT_SUBMIT_QUEUED;
    s->sent_ms = s->retry_at_ms = 0;
    list_push_back(&c->submits, &s->link);
    if (c->queued_count == 0)
        c->queued = &s->link;
    c->unsettled_count++;
    c->queued_count++;
    c->unsettled_bytes += s->bytes;
}

void client_core_request(struct client_core *c, struct client_request *r, uint64_t now_ms)
{
    begin_waiting(c, now_ms);
    r->sent = false;
    r->sent_ms = 0;
    if (r->patience_ms == 0)
        r->patience_ms = CLIENT_PATIENCE_MS;
    list_push_back(&c->requests, &r->link);
    c->unsent_requests++;
}

/* Keeps the counts. One that is queued again may stand before the others. */
static void set_state(struct client_core *c, struct client_submit *s,
                      enum client_submit_state state)
{
    c->queued_count -= s->state == CLIENT_SUBMIT_QUEUED;
    c->deferred_count -= s->state == CLIENT_SUBMIT_DEFERRED;
    s->state = (uint8_t)state;
    c->queued_count += state == CLIENT_SUBMIT_QUEUED;
    c->deferred_count += state == CLIENT_SUBMIT_DEFERRED;
    if (state == CLIENT_SUBMIT_QUEUED)
        c->queued = NULL;
}

static void unlink_submit(struct client_core *c, struct client_submit *s)
{
    if (c->queued == &s->link)
        c->queued = s->link.next;
    list_remove(&s->link);
    c->unsettled_count--;
    c->unsettled_bytes -= s->bytes;
    c->queued_count -= s->state == CLIENT_SUBMIT_QUEUED;
    c->deferred_count -= s->state == CLIENT_SUBMIT_DEFERRED;
}

static void unlink_request(struct client_core *c, struct client_request *r)
{
    list_remove(&r->link);
    if (!r->sent)
        c->unsent_requests--;
}

void client_core_cancel(struct client_core *c, struct client_request *r)
{
    unlink_request(c, r);
}

/* ---- coming and going of the connection ---- */

static void say_hello(struct client_core *c, uint64_t now_ms)
{
    c->phase = CLIENT_GREETING;
    c->hello_number++;
    c->hello_due = true;
    c->greeted_ms = now_ms;
}

static void lose(struct client_core *c, uint64_t now_ms)
{
    c->phase = CLIENT_OFFLINE;
    c->connect_at_ms = now_ms + rng_below(&c->rng, c->spread_ms);
}

/* All that the new route must hear again: submits by number, then requests. */
static void requeue_all(struct client_core *c)
{
    LIST_FOREACH (it, &c->submits) {
        struct client_submit *s = submit_of(it);
        if (s->state == CLIENT_SUBMIT_SENT)
            set_state(c, s, CLIENT_SUBMIT_QUEUED);
    }
    LIST_FOREACH (it, &c->requests) {
        struct client_request *r = request_of(it);
        if (r->sent) {
            r->sent = false;
            c->unsent_requests++;
        }
    }
}

static struct client_action *inbound(struct client_core *c, enum client_action_kind kind,
                                     const struct msg *received)
{
    assert(!c->inbound_due);
    c->inbound = (struct client_action){.kind = kind, .received = received};
    c->inbound_due = true;
    return &c->inbound;
}

static void on_welcome(struct client_core *c, const struct msg *m, uint64_t now_ms)
{
    const struct msg_welcome *w = &m->welcome;
    if (c->phase != CLIENT_GREETING || w->hello != c->hello_number)
        return;
    c->phase = CLIENT_SERVING;
    c->greet_ms = CLIENT_GREET_MS;
    c->heartbeat_ms = CLIENT_HEARTBEAT_MS; /* at least so often: silence has a bound of its own */
    if (w->heartbeat_ms && w->heartbeat_ms < c->heartbeat_ms)
        c->heartbeat_ms = (uint32_t)w->heartbeat_ms;
    c->spread_ms = (uint32_t)w->reconnect_spread_ms;
    c->window = w->window ? (uint32_t)w->window : 1;
    c->window_bytes = w->window_bytes;
    c->beat_at_ms = now_ms + c->heartbeat_ms;
    requeue_all(c);
    inbound(c, CLIENT_DO_WELCOMED, m);
}

static void on_unknown(struct client_core *c, const struct msg *m, uint64_t now_ms)
{
    (void)m;
    /* Each message of the old route is answered so: one HELLO answers them all. */
    if (c->phase == CLIENT_SERVING)
        say_hello(c, now_ms);
}

static void on_goodbye(struct client_core *c, const struct msg *m, uint64_t now_ms)
{
    (void)m;
    if (c->phase == CLIENT_SERVING || c->phase == CLIENT_GREETING)
        lose(c, now_ms);
}

/* ---- answers ---- */

static struct client_submit *find_submit(struct client_core *c, uint64_t number)
{
    LIST_FOREACH (it, &c->submits)
        if (submit_of(it)->number == number)
            return submit_of(it);
    return NULL;
}

static void refuse(struct client_core *c, struct client_submit *s, const struct msg *m, int error,
                   struct slice text)
{
    unlink_submit(c, s);
    struct client_action *a = inbound(c, CLIENT_DO_REFUSED, m);
    a->submit = s;
    a->error = error;
    a->text = text;
}

static void on_submit_ack(struct client_core *c, const struct msg *m, uint64_t now_ms)
{
    (void)now_ms;
    struct client_submit *s = find_submit(c, m->submit_ack.number);
    if (!s)
        return; /* a resend was answered twice */
    if (m->submit_ack.count != s->count) {
        refuse(c, s, m, MUSTER_EPROTO, slice_str("SUBMIT_ACK has another count than its SUBMIT"));
        return;
    }
    unlink_submit(c, s);
    inbound(c, CLIENT_DO_ACKED, m)->submit = s;
}

static void on_busy(struct client_core *c, const struct msg *m, uint64_t now_ms)
{
    struct client_submit *s = find_submit(c, m->busy.number);
    if (!s)
        return;
    int error = client_error_of(m->busy.reason);
    if (m->busy.retry_ms == 0) {
        refuse(c, s, m, error, m->busy.text);
        return;
    }
    set_state(c, s, CLIENT_SUBMIT_DEFERRED);
    s->retry_at_ms = now_ms + m->busy.retry_ms;
    struct client_action *a = inbound(c, CLIENT_DO_DEFERRED, m);
    a->submit = s;
    a->error = error;
}

static void on_done(struct client_core *c, const struct msg *m, uint64_t now_ms)
{
    (void)now_ms;
    uint64_t last = m->done.number, count = m->done.count;
    if (count == 0 || count > last)
        return;
    c->done_ack_due = true; /* also for what was told before: its DONE_ACK was lost */
    uint64_t first = last - count + 1;
    if (last <= c->done_seen || first > c->done_seen + 1)
        return; /* behind a hole: told again, with what is missing, after the next HELLO */
    struct client_action *a = inbound(c, CLIENT_DO_ENDED, m);
    a->skip = (uint32_t)(c->done_seen + 1 - first);
    c->done_seen = last;
}

static void reply_to(struct client_core *c, const struct msg *m)
{
    LIST_FOREACH (it, &c->requests) {
        struct client_request *r = request_of(it);
        if (r->number != m->request)
            continue;
        unlink_request(c, r);
        inbound(c, CLIENT_DO_REPLIED, m)->request = r;
        return;
    }
}

static void on_reply(struct client_core *c, const struct msg *m, uint64_t now_ms)
{
    (void)now_ms;
    reply_to(c, m);
}

static void on_error(struct client_core *c, const struct msg *m, uint64_t now_ms)
{
    int error = client_error_of(m->error.code);
    if (c->phase == CLIENT_GREETING && (m->request == 0 || m->request == c->hello_number)) {
        if (error == MUSTER_ESHUTDOWN || error == MUSTER_EBUSY || error == MUSTER_EFULL) {
            lose(c, now_ms);
            return;
        }
        c->phase = CLIENT_FAILED;
        c->error = error;
        return;
    }
    if (m->request == 0)
        return;
    LIST_FOREACH (it, &c->submits) {
        if (submit_of(it)->request != m->request)
            continue;
        refuse(c, submit_of(it), m, error, m->error.text);
        return;
    }
    reply_to(c, m);
}

void client_core_receive(struct client_core *c, const struct msg *received, uint64_t now_ms)
{
    static void (*const handlers[MSG_TYPE_MAX])(struct client_core *, const struct msg *,
                                                uint64_t) = {
        [MSG_WELCOME] = on_welcome,       [MSG_UNKNOWN] = on_unknown, [MSG_GOODBYE] = on_goodbye,
        [MSG_SUBMIT_ACK] = on_submit_ack, [MSG_BUSY] = on_busy,       [MSG_DONE] = on_done,
        [MSG_REPLY] = on_reply,           [MSG_ERROR] = on_error,
    };
    if (c->phase == CLIENT_FAILED || c->phase == CLIENT_CLOSED)
        return;
    c->heard_ms = now_ms;
    if (received->type < MSG_TYPE_MAX && handlers[received->type])
        handlers[received->type](c, received, now_ms);
}

/* ---- time ---- */

/* When the oldest answer counts as lost. Submits are sent in order of number, but for those
 * deferred. */
static uint64_t patience_end(const struct client_core *c)
{
    uint64_t end = UINT64_MAX;
    LIST_FOREACH (it, &c->submits) {
        struct client_submit *s = submit_of(it);
        if (s->state == CLIENT_SUBMIT_SENT) {
            end = s->sent_ms + CLIENT_PATIENCE_MS;
            break;
        }
    }
    LIST_FOREACH (it, &c->requests) {
        struct client_request *r = request_of(it);
        if (r->sent)
            end = min_u64(end, r->sent_ms + r->patience_ms);
    }
    return end;
}

/* When the connection counts as lost. */
static uint64_t silence_end(const struct client_core *c)
{
    if (c->phase == CLIENT_GREETING)
        return c->greeted_ms + c->greet_ms;
    if (c->phase == CLIENT_SERVING && outstanding(c))
        return min_u64(c->heard_ms + CLIENT_SILENCE_MS, patience_end(c));
    return UINT64_MAX;
}

/* The first deferred submit's time. */
static uint64_t retry_time(const struct client_core *c)
{
    uint64_t at = UINT64_MAX;
    if (c->deferred_count == 0)
        return at;
    LIST_FOREACH (it, &c->submits)
        if (submit_of(it)->state == CLIENT_SUBMIT_DEFERRED)
            at = min_u64(at, submit_of(it)->retry_at_ms);
    return at;
}

uint64_t client_core_deadline(const struct client_core *c)
{
    switch (c->phase) {
    case CLIENT_OFFLINE:
        return c->connect_at_ms;
    case CLIENT_GREETING:
        return silence_end(c);
    case CLIENT_SERVING:
        if (!outstanding(c))
            return UINT64_MAX;
        return min_u64(min_u64(silence_end(c), c->beat_at_ms), retry_time(c));
    case CLIENT_FAILED:
    case CLIENT_CLOSED:
        break;
    }
    return UINT64_MAX;
}

void client_core_tick(struct client_core *c, uint64_t now_ms)
{
    if (now_ms >= silence_end(c)) {
        if (c->phase == CLIENT_GREETING) {
            c->greet_ms = min_u64(c->greet_ms * 2, CLIENT_GREET_MAX_MS);
            c->connect_at_ms = now_ms; /* it has waited already */
            c->phase = CLIENT_OFFLINE;
        } else {
            lose(c, now_ms);
        }
    }
    if (c->phase == CLIENT_OFFLINE && now_ms >= c->connect_at_ms) {
        c->connect_due = true;
        say_hello(c, now_ms);
    }
    if (c->phase != CLIENT_SERVING || c->deferred_count == 0)
        return;
    LIST_FOREACH (it, &c->submits) {
        struct client_submit *s = submit_of(it);
        if (s->state == CLIENT_SUBMIT_DEFERRED && now_ms >= s->retry_at_ms)
            set_state(c, s, CLIENT_SUBMIT_QUEUED);
    }
}

void client_core_close(struct client_core *c)
{
    c->goodbye_due = c->phase == CLIENT_SERVING;
    c->phase = CLIENT_CLOSED;
    c->error = MUSTER_ECLOSED;
}

/* ---- what to do next ---- */

static bool next_hello(struct client_core *c, struct client_action *ret)
{
    c->hello_due = false;
    ret->kind = CLIENT_DO_SEND;
    ret->message.type = MSG_HELLO;
    ret->message.request = c->hello_number;
    ret->message.hello = (struct msg_hello){
        .magic = slice_str(PROTOCOL_MAGIC),
        .version_min = PROTOCOL_VERSION,
        .version_max = PROTOCOL_VERSION,
        .role = ROLE_CLIENT,
        .session = slice_of(c->who.session, sizeof c->who.session),
        .number = c->hello_number,
        .name = c->who.name,
        .host = c->who.host,
        .pid = c->who.pid,
        .submit_confirmed = client_core_confirmed(c),
        .done_confirmed = c->done_seen,
    };
    return true;
}

static bool next_submit(struct client_core *c, uint64_t now_ms, struct client_action *ret)
{
    struct list *it = c->queued ? c->queued : c->submits.next;
    for (; it != &c->submits; it = it->next) {
        struct client_submit *s = submit_of(it);
        if (s->state != CLIENT_SUBMIT_QUEUED)
            continue;
        set_state(c, s, CLIENT_SUBMIT_SENT);
        s->sent_ms = now_ms;
        c->queued = it->next;
        ret->kind = CLIENT_DO_SUBMIT;
        ret->submit = s;
        ret->confirmed = client_core_confirmed(c);
        return true;
    }
    return false;
}

static bool next_request(struct client_core *c, uint64_t now_ms, struct client_action *ret)
{
    LIST_FOREACH (it, &c->requests) {
        struct client_request *r = request_of(it);
        if (r->sent)
            continue;
        r->sent = true;
        r->sent_ms = now_ms;
        c->unsent_requests--;
        ret->kind = CLIENT_DO_REQUEST;
        ret->request = r;
        return true;
    }
    return false;
}

static bool next_message(struct client_action *ret, enum msg_type type)
{
    ret->kind = CLIENT_DO_SEND;
    ret->message.type = type;
    return true;
}

/* FAILED and CLOSED: gives everything back, one by one. */
static bool next_drop(struct client_core *c, struct client_action *ret)
{
    ret->error = c->error;
    ret->text = slice_str(err_text(c->error));
    if (!list_empty(&c->submits)) {
        ret->kind = CLIENT_DO_REFUSED;
        ret->submit = submit_of(c->submits.next);
        unlink_submit(c, ret->submit);
        return true;
    }
    if (!list_empty(&c->requests)) {
        ret->kind = CLIENT_DO_DROPPED;
        ret->request = request_of(c->requests.next);
        unlink_request(c, ret->request);
        return true;
    }
    return false;
}

/* SERVING: what goes to the broker. */
static bool next_serving(struct client_core *c, uint64_t now_ms, struct client_action *ret)
{
    if (c->done_ack_due && !c->done_ack_held) {
        c->done_ack_due = false;
        ret->message.done_ack.number = c->done_seen;
        return next_message(ret, MSG_DONE_ACK);
    }
    if (c->queued_count && next_submit(c, now_ms, ret))
        return true;
    if (c->unsent_requests && next_request(c, now_ms, ret))
        return true;
    if (outstanding(c) && now_ms >= c->beat_at_ms) {
        c->beat_at_ms = now_ms + c->heartbeat_ms;
        return next_message(ret, MSG_HEARTBEAT);
    }
    return false;
}

bool client_core_next(struct client_core *c, uint64_t now_ms, struct client_action *ret)
{
    *ret = (struct client_action){0};
    if (c->inbound_due) {
        c->inbound_due = false;
        *ret = c->inbound;
        return true;
    }
    if (c->connect_due) {
        c->connect_due = false;
        ret->kind = CLIENT_DO_CONNECT;
        return true;
    }
    if (c->phase == CLIENT_GREETING && c->hello_due)
        return next_hello(c, ret);
    if (c->phase == CLIENT_SERVING)
        return next_serving(c, now_ms, ret);
    if (c->goodbye_due) {
        c->goodbye_due = false;
        return next_message(ret, MSG_GOODBYE);
    }
    if (c->phase == CLIENT_FAILED || c->phase == CLIENT_CLOSED)
        return next_drop(c, ret);
    return false;
}
