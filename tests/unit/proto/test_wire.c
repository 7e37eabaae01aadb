/* test_wire.c: what is encoded is decoded to the same, for random messages of every type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/rng.h"
#include "wire.h"
#include "wire_table.h"

#define ROUNDS   200
#define ROOM     (1 << 16)
#define LANES    3
#define ID_FIRST 0x0102030405060708u

/* A message being made: where its bytes come from. */
struct maker {
    struct rng rng;
    const struct wire_desc *desc;
    struct msg msg;
    uint8_t room[ROOM];
    size_t used;
    struct slice items[3][LANES];
    uint32_t count; /* entries of every column */
};

static uint8_t *message(struct msg *msg)
{
    return (uint8_t *)msg + offsetof(struct msg, hello);
}

static void *at(struct msg *msg, const struct wire_field *field)
{
    return message(msg) + field->offset;
}

static const struct wire_field *named(const struct wire_desc *desc, const char *name)
{
    for (size_t i = 0; i < desc->field_count; i++) {
        if (strcmp(desc->fields[i].name, name) == 0)
            return &desc->fields[i];
    }
    return NULL;
}

static struct slice take(struct maker *m, size_t len, bool text)
{
    uint8_t *p = m->room + m->used;
    assert_true(m->used + len <= ROOM);
    m->used += len;
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(text ? 'a' + rng_below(&m->rng, 26) : rng_u64(&m->rng));
    return slice_of(p, len);
}

static void fill(struct maker *m, const struct wire_field *field)
{
    void *to = at(&m->msg, field);
    size_t width = wire_column_width(field->kind);
    size_t len = (size_t)rng_below(&m->rng, field->max < 100 ? field->max + 1 : 100);
    if (field->kind == FIELD_NUM) {
        uint64_t bits = rng_u64(&m->rng) >> rng_below(&m->rng, 64);
        *(msg_NUM *)to = field->max == UINT64_MAX ? bits : bits % (field->max + 1);
    } else if (field->kind == FIELD_STRS) {
        int lanes_of = strcmp(field->name, "kinds") == 0       ? 1
                       : strcmp(field->name, "schedules") == 0 ? 2
                                                               : 0;
        struct slice *items = m->items[lanes_of];
        for (size_t i = 0; i < LANES; i++)
            items[i] = take(m, (size_t)rng_below(&m->rng, 50), true);
        *(msg_STRS *)to = (struct strs){.items = items, .count = LANES};
    } else {
        *(struct slice *)to = take(m, width ? m->count * width : len, field->kind == FIELD_STR);
    }
}

static void drop(struct maker *m, const char *name)
{
    const struct wire_field *field = named(m->desc, name);
    if (field && field->kind == FIELD_NUM)
        *(msg_NUM *)at(&m->msg, field) = 0;
    else if (field)
        *(struct slice *)at(&m->msg, field) = SLICE_EMPTY;
}

static void set(struct maker *m, const char *name, uint64_t value)
{
    const struct wire_field *field = named(m->desc, name);
    if (field)
        *(msg_NUM *)at(&m->msg, field) = value;
}

/* Makes the entries of a column small. */
static void limit_cells(struct maker *m, const char *name, uint32_t low, uint32_t below)
{
    const struct wire_field *field = named(m->desc, name);
    if (!field)
        return;
    struct slice column = *(struct slice *)at(&m->msg, field);
    size_t width = wire_column_width(field->kind);
    uint8_t *cells = m->room + (column.data - m->room);
    for (size_t i = 0; i < column.len; i++)
        cells[i] = i % width ? 0 : (uint8_t)(low + rng_below(&m->rng, below - low));
}

/* Gives a bin the length that its column says. */
static void match(struct maker *m, const char *lengths, const char *bin)
{
    const struct wire_field *a = named(m->desc, lengths), *b = named(m->desc, bin);
    if (!a || !b)
        return;
    limit_cells(m, lengths, 0, 20);
    struct slice column = *(struct slice *)at(&m->msg, a);
    size_t sum = 0;
    for (size_t i = 0; i < column.len / 4; i++)
        sum += slice_u32_at(column, i);
    *(struct slice *)at(&m->msg, b) = take(m, sum, false);
}

/* Makes the random fields obey the rules that bind several of them. */
static void obey(struct maker *m)
{
    static const char *const pairs[][2] = {
        {"arg_lengths", "args"},       {"key_lengths", "keys"},       {"meta_lengths", "metas"},
        {"result_lengths", "results"}, {"detail_lengths", "details"}, {"lengths", "schedules"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        match(m, pairs[i][0], pairs[i][1]);
    limit_cells(m, "lanes", 0, LANES);
    limit_cells(m, "outcomes", 0, SUBMIT_OUTCOME_COUNT);
    limit_cells(m, "schedule_of", 0, LANES + 1);
    limit_cells(m, "asks", 0, FIRE_ASK_COUNT);
    limit_cells(m, "states", JOB_COMPLETED, JOB_STATE_COUNT);
    set(m, "count", m->count);
    set(m, "first_id", ID_FIRST);
    drop(m, rng_below(&m->rng, 2) && named(m->desc, "first_id") ? "ids" : "first_id");
    set(m, "action", 1);
    if (m->msg.type == MSG_HELLO) {
        m->msg.hello.magic = slice_str(PROTOCOL_MAGIC);
        m->msg.hello.session = take(m, SESSION_ID_BYTES, false);
        m->msg.hello.version_min = 1;
        m->msg.hello.version_max = 7;
        m->msg.hello.role = 1 + rng_below(&m->rng, 2);
        m->msg.hello.part = 3;
        m->msg.hello.parts = 4;
        m->msg.hello.weights = take(m, LANES * 4, false);
    }
    if (m->msg.type == MSG_BEAT)
        m->msg.beat.turns = take(m, LANES * 8, false);
}

static void make(struct maker *m, unsigned type)
{
    m->desc = &wire_descs[type];
    memset(&m->msg, 0, sizeof(m->msg));
    m->msg.type = (enum msg_type)(type < MSG_TYPE_MAX ? type : 0);
    m->msg.request = rng_u64(&m->rng) >> rng_below(&m->rng, 64);
    m->used = 0;
    m->count = 1 + (uint32_t)rng_below(&m->rng, 20);
    for (size_t i = 0; i < m->desc->field_count; i++)
        fill(m, &m->desc->fields[i]);
    obey(m);
    for (size_t i = 0; i < m->desc->field_count; i++) {
        const struct wire_field *field = &m->desc->fields[i];
        bool optional =
            field->kind == FIELD_NUM && !field->required && strncmp(field->name, "part", 4);
        if (optional && strcmp(field->name, "first_id") && rng_below(&m->rng, 2)) {
            *(msg_NUM *)at(&m->msg, field) = 0;
            m->msg.hello.has |= rng_below(&m->rng, 2) << field->key;
        }
    }
}

static void compare(struct maker *m, struct msg *got)
{
    for (size_t i = 0; i < m->desc->field_count; i++) {
        const struct wire_field *field = &m->desc->fields[i];
        void *a = at(&m->msg, field), *b = at(got, field);
        if (field->kind == FIELD_NUM) {
            assert_true(*(msg_NUM *)a == *(msg_NUM *)b);
        } else if (field->kind == FIELD_STRS) {
            struct strs *want = a, *have = b;
            assert_int_equal(want->count, have->count);
            for (uint32_t k = 0; k < want->count; k++)
                assert_true(slice_eq(strs_at(want, k), strs_at(have, k)));
        } else {
            assert_true(slice_eq(*(struct slice *)a, *(struct slice *)b));
        }
        uint64_t want_has = m->msg.hello.has >> field->key & 1;
        assert_true((got->hello.has >> field->key & 1) >= want_has);
    }
}

static void check_again(struct msg *got, struct slice frame)
{
    struct buf again;
    buf_init(&again, ROOM * 2);
    assert_int_equal(wire_encode(&again, got), 0);
    assert_true(slice_eq(buf_slice(&again), frame));
    buf_fini(&again);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct maker *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    m->rng.state = 11;
    struct buf frame;
    buf_init(&frame, ROOM * 2);
    for (unsigned type = 0; type < MSG_TYPE_MAX; type++) {
        for (int round = 0; round < ROUNDS && wire_descs[type].name; round++) {
            make(m, type);
            buf_reset(&frame);
            assert_int_equal(wire_encode(&frame, &m->msg), 0);
            struct msg got;
            char why[128] = "";
            if (wire_decode(buf_slice(&frame), &got, why, sizeof(why)))
                fail_msg("%s", why);
            assert_int_equal(got.type, type);
            assert_true(got.request == m->msg.request);
            compare(m, &got);
            check_again(&got, buf_slice(&frame));
        }
    }
    buf_fini(&frame);
    free(m);
}

static void test_detail(void **state)
{
    (void)state;
    struct msg_detail detail = {
        .code = slice_str("exit_0"), .log = slice_str("log"), .delay_ms = 5};
    detail.has |= MSG_BIT(detail, exit_status); /* exit_status 0 is told */
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(wire_encode_detail(&out, &detail), 0);
    struct msg_detail got;
    assert_int_equal(wire_decode_detail(buf_slice(&out), &got), 0);
    assert_true(slice_is(got.code, "exit_0"));
    assert_true(slice_is(got.log, "log"));
    assert_true((got.has & MSG_BIT(detail, exit_status)) && got.exit_status == 0);
    assert_false(got.has & (MSG_BIT(detail, message) | MSG_BIT(detail, signal)));
    assert_int_equal(got.delay_ms, 5);
    assert_int_equal(buf_append(&out, "\xc0", 1), 0);
    got.delay_ms = 77;
    assert_int_equal(wire_decode_detail(buf_slice(&out), &got), MUSTER_EPROTO);
    assert_int_equal(wire_decode_detail(slice_str("\x81\x07\x01"), &got), MUSTER_EUNKNOWN_FIELD);
    assert_int_equal(wire_decode_detail(slice_str("\x81\x04\xcd\x01\x2c"), &got), MUSTER_ETOOBIG);
    assert_int_equal(wire_decode_detail(SLICE_EMPTY, &got), MUSTER_EPROTO);
    assert_int_equal(got.delay_ms, 77);
    buf_fini(&out);
}

static void test_schedule(void **state)
{
    (void)state;
    struct msg_schedule schedule = {.name = slice_str("daily"),
                                    .every_s = 90,
                                    .queue = slice_str("mail"),
                                    .kind = slice_str("report"),
                                    .args = slice_str("\xc0"),
                                    .catch_up = 2};
    schedule.has |= MSG_BIT(schedule, priority); /* priority 0 is told */
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(wire_encode_schedule(&out, &schedule), 0);
    struct msg_schedule got;
    char why[128] = "";
    assert_int_equal(wire_decode_schedule(buf_slice(&out), &got, why, sizeof(why)), 0);
    assert_true(slice_is(got.name, "daily") && slice_is(got.args, "\xc0"));
    assert_int_equal(got.every_s, 90);
    assert_int_equal(got.catch_up, 2);
    assert_true((got.has & MSG_BIT(schedule, priority)) && got.priority == 0);
    assert_false(got.has & (MSG_BIT(schedule, cron) | MSG_BIT(schedule, overlap)));
    assert_int_equal(buf_append(&out, "\xc0", 1), 0);
    assert_int_equal(wire_decode_schedule(buf_slice(&out), &got, why, sizeof(why)), MUSTER_EPROTO);
    assert_string_equal(why, "SCHEDULE: 1 bytes after its end");
    assert_int_equal(wire_decode_schedule(slice_str("\x81\x01\xa1x"), &got, why, sizeof(why)),
                     MUSTER_EPROTO);
    assert_string_equal(why, "SCHEDULE.queue: missing");
    assert_true(slice_is(got.name, "x")); /* as far as it was read */
    assert_int_equal(wire_decode_schedule(slice_str("\x81\x14\x04"), &got, why, sizeof(why)),
                     MUSTER_ETOOBIG);
    assert_string_equal(why, "SCHEDULE.overlap: 4 is over the limit of 3");
    assert_int_equal(wire_decode_schedule(slice_str("\x81\x1f\x04"), &got, NULL, 0),
                     MUSTER_EUNKNOWN_FIELD);
    buf_fini(&out);
}

/* An answer needs the type and the request of what was refused, and a reason. */
static void test_refusal_names(void **state)
{
    (void)state;
    static const struct {
        const char *frame;
        size_t len;
        int type, request, error;
        const char *why;
    } rows[] = {
        {"\x94\x1c\x01\x05\x81\x01\xa1q", 8, MSG_PAUSE, 5, MUSTER_EPROTO, "PAUSE.paused: missing"},
        {"\x94\x1c\x01\x05\x82\x01\xa1q\x02\x02", 10, MSG_PAUSE, 5, MUSTER_ETOOBIG,
         "PAUSE.paused: 2 is over the limit of 1"},
        {"\x94\x1c\x02\x05\x80", 5, MSG_PAUSE, 5, MUSTER_EVERSION, "frame: version 2"},
        {"\x94\x3c\x01\x05\x80", 5, 60, 5, MUSTER_EUNKNOWN_TYPE, "type 60"},
        {"\x94\x1c\x01\xff\x80", 5, MSG_PAUSE, 0, MUSTER_EPROTO, "frame: "},
        {"\x94", 1, MSG_NONE, 0, MUSTER_EPROTO, "frame: "},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct msg msg;
        char why[128] = "";
        struct slice frame = slice_of(rows[i].frame, rows[i].len);
        assert_int_equal(wire_decode(frame, &msg, why, sizeof(why)), rows[i].error);
        assert_int_equal(msg.type, rows[i].type);
        assert_int_equal(msg.request, rows[i].request);
        if (strncmp(why, rows[i].why, strlen(rows[i].why)) != 0 && !strstr(why, rows[i].why))
            fail_msg("%s", why);
        assert_int_equal(wire_decode(frame, &msg, NULL, 0), rows[i].error);
    }
}

static void test_full_buffer(void **state)
{
    (void)state;
    struct msg msg = {.type = MSG_ERROR, .error = {.code = slice_str("busy")}};
    for (size_t max = 0; max < 12; max++) {
        struct buf out;
        buf_init(&out, max);
        assert_int_equal(wire_encode(&out, &msg), max < 11 ? MUSTER_EFULL : 0);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_detail),
        cmocka_unit_test(test_schedule),    cmocka_unit_test(test_refusal_names),
        cmocka_unit_test(test_full_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
