/* exec_rig.c: a supervisor and a pool of one. */
#include "exec_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <poll.h>

#include "base/clock.h"
#include "run.h"

#define DEADLINE_MS 30000u

static void run(void *ctx, struct job *job)
{
    (void)ctx;
    exec_run(run_of(job), (void *)(uintptr_t)job->lane->handler);
    run_conclude(job);
}

static void on_orphaned(void *user)
{
    ((struct exec_rig *)user)->orphaned++;
}

void exec_rig_init(struct exec_rig *r, const char *const *commands, size_t count)
{
    memset(r, 0, sizeof *r);
    r->count = count;
    assert_true(count <= sizeof r->handlers / sizeof *r->handlers);
    assert_int_equal(supervisor_start(commands, count, &r->supervisor), 0);
    for (size_t i = 0; i < count; i++)
        r->handlers[i] = (struct exec_handler){.supervisor = &r->supervisor,
                                               .command = i,
                                               .grace = {300, 300, 300},
                                               .on_orphaned = on_orphaned,
                                               .user = r};
    assert_int_equal(pool_new(1, run, NULL, &r->pool), 0);
}

void exec_rig_fini(struct exec_rig *r)
{
    pool_free(r->pool);
    if (r->batch)
        job_batch_free(r->batch);
    supervisor_stop(&r->supervisor);
}

struct job *exec_rig_start(struct exec_rig *r, size_t index, struct slice args, uint32_t timeout_ms)
{
    static const struct slice queue = {(const uint8_t *)"mail", 4};
    static const uint32_t first = 1; /* its batch keeps the column */
    static const struct slice kind = {(const uint8_t *)"email.send", 10};
    uint32_t length = (uint32_t)args.len, attempt = 3;
    struct msg_jobs m = {.count = 1,
                         .first_id = (uint64_t)77 << 8,
                         .queues = {.items = &queue, .count = 1},
                         .kinds = {.items = &kind, .count = 1},
                         .attempts = slice_of(&attempt, 4),
                         .run_timeouts_ms = slice_of(&timeout_ms, 4),
                         .arg_lengths = slice_of(&length, 4),
                         .args = args};

    if (r->schedule.len) {
        m.schedules = (struct strs){.items = &r->schedule, .count = 1};
        m.schedule_of = slice_of(&first, 4);
        m.nominals_ms = slice_of(&r->nominal_ms, 8);
    }
    if (r->batch)
        job_batch_free(r->batch);
    r->batch = job_batch_new(&m, 0);
    assert_non_null(r->batch);
    r->batch->result_max = MAX_PAYLOAD_DEFAULT;
    r->batch->lanes[0].handler = &r->handlers[index];
    pool_submit(r->pool, r->batch);
    return &r->batch->jobs[0];
}

void exec_rig_wait(struct exec_rig *r, struct job *job)
{
    uint64_t until = clock_ms() + DEADLINE_MS;

    for (;;) {
        uint64_t expire = pool_expire(r->pool, clock_us()), now = clock_us();
        uint64_t wait = expire <= now ? 0 : (expire - now) / 1000 + 1;
        struct pollfd p = {pool_fd(r->pool), POLLIN, 0};

        assert_true(clock_ms() < until);
        poll(&p, 1, (int)(wait < DEADLINE_MS ? wait : DEADLINE_MS));
        struct job *back = pool_take(r->pool, p.revents != 0);
        if (back) {
            assert_ptr_equal(back, job);
            return;
        }
    }
}

struct job *exec_rig_run(struct exec_rig *r, size_t index)
{
    struct job *job = exec_rig_start(r, index, slice_of("\x80", 1), 60000);

    exec_rig_wait(r, job);
    return job;
}

void exec_rig_stop(struct exec_rig *r, struct job *job, enum job_stop why)
{
    assert_true(job_ask_stop(job, why));
    pool_stop(r->pool, job);
}
