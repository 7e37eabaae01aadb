/* dones.c: a client session is told the end of its jobs: numbered, stored until it confirms, sent
 * again after a HELLO. */
#include "core/state.h"

/* Sent and not yet answered by a DONE_ACK. What comes meanwhile is read from the store after that,
 * in full frames: many small ones would fill the client's socket, in which there must be room for
 * SUBMIT_ACKs. */
#define DONE_FRAMES_MAX 256

/* NULL: no more frames for now. */
static struct action *open_done(struct core *core, struct client *c)
{
    route_t route = c->route;
    struct action *last =
        core->actions.count ? &core->actions.items[core->actions.count - 1] : NULL;
    if (last && last->type == ACT_DONE && last->route == route && last->done.count < BATCH_JOBS_MAX)
        return last;
    if (c->done_frames >= DONE_FRAMES_MAX)
        return NULL;
    struct done_row *rows = core_memory(core, 0, BATCH_JOBS_MAX * sizeof *rows);
    if (!rows)
        return NULL;
    struct action *a = core_emit(core, ACT_DONE, route, 0);
    a->done.rows = rows;
    c->done_frames++;
    return a;
}

void done_tell(struct core *core, const struct job *job, const struct done_row *row)
{
    if (!(job->head.flags & JOB_NOTIFY) || row->number == 0)
        return;
    struct client *c = client_find(core, job->spec->notify);
    if (!c || !c->known)
        return;
    if (row->number > c->done_last)
        c->done_last = row->number;
    if (!c->route || c->done_loading || row->number != c->done_sent + 1)
        return;
    struct action *a = open_done(core, c);
    if (!a)
        return;
    struct done_row *rows = (struct done_row *)(uintptr_t)a->done.rows;
    rows[a->done.count++] = *row;
    c->done_sent = row->number;
}

void done_resume(struct core *core, struct client *c)
{
    if (c->done_loading || c->done_full || c->done_sent >= c->done_last || !c->route ||
        c->done_frames >= DONE_FRAMES_MAX)
        return;
    struct op *op = core_op(core, OP_DONE);
    memcpy(op->done.session, c->id, SESSION_ID_BYTES);
    op->done.number = c->done_sent;
    op->done.limit = BATCH_JOBS_MAX;
    c->done_loading = true;
}

void on_stored_done(struct core *core, struct op *op)
{
    struct client *c = client_find(core, op->done.session);
    if (c) {
        c->done_loading = false;
        if (c->route && c->done_sent == op->done.number && op->done.count > 0) {
            struct action *a = core_emit(core, ACT_DONE, c->route, 0);
            a->done.rows = op->done.rows;
            a->done.count = op->done.count;
            c->done_frames++;
            c->done_sent = op->done.rows[op->done.count - 1].number;
        } else if (op->done.count == 0) {
            c->done_sent = c->done_last; /* trimmed: nothing is left to tell */
        }
        done_resume(core, c);
    }
    if (op->done.page && batch_hold(core->storing, op->done.page) != 0)
        core_fail(core, "out of memory for an answer");
    blob_unref(op->done.page);
    op->done.page = NULL;
}

void core_done_unsent(struct core *core, const struct action *action, uint64_t number)
{
    struct client *c = client_on(core, action->route);
    if (!c || number == 0 || c->done_sent < number)
        return;
    c->done_sent = number - 1;
    c->done_full = true;
    /* What comes after it in this step would leave a hole. */
    for (uint32_t i = 0; i < core->actions.count; i++) {
        struct action *a = &core->actions.items[i];
        if (a->type == ACT_DONE && a->route == action->route && a->done.rows[0].number > number)
            a->done.count = 0;
    }
}

void core_on_done_ack(struct core *core, const struct event *e)
{
    struct client *c = client_on(core, e->route);
    if (!c || e->done_ack.number <= c->done_taken || e->done_ack.number > c->done_last)
        return;
    client_touch(core, c);
    c->done_taken = e->done_ack.number;
    c->done_frames = 0;
    struct op *op = core_op(core, OP_DONE_TAKEN);
    memcpy(op->done.session, c->id, SESSION_ID_BYTES);
    op->done.number = c->done_taken;
    done_resume(core, c);
}
