/* test_crash.c: a child commits numbered batches and says so; it is killed with SIGKILL at a random
 * moment. What it said is there, whole batches only, and the counters agree. */
#include "fixture.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"

#define JOBS   40 /* of a batch */
#define ROUNDS 12

/* Batch n submits JOBS jobs and ends half of those of batch n - 1. */
static void commit_numbered(struct fixture *fx, uint64_t n)
{
    char prefix[32];
    snprintf(prefix, sizeof(prefix), "%llu-", (unsigned long long)n);
    uint64_t first = fx_submit(fx, 1, JOBS, prefix)->submit.first_id;
    for (uint64_t i = 0; n > 1 && i < JOBS / 2; i++)
        fx_end(fx, first - (JOBS - i) * 256, 1, JOB_COMPLETED);
    fx_commit(fx);
}

static uint64_t batches_there(struct fixture *fx)
{
    return fx_counters(fx, "default").submitted / JOBS;
}

static void work(struct fixture *fx, int said)
{
    char why[256];
    if (store_open_lmdb(&fx->store, &fx->options, why, sizeof(why)) != 0)
        _exit(3);
    fx->engine = fx->store->engine;
    if (fx->store->id_high)
        fx->id = fx->store->id_high;
    if (!idmap_get(&fx->store->lanes, 1))
        fx_lane(fx, 1, "default", "mail");
    for (uint64_t n = batches_there(fx) + 1;; n++) {
        commit_numbered(fx, n);
        if (write(said, &n, sizeof(n)) != (ssize_t)sizeof(n))
            _exit(4);
    }
}

/* Reads what the child says until it is dead; kills it after `kill_after` acknowledged batches and
 * then some microseconds of its next one. Returns the last number that was said. */
static uint64_t kill_in_time(int said, pid_t pid, int kill_after, useconds_t then)
{
    uint64_t n, last = 0;
    int count = 0;
    while (read(said, &n, sizeof(n)) == (ssize_t)sizeof(n)) {
        last = n;
        if (++count == kill_after) {
            struct timespec t = {.tv_nsec = (long)then * 1000};
            ppoll(NULL, 0, &t, NULL); /* anywhere in the next commit */
            kill(pid, SIGKILL);
        }
    }
    return last;
}

static uint64_t run_child(struct fixture *fx, struct rng *rng)
{
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        work(fx, fds[1]);
    }
    close(fds[1]);
    uint64_t last =
        kill_in_time(fds[0], pid, 1 + (int)rng_below(rng, 30), (useconds_t)rng_below(rng, 3000));
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_true(last > 0);
    return last;
}

/* Every job that must be waiting waits, with its args; each batch is whole or not there. */
static void check(struct fixture *fx, uint64_t acknowledged)
{
    uint64_t batches = batches_there(fx);
    assert_true(batches == acknowledged || batches == acknowledged + 1);
    struct queue_counters c = fx_counters(fx, "default");
    assert_int_equal(c.submitted, batches * JOBS);
    assert_int_equal(c.completed, (batches - 1) * JOBS / 2);
    assert_int_equal(c.ready, c.submitted - c.completed);
    assert_int_equal(fx_rows(fx, TABLE_READY), c.ready);
    uint64_t after = 0, seen = 0;
    for (bool end = false; !end;) {
        struct op page = fx_page(fx, 1, PRIORITY_DEFAULT, after, 1000);
        for (uint32_t i = 0; i < page.page.count; i++, seen++) {
            const struct record *r = &page.page.records[i];
            uint64_t place = batches * JOBS - 1 - (fx->store->id_high - r->head.id) / 256;
            char args[32];
            snprintf(args, sizeof(args), "%llu-%llu", (unsigned long long)(place / JOBS + 1),
                     (unsigned long long)(place % JOBS));
            assert_true(text_is(r->args, args));
        }
        after = page.page.last;
        end = page.page.end;
        blob_unref(page.page.page);
    }
    assert_int_equal(seen, c.ready);
    fx_verify(fx);
}

static void acknowledged_batches_survive(void **state)
{
    struct fixture *fx = *state;
    struct rng rng = {1};
    for (int round = 0; round < ROUNDS; round++) {
        store_close(&fx->store);
        uint64_t last = run_child(fx, &rng);
        assert_int_equal(store_open_lmdb(&fx->store, &fx->options, fx->why, sizeof(fx->why)), 0);
        fx->engine = fx->store->engine;
        fx->id = fx->store->id_high;
        check(fx, last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(acknowledged_batches_survive, fixture_lmdb, fixture_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
