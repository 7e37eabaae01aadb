/* doubt.c: jobs that were handed out, perhaps, before the broker started. A session that lists one
 * adopts it; when all stored sessions have spoken, or the restart grace is over, the rest counts as
 * lapsed without a loss. */
#include "core/state.h"

#define DOUBT_SLICE 4000 /* jobs given back in one step */

static void boot_worker(struct core *core, const struct boot_worker *w)
{
    struct session *s = session_new(core, w->session);
    if (!s) {
        core_fail(core, "out of memory for the sessions");
        return;
    }
    if (!w->lapsed) {
        s->awaited = true;
        core->awaited++;
    }
}

static void boot_doubt(struct core *core, const struct boot *boot)
{
    for (uint32_t i = 0; i < boot->doubt_count; i++) {
        const struct record *r = &boot->doubt[i];
        struct job *job = lane_at(core, r->head.lane) ? job_load(core, &r->head, &r->spec) : NULL;
        if (!job)
            continue;
        job->place = PLACE_DOUBT;
        list_push_back(&core->doubt, &job->link);
        core->doubt_count++;
    }
}

static void boot_queues(struct core *core, const struct boot *boot)
{
    for (uint32_t i = 0; i < boot->queue_count && !core->failed; i++) {
        struct queue *q = queue_get(core, boot->queues[i].name);
        if (!q) {
            core_fail(core, "out of memory for the queues");
            return;
        }
        q->exists = true;
        q->paused = boot->queues[i].paused;
    }
}

static void boot_lanes(struct core *core, const struct boot *boot)
{
    for (uint32_t i = 0; i < boot->lane_count && !core->failed; i++) {
        struct queue *q = queue_get(core, boot->lanes[i].queue);
        struct lane *lane = q ? lane_new(core, q, boot->lanes[i].kind, boot->lanes[i].lane) : NULL;
        if (!lane) {
            core_fail(core, "out of memory for the lanes");
            return;
        }
        lane->stored = boot->lanes[i].priorities;
    }
    for (uint32_t i = 0; i < boot->mark_count && !core->failed; i++) {
        struct lane *lane = lane_at(core, boot->marks[i].lane);
        struct band *band = lane ? band_get(core, lane, boot->marks[i].priority) : NULL;
        if (band)
            band->mark = band->mark_stored = boot->marks[i].seq;
    }
}

void core_on_boot(struct core *core, const struct event *event)
{
    const struct boot *boot = event->boot.boot;
    core->booted = true;
    core->epoch = boot->epoch;
    core->id_counter = boot->id_high >> 8;
    core->smooth_offset = (int64_t)event->wall_ms - (int64_t)event->now_ms;
    core->clock_second = core_serving_ms(core) / 1000;
    boot_queues(core, boot);
    boot_lanes(core, boot);
    for (uint32_t i = 0; i < boot->worker_count; i++)
        boot_worker(core, &boot->workers[i]);
    schedules_boot(core, boot);
    boot_doubt(core, boot);
    core->grace_until = core_serving_ms(core) + core->options.restart_grace_ms;
    due_tick(core); /* asks for the first page of scheduled jobs */
}

void doubt_heard(struct core *core, struct session *s)
{
    if (s->awaited) {
        s->awaited = false;
        core->awaited--;
    }
}

static void lapse_awaited(struct core *core)
{
    LIST_FOREACH (it, &core->lapsed) {
        struct session *s = CONTAINER_OF(it, struct session, link);
        if (!s->awaited)
            continue;
        doubt_heard(core, s);
        s->heard = core_serving_ms(core);
        session_write(core, s, true);
    }
}

void doubt_tick(struct core *core)
{
    if (core->grace_until && (core->awaited == 0 || core_serving_ms(core) >= core->grace_until)) {
        core->grace_until = 0;
        lapse_awaited(core);
    }
    if (core->grace_until)
        return;
    for (uint32_t i = 0; i < DOUBT_SLICE && !list_empty(&core->doubt); i++)
        change_lapse(core, CONTAINER_OF(core->doubt.next, struct job, link), false);
}
