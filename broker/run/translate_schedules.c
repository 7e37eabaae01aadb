/* translate_schedules.c: schedules as peers put them and ask for them, and as they are stored. */
#include <inttypes.h>

#include "base/map.h"
#include "run/translate_parts.h"
#include "utf8.h"
#include "wire.h"

#define NAME_PLACES (2 * SCHEDULES_PER_PUT) /* a power of two */

/* ---- one SCHEDULE ---- */

/* Letters, digits and _ + - / as in Etc/GMT+5; which zones there are is the schedulers' matter. */
static bool zone_sane(struct slice zone)
{
    for (size_t i = 0; i < zone.len; i++) {
        uint8_t c = zone.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool other = (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-' || c == '/';
        if (!letter && (i == 0 || !other))
            return false;
    }
    return zone.len != 0;
}

static bool printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    }
    return text.len != 0;
}

static int take_rule(struct request *r, const struct msg_schedule *m, struct schedule_def *def)
{
    bool cron = m->has & MSG_BIT(schedule, cron), every = m->has & MSG_BIT(schedule, every_s);
    bool zone = m->has & MSG_BIT(schedule, timezone);
    def->cron = m->cron;
    def->every_s = m->every_s;
    def->timezone = zone ? m->timezone : slice_str("UTC");
    if (cron == every)
        return refuse(r, MUSTER_EINVAL, "cron and every: exactly one of them");
    if (every && m->every_s == 0)
        return refuse(r, MUSTER_EINVAL, "every: at least 1 s");
    if (cron && !printable(m->cron))
        return refuse(r, MUSTER_EINVAL, "cron: printable ASCII characters, and not none");
    if (!zone_sane(def->timezone))
        return refuse(r, MUSTER_EINVAL, "timezone: this is no name of the IANA time zones");
    return 0;
}

static int take_span(struct request *r, const struct msg_schedule *m, struct schedule_def *def)
{
    bool end = m->has & MSG_BIT(schedule, end_ms);
    def->start_ms = m->start_ms;
    def->end_ms = m->end_ms;
    if (m->start_ms > AT_MAX_MS || m->end_ms > AT_MAX_MS)
        return refuse(r, MUSTER_EINVAL, "%s: beyond the year 9999",
                      m->start_ms > AT_MAX_MS ? "start" : "end");
    if (end && m->end_ms <= m->start_ms)
        return refuse(r, MUSTER_EINVAL, "end: not after start");
    return 0;
}

static int take_job(struct request *r, const struct msg_schedule *m, uint32_t max_payload,
                    struct schedule_def *def)
{
    const struct job_wish wish = JOB_WISH(schedule, m);
    bool args = m->has & MSG_BIT(schedule, args);
    def->queue = m->queue;
    def->kind = m->kind;
    def->args = args ? m->args : slice_str("\xC0"); /* nil */
    def->priority = (uint8_t)wish.priority;
    def->delay_ms = m->delay_ms;
    def->expires_in_ms = wish.expires_in_ms;
    int error = check_name(r, "queue", m->queue);
    if (!error)
        error = check_name(r, "kind", m->kind);
    if (!error)
        error = take_wish(r, &wish, &def->spec);
    if (error)
        return error;
    if (def->args.len > max_payload)
        return refuse(r, MUSTER_ETOOBIG, "args: %zu bytes, more than max-payload allows: %u",
                      def->args.len, max_payload);
    if (wire_value_check(def->args))
        return refuse(r, MUSTER_EINVAL, "args: not exactly one msgpack value");
    return 0;
}

static int take_policy(struct request *r, const struct msg_schedule *m, struct schedule_def *def)
{
    def->overlap = (uint8_t)m->overlap;
    def->catch_up = (uint8_t)m->catch_up;
    def->window_ms = MSG_OR(schedule, m, catch_up_window_ms, CATCH_UP_WINDOW_DEFAULT_MS);
    def->jitter_ms = m->jitter_ms;
    def->paused = m->paused != 0;
    if (def->window_ms == 0)
        return refuse(r, MUSTER_EINVAL, "catch_up_window: at least 1 ms, or nothing ever runs");
    return 0;
}

int schedule_def_read(struct slice bytes, uint32_t max_payload, struct schedule_def *ret, char *why)
{
    struct request r = {.why = why};
    struct msg_schedule m;
    *ret = (struct schedule_def){.bytes = bytes};
    int error = wire_decode_schedule(bytes, &m, why, WHY_BYTES);
    ret->name = m.name; /* as far as it was read */
    if (!error)
        error = check_name(&r, "name", m.name);
    if (!error)
        error = take_rule(&r, &m, ret);
    if (!error)
        error = take_span(&r, &m, ret);
    if (!error)
        error = take_job(&r, &m, max_payload, ret);
    return error ? error : take_policy(&r, &m, ret);
}

/* ---- SCHEDULE_PUT ---- */

/* Puts the schedule before what is wrong with it: its name, or its place when it has none. */
static int blame(struct request *r, uint32_t index, struct slice name, int error)
{
    char reason[WHY_BYTES];
    memcpy(reason, r->why, sizeof reason);
    if (name_valid(name))
        return refuse(r, error, "schedule %.*s: %s", SLICE_FMT(name), reason);
    return refuse(r, error, "schedule %u of the message: %s", index, reason);
}

/* Names by their hash, while a message is read. */
struct names_seen {
    uint16_t places[NAME_PLACES]; /* index + 1; 0: free */
};

static bool seen_before(struct names_seen *seen, const struct schedule_def *defs, uint32_t index)
{
    size_t place = (size_t)hash_bytes(defs[index].name) % NAME_PLACES;
    while (seen->places[place]) {
        if (slice_eq(defs[seen->places[place] - 1].name, defs[index].name))
            return true;
        place = (place + 1) % NAME_PLACES;
    }
    seen->places[place] = (uint16_t)(index + 1);
    return false;
}

int take_schedule_put(struct request *r)
{
    const struct msg_schedule_put *put = &r->msg->schedule_put;
    struct schedule_def *defs = r->translator->defs;
    struct names_seen seen = {{0}};
    const uint8_t *at = put->schedules.data;
    r->event->schedule_put.source = put->source;
    r->event->schedule_put.defs = defs;
    r->event->schedule_put.count = (uint32_t)put->count;
    int error = check_name(r, "source", put->source);
    for (uint32_t i = 0; i < put->count && !error; i++) {
        struct slice bytes = slice_of(at, slice_u32_at(put->lengths, i));
        error = schedule_def_read(bytes, r->translator->max_payload, &defs[i], r->why);
        if (!error && seen_before(&seen, defs, i))
            error = refuse(r, MUSTER_EINVAL, "name: twice in the message");
        if (error)
            return blame(r, i, defs[i].name, error);
        at += bytes.len;
    }
    return error;
}

/* ---- questions and acts ---- */

int take_schedules(struct request *r)
{
    const struct msg_schedules *m = &r->msg->schedules;
    r->event->schedules.name = m->name;
    r->event->schedules.epoch = m->epoch;
    r->event->schedules.after = m->after;
    r->event->schedules.since = m->since;
    r->event->schedules.limit = m->limit ? (uint32_t)m->limit : SCHEDULES_PAGE;
    r->event->schedules.hold_ms = (uint32_t)m->hold_ms;
    return check_filter(r, "name", m->name);
}

int take_schedule_act(struct request *r)
{
    const struct msg_schedule_act *act = &r->msg->schedule_act;
    struct slice *names = r->translator->names;
    struct slice name;
    size_t cursor = 0;
    r->event->schedule_act.action = (uint8_t)act->action;
    r->event->schedule_act.names = names;
    r->event->schedule_act.count = act->names.count;
    r->event->schedule_act.source = act->source;
    if (act->names.count == 0)
        return refuse(r, MUSTER_EINVAL, "names: at least one");
    for (uint32_t i = 0; strs_next(&act->names, &cursor, &name); i++) {
        if (check_name(r, "names", name))
            return MUSTER_EINVAL;
        names[i] = name;
    }
    return check_filter(r, "source", act->source);
}

int take_ledger(struct request *r)
{
    const struct msg_ledger *m = &r->msg->ledger;
    r->event->ledger.name = m->name;
    r->event->ledger.before_ms = MSG_OR(ledger, m, before_ms, UINT64_MAX);
    r->event->ledger.from_ms = m->from_ms;
    r->event->ledger.limit = m->limit ? (uint32_t)m->limit : LIST_DEFAULT;
    return check_name(r, "name", m->name);
}

/* C0, DEL and C1 would garble the log and terminals. */
static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c < ' ' || c == 0x7F ||
            (c == 0xC2 && i + 1 < text.len && text.data[i + 1] >= 0x80 && text.data[i + 1] < 0xA0))
            return true;
    }
    return false;
}

int take_notice(struct request *r)
{
    const struct msg_notice *m = &r->msg->notice;
    r->event->notice.source = m->source;
    r->event->notice.code = m->code;
    r->event->notice.text = m->text;
    int error = check_name(r, "source", m->source);
    if (!error)
        error = check_name(r, "code", m->code);
    if (error)
        return error;
    if (m->text.len == 0 || has_control(m->text))
        return refuse(r, MUSTER_EINVAL, "text: one line without control characters, and not empty");
    return 0;
}

/* ---- FIRE ---- */

/* What the milliseconds of a nominal time may be: they say which row of the ledger it is. */
static bool nominal_fits(uint8_t mode, uint8_t ask, uint64_t nominal_ms, bool many)
{
    uint64_t ms = nominal_ms % 1000;
    if (mode == FIRE_TRIGGER)
        return ask == FIRE_RUN && !many &&
               (nominal_ms == 0 || (ms >= NOMINAL_TRIGGER_MIN && ms <= NOMINAL_TRIGGER_MAX));
    if (mode == FIRE_BACKFILL || ask == FIRE_RUN)
        return ask == FIRE_RUN && ms == 0 && !many;
    if (ask == FIRE_GAP)
        return ms == NOMINAL_GAP_MS;
    return ms == (many ? NOMINAL_SPAN_MS : 0);
}

static int check_item(struct request *r, uint32_t i)
{
    const struct event *e = r->event;
    uint64_t nominal_ms = slice_u64_at(e->fire.nominals_ms, i);
    uint64_t first_ms = e->fire.firsts_ms.len ? slice_u64_at(e->fire.firsts_ms, i) : 0;
    uint32_t count = e->fire.counts.len ? slice_u32_at(e->fire.counts, i) : 0;
    uint8_t ask = e->fire.asks.len ? e->fire.asks.data[i] : FIRE_RUN;
    if (nominal_ms > AT_MAX_MS)
        return refuse(r, MUSTER_EINVAL, "nominals_ms: %" PRIu64 " is beyond the year 9999",
                      nominal_ms);
    if (first_ms > nominal_ms)
        return refuse(r, MUSTER_EINVAL, "firsts_ms: entry %u is after its nominal time", i);
    if (!nominal_fits(e->fire.mode, ask, nominal_ms, first_ms || count))
        return refuse(r, MUSTER_EINVAL,
                      "nominals_ms: entry %u, %" PRIu64 ", is no nominal time of what is asked", i,
                      nominal_ms);
    return 0;
}

int take_fire(struct request *r)
{
    const struct msg_fire *m = &r->msg->fire;
    struct event *e = r->event;
    e->fire.epoch = m->epoch;
    e->fire.count = (uint32_t)m->count;
    e->fire.mode = (uint8_t)m->mode;
    e->fire.overlap = (uint8_t)MSG_OR(fire, m, overlap, OVERLAP_ALLOW);
    e->fire.revisions = m->revisions;
    e->fire.previous_ms = m->previous_ms;
    e->fire.nominals_ms = m->nominals_ms;
    e->fire.asks = m->asks;
    e->fire.firsts_ms = m->firsts_ms;
    e->fire.counts = m->counts;
    if ((m->mode == FIRE_DUE) != (m->previous_ms.len != 0))
        return refuse(r, MUSTER_EINVAL, "previous_ms: %s",
                      m->mode == FIRE_DUE ? "missing" : "what has no order has none");
    for (uint32_t i = 0; i < m->count; i++) {
        int error = check_item(r, i);
        if (error)
            return error;
    }
    return 0;
}
