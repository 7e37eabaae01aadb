/* told.c: what callbacks hear of batches and ends: at once in the handle's thread, or later in the
 * thread that calls muster_client_process(). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"

static void signal_loop(struct client *c)
{
    uint64_t one = 1;
    (void)!write(c->loop_fd, &one, sizeof one);
}

void told_room(struct client *c)
{
    if (!c->wants_room || !(c->failed || (c->welcomed && outbox_has_room(&c->outbox))))
        return;
    c->wants_room = false;
    signal_loop(c);
}

/* ---- acknowledgements ---- */

static struct muster_ack ack_of(const struct verdict *v, uint32_t i, const char *text)
{
    uint8_t outcome = v->outcomes.len ? v->outcomes.data[i] : SUBMIT_NEW;
    if (v->error)
        return (struct muster_ack){.error = v->error, .text = text};
    if (outcome != SUBMIT_NEW && outcome != SUBMIT_DUPLICATE)
        return (struct muster_ack){.error = MUSTER_ECONFLICT, .text = err_text(MUSTER_ECONFLICT)};
    return (struct muster_ack){
        .id = v->ids.len ? slice_u64_at(v->ids, i) : v->first_id + (uint64_t)i * 256,
        .duplicate = outcome == SUBMIT_DUPLICATE,
        .text = "",
    };
}

/* Whether some job's callback, of either kind, is yet to run. */
static bool listens(const struct outbox_batch *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (b->jobs[i].on_ack || b->jobs[i].on_end)
            return true;
    return false;
}

/* Calls the jobs' callbacks: all of them, or only those of muster_submit_wait(), once. */
static int run_acks(struct outbox_batch *b, const struct verdict *v, bool waited_only)
{
    char copy[1025];
    int count = 0;
    (void)snprintf(copy, sizeof copy, "%.*s", SLICE_FMT(v->text));
    for (uint32_t i = 0; i < b->count; i++) {
        struct outbox_job *job = &b->jobs[i];
        if (!job->on_ack || (waited_only && job->on_ack != client_waited_ack))
            continue;
        struct muster_ack ack = ack_of(v, i, copy[0] ? copy : err_text(v->error));
        job->on_ack(job->user, &ack);
        if (waited_only)
            job->on_ack = NULL;
        count++;
    }
    return count;
}

/* Out of memory for an expectation: the end is not told; muster_wait() still finds it. */
static void expect_ends(struct route *r, const struct outbox_batch *b, const struct verdict *v)
{
    for (uint32_t i = 0; !v->error && i < b->count; i++) {
        const struct outbox_job *job = &b->jobs[i];
        struct muster_ack ack = job->on_end ? ack_of(v, i, "") : (struct muster_ack){.error = 1};
        if (!ack.error && !ack.duplicate)
            (void)ends_expect(&r->ends, ack.id, job->on_end, job->user);
    }
}

/* Puts the verdict's columns into the batch's frame, which has had its day. */
static int keep_verdict(struct outbox_batch *b, const struct verdict *v)
{
    struct buf *frame = &b->frame;
    b->verdict = (struct outbox_verdict){.error = v->error, .first_id = v->first_id};
    b->verdict.text_bytes = v->text.len;
    b->verdict.ids_bytes = v->ids.len;
    buf_reset(frame);
    (void)buf_append(frame, v->text.data, v->text.len);
    (void)buf_append(frame, v->ids.data, v->ids.len);
    (void)buf_append(frame, v->outcomes.data, v->outcomes.len);
    return frame->error;
}

static struct verdict kept_verdict(const struct outbox_batch *b)
{
    size_t text = b->verdict.text_bytes, ids = b->verdict.ids_bytes;
    const uint8_t *at = b->frame.data;
    struct verdict v = {.error = b->verdict.error, .first_id = b->verdict.first_id};
    if (b->frame.len) {
        v.text = slice_of(at, text);
        v.ids = slice_of(at + text, ids);
        v.outcomes = slice_of(at + text + ids, b->frame.len - text - ids);
    }
    return v;
}

static void move_all(struct list *to, struct list *from)
{
    LIST_FOREACH_SAFE (it, from) {
        list_remove(it);
        list_push_back(to, it);
    }
}

/* Whoever waits looks again; the batch goes back, or waits for muster_client_process(), and the
 * ends that its acknowledgement let loose right behind it. */
static void settle(struct client *c, struct outbox_batch *b, bool keep)
{
    client_lock(c);
    c->settled += b->count;
    c->putting_off = 0;
    if (keep) {
        list_push_back(&c->told_batches, &b->link);
        c->told_count++;
        signal_loop(c);
    } else {
        outbox_give_back(&c->outbox, b);
    }
    move_all(&c->told_ends, &c->loose_ends);
    client_changed(c);
    client_unlock(c);
}

void told_batch(struct route *r, struct outbox_batch *b, const struct verdict *v)
{
    struct client *c = r->client;
    bool keep = c->own_loop && b->listening;
    if (keep) {
        (void)run_acks(b, v, true);
        b->listening = listens(b); /* those who waited for themselves leave nothing to process */
        /* out of memory: better in this thread than never */
        keep = b->listening && keep_verdict(b, v) == 0;
    }
    if (!keep && b->listening)
        (void)run_acks(b, v, false);
    if (b->template.notify) {
        c->settling = true;
        expect_ends(r, b, v);
        c->settling = false;
        if (--r->notify_open == 0)
            ends_forget_early(&r->ends);
    }
    r->core.ends_awaited = ends_count(&r->ends) > 0;
    settle(c, b, keep);
}

/* ---- ends ---- */

/* Out of memory for the copy: the end is not told; muster_wait() still finds it. */
void told_end(void *client, muster_end_fn *on_end, void *user, const struct muster_end *end)
{
    struct client *c = client;
    if (!c->own_loop) {
        on_end(user, end);
        return;
    }
    struct end_copy *copy = end_copy_new(end);
    if (!copy)
        return;
    copy->on_end = on_end;
    copy->user = user;
    client_lock(c);
    list_push_back(c->settling ? &c->loose_ends : &c->told_ends, &copy->link);
    c->told_count++;
    signal_loop(c);
    client_unlock(c);
}

/* ---- muster_client_process() ---- */

/* Takes what is there now: acknowledgements, and the ends that came behind them. */
static void take_told(struct client *c, struct list *batches, struct list *ends)
{
    uint64_t signals;
    client_lock(c);
    if (c->loop_fd >= 0)
        (void)!read(c->loop_fd, &signals, sizeof signals);
    move_all(batches, &c->told_batches);
    move_all(ends, &c->told_ends);
    client_unlock(c);
}

/* One thing less is kept; the thread may have waited for that. */
static void count_processed(struct client *c, struct outbox_batch *b)
{
    client_lock(c);
    if (b)
        outbox_give_back(&c->outbox, b);
    if (c->told_count-- == CLIENT_UNPROCESSED_MAX)
        client_wake(c);
    client_unlock(c);
}

int told_process(struct client *c)
{
    struct list batches, ends;
    int count = 0;
    list_init(&batches);
    list_init(&ends);
    take_told(c, &batches, &ends);
    LIST_FOREACH_SAFE (it, &batches) {
        struct outbox_batch *b = CONTAINER_OF(it, struct outbox_batch, link);
        struct verdict v = kept_verdict(b);
        list_remove(it);
        count += run_acks(b, &v, false);
        count_processed(c, b);
    }
    LIST_FOREACH_SAFE (gone, &ends) {
        struct end_copy *copy = CONTAINER_OF(gone, struct end_copy, link);
        list_remove(gone);
        copy->on_end(copy->user, &copy->end);
        free(copy);
        count_processed(c, NULL);
        count++;
    }
    return count;
}
