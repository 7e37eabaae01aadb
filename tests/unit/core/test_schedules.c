/* Schedules in numbers: what is bounded, and what happens at the bounds. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/state.h"
#include "harness.h"
#include "schedule_text.h"

#define ROUTE        7
#define DELETED_KEPT 10000 /* deleted ones that are told of */
#define POLLS_MAX    10000
#define AT_ONCE      500

static struct heard { /* since it was emptied */
    uint32_t pages, told, deleted, fires, later;
    bool reset, more;
    uint64_t revision, newest;
    int put_error;
    uint8_t verdicts[8];
    uint64_t jobs[8];
} heard;

static struct harness h;

static void on_action(void *ctx, const struct action *a)
{
    (void)ctx;
    if (a->type == ACT_REPLY_PUT)
        heard.put_error = a->put.error;
    if (a->type == ACT_REPLY_FIRE) {
        heard.fires++;
        for (uint32_t i = 0; i < a->fire.count && i < 8; i++) {
            heard.verdicts[i] = a->fire.verdicts[i];
            heard.later += a->fire.verdicts[i] == VERDICT_LATER;
            heard.jobs[i] = a->fire.jobs[i];
        }
    }
    if (a->type != ACT_REPLY_SCHEDULES)
        return;
    heard.pages++;
    heard.reset = a->schedules.reset;
    heard.more = a->schedules.more;
    heard.revision = a->schedules.revision;
    heard.newest = a->schedules.newest;
    for (uint32_t i = 0; i < a->schedules.count; i++, heard.told++)
        heard.deleted += a->schedules.views[i].deleted;
}

static const struct harness_hooks hooks = {.action = on_action};

static void start(const struct core_options *options)
{
    static const uint8_t session[SESSION_ID_BYTES] = "scheduler";
    harness_start(&h, options, &hooks, NULL);
    struct event e = {.type = EV_CLIENT_HELLO, .route = ROUTE};
    e.client_hello.session = session;
    e.client_hello.number = 1;
    harness_step(&h, &e);
    harness_settle(&h);
    heard = (struct heard){0};
}

static void up(void)
{
    struct core_options options = CORE_OPTIONS_DEFAULT;
    start(&options);
}

static void down(void)
{
    harness_stop(&h);
}

/* Entries `name`0 and so on, or `name` alone. */
static void put(const char *name, uint32_t first, uint32_t count, enum overlap overlap,
                const char *kind)
{
    static struct schedule_text texts[AT_ONCE];
    static struct schedule_def defs[AT_ONCE];
    char numbered[32];
    assert_in_range(count, 0, AT_ONCE);
    for (uint32_t i = 0; i < (count ? count : 1); i++) {
        snprintf(numbered, sizeof numbered, count ? "%s%u" : "%s", name, first + i);
        schedule_text_default(&texts[i], numbered);
        snprintf(texts[i].kind, sizeof texts[i].kind, "%s", kind);
        texts[i].overlap = (uint8_t)overlap;
        schedule_text_read(slice_of(&texts[i], sizeof texts[i]), &defs[i]);
    }
    struct event e = {.type = EV_SCHEDULE_PUT, .route = ROUTE};
    e.schedule_put.source = slice_str("file");
    e.schedule_put.defs = defs;
    e.schedule_put.count = count ? count : 1;
    harness_step(&h, &e);
}

static void drop(const char *name, uint32_t first, uint32_t count)
{
    static char texts[AT_ONCE][32];
    static struct slice names[AT_ONCE];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "%s%u", name, first + i);
        names[i] = slice_str(texts[i]);
    }
    struct event e = {.type = EV_SCHEDULE_ACT, .route = ROUTE};
    e.schedule_act.action = SCHEDULE_DELETE;
    e.schedule_act.names = names;
    e.schedule_act.count = count;
    harness_step(&h, &e);
}

static void read_on(uint64_t after, uint64_t since, uint32_t hold_ms)
{
    struct event e = {.type = EV_SCHEDULES, .route = ROUTE};
    heard = (struct heard){0};
    e.schedules.since = since;
    e.schedules.epoch = h.core->epoch;
    e.schedules.after = after;
    e.schedules.limit = 1000;
    e.schedules.hold_ms = hold_ms;
    harness_step(&h, &e);
}

static void poll(uint64_t after, uint32_t hold_ms)
{
    read_on(after, 0, hold_ms);
}

static struct schedule *called(const char *name)
{
    struct schedule *s = strmap_get(&h.core->schedules.by_name, slice_str(name));
    assert_non_null(s);
    return s;
}

/* The first whole second after what is judged of each. */
static void fire(const char *const *names, uint32_t count)
{
    uint64_t revisions[8], previous[8], nominals[8];
    for (uint32_t i = 0; i < count; i++) {
        const struct schedule *s = called(names[i]);
        revisions[i] = s->revision;
        previous[i] = s->through_ms;
        nominals[i] = s->through_ms / 1000 * 1000 + 1000;
    }
    size_t wide = count * sizeof(uint64_t);
    struct event e = {.type = EV_FIRE, .route = ROUTE};
    e.fire.epoch = h.core->epoch;
    e.fire.count = count;
    e.fire.revisions = slice_of(revisions, wide);
    e.fire.previous_ms = slice_of(previous, wide);
    e.fire.nominals_ms = slice_of(nominals, wide);
    harness_step(&h, &e);
}

/* Again while the broker says: later. */
static uint8_t fire_one(const char *name)
{
    for (int i = 0; i < 5; i++) {
        fire(&name, 1);
        harness_settle(&h);
        if (heard.verdicts[0] != VERDICT_LATER)
            break;
    }
    return heard.verdicts[0];
}

static void cancel(const uint64_t *ids, uint32_t count)
{
    uint8_t bytes[64];
    for (uint32_t i = 0; i < count * 8; i++)
        bytes[i] = (uint8_t)(ids[i / 8] >> 8 * (i % 8));
    struct event e = {.type = EV_CANCEL, .route = ROUTE};
    e.ids.ids = slice_of(bytes, count * 8);
    harness_step(&h, &e);
    harness_settle(&h);
}

/* ---- tests ---- */

static void deleted_ones_are_told_of_for_a_while(void **state)
{
    (void)state;
    up();
    const uint32_t all = DELETED_KEPT + 4 * AT_ONCE;
    put("stays", 0, 1, OVERLAP_SKIP, "a");
    for (uint32_t i = 0; i < all; i += AT_ONCE)
        put("s", i, AT_ONCE, OVERLAP_SKIP, "a");
    harness_settle(&h);
    uint64_t before = h.core->schedules.revision;
    for (uint32_t i = 0; i < all; i += AT_ONCE) {
        drop("s", i, AT_ONCE);
        harness_settle(&h);
    }
    drop("none", 0, 1); /* what is not stored yet is told of still */
    assert_int_equal(h.core->schedules.deleted_count, DELETED_KEPT);
    assert_int_equal(h.core->schedules.by_revision.count, DELETED_KEPT + 1);
    poll(before, 0); /* some that it knew are gone without trace */
    assert_true(heard.reset);
    assert_int_equal(heard.told, 1);
    uint64_t forgotten = h.core->schedules.forgotten;
    poll(forgotten, 0); /* it knows of all that are */
    assert_false(heard.reset);
    assert_true(heard.more);
    assert_int_equal(heard.deleted, 1000);
    uint32_t told = heard.deleted;
    while (heard.more) {
        poll(heard.revision, 0);
        told += heard.deleted;
    }
    assert_int_equal(told, DELETED_KEPT);
    assert_int_equal(heard.revision, h.core->schedules.revision);
    poll(forgotten - 1, 0);
    assert_true(heard.reset);
    down();
}

/* Old entries, put before all that is forgotten: the second page lies before it as well. */
static void a_reading_ends_whatever_was_deleted(void **state)
{
    (void)state;
    up();
    const uint32_t old = 3 * AT_ONCE, all = DELETED_KEPT + 2 * AT_ONCE;
    for (uint32_t i = 0; i < old; i += AT_ONCE)
        put("old", i, AT_ONCE, OVERLAP_SKIP, "a");
    for (uint32_t i = 0; i < all; i += AT_ONCE) {
        put("s", i, AT_ONCE, OVERLAP_SKIP, "a");
        drop("s", i, AT_ONCE);
        harness_settle(&h);
    }
    drop("none", 0, 1);
    poll(0, 0);
    uint64_t since = heard.newest, at = heard.revision;
    assert_true(heard.reset && heard.more);
    assert_int_equal(heard.told, 1000);
    assert_true(at < h.core->schedules.forgotten);
    poll(at, 0); /* it would begin anew for ever */
    assert_true(heard.reset);
    read_on(at, since, 0);
    assert_false(heard.reset);
    assert_int_equal(heard.told - heard.deleted, old - 1000);
    for (uint32_t pages = 0; heard.more; pages++) {
        assert_in_range(pages, 0, 20);
        read_on(heard.revision, since, 0);
        assert_false(heard.reset);
    }
    assert_int_equal(heard.revision, since);
    /* and what is forgotten while it goes on begins it anew */
    for (uint32_t i = 0; i < all; i += AT_ONCE) {
        put("t", i, AT_ONCE, OVERLAP_SKIP, "a");
        drop("t", i, AT_ONCE);
        harness_settle(&h);
    }
    drop("none", 0, 1);
    read_on(at, since, 0);
    assert_true(heard.reset);
    down();
}

static void definitions_are_bounded(void **state)
{
    (void)state;
    up();
    put("s", 0, 10, OVERLAP_SKIP, "a");
    harness_settle(&h);
    assert_int_equal(heard.put_error, 0);
    uint64_t revision = h.core->schedules.revision, bytes = h.core->schedules.bytes;
    h.core->schedules.bytes = SCHEDULES_BYTES_MAX - sizeof(struct schedule_text);
    put("t", 0, 2, OVERLAP_SKIP, "a"); /* the first one would fit: none is put */
    harness_settle(&h);
    assert_int_equal(heard.put_error, MUSTER_EFULL);
    assert_int_equal(h.core->schedules.revision, revision);
    put("s", 0, 10, OVERLAP_ALLOW, "a"); /* others instead of those that there are */
    harness_settle(&h);
    assert_int_equal(heard.put_error, 0);
    put("t", 0, 1, OVERLAP_SKIP, "a");
    harness_settle(&h);
    assert_int_equal(heard.put_error, 0);
    assert_int_equal(h.core->schedules.bytes, SCHEDULES_BYTES_MAX);
    h.core->schedules.bytes = bytes + sizeof(struct schedule_text);
    down();
}

static void polls_are_bounded(void **state)
{
    (void)state;
    up();
    put("s", 0, 1, OVERLAP_SKIP, "a");
    harness_settle(&h);
    uint64_t now = h.core->schedules.revision;
    for (uint32_t i = 0; i < POLLS_MAX; i++)
        poll(now, 5000);
    assert_int_equal(heard.pages, 0);
    poll(now, 5000);
    assert_int_equal(heard.pages, 1);
    heard.pages = 0;
    put("t", 0, 1, OVERLAP_SKIP, "a");
    harness_settle(&h);
    assert_int_equal(heard.pages, POLLS_MAX);
    assert_int_equal(h.core->schedules.poll_count, 0);
    down();
}

/* Their jobs' lanes cannot be made: each is tried once a second, and starts when they can. */
static void runs_wait_for_room(void **state)
{
    static const char *const names[] = {"s", "t", "u"};
    (void)state;
    up();
    for (int i = 0; i < 3; i++)
        put(names[i], 0, 0, OVERLAP_QUEUE_ONE, "a");
    harness_settle(&h);
    harness_advance(&h, 5000, true);
    fire(names, 3);
    harness_settle(&h);
    uint64_t first[3] = {heard.jobs[0], heard.jobs[1], heard.jobs[2]};
    fire(names, 3);
    harness_settle(&h);
    for (int i = 0; i < 3; i++)
        assert_int_equal(heard.verdicts[i], VERDICT_WAITING);
    for (int i = 0; i < 3; i++)
        put(names[i], 0, 0, OVERLAP_QUEUE_ONE, "another");
    uint32_t lanes = h.core->lane_count;
    h.core->lane_count = LANES_MAX;
    cancel(first, 3);
    harness_advance(&h, 3000, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(called(names[i])->run_count, 0);
        assert_int_not_equal(called(names[i])->waiting_ms, 0);
    }
    h.core->lane_count = lanes;
    harness_advance(&h, 1000, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(called(names[i])->run_count, 1);
        assert_int_equal(called(names[i])->waiting_ms, 0);
        assert_int_equal(called(names[i])->last.verdict, VERDICT_FIRED);
    }
    down();
}

/* Nothing is cancelled for a run that there is no room for. */
static void the_old_run_stays_without_room(void **state)
{
    (void)state;
    up();
    put("s", 0, 0, OVERLAP_CANCEL_OLD, "a");
    harness_settle(&h);
    harness_advance(&h, 5000, true);
    assert_int_equal(fire_one("s"), VERDICT_FIRED);
    uint64_t old = heard.jobs[0];
    put("s", 0, 0, OVERLAP_CANCEL_OLD, "another");
    harness_settle(&h);
    uint32_t lanes = h.core->lane_count;
    h.core->lane_count = LANES_MAX;
    assert_int_not_equal(fire_one("s"), VERDICT_FIRED);
    assert_int_equal(called("s")->runs[0], old);
    assert_int_equal(called("s")->run_count, 1);
    h.core->lane_count = lanes;
    fire_one("s");
    assert_int_equal(called("s")->run_count, 1);
    assert_int_not_equal(called("s")->runs[0], old);
    down();
}

static void while_the_disk_is_slow_it_is_later(void **state)
{
    static const char *const names[] = {"s"};
    struct core_options options = CORE_OPTIONS_DEFAULT;
    (void)state;
    options.uncommitted_max = 1000;
    start(&options);
    put("s", 0, 0, OVERLAP_ALLOW, "a");
    harness_settle(&h);
    harness_advance(&h, 600000, true);
    for (int i = 0; i < 100; i++)
        fire(names, 1);
    harness_settle(&h);
    assert_int_equal(heard.fires, 100);
    assert_in_range(heard.later, 50, 90); /* the others were on their way */
    assert_int_equal(fire_one("s"), VERDICT_FIRED);
    down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deleted_ones_are_told_of_for_a_while),
        cmocka_unit_test(a_reading_ends_whatever_was_deleted),
        cmocka_unit_test(definitions_are_bounded),
        cmocka_unit_test(polls_are_bounded),
        cmocka_unit_test(runs_wait_for_room),
        cmocka_unit_test(the_old_run_stays_without_room),
        cmocka_unit_test(while_the_disk_is_slow_it_is_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
