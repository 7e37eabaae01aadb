/* test_schedules.c: what peers may put, ask and fire; and definitions read back from the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "run/boot_schedules.h"
#include "run/translate.h"
#include "wire.h"

#define MAX_PAYLOAD 100

static struct translator translator = {.max_payload = MAX_PAYLOAD};
static struct event event;
static struct refusal refusal;
static struct blob *frame; /* of the last message: events borrow from it */
static struct buf maps, cells, encoded;

static int set_up(void **state)
{
    (void)state;
    buf_init(&maps, 1u << 20);
    buf_init(&cells, 1u << 16);
    buf_init(&encoded, 1u << 22);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    blob_unref(frame);
    frame = NULL;
    buf_fini(&maps);
    buf_fini(&cells);
    buf_fini(&encoded);
    return 0;
}

static int take(const struct msg *msg)
{
    buf_reset(&encoded);
    assert_int_equal(wire_encode(&encoded, msg), 0);
    blob_unref(frame);
    frame = blob_copy(buf_slice(&encoded));
    memset(&event, 0x5A, sizeof event);
    return translate(&translator, SIDE_CLIENT, frame, &event, &refusal);
}

static void expect_refused(int error, int wanted, const char *words)
{
    if (error != wanted || !strstr(refusal.why, words))
        fail_msg("%s, not %s: %s", err_code(error), words, refusal.why);
}

/* ---- SCHEDULE_PUT ---- */

static struct msg_schedule plain(const char *name)
{
    return (struct msg_schedule){.name = slice_str(name),
                                 .cron = slice_str("0 9 * * *"),
                                 .queue = slice_str("mail"),
                                 .kind = slice_str("report.daily")};
}

static void add(const struct msg_schedule *schedule)
{
    size_t before = maps.len;
    assert_int_equal(wire_encode_schedule(&maps, schedule), 0);
    assert_int_equal(buf_u32(&cells, (uint32_t)(maps.len - before)), 0);
}

static int put(const char *source)
{
    struct msg m = {.type = MSG_SCHEDULE_PUT, .request = 7};
    m.schedule_put.source = slice_str(source);
    m.schedule_put.count = cells.len / 4;
    m.schedule_put.lengths = buf_slice(&cells);
    m.schedule_put.schedules = buf_slice(&maps);
    int error = take(&m);
    buf_reset(&maps);
    buf_reset(&cells);
    return error;
}

static int put_one(const struct msg_schedule *schedule)
{
    add(schedule);
    return put("team.yaml");
}

static void a_schedule_has_defaults(void **state)
{
    (void)state;
    struct msg_schedule s = plain("daily");
    assert_int_equal(put_one(&s), 0);
    assert_int_equal(event.type, EV_SCHEDULE_PUT);
    assert_int_equal(event.request, 7);
    assert_true(slice_is(event.schedule_put.source, "team.yaml"));
    assert_int_equal(event.schedule_put.count, 1);
    const struct schedule_def *def = event.schedule_put.defs;
    assert_true(slice_is(def->name, "daily"));
    assert_true(slice_is(def->cron, "0 9 * * *"));
    assert_true(slice_is(def->timezone, "UTC"));
    assert_int_equal(def->every_s + def->start_ms + def->end_ms, 0);
    assert_true(slice_is(def->queue, "mail"));
    assert_true(slice_is(def->kind, "report.daily"));
    assert_true(slice_is(def->args, "\xC0"));
    assert_int_equal(def->priority, 5);
    assert_int_equal(def->delay_ms + def->expires_in_ms + def->jitter_ms, 0);
    assert_int_equal(def->spec.max_attempts, 25);
    assert_int_equal(def->spec.run_timeout_ms, 1800000);
    assert_int_equal(def->spec.backoff.kind, BACKOFF_EXPONENTIAL);
    assert_int_equal(def->spec.backoff.base_ms, 15000);
    assert_int_equal(def->spec.backoff.cap_ms, 21600000);
    assert_int_equal(def->spec.backoff.jitter_permille, 250);
    assert_int_equal(def->spec.meta.len + def->spec.schedule.len, 0);
    assert_int_equal(def->overlap, OVERLAP_SKIP);
    assert_int_equal(def->catch_up, CATCH_UP_LATEST);
    assert_int_equal(def->window_ms, 3600000);
    assert_false(def->paused);
}

static struct msg_schedule full(void)
{
    struct msg_schedule s = plain("full");
    s.cron = SLICE_EMPTY;
    s.every_s = 90;
    s.timezone = slice_str("America/Argentina/Buenos_Aires");
    s.args = slice_str("\x80");
    s.has = MSG_BIT(schedule, priority) | MSG_BIT(schedule, backoff_base_ms);
    s.delay_ms = 1500;
    s.max_attempts = 3;
    s.backoff_kind = BACKOFF_FIXED;
    s.backoff_cap_ms = 7;
    s.backoff_jitter_permille = 9;
    s.run_timeout_ms = 10;
    s.expires_in_ms = 99;
    s.meta = slice_str("trace");
    s.overlap = OVERLAP_CANCEL_OLD;
    s.catch_up = CATCH_UP_NONE;
    s.catch_up_window_ms = 120000;
    s.jitter_ms = 30000;
    s.start_ms = 1700000000000;
    s.end_ms = 1700000000001;
    s.paused = 1;
    s.description = slice_str("the whole of it");
    return s;
}

static void a_schedule_takes_all_options(void **state)
{
    (void)state;
    struct msg_schedule s = full();
    assert_int_equal(put_one(&s), 0);
    const struct schedule_def *def = event.schedule_put.defs;
    assert_int_equal(def->every_s, 90);
    assert_int_equal(def->cron.len, 0);
    assert_true(slice_is(def->timezone, "America/Argentina/Buenos_Aires"));
    assert_true(slice_is(def->args, "\x80"));
    assert_int_equal(def->priority, 0);
    assert_int_equal(def->delay_ms, 1500);
    assert_int_equal(def->spec.max_attempts, 3);
    assert_int_equal(def->spec.backoff.kind, BACKOFF_FIXED);
    assert_int_equal(def->spec.backoff.base_ms, 0);
    assert_int_equal(def->spec.backoff.cap_ms, 7);
    assert_int_equal(def->spec.backoff.jitter_permille, 9);
    assert_int_equal(def->spec.run_timeout_ms, 10);
    assert_int_equal(def->expires_in_ms, 99);
    assert_true(slice_is(def->spec.meta, "trace"));
    assert_int_equal(def->overlap, OVERLAP_CANCEL_OLD);
    assert_int_equal(def->catch_up, CATCH_UP_NONE);
    assert_int_equal(def->window_ms, 120000);
    assert_int_equal(schedule_def_window_ms(def), 60000);
    assert_int_equal(def->jitter_ms, 30000);
    assert_int_equal(def->start_ms, 1700000000000);
    assert_int_equal(def->end_ms, 1700000000001);
    assert_true(def->paused);
}

/* Ways to break one. */
static void no_name(struct msg_schedule *s)
{
    s->name = SLICE_EMPTY;
    s->has |= MSG_BIT(schedule, name);
}
static void spaced_name(struct msg_schedule *s)
{
    s->name = slice_str("my report");
}
static void spaced_queue(struct msg_schedule *s)
{
    s->queue = slice_str("my queue");
}
static void dashed_kind(struct msg_schedule *s)
{
    s->kind = slice_str("-kind");
}
static void two_rules(struct msg_schedule *s)
{
    s->every_s = 1;
}
static void no_rule(struct msg_schedule *s)
{
    s->cron = SLICE_EMPTY;
}
static void never(struct msg_schedule *s)
{
    s->cron = SLICE_EMPTY;
    s->has |= MSG_BIT(schedule, every_s);
}
static void empty_cron(struct msg_schedule *s)
{
    s->cron = SLICE_EMPTY;
    s->has |= MSG_BIT(schedule, cron);
}
static void two_lines(struct msg_schedule *s)
{
    s->cron = slice_str("0 9 * * *\n");
}
static void foreign_cron(struct msg_schedule *s)
{
    s->cron = slice_str("0 9 * * \xE2\x80\x93");
}
static void climbing_zone(struct msg_schedule *s)
{
    s->timezone = slice_str("../../etc/passwd");
}
static void rooted_zone(struct msg_schedule *s)
{
    s->timezone = slice_str("/etc/localtime");
}
static void empty_zone(struct msg_schedule *s)
{
    s->has |= MSG_BIT(schedule, timezone);
}
static void two_args(struct msg_schedule *s)
{
    s->args = slice_str("\xC0\xC0");
}
static void empty_args(struct msg_schedule *s)
{
    s->has |= MSG_BIT(schedule, args);
}
static void large_args(struct msg_schedule *s)
{
    static char args[MAX_PAYLOAD + 1] = "\xD9\x63"; /* a str of 99 bytes */
    s->args = slice_of(args, sizeof args);
}
static void no_attempt(struct msg_schedule *s)
{
    s->has |= MSG_BIT(schedule, max_attempts);
}
static void no_time(struct msg_schedule *s)
{
    s->has |= MSG_BIT(schedule, run_timeout_ms);
}
static void expired(struct msg_schedule *s)
{
    s->has |= MSG_BIT(schedule, expires_in_ms);
}
static void late_start(struct msg_schedule *s)
{
    s->start_ms = 253402300800000;
}
static void late_end(struct msg_schedule *s)
{
    s->end_ms = UINT64_MAX;
}
static void early_end(struct msg_schedule *s)
{
    s->start_ms = s->end_ms = 1700000000000;
}
static void end_of_all(struct msg_schedule *s)
{
    s->has |= MSG_BIT(schedule, end_ms);
}
static void no_window(struct msg_schedule *s)
{
    s->has |= MSG_BIT(schedule, catch_up_window_ms);
}
static void long_meta(struct msg_schedule *s)
{
    static char meta[META_MAX_BYTES + 1];
    s->meta = slice_of(meta, sizeof meta);
}
static void strange_overlap(struct msg_schedule *s)
{
    s->overlap = OVERLAP_COUNT;
}

static void what_a_schedule_may_not_be(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct msg_schedule *s);
        int error;
        const char *why;
    } cases[] = {
        {no_name, MUSTER_EINVAL, "schedule 1 of the message: name: a name has 1 to 128"},
        {spaced_name, MUSTER_EINVAL, "schedule 1 of the message: name: "},
        {spaced_queue, MUSTER_EINVAL, "schedule bad: queue: a name has"},
        {dashed_kind, MUSTER_EINVAL, "schedule bad: kind: a name has"},
        {two_rules, MUSTER_EINVAL, "schedule bad: cron and every: exactly one"},
        {no_rule, MUSTER_EINVAL, "schedule bad: cron and every: exactly one"},
        {never, MUSTER_EINVAL, "schedule bad: every: at least 1 s"},
        {empty_cron, MUSTER_EINVAL, "schedule bad: cron: printable"},
        {two_lines, MUSTER_EINVAL, "schedule bad: cron: printable"},
        {foreign_cron, MUSTER_EINVAL, "schedule bad: cron: printable"},
        {climbing_zone, MUSTER_EINVAL, "schedule bad: timezone: this is no name"},
        {rooted_zone, MUSTER_EINVAL, "schedule bad: timezone: this is no name"},
        {empty_zone, MUSTER_EINVAL, "schedule bad: timezone: this is no name"},
        {two_args, MUSTER_EINVAL, "schedule bad: args: not exactly one msgpack value"},
        {empty_args, MUSTER_EINVAL, "schedule bad: args: not exactly one msgpack value"},
        {large_args, MUSTER_ETOOBIG, "schedule bad: args: 101 bytes, more than max-payload"},
        {no_attempt, MUSTER_EINVAL, "schedule bad: max_attempts: at least 1"},
        {no_time, MUSTER_EINVAL, "schedule bad: run_timeout: at least 1 ms"},
        {expired, MUSTER_EINVAL, "schedule bad: expires_in: at least 1 ms"},
        {late_start, MUSTER_EINVAL, "schedule bad: start: beyond the year 9999"},
        {late_end, MUSTER_EINVAL, "schedule bad: end: beyond the year 9999"},
        {early_end, MUSTER_EINVAL, "schedule bad: end: not after start"},
        {end_of_all, MUSTER_EINVAL, "schedule bad: end: not after start"},
        {no_window, MUSTER_EINVAL, "schedule bad: catch_up_window: at least 1 ms"},
        {long_meta, MUSTER_ETOOBIG, "schedule bad: SCHEDULE.meta: 1025 bytes"},
        {strange_overlap, MUSTER_ETOOBIG, "schedule bad: SCHEDULE.overlap: 4 is over"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msg_schedule good = plain("good"), bad = plain("bad");
        cases[i].change(&bad);
        add(&good);
        expect_refused(put_one(&bad), cases[i].error, cases[i].why);
        assert_int_equal(refusal.request, 7);
        assert_int_equal(refusal.number, 0);
    }
}

static void names_and_sources(void **state)
{
    (void)state;
    struct msg_schedule s = plain("one");
    add(&s);
    expect_refused(put("my file.yaml"), MUSTER_EINVAL, "source: a name has");
    add(&s);
    s = plain("two");
    add(&s);
    s = plain("one");
    expect_refused(put_one(&s), MUSTER_EINVAL, "schedule one: name: twice in the message");
    (void)buf_u32(&cells, 3);
    (void)buf_append(&maps, "abc", 3);
    expect_refused(put("team.yaml"), MUSTER_EPROTO, "schedule 0 of the message: SCHEDULE: ");
}

static void a_message_may_be_full(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < SCHEDULES_PER_PUT; i++) {
        snprintf(name, sizeof name, "entry-%d", i);
        struct msg_schedule s = plain(name);
        add(&s);
    }
    assert_int_equal(put("team.yaml"), 0);
    assert_int_equal(event.schedule_put.count, SCHEDULES_PER_PUT);
    assert_true(slice_is(event.schedule_put.defs[SCHEDULES_PER_PUT - 1].name, "entry-511"));
}

/* ---- questions, acts, notices ---- */

static void schedules_are_asked_for(void **state)
{
    (void)state;
    struct msg m = {.type = MSG_SCHEDULES};
    assert_int_equal(take(&m), 0);
    assert_int_equal(event.type, EV_SCHEDULES);
    assert_int_equal(event.schedules.limit, 1000);
    assert_int_equal(event.schedules.hold_ms + event.schedules.name.len, 0);
    m.schedules = (struct msg_schedules){
        .name = slice_str("daily"), .epoch = 3, .after = 4, .limit = 5, .hold_ms = 6};
    assert_int_equal(take(&m), 0);
    assert_true(slice_is(event.schedules.name, "daily"));
    assert_int_equal(event.schedules.epoch, 3);
    assert_int_equal(event.schedules.after, 4);
    assert_int_equal(event.schedules.limit, 5);
    assert_int_equal(event.schedules.hold_ms, 6);
    m.schedules.name = slice_str("a b");
    expect_refused(take(&m), MUSTER_EINVAL, "name: a name has");
}

static void schedules_are_acted_upon(void **state)
{
    (void)state;
    const struct slice names[] = {slice_str("one"), slice_str("two"), slice_str("th ree")};
    struct msg m = {.type = MSG_SCHEDULE_ACT};
    m.schedule_act.action = SCHEDULE_DELETE;
    m.schedule_act.names = (struct strs){.items = names, .count = 2};
    assert_int_equal(take(&m), 0);
    assert_int_equal(event.type, EV_SCHEDULE_ACT);
    assert_int_equal(event.schedule_act.action, SCHEDULE_DELETE);
    assert_int_equal(event.schedule_act.count, 2);
    assert_true(slice_is(event.schedule_act.names[1], "two"));
    assert_int_equal(event.schedule_act.source.len, 0);
    m.schedule_act.source = slice_str("a b");
    expect_refused(take(&m), MUSTER_EINVAL, "source: a name has");
    m.schedule_act.names.count = 3;
    expect_refused(take(&m), MUSTER_EINVAL, "names: a name has");
    m.schedule_act.names.count = 0;
    expect_refused(take(&m), MUSTER_EINVAL, "names: at least one");
}

static void the_ledger_is_asked_for(void **state)
{
    (void)state;
    struct msg m = {.type = MSG_LEDGER, .ledger = {.name = slice_str("daily")}};
    assert_int_equal(take(&m), 0);
    assert_int_equal(event.type, EV_LEDGER);
    assert_true(slice_is(event.ledger.name, "daily"));
    assert_true(event.ledger.before_ms == UINT64_MAX);
    assert_int_equal(event.ledger.from_ms, 0);
    assert_int_equal(event.ledger.limit, 100);
    m.ledger.before_ms = 9;
    m.ledger.from_ms = 8;
    m.ledger.limit = 7;
    assert_int_equal(take(&m), 0);
    assert_int_equal(event.ledger.before_ms, 9);
    assert_int_equal(event.ledger.from_ms, 8);
    assert_int_equal(event.ledger.limit, 7);
    m.ledger.name = SLICE_EMPTY;
    expect_refused(take(&m), MUSTER_EINVAL, "name: a name has");
}

static void notices_are_one_line(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "two\nlines", "bell \a", "\x7F", "next \xC2\x85 line"};
    struct msg m = {.type = MSG_NOTICE};
    m.notice.source = slice_str("team.yaml");
    m.notice.code = slice_str("invalid");
    m.notice.text = slice_str("team.yaml:3:9: caf\xC3\xA9 is no field");
    assert_int_equal(take(&m), 0);
    assert_int_equal(event.type, EV_NOTICE);
    assert_true(slice_is(event.notice.source, "team.yaml"));
    assert_true(slice_is(event.notice.code, "invalid"));
    assert_true(slice_eq(event.notice.text, m.notice.text));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        m.notice.text = slice_str(bad[i]);
        expect_refused(take(&m), MUSTER_EINVAL, "text: one line");
    }
    m.notice.text = slice_str("ok");
    m.notice.code = slice_str("no code");
    expect_refused(take(&m), MUSTER_EINVAL, "code: a name has");
}

/* ---- FIRE ---- */

#define NOMINAL 1700000000000ull

static int fire(uint64_t mode, bool previous, uint64_t nominal_ms, uint8_t ask, uint64_t first_ms,
                uint32_t count)
{
    struct msg m = {.type = MSG_FIRE, .fire = {.epoch = 3, .count = 1, .mode = mode}};
    struct buf columns;
    buf_init(&columns, 1024);
    (void)buf_u64(&columns, 5);
    (void)buf_u64(&columns, nominal_ms - 1);
    (void)buf_u64(&columns, nominal_ms);
    (void)buf_u64(&columns, first_ms);
    (void)buf_u32(&columns, count);
    m.fire.revisions = slice_of(columns.data, 8);
    m.fire.previous_ms = previous ? slice_of(columns.data + 8, 8) : SLICE_EMPTY;
    m.fire.nominals_ms = slice_of(columns.data + 16, 8);
    m.fire.firsts_ms = first_ms ? slice_of(columns.data + 24, 8) : SLICE_EMPTY;
    m.fire.counts = count ? slice_of(columns.data + 32, 4) : SLICE_EMPTY;
    m.fire.asks = ask ? slice_of(&ask, 1) : SLICE_EMPTY;
    int error = take(&m);
    buf_fini(&columns);
    return error;
}

static void nominal_times_are_fired(void **state)
{
    (void)state;
    assert_int_equal(fire(FIRE_DUE, true, NOMINAL, FIRE_RUN, 0, 0), 0);
    assert_int_equal(event.type, EV_FIRE);
    assert_int_equal(event.fire.epoch, 3);
    assert_int_equal(event.fire.count, 1);
    assert_int_equal(event.fire.mode, FIRE_DUE);
    assert_int_equal(event.fire.overlap, OVERLAP_ALLOW);
    assert_int_equal(slice_u64_at(event.fire.revisions, 0), 5);
    assert_int_equal(slice_u64_at(event.fire.previous_ms, 0), NOMINAL - 1);
    assert_int_equal(slice_u64_at(event.fire.nominals_ms, 0), NOMINAL);
    assert_int_equal(event.fire.asks.len + event.fire.firsts_ms.len + event.fire.counts.len, 0);
    assert_int_equal(fire(FIRE_DUE, true, NOMINAL, FIRE_MISSED, 0, 0), 0);
    assert_int_equal(event.fire.asks.data[0], FIRE_MISSED);
    assert_int_equal(fire(FIRE_DUE, true, NOMINAL + 1, FIRE_MISSED, NOMINAL - 9000, 10), 0);
    assert_int_equal(slice_u32_at(event.fire.counts, 0), 10);
    assert_int_equal(fire(FIRE_DUE, true, NOMINAL + 999, FIRE_GAP, 0, 2), 0);
    assert_int_equal(fire(FIRE_BACKFILL, false, NOMINAL, FIRE_RUN, 0, 0), 0);
    assert_int_equal(fire(FIRE_TRIGGER, false, NOMINAL + 123, FIRE_RUN, 0, 0), 0);
}

static void what_cannot_be_fired(void **state)
{
    (void)state;
    expect_refused(fire(FIRE_DUE, false, NOMINAL, FIRE_RUN, 0, 0), MUSTER_EINVAL,
                   "previous_ms: missing");
    expect_refused(fire(FIRE_BACKFILL, true, NOMINAL, FIRE_RUN, 0, 0), MUSTER_EINVAL,
                   "previous_ms: what has no order");
    expect_refused(fire(FIRE_TRIGGER, true, NOMINAL, FIRE_RUN, 0, 0), MUSTER_EINVAL,
                   "previous_ms: what has no order");
    expect_refused(fire(FIRE_DUE, true, 253402300800000, FIRE_RUN, 0, 0), MUSTER_EINVAL,
                   "beyond the year 9999");
    expect_refused(fire(FIRE_DUE, true, NOMINAL + 1, FIRE_MISSED, NOMINAL + 2, 1), MUSTER_EINVAL,
                   "firsts_ms: entry 0 is after");
    static const struct {
        uint64_t mode, past;
        uint8_t ask;
        uint64_t first_ms;
        uint32_t count;
    } strange[] = {
        {FIRE_DUE, 1, FIRE_RUN, 0, 0},        {FIRE_DUE, 0, FIRE_RUN, 0, 2},
        {FIRE_DUE, 1, FIRE_MISSED, 0, 0},     {FIRE_DUE, 0, FIRE_MISSED, NOMINAL, 2},
        {FIRE_DUE, 0, FIRE_GAP, 0, 0},        {FIRE_BACKFILL, 0, FIRE_MISSED, 0, 0},
        {FIRE_BACKFILL, 999, FIRE_GAP, 0, 0}, {FIRE_BACKFILL, 999, FIRE_RUN, 0, 0},
        {FIRE_TRIGGER, 0, FIRE_RUN, 0, 2},    {FIRE_TRIGGER, 0, FIRE_MISSED, 0, 0},
    };
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
        expect_refused(fire(strange[i].mode, strange[i].mode == FIRE_DUE, NOMINAL + strange[i].past,
                            strange[i].ask, strange[i].first_ms, strange[i].count),
                       MUSTER_EINVAL, "is no nominal time of what is asked");
}

/* ---- the boot ---- */

static void stored_definitions_are_read(void **state)
{
    (void)state;
    char why[WHY_BYTES], args[200] = "\xD9\xC6"; /* more than max-payload by now */
    struct msg_schedule s = plain("daily"), other = plain("other");
    s.args = slice_of(args, sizeof args);
    struct buf second;
    buf_init(&second, 1024);
    assert_int_equal(wire_encode_schedule(&maps, &s), 0);
    assert_int_equal(wire_encode_schedule(&second, &other), 0);
    struct boot_schedule rows[] = {
        {.number = 1, .name = slice_str("daily"), .definition = buf_slice(&maps)},
        {.number = 2, .name = slice_str("other"), .definition = buf_slice(&second)}};
    struct boot boot = {.schedules = rows, .schedule_count = 2};
    struct schedule_def *defs;
    assert_int_equal(boot_schedules_read(&boot, &defs, why, sizeof why), 0);
    assert_ptr_equal(rows[0].def, &defs[0]);
    assert_int_equal(rows[0].def->args.len, 200);
    assert_true(slice_is(rows[1].def->name, "other"));
    free(defs);
    rows[1].definition.len--;
    assert_int_equal(boot_schedules_read(&boot, &defs, why, sizeof why), MUSTER_EDAMAGED);
    assert_non_null(strstr(why, "definition of schedule other cannot be read: SCHEDULE"));
    free(defs);
    rows[1].definition = rows[0].definition;
    assert_int_equal(boot_schedules_read(&boot, &defs, why, sizeof why), MUSTER_EDAMAGED);
    assert_non_null(strstr(why, "schedule other cannot be read: it is the one of daily"));
    free(defs);
    boot.schedule_count = 0;
    assert_int_equal(boot_schedules_read(&boot, &defs, why, sizeof why), 0);
    assert_null(defs);
    buf_fini(&second);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_schedule_has_defaults),    TEST(a_schedule_takes_all_options),
        TEST(what_a_schedule_may_not_be), TEST(names_and_sources),
        TEST(a_message_may_be_full),      TEST(schedules_are_asked_for),
        TEST(schedules_are_acted_upon),   TEST(the_ledger_is_asked_for),
        TEST(notices_are_one_line),       TEST(nominal_times_are_fired),
        TEST(what_cannot_be_fired),       TEST(stored_definitions_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
