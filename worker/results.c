/* results.c: frames of columns: one is being filled, the others are full, sent or yet to be sent.
 */
#include "results.h"

#include <stdlib.h>

#include "wire.h"

#define SPARE_MAX    4u
#define FRAME_FIXED  512u        /* header and field headers of a RESULTS frame */
#define ENTRY_BYTES  25u         /* id, run, outcome, two lengths, running time */
#define FRAME_MAX    (64u << 20) /* no frame's payload columns grow beyond this */
#define EAGER_FRAMES 8u
#define NOTE_ROOM    2048u /* DETAIL without its log */

/* Columns as they go out. Frames are recycled, so that the usual result costs no allocation. */
struct result_frame {
    struct list link;
    uint64_t number;
    uint32_t count;
    bool sent;
    bool row;      /* the ids are first, first + 256, ... */
    bool any_run;  /* some run is not 1 */
    bool any_code; /* some outcome is not completed */
    uint64_t ids[BATCH_JOBS_MAX];
    uint32_t runs[BATCH_JOBS_MAX], run_us[BATCH_JOBS_MAX];
    uint32_t result_lengths[BATCH_JOBS_MAX], detail_lengths[BATCH_JOBS_MAX];
    uint8_t outcomes[BATCH_JOBS_MAX];
    struct buf results, details;
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "columns go out as they lie in memory: little-endian");

void results_init(struct results *o)
{
    memset(o, 0, sizeof *o);
    list_init(&o->frames);
    list_init(&o->spare);
    o->next_number = 1;
    o->window = BATCH_BYTES_TARGET;
    o->payload_max = MAX_PAYLOAD_DEFAULT;
}

static struct result_frame *frame_of(struct list *link)
{
    return CONTAINER_OF(link, struct result_frame, link);
}

static void frame_free(struct result_frame *f)
{
    list_remove(&f->link);
    buf_fini(&f->results);
    buf_fini(&f->details);
    free(f);
}

void results_fini(struct results *o)
{
    LIST_FOREACH_SAFE (it, &o->frames)
        frame_free(frame_of(it));
    LIST_FOREACH_SAFE (it, &o->spare)
        frame_free(frame_of(it));
    if (o->open)
        frame_free(o->open);
    o->open = NULL;
}

static struct result_frame *frame_new(struct results *o)
{
    struct result_frame *f;

    if (!list_empty(&o->spare)) {
        f = frame_of(o->spare.next);
        list_remove(&f->link);
        o->spare_count--;
        buf_reset(&f->results);
        buf_reset(&f->details);
    } else {
        f = malloc(sizeof *f);
        if (!f)
            return NULL;
        list_init(&f->link);
        buf_init(&f->results, FRAME_MAX);
        buf_init(&f->details, FRAME_MAX);
    }
    f->number = 0;
    f->count = 0;
    f->sent = f->any_run = f->any_code = false;
    f->row = true;
    return f;
}

static void frame_recycle(struct results *o, struct result_frame *f)
{
    if (o->spare_count >= SPARE_MAX || f->results.cap + f->details.cap > 4 * BATCH_BYTES_TARGET) {
        frame_free(f);
        return;
    }
    list_remove(&f->link);
    list_push_back(&o->spare, &f->link);
    o->spare_count++;
}

static size_t frame_bytes(const struct result_frame *f)
{
    return FRAME_FIXED + f->count * ENTRY_BYTES + f->results.len + f->details.len;
}

static void close_open(struct results *o)
{
    o->open->number = o->next_number++;
    list_push_back(&o->frames, &o->open->link);
    o->open = NULL;
}

/* Appends the DETAIL; its log gets what the frame has left and keeps its end. */
static int add_detail(const struct results *o, struct result_frame *f, const struct result_entry *e)
{
    const struct job_note *n = e->note;
    size_t limit = o->payload_max + FRAME_OVERHEAD_BYTES;
    size_t used = FRAME_FIXED + ENTRY_BYTES + NOTE_ROOM + e->result.len;
    size_t room = used < limit ? limit - used : 0;
    size_t log_len = n->log_len < room ? n->log_len : room;
    struct msg_detail d = {
        .code = slice_str(n->code),
        .message = slice_str(n->message),
        .log = slice_of(log_len ? n->log + (n->log_len - log_len) : NULL, log_len),
        .signal = slice_str(n->signal),
        .delay_ms = n->delay_ms,
    };

    if (n->exit_status >= 0) {
        d.exit_status = (uint64_t)n->exit_status;
        d.has = MSG_BIT(detail, exit_status); /* 0 is told as well */
    }
    return wire_encode_detail(&f->details, &d);
}

static int frame_add(struct results *o, struct result_frame *f, const struct result_entry *e)
{
    size_t results_before = f->results.len, details_before = f->details.len;
    uint32_t i = f->count;
    int err = 0;

    if (e->result.len)
        err = buf_append(&f->results, e->result.data, e->result.len);
    if (!err && e->note)
        err = add_detail(o, f, e);
    if (err) {
        f->results.len = results_before;
        f->details.len = details_before;
        f->results.error = f->details.error = 0;
        return MUSTER_ENOMEM;
    }
    f->ids[i] = e->id;
    f->runs[i] = e->run;
    f->run_us[i] = e->run_us;
    f->outcomes[i] = e->outcome;
    f->result_lengths[i] = (uint32_t)(f->results.len - results_before);
    f->detail_lengths[i] = (uint32_t)(f->details.len - details_before);
    f->row = f->row && e->id == f->ids[0] + ((uint64_t)i << 8);
    f->any_run = f->any_run || e->run != 1;
    f->any_code = f->any_code || e->outcome != OUTCOME_COMPLETED;
    f->count++;
    return 0;
}

int results_add(struct results *o, const struct result_entry *e)
{
    size_t more = ENTRY_BYTES + e->result.len + (e->note ? NOTE_ROOM / 8 + e->note->log_len : 0);
    size_t before;
    int err;

    if (o->open &&
        (o->open->count == BATCH_JOBS_MAX || frame_bytes(o->open) + more > BATCH_BYTES_TARGET))
        close_open(o);
    if (!o->open && !(o->open = frame_new(o)))
        return MUSTER_ENOMEM;
    before = o->open->count ? frame_bytes(o->open) : 0;
    err = frame_add(o, o->open, e);
    if (err) {
        if (!o->open->count) {
            frame_recycle(o, o->open);
            o->open = NULL;
        }
        return err;
    }
    o->bytes += frame_bytes(o->open) - before;
    o->jobs++;
    return 0;
}

static void frame_message(const struct result_frame *f, struct msg_results *ret)
{
    uint32_t n = f->count;

    memset(ret, 0, sizeof *ret);
    ret->number = f->number;
    ret->count = n;
    if (f->row)
        ret->first_id = f->ids[0];
    else
        ret->ids = slice_of(f->ids, n * 8u);
    if (f->any_run)
        ret->runs = slice_of(f->runs, n * 4u);
    if (f->any_code)
        ret->outcomes = slice_of(f->outcomes, n);
    if (f->results.len) {
        ret->result_lengths = slice_of(f->result_lengths, n * 4u);
        ret->results = buf_slice(&f->results);
    }
    if (f->details.len) {
        ret->detail_lengths = slice_of(f->detail_lengths, n * 4u);
        ret->details = buf_slice(&f->details);
    }
    ret->run_us = slice_of(f->run_us, n * 4u);
}

static struct result_frame *first_unsent(const struct results *o)
{
    struct list *it = o->frames.prev;

    if (it == &o->frames || frame_of(it)->sent)
        return NULL;
    while (it->prev != &o->frames && !frame_of(it->prev)->sent)
        it = it->prev;
    return frame_of(it);
}

bool results_next(struct results *o, bool eager, struct msg_results *ret)
{
    struct result_frame *f = first_unsent(o);

    if (!f && o->open && o->unacked_frames < (eager ? EAGER_FRAMES : 1)) {
        f = o->open;
        close_open(o);
    }
    if (!f || (o->unacked_frames && o->unacked_bytes + frame_bytes(f) > o->window))
        return false;
    f->sent = true;
    o->unacked_bytes += frame_bytes(f);
    o->unacked_frames++;
    frame_message(f, ret);
    return true;
}

static void drop_first(struct results *o)
{
    struct result_frame *f = frame_of(o->frames.next);
    size_t bytes = frame_bytes(f);

    o->bytes -= bytes;
    if (f->sent) {
        o->unacked_bytes -= bytes;
        o->unacked_frames--;
    }
    o->jobs -= f->count;
    frame_recycle(o, f);
}

void results_ack(struct results *o, uint64_t number)
{
    while (!list_empty(&o->frames)) {
        const struct result_frame *f = frame_of(o->frames.next);
        if (!f->sent || f->number > number)
            return;
        drop_first(o);
    }
}

void results_unsend(struct results *o)
{
    LIST_FOREACH (it, &o->frames)
        frame_of(it)->sent = false;
    o->unacked_bytes = 0;
    o->unacked_frames = 0;
}

void results_rewind(struct results *o, uint64_t expected)
{
    results_unsend(o);
    while (!list_empty(&o->frames) && frame_of(o->frames.next)->number < expected)
        drop_first(o);
}

uint64_t results_first(const struct results *o)
{
    return list_empty(&o->frames) ? o->next_number : frame_of(o->frames.next)->number;
}

static uint32_t frame_list(const struct result_frame *f, uint64_t *ids, uint32_t *runs,
                           uint32_t *ms)
{
    for (uint32_t i = 0; i < f->count; i++) {
        ids[i] = f->ids[i];
        runs[i] = f->runs[i];
        ms[i] = f->run_us[i] / 1000;
    }
    return f->count;
}

void results_list(const struct results *o, uint64_t *ids, uint32_t *runs, uint32_t *ms)
{
    uint32_t at = 0;

    for (const struct list *it = o->frames.next; it != &o->frames; it = it->next)
        at += frame_list(CONTAINER_OF(it, const struct result_frame, link), ids + at, runs + at,
                         ms + at);
    if (o->open)
        frame_list(o->open, ids + at, runs + at, ms + at);
}
