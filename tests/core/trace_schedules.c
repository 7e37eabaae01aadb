/* trace_schedules.c: what schedulers and people say about schedules, as commands. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/state.h"
#include "schedule_text.h"
#include "trace.h"

#define PUT_MOST  512
#define ITEM_MOST TRACE_FIRED

static struct peer *who(struct trace *t, const struct command *c)
{
    struct peer *p = trace_peer(t, command_word(t, c, 0));
    if (!p->route)
        p->route = ++t->last_route;
    return p;
}

/* "60", "-3600", "59.999": seconds since the world began; "now+5", "now". */
static uint64_t wall_of(const struct trace *t, const char *text)
{
    bool from_now = strncmp(text, "now", 3) == 0;
    uint64_t base = from_now ? harness_wall_ms(&t->h) : HARNESS_START_WALL_MS;
    const char *at = text + (from_now ? 3 : 0);
    bool minus = *at == '-';
    uint64_t ms = 0;
    if (from_now && !*at)
        return base;
    at += *at == '-' || *at == '+';
    if (!isdigit((unsigned char)*at))
        trace_wrong(t, "%s is no time", text);
    for (; isdigit((unsigned char)*at); at++)
        ms = ms * 10 + (uint64_t)(*at - '0');
    ms *= 1000;
    if (*at == '.' && strlen(at) == 4) /* three digits */
        ms += trace_number(t, at + 1);
    else if (*at)
        trace_wrong(t, "%s is no time", text);
    return minus ? base - ms : base + ms;
}

static uint64_t wall_option(const struct trace *t, const struct command *c, const char *key,
                            uint64_t otherwise)
{
    const char *value = command_option(c, key);
    return value ? wall_of(t, value) : otherwise;
}

static uint8_t overlap_option(const struct trace *t, const struct command *c,
                              enum overlap otherwise)
{
    const char *value = command_option(c, "overlap");
    enum overlap overlap = otherwise;
    if (value && overlap_parse(slice_str(value), &overlap) != 0)
        trace_wrong(t, "%s is no overlap", value);
    return (uint8_t)overlap;
}

/* ---- SCHEDULE_PUT, SCHEDULE_ACT ---- */

static void keep_text(const struct trace *t, char *to, size_t size, const char *value)
{
    if (!value)
        return;
    if (strlen(value) >= size)
        trace_wrong(t, "%s is too long", value);
    memset(to, 0, size);
    memcpy(to, value, strlen(value));
}

static void fill_text(const struct trace *t, const struct command *c, struct schedule_text *to)
{
    const char *catch_up = command_option(c, "catch_up");
    enum catch_up parsed = CATCH_UP_LATEST;
    if (catch_up && catch_up_parse(slice_str(catch_up), &parsed) != 0)
        trace_wrong(t, "%s is no catch_up", catch_up);
    keep_text(t, to->cron, sizeof to->cron, command_option(c, "cron"));
    keep_text(t, to->queue, sizeof to->queue, command_option(c, "queue"));
    keep_text(t, to->kind, sizeof to->kind, command_option(c, "kind"));
    to->delay_ms = command_time(t, c, "delay", 0);
    to->expires_in_ms = command_time(t, c, "expires", 0);
    to->window_ms = command_time(t, c, "window", to->window_ms);
    to->jitter_ms = command_time(t, c, "jitter", 0);
    to->priority = (uint8_t)command_number(t, c, "priority", 5);
    to->overlap = overlap_option(t, c, OVERLAP_SKIP);
    to->catch_up = (uint8_t)parsed;
    to->paused = command_has(c, "paused");
    to->salt = (uint32_t)command_number(t, c, "salt", 0);
}

/* "S*300": S0 to S299 */
static uint32_t cut_names(const struct trace *t, const char *word, char names[][NAME_BYTES],
                          uint32_t most)
{
    const char *star = strchr(word, '*');
    uint64_t copies = star ? trace_number(t, star + 1) : 1;
    int len = (int)(star ? star - word : (long)strlen(word));
    if (copies > most || len + 8 > NAME_BYTES)
        trace_wrong(t, "%s is too much", word);
    for (uint64_t i = 0; i < copies; i++)
        if (star)
            snprintf(names[i], NAME_BYTES, "%.*s%u", len, word, (unsigned)i);
        else
            snprintf(names[i], NAME_BYTES, "%.*s", len, word);
    return (uint32_t)copies;
}

static void put(struct trace *t, const struct command *c)
{
    static char names[PUT_MOST][NAME_BYTES];
    struct schedule_def defs[PUT_MOST];
    const struct peer *p = who(t, c);
    const char *source = command_option(c, "source");
    uint64_t size = command_number(t, c, "size", sizeof(struct schedule_text));
    uint32_t count = cut_names(t, command_word(t, c, 1), names, PUT_MOST);
    uint8_t *bytes = size < sizeof(struct schedule_text) ? NULL : calloc(count, size);
    if (!bytes)
        trace_wrong(t, "no definition has %llu bytes", (unsigned long long)size);
    for (uint32_t i = 0; i < count; i++) {
        struct schedule_text text;
        schedule_text_default(&text, names[i]);
        fill_text(t, c, &text);
        memcpy(bytes + i * size, &text, sizeof text);
        schedule_text_read(slice_of(bytes + i * size, size), &defs[i]);
    }
    struct event e = {.type = EV_SCHEDULE_PUT, .route = p->route};
    e.schedule_put.source = slice_str(source ? source : "file");
    e.schedule_put.defs = defs;
    e.schedule_put.count = count;
    harness_step(&t->h, &e);
    free(bytes);
}

static void act(struct trace *t, const struct command *c)
{
    static char texts[PUT_MOST][NAME_BYTES];
    static const char *const actions[] = {
        [SCHEDULE_PAUSE] = "pause", [SCHEDULE_RESUME] = "resume", [SCHEDULE_DELETE] = "delete"};
    struct slice names[PUT_MOST];
    const struct peer *p = who(t, c);
    const char *action = command_word(t, c, 1), *source = command_option(c, "source");
    uint32_t count = cut_names(t, command_word(t, c, 2), texts, PUT_MOST);
    struct event e = {.type = EV_SCHEDULE_ACT, .route = p->route};
    for (uint8_t i = SCHEDULE_PAUSE; i <= SCHEDULE_DELETE; i++)
        if (strcmp(action, actions[i]) == 0)
            e.schedule_act.action = i;
    if (!e.schedule_act.action)
        trace_wrong(t, "%s is done to no schedule", action);
    for (uint32_t i = 0; i < count; i++)
        names[i] = slice_str(texts[i]);
    e.schedule_act.names = names;
    e.schedule_act.count = count;
    e.schedule_act.source = slice_str(source);
    harness_step(&t->h, &e);
}

/* ---- SCHEDULES, LEDGER, NOTICE ---- */

/* From the beginning, or from where the peer is: poll. */
static void schedules(struct trace *t, const struct command *c)
{
    const struct peer *p = who(t, c);
    bool goes_on = c->words[0][0] == 'p';
    struct event e = {.type = EV_SCHEDULES, .route = p->route};
    e.schedules.name = slice_str(command_option(c, "name"));
    e.schedules.epoch = goes_on ? p->epoch : t->h.core->epoch;
    e.schedules.after = command_number(t, c, "after", goes_on ? p->revision : 0);
    e.schedules.limit = (uint32_t)command_number(t, c, "limit", 1000);
    e.schedules.hold_ms = (uint32_t)command_time(t, c, "hold", 0);
    harness_step(&t->h, &e);
}

static void ledger(struct trace *t, const struct command *c)
{
    const struct peer *p = who(t, c);
    struct event e = {.type = EV_LEDGER, .route = p->route};
    e.ledger.name = slice_str(command_word(t, c, 1));
    e.ledger.before_ms = wall_option(t, c, "before", UINT64_MAX);
    e.ledger.from_ms = wall_option(t, c, "from", 0);
    e.ledger.limit = (uint32_t)command_number(t, c, "limit", 100);
    harness_step(&t->h, &e);
}

static void notice(struct trace *t, const struct command *c)
{
    const struct peer *p = who(t, c);
    struct event e = {.type = EV_NOTICE, .route = p->route};
    e.notice.source = slice_str(command_word(t, c, 1));
    e.notice.code = slice_str(command_word(t, c, 2));
    e.notice.text = slice_str(command_word(t, c, 3));
    harness_step(&t->h, &e);
}

/* ---- FIRE ---- */

struct items {
    uint32_t count;
    uint64_t revisions[ITEM_MOST], previous_ms[ITEM_MOST], nominals_ms[ITEM_MOST];
    uint64_t firsts_ms[ITEM_MOST];
    uint32_t counts[ITEM_MOST];
    uint8_t asks[ITEM_MOST];
};

static const struct schedule *schedule_called(const struct trace *t, const char *name)
{
    return strmap_get(&t->h.core->schedules.by_name, slice_str(name));
}

static struct through *told(struct trace *t, const struct peer *p, const char *name)
{
    for (uint32_t i = 0; i < t->told_count; i++)
        if (t->told[i].peer == p && strcmp(t->told[i].name, name) == 0)
            return &t->told[i];
    return NULL;
}

static void tell(struct trace *t, const struct peer *p, const char *name, uint64_t ms)
{
    struct through *x = told(t, p, name);
    if (!x && t->told_count == TRACE_TOLD)
        return; /* of the hundreds of some scripts nobody fires */
    if (!x)
        x = &t->told[t->told_count++];
    x->peer = p;
    snprintf(x->name, sizeof x->name, "%s", name);
    x->ms = ms;
}

/* What the one before it in this FIRE would leave, or what the peer was told. */
static uint64_t previous_of(struct trace *t, const struct peer *p, const struct fired *f,
                            const struct items *items, const char *name)
{
    for (uint32_t i = f->count; i-- > 0;)
        if (strcmp(f->names[i], name) == 0)
            return items->nominals_ms[i];
    const struct through *x = told(t, p, name);
    const struct schedule *s = schedule_called(t, name);
    return x ? x->ms : s ? s->through_ms : 0;
}

static uint8_t ask_of(const struct trace *t, const char *text)
{
    static const char *const asks[FIRE_ASK_COUNT] = {"run", "missed", "gap"};
    for (uint8_t i = 0; i < FIRE_ASK_COUNT; i++)
        if (strcmp(asks[i], text) == 0)
            return i;
    trace_wrong(t, "%s is not asked for", text);
}

/* "S:60", "S:60:missed", "S:60/0" (the one before it is 0), "S:60.001:missed#1+60" (60, the first
 * of them 1) */
static void cut_item(struct trace *t, const struct peer *p, char *text, struct fired *f,
                     struct items *items)
{
    uint32_t at = f->count;
    char *many = strchr(text, '#'), *previous = strchr(text, '/');
    if (at == ITEM_MOST)
        trace_wrong(t, "there are too many times");
    if (many)
        *many++ = '\0';
    if (previous)
        *previous++ = '\0';
    char *nominal = strchr(text, ':');
    if (nominal) /* a trigger need not have any */
        *nominal++ = '\0';
    char *ask = nominal ? strchr(nominal, ':') : NULL;
    if (ask)
        *ask++ = '\0';
    const struct schedule *s = schedule_called(t, text);
    items->revisions[at] = s ? s->revision : 0;
    items->nominals_ms[at] = nominal ? wall_of(t, nominal) : 0;
    items->asks[at] = ask ? ask_of(t, ask) : FIRE_RUN;
    items->previous_ms[at] = previous ? wall_of(t, previous) : previous_of(t, p, f, items, text);
    if (many) {
        char *first = strchr(many, '+');
        if (!first)
            trace_wrong(t, "%s says of no first one", many);
        *first++ = '\0';
        items->counts[at] = (uint32_t)trace_number(t, many);
        items->firsts_ms[at] = wall_of(t, first);
    }
    snprintf(f->names[at], NAME_BYTES, "%s", text);
    f->count++;
    items->count++;
}

static void fire(struct trace *t, const struct command *c)
{
    static struct items items;
    struct peer *p = who(t, c);
    struct fired *f = &t->fires[++t->last_request % TRACE_FIRES];
    f->request = t->last_request;
    f->peer = p;
    f->count = items.count = 0;
    memset(items.counts, 0, sizeof items.counts);
    memset(items.firsts_ms, 0, sizeof items.firsts_ms);
    for (uint32_t i = 2; i < c->count; i++)
        if (!strchr(c->words[i], '='))
            cut_item(t, p, c->words[i], f, &items);
    uint64_t revision = command_number(t, c, "revision", 0);
    for (uint32_t i = 0; revision && i < items.count; i++)
        items.revisions[i] = revision;
    size_t wide = items.count * sizeof(uint64_t);
    struct event e = {.type = EV_FIRE, .route = p->route, .request = f->request};
    char first = c->words[0][0];
    e.fire.mode = first == 't' ? FIRE_TRIGGER : first == 'b' ? FIRE_BACKFILL : FIRE_DUE;
    e.fire.epoch = command_number(t, c, "epoch", t->h.core->epoch);
    e.fire.count = items.count;
    e.fire.overlap = overlap_option(t, c, OVERLAP_ALLOW);
    e.fire.revisions = slice_of(items.revisions, wide);
    e.fire.previous_ms = slice_of(items.previous_ms, wide);
    e.fire.nominals_ms = slice_of(items.nominals_ms, wide);
    e.fire.asks = slice_of(items.asks, items.count);
    e.fire.firsts_ms = slice_of(items.firsts_ms, wide);
    e.fire.counts = slice_of(items.counts, items.count * sizeof(uint32_t));
    harness_step(&t->h, &e);
}

static void fire_said(struct trace *t, const struct action *a)
{
    const struct fired *f = &t->fires[a->request % TRACE_FIRES];
    if (f->request != a->request || f->count != a->fire.count)
        trace_wrong(t, "a FIRE is answered that nobody waits for");
    for (uint32_t i = 0; i < f->count; i++)
        if (a->fire.through_ms[i])
            tell(t, f->peer, f->names[i], a->fire.through_ms[i]);
}

void trace_schedules_said(struct trace *t, const struct action *a)
{
    struct peer *p = trace_peer_on(t, a->route);
    if (!p)
        return;
    if (a->type == ACT_REPLY_FIRE)
        fire_said(t, a);
    if (a->type != ACT_REPLY_SCHEDULES)
        return;
    p->epoch = a->schedules.epoch;
    p->revision = a->schedules.revision;
    for (uint32_t i = 0; i < a->schedules.count; i++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "%.*s", SLICE_FMT(a->schedules.views[i].name));
        tell(t, p, name, a->schedules.views[i].through_ms);
    }
}

bool trace_schedule_command(struct trace *t, const struct command *c)
{
    static const struct {
        const char *name;
        void (*run)(struct trace *, const struct command *);
    } table[] = {
        {"put", put},        {"act", act},       {"schedules", schedules},
        {"poll", schedules}, {"fire", fire},     {"trigger", fire},
        {"backfill", fire},  {"ledger", ledger}, {"notice", notice},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(c->words[0], table[i].name) == 0) {
            table[i].run(t, c);
            return true;
        }
    return false;
}
