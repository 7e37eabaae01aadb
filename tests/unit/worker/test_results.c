/* The kept results: columns, batches, details, what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "results.h"
#include "wire.h"

static struct results box;

static int setup(void **state)
{
    (void)state;
    results_init(&box);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    results_fini(&box);
    return 0;
}

static void add(uint64_t id, uint32_t run, enum outcome outcome, struct slice result,
                const struct job_note *note)
{
    struct result_entry e = {id, run, 7, (uint8_t)outcome, result, note};

    assert_int_equal(results_add(&box, &e), 0);
}

/* Encodes and decodes what would be sent. */
static struct msg sent(struct buf *frame)
{
    struct msg m = {.type = MSG_RESULTS}, back;
    char why[160] = "";

    assert_true(results_next(&box, false, &m.results));
    buf_init(frame, 1 << 24);
    assert_int_equal(wire_encode(frame, &m), 0);
    assert_int_equal(wire_decode(buf_slice(frame), &back, why, sizeof why), 0);
    return back;
}

static void a_plain_row_is_short(void **state)
{
    struct buf frame;

    (void)state;
    for (uint64_t i = 0; i < 500; i++)
        add((1000 + i) << 8, 1, OUTCOME_COMPLETED, SLICE_EMPTY, NULL);
    struct msg m = sent(&frame);
    assert_int_equal(m.results.count, 500);
    assert_int_equal(m.results.first_id, 1000 << 8);
    assert_int_equal(m.results.ids.len + m.results.runs.len + m.results.outcomes.len, 0);
    assert_true(frame.len < 500 * 4 + 64);
    buf_fini(&frame);
}

static void everything_arrives(void **state)
{
    struct job_note *note = calloc(1, sizeof *note);
    struct msg_detail detail;
    struct buf frame;

    (void)state;
    assert_non_null(note);
    memcpy(note->code, "exit_3", 7);
    memcpy(note->message, "no", 3);
    note->exit_status = 0;
    note->delay_ms = 55;
    note->log = (uint8_t *)(uintptr_t) "log";
    note->log_len = 3;
    add(512, 3, OUTCOME_FAILED, slice_of("\x01", 1), note);
    add(256, 1, OUTCOME_COMPLETED, slice_of("\xa1x", 2), NULL);
    struct msg m = sent(&frame);
    assert_int_equal(m.results.number, 1);
    assert_int_equal(slice_u64_at(m.results.ids, 0), 512);
    assert_int_equal(slice_u64_at(m.results.ids, 1), 256);
    assert_int_equal(slice_u32_at(m.results.runs, 0), 3);
    assert_int_equal(m.results.outcomes.data[0], OUTCOME_FAILED);
    assert_true(slice_eq(m.results.results, slice_of("\x01\xa1x", 3)));
    assert_int_equal(slice_u32_at(m.results.detail_lengths, 1), 0);
    assert_int_equal(slice_u32_at(m.results.run_us, 0), 7);
    assert_int_equal(wire_decode_detail(m.results.details, &detail), 0);
    assert_true(slice_is(detail.code, "exit_3") && slice_is(detail.log, "log"));
    assert_int_equal(detail.delay_ms, 55);
    assert_true(detail.has & MSG_BIT(detail, exit_status)); /* exit status 0 is told as well */
    buf_fini(&frame);
    free(note);
}

/* One job's result and log never make a frame that the broker's limit refuses: the log loses its
 * beginning. */
static void a_log_gives_way(void **state)
{
    struct job_note *note = calloc(1, sizeof *note);
    uint8_t *big = calloc(1, MAX_PAYLOAD_DEFAULT), *log = calloc(1, LOG_LAST_BYTES);
    struct msg_detail detail;
    struct buf frame;

    (void)state;
    assert_true(note && big && log);
    memset(log, 'x', LOG_LAST_BYTES);
    log[LOG_LAST_BYTES - 1] = 'y';
    note->exit_status = -1;
    note->log = log;
    note->log_len = LOG_LAST_BYTES;
    memset(note->message, 'm', MESSAGE_MAX_BYTES);
    memset(note->code, 'c', CODE_MAX_BYTES);
    big[0] = 0xc6; /* bin 32 */
    big[2] = 0x03;
    big[3] = 0xff;
    big[4] = 0xfb;
    add(256, 1, OUTCOME_FAILED, slice_of(big, MAX_PAYLOAD_DEFAULT), note);
    struct msg m = sent(&frame);
    assert_true(frame.len <= MAX_PAYLOAD_DEFAULT + FRAME_OVERHEAD_BYTES);
    assert_int_equal(wire_decode_detail(m.results.details, &detail), 0);
    assert_in_range(detail.log.len, 60000, LOG_LAST_BYTES);
    assert_int_equal(detail.log.data[detail.log.len - 1], 'y');
    buf_fini(&frame);
    free(note);
    free(big);
    free(log);
}

static void frames_close_at_their_target(void **state)
{
    static uint8_t value[10005] = {0xc5, 0x27, 0x10 + 2};
    struct msg_results m;

    (void)state;
    for (uint64_t i = 1; i <= 20; i++)
        add(i << 8, 1, OUTCOME_COMPLETED, slice_of(value, sizeof value), NULL);
    box.window = 1 << 20;
    assert_true(results_next(&box, false, &m));
    assert_int_equal(m.count, 6);
    assert_true(results_next(&box, false, &m));
    assert_true(results_next(&box, false, &m));
    assert_int_equal(m.number, 3);
    assert_false(
        results_next(&box, false, &m));        /* two jobs: not full, and something is on its way */
    assert_true(results_next(&box, true, &m)); /* but for the eager */
    assert_int_equal(m.count, 2);
    results_ack(&box, 99);
    assert_true(results_empty(&box));
    assert_int_equal(box.bytes, 0);
    assert_int_equal(box.unacked_bytes, 0);
    assert_int_equal(results_first(&box), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plain_row_is_short),
        TEST(everything_arrives),
        TEST(a_log_gives_way),
        TEST(frames_close_at_their_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
