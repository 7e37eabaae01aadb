/* lanes.h: queues, their lanes (one a kind), and the lanes' bands (one a priority). Whatever holds
 * jobs back holds whole lanes, so nothing hides behind a job that cannot run. */
#ifndef CORE_LANES_H
#define CORE_LANES_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "core/core.h"
#include "core/jobs.h"

struct session;

struct queue {
    struct slice name; /* own memory */
    bool exists;       /* stored; else a worker has named it, and nobody submitted yet */
    bool paused;
    struct list lanes;
    struct heap open;    /* bands whose head may be handed out, by (priority, seq) */
    uint64_t out;        /* jobs running */
    uint32_t named;      /* sessions that name it: one that is not stored goes with the last */
    int64_t untold;      /* runs that have ended, but not durably yet; less those granted so */
    uint64_t batch;      /* the last batch that changed it */
    struct meter *meter; /* rates and latencies, for people; NULL: nothing happened lately */
};

/* The waiting jobs of one lane and priority. Resident are those up to `edge` that are still to be
 * handed out; rows beyond it are the backlog, which pages bring in. */
struct band {
    struct lane *lane;
    uint8_t priority;
    struct heap_node node;  /* in queue->open */
    struct list waiting;    /* by seq */
    struct heap returned;   /* by seq: came back */
    struct job *unmarked;   /* first of `waiting` beyond `mark`, or NULL */
    uint32_t resident;      /* jobs in waiting and returned */
    uint32_t marked;        /* of those, at or below `mark` */
    uint32_t marked_coming; /* submitted, not yet stored, at or below `mark` */
    uint64_t mark;          /* the last one asked for */
    uint64_t mark_stored;   /* the durable one: nothing beyond is handed out */
    uint64_t edge;          /* seq up to which rows are resident, out or gone */
    bool complete;          /* no rows beyond the edge */
    bool loading;           /* a page is on its way */
    bool ready;             /* counted in core->bands_ready */
    bool touched;           /* in core->touched: its mark is looked at when the batch is sealed */
    struct list touched_link;
};

struct lane {
    uint32_t number;
    uint64_t serial; /* unlike the number, never used again */
    struct queue *queue;
    struct slice kind;                  /* own memory */
    struct slice key;                   /* queue NUL kind, own memory: key in core->lanes_by_name */
    struct list link;                   /* in queue->lanes */
    struct band *bands[PRIORITY_COUNT]; /* made when needed */
    uint32_t servers;                   /* sessions that would take its jobs */
    uint16_t stored;                    /* bit a priority: the broker started with it, so that band
                                           begins as backlog */
    uint64_t oldest_ms; /* since when the first job of its backlog is ready, as the store said
                           last; 0: there was none */
    uint64_t batch;     /* the last batch with a SUBMIT to it */
    /* idle.c: since when it is empty, for all that is known */
    uint64_t empty_batch, empty_ms; /* 0: it is not */
    uint64_t ask_ms;                /* the store is not asked about it before */
};

/* Text in memory of its own; data NULL: out of memory. */
struct slice text_own(struct slice text);
void text_disown(struct slice text);

struct queue *queue_find(const struct core *core, struct slice name);
/* Finds or makes; NULL when out of memory. */
struct queue *queue_get(struct core *core, struct slice name);
/* A session names it, and no longer does. */
void queue_name(struct queue *queue);
void queue_unname(struct core *core, struct queue *queue);
struct lane *lane_find(const struct core *core, struct slice queue, struct slice kind);
struct lane *lane_at(const struct core *core, uint32_t number);
/* Makes the lane `number`, or the next free number when it is 0. NULL: LANES_MAX is reached or
 * memory is out. */
struct lane *lane_new(struct core *core, struct queue *queue, struct slice kind, uint32_t number);
/* One that no job names, in memory or in the store. */
void lane_drop(struct core *core, struct lane *lane);
struct band *band_get(struct core *core, struct lane *lane, uint8_t priority);
void lanes_fini(struct core *core);

/* Somebody would take its jobs, and nothing holds it back. */
static inline bool lane_open(const struct lane *lane)
{
    return lane->servers > 0 && !lane->queue->paused;
}

/* The first job of the band, or NULL. */
struct job *band_head(const struct band *band);
/* It may be handed out now. Else its mark, or its page, is on the way: what comes after it waits.
 */
bool band_ready(const struct band *band);
/* Puts the band where it belongs in its queue's `open` after anything about it has changed. */
void band_refresh(struct core *core, struct band *band);
/* Its mark is looked at before the batch is sealed. */
void band_touch(struct core *core, struct band *band);
/* After a pause, a resume, or a change of who serves it: windows are kept for open lanes only. */
void lane_changed(struct core *core, struct lane *lane);

/* window.c: what of a band is in memory */

/* A stored job that is ready, at the band's end or back at its old place: into the window, or out
 * of memory. */
void window_place(struct core *core, struct job *job);
/* Whether a job stored at the end of this band now would go into the window. */
bool window_takes(const struct core *core, const struct band *band);
/* Drops all that only waits. */
void window_evict(struct core *core, struct band *band);
/* Asks for a page when there is room and something to bring in. */
void window_fill(struct core *core, struct band *band);
void window_on_page(struct core *core, struct op *op);

/* marks.c */
/* Counts a job that begins, or ceases, to wait in the band at or below its mark. */
void mark_enter(struct band *band, struct job *job);
void mark_leave(struct band *band, struct job *job);
/* Moves marks ahead of what free credit will take; appends OP_MARKs to the open batch. */
void marks_advance(struct core *core);
/* Lets the mark run over jobs that are being submitted; returns over how many (the caller takes
 * them out of band->marked_coming when they are stored). */
uint32_t marks_cover_submit(struct core *core, struct band *band, uint64_t first_seq,
                            uint32_t count);
/* Lets the mark run to `seq` at least. */
void mark_raise(struct core *core, struct band *band, uint64_t seq);

#endif
