/* worker_peer.c: a worker process: holds jobs, reports their ends, and says HELLO whenever the
 * broker does not know it. */
#include <stdio.h>
#include <stdlib.h>

#include "core/jobs.h"
#include "peers.h"

#define MESSAGE_JOBS_MOST 4

struct message *message_new(int type, route_t route, uint32_t count)
{
    struct message *m = calloc(1, sizeof *m + count * sizeof m->items[0]);
    if (!m)
        model_broken("out of memory");
    list_init(&m->link);
    m->type = type;
    m->route = route;
    m->count = count;
    return m;
}

void messages_drop(struct list *l)
{
    LIST_FOREACH_SAFE (it, l) {
        list_remove(it);
        free(CONTAINER_OF(it, struct message, link));
    }
}

static void send(struct worker *k, struct message *m)
{
    m->key = k->key;
    list_push_back(&k->up, &m->link);
}

static uint64_t first_frame(const struct worker *k)
{
    return list_empty(&k->frames) ? k->results_next
                                  : CONTAINER_OF(k->frames.next, struct message, link)->number;
}

/* HELLO with all that it holds, in parts when it likes. */
static void hello(struct world *w, struct worker *k)
{
    uint32_t at = 0, parts = k->held_count > 1 && chance(w, 20) ? 2 : 1;
    k->welcomed = false;
    k->hello++;
    for (uint32_t part = 0; part < parts; part++) {
        uint32_t count = part + 1 == parts ? k->held_count - at : k->held_count / 2;
        struct message *m = message_new(EV_WORKER_HELLO, k->route, count);
        m->number = k->hello;
        m->hello = first_frame(k); /* results_next */
        m->part = part;
        m->parts = parts;
        for (uint32_t i = 0; i < count; i++, at++) {
            m->items[i].id = k->held[at].id;
            m->items[i].run = k->held[at].run;
            m->items[i].ms = k->held[at].started ? 5 : UINT32_MAX;
        }
        send(k, m);
    }
}

void worker_begin(struct world *w, struct worker *k, unsigned number)
{
    list_init(&k->up);
    list_init(&k->down);
    list_init(&k->frames);
    k->key = ++w->next_key;
    memset(k->session, 0, sizeof k->session);
    memcpy(k->session, &k->key, sizeof k->key);
    snprintf(k->name, sizeof k->name, "w%u-%llu", number, (unsigned long long)k->key);
    k->hello = 0;
    k->results_next = 1;
    k->held_count = 0;
    k->silent = k->gone = false;
    k->slots = 1 + (uint32_t)rng_below(&w->rng, 3);
    k->credit = k->slots + (uint32_t)rng_below(&w->rng, 4);
    for (int i = 0; i < NAMES; i++) {
        k->queues[i] = number == 0 || chance(w, 60);
        k->kinds[i] = number == 0 || chance(w, 60);
    }
    worker_connect(w, k);
}

/* A new connection. What was on its way up the old one may still be read. */
void worker_connect(struct world *w, struct worker *k)
{
    LIST_FOREACH_SAFE (it, &k->up) {
        list_remove(it);
        list_push_back(&w->ghosts, it);
    }
    messages_drop(&k->down);
    k->route = ++w->next_route;
    hello(w, k);
}

/* ---- what it hears ---- */

static struct held_job *find(struct worker *k, uint64_t id, uint32_t run)
{
    for (uint32_t i = 0; i < k->held_count; i++)
        if (k->held[i].id == id && k->held[i].run == run)
            return &k->held[i];
    return NULL;
}

static void forget(struct worker *k, struct held_job *j)
{
    *j = k->held[--k->held_count];
}

static void frame_acked(struct world *w, struct worker *k, struct message *frame)
{
    for (uint32_t i = 0; i < frame->count; i++) {
        struct held_job *j = find(k, frame->items[i].id, frame->items[i].run);
        model_results_acked(&w->model, frame->items[i].id, frame->items[i].run, k->key);
        if (j && j->reported == frame->number)
            forget(k, j);
    }
    list_remove(&frame->link);
    free(frame);
}

static void acked_below(struct world *w, struct worker *k, uint64_t number)
{
    while (!list_empty(&k->frames)) {
        struct message *frame = CONTAINER_OF(k->frames.next, struct message, link);
        if (frame->number >= number)
            return;
        frame_acked(w, k, frame);
    }
}

static void send_frame(struct worker *k, const struct message *frame)
{
    struct message *m = message_new(EV_RESULTS, k->route, frame->count);
    memcpy(m->items, frame->items, frame->count * sizeof frame->items[0]);
    m->number = frame->number;
    m->hello = k->hello;
    send(k, m);
}

static void send_credit(struct worker *k)
{
    struct message *m = message_new(EV_CREDIT, k->route, 0);
    m->hello = k->hello;
    m->number = k->credit;
    send(k, m);
}

static void welcomed(struct world *w, struct worker *k, const struct message *m)
{
    if (k->welcomed || m->hello != k->hello)
        return;
    k->welcomed = true;
    acked_below(w, k, m->number);
    LIST_FOREACH (it, &k->frames) {
        send_frame(k, CONTAINER_OF(it, struct message, link));
    }
    send_credit(k);
}

static void jobs_came(struct world *w, struct worker *k, const struct message *m)
{
    if (!k->welcomed || m->hello != k->hello || m->epoch != w->epoch)
        return;
    for (uint32_t i = 0; i < m->count; i++) {
        if (k->held_count == HELD_MOST)
            model_broken("worker %s holds too many jobs", k->name);
        if (find(k, m->items[i].id, m->items[i].run))
            model_broken("worker %s is given a run that it has", k->name);
        k->held[k->held_count++] = (struct held_job){.id = m->items[i].id, .run = m->items[i].run};
    }
}

static void told_of_jobs(struct worker *k, const struct message *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct held_job *j = find(k, m->items[i].id, m->items[i].run);
        if (!j || j->reported)
            continue;
        if (m->type == ACT_STOP_JOBS)
            j->stopping = true;
        else
            forget(k, j);
    }
}

void worker_read(struct world *w, struct worker *k)
{
    if (list_empty(&k->down))
        return;
    struct message *m = CONTAINER_OF(k->down.next, struct message, link);
    list_remove(&m->link);
    if (m->type == ACT_WORKER_WELCOME)
        welcomed(w, k, m);
    else if (m->type == ACT_JOBS)
        jobs_came(w, k, m);
    else if (m->type == ACT_RESULTS_ACK)
        acked_below(w, k, m->number + 1);
    else if (m->type == ACT_ABANDON || m->type == ACT_STOP_JOBS)
        told_of_jobs(k, m);
    else if (m->type == ACT_WORKER_UNKNOWN && k->welcomed)
        hello(w, k);
    else if (m->type == ACT_WORKER_ERROR)
        worker_connect(w, k); /* it lapsed between two parts of its HELLO: from the start */
    free(m);
}

void worker_take_jobs(struct world *w, struct worker *k, const struct action *a)
{
    struct message *m = message_new(ACT_JOBS, a->route, a->jobs.count);
    m->hello = a->jobs.hello;
    m->epoch = w->epoch;
    for (uint32_t i = 0; i < a->jobs.count; i++) {
        m->items[i].id = a->jobs.jobs[i]->head.id;
        m->items[i].run = a->jobs.jobs[i]->head.run;
    }
    list_push_back(&k->down, &m->link);
}

/* ---- what it does ---- */

static uint8_t outcome_for(struct world *w, const struct held_job *j)
{
    static const uint8_t wild[] = {OUTCOME_FAILED,  OUTCOME_FAILED,    OUTCOME_PARKED,
                                   OUTCOME_SNOOZED, OUTCOME_DISCARDED, OUTCOME_TIMEOUT};
    if (j->stopping && j->started)
        return OUTCOME_CANCELLED;
    if (!j->started)
        return OUTCOME_RELEASED;
    if (w->calm || chance(w, 70))
        return OUTCOME_COMPLETED;
    return wild[rng_below(&w->rng, sizeof wild)];
}

static bool picks(struct world *w, const struct held_job *j)
{
    if (j->reported)
        return false;
    if (j->started)
        return w->calm || chance(w, 50);
    return j->stopping || (!w->calm && chance(w, 3)); /* gives it back */
}

/* Reports what it has done with some of its jobs, in one RESULTS. */
static void report(struct world *w, struct worker *k)
{
    struct message *frame = message_new(EV_RESULTS, 0, MESSAGE_JOBS_MOST);
    frame->count = 0;
    for (uint32_t i = 0; i < k->held_count && frame->count < MESSAGE_JOBS_MOST; i++) {
        struct held_job *j = &k->held[i];
        if (!picks(w, j))
            continue;
        j->reported = k->results_next;
        struct item *item = &frame->items[frame->count++];
        *item = (struct item){.id = j->id, .run = j->run, .outcome = outcome_for(w, j)};
        item->has_delay = chance(w, 70);
        item->delay_ms = rng_below(&w->rng, 3000);
    }
    if (frame->count == 0) {
        free(frame);
        return;
    }
    frame->number = k->results_next++;
    list_push_back(&k->frames, &frame->link);
    if (k->welcomed)
        send_frame(k, frame);
}

static void start_some(struct world *w, struct worker *k)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < k->held_count; i++)
        running += k->held[i].started && !k->held[i].reported;
    for (uint32_t i = 0; i < k->held_count && running < k->slots; i++) {
        struct held_job *j = &k->held[i];
        if (!j->started && !j->reported && !j->stopping && (w->calm || chance(w, 80))) {
            j->started = true;
            running++;
        }
    }
}

void worker_act(struct world *w, struct worker *k)
{
    start_some(w, k);
    report(w, k);
    if (!w->calm && chance(w, 3)) {
        k->credit = (uint32_t)rng_below(&w->rng, k->slots + 4);
        if (k->welcomed)
            send_credit(k);
    }
    if (w->calm && k->credit < k->slots) {
        k->credit = k->slots;
        if (k->welcomed)
            send_credit(k);
    }
}

/* Allowed when nothing is held and nothing is unacknowledged. */
void worker_goodbye(struct world *w, struct worker *k)
{
    (void)w;
    if (!k->welcomed || k->held_count > 0 || !list_empty(&k->frames))
        return;
    send(k, message_new(EV_WORKER_GOODBYE, k->route, 0));
    k->gone = true;
    k->welcomed = false;
}

void worker_beat(struct world *w, struct worker *k)
{
    if (k->silent || k->gone || w->h.now_ms < k->beat_ms + 1000)
        return;
    k->beat_ms = w->h.now_ms;
    if (k->welcomed)
        send(k, message_new(EV_WORKER_HEARTBEAT, k->route, 0));
}
