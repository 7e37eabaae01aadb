/* room.c: the worst case of a group, and the disk reserve.
 *
 * A row that lands anywhere copies the pages from its leaf to the root; rows that follow each other
 * share them. Payloads take their size, and as much again where a page is split in halves. */
#include "store/room.h"

#define PAGE_BYTES    4096u
#define PATH_PAGES    4u /* copied by a change in a place of its own: leaf to root */
#define VERDICT_PAGES 4u /* and a share of the paths to them, which many verdicts share */
/* Of a plain row and its history beyond the payload, with half-full pages. */
#define ROW_BYTES   256u
#define FIXED_BYTES (1u << 20) /* counters, lists of free pages, one page of each table */

/* The leaves of the state, of the row, and of those at the front that go. */
static uint64_t verdict_bytes(const struct verdict_op *v)
{
    return 2 * v->run_count * sizeof(uint64_t) + ROW_BYTES + VERDICT_PAGES * PAGE_BYTES;
}

static uint64_t schedule_bytes(const struct op *op)
{
    uint64_t text = op->schedule.name.len + op->schedule.source.len + op->schedule.definition.len;
    return 2 * text + ROW_BYTES + 2 * PATH_PAGES * PAGE_BYTES;
}

static uint64_t submit_bytes(const struct op *op)
{
    uint64_t rows = op->submit.count;
    uint64_t bytes = 2 * (op->submit.args.len + op->submit.keys.len);
    uint64_t row = ROW_BYTES + 2 * (op->submit.spec ? op->submit.spec->meta.len : 0);
    bool plain = op->submit.state == JOB_READY && !op->submit.key_lengths.len;
    if (op->submit.verdict) /* its rows follow those of the runs before it */
        return bytes + 2 * row + 2 * PAGE_BYTES + verdict_bytes(op->submit.verdict);
    return bytes + rows * row + (plain ? PATH_PAGES : rows * 2 * PATH_PAGES) * PAGE_BYTES;
}

static uint64_t attempt_bytes(const struct attempt *a)
{
    return a ? a->log.len + a->message.len + a->code.len + a->worker.len : 0;
}

static uint64_t update_bytes(const struct op *op)
{
    return 2 * attempt_bytes(op->update.attempt) + 3 * PATH_PAGES * PAGE_BYTES + 2 * ROW_BYTES;
}

static uint64_t end_bytes(const struct op *op)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < op->end.count; i++) {
        const struct end_row *r = &op->end.rows[i];
        bytes += ROW_BYTES + r->result.len + r->message.len + attempt_bytes(r->attempt);
        if (r->flags & JOB_HAS_ROW)
            bytes += 3 * PATH_PAGES * PAGE_BYTES;
        if (r->flags & JOB_NOTIFY)
            bytes += r->result.len + r->message.len + ROW_BYTES;
    }
    return bytes;
}

/* Ends of plain jobs touch the fronts of their lanes, and the neighbours when pages run empty. */
static uint64_t front_bytes(uint64_t ends, uint64_t lanes)
{
    uint64_t fronts = ends < 2 * lanes ? ends : 2 * lanes;
    return fronts * PATH_PAGES * PAGE_BYTES;
}

/* Bytes by which the data file grows at worst when these batches are carried out, with so many
 * lanes. */
static uint64_t room_needed(struct batch *const *batches, size_t count, uint64_t lanes)
{
    uint64_t bytes = FIXED_BYTES, ends = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += batches[i]->bytes;
        for (uint32_t o = 0; o < batches[i]->op_count; o++) {
            const struct op *op = &batches[i]->ops[o];
            if (op->type == OP_SUBMIT)
                bytes += submit_bytes(op);
            else if (op->type == OP_UPDATE)
                bytes += update_bytes(op);
            else if (op->type == OP_END)
                bytes += end_bytes(op), ends += op->end.count;
            else if (op->type == OP_SCHEDULE)
                bytes += schedule_bytes(op);
            else if (op->type == OP_VERDICT)
                bytes += verdict_bytes(op->verdict.verdict);
            else if (op->type < OP_PAGE)
                bytes += PATH_PAGES * PAGE_BYTES;
        }
    }
    return bytes + front_bytes(ends, lanes);
}

int room_check(struct store *s, struct batch *const *batches, size_t count, struct room *ret)
{
    uint64_t need = room_needed(batches, count, s->lanes.count);
    *ret = (struct room){0};
    if (engine_room(s->engine, need, ret) != 0)
        return MUSTER_EDISK_RESERVE;
    if (ret->free >= need && ret->free - need >= s->options.disk_reserve)
        return 0;
    return MUSTER_EDISK_RESERVE;
}
