/* scheduler_peer.c: schedulers that fire what is due as they see it, and people who change the
 * schedules meanwhile. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "peers.h"
#include "schedule_text.h"

#define HOLD_MS      1500
#define LEDGER_LIMIT 500
#define REST_AHEAD   3000

static const char *const entry_names[SCHEDULE_NAMES] = {"s0", "s1", "s2", "s3"};

static void orders_drop(struct list *l)
{
    LIST_FOREACH_SAFE (it, l) {
        list_remove(it);
        free(CONTAINER_OF(it, struct order, link));
    }
}

static struct order *order_new(struct scheduler *s, enum event_type type)
{
    struct order *o = calloc(1, sizeof *o);
    if (!o)
        model_broken("out of memory");
    o->type = type;
    o->route = s->route;
    o->epoch = s->epoch;
    list_push_back(&s->up, &o->link);
    return o;
}

void scheduler_begin(struct world *w, struct scheduler *s, unsigned number)
{
    *s = (struct scheduler){.clock_ms = (int64_t)rng_below(&w->rng, 9000) - 4500};
    snprintf((char *)s->session, sizeof s->session, "scheduler%u", number);
    list_init(&s->up);
    list_init(&s->asked);
    scheduler_connect(w, s);
    struct order *o = order_new(s, EV_SCHEDULE_PUT);
    o->salt = (uint32_t)rng_below(&w->rng, 1000);
    for (o->count = 0; o->count < SCHEDULE_NAMES; o->count++)
        o->items[o->count].name = o->count;
}

void scheduler_end(struct scheduler *s)
{
    orders_drop(&s->up);
    orders_drop(&s->asked);
}

void scheduler_connect(struct world *w, struct scheduler *s)
{
    scheduler_end(s);
    s->route = ++w->next_route;
    s->welcomed = false;
    s->hello++;
    order_new(s, EV_CLIENT_HELLO);
}

/* ---- what it says ---- */

static void step(struct world *w, struct event *e)
{
    harness_step(&w->h, e);
}

static void say_hello(struct world *w, const struct scheduler *s)
{
    struct event e = {.type = EV_CLIENT_HELLO, .route = s->route};
    e.client_hello.session = s->session;
    e.client_hello.number = s->hello;
    step(w, &e);
}

/* All entries of the order, as others before them but for what `salt` says. */
static void say_put(struct world *w, const struct order *o)
{
    struct schedule_text texts[ORDER_ITEMS];
    struct schedule_def defs[ORDER_ITEMS];
    for (uint32_t i = 0; i < o->count; i++) {
        struct schedule_text *t = &texts[i];
        uint32_t salt = o->salt + o->items[i].name;
        schedule_text_default(t, entry_names[o->items[i].name]);
        snprintf(t->queue, sizeof t->queue, "q%u", salt % w->names);
        snprintf(t->kind, sizeof t->kind, "k%u", salt / 3 % w->names);
        snprintf(t->cron, sizeof t->cron, "%u", salt / 16 % 2);
        t->overlap = (uint8_t)(salt % OVERLAP_COUNT);
        t->window_ms = salt % 5 ? 3600000 : 3000;
        t->jitter_ms = salt % 7 ? 0 : 1500;
        t->delay_ms = salt % 11 ? 0 : 700;
        t->paused = salt % 13 == 0 && !w->calm;
        schedule_text_read(slice_of(t, sizeof *t), &defs[i]);
    }
    struct event e = {.type = EV_SCHEDULE_PUT, .route = o->route, .request = o->request};
    e.schedule_put.source = slice_str("file");
    e.schedule_put.defs = defs;
    e.schedule_put.count = o->count;
    step(w, &e);
}

static void say_act(struct world *w, const struct order *o)
{
    struct slice names[ORDER_ITEMS];
    struct event e = {.type = EV_SCHEDULE_ACT, .route = o->route, .request = o->request};
    for (uint32_t i = 0; i < o->count; i++)
        names[i] = slice_str(entry_names[o->items[i].name]);
    e.schedule_act.action = o->action;
    e.schedule_act.names = names;
    e.schedule_act.count = o->count;
    step(w, &e);
}

static void say_fire(struct world *w, const struct order *o)
{
    uint64_t revisions[ORDER_ITEMS], previous[ORDER_ITEMS], nominals[ORDER_ITEMS];
    uint64_t firsts[ORDER_ITEMS];
    uint32_t counts[ORDER_ITEMS];
    uint8_t asks[ORDER_ITEMS];
    for (uint32_t i = 0; i < o->count; i++) {
        const struct order_item *item = &o->items[i];
        revisions[i] = item->revision;
        previous[i] = item->previous_ms;
        nominals[i] = item->nominal_ms;
        firsts[i] = item->first_ms;
        counts[i] = item->count;
        asks[i] = item->ask;
    }
    size_t wide = o->count * sizeof(uint64_t);
    struct event e = {.type = EV_FIRE, .route = o->route, .request = o->request};
    e.fire.epoch = o->epoch;
    e.fire.count = o->count;
    e.fire.mode = o->mode;
    e.fire.overlap = o->overlap;
    e.fire.revisions = slice_of(revisions, wide);
    e.fire.previous_ms = slice_of(previous, wide);
    e.fire.nominals_ms = slice_of(nominals, wide);
    e.fire.asks = slice_of(asks, o->count);
    e.fire.firsts_ms = slice_of(firsts, wide);
    e.fire.counts = slice_of(counts, o->count * sizeof(uint32_t));
    step(w, &e);
}

static void say_question(struct world *w, const struct order *o)
{
    struct event e = {.type = o->type, .route = o->route, .request = o->request};
    if (o->type == EV_LEDGER) {
        e.ledger.name = slice_str(entry_names[o->items[0].name]);
        e.ledger.before_ms = UINT64_MAX;
        e.ledger.limit = LEDGER_LIMIT;
    } else {
        e.schedules.epoch = o->epoch;
        e.schedules.after = o->after;
        e.schedules.limit = 1 + (uint32_t)rng_below(&w->rng, SCHEDULE_NAMES + 1);
        e.schedules.hold_ms = o->hold_ms;
    }
    step(w, &e);
}

void scheduler_send(struct world *w, struct scheduler *s)
{
    if (list_empty(&s->up))
        return;
    struct order *o = CONTAINER_OF(s->up.next, struct order, link);
    if (o->type != EV_CLIENT_HELLO && !s->welcomed)
        return;
    list_remove(&o->link);
    if (o->type == EV_CLIENT_HELLO || o->type == EV_CLIENT_HEARTBEAT) {
        struct event beat = {.type = o->type, .route = o->route};
        if (o->type == EV_CLIENT_HELLO)
            say_hello(w, s);
        else
            step(w, &beat);
        free(o);
        return;
    }
    o->request = ++w->next_request;
    o->judged = core_check_idle(w->h.core) ? w->model.judged : UINT64_MAX;
    list_push_back(&s->asked, &o->link);
    if (o->type == EV_SCHEDULE_PUT)
        say_put(w, o);
    else if (o->type == EV_SCHEDULE_ACT)
        say_act(w, o);
    else if (o->type == EV_FIRE)
        say_fire(w, o);
    else
        say_question(w, o);
}

void scheduler_beat(struct world *w, struct scheduler *s)
{
    if (w->h.now_ms < s->beat_ms + 1000 || !s->welcomed)
        return;
    s->beat_ms = w->h.now_ms;
    order_new(s, EV_CLIENT_HEARTBEAT);
}

/* ---- what it hears ---- */

static struct order *asked(struct scheduler *s, uint64_t request)
{
    LIST_FOREACH (it, &s->asked) {
        struct order *o = CONTAINER_OF(it, struct order, link);
        if (o->request == request)
            return o;
    }
    return NULL;
}

static void hear_fire(struct world *w, struct scheduler *s, const struct order *o,
                      const struct action *a)
{
    if (a->fire.count != o->count)
        model_broken("a FIRE of %u times is answered for %u", o->count, a->fire.count);
    bool listens = w->calm || chance(w, 80);
    for (uint32_t i = 0; i < o->count; i++) {
        const struct order_item *item = &o->items[i];
        uint8_t verdict = a->fire.verdicts[i];
        model_fire_told(&w->model, &(struct fire_told){.name = entry_names[item->name],
                                                       .nominal_ms = item->nominal_ms,
                                                       .through_ms = a->fire.through_ms[i],
                                                       .mode = o->mode,
                                                       .verdict = verdict});
        if (verdict == VERDICT_STALE)
            s->revision = 0; /* asks anew */
        else if (listens)
            s->entries[item->name].through_ms = a->fire.through_ms[i];
    }
}

static unsigned name_of(struct slice name)
{
    for (unsigned i = 0; i < SCHEDULE_NAMES; i++)
        if (slice_eq(name, slice_str(entry_names[i])))
            return i;
    model_broken("a schedule is shown that nobody put");
}

static void hear_schedules(struct world *w, struct scheduler *s, const struct action *a)
{
    for (uint32_t i = 0; i < a->schedules.count; i++)
        if (!a->schedules.views[i].deleted)
            model_through_told(&w->model, entry_names[name_of(a->schedules.views[i].name)],
                               a->schedules.views[i].through_ms);
    if (!w->calm && chance(w, 20))
        return;
    if (a->schedules.reset)
        memset(s->entries, 0, sizeof s->entries);
    for (uint32_t i = 0; i < a->schedules.count; i++) {
        const struct schedule_view *v = &a->schedules.views[i];
        s->entries[name_of(v->name)] = (struct known_entry){.exists = !v->deleted,
                                                            .paused = v->paused,
                                                            .revision = v->revision,
                                                            .through_ms = v->through_ms};
    }
    s->epoch = a->schedules.epoch;
    s->revision = a->schedules.revision;
}

void scheduler_take(struct world *w, struct scheduler *s, const struct action *a)
{
    if (a->type == ACT_CLIENT_WELCOME)
        s->welcomed = s->welcomed || a->welcome.hello == s->hello;
    else if (a->type == ACT_CLIENT_UNKNOWN)
        scheduler_connect(w, s);
    struct order *o = asked(s, a->request);
    if (!o)
        return;
    if (a->type == ACT_REPLY_FIRE)
        hear_fire(w, s, o, a);
    else if (a->type == ACT_REPLY_SCHEDULES)
        hear_schedules(w, s, a);
    else if (a->type == ACT_REPLY_LEDGER)
        model_ledger_told(&w->model, entry_names[o->items[0].name], a, LEDGER_LIMIT,
                          o->judged == w->model.judged);
    list_remove(&o->link);
    free(o);
}

/* ---- what it wants ---- */

static uint64_t own_clock(const struct world *w, const struct scheduler *s)
{
    return harness_wall_ms(&w->h) + (uint64_t)(w->calm ? 0 : s->clock_ms);
}

/* The times that are due, in order: of many the last ones, after a row for those before them. */
static void add_due(struct world *w, const struct scheduler *s, struct order *o, unsigned name,
                    uint32_t most)
{
    const struct known_entry *entry = &s->entries[name];
    uint64_t now = own_clock(w, s), at = entry->through_ms;
    uint64_t next = at / 1000 * 1000 + 1000 * (1 + (w->calm ? 0 : rng_below(&w->rng, 2)));
    uint8_t policy = (uint8_t)rng_below(&w->rng, 3);
    if (now / 1000 * 1000 > next + 10000) {
        uint64_t last = (now / 1000 - 5) * 1000;
        o->items[o->count++] = (struct order_item){.name = name,
                                                   .revision = entry->revision,
                                                   .previous_ms = at,
                                                   .nominal_ms = last + NOMINAL_SPAN_MS,
                                                   .first_ms = next,
                                                   .count = (uint32_t)((last - next) / 1000 + 1),
                                                   .ask = FIRE_MISSED};
        at = last + NOMINAL_SPAN_MS;
        next = last + 1000;
        most--;
    }
    for (; most > 0 && next <= now && o->count < ORDER_ITEMS; most--, next += 1000) {
        struct order_item *item = &o->items[o->count++];
        *item = (struct order_item){
            .name = name, .revision = entry->revision, .previous_ms = at, .nominal_ms = next};
        if (policy == 1 && next + 1000 <= now)
            item->ask = FIRE_MISSED;
        if (policy == 2 && chance(w, 10)) {
            item->ask = FIRE_GAP;
            item->nominal_ms = next + NOMINAL_GAP_MS;
            item->first_ms = next;
            item->count = 1;
        }
        at = item->nominal_ms;
    }
}

static void want_fire(struct world *w, struct scheduler *s)
{
    struct order *o = order_new(s, EV_FIRE);
    for (unsigned name = 0; name < SCHEDULE_NAMES; name++)
        if (s->entries[name].exists && !s->entries[name].paused && o->count + 2 < ORDER_ITEMS &&
            (w->calm ? s->entries[name].through_ms < w->rest_ms : chance(w, 70)))
            add_due(w, s, o, name, w->calm ? 1 : 1 + (uint32_t)rng_below(&w->rng, 3));
    if (o->count == 0) {
        list_remove(&o->link);
        free(o);
    }
}

static void want_by_hand(struct world *w, struct scheduler *s, uint8_t mode)
{
    struct order *o = order_new(s, EV_FIRE);
    uint64_t now = own_clock(w, s) / 1000 * 1000;
    o->mode = mode;
    o->overlap = (uint8_t)rng_below(&w->rng, OVERLAP_COUNT);
    o->count = 1 + (uint32_t)rng_below(&w->rng, 3);
    for (uint32_t i = 0; i < o->count; i++) {
        unsigned name = (unsigned)rng_below(&w->rng, SCHEDULE_NAMES);
        o->items[i].name = name;
        o->items[i].revision = s->entries[name].revision;
        if (mode == FIRE_BACKFILL)
            o->items[i].nominal_ms = now - 1000 * rng_below(&w->rng, 12);
    }
}

static void want_change(struct world *w, struct scheduler *s)
{
    bool puts = w->calm || chance(w, 60);
    struct order *o = order_new(s, puts ? EV_SCHEDULE_PUT : EV_SCHEDULE_ACT);
    o->salt = (uint32_t)rng_below(&w->rng, 1000);
    o->action = (uint8_t)(SCHEDULE_PAUSE + rng_below(&w->rng, 3));
    o->count = 1 + (uint32_t)rng_below(&w->rng, 2);
    o->items[0].name = (unsigned)rng_below(&w->rng, SCHEDULE_NAMES);
    o->items[1].name = (o->items[0].name + 1) % SCHEDULE_NAMES;
}

static void want_poll(struct world *w, struct scheduler *s)
{
    struct order *o = order_new(s, EV_SCHEDULES);
    o->after = s->revision;
    o->hold_ms = w->calm || s->revision == 0 || chance(w, 50) ? 0 : HOLD_MS;
}

void scheduler_act(struct world *w, struct scheduler *s)
{
    unsigned dice = (unsigned)rng_below(&w->rng, 1000);
    if (s->revision == 0 && chance(w, 70))
        want_poll(w, s);
    else if (s->revision == 0)
        want_change(w, s);
    else if (dice < 500)
        want_fire(w, s);
    else if (dice < 800)
        want_poll(w, s);
    else if (dice < 860)
        want_change(w, s);
    else if (dice < 910)
        want_by_hand(w, s, FIRE_BACKFILL);
    else if (dice < 950)
        want_by_hand(w, s, FIRE_TRIGGER);
    else if (dice < 980)
        order_new(s, EV_LEDGER)->items[0].name = (unsigned)rng_below(&w->rng, SCHEDULE_NAMES);
    else if (dice < 990)
        scheduler_connect(w, s);
    else
        s->clock_ms = (int64_t)rng_below(&w->rng, 9000) - 4500;
}

/* ---- at rest ---- */

static void want_resume(struct scheduler *s)
{
    struct order *o = order_new(s, EV_SCHEDULE_ACT);
    o->action = SCHEDULE_RESUME;
    for (unsigned name = 0; name < SCHEDULE_NAMES; name++)
        o->items[o->count++].name = name;
}

void scheduler_rest(struct world *w, struct scheduler *s)
{
    bool paused = false;
    for (unsigned name = 0; name < SCHEDULE_NAMES; name++)
        paused = paused || (s->entries[name].exists && s->entries[name].paused);
    if (!w->rest_ms)
        w->rest_ms = harness_wall_ms(&w->h) + REST_AHEAD;
    if (!list_empty(&s->asked) || !list_empty(&s->up))
        return;
    if (paused)
        want_resume(s);
    want_poll(w, s);
    if (!schedules_rest(w))
        want_fire(w, s);
    order_new(s, EV_LEDGER)->items[0].name = (unsigned)rng_below(&w->rng, SCHEDULE_NAMES);
}

bool schedules_rest(const struct world *w)
{
    size_t at = 0;
    for (const struct known_schedule *s; (s = idmap_next(&w->model.schedules, &at, NULL));)
        if (!s->dropped && (s->paused || s->waiting_rows || s->through_ms < w->rest_ms))
            return false;
    return w->rest_ms != 0;
}
