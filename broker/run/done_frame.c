/* done_frame.c: ends of jobs to columns, one after the other in one buffer. */
#include "run/done_frame.h"

#include "wire.h"

static struct msg_detail detail_of(const struct done_row *row)
{
    return (struct msg_detail){.code = row->code, .message = row->message};
}

static bool has_detail(const struct done_row *row)
{
    return row->code.len || row->message.len;
}

/* Rows up to the batch's size in jobs and bytes. */
static uint32_t fitting(const struct done_row *rows, uint32_t count)
{
    size_t bytes = 0;
    uint32_t n = 0;
    while (n < count && n < BATCH_JOBS_MAX && bytes < BATCH_BYTES_TARGET)
        bytes += rows[n++].result.len;
    return n;
}

/* The column that was appended since `from`; resolved to a slice when the buffer moves no more. */
struct span {
    size_t from, len;
};

static struct span since(const struct buf *b, size_t from)
{
    return (struct span){from, b->len - from};
}

static struct slice resolve(const struct buf *b, struct span span, bool there)
{
    return there && b->data ? slice_of(b->data + span.from, span.len) : SLICE_EMPTY;
}

static struct span put_ids(struct buf *b, const struct done_row *rows, uint32_t n)
{
    size_t from = b->len;
    for (uint32_t i = 0; i < n; i++)
        (void)buf_u64(b, rows[i].id);
    return since(b, from);
}

static struct span put_states(struct buf *b, const struct done_row *rows, uint32_t n)
{
    size_t from = b->len;
    for (uint32_t i = 0; i < n; i++)
        (void)buf_append(b, &rows[i].state, 1);
    return since(b, from);
}

static struct span put_results(struct buf *b, const struct done_row *rows, uint32_t n,
                               struct span *ret_lengths)
{
    size_t from = b->len;
    for (uint32_t i = 0; i < n; i++)
        (void)buf_u32(b, (uint32_t)rows[i].result.len);
    *ret_lengths = since(b, from);
    from = b->len;
    for (uint32_t i = 0; i < n; i++)
        (void)buf_append(b, rows[i].result.data, rows[i].result.len);
    return since(b, from);
}

/* The lengths are known only after the details: their place is kept and filled in. */
static struct span put_details(struct buf *b, const struct done_row *rows, uint32_t n,
                               struct span *ret_lengths)
{
    size_t lengths = b->len;
    for (uint32_t i = 0; i < n; i++)
        (void)buf_u32(b, 0);
    *ret_lengths = since(b, lengths);
    size_t from = b->len;
    for (uint32_t i = 0; i < n; i++) {
        size_t start = b->len;
        struct msg_detail detail = detail_of(&rows[i]);
        if (has_detail(&rows[i]) && wire_encode_detail(b, &detail))
            break;
        uint32_t len = (uint32_t)(b->len - start);
        const uint8_t cell[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
                                 (uint8_t)(len >> 24)};
        if (!b->error)
            memcpy(b->data + lengths + (size_t)i * 4, cell, sizeof cell);
    }
    return since(b, from);
}

uint32_t done_frame_fill(struct buf *scratch, const struct done_row *rows, uint32_t count,
                         struct msg_done *ret)
{
    struct span result_lengths, detail_lengths;
    uint32_t n = fitting(rows, count);
    buf_reset(scratch);
    struct span ids = put_ids(scratch, rows, n);
    struct span states = put_states(scratch, rows, n);
    struct span results = put_results(scratch, rows, n, &result_lengths);
    struct span details = put_details(scratch, rows, n, &detail_lengths);
    *ret = (struct msg_done){.number = rows[n - 1].number, .count = n};
    ret->ids = resolve(scratch, ids, true);
    ret->states = resolve(scratch, states, true);
    ret->result_lengths = resolve(scratch, result_lengths, results.len > 0);
    ret->results = resolve(scratch, results, true);
    ret->detail_lengths = resolve(scratch, detail_lengths, details.len > 0);
    ret->details = resolve(scratch, details, true);
    return n;
}
