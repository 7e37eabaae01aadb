/* The handler threads: each job comes back once, run or revoked; stops and time-outs reach the
 * handler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "pool.h"

#define DEADLINE_MS 20000u

/* What the handler does; it stands in the queue's length, so that it needs no other place. */
enum kind { NOTHING = 1, WAIT_FOR_STOP, WAIT_FOR_GATE };

static atomic_uint ran;
static int gate; /* eventfd: readable while open */

static void wait_readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};

    assert_int_equal(poll(&p, 1, (int)DEADLINE_MS), 1);
}

static void run(void *ctx, struct job *job)
{
    (void)ctx;
    if (job->lane->queue.len == WAIT_FOR_STOP)
        wait_readable(pool_cancel_fd(job));
    if (job->lane->queue.len == WAIT_FOR_GATE)
        wait_readable(gate);
    atomic_fetch_add(&ran, 1);
}

static struct job_batch *batch_of(enum kind kind, uint64_t first, uint32_t count)
{
    static const char name[] = "xxxxxxxx";
    static uint32_t zeros[BATCH_JOBS_MAX];
    struct slice queue = {(const uint8_t *)name, (size_t)kind};
    struct msg_jobs m = {.count = count,
                         .first_id = first << 8,
                         .queues = {.items = &queue, .count = 1},
                         .kinds = {.items = &queue, .count = 1},
                         .arg_lengths = slice_of(zeros, count * 4u)};
    struct job_batch *b = job_batch_new(&m, 0);

    assert_non_null(b);
    return b;
}

/* Takes jobs back until `count` have come; returns those that ran. */
static uint32_t take(struct pool *p, uint32_t count)
{
    uint64_t until = clock_ms() + DEADLINE_MS;
    uint32_t came = 0, run_count = 0;

    while (came < count) {
        struct pollfd fd = {pool_fd(p), POLLIN, 0};
        uint64_t look = pool_look_us(p), now = clock_us();
        int wait = look == UINT64_MAX ? (int)DEADLINE_MS
                   : look > now       ? (int)((look - now) / 1000 + 1)
                                      : 0;

        assert_true(clock_ms() < until);
        poll(&fd, 1, wait);
        for (struct job *job = pool_take(p, fd.revents != 0); job; job = job->next) {
            came++;
            run_count += atomic_load(&job->stage) == STAGE_RUNNING;
        }
    }
    assert_int_equal(came, count);
    return run_count;
}

static struct pool *pool_of(uint32_t slots)
{
    struct pool *p;
    uint64_t count;

    atomic_store(&ran, 0);
    (void)!read(gate, &count, sizeof count);
    assert_int_equal(pool_new(slots, run, NULL, &p), 0);
    return p;
}

static void open_gate(void)
{
    uint64_t one = 1;

    assert_int_equal(write(gate, &one, sizeof one), sizeof one);
}

static void each_job_comes_back_once(void **state)
{
    enum { BATCHES = 40 };
    struct job_batch *b[BATCHES];
    struct pool *p = pool_of(4);

    (void)state;
    for (uint64_t i = 0; i < BATCHES; i++) {
        b[i] = batch_of(NOTHING, i * 512, 512);
        pool_submit(p, b[i]);
    }
    assert_int_equal(take(p, BATCHES * 512), BATCHES * 512);
    assert_int_equal(atomic_load(&ran), BATCHES * 512);
    pool_free(p);
    for (int i = 0; i < BATCHES; i++)
        job_batch_free(b[i]);
}

/* As many handlers as slots run at once, although the jobs came together. */
static void all_slots_work(void **state)
{
    struct pool *p = pool_of(8);
    struct job_batch *b = batch_of(WAIT_FOR_GATE, 1, 8);

    (void)state;
    pool_submit(p, b);
    for (uint64_t until = clock_ms() + DEADLINE_MS; pool_running(p) < 8;)
        assert_true(clock_ms() < until);
    open_gate();
    assert_int_equal(take(p, 8), 8);
    pool_free(p);
    job_batch_free(b);
}

/* While threads take many short jobs at once, one that turns out long does not hold back what
 * finished before it. */
static void a_long_job_does_not_hide_finished_ones(void **state)
{
    struct pool *p = pool_of(1);
    struct job_batch *warm = batch_of(NOTHING, 1, 512), *some = batch_of(NOTHING, 1000, 20),
                     *long_one = batch_of(WAIT_FOR_STOP, 2000, 1),
                     *more = batch_of(NOTHING, 3000, 20);

    (void)state;
    pool_submit(p, warm);
    take(p, 512);
    pool_submit(p, some);
    pool_submit(p, long_one);
    pool_submit(p, more);
    assert_int_equal(take(p, 20), 20);
    while (!pool_running(p))
        continue;
    assert_true(job_ask_stop(&long_one->jobs[0], STOP_CANCEL));
    pool_stop(p, &long_one->jobs[0]);
    assert_int_equal(take(p, 21), 21);
    pool_free(p);
    job_batch_free(warm);
    job_batch_free(some);
    job_batch_free(long_one);
    job_batch_free(more);
}

static void revoked_jobs_come_back_unrun(void **state)
{
    struct pool *p = pool_of(1);
    struct job_batch *busy = batch_of(WAIT_FOR_GATE, 1, 1), *b = batch_of(NOTHING, 10, 30);

    (void)state;
    pool_submit(p, busy);
    while (!pool_running(p))
        continue;
    pool_submit(p, b);
    for (int i = 0; i < 30; i += 2)
        assert_true(job_claim(&b->jobs[i], STAGE_REVOKED));
    pool_purge(p);
    assert_int_equal(take(p, 15), 0); /* while the thread is still busy */
    assert_true(job_claim(&b->jobs[1], STAGE_REVOKED));
    open_gate();
    assert_int_equal(take(p, 16), 15); /* the busy one and 14 of 15 */
    pool_free(p);
    job_batch_free(busy);
    job_batch_free(b);
}

static void run_timeout_reaches_the_handler(void **state)
{
    struct pool *p = pool_of(2);
    struct job_batch *b = batch_of(WAIT_FOR_STOP, 1, 2);
    uint64_t next = 0;

    (void)state;
    b->jobs[0].run_timeout_ms = 20;
    b->jobs[1].run_timeout_ms = 1000000;
    pool_submit(p, b);
    while (pool_running(p) < 2)
        continue;
    for (uint64_t until = clock_ms() + DEADLINE_MS; !atomic_load(&b->jobs[0].stop);) {
        next = pool_expire(p, clock_us());
        assert_true(clock_ms() < until);
    }
    assert_int_equal(atomic_load(&b->jobs[0].stop), STOP_TIMEOUT);
    assert_int_equal(take(p, 1), 1);
    assert_true(b->jobs[0].run_us >= 20000);
    next = pool_expire(p, clock_us());
    assert_true(next > clock_us() + 500000000);
    pool_stop_all(p, STOP_DRAIN);
    assert_int_equal(take(p, 1), 1);
    assert_int_equal(atomic_load(&b->jobs[1].stop), STOP_DRAIN);
    pool_free(p);
    job_batch_free(b);
}

/* A thread's descriptor is used again: an earlier job's stop must not end the next one. */
static void a_stop_is_for_one_job(void **state)
{
    struct pool *p = pool_of(1);
    struct job_batch *b = batch_of(WAIT_FOR_STOP, 1, 2);

    (void)state;
    pool_submit(p, b);
    for (int i = 0; i < 2; i++) {
        while (!atomic_load(&b->jobs[i].place) || pool_running(p) == 0)
            continue;
        assert_int_equal(atomic_load(&ran), (unsigned)i);
        assert_true(job_ask_stop(&b->jobs[i], STOP_CANCEL));
        pool_stop(p, &b->jobs[i]);
        assert_int_equal(take(p, 1), 1);
    }
    pool_free(p);
    job_batch_free(b);
}

static void ending_the_pool_starts_nothing_new(void **state)
{
    struct pool *p = pool_of(1);
    struct job_batch *b = batch_of(WAIT_FOR_GATE, 1, 100);

    (void)state;
    pool_submit(p, b);
    while (!pool_running(p))
        continue;
    open_gate();
    pool_free(p);
    assert_true(atomic_load(&ran) >= 1);
    job_batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_job_comes_back_once),
        cmocka_unit_test(all_slots_work),
        cmocka_unit_test(a_long_job_does_not_hide_finished_ones),
        cmocka_unit_test(revoked_jobs_come_back_unrun),
        cmocka_unit_test(run_timeout_reaches_the_handler),
        cmocka_unit_test(a_stop_is_for_one_job),
        cmocka_unit_test(ending_the_pool_starts_nothing_new),
    };

    gate = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
