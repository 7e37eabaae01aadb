/* window.c: how much of each band is in memory. Windows are for open lanes; all others wait in the
 * store. */
#include "core/state.h"

#define PAGE_ROWS      4096
#define PAGE_BYTES_MIN 16384
#define PAGE_BYTES_MAX (4u << 20)
#define LOW_WATER      4096 /* jobs: below it the next page is asked for */
#define FLOOR_JOBS     16   /* a band may hold so many even when the windows are full */

static bool has_room(const struct core *core, const struct band *band)
{
    return core->window_bytes < core->options.window_bytes || band->resident < FLOOR_JOBS;
}

bool window_takes(const struct core *core, const struct band *band)
{
    return band->complete && lane_open(band->lane) && has_room(core, band);
}

static void enter_band(struct core *core, struct band *band, struct job *job, enum place place)
{
    job->place = (uint8_t)place;
    if (band->resident++ == 0)
        core->bands_active++;
    core->window_bytes += job_cost(job);
    mark_enter(band, job);
    if (place == PLACE_WAITING) {
        list_push_back(&band->waiting, &job->link);
        if (!band->unmarked && job->head.seq > band->mark)
            band->unmarked = job;
    } else if (heap_push(&band->returned, &job->node) != 0) {
        core_fail(core, "out of memory for a band");
    }
    if (job->head.seq > band->mark)
        band_touch(core, band);
    if (band_head(band) == job)
        band_refresh(core, band);
}

static bool after_last(const struct band *band, uint64_t seq)
{
    return list_empty(&band->waiting) ||
           CONTAINER_OF(band->waiting.prev, struct job, link)->head.seq < seq;
}

/* Leaves it to the store: a page that begins before it brings it back. */
static void to_backlog(struct core *core, struct band *band, struct job *job)
{
    if (job->head.seq <= band->edge)
        band->edge = job->head.seq - 1;
    band->complete = false;
    job_forget(core, job);
    window_fill(core, band);
}

void window_place(struct core *core, struct job *job)
{
    struct band *band = band_get(core, lane_at(core, job->head.lane), job->head.priority);
    bool fits = lane_open(band->lane) && has_room(core, band) && job->blob;
    bool beyond = job->head.seq > band->edge;
    if (!fits || (beyond && !band->complete)) {
        to_backlog(core, band, job);
        return;
    }
    if (beyond)
        band->edge = job->head.seq;
    enter_band(core, band, job,
               beyond && after_last(band, job->head.seq) ? PLACE_WAITING : PLACE_RETURNED);
}

void window_evict(struct core *core, struct band *band)
{
    for (struct job *job; (job = band_head(band));) {
        if (job->head.seq <= band->edge)
            band->edge = job->head.seq - 1;
        band->complete = false;
        job_forget(core, job);
    }
}

void window_fill(struct core *core, struct band *band)
{
    if (band->complete || band->loading || !lane_open(band->lane) || band->resident >= LOW_WATER ||
        !has_room(core, band))
        return;
    uint64_t share = core->options.window_bytes / 2 / (core->bands_active + 1);
    if (share < PAGE_BYTES_MIN)
        share = PAGE_BYTES_MIN;
    if (share > PAGE_BYTES_MAX)
        share = PAGE_BYTES_MAX;
    struct op *op = core_op(core, OP_PAGE);
    op->page.lane = band->lane->number;
    op->page.priority = band->priority;
    op->page.after = band->edge;
    op->page.max_rows = PAGE_ROWS;
    op->page.max_bytes = (uint32_t)share;
    band->loading = true;
    band_refresh(core, band);
}

static void take_record(struct core *core, struct band *band, const struct op *op,
                        const struct record *r)
{
    if (job_find(core, r->head.id))
        return; /* what is in memory is newer than its row */
    struct job *job = job_load(core, &r->head, &r->spec);
    if (!job)
        return;
    job_set_args(job, op->page.page, r->args);
    enter_band(core, band, job, after_last(band, r->head.seq) ? PLACE_WAITING : PLACE_RETURNED);
}

void window_on_page(struct core *core, struct op *op)
{
    struct lane *lane = lane_at(core, op->page.lane);
    struct band *band = lane ? lane->bands[op->page.priority] : NULL;
    if (band) {
        band->loading = false;
        /* A page that does not begin at the present edge tells of another window. */
        if (op->page.after == band->edge && lane_open(lane)) {
            for (uint32_t i = 0; i < op->page.count; i++)
                take_record(core, band, op, &op->page.records[i]);
            if (op->page.last > band->edge)
                band->edge = op->page.last;
            band->complete = op->page.end;
        }
        window_fill(core, band);
        band_refresh(core, band);
        core->dispatch_wanted = true;
    }
    blob_unref(op->page.page);
    op->page.page = NULL;
}
