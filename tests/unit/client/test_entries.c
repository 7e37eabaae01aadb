/* test_entries.c: schedule entries from files: defaults and values, every kind of fault with its
 * place and words, many entries at once, and files damaged at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"
#include "scheduler/entries_file.h"
#include "scheduler/entry.h"
#include "scheduler/entry_view.h"
#include "wire.h"

#define NOW INT64_C(1763769600) /* 2025-11-22T00:00:00Z */

static struct zones *zones;
static struct yaml_faults faults;
static struct entries entries;

static int set_up(void **state)
{
    (void)state;
    yaml_faults_init(&faults, ENTRIES_FAULTS_MAX);
    entries = (struct entries){0};
    return zones_new(&zones, "/usr/share/zoneinfo");
}

static int tear_down(void **state)
{
    (void)state;
    entries_fini(&entries);
    yaml_faults_fini(&faults);
    zones_free(zones);
    return 0;
}

/* Reads the text as a file, anew. */
static int read_text(struct slice text)
{
    char path[] = "/tmp/test_entries.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.data, text.len), text.len);
    close(fd);
    entries_fini(&entries);
    yaml_faults_fini(&faults);
    int error = entries_read(&entries, path, zones, NOW, &faults);
    unlink(path);
    assert_true(!error == !yaml_faults_any(&faults));
    return error;
}

/* All faults as lines "line:column: text". */
static const char *told(void)
{
    static char all[8192], one[ENTRY_WHY_SIZE + 200];
    size_t used = 0;
    all[0] = '\0';
    for (uint32_t i = 0; i < faults.count; i++) {
        yaml_fault_print(&faults.list[i], "", one, sizeof one);
        used += (size_t)snprintf(all + used, sizeof all - used, "%s\n", one + (*one == ':'));
    }
    return all;
}

static void entry_at(uint32_t index, struct msg_schedule *ret)
{
    char why[200] = "";
    if (wire_decode_schedule(entries_at(&entries, index), ret, why, sizeof why))
        fail_msg("%s", why);
}

static void expect_text(struct slice text, const char *want)
{
    assert_true(slice_is(text, want));
}

static void what_is_not_said_is_left_to_the_broker(void **state)
{
    (void)state;
    struct msg_schedule s;
    assert_int_equal(read_text(slice_str("schedules:\n  a: {every: 90s, kind: x}\n")), 0);
    assert_int_equal(entries.count, 1);
    entry_at(0, &s);
    expect_text(s.name, "a");
    expect_text(s.kind, "x");
    expect_text(s.queue, "default");
    expect_text(s.args, "\x80");
    assert_int_equal(s.every_s, 90);
    uint64_t all = MSG_BIT(schedule, name) | MSG_BIT(schedule, kind) | MSG_BIT(schedule, queue) |
                   MSG_BIT(schedule, args) | MSG_BIT(schedule, every_s);
    assert_int_equal(s.has, all);
}

static void every_field_is_read(void **state)
{
    (void)state;
    struct msg_schedule s;
    if (read_text(slice_str("schedules:\n"
                            "  daily-report:\n"
                            "    cron: 0 9 * * mon-fri\n"
                            "    timezone: Asia/Tokyo\n"
                            "    queue: reports\n"
                            "    kind: report.daily\n"
                            "    args: {to: [1, \"2\"], at: 12:30}\n"
                            "    priority: 0\n"
                            "    delay: 1s\n"
                            "    max_attempts: 3\n"
                            "    backoff: linear:5s:10m\n"
                            "    run_timeout: 1h30m\n"
                            "    expires_in: 2d\n"
                            "    meta: trace\n"
                            "    overlap: cancel_old\n"
                            "    catch_up: all\n"
                            "    catch_up_window: 12h\n"
                            "    jitter: 30s\n"
                            "    start: 2026-01-01T00:00:00+09:00\n"
                            "    end: '2027-01-01T00:00:00Z'\n"
                            "    paused: true\n"
                            "    description: >\n      Two\n      lines\n")))
        fail_msg("%s", told());
    entry_at(0, &s);
    expect_text(s.name, "daily-report");
    expect_text(s.cron, "0 9 * * mon-fri");
    expect_text(s.timezone, "Asia/Tokyo");
    expect_text(s.queue, "reports");
    expect_text(s.kind, "report.daily");
    expect_text(s.args, "\x82\xa2to\x92\x01\xa1"
                        "2\xa2"
                        "at\xa5"
                        "12:30");
    assert_true(s.has & MSG_BIT(schedule, priority));
    assert_int_equal(s.priority, 0);
    assert_int_equal(s.delay_ms, 1000);
    assert_int_equal(s.max_attempts, 3);
    assert_int_equal(s.backoff_kind, 1);
    assert_int_equal(s.backoff_base_ms, 5000);
    assert_int_equal(s.backoff_cap_ms, 600000);
    assert_int_equal(s.run_timeout_ms, 5400000);
    assert_int_equal(s.expires_in_ms, 172800000);
    expect_text(s.meta, "trace");
    assert_int_equal(s.overlap, OVERLAP_CANCEL_OLD);
    assert_int_equal(s.catch_up, CATCH_UP_ALL);
    assert_int_equal(s.catch_up_window_ms, 43200000);
    assert_int_equal(s.jitter_ms, 30000);
    assert_int_equal(s.start_ms, UINT64_C(1767193200000));
    assert_int_equal(s.end_ms, UINT64_C(1798761600000));
    assert_int_equal(s.paused, 1);
    expect_text(s.description, "Two lines\n");
}

static void expect_view(const char *fields, const char *want)
{
    char text[1024];
    struct msg_schedule s;
    (void)snprintf(text, sizeof text, "schedules:\n  e: %s\n", fields);
    if (read_text(slice_str(text)))
        fail_msg("%s", told());
    entry_at(0, &s);
    json_t *view = entry_view(&s);
    char *json = json_dumps(view, JSON_COMPACT);
    assert_string_equal(json, want);
    free(json);
    json_decref(view);
}

static void a_view_has_every_field_in_the_words_of_files(void **state)
{
    (void)state;
    expect_view("{every: 5m, kind: x}",
                "{\"name\":\"e\",\"cron\":null,\"every\":\"5m\",\"timezone\":\"UTC\","
                "\"kind\":\"x\",\"args\":{},\"queue\":\"default\",\"priority\":5,\"delay\":\"0s\","
                "\"max_attempts\":25,\"backoff\":\"exponential:15s:6h\",\"run_timeout\":\"30m\","
                "\"expires_in\":null,\"meta\":null,\"overlap\":\"skip\",\"catch_up\":\"latest\","
                "\"catch_up_window\":\"1h\",\"jitter\":\"0s\",\"start\":null,\"end\":null,"
                "\"paused\":false,\"description\":null}");
    expect_view("{cron: '@daily', timezone: Asia/Tokyo, kind: x, args: [1], queue: q, priority: 0, "
                "delay: 1s, max_attempts: 3, backoff: fixed:30s, run_timeout: 1h, expires_in: 2d, "
                "meta: m, overlap: queue_one, catch_up: none, catch_up_window: 30s, jitter: 500ms, "
                "start: 2026-01-01T09:00:00+09:00, end: '2027-01-01T00:00:00Z', paused: true, "
                "description: d}",
                "{\"name\":\"e\",\"cron\":\"@daily\",\"every\":null,\"timezone\":\"Asia/Tokyo\","
                "\"kind\":\"x\",\"args\":[1],\"queue\":\"q\",\"priority\":0,\"delay\":\"1s\","
                "\"max_attempts\":3,\"backoff\":\"fixed:30s:6h\",\"run_timeout\":\"1h\","
                "\"expires_in\":\"2d\",\"meta\":\"m\",\"overlap\":\"queue_one\","
                "\"catch_up\":\"none\",\"catch_up_window\":\"30s\",\"jitter\":\"500ms\","
                "\"start\":\"2026-01-01T00:00:00Z\",\"end\":\"2027-01-01T00:00:00Z\","
                "\"paused\":true,\"description\":\"d\"}");
    struct msg_schedule s = {.name = slice_str("b"), .meta = slice_str("\xff\xfe")};
    json_t *view = entry_view(&s);
    assert_string_equal(json_string_value(json_object_get(view, "meta")), "//4=");
    json_decref(view);
}

static void a_file_may_have_no_entries_but_must_say_so(void **state)
{
    (void)state;
    assert_int_equal(read_text(slice_str("schedules: {}\n")), 0);
    assert_int_equal(entries.count, 0);
    assert_int_equal(read_text(slice_str("x-base: &b {every: 5m, kind: x}\nschedules: {a: *b}\n")),
                     0);
    assert_int_equal(entries.count, 1);
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"", "1:1: there is no schedules in this file; for none: schedules: {}\n"},
        {"# all gone\n", "1:1: there is no schedules in this file; for none: schedules: {}\n"},
        {"schedules:\n",
         "1:11: schedules is a map of names and entries; without any: schedules: {}\n"},
        {"schedules: [a]\n", "1:12: schedules is a map of names and entries: schedules: {NAME: "
                             "{cron: \"0 9 * * *\", kind: ...}}\n"},
        {"- schedules\n", "1:1: the file is a map with the key schedules: schedules: {NAME: "
                          "{cron: \"0 9 * * *\", kind: ...}}\n"},
        {"a: {cron: 0 9 * * *, class: A}\nb: {every: 5m, class: B}\n",
         "1:1: unknown key \"a\"; entries stand under the key schedules, and what begins with x- "
         "is "
         "left alone\n"},
        {"{}\n", "1:1: there is no schedules in this file; for none: schedules: {}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_text(slice_str(cases[i].text)), MUSTER_EINVAL);
        assert_string_equal(told(), cases[i].told);
    }
}

/* The fields of the one entry `e`, which begin in column 6 of line 2, and what is wrong. */
static const struct {
    const char *fields, *told;
} bad_entries[] = {
    {"{}", "2:3: e: when? It has neither cron nor every\n2:3: e: what? It has no kind, such as "
           "report.daily"},
    {"{kind: x}", "2:3: e: when? It has neither cron nor every"},
    {"{every: 5m}", "2:3: e: what? It has no kind, such as report.daily"},
    {"[a]", "2:6: e: an entry is a map of fields: {cron: \"0 9 * * *\", kind: ...}"},
    {"5", "2:6: e: an entry is a map of fields: {cron: \"0 9 * * *\", kind: ...}"},
    {"", "2:5: e: an entry is a map of fields: {cron: \"0 9 * * *\", kind: ...}"},
    {"{every: 5m, cron: 0 9 * * *, kind: x}", "2:14: e: every beside cron: one of them says when"},
    {"{evry: 5m, kind: x}", "2:3: e: when? It has neither cron nor every\n2:7: e: unknown "
                            "field \"evry\"; the nearest is \"every\""},
    {"{every: 5m, kind: x, time_zone: UTC}",
     "2:27: e: unknown field \"time_zone\"; the nearest is \"timezone\""},
    {"{every: 5m, kind: x, maxattempts: 3}",
     "2:27: e: unknown field \"maxattempts\"; the nearest is \"max_attempts\""},
    {"{every: 5m, kind: x, catchup: all}",
     "2:27: e: unknown field \"catchup\"; the nearest is \"catch_up\""},
    {"{every: 5m, kind: x, tz: UTC}", "2:27: e: unknown field \"tz\"; the nearest is \"timezone\""},
    {"{every: 5m, kind: x, concurrencyPolicy: Forbid}",
     "2:27: e: unknown field \"concurrencyPolicy\"; the nearest is \"overlap\""},
    {"{every: 5m, kind: x, retry: 3}",
     "2:27: e: unknown field \"retry\"; the nearest is \"max_attempts\""},
    {"{every: 5m, kind: x, data: {}}", "2:27: e: unknown field \"data\"; the nearest is \"args\""},
    {"{every: 5m, kind: x, limit: 3}",
     "2:27: e: unknown field \"limit\"; there are cron, every, timezone, kind, args, queue, "
     "priority, delay, max_attempts, backoff, run_timeout, expires_in, meta, overlap, catch_up, "
     "catch_up_window, jitter, start, end, paused, description"},
    {"{every: 5000, kind: x}", "2:14: e: every is a duration such as 30s, 5m, 1h30m or 2d, not "
                               "\"5000\"; if these are milliseconds, write \"5s\""},
    {"{every: 1w, kind: x}", "2:14: e: every is a duration such as 30s, 5m, 1h30m or 2d, not "
                             "\"1w\"; write \"7d\""},
    {"{every: 5m, kind: x, end: '2027-02-30T00:00:00Z'}",
     "2:32: e: end: there is no day 2027-02-30"},
    {"{every: 0, kind: x}", "2:14: e: every is a duration such as 30s, 5m, 1h30m or 2d, not \"0\""},
    {"{every: 0s, kind: x}", "2:14: e: every is at least 1s, not \"0s\""},
    {"{every: 500ms, kind: x}", "2:14: e: every is at least 1s, not \"500ms\""},
    {"{every: 1500ms, kind: x}", "2:14: e: every is whole seconds, not \"1500ms\""},
    {"{every: 60, kind: x}",
     "2:14: e: every is a duration such as 30s, 5m, 1h30m or 2d, not \"60\""},
    {"{every: 40000d, kind: x}", "2:14: e: every is at most 36525d, not \"40000d\""},
    {"{every: , kind: x}", "2:14: e: every has no value"},
    {"{every: [5m], kind: x}", "2:14: e: every takes one value, not a list or map"},
    {"{cron: 30 2 31 2 *, kind: x}", "2:18: e: cron: day of month field, position 6: \"31\" "
                                     "never comes in month \"2\", so it would never fire"},
    {"{cron: 0 25 * * *, kind: x}",
     "2:15: e: cron: hour field, position 3: \"25\" is not within 0 to 23"},
    {"{cron: \"0 25 * * *\", kind: x}",
     "2:16: e: cron: hour field, position 3: \"25\" is not within 0 to 23"},
    {"{cron: \"* * * *\", kind: x}",
     "2:13: e: cron: the expression has 4 fields; it needs 5 (minute, hour, day of month, "
     "month, day of week), or 6 with the second first"},
    {"{cron: \"@reboot\", kind: x}",
     "2:14: e: cron: expression, position 1: @reboot names no time: schedules live in the "
     "broker, which no machine's start concerns; submit a job from a unit of your init system "
     "instead"},
    {"{cron: \"0 9 * * funday\", kind: x}", "2:22: e: cron: day of week field, position 9: "
                                            "\"funday\" is no name; names are sun to sat"},
    {"{cron: \"0 9 * * monday\", kind: x}",
     "2:22: e: cron: day of week field, position 9: \"monday\" is no name, as names have three "
     "letters: write mon"},
    {"{cron: \"0 9 * * 1-5 Asia/Tokyo\", kind: x}",
     "2:26: e: cron: expression, position 13: a time zone has its own place: timezone "
     "\"Asia/Tokyo\""},
    {"{cron: \"0 0 9 * * ? 2027\", kind: x}",
     "2:26: e: cron: expression, position 13: there is no field for years: \"start\" and \"end\" "
     "bound the times"},
    {"{cron: '', kind: x}",
     "2:13: e: cron: the expression has 0 fields; it needs 5 (minute, hour, day of month, "
     "month, day of week), or 6 with the second first"},
    {"{cron: \"0 9 * * * \xc3\xa9"
     "\", kind: x}",
     "2:24: e: cron: day of week field, position 11: a number from 0 to 7 is missing"},
    {"{cron: 0 9 * * *, timezone: Asia/Tokio, kind: x}",
     "2:34: e: timezone: there is no time zone \"Asia/Tokio\" in /usr/share/zoneinfo; the "
     "nearest is \"Asia/Tokyo\""},
    {"{cron: 0 9 * * *, timezone: ../x, kind: x}",
     "2:34: e: timezone: \"../x\" is no name of a time zone: those are words of letters, "
     "digits, _ + - with / between them"},
    {"{cron: 0 9 * * *, timezone: ~, kind: x}", "2:34: e: timezone has no value"},
    {"{cron: 0 9 * * *, timezone: '', kind: x}",
     "2:34: e: timezone is UTF-8 text of 1 to 64 bytes, not \"\""},
    {"{every: 5m, kind: a b}", "2:24: e: kind is 1 to 128 of A-Z a-z 0-9 . _ : / -, the first "
                               "a letter or digit, not \"a b\""},
    {"{every: 5m, kind: ''}", "2:24: e: kind is 1 to 128 of A-Z a-z 0-9 . _ : / -, the first a "
                              "letter or digit, not \"\""},
    {"{every: 5m, kind: x, queue: -q}", "2:34: e: queue is 1 to 128 of A-Z a-z 0-9 . _ : / -, "
                                        "the first a letter or digit, not \"-q\""},
    {"{every: 5m, kind: {a: b}}", "2:24: e: kind takes one value, not a list or map"},
    {"{every: 5m, kind: x, priority: 10}", "2:37: e: priority is a number from 0 to 9, not \"10\""},
    {"{every: 5m, kind: x, priority: high}",
     "2:37: e: priority is a number from 0 to 9, not \"high\""},
    {"{every: 5m, kind: x, priority: -1}", "2:37: e: priority is a number from 0 to 9, not \"-1\""},
    {"{every: 5m, kind: x, priority: 1.5}",
     "2:37: e: priority is a number from 0 to 9, not \"1.5\""},
    {"{every: 5m, kind: x, delay: 5000d}", "2:34: e: delay is at most 3650d, not \"5000d\""},
    {"{every: 5m, kind: x, delay: soon}",
     "2:34: e: delay is a duration such as 30s, 5m, 1h30m or 2d, not \"soon\""},
    {"{every: 5m, kind: x, max_attempts: 0}",
     "2:41: e: max_attempts is a number from 1 to 1000000, not \"0\""},
    {"{every: 5m, kind: x, max_attempts: 99999999999999999999}",
     "2:41: e: max_attempts is a number from 1 to 1000000, not \"99999999999999999999\""},
    {"{every: 5m, kind: x, backoff: fast}",
     "2:36: e: backoff is KIND:BASE:CAP, such as fixed:30s, linear:5s:10m or "
     "exponential:2s:1h, not \"fast\""},
    {"{every: 5m, kind: x, backoff: 'linear:10m:5s'}",
     "2:36: e: backoff is KIND:BASE:CAP, such as fixed:30s, linear:5s:10m or "
     "exponential:2s:1h, not \"linear:10m:5s\""},
    {"{every: 5m, kind: x, run_timeout: 0s}", "2:40: e: run_timeout is at least 1ms, not \"0s\""},
    {"{every: 5m, kind: x, run_timeout: 50d}",
     "2:40: e: run_timeout is at most 49d17h2m47s294ms, not \"50d\""},
    {"{every: 5m, kind: x, expires_in: 0ms}", "2:39: e: expires_in is at least 1ms, not \"0ms\""},
    {"{every: 5m, kind: x, overlap: queue-one}",
     "2:36: e: overlap is skip, queue_one, allow or cancel_old, not \"queue-one\"; the nearest "
     "is \"queue_one\""},
    {"{every: 5m, kind: x, overlap: Skip}",
     "2:36: e: overlap is skip, queue_one, allow or cancel_old, not \"Skip\"; the nearest is "
     "\"skip\""},
    {"{every: 5m, kind: x, catch_up: last}",
     "2:37: e: catch_up is latest, none or all, not \"last\""},
    {"{every: 5m, kind: x, catch_up: nothing}",
     "2:37: e: catch_up is latest, none or all, not \"nothing\""},
    {"{every: 5m, kind: x, catch_up_window: 0s}",
     "2:44: e: catch_up_window is at least 1s, not \"0s\""},
    {"{every: 5m, kind: x, catch_up_window: 400d}",
     "2:44: e: catch_up_window is at most 366d, not \"400d\""},
    {"{every: 5m, kind: x, jitter: 2d}", "2:35: e: jitter is at most 1d, not \"2d\""},
    {"{every: 5m, kind: x, start: 2026-01-01}",
     "2:34: e: start is a time in whole seconds such as 2030-01-31T09:00:00Z, not "
     "\"2026-01-01\"; write \"2026-01-01T00:00:00Z\""},
    {"{every: 5m, kind: x, start: '2026-01-01T00:00:00.5Z'}",
     "2:34: e: start is a time in whole seconds such as 2030-01-31T09:00:00Z, not "
     "\"2026-01-01T00:00:00.5Z\""},
    {"{every: 5m, kind: x, start: '2026-13-01T00:00:00Z'}",
     "2:34: e: start is a time in whole seconds such as 2030-01-31T09:00:00Z, not "
     "\"2026-13-01T00:00:00Z\""},
    {"{every: 5m, kind: x, start: '1969-01-01T00:00:00Z'}",
     "2:34: e: start is a time in whole seconds such as 2030-01-31T09:00:00Z, not "
     "\"1969-01-01T00:00:00Z\""},
    {"{every: 5m, kind: x, start: '2026-01-02T00:00:00Z', end: '2026-01-02T00:00:00Z'}",
     "2:63: e: end is not after start"},
    {"{every: 1h, kind: x, start: '2026-01-02T00:00:01Z', end: '2026-01-02T00:59:59Z'}",
     "2:63: e: it never runs: every names no time after its start before its end"},
    {"{cron: 0 9 29 2 *, kind: x, end: '2026-01-02T00:00:00Z'}",
     "2:39: e: it never runs: cron names no time before its end"},
    {"{cron: 0 9 29 2 *, kind: x, start: '2198-01-02T00:00:00Z'}",
     "2:3: e: it never runs: cron names no time after its start"},
    {"{every: 5m, kind: x, paused: yes}", "2:35: e: paused is true or false, not \"yes\""},
    {"{every: 5m, kind: x, args: [1, .nan]}",
     "2:37: e: args: .nan is no number in JSON; in quotes it is a text"},
    {"{every: 5m, kind: x, args: {a: 99999999999999999999}}",
     "2:37: e: args: 99999999999999999999 is beyond 64 bits; in quotes it is a text"},
    {"{every: 5m, kind: x, args: *a}",
     "2:33: *a: there is no &a above; a text that begins with * stands in quotes"},
    {"{every: 5m, kind: &k x, timezone: *k}",
     "2:40: e: timezone: there is no time zone \"x\" in /usr/share/zoneinfo; abbreviations are not "
     "unique and leave out summer time: name a place, such as \"America/Los_Angeles\""},
    {"{every: 5m, kind: x, kind: y}", "2:27: \"kind\" is set in line 2 already"},
};

static void faults_name_field_and_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_entries / sizeof bad_entries[0]; i++) {
        char text[2048], want[1024];
        (void)snprintf(text, sizeof text, "schedules:\n  e: %s\n", bad_entries[i].fields);
        (void)snprintf(want, sizeof want, "%s\n", bad_entries[i].told);
        assert_int_equal(read_text(slice_str(text)), MUSTER_EINVAL);
        assert_string_equal(told(), want);
    }
}

static void all_faults_of_a_file_are_told(void **state)
{
    (void)state;
    assert_int_equal(read_text(slice_str("schedules:\n"
                                         "  a: {every: 0s, kind: x}\n"
                                         "  b c: {every: 5m, kind: x, prio: 3}\n"
                                         "  a: {cron: 0 9 * * *, kind: x, timezone: Tokyo}\n"
                                         "  d: {every: 5m, kind: x}\n"
                                         "schedule: {}\n")),
                     MUSTER_EINVAL);
    assert_string_equal(
        told(),
        "2:14: a: every is at least 1s, not \"0s\"\n"
        "3:3: b c: a name is 1 to 128 of A-Z a-z 0-9 . _ : / -, the first a letter or digit\n"
        "3:29: b c: unknown field \"prio\"; the nearest is \"priority\"\n"
        "4:3: \"a\" is set in line 2 already\n"
        "4:43: a: timezone: there is no time zone \"Tokyo\" in /usr/share/zoneinfo; the nearest is "
        "\"Asia/Tokyo\"\n"
        "6:1: unknown key \"schedule\"; the nearest is \"schedules\"\n");
    assert_int_equal(entries.count, 0);
    struct buf text;
    buf_init(&text, 1 << 20);
    (void)buf_printf(&text, "schedules:\n");
    for (int i = 0; i < 100; i++)
        (void)buf_printf(&text, "  e%d: {every: 5m}\n", i);
    assert_int_equal(read_text(buf_slice(&text)), MUSTER_EINVAL);
    assert_int_equal(faults.count, ENTRIES_FAULTS_MAX);
    assert_int_equal(faults.more, 100 - ENTRIES_FAULTS_MAX);
    buf_fini(&text);
}

/* Args and options of several entries, written once. */
static void entries_share_what_they_have_in_common(void **state)
{
    (void)state;
    struct msg_schedule s;
    if (read_text(slice_str("schedules:\n"
                            "  tokyo: &report\n"
                            "    cron: &nine 0 9 * * *\n"
                            "    timezone: Asia/Tokyo\n"
                            "    kind: report\n"
                            "    args: &args {to: [1, 2]}\n"
                            "  paris:\n"
                            "    <<: *report\n"
                            "    timezone: Europe/Paris\n"
                            "  other: {cron: *nine, kind: x, args: *args}\n")))
        fail_msg("%s", told());
    assert_int_equal(entries.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        entry_at(i, &s);
        expect_text(s.name, i == 0 ? "tokyo" : i == 1 ? "paris" : "other");
        expect_text(s.cron, "0 9 * * *");
        expect_text(s.kind, i == 2 ? "x" : "report");
        expect_text(s.args, "\x81\xa2to\x92\x01\x02");
        expect_text(s.timezone, i == 0 ? "Asia/Tokyo" : i == 1 ? "Europe/Paris" : "");
    }
    /* A fault in what is shared is told of each entry: in place, or at the alias. */
    assert_int_equal(read_text(slice_str("schedules:\n"
                                         "  a: &a {cron: &c '0 9 * * 8', kind: x}\n"
                                         "  b: {<<: *a, kind: y}\n"
                                         "  c: {cron: *c, kind: z}\n")),
                     MUSTER_EINVAL);
    assert_string_equal(
        told(), "2:16: a: cron: day of week field, position 9: \"8\" is not within 0 to 7\n"
                "2:16: b: cron: day of week field, position 9: \"8\" is not within 0 to 7\n"
                "4:13: c: cron: day of week field, position 9: \"8\" is not within 0 to 7\n");
}

static void what_is_over_may_stay_in_the_file(void **state)
{
    (void)state;
    assert_int_equal(read_text(slice_str("schedules:\n"
                                         "  a: {every: 1h, kind: x, end: '2020-01-01T00:00:00Z'}\n"
                                         "  b: {cron: 0 9 29 2 *, kind: x, "
                                         "start: '2019-01-01T00:00:00Z', "
                                         "end: '2020-03-01T00:00:00Z'}\n")),
                     0);
    assert_int_equal(entries.count, 2);
}

/* Fields of the command line are called by their options. */
static void options_have_their_names(void **state)
{
    (void)state;
    struct entry e;
    struct entry_fault fault;
    entry_init(&e, slice_str("a"), true);
    assert_int_equal(entry_set(&e, ENTRY_max_attempts, slice_str("x"), &fault), MUSTER_EINVAL);
    assert_string_equal(fault.text, "--max-attempts is a number from 1 to 1000000, not \"x\"");
    assert_int_equal(entry_set(&e, ENTRY_args, slice_str("x"), &fault), MUSTER_EINVAL);
}

static void a_large_file_is_read_in_order(void **state)
{
    (void)state;
    struct msg_schedule s;
    struct buf text;
    buf_init(&text, 64 << 20);
    (void)buf_printf(&text, "schedules:\n");
    for (int i = 0; i < 20000; i++)
        (void)buf_printf(&text,
                         "  e%d:\n    cron: \"%d 9 * * *\"\n    timezone: Europe/Berlin\n"
                         "    kind: report\n    args: {number: %d}\n",
                         i, i % 60, i);
    assert_int_equal(read_text(buf_slice(&text)), 0);
    assert_int_equal(entries.count, 20000);
    entry_at(0, &s);
    expect_text(s.name, "e0");
    entry_at(19999, &s);
    expect_text(s.name, "e19999");
    expect_text(s.cron, "19 9 * * *");
    buf_fini(&text);
}

/* Whatever the file: faults with places, or entries that the broker's decoder takes. */
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    static const char seed[] =
        "schedules:\n  a: {every: 5m, kind: x, args: [1, {b: ~}]}\n"
        "  b:\n    cron: \"0 9 * * 1-5\"\n    timezone: Asia/Tokyo\n    kind: report.daily\n"
        "    start: 2026-01-01T00:00:00Z\n    overlap: skip\n    jitter: 1s\n";
    static const char bits[] = "{}[]:,-?*|'\"@#\n\t \\~059LW/x\xff";
    struct rng rng = {11};
    unsigned good = 0;
    for (int round = 0; round < 2000; round++) {
        char text[sizeof seed];
        size_t len = sizeof seed - 1;
        memcpy(text, seed, len);
        for (uint64_t n = 1 + rng_below(&rng, 3); n > 0; n--) {
            size_t at = rng_below(&rng, len);
            text[at] = bits[rng_below(&rng, sizeof bits)];
            if (rng_below(&rng, 3) == 0)
                memmove(text + at, text + at + 1, --len - at);
        }
        good += !read_text(slice_of(text, len));
        for (uint32_t i = 0; i < faults.count; i++)
            assert_true(faults.list[i].line >= 1 && faults.list[i].column >= 1);
        for (uint32_t i = 0; i < entries.count; i++) {
            struct msg_schedule s;
            entry_at(i, &s);
            assert_int_equal(wire_value_check(s.args), 0);
        }
    }
    assert_true(good > 50);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_said_is_left_to_the_broker),
        TEST(every_field_is_read),
        TEST(a_view_has_every_field_in_the_words_of_files),
        TEST(a_file_may_have_no_entries_but_must_say_so),
        TEST(faults_name_field_and_place),
        TEST(all_faults_of_a_file_are_told),
        TEST(entries_share_what_they_have_in_common),
        TEST(what_is_over_may_stay_in_the_file),
        TEST(options_have_their_names),
        TEST(a_large_file_is_read_in_order),
        TEST(damaged_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
