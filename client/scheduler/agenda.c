/* agenda.c: entries come, go, fall due and are judged. */
#include "scheduler/agenda.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "scheduler/plan_of.h"

#define MS          1000
#define STEPS       4096 /* times of plans counted in one agenda_due() */
#define ITEMS_LEAST 3    /* what arrears_owed() wants at least */

struct agenda_entry {
    struct heap_node node;  /* in agenda.due or agenda.late, by wake_ms */
    uint64_t wake_ms, turn; /* at one time: who came first */
    uint64_t revision;
    uint64_t through_ms; /* the newest nominal time judged */
    struct plan plan;
    struct arrears owed;
    const char *source; /* in agenda.sources */
    bool late;          /* it owes several: see agenda.late */
    bool paused, broken, asleep /* `stale`: until it is told anew */, waits /* to ask again */;
    uint16_t name_bytes;
    char name[];
};

static struct agenda_entry *entry_of(const struct heap_node *node)
{
    return CONTAINER_OF(node, struct agenda_entry, node);
}

static bool wakes_before(const struct heap_node *a, const struct heap_node *b)
{
    const struct agenda_entry *x = entry_of(a), *y = entry_of(b);
    return x->wake_ms != y->wake_ms ? x->wake_ms < y->wake_ms : x->turn < y->turn;
}

static struct heap *heap_of(struct agenda *a, const struct agenda_entry *e)
{
    return e->late ? &a->late : &a->due;
}

/* Out of the heap that it is in, if it is in one. */
static void take_out(struct agenda *a, struct agenda_entry *e)
{
    heap_remove(heap_of(a, e), &e->node);
    e->late = false;
}

static struct slice name_of(const struct agenda_entry *e)
{
    return slice_of(e->name, e->name_bytes);
}

void agenda_init(struct agenda *a, struct zones *zones)
{
    *a = (struct agenda){.zones = zones};
    strmap_init(&a->by_name);
    idmap_init(&a->by_revision);
    heap_init(&a->due, wakes_before);
    heap_init(&a->late, wakes_before);
    strmap_init(&a->sources);
}

/* ---- entries ---- */

static void forget_plan(struct agenda *a, struct agenda_entry *e)
{
    take_out(a, e);
    if (idmap_get(&a->by_revision, e->revision) == e)
        (void)idmap_remove(&a->by_revision, e->revision);
    arrears_reset(&e->owed);
    a->broken -= e->broken;
    e->broken = false;
}

static void drop(struct agenda *a, struct agenda_entry *e)
{
    forget_plan(a, e);
    (void)strmap_remove(&a->by_name, name_of(e));
    free(e);
}

static void free_sources(struct agenda *a)
{
    size_t cursor = 0;
    char *source;
    while ((source = strmap_next(&a->sources, &cursor)) != NULL)
        free(source);
    strmap_fini(&a->sources);
    strmap_init(&a->sources);
}

void agenda_clear(struct agenda *a)
{
    size_t cursor = 0;
    struct agenda_entry *e;
    heap_fini(&a->due); /* first: they tell their nodes */
    heap_fini(&a->late);
    while ((e = strmap_next(&a->by_name, &cursor)) != NULL) {
        arrears_reset(&e->owed);
        free(e);
    }
    strmap_fini(&a->by_name);
    strmap_init(&a->by_name);
    idmap_fini(&a->by_revision);
    idmap_init(&a->by_revision);
    a->broken = 0;
    free_sources(a);
}

void agenda_fini(struct agenda *a)
{
    agenda_clear(a);
    strmap_fini(&a->by_name);
    idmap_fini(&a->by_revision);
    strmap_fini(&a->sources);
}

/* The one copy of a source's name, or NULL without memory. */
static const char *keep_source(struct agenda *a, struct slice source)
{
    char *known = strmap_get(&a->sources, source);
    if (known)
        return known;
    char *copy = malloc(source.len + 1);
    if (!copy)
        return NULL;
    if (source.len)
        memcpy(copy, source.data, source.len);
    copy[source.len] = '\0';
    if (strmap_put(&a->sources, slice_of(copy, source.len), copy)) {
        free(copy);
        return NULL;
    }
    return copy;
}

static struct agenda_entry *new_entry(struct agenda *a, struct slice name)
{
    struct agenda_entry *e = calloc(1, sizeof *e + name.len);
    if (!e)
        return NULL;
    e->name_bytes = (uint16_t)name.len;
    memcpy(e->name, name.data, name.len);
    if (strmap_put(&a->by_name, name_of(e), e)) {
        free(e);
        return NULL;
    }
    return e;
}

/* ---- when ---- */

static void wake_at(struct agenda *a, struct agenda_entry *e, uint64_t wake_ms)
{
    e->wake_ms = wake_ms;
    e->turn = ++a->turns;
    if (heap_has(&e->node))
        heap_update(heap_of(a, e), &e->node);
    else
        (void)heap_push(heap_of(a, e), &e->node); /* there is room: see agenda_put() */
}

/* Puts the entry where its next nominal time is; nowhere when there is none. */
static void schedule(struct agenda *a, struct agenda_entry *e)
{
    struct occurrence next;
    bool runs = !e->paused && !e->broken && !e->asleep &&
                plan_next(&e->plan, (int64_t)(e->through_ms / MS), &next);
    uint64_t next_ms = runs ? (uint64_t)next.utc * MS : UINT64_MAX;
    e->waits = false;
    if (next_ms > a->now_ms) /* an outage, if there was one, is over */
        arrears_reset(&e->owed);
    take_out(a, e);
    if (runs)
        wake_at(a, e, next_ms);
}

/* It owes several nominal times: after those that owe one, in turns with others like it. */
static void fall_behind(struct agenda *a, struct agenda_entry *e)
{
    take_out(a, e);
    e->late = true;
    e->waits = true;
    wake_at(a, e, a->now_ms);
}

/* Not before a while has passed. */
static void ask_again(struct agenda *a, struct agenda_entry *e, uint64_t now_ms, uint64_t after_ms)
{
    e->waits = true;
    wake_at(a, e, now_ms + after_ms);
}

/* A clock set back would make a moment very long. */
static void clock_went_back(struct agenda *a, uint64_t now_ms)
{
    size_t cursor = 0;
    struct agenda_entry *e;
    while ((e = strmap_next(&a->by_name, &cursor)) != NULL)
        if (e->waits && heap_has(&e->node) && e->wake_ms > now_ms + AGENDA_FULL_MS)
            wake_at(a, e, now_ms + AGENDA_FULL_MS);
}

static void hear_time(struct agenda *a, uint64_t now_ms)
{
    if (now_ms < a->now_ms)
        clock_went_back(a, now_ms);
    a->now_ms = now_ms;
}

/* ---- what is told ---- */

static int read_definition(struct agenda *a, struct agenda_entry *e, struct slice definition,
                           char why[AGENDA_WHY_SIZE])
{
    struct msg_schedule def;
    char malformed[128];
    if (wire_decode_schedule(definition, &def, malformed, sizeof malformed)) {
        (void)snprintf(why, AGENDA_WHY_SIZE, "%s", malformed);
        return MUSTER_EINVAL;
    }
    e->owed.policy = (uint8_t)def.catch_up;
    e->owed.window_ms = def.has & MSG_BIT(schedule, catch_up_window_ms)
                            ? def.catch_up_window_ms
                            : CATCH_UP_WINDOW_DEFAULT_MS;
    return plan_of(a->zones, &def, &e->plan, why, AGENDA_WHY_SIZE);
}

/* A heap never needs more places than there are entries: have them before one is counted on. */
static int make_room(struct agenda *a, struct agenda_entry *e)
{
    int error = heap_reserve(&a->due, a->by_name.count);
    error = error ? error : heap_reserve(&a->late, a->by_name.count);
    return error ? error : idmap_put(&a->by_revision, e->revision, e);
}

int agenda_put(struct agenda *a, const struct told_schedule *told, char why[AGENDA_WHY_SIZE])
{
    struct agenda_entry *e = strmap_get(&a->by_name, told->name);
    why[0] = '\0';
    if (told->deleted) {
        if (e)
            drop(a, e);
        return 0;
    }
    const char *source = keep_source(a, told->source);
    if (e)
        forget_plan(a, e);
    else
        e = new_entry(a, told->name);
    if (!e || !source) {
        if (e)
            drop(a, e);
        return MUSTER_ENOMEM;
    }
    e->source = source;
    e->revision = told->revision;
    e->through_ms = told->through_ms;
    e->paused = told->paused;
    e->asleep = false;
    int error = make_room(a, e);
    if (error) {
        drop(a, e);
        return error;
    }
    error = read_definition(a, e, told->definition, why);
    e->broken = error != 0;
    a->broken += e->broken;
    schedule(a, e);
    return error;
}

void agenda_recompute(struct agenda *a)
{
    size_t cursor = 0;
    struct agenda_entry *e;
    while ((e = strmap_next(&a->by_name, &cursor)) != NULL) {
        arrears_reset(&e->owed);
        if (heap_has(&e->node) && !e->waits)
            schedule(a, e);
    }
}

size_t agenda_count(const struct agenda *a)
{
    return a->by_name.count - a->broken;
}

const char *agenda_source_of(const struct agenda *a, struct slice name)
{
    const struct agenda_entry *e = strmap_get(&a->by_name, name);
    return e ? e->source : NULL;
}

bool agenda_each(const struct agenda *a, size_t *cursor, struct slice *ret_name,
                 const char **ret_source)
{
    const struct agenda_entry *e = strmap_next(&a->by_name, cursor);
    if (!e)
        return false;
    *ret_name = name_of(e);
    *ret_source = e->source;
    return true;
}

/* ---- what is due ---- */

static uint64_t wake_of(const struct heap *h)
{
    const struct heap_node *top = heap_top(h);
    return top ? entry_of(top)->wake_ms : UINT64_MAX;
}

uint64_t agenda_deadline_ms(const struct agenda *a)
{
    uint64_t due_ms = wake_of(&a->due), late_ms = wake_of(&a->late);
    return due_ms < late_ms ? due_ms : late_ms;
}

/* More than its next nominal time has come. */
static bool owes_several(const struct agenda *a, const struct agenda_entry *e)
{
    struct occurrence first, second;
    int64_t now = (int64_t)(a->now_ms / MS);
    return plan_next(&e->plan, (int64_t)(e->through_ms / MS), &first) &&
           plan_next(&e->plan, first.utc, &second) && second.utc <= now;
}

/* Adds what the entry owes; it leaves its heap until that is judged. */
static void add_entry(struct agenda *a, struct agenda_entry *e, int *steps, struct agenda_fire *ret)
{
    bool more;
    size_t added = arrears_owed(&e->owed, &e->plan, e->through_ms, a->now_ms, steps,
                                &ret->items[ret->count], FIRE_MAX - ret->count, &more);
    if (added == 0) {
        if (more) /* a slice of a long count */
            ask_again(a, e, a->now_ms, 1);
        else
            schedule(a, e);
        return;
    }
    take_out(a, e);
    for (size_t i = 0; i < added; i++)
        ret->revisions[ret->count + i] = e->revision;
    ret->count += (uint32_t)added;
}

static bool has_room(const struct agenda_fire *fire)
{
    return fire->count + ITEMS_LEAST <= FIRE_MAX;
}

static void add_due(struct agenda *a, int *steps, struct agenda_fire *ret)
{
    while (has_room(ret) && wake_of(&a->due) <= a->now_ms) {
        struct agenda_entry *e = entry_of(heap_top(&a->due));
        if (owes_several(a, e))
            fall_behind(a, e);
        else
            add_entry(a, e, steps, ret);
    }
}

static void add_late(struct agenda *a, int *steps, struct agenda_fire *ret)
{
    while (has_room(ret) && wake_of(&a->late) <= a->now_ms)
        add_entry(a, entry_of(heap_top(&a->late)), steps, ret);
}

/* Who owes one comes first, unless that left no room for the others the last time. */
bool agenda_due(struct agenda *a, uint64_t now_ms, struct agenda_fire *ret)
{
    int steps = STEPS;
    hear_time(a, now_ms);
    ret->count = 0;
    if (a->late_first)
        add_late(a, &steps, ret);
    add_due(a, &steps, ret);
    a->late_first = !a->late_first && !has_room(ret);
    add_late(a, &steps, ret);
    return ret->count > 0;
}

/* ---- what was decided ---- */

/* How an entry goes on after a verdict that is not one. */
static void put_off(struct agenda *a, struct agenda_entry *e, enum fire_verdict verdict,
                    uint64_t previous_ms, uint64_t through_ms)
{
    switch (verdict) {
    case VERDICT_STALE:
        e->asleep = true;
        schedule(a, e);
        break;
    case VERDICT_FULL:
        ask_again(a, e, a->now_ms, AGENDA_FULL_MS);
        break;
    case VERDICT_LATER:
        ask_again(a, e, a->now_ms, AGENDA_LATER_MS);
        break;
    case VERDICT_BEHIND:
        if (through_ms == previous_ms) { /* another one is just being judged */
            ask_again(a, e, a->now_ms, AGENDA_LATER_MS);
            break;
        }
        e->through_ms = through_ms;
        schedule(a, e);
        break;
    default: /* early: when the clock says so */
        schedule(a, e);
        break;
    }
}

static bool is_judged(uint8_t verdict)
{
    return verdict < VERDICT_STORED_COUNT || verdict == VERDICT_KNOWN;
}

/* All of one entry's nominal times, which stand one after the other: the first that was not judged
 * says how it goes on; what comes behind that one was asked in vain. */
static void judge_entry(struct agenda *a, struct agenda_entry *e, const struct agenda_fire *fire,
                        const struct fire_answer *answer, uint32_t from, uint32_t to)
{
    uint32_t i = from;
    while (i < to && is_judged(answer->verdicts.data[i]))
        i++;
    if (i > from)
        e->through_ms = slice_u64_at(answer->through_ms, i - 1);
    if (i == to)
        schedule(a, e);
    else
        put_off(a, e, (enum fire_verdict)answer->verdicts.data[i], fire->items[i].previous_ms,
                slice_u64_at(answer->through_ms, i));
}

void agenda_judged(struct agenda *a, const struct agenda_fire *fire,
                   const struct fire_answer *answer)
{
    hear_time(a, answer->now_ms);
    for (uint32_t from = 0, to; from < fire->count; from = to) {
        for (to = from + 1; to < fire->count && fire->revisions[to] == fire->revisions[from];)
            to++;
        struct agenda_entry *e = idmap_get(&a->by_revision, fire->revisions[from]);
        if (e && !e->broken)
            judge_entry(a, e, fire, answer, from, to);
    }
}

void agenda_refused(struct agenda *a, const struct agenda_fire *fire, uint64_t now_ms)
{
    hear_time(a, now_ms);
    for (uint32_t i = 0; i < fire->count; i++) {
        struct agenda_entry *e = idmap_get(&a->by_revision, fire->revisions[i]);
        if (e && !e->broken && !e->paused && !e->asleep)
            ask_again(a, e, now_ms, AGENDA_FULL_MS);
    }
}
