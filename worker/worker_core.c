/* worker_core.c: the session machine: the connection, HELLO, messages by a table, time. What it
 * does with jobs is in held.c. */
#include "worker_core.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "held.h"

#define CONNECT_MS       2500u /* libzmq gives up a connection attempt after 2 s */
#define GREET_MS         3000u /* until WELCOME, growing with each failure */
#define GREET_MAX_MS     10000u
#define RETRY_BASE_MS    200u
#define RETRY_MAX_MS     32000u
#define RETRY_HOLDING_MS 2000u /* most between attempts while something is held */
#define LASTING_MS       5000u /* a session that served this long was a good one */
#define HEARTBEAT_MIN_MS 10u

void worker_core_init(struct worker_core *c, const struct worker_identity *who,
                      const struct worker_core_ops *ops, void *ctx, uint64_t seed)
{
    memset(c, 0, sizeof *c);
    c->who = who;
    c->ops = ops;
    c->ctx = ctx;
    c->rng.state = seed;
    c->heartbeat_ms = 1000;
    c->lease_ms = 10000;
    c->max_payload = MAX_PAYLOAD_DEFAULT;
    c->share = who->slots;
    list_init(&c->fresh);
    list_init(&c->old);
    results_init(&c->results);
}

static void free_batches(struct list *batches)
{
    LIST_FOREACH_SAFE (it, batches)
        job_batch_free(CONTAINER_OF(it, struct job_batch, link));
}

void worker_core_fini(struct worker_core *c)
{
    free_batches(&c->fresh);
    free_batches(&c->old);
    results_fini(&c->results);
}

/* Nothing held and nothing unacknowledged. */
static bool is_idle(const struct worker_core *c)
{
    return c->held_jobs == 0 && c->abandoned == 0 && results_empty(&c->results);
}

static void send_message(struct worker_core *c, const struct msg *m, uint64_t now)
{
    c->ops->send(c->ctx, m);
    c->sent_ms = now;
}

/* ---- HELLO ---- */

static void fill_identity(const struct worker_core *c, struct msg_hello *h)
{
    const struct worker_identity *who = c->who;

    h->magic = slice_str(PROTOCOL_MAGIC);
    h->version_min = h->version_max = PROTOCOL_VERSION;
    h->role = ROLE_WORKER;
    h->session = slice_of(who->session, SESSION_ID_BYTES);
    h->number = c->hello;
    h->name = who->name;
    h->host = who->host;
    h->pid = who->pid;
    h->slots = who->slots;
    h->queues = (struct strs){.items = who->queues, .count = who->queue_count};
    if (who->weights)
        h->weights = slice_of(who->weights, who->queue_count * 4u);
    h->strict = who->strict;
    h->kinds = (struct strs){.items = who->kinds, .count = who->kind_count};
    h->draining = c->draining;
    h->results_next = results_first(&c->results);
}

static void send_parts(struct worker_core *c, const struct held_list *l, uint64_t now)
{
    uint32_t parts = (l->count + HELLO_PART_JOBS - 1) / HELLO_PART_JOBS;

    parts = parts ? parts : 1;
    for (uint32_t i = 0; i < parts; i++) {
        struct msg m = {.type = MSG_HELLO};
        size_t from = (size_t)i * HELLO_PART_JOBS;
        size_t n = l->count - from < HELLO_PART_JOBS ? l->count - from : HELLO_PART_JOBS;

        fill_identity(c, &m.hello);
        if (parts > 1) {
            m.hello.part = i;
            m.hello.parts = parts;
        }
        if (n) {
            m.hello.held_ids = slice_of(l->ids + from, n * 8);
            m.hello.held_runs = slice_of(l->runs + from, n * 4);
            m.hello.held_ms = slice_of(l->ms + from, n * 4);
        }
        send_message(c, &m, now);
    }
}

/* Says HELLO under a new number; what was sent before counts for nothing until WELCOME. */
static void greet(struct worker_core *c, uint64_t now)
{
    struct held_list list;

    if (held_list_make(c, now, &list)) {
        worker_core_lost(c, "out of memory", now);
        return;
    }
    results_unsend(&c->results);
    c->hello++;
    c->state = LINK_GREETING;
    c->greeted_ms = c->heard_ms = now;
    c->short_of_memory = false;
    send_parts(c, &list, now);
    free(list.ids);
}

/* ---- the connection ---- */

static bool holding(const struct worker_core *c)
{
    return c->held_jobs || !results_empty(&c->results);
}

/* When to try again: after a good session within the spread, then ever later, counted from the
 * attempt before. */
static uint64_t retry_at(struct worker_core *c, bool was_good, uint64_t now)
{
    struct backoff b = {BACKOFF_EXPONENTIAL, 250, RETRY_BASE_MS, RETRY_MAX_MS};
    uint64_t at;

    if (was_good) {
        c->failures = 0;
        at = now + rng_below(&c->rng, c->spread_ms);
    } else {
        c->failures++;
        at = c->opened_ms + backoff_delay_ms(&b, c->failures, &c->rng);
    }
    if (holding(c) && at > now + RETRY_HOLDING_MS)
        at = now + RETRY_HOLDING_MS;
    return at > now + 10 ? at : now + 10;
}

void worker_core_lost(struct worker_core *c, const char *why, uint64_t now)
{
    bool served = c->state == LINK_SERVING;
    bool good = served && now - c->greeted_ms >= LASTING_MS;

    if (c->state == LINK_CLOSED || c->state == LINK_ENDED)
        return;
    if (!c->trouble_told) {
        c->ops->note(c->ctx, true, why);
        c->trouble_told = true;
    }
    c->ops->close(c->ctx, false);
    results_unsend(&c->results);
    c->state = LINK_CLOSED;
    c->open_ms = retry_at(c, good, now);
}

void worker_core_connected(struct worker_core *c, uint64_t now)
{
    if (c->state == LINK_OPENING)
        greet(c, now);
}

static uint64_t greet_limit(const struct worker_core *c)
{
    uint64_t limit = (uint64_t)GREET_MS * (1 + (uint64_t)c->failures);

    return limit < GREET_MAX_MS ? limit : GREET_MAX_MS;
}

static uint64_t silence_limit(const struct worker_core *c)
{
    uint64_t three = (uint64_t)c->heartbeat_ms * 3, half = c->lease_ms / 2;

    return three < half ? three : half;
}

/* ---- messages ---- */

static void on_welcome(struct worker_core *c, const struct msg *m, uint64_t now)
{
    const struct msg_welcome *w = &m->welcome;

    if (c->state != LINK_GREETING || w->hello != c->hello)
        return;
    c->state = LINK_SERVING;
    c->greeted_ms = now;
    c->epoch = w->epoch;
    c->heartbeat_ms =
        w->heartbeat_ms > HEARTBEAT_MIN_MS ? (uint32_t)w->heartbeat_ms : HEARTBEAT_MIN_MS;
    c->lease_ms = w->lease_ms > 2 * c->heartbeat_ms ? (uint32_t)w->lease_ms : 2 * c->heartbeat_ms;
    c->spread_ms = (uint32_t)w->reconnect_spread_ms;
    c->max_payload = (uint32_t)w->max_payload;
    c->results.window = w->results_window;
    c->results.payload_max = c->max_payload;
    results_rewind(&c->results, w->results_next);
    c->credit_told = false;
    if (c->trouble_told)
        c->ops->note(c->ctx, false, "connected");
    c->trouble_told = false;
    c->ops->ready(c->ctx);
}

static void on_jobs(struct worker_core *c, const struct msg *m, uint64_t now)
{
    if (c->state != LINK_SERVING || m->jobs.epoch != c->epoch || m->jobs.hello != c->hello)
        return;
    if (!held_take(c, &m->jobs, now))
        worker_core_lost(c, "a JOBS message could not be taken", now);
}

static void on_results_ack(struct worker_core *c, const struct msg *m, uint64_t now)
{
    (void)now;
    results_ack(&c->results, m->results_ack.number);
}

static void on_abandon(struct worker_core *c, const struct msg *m, uint64_t now)
{
    (void)now;
    held_abandon(c, &m->abandon);
}

static void on_cancel(struct worker_core *c, const struct msg *m, uint64_t now)
{
    (void)now;
    held_cancel(c, &m->cancel);
}

static void on_heartbeat(struct worker_core *c, const struct msg *m, uint64_t now)
{
    if (c->state == LINK_SERVING && (m->heartbeat.has & MSG_BIT(heartbeat, epoch)) &&
        m->heartbeat.epoch != c->epoch)
        greet(c, now);
}

/* Several UNKNOWN may answer what was sent before the HELLO that the first one brought about. */
static void on_unknown(struct worker_core *c, const struct msg *m, uint64_t now)
{
    (void)m;
    if (c->state == LINK_SERVING)
        greet(c, now);
}

static void on_error(struct worker_core *c, const struct msg *m, uint64_t now)
{
    char text[256];

    snprintf(text, sizeof text, "the broker says %.*s: %.*s", SLICE_FMT(m->error.code),
             SLICE_FMT(m->error.text));
    if (c->state == LINK_GREETING)
        worker_core_lost(c, text, now);
    else
        c->ops->note(c->ctx, true, text);
}

static void on_goodbye(struct worker_core *c, const struct msg *m, uint64_t now)
{
    (void)m;
    worker_core_lost(c, "the broker is stopping", now);
}

typedef void message_fn(struct worker_core *c, const struct msg *m, uint64_t now);

static message_fn *const handlers[MSG_TYPE_MAX] = {
    [MSG_WELCOME] = on_welcome, [MSG_JOBS] = on_jobs,     [MSG_RESULTS_ACK] = on_results_ack,
    [MSG_ABANDON] = on_abandon, [MSG_CANCEL] = on_cancel, [MSG_HEARTBEAT] = on_heartbeat,
    [MSG_UNKNOWN] = on_unknown, [MSG_ERROR] = on_error,   [MSG_GOODBYE] = on_goodbye,
};

void worker_core_message(struct worker_core *c, const struct msg *m, uint64_t now)
{
    if (c->state != LINK_GREETING && c->state != LINK_SERVING)
        return;
    c->heard_ms = now;
    if ((unsigned)m->type < MSG_TYPE_MAX && handlers[m->type])
        handlers[m->type](c, m, now);
}

/* ---- time ---- */

static void send_results(struct worker_core *c, uint64_t now)
{
    struct msg m = {.type = MSG_RESULTS};

    while (results_next(&c->results, held_eager(c), &m.results)) {
        m.results.hello = c->hello;
        send_message(c, &m, now);
    }
}

static bool worth_telling(const struct worker_core *c, uint32_t wanted)
{
    uint32_t slots = c->who->slots, told = c->credit;
    uint32_t change = wanted > told ? wanted - told : told - wanted;

    if (!c->credit_told)
        return true;
    if (!change)
        return false;
    return wanted <= slots || told <= slots || change >= told / 4;
}

static void tell_credit(struct worker_core *c, uint64_t now)
{
    uint32_t wanted = held_credit(c);
    struct msg m = {.type = MSG_CREDIT};

    if (!worth_telling(c, wanted))
        return;
    m.credit.hello = c->hello;
    m.credit.credit = wanted;
    send_message(c, &m, now);
    c->credit = wanted;
    c->credit_told = true;
}

/* Ends the session when draining is done; true then. GOODBYE is for whoever has heard HELLO. */
static bool end_if_drained(struct worker_core *c, uint64_t now)
{
    struct msg m = {.type = MSG_GOODBYE};
    bool greeted = c->state == LINK_SERVING || c->state == LINK_GREETING;

    if (!c->draining || !is_idle(c))
        return false;
    if (greeted)
        send_message(c, &m, now);
    if (c->state != LINK_CLOSED)
        c->ops->close(c->ctx, greeted);
    c->state = LINK_ENDED;
    return true;
}

static void tick_serving(struct worker_core *c, uint64_t now)
{
    struct msg m = {.type = MSG_HEARTBEAT};

    if (now - c->ticked_ms > (uint64_t)c->heartbeat_ms * 2)
        c->heard_ms = now; /* we were suspended: what the broker said meanwhile is yet to be read */
    if (now - c->heard_ms >= silence_limit(c)) {
        worker_core_lost(c, "the broker is silent", now);
        return;
    }
    if (c->short_of_memory) {
        worker_core_lost(c, "out of memory", now);
        return;
    }
    send_results(c, now);
    tell_credit(c, now);
    if (now - c->sent_ms >= c->heartbeat_ms)
        send_message(c, &m, now);
}

static void tick_link(struct worker_core *c, uint64_t now)
{
    if (c->state == LINK_CLOSED && now >= c->open_ms) {
        c->state = LINK_OPENING;
        c->opened_ms = now;
        c->ops->open(c->ctx);
    } else if (c->state == LINK_OPENING && now - c->opened_ms >= CONNECT_MS) {
        worker_core_lost(c, "no connection", now);
    } else if (c->state == LINK_GREETING && now - c->greeted_ms >= greet_limit(c)) {
        worker_core_lost(c, "no answer to HELLO", now);
    } else if (c->state == LINK_SERVING) {
        tick_serving(c, now);
    }
}

void worker_core_tick(struct worker_core *c, uint64_t now)
{
    if (c->state == LINK_ENDED)
        return;
    held_review(c, now);
    if (!end_if_drained(c, now))
        tick_link(c, now);
    c->ticked_ms = now;
}

static uint64_t link_deadline(const struct worker_core *c)
{
    uint64_t silent = c->heard_ms + silence_limit(c), beat = c->sent_ms + c->heartbeat_ms;

    switch (c->state) {
    case LINK_CLOSED:
        return c->open_ms;
    case LINK_OPENING:
        return c->opened_ms + CONNECT_MS;
    case LINK_GREETING:
        return c->greeted_ms + greet_limit(c);
    case LINK_SERVING:
        return silent < beat ? silent : beat;
    case LINK_ENDED:
        break;
    }
    return UINT64_MAX;
}

uint64_t worker_core_deadline(const struct worker_core *c)
{
    uint64_t at = link_deadline(c);

    if (!list_empty(&c->fresh)) {
        const struct job_batch *b = CONTAINER_OF(c->fresh.next, struct job_batch, link);
        uint64_t review = b->arrived_ms + RELEASE_AFTER_MS;
        at = review < at ? review : at;
    }
    return at;
}

void worker_core_elsewhere(struct worker_core *c, uint32_t slots)
{
    if (slots < c->elsewhere)
        c->gave_back = false;
    c->elsewhere = slots;
}

void worker_core_drain(struct worker_core *c)
{
    c->draining = true;
    held_release_waiting(c);
}
