/* entry.c: the table of fields, how each kind of text is read, and the checks across fields. */
#include "scheduler/entry.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "base/nearest.h"
#include "base/text.h"
#include "scheduler/plan.h"
#include "utf8.h"

#define EMPTY_MAP "\x80" /* what `muster submit` sends without ARGS */

const struct entry_row entry_rows[ENTRY_FIELDS] = {
#define ENTRY_FIELD(key, option, kind, member, least, most, argument, about)                       \
    [ENTRY_##key] = {#key,                                                                         \
                     "--" option,                                                                  \
                     ENTRY_KIND_##kind,                                                            \
                     offsetof(struct msg_schedule, member),                                        \
                     MSG_BIT(schedule, member),                                                    \
                     least,                                                                        \
                     most},
#include "scheduler/entry.def"
};

/* ---- fields ---- */

void entry_init(struct entry *e, struct slice name, bool options)
{
    *e = (struct entry){.options = options};
    e->schedule.has = MSG_BIT(schedule, args);
    e->schedule.name = name;
    e->schedule.queue = slice_str("default");
    e->schedule.args = slice_str(EMPTY_MAP);
}

enum entry_field entry_field_of(struct slice key)
{
    for (unsigned i = 0; i < ENTRY_FIELDS; i++)
        if (slice_is(key, entry_rows[i].key))
            return (enum entry_field)i;
    return ENTRY_FIELDS;
}

/* What other systems call it. */
static const struct {
    const char *there; /* in lower case, without _ and - */
    enum entry_field here;
} aliases[] = {
    {"tz", ENTRY_timezone},
    {"class", ENTRY_kind},
    {"job", ENTRY_kind},
    {"data", ENTRY_args},
    {"arguments", ENTRY_args},
    {"payload", ENTRY_args},
    {"pattern", ENTRY_cron},
    {"schedule", ENTRY_cron},
    {"expression", ENTRY_cron},
    {"interval", ENTRY_every},
    {"retry", ENTRY_max_attempts},
    {"retries", ENTRY_max_attempts},
    {"attempts", ENTRY_max_attempts},
    {"backofflimit", ENTRY_max_attempts},
    {"timeout", ENTRY_run_timeout},
    {"activedeadlineseconds", ENTRY_run_timeout},
    {"concurrencypolicy", ENTRY_overlap},
    {"nooverlap", ENTRY_overlap},
    {"startingdeadlineseconds", ENTRY_catch_up_window},
    {"maxrandomdelay", ENTRY_jitter},
    {"suspend", ENTRY_paused},
    {"disabled", ENTRY_paused},
    {"startdate", ENTRY_start},
    {"enddate", ENTRY_end},
};

/* The same but for case, _ and -. */
static bool is_alias(struct slice key, const char *alias)
{
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.data[i];
        if (c == '_' || c == '-')
            continue;
        c = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
        if (*alias == '\0' || c != (uint8_t)*alias++)
            return false;
    }
    return *alias == '\0';
}

const char *entry_field_nearest(struct slice key)
{
    struct nearest near;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (is_alias(key, aliases[i].there))
            return entry_rows[aliases[i].here].key;
    nearest_init(&near, key);
    for (unsigned i = 0; i < ENTRY_FIELDS; i++)
        nearest_offer(&near, entry_rows[i].key);
    return nearest_close(&near);
}

const char *entry_field_name(const struct entry *e, enum entry_field field)
{
    return e->options ? entry_rows[field].option : entry_rows[field].key;
}

/* ---- values ---- */

/* A field that is read. */
struct reading {
    struct entry *entry;
    const struct entry_row *row;
    struct slice text;
    struct entry_fault *fault;
};

static const char *called(const struct reading *r)
{
    return entry_field_name(r->entry, r->fault->field);
}

static const char *cstr(const struct reading *r)
{
    return r->text.len ? (const char *)r->text.data : "";
}

/* "priority is 0 to 9, not "x"", and what would do: "; the nearest is", the word. */
static int refuse_for(const struct reading *r, const char *rule, const char *lead,
                      const char *instead)
{
    (void)snprintf(r->fault->text, sizeof r->fault->text, "%s is %s, not \"%.100s\"%s%s%s%s%s",
                   called(r), rule, cstr(r), instead ? "; " : "", instead ? lead : "",
                   instead ? " \"" : "", instead ? instead : "", instead ? "\"" : "");
    return MUSTER_EINVAL;
}

static int refuse(const struct reading *r, const char *rule, const char *nearest)
{
    return refuse_for(r, rule, "the nearest is", nearest);
}

static int store(const struct reading *r, uint64_t value)
{
    *(uint64_t *)((char *)&r->entry->schedule + r->row->offset) = value;
    return 0;
}

static int store_text(const struct reading *r)
{
    *(struct slice *)((char *)&r->entry->schedule + r->row->offset) = r->text;
    return 0;
}

static int take_cron(const struct reading *r)
{
    struct cron_error error = {.position = 0};
    if (r->text.len > r->row->most)
        (void)snprintf(error.text, sizeof error.text, "longer than %" PRIu64 " bytes",
                       r->row->most);
    else if (!cron_parse(r->text, &r->entry->cron, &error))
        return store_text(r);
    r->fault->position = error.position;
    (void)snprintf(r->fault->text, sizeof r->fault->text, "%s: %s", called(r), error.text);
    return MUSTER_EINVAL;
}

/* Milliseconds, as libraries elsewhere have them, and weeks. */
static int refuse_duration(const struct reading *r)
{
    static const char rule[] = "a duration such as 30s, 5m, 1h30m or 2d";
    char instead[DURATION_TEXT_BYTES];
    size_t digits = strspn(cstr(r), "0123456789");
    uint64_t value = digits > 0 && digits <= 12 ? strtoull(cstr(r), NULL, 10) : 0;
    if (digits == r->text.len && value >= 1000) {
        duration_format(value, instead);
        return refuse_for(r, rule, "if these are milliseconds, write", instead);
    }
    if (value && value <= 1000 && strcmp(cstr(r) + digits, "w") == 0) {
        (void)snprintf(instead, sizeof instead, "%ud", 7 * (unsigned)value);
        return refuse_for(r, rule, "write", instead);
    }
    return refuse(r, rule, NULL);
}

static int take_duration(const struct reading *r)
{
    char rule[80], limit[DURATION_TEXT_BYTES];
    uint64_t ms;
    if (duration_parse(cstr(r), &ms))
        return refuse_duration(r);
    if (ms >= r->row->least && ms <= r->row->most)
        return store(r, ms);
    duration_format(ms < r->row->least ? r->row->least : r->row->most, limit);
    (void)snprintf(rule, sizeof rule, "at %s %s", ms < r->row->least ? "least" : "most", limit);
    return refuse(r, rule, NULL);
}

static int take_every(const struct reading *r)
{
    int error = take_duration(r);
    uint64_t ms = r->entry->schedule.every_s;
    if (error)
        return error;
    return ms % 1000 ? refuse(r, "whole seconds", NULL) : store(r, ms / 1000);
}

static int take_number(const struct reading *r)
{
    char rule[80];
    bool plain =
        r->text.len > 0 && r->text.len <= 18 && strspn(cstr(r), "0123456789") == r->text.len;
    uint64_t value = plain ? strtoull(cstr(r), NULL, 10) : 0;
    if (plain && value >= r->row->least && value <= r->row->most)
        return store(r, value);
    (void)snprintf(rule, sizeof rule, "a number from %" PRIu64 " to %" PRIu64, r->row->least,
                   r->row->most);
    return refuse(r, rule, NULL);
}

static int take_name(const struct reading *r)
{
    if (name_valid(r->text))
        return store_text(r);
    return refuse(r, "1 to 128 of A-Z a-z 0-9 . _ : / -, the first a letter or digit", NULL);
}

static int take_text(const struct reading *r)
{
    char rule[80];
    if (r->text.len >= r->row->least && r->text.len <= r->row->most && utf8_is_text(r->text))
        return store_text(r);
    (void)snprintf(rule, sizeof rule, "UTF-8 text of %" PRIu64 " to %" PRIu64 " bytes",
                   r->row->least, r->row->most);
    return refuse(r, rule, NULL);
}

static int take_backoff(const struct reading *r)
{
    struct msg_schedule *s = &r->entry->schedule;
    struct backoff backoff;
    if (backoff_parse(cstr(r), &backoff))
        return refuse(r, "KIND:BASE:CAP, such as fixed:30s, linear:5s:10m or exponential:2s:1h",
                      NULL);
    s->backoff_kind = backoff.kind;
    s->backoff_base_ms = backoff.base_ms;
    s->backoff_cap_ms = backoff.cap_ms;
    s->has |= MSG_BIT(schedule, backoff_kind) | MSG_BIT(schedule, backoff_cap_ms);
    return 0;
}

static int refuse_word(const struct reading *r, const char *rule, const char *const *names,
                       size_t count)
{
    struct nearest near;
    nearest_init(&near, r->text);
    for (size_t i = 0; i < count; i++)
        nearest_offer(&near, names[i]);
    return refuse(r, rule, nearest_close(&near));
}

static int take_overlap(const struct reading *r)
{
    const char *names[OVERLAP_COUNT];
    enum overlap overlap;
    if (!overlap_parse(r->text, &overlap))
        return store(r, overlap);
    for (unsigned i = 0; i < OVERLAP_COUNT; i++)
        names[i] = overlap_name((enum overlap)i);
    return refuse_word(r, "skip, queue_one, allow or cancel_old", names, OVERLAP_COUNT);
}

static int take_catch_up(const struct reading *r)
{
    const char *names[CATCH_UP_COUNT];
    enum catch_up policy;
    if (!catch_up_parse(r->text, &policy))
        return store(r, policy);
    for (unsigned i = 0; i < CATCH_UP_COUNT; i++)
        names[i] = catch_up_name((enum catch_up)i);
    return refuse_word(r, "latest, none or all", names, CATCH_UP_COUNT);
}

/* It begins as YYYY-MM-DD, of this age, with a month that there is. */
static bool begins_with_day(const char *text)
{
    for (size_t i = 0; i < 10; i++)
        if (i == 4 || i == 7 ? text[i] != '-' : text[i] < '0' || text[i] > '9')
            return false;
    int month = (text[5] - '0') * 10 + text[6] - '0', day = (text[8] - '0') * 10 + text[9] - '0';
    return strncmp(text, "1970", 4) >= 0 && month >= 1 && month <= 12 && day >= 1;
}

static int refuse_time(const struct reading *r)
{
    static const char rule[] = "a time in whole seconds such as 2030-01-31T09:00:00Z";
    char midnight[sizeof "2030-01-31T00:00:00Z"];
    uint64_t ms;
    if (!begins_with_day(cstr(r)))
        return refuse(r, rule, NULL);
    (void)snprintf(midnight, sizeof midnight, "%.10sT00:00:00Z", cstr(r));
    if (!time_parse(midnight, &ms))
        return refuse_for(r, rule, "write", r->text.len == 10 ? midnight : NULL);
    (void)snprintf(r->fault->text, sizeof r->fault->text, "%s: there is no day %.10s", called(r),
                   cstr(r));
    return MUSTER_EINVAL;
}

static int take_time(const struct reading *r)
{
    uint64_t ms;
    if (time_parse(cstr(r), &ms) || ms % 1000)
        return refuse_time(r);
    return store(r, ms);
}

static int take_switch(const struct reading *r)
{
    bool on = slice_is(r->text, "true");
    if (!on && !slice_is(r->text, "false"))
        return refuse(r, "true or false", NULL);
    return store(r, on);
}

static int take_nothing(const struct reading *r)
{
    return refuse(r, "no text", NULL);
}

typedef int take_fn(const struct reading *r);

static take_fn *const takers[] = {
    [ENTRY_KIND_CRON] = take_cron,         [ENTRY_KIND_EVERY] = take_every,
    [ENTRY_KIND_ZONE] = take_text,         [ENTRY_KIND_NAME] = take_name,
    [ENTRY_KIND_ARGS] = take_nothing,      [ENTRY_KIND_NUMBER] = take_number,
    [ENTRY_KIND_DURATION] = take_duration, [ENTRY_KIND_BACKOFF] = take_backoff,
    [ENTRY_KIND_OVERLAP] = take_overlap,   [ENTRY_KIND_CATCH_UP] = take_catch_up,
    [ENTRY_KIND_TIME] = take_time,         [ENTRY_KIND_SWITCH] = take_switch,
    [ENTRY_KIND_TEXT] = take_text,
};

int entry_set(struct entry *e, enum entry_field field, struct slice text, struct entry_fault *ret)
{
    const struct reading r = {e, &entry_rows[field], text, ret};
    ret->field = field;
    ret->position = 0;
    int error = takers[r.row->kind](&r);
    if (error) {
        entry_set_wrong(e, field);
        return error;
    }
    e->given |= UINT32_C(1) << field;
    e->schedule.has |= r.row->bit;
    return 0;
}

void entry_set_args(struct entry *e, struct slice value)
{
    e->schedule.args = value;
    e->given |= UINT32_C(1) << ENTRY_args;
}

void entry_set_wrong(struct entry *e, enum entry_field field)
{
    e->wrong |= UINT32_C(1) << field;
}

/* ---- the whole ---- */

struct checking {
    const struct entry *entry;
    struct zones *zones;
    int64_t now;
    entry_tell_fn *tell;
    void *user;
    int error;
};

__attribute__((format(printf, 3, 4))) static void tell(struct checking *c, enum entry_field field,
                                                       const char *format, ...)
{
    struct entry_fault fault = {.field = field};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault.text, sizeof fault.text, format, args);
    va_end(args);
    c->tell(c->user, &fault);
    c->error = MUSTER_EINVAL;
}

static bool has(const struct entry *e, enum entry_field field)
{
    return e->given >> field & 1;
}

/* Not given, and not wrong either. */
static bool lacks(const struct entry *e, enum entry_field field)
{
    return !((e->given | e->wrong) >> field & 1);
}

static const char *name(const struct checking *c, enum entry_field field)
{
    return entry_field_name(c->entry, field);
}

static void check_fields(struct checking *c)
{
    const struct entry *e = c->entry;
    if (!name_valid(e->schedule.name))
        tell(c, ENTRY_FIELDS,
             "a name is 1 to 128 of A-Z a-z 0-9 . _ : / -, the first a letter or digit");
    if (lacks(e, ENTRY_cron) && lacks(e, ENTRY_every))
        tell(c, ENTRY_FIELDS, "when? It has neither %s nor %s", name(c, ENTRY_cron),
             name(c, ENTRY_every));
    if (!lacks(e, ENTRY_cron) && !lacks(e, ENTRY_every))
        tell(c, ENTRY_every, "%s beside %s: one of them says when", name(c, ENTRY_every),
             name(c, ENTRY_cron));
    if (lacks(e, ENTRY_kind))
        tell(c, ENTRY_FIELDS, "what? It has no %s, such as report.daily", name(c, ENTRY_kind));
    if (has(e, ENTRY_start) && has(e, ENTRY_end) && e->schedule.end_ms <= e->schedule.start_ms)
        tell(c, ENTRY_end, "%s is not after %s", name(c, ENTRY_end), name(c, ENTRY_start));
}

/* UTC needs no field. */
static bool find_zone(struct checking *c, const struct zone **ret)
{
    const struct entry *e = c->entry;
    struct slice zone = has(e, ENTRY_timezone) ? e->schedule.timezone : slice_str("UTC");
    if (e->wrong >> ENTRY_timezone & 1)
        return false;
    if (!zones_find(c->zones, zone, ret))
        return true;
    tell(c, ENTRY_timezone, "%s: %s", name(c, ENTRY_timezone), zones_error(c->zones));
    return false;
}

/* A schedule that has ended is none that never ran. */
static void check_runs(struct checking *c, const struct zone *zone)
{
    const struct entry *e = c->entry;
    const struct msg_schedule *s = &e->schedule;
    struct plan plan = {.cron = e->cron,
                        .zone = zone,
                        .every_s = (uint32_t)s->every_s,
                        .start = (int64_t)(s->start_ms / 1000),
                        .end = (int64_t)(s->end_ms / 1000)};
    struct occurrence first;
    bool ended = has(e, ENTRY_end) && plan.end <= c->now;
    int64_t after = has(e, ENTRY_start) || ended ? plan.start - 1 : c->now;
    if (plan_next(&plan, after, &first))
        return;
    enum entry_field when = has(e, ENTRY_cron) ? ENTRY_cron : ENTRY_every;
    bool bounded = has(e, ENTRY_start) || has(e, ENTRY_end);
    tell(c, bounded ? ENTRY_end : when, "it never runs: %s names no time%s%s%s", name(c, when),
         has(e, ENTRY_start) ? " after its start" : "", has(e, ENTRY_end) ? " before its end" : "",
         bounded ? "" : " up to the year 2199");
}

int entry_check(const struct entry *e, struct zones *zones, int64_t now, entry_tell_fn *tell_one,
                void *user)
{
    struct checking c = {e, zones, now, tell_one, user, 0};
    const struct zone *zone;
    check_fields(&c);
    bool known = find_zone(&c, &zone);
    uint32_t of_time = UINT32_C(1) << ENTRY_cron | UINT32_C(1) << ENTRY_every |
                       UINT32_C(1) << ENTRY_start | UINT32_C(1) << ENTRY_end;
    if (!c.error && known && !(e->wrong & of_time))
        check_runs(&c, zone);
    return c.error ? c.error : e->wrong ? MUSTER_EINVAL : 0;
}
