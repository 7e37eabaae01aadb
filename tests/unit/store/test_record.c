/* test_record.c: the encodings, their limits, and bytes of each format that ever shipped. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"

static struct slice seal(struct buf *b, struct enc *e, enum table table, struct slice key)
{
    frame_end(b, e, table, key);
    return buf_slice(b);
}

static void to_hex(struct slice s, char *out)
{
    for (size_t i = 0; i < s.len; i++)
        snprintf(out + 2 * i, 3, "%02x", s.data[i]);
}

/* Format 1. These bytes lie on disks: when this test fails, old data can no longer be read. */
static void format_1_stays(void **state)
{
    (void)state;
    struct buf b;
    struct enc e;
    struct key k;
    char hex[1024];
    buf_init(&b, 4096);
    struct job_head plain = {.id = 0x0102030405060700,
                             .seq = 0x0102030405060700,
                             .created_ms = 1700000000000,
                             .due_ms = 1700000000000,
                             .lane = 300,
                             .run = 1,
                             .priority = 5,
                             .state = JOB_READY};
    struct job_spec spec = JOB_SPEC_DEFAULT;
    assert_int_equal(frame_begin(&b, 512, &e), 0);
    job_encode(&e, &plain, &spec);
    enc_raw(&e, slice_str("args"));
    to_hex(seal(&b, &e, TABLE_READY, key_ready(&k, 300, 5, plain.id)), hex);
    assert_string_equal(hex, "0154d4fb67010007060504030201ac02150080d095ffbc31000061726773");

    struct job_head full = plain;
    full.seq++;
    full.run = 2;
    full.failures = 3;
    full.losses = 1;
    full.attempts = 4;
    full.due_ms += 1000;
    full.delay_ms = 1000;
    full.flags = JOB_HAS_ROW | JOB_NOTIFY;
    full.state = JOB_SCHEDULED;
    struct job_spec special = {.max_attempts = 7,
                               .run_timeout_ms = 1000,
                               .backoff = {BACKOFF_FIXED, 0, 30000, 30000},
                               .expires_ms = 1800000000000,
                               .notify = {0xAB},
                               .meta = slice_str("m")};
    assert_int_equal(frame_begin(&b, 512, &e), 0);
    job_encode(&e, &full, &special);
    to_hex(seal(&b, &e, TABLE_JOB, key_u64(&k, full.id)), hex);
    assert_string_equal(
        hex, "01578f7a9d020007060504030201ac02051480d095ffbc317f818e98a8c0e080810102030104e8d795ffb"
             "c31e8073f07e80780a0f1c2b1340200b0ea01b0ea01ab000000000000000000000000000000016d");
    buf_fini(&b);
}

static struct slice hex_of(struct buf *b, struct enc *e, enum table table, struct slice key,
                           char *out)
{
    struct slice value = seal(b, e, table, key);
    to_hex(value, out);
    return value;
}

static const struct ledger_row fired = {.nominal_ms = 1700000001000,
                                        .judged_ms = 1700000001003,
                                        .job = 0x0102030405060700,
                                        .verdict = VERDICT_FIRED,
                                        .reason = REASON_DUE};
static const struct ledger_row span = {.nominal_ms = 1700000001001,
                                       .judged_ms = 1700000009000,
                                       .first_ms = 1690000000000,
                                       .count = 70000,
                                       .verdict = VERDICT_MISSED,
                                       .reason = REASON_WINDOW};

/* What format 2 has beyond 1. */
static void format_2_stays(void **state)
{
    (void)state;
    struct buf b;
    struct enc e;
    struct dec d;
    struct key k;
    char hex[1024];
    struct record job;
    struct ledger_row row;
    struct schedule_state back;
    struct schedule_record kept;
    buf_init(&b, 4096);
    struct job_head head = {.id = 256, .seq = 256, .lane = 1, .run = 1, .state = JOB_READY};
    head.flags = JOB_HAS_ROW | JOB_SCHEDULE;
    struct job_spec spec = JOB_SPEC_DEFAULT;
    spec.schedule = slice_str("daily");
    spec.nominal_ms = 1700000001000;
    assert_int_equal(frame_begin(&b, 512, &e), 0);
    job_encode(&e, &head, &spec);
    struct slice value = hex_of(&b, &e, TABLE_JOB, key_u64(&k, 256), hex);
    assert_string_equal(hex, "01fa094fb10200010000000000000110500000c001e8d795ffbc31056461696c79");
    assert_true(frame_open(TABLE_JOB, key_slice(&k), value, &d) && job_decode(&d, &job));
    assert_true(text_is(job.spec.schedule, "daily"));
    assert_int_equal(job.spec.nominal_ms, 1700000001000);

    const struct ledger_row *rows[] = {&fired, &span};
    static const char *const rows_hex[] = {"01b889c3eb010000ebd795ffbc310007060504030201",
                                           "015fd74df7060203a89696ffbc318088e6de9731f0a204"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(frame_begin(&b, LEDGER_BOUND, &e), 0);
        ledger_encode(&e, rows[i]);
        value = hex_of(&b, &e, TABLE_LEDGER, key_ledger(&k, 3, rows[i]->nominal_ms), hex);
        assert_string_equal(hex, rows_hex[i]);
        assert_true(frame_open(TABLE_LEDGER, key_slice(&k), value, &d));
        assert_true(ledger_decode(&d, rows[i]->nominal_ms, &row));
        assert_memory_equal(&row, rows[i], sizeof(row));
    }

    struct schedule_state s = {.paused = true,
                               .through_ms = 1700000001000,
                               .waiting_ms = 1700000002000,
                               .runs = slice_str("16 bytes are two"),
                               .last = fired};
    assert_int_equal(frame_begin(&b, schedule_state_bound(&s), &e), 0);
    schedule_state_encode(&e, &s);
    value = hex_of(&b, &e, TABLE_SCHEDULE_STATE, key_u32(&k, 3), hex);
    assert_string_equal(hex, "019a2ba37001e8d795ffbc31d0df95ffbc31103136206279746573206172652074776"
                             "f01e8d795ffbc31010000ebd795ffbc310007060504030201");
    assert_true(frame_open(TABLE_SCHEDULE_STATE, key_slice(&k), value, &d));
    assert_true(schedule_state_decode(&d, &back));
    assert_true(back.paused && slice_eq(back.runs, s.runs));
    assert_int_equal(back.through_ms, s.through_ms);
    assert_int_equal(back.waiting_ms, s.waiting_ms);
    assert_memory_equal(&back.last, &fired, sizeof(fired));

    struct schedule_record r = {slice_str("daily"), slice_str("a.yaml"), slice_str("def")};
    assert_int_equal(frame_begin(&b, schedule_bound(&r), &e), 0);
    schedule_encode(&e, &r);
    value = hex_of(&b, &e, TABLE_SCHEDULE, key_u32(&k, 3), hex);
    assert_string_equal(hex, "010146bc12056461696c7906612e79616d6c03646566");
    assert_true(frame_open(TABLE_SCHEDULE, key_slice(&k), value, &d) && schedule_decode(&d, &kept));
    assert_true(slice_eq(kept.name, r.name) && slice_eq(kept.source, r.source) &&
                slice_eq(kept.definition, r.definition));
    buf_fini(&b);
}

static void every_field_comes_back(void **state)
{
    (void)state;
    struct buf b;
    struct enc e;
    struct dec d;
    struct key k;
    struct record r;
    struct rng rng = {3};
    buf_init(&b, 65536);
    for (int i = 0; i < 2000; i++) {
        uint64_t big = rng_u64(&rng) >> rng_below(&rng, 64);
        struct job_head h = {.id = rng_u64(&rng),
                             .seq = rng_u64(&rng),
                             .created_ms = big,
                             .due_ms = rng_u64(&rng),
                             .delay_ms = big,
                             .lane = (uint32_t)rng_u64(&rng),
                             .run = (uint32_t)big,
                             .failures = (uint32_t)big,
                             .losses = (uint32_t)(big >> 3),
                             .attempts = (uint32_t)(big >> 5),
                             .flags = (uint16_t)big,
                             .priority = (uint8_t)rng_below(&rng, PRIORITY_COUNT),
                             .state = (uint8_t)rng_below(&rng, JOB_STATE_COUNT)};
        struct job_spec s = JOB_SPEC_DEFAULT;
        if (rng_below(&rng, 2))
            s.backoff = (struct backoff){BACKOFF_LINEAR, (uint16_t)rng_below(&rng, 1001), big, big};
        s.expires_ms = rng_below(&rng, 2) ? big : 0;
        s.notify[15] = (uint8_t)rng_below(&rng, 2);
        s.meta = rng_below(&rng, 2) ? slice_str("some meta") : SLICE_EMPTY;
        s.schedule = rng_below(&rng, 2) ? slice_str("a schedule") : SLICE_EMPTY;
        s.nominal_ms = rng_below(&rng, 2) ? big : 0;
        assert_int_equal(frame_begin(&b, job_bound(&s) + 4, &e), 0);
        job_encode(&e, &h, &s);
        enc_raw(&e, slice_str("args"));
        struct slice key = key_u64(&k, h.id);
        struct slice value = seal(&b, &e, TABLE_JOB, key);
        assert_true(frame_open(TABLE_JOB, key, value, &d));
        assert_true(job_decode(&d, &r));
        assert_memory_equal(&r.head, &h, sizeof(h));
        assert_int_equal(r.spec.expires_ms, s.expires_ms);
        assert_memory_equal(r.spec.notify, s.notify, sizeof(s.notify));
        assert_int_equal(r.spec.backoff.base_ms, s.backoff.base_ms);
        assert_true(slice_eq(r.spec.meta, s.meta));
        assert_true(slice_eq(r.spec.schedule, s.schedule));
        assert_int_equal(r.spec.nominal_ms, s.nominal_ms);
        assert_true(text_is(r.args, "args"));
    }
    buf_fini(&b);
}

static void a_changed_byte_or_place_is_found(void **state)
{
    (void)state;
    struct buf b;
    struct enc e;
    struct dec d;
    struct key k, other;
    buf_init(&b, 4096);
    struct parked_record p = {.at_ms = 5, .bytes = 1000, .lane = 3};
    struct slice key = key_u64(&k, 77);
    assert_int_equal(frame_begin(&b, PARKED_BOUND, &e), 0);
    parked_encode(&e, &p);
    struct slice value = seal(&b, &e, TABLE_PARKED, key);
    assert_true(frame_open(TABLE_PARKED, key, value, &d));
    assert_false(frame_open(TABLE_JOB, key, value, &d));
    assert_false(frame_open(TABLE_PARKED, key_u64(&other, 78), value, &d));
    for (size_t i = 0; i < value.len * 8; i++) {
        b.data[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_false(frame_open(TABLE_PARKED, key, value, &d));
        b.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t len = 0; len < value.len; len++)
        assert_false(frame_open(TABLE_PARKED, key, slice_of(value.data, len), &d));
    buf_fini(&b);
}

/* Decoders alone, behind a checksum that fits by accident: any bytes, no crash. */
static void any_bytes_decode_or_do_not(void **state)
{
    (void)state;
    struct rng rng = {9};
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[64];
        size_t len = (size_t)rng_below(&rng, sizeof(bytes));
        for (size_t n = 0; n < len; n++)
            bytes[n] = (uint8_t)(rng_u64(&rng) >> (rng_below(&rng, 2) ? 8 : 58));
        uint8_t *copy = malloc(len ? len : 1); /* so that reading beyond is seen */
        memcpy(copy, bytes, len);
        struct slice s = slice_of(copy, len), outcomes, ids;
        struct dec d;
        struct record job;
        struct attempt attempt;
        struct lane_record lane;
        struct queue_record queue;
        struct client_record client;
        struct key_record key;
        struct parked_record parked;
        struct done_row done;
        struct boot_worker worker;
        struct client_number number;
        struct schedule_record schedule;
        struct schedule_state state_of;
        struct ledger_row row;
        (void)(d = dec_of(s), job_decode(&d, &job));
        (void)(d = dec_of(s), attempt_decode(&d, &attempt));
        (void)(d = dec_of(s), lane_decode(&d, &lane));
        (void)(d = dec_of(s), queue_decode(&d, &queue));
        (void)(d = dec_of(s), client_decode(&d, &client));
        (void)(d = dec_of(s), key_decode(&d, &key));
        (void)(d = dec_of(s), parked_decode(&d, &parked));
        (void)(d = dec_of(s), done_decode(&d, &done));
        (void)(d = dec_of(s), worker_decode(&d, &worker));
        (void)(d = dec_of(s), submitted_decode(&d, &number, &outcomes, &ids));
        (void)(d = dec_of(s), schedule_decode(&d, &schedule));
        (void)(d = dec_of(s), schedule_state_decode(&d, &state_of));
        (void)(d = dec_of(s), ledger_decode(&d, 1, &row));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_1_stays),
        cmocka_unit_test(format_2_stays),
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(a_changed_byte_or_place_is_found),
        cmocka_unit_test(any_bytes_decode_or_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
