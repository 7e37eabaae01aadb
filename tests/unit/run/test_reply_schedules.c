/* test_reply_schedules.c: schedules, verdicts and ledgers as programs get them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/err.h"
#include "json.h"
#include "run/reply_schedules.h"
#include "wire.h"

#define NOW 1700000000123ull

static struct buf out;

static int set_up(void **state)
{
    (void)state;
    buf_init(&out, 64u << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

static void expect_json(const char *text)
{
    struct buf json;
    buf_init(&json, 1u << 20);
    assert_int_equal(out.error, 0);
    assert_int_equal(msgpack_to_json(buf_slice(&out), &json), 0);
    (void)buf_append(&json, "", 1);
    assert_string_equal((const char *)json.data, text);
    buf_fini(&json);
}

static void what_was_put(void **state)
{
    (void)state;
    reply_put(&out, 512, 3);
    expect_json("{\"put\":512,\"changed\":3}");
}

static void a_page_of_schedules(void **state)
{
    (void)state;
    const uint64_t runs[] = {256, 512};
    const struct schedule_view views[] = {
        {.name = slice_str("daily"),
         .source = slice_str("team.yaml"),
         .definition = slice_str("\x80"),
         .revision = 41,
         .paused = true,
         .through_ms = 1700000000000,
         .waiting_ms = 1700000001000,
         .runs = runs,
         .run_count = 2,
         .last = {.nominal_ms = 1700000000000,
                  .judged_ms = 1700000000007,
                  .job = 256,
                  .verdict = VERDICT_FIRED,
                  .reason = REASON_DUE}},
        {.name = slice_str("gone"), .revision = 42, .deleted = true},
        {.name = slice_str("new"), .source = slice_str("by-hand"), .revision = 43},
    };
    struct schedule_page page = {.now_ms = NOW,
                                 .epoch = 9,
                                 .revision = 44,
                                 .newest = 45,
                                 .reset = true,
                                 .views = views,
                                 .count = 3};
    reply_schedules(&out, &page);
    /* JSON has bin as base64 */
    expect_json("{\"now\":1700000000123,\"epoch\":9,\"revision\":44,\"newest\":45,\"reset\":true,"
                "\"schedules\":["
                "{\"name\":\"daily\",\"revision\":41,\"deleted\":false,\"source\":\"team.yaml\","
                "\"paused\":true,\"through\":1700000000000,\"waiting\":1700000001000,"
                "\"runs\":[\"0000000000080\",\"00000000000g0\"],"
                "\"last\":{\"nominal\":1700000000000,\"judged\":1700000000007,"
                "\"verdict\":\"fired\",\"reason\":\"due\",\"job\":\"0000000000080\"},"
                "\"definition\":\"gA==\"},"
                "{\"name\":\"gone\",\"revision\":42,\"deleted\":true},"
                "{\"name\":\"new\",\"revision\":43,\"deleted\":false,\"source\":\"by-hand\","
                "\"paused\":false,\"through\":0,\"waiting\":null,\"runs\":[],\"last\":null,"
                "\"definition\":\"\"}]}");
}

static void what_became_of_acts(void **state)
{
    (void)state;
    const struct slice names[] = {slice_str("a"), slice_str("b")};
    const int errors[] = {0, MUSTER_ENOTFOUND};
    reply_acts(&out, names, errors, 2);
    expect_json("[{\"name\":\"a\",\"code\":null},{\"name\":\"b\",\"code\":\"not_found\"}]");
}

static void answers_to_fire_are_columns(void **state)
{
    (void)state;
    const uint8_t verdicts[] = {VERDICT_FIRED, VERDICT_STALE}, reasons[] = {REASON_DUE, 0};
    const uint64_t through_ms[] = {1700000000000, 0}, jobs[] = {0x0102030405060708, 0};
    const struct fire_answers answers = {2, verdicts, reasons, through_ms, jobs};
    struct wire_token token;
    reply_fire(&out, NOW, &answers);
    struct wire_reader r = {buf_slice(&out)};
    assert_int_equal(wire_read(&r, &token), 0);
    assert_int_equal(token.count, 5);
    const struct {
        const char *key;
        size_t bytes;
        uint64_t first;
    } columns[] = {{"verdicts", 2, 0},
                   {"reasons", 2, 0},
                   {"through", 16, through_ms[0]},
                   {"jobs", 16, jobs[0]}};
    assert_int_equal(wire_read(&r, &token), 0);
    assert_true(slice_is(token.bytes, "now"));
    assert_int_equal(wire_read(&r, &token), 0);
    assert_true(token.uint == NOW);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(wire_read(&r, &token), 0);
        assert_true(slice_is(token.bytes, columns[i].key));
        assert_int_equal(wire_read(&r, &token), 0);
        assert_int_equal(token.kind, WIRE_BIN);
        assert_int_equal(token.bytes.len, columns[i].bytes);
        if (columns[i].bytes == 16)
            assert_true(slice_u64_at(token.bytes, 0) == columns[i].first);
        else
            assert_int_equal(token.bytes.data[1], i ? 0 : VERDICT_STALE);
    }
    assert_int_equal(r.left.len, 0);
}

static void a_full_answer_to_fire(void **state)
{
    (void)state;
    static uint8_t bytes[FIRE_MAX];
    static uint64_t numbers[FIRE_MAX];
    const struct fire_answers answers = {FIRE_MAX, bytes, bytes, numbers, numbers};
    reply_fire(&out, NOW, &answers);
    assert_int_equal(wire_value_check(buf_slice(&out)), 0);
    assert_true(out.len > 18u * FIRE_MAX);
}

static void rows_of_the_ledger(void **state)
{
    (void)state;
    const struct ledger_row rows[] = {
        {.nominal_ms = 1700000000000,
         .judged_ms = 1700000000007,
         .job = 256,
         .verdict = VERDICT_FIRED,
         .reason = REASON_BACKFILL},
        {.nominal_ms = 1600000000001,
         .judged_ms = 1700000000007,
         .first_ms = 1500000000000,
         .count = 12,
         .verdict = VERDICT_MISSED,
         .reason = REASON_WINDOW},
    };
    reply_ledger(&out, rows, 2);
    expect_json("[{\"nominal\":1700000000000,\"judged\":1700000000007,\"verdict\":\"fired\","
                "\"reason\":\"backfill\",\"job\":\"0000000000080\",\"first\":null,\"count\":null},"
                "{\"nominal\":1600000000001,\"judged\":1700000000007,\"verdict\":\"missed\","
                "\"reason\":\"window\",\"job\":null,\"first\":1500000000000,\"count\":12}]");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_was_put),          TEST(a_page_of_schedules),
        TEST(what_became_of_acts),   TEST(answers_to_fire_are_columns),
        TEST(a_full_answer_to_fire), TEST(rows_of_the_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
