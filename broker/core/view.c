/* view.c: what people are shown of a job: its stored record, and where it is right now. */
#include "core/state.h"

const char *waits_name(enum waits_reason reason)
{
    static const char *const names[WAITS_COUNT] = {
        [WAITS_NONE] = "",         [WAITS_SCHEDULED] = "scheduled", [WAITS_RETRY] = "retry",
        [WAITS_PAUSED] = "paused", [WAITS_NO_WORKER] = "no_worker", [WAITS_NO_CREDIT] = "no_credit",
        [WAITS_BEHIND] = "behind", [WAITS_RESTART] = "restart",
    };
    return reason < WAITS_COUNT ? names[reason] : "";
}

const char *waits_text(enum waits_reason reason)
{
    static const char *const texts[WAITS_COUNT] = {
        [WAITS_NONE] = "",
        [WAITS_SCHEDULED] = "it is not due yet",
        [WAITS_RETRY] = "it waits for its next attempt",
        [WAITS_PAUSED] = "its queue is paused",
        [WAITS_NO_WORKER] = "no worker serves this queue and handles this kind",
        [WAITS_NO_CREDIT] = "all workers that could run it are busy",
        [WAITS_BEHIND] = "other jobs are before it",
        [WAITS_RESTART] = "the broker restarted, and a worker may still be running it",
    };
    return reason < WAITS_COUNT ? texts[reason] : "";
}

static enum waits_reason waits_of(const struct core *core, const struct job_view *view,
                                  const struct job *job)
{
    if (view->head.state == JOB_SCHEDULED)
        return view->head.attempts > 0 ? WAITS_RETRY : WAITS_SCHEDULED;
    if (view->head.state != JOB_READY)
        return WAITS_NONE;
    if (job && job->place == PLACE_DOUBT)
        return WAITS_RESTART;
    const struct lane *lane = lane_at(core, view->head.lane);
    if (!lane || lane->queue->paused)
        return lane ? WAITS_PAUSED : WAITS_NONE;
    if (lane->servers == 0)
        return WAITS_NO_WORKER;
    LIST_FOREACH (it, &core->hungry) {
        if (session_handles(CONTAINER_OF(it, const struct session, hungry), lane))
            return WAITS_BEHIND;
    }
    return WAITS_NO_CREDIT;
}

void view_overlay(struct core *core, struct job_view *view)
{
    if (view->error != 0)
        return;
    const struct job *job = job_find(core, view->id);
    const struct lane *lane = lane_at(core, view->head.lane);
    if (lane && view->queue.len == 0) {
        view->queue = lane->queue->name;
        view->kind = lane->kind;
    }
    if (job && job->place == PLACE_OUT && view->head.state == JOB_READY) {
        view->running = true;
        view->worker = job->session->name;
        view->started_ms = job->started_wall_ms;
        return;
    }
    view->stopping = job && job->place == PLACE_STOPPING;
    view->waits = (uint8_t)waits_of(core, view, job);
}

bool view_ended(const struct job_view *view)
{
    return view->error != 0 || view->head.state == JOB_COMPLETED ||
           view->head.state == JOB_CANCELLED || view->head.state == JOB_EXPIRED ||
           view->head.state == JOB_PARKED;
}

struct job *job_from_view(struct core *core, const struct job_view *view)
{
    uint8_t state = view->head.state;
    bool alive = state == JOB_SCHEDULED || state == JOB_READY || state == JOB_PARKED;
    if (view->error != 0 || !alive || !lane_at(core, view->head.lane))
        return NULL;
    return job_load(core, &view->head, &view->spec);
}

void job_seen(struct core *core, struct job *job)
{
    if (job->place == PLACE_NONE && job->changes == 0)
        job_forget(core, job);
}
