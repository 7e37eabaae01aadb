/* deliver.c: messages of the peers become events of the core. */
#include <stdio.h>
#include <stdlib.h>

#include "peers.h"

static const char *const queue_names[NAMES] = {"q0", "q1", "q2"};
static const char *const kind_names[NAMES] = {"k0", "k1", "k2"};

static struct worker *sender(struct world *w, const struct message *m)
{
    for (int i = 0; i < WORKERS; i++)
        if (w->workers[i].key == m->key)
            return &w->workers[i];
    return NULL;
}

static struct client *sending_client(struct world *w, const struct message *m)
{
    for (int i = 0; i < CLIENTS; i++)
        if (w->clients[i].key == m->key)
            return &w->clients[i];
    return NULL;
}

static struct event worker_hello(struct world *w, const struct message *m)
{
    static struct held_text held[HELD_MOST];
    static struct slice queues[NAMES], kinds[NAMES];
    const struct worker *k = sender(w, m);
    struct hello_text t = {.number = m->number,
                           .results_next = m->hello,
                           .part = m->part,
                           .parts = m->parts,
                           .held = held,
                           .held_count = m->count,
                           .queues = queues,
                           .kinds = kinds};
    if (!k)
        return (struct event){.type = EV_TICK}; /* of a session whose place is taken */
    t.session = k->session;
    t.name = k->name;
    t.slots = k->slots;
    for (int i = 0; i < NAMES; i++) {
        if (k->queues[i])
            queues[t.queue_count++] = slice_str(queue_names[i]);
        if (k->kinds[i])
            kinds[t.kind_count++] = slice_str(kind_names[i]);
    }
    for (uint32_t i = 0; i < m->count; i++)
        held[i] = (struct held_text){m->items[i].id, m->items[i].run, m->items[i].ms};
    return event_hello(m->route, &t);
}

static struct event results(struct world *w, const struct message *m)
{
    static struct result_text texts[BATCH_JOBS_MAX];
    for (uint32_t i = 0; i < m->count; i++) {
        const struct item *item = &m->items[i];
        texts[i] = (struct result_text){.id = item->id,
                                        .run = item->run,
                                        .outcome = item->outcome,
                                        .has_delay = item->has_delay,
                                        .delay_ms = item->delay_ms};
        if (item->outcome == OUTCOME_COMPLETED)
            texts[i].result = "done";
        model_reported(&w->model, item->id, item->run, m->key);
    }
    return event_results(m->route, m->hello, m->number, texts, m->count);
}

/* A late copy of a SUBMIT that was acknowledged meanwhile: it must not be carried out,
 * so that its content does not matter. */
static const struct submission *late_copy(uint64_t number)
{
    static struct submission copy;
    copy = (struct submission){.number = number, .spec = JOB_SPEC_DEFAULT, .count = 1};
    snprintf(copy.args[0], sizeof copy.args[0], "late copy");
    return &copy;
}

/* Large args fill windows and pages. */
static const char *padded(const struct world *w, const char *args, uint32_t at)
{
    static char room[JOBS_MOST][PADDING_MOST + 64];
    if (w->padding == 0)
        return args;
    snprintf(room[at], sizeof room[0], "%s %0*d", args, (int)w->padding, 0);
    return room[at];
}

static struct event submit(struct world *w, const struct message *m)
{
    static struct job_text jobs[JOBS_MOST];
    struct client *c = sending_client(w, m);
    if (!c)
        return (struct event){.type = EV_TICK};
    const struct submission *s = client_submission(c, m->number);
    if (!s)
        s = late_copy(m->number);
    for (uint32_t i = 0; i < s->count; i++)
        jobs[i] = (struct job_text){padded(w, s->args[i], i), s->keys[i]};
    return event_submit(m->route, &(struct submit_text){.number = s->number,
                                                        .confirmed = m->epoch,
                                                        .queue = queue_names[s->queue],
                                                        .kind = kind_names[s->kind],
                                                        .priority = s->priority,
                                                        .delay_ms = s->delay_ms,
                                                        .at_ms = s->at_ms,
                                                        .expires_in_ms = s->expires_in_ms,
                                                        .notify = s->notify,
                                                        .spec = s->spec,
                                                        .jobs = jobs,
                                                        .count = s->count});
}

static struct event client_hello(struct world *w, const struct message *m)
{
    const struct client *c = sending_client(w, m);
    struct event e = {.type = EV_CLIENT_HELLO, .route = m->route};
    if (!c)
        return (struct event){.type = EV_TICK};
    e.client_hello.session = c->session;
    e.client_hello.number = m->hello;
    e.client_hello.submit_confirmed = m->number;
    e.client_hello.done_confirmed = m->epoch;
    return e;
}

/* By filter: the first slice, or the one after the last, perhaps of another filter. */
static struct event cancel_all(struct world *w, const struct message *m)
{
    const struct client *c = sending_client(w, m);
    struct event e = {.type = EV_CANCEL_ALL, .route = m->route};
    e.cancel_all.state = (int)(m->hello % 4) - 1;
    e.cancel_all.queue = slice_str(queue_names[m->number]);
    if (m->flag)
        e.cancel_all.kind = slice_str(kind_names[m->hello % NAMES]);
    if (c && c->cancel_more) {
        e.cancel_all.from = c->cancel_at;
        e.cancel_all.upto = c->cancel_upto;
    }
    return e;
}

static struct event request(struct world *w, const struct message *m)
{
    static uint64_t ids[IDS_PER_REQUEST];
    struct event e = {.type = (enum event_type)m->type, .route = m->route};
    for (uint32_t i = 0; i < m->count; i++)
        ids[i] = m->items[i].id;
    if (m->type == EV_PARKED && m->flag && m->number == 0) {
        e.parked.all = true;
        e.parked.queue = slice_str(queue_names[m->hello % NAMES]);
        return e;
    }
    if (m->type == EV_PARKED)
        return event_parked(m->route, m->flag, ids, m->count);
    if (m->type == EV_GET || m->type == EV_WAIT || m->type == EV_CANCEL) {
        e = event_ids((enum event_type)m->type, m->route, ids, m->count);
        e.ids.hold_ms = 1500;
    } else if (m->type == EV_PAUSE) {
        e.pause.queue = slice_str(queue_names[m->number]);
        e.pause.paused = m->flag && !w->calm;
    } else if (m->type == EV_LIST) {
        e.list.state = (int)m->hello - 1;
        e.list.limit = 10;
        if (m->flag)
            e.list.queue = slice_str(queue_names[m->number]);
    }
    return e;
}

void deliver(struct world *w, struct message *m)
{
    struct event e;
    switch (m->type) {
    case EV_WORKER_HELLO:
        e = worker_hello(w, m);
        break;
    case EV_CREDIT:
        e = (struct event){.type = EV_CREDIT, .route = m->route};
        e.credit.hello = m->hello;
        e.credit.credit = (uint32_t)m->number;
        break;
    case EV_RESULTS:
        e = results(w, m);
        break;
    case EV_CLIENT_HELLO:
        e = client_hello(w, m);
        break;
    case EV_SUBMIT:
        e = submit(w, m);
        break;
    case EV_DONE_ACK:
        e = (struct event){.type = EV_DONE_ACK, .route = m->route};
        e.done_ack.number = m->number;
        break;
    case EV_CANCEL_ALL:
        e = cancel_all(w, m);
        break;
    default:
        e = request(w, m);
        break;
    }
    if (e.type == EV_TICK)
        return;
    harness_step(&w->h, &e);
    event_release(&e);
}
