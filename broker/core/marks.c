/* marks.c: how far jobs may be handed out without a write. A plain dispatch writes nothing; after a
 * restart the rows at or below the durable mark are in doubt, so a mark runs ahead of what is
 * handed out, but not far. */
#include "core/state.h"

#define MARK_AHEAD_MAX 200000

/* Free credit, and what workers took in the last tenth of a second or two. */
static uint32_t ahead_wanted(const struct core *core)
{
    uint64_t want = core->free_credit;
    if (want > 0 || core->out > 0)
        want += core->granted_window + core->granted_before;
    return want > MARK_AHEAD_MAX ? MARK_AHEAD_MAX : (uint32_t)want;
}

void mark_enter(struct band *band, struct job *job)
{
    if (job->head.seq > band->mark)
        return;
    job->marked = true;
    band->marked++;
}

void mark_leave(struct band *band, struct job *job)
{
    if (job->marked)
        band->marked--;
    job->marked = false;
}

void mark_raise(struct core *core, struct band *band, uint64_t seq)
{
    if (seq <= band->mark)
        return;
    band->mark = seq;
    while (band->unmarked && band->unmarked->head.seq <= seq) {
        struct list *next = band->unmarked->link.next;
        mark_enter(band, band->unmarked);
        band->unmarked = next == &band->waiting ? NULL : CONTAINER_OF(next, struct job, link);
    }
    struct op *op = core_op(core, OP_MARK);
    op->mark.lane = band->lane->number;
    op->mark.priority = band->priority;
    op->mark.seq = seq;
}

uint32_t marks_cover_submit(struct core *core, struct band *band, uint64_t first_seq,
                            uint32_t count)
{
    uint32_t ahead = band->marked + band->marked_coming, want = ahead_wanted(core);
    if (ahead >= want || band->unmarked || !window_takes(core, band) || first_seq <= band->mark)
        return 0;
    if (count > want - ahead)
        count = want - ahead;
    band->marked_coming += count;
    mark_raise(core, band, first_seq + 256 * (uint64_t)(count - 1));
    return count;
}

static uint64_t seq_to_mark(const struct band *band, uint32_t more)
{
    const struct job *head = band_head(band);
    uint64_t seq = head && head->head.seq > band->mark ? head->head.seq : 0;
    const struct job *job = band->unmarked;
    for (uint32_t i = 0; job && i < more; i++) {
        if (job->head.seq > seq)
            seq = job->head.seq;
        job = job->link.next == &band->waiting ? NULL
                                               : CONTAINER_OF(job->link.next, struct job, link);
    }
    return seq;
}

void marks_advance(struct core *core)
{
    uint32_t want = ahead_wanted(core);
    if (want == 0)
        return;
    LIST_FOREACH_SAFE (it, &core->touched) {
        struct band *band = CONTAINER_OF(it, struct band, touched_link);
        uint32_t ahead = band->marked + band->marked_coming;
        /* Half is enough: else each turn would write a mark for a handful of jobs. */
        if (lane_open(band->lane) && ahead <= want / 2)
            mark_raise(core, band, seq_to_mark(band, want - ahead));
        const struct job *head = band_head(band);
        if (!band->unmarked && (!head || head->head.seq <= band->mark)) {
            list_remove(&band->touched_link);
            band->touched = false;
        }
    }
}
