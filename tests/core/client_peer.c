/* client_peer.c: a client process: submits under numbers, resends what is not acknowledged, takes
 * the ends of its jobs in order, and asks for this and that. */
#include <stdio.h>
#include <stdlib.h>

#include "peers.h"

#define KEYS 12

static void send(struct client *c, struct message *m)
{
    m->key = c->key;
    list_push_back(&c->up, &m->link);
}

static void update_confirmed(struct client *c)
{
    uint64_t least = c->next_number;
    for (uint32_t i = 0; i < c->submit_count; i++)
        if (c->submits[i].number < least)
            least = c->submits[i].number;
    c->confirmed = least - 1;
}

static void hello(struct client *c)
{
    struct message *m = message_new(EV_CLIENT_HELLO, c->route, 0);
    c->welcomed = false;
    c->pending = 0;
    m->hello = ++c->hello;
    m->number = c->confirmed;
    m->epoch = c->done_seen;
    send(c, m);
}

void client_begin(struct world *w, struct client *c)
{
    list_init(&c->up);
    list_init(&c->down);
    c->key = ++w->next_key;
    memset(c->session, 0, sizeof c->session);
    memcpy(c->session, &c->key, sizeof c->key);
    c->session[15] = 'c';
    c->hello = c->confirmed = c->done_seen = 0;
    c->next_number = 1;
    c->submit_count = 0;
    c->silent = false;
    client_connect(w, c);
}

void client_connect(struct world *w, struct client *c)
{
    LIST_FOREACH_SAFE (it, &c->up) {
        list_remove(it);
        list_push_back(&w->ghosts, it);
    }
    messages_drop(&c->down);
    c->route = ++w->next_route;
    hello(c);
}

/* ---- submitting ---- */

static void fill_jobs(struct world *w, struct client *c, struct submission *s)
{
    bool keyed = chance(w, 15);
    s->count = 1 + (uint32_t)rng_below(&w->rng, JOBS_MOST);
    for (uint32_t i = 0; i < s->count; i++) {
        snprintf(s->args[i], sizeof s->args[i], "c%llu.%llu.%u", (unsigned long long)c->key,
                 (unsigned long long)s->number, i);
        s->keys[i][0] = '\0';
        if (keyed && chance(w, 70))
            snprintf(s->keys[i], sizeof s->keys[i], "key%u", (unsigned)rng_below(&w->rng, KEYS));
    }
}

void client_submit(struct world *w, struct client *c)
{
    if (c->submit_count == SUBMITS_MOST || c->next_number > c->confirmed + CLIENT_WINDOW_SUBMITS)
        return;
    struct submission *s = &c->submits[c->submit_count++];
    *s = (struct submission){.number = c->next_number++, .spec = JOB_SPEC_DEFAULT};
    s->queue = (unsigned)rng_below(&w->rng, w->names);
    s->kind = (unsigned)rng_below(&w->rng, w->names);
    s->priority = (uint8_t)(4 + rng_below(&w->rng, w->names));
    if (chance(w, 15))
        s->delay_ms = 1 + rng_below(&w->rng, 5000);
    else if (chance(w, 5))
        s->at_ms = harness_wall_ms(&w->h) + rng_below(&w->rng, 5000);
    if (chance(w, 5))
        s->expires_in_ms = 1 + rng_below(&w->rng, 8000);
    s->notify = chance(w, 40);
    s->spec.max_attempts = 1 + (uint32_t)rng_below(&w->rng, 4);
    s->spec.backoff = (struct backoff){BACKOFF_FIXED, 250, 800, 800};
    if (chance(w, 10))
        s->spec.run_timeout_ms = 1000;
    if (chance(w, 10))
        s->spec.meta = slice_str("trace");
    fill_jobs(w, c, s);
}

struct submission *client_submission(struct client *c, uint64_t number)
{
    for (uint32_t i = 0; i < c->submit_count; i++)
        if (c->submits[i].number == number)
            return &c->submits[i];
    return NULL;
}

static void send_submit(struct client *c, struct submission *s)
{
    struct message *m = message_new(EV_SUBMIT, c->route, 0);
    m->number = s->number;
    m->epoch = c->confirmed;
    s->sent = true;
    send(c, m);
}

/* Sends what was not sent on this connection, or was refused. */
void client_send(struct world *w, struct client *c)
{
    for (uint32_t i = 0; c->welcomed && i < c->submit_count; i++)
        if (!c->submits[i].sent || (!w->calm && chance(w, 2)))
            send_submit(c, &c->submits[i]);
}

/* ---- what it hears ---- */

static void welcomed(struct world *w, struct client *c, const struct message *m)
{
    if (c->welcomed || m->hello != c->hello)
        return;
    c->welcomed = true;
    for (uint32_t i = 0; i < c->submit_count; i++)
        c->submits[i].sent = false;
    client_send(w, c);
}

static void submit_acked(struct world *w, struct client *c, const struct message *m)
{
    struct submission *s = client_submission(c, m->number);
    if (!s)
        return; /* acknowledged twice: it had been sent twice */
    for (uint32_t i = 0; i < m->count; i++)
        w->ids[w->id_count++ % IDS_KEPT] = m->items[i].id;
    *s = c->submits[--c->submit_count];
    update_confirmed(c);
}

static void done_came(struct world *w, struct client *c, const struct message *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        const struct item *item = &m->items[i];
        struct done_row row = {.number = item->delay_ms, .id = item->id, .state = item->outcome};
        if (row.number <= c->done_seen)
            continue;
        if (row.number != c->done_seen + 1)
            model_broken("client %llu is told end %llu after %llu", (unsigned long long)c->key,
                         (unsigned long long)row.number, (unsigned long long)c->done_seen);
        c->done_seen = row.number;
        model_told(&w->model, &row);
    }
    if (w->calm || chance(w, 60)) {
        struct message *ack = message_new(EV_DONE_ACK, c->route, 0);
        ack->number = c->done_seen;
        send(c, ack);
    }
}

void client_read(struct world *w, struct client *c)
{
    if (list_empty(&c->down))
        return;
    struct message *m = CONTAINER_OF(c->down.next, struct message, link);
    struct submission *s;
    list_remove(&m->link);
    switch (m->type) {
    case ACT_CLIENT_WELCOME:
        welcomed(w, c, m);
        break;
    case ACT_CLIENT_UNKNOWN:
        if (c->welcomed)
            hello(c);
        break;
    case ACT_SUBMIT_ACK:
        submit_acked(w, c, m);
        break;
    case ACT_BUSY:
        s = client_submission(c, m->number);
        if (s)
            s->sent = false;
        break;
    case ACT_DONE:
        done_came(w, c, m);
        break;
    default: /* an answer */
        if (c->pending > 0)
            c->pending--;
        break;
    }
    free(m);
}

static void take_rows(struct message *m, const struct action *a)
{
    for (uint32_t i = 0; i < a->done.count; i++) {
        m->items[i].id = a->done.rows[i].id;
        m->items[i].delay_ms = a->done.rows[i].number;
        m->items[i].outcome = a->done.rows[i].state;
    }
}

/* What the core says becomes a message, and is judged as it leaves. */
void client_take(struct world *w, struct client *c, const struct action *a)
{
    uint32_t count = 0;
    if (a->type == ACT_SUBMIT_ACK)
        count = a->submit_ack.count;
    else if (a->type == ACT_DONE)
        count = a->done.count;
    struct message *m = message_new((int)a->type, a->route, count);
    if (a->type == ACT_SUBMIT_ACK) {
        m->number = a->submit_ack.number;
        for (uint32_t i = 0; i < count; i++)
            m->items[i].id = a->submit_ack.ids ? a->submit_ack.ids[i]
                                               : a->submit_ack.first_id + 256 * (uint64_t)i;
    } else if (a->type == ACT_DONE) {
        take_rows(m, a);
    } else if (a->type == ACT_BUSY) {
        m->number = a->busy.number;
    } else if (a->type == ACT_CLIENT_WELCOME) {
        m->hello = a->welcome.hello;
    } else if (a->type == ACT_REPLY_CANCELLED) {
        c->cancel_more = a->cancelled.more;
        c->cancel_at = a->cancelled.at;
        c->cancel_upto = a->cancelled.upto;
    } else if (a->type == ACT_REPLY_JOBS) {
        for (uint32_t i = 0; i < a->reply.count; i++)
            model_viewed(&w->model, &a->reply.views[i]);
    }
    list_push_back(&c->down, &m->link);
}

/* ---- what it asks ---- */

static const int requests[] = {EV_GET,   EV_CANCEL, EV_CANCEL,  EV_WAIT,  EV_PARKED,
                               EV_PAUSE, EV_QUEUES, EV_WORKERS, EV_STATS, EV_SNAPSHOT,
                               EV_LIST,  EV_PARKED, EV_CANCEL};

void client_act(struct world *w, struct client *c)
{
    if (!c->welcomed)
        return;
    int type = requests[rng_below(&w->rng, sizeof requests / sizeof requests[0])];
    bool by_ids = type == EV_GET || type == EV_WAIT || type == EV_CANCEL || type == EV_PARKED;
    uint32_t known = w->id_count < IDS_KEPT ? w->id_count : IDS_KEPT;
    if (by_ids && known == 0)
        return;
    uint32_t count = by_ids ? 1 + (uint32_t)rng_below(&w->rng, 3) : 0;
    struct message *m = message_new(type, c->route, count);
    m->flag = chance(w, 30);
    m->number = rng_below(&w->rng, NAMES);
    m->hello = rng_below(&w->rng, JOB_STATE_COUNT + 1);
    for (uint32_t i = 0; i < count; i++)
        m->items[i].id = w->ids[rng_below(&w->rng, known)];
    if (type == EV_CANCEL && chance(w, 8))
        m->type = EV_CANCEL_ALL;
    c->pending++;
    send(c, m);
}

void client_goodbye(struct world *w, struct client *c)
{
    if (!c->welcomed || c->submit_count > 0)
        return;
    send(c, message_new(EV_CLIENT_GOODBYE, c->route, 0));
    model_client_gone(&w->model, c->session);
    /* A process that says GOODBYE ends; another takes its place. */
    LIST_FOREACH_SAFE (it, &c->up) {
        list_remove(it);
        list_push_back(&w->ghosts, it);
    }
    messages_drop(&c->down);
    client_begin(w, c);
}

void client_beat(struct world *w, struct client *c)
{
    if (c->silent || w->h.now_ms < c->beat_ms + 1000)
        return;
    c->beat_ms = w->h.now_ms;
    if (c->welcomed)
        send(c, message_new(EV_CLIENT_HEARTBEAT, c->route, 0));
}
