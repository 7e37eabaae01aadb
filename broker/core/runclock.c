/* runclock.c: heartbeats prove only that a worker lives; the broker itself ends runs that overstay
 * their run_timeout. A coarse wheel, a slot a second: runs that end in time cost two list
 * operations. */
#include "core/state.h"

#define GRACE_MS 30000 /* the worker ends it first: SIGTERM, then SIGKILL, then the report */

static uint64_t overdue_ms(const struct job *job)
{
    return job->granted_ms + job->spec->run_timeout_ms + GRACE_MS;
}

/* A run that was taken back may be overdue already: the next slot looked at gets it. */
void run_clock_add(struct core *core, struct job *job)
{
    uint64_t second = overdue_ms(job) / 1000;
    if (second < core->clock_second)
        second = core->clock_second;
    list_push_back(&core->clock[second % CLOCK_SLOTS], &job->clock);
}

static void overstayed(struct core *core, struct job *job)
{
    struct session *s = job->session;
    uint64_t id = job->head.id, after = 0;
    uint32_t run = job->head.run;
    struct run_end end = {.code = slice_str("timeout"),
                          .message =
                              slice_str("run_timeout was over and the worker did not report"),
                          .exit_status = -1};
    if (job->place == PLACE_STOPPING) {
        job_stopped(core, job);
    } else {
        change_fail(core, job, &end, ATTEMPT_TIMEOUT, false);
        after = job->batch;
    }
    session_refresh(core, s);
    tell_abandon(core, s, id, run, after);
}

void run_clock_tick(struct core *core)
{
    uint64_t now = core_serving_ms(core);
    uint64_t last = now / 1000;
    if (last - core->clock_second > CLOCK_SLOTS)
        core->clock_second = last - CLOCK_SLOTS;
    while (core->clock_second < last) {
        struct list *slot = &core->clock[core->clock_second++ % CLOCK_SLOTS];
        LIST_FOREACH_SAFE (it, slot) {
            struct job *job = CONTAINER_OF(it, struct job, clock);
            if (overdue_ms(job) < now)
                overstayed(core, job);
        }
    }
}
