/* test_damage.c: a data file with flipped bits: what comes back is right, or the store says that it
 * is damaged. Nothing crashes, and no record is wrong. Each case runs in a child of its own. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"

enum verdict { GOOD, DAMAGED, WRONG };

/* Every job is "job" and its place; some are retried, so that every table has rows. */
static void fill(struct fixture *fx)
{
    fx_lane(fx, 1, "default", "mail");
    for (int i = 0; i < 20; i++) {
        struct op *op = fx_submit(fx, 1, 50, "job");
        fx_session(op, (uint8_t)i, 1, 0);
        uint64_t first = op->submit.first_id;
        fx_commit(fx);
        for (uint64_t n = 0; n < 10; n++) {
            struct job_head head = {.id = first + n * 256,
                                    .seq = first + n * 256,
                                    .created_ms = fx->wall_ms,
                                    .due_ms = fx->wall_ms,
                                    .lane = 1,
                                    .run = 2,
                                    .failures = 1,
                                    .attempts = 1,
                                    .priority = PRIORITY_DEFAULT,
                                    .state = n < 5 ? JOB_SCHEDULED : JOB_PARKED};
            static struct attempt a = {.number = 1, .run = 1, .outcome = ATTEMPT_FAILED};
            fx_update(fx, &head)->update.attempt = &a;
        }
        for (uint64_t n = 10; n < 30; n++)
            fx_end(fx, first + n * 256, 1, JOB_COMPLETED);
        fx_commit(fx);
    }
    fx_schedules(fx);
}

static bool is_damage(int error)
{
    return error == MUSTER_EDAMAGED || error == MUSTER_ENEWER;
}

/* Reads all that can be read, then works on it. */
static enum verdict use(struct fixture *fx)
{
    uint64_t after = 0;
    char why[256];
    int error = store_open_lmdb(&fx->store, &fx->options, why, sizeof(why));
    if (error)
        return is_damage(error) ? DAMAGED : WRONG;
    error = fx_try_verify(fx);
    if (error)
        return is_damage(error) ? DAMAGED : WRONG;
    for (bool more = true; more;) {
        struct op *op = fx_op(fx, OP_LIST);
        op->list.state = -1;
        op->list.after = after;
        op->list.limit = 300;
        error = fx_try_commit(fx);
        if (error)
            return is_damage(error) ? DAMAGED : WRONG;
        for (uint32_t i = 0; i < op->list.count; i++) {
            const struct job_view *v = &op->list.views[i];
            if (v->args.len && !key_starts(v->args, "job", 3))
                return WRONG;
        }
        after = op->list.last;
        more = op->list.more;
        blob_unref(op->list.page);
    }
    struct op *op = fx_submit(fx, 1, 50, "job");
    uint64_t first = op->submit.first_id;
    for (uint64_t n = 0; n < 50; n++)
        fx_end(fx, first + n * 256, 1, JOB_COMPLETED);
    error = fx_try_commit(fx);
    return error == 0 ? GOOD : (is_damage(error) ? DAMAGED : WRONG);
}

static int status_of_child(struct fixture *fx)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        if (!getenv("MUSTER_TEST_VERBOSE"))
            dup2(null, 2);
        _exit((int)use(fx));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static size_t used_bytes(struct fixture *fx)
{
    struct room room;
    assert_int_equal(engine_room(fx->engine, 0, &room), 0);
    return (size_t)room.used;
}

static void flipped_bits_are_found_or_harmless(void **state)
{
    struct fixture *fx = *state;
    char path[128];
    struct rng rng = {7};
    snprintf(path, sizeof(path), "%s/data.mdb", fx->dir);
    fill(fx);
    size_t size, used = used_bytes(fx);
    store_close(&fx->store);
    uint8_t *good = fx_read_file(path, &size), *bytes = malloc(used);
    fx_write_file(path, good, used);
    assert_int_equal(WEXITSTATUS(status_of_child(fx)), GOOD);
    const char *wanted = getenv("MUSTER_TEST_ROUNDS");
    int found = 0, rounds = wanted ? (int)strtol(wanted, NULL, 10) : 150;
    for (int round = 0; round < rounds; round++) {
        memcpy(bytes, good, used);
        size_t at = (size_t)rng_below(&rng, used);
        if (round % 2) /* in the first bytes of a page: what LMDB trusts */
            at = at / 4096 * 4096 + (size_t)rng_below(&rng, 200);
        unsigned bit = (unsigned)rng_below(&rng, 8);
        bytes[at] ^= (uint8_t)(1u << bit);
        fx_write_file(path, bytes, used);
        int status = status_of_child(fx);
        if (!WIFEXITED(status) || WEXITSTATUS(status) > DAMAGED)
            fail_msg("byte %zu (page %zu + %zu) bit %u: status %x", at, at / 4096, at % 4096, bit,
                     (unsigned)status);
        found += WEXITSTATUS(status) == DAMAGED;
    }
    print_message("%d of %d flips found, %zu pages\n", found, rounds, used / 4096);
    assert_true(found > rounds / 8);
    free(good);
    free(bytes);
}

static void a_cut_file_is_damaged(void **state)
{
    struct fixture *fx = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/data.mdb", fx->dir);
    fill(fx);
    size_t used = used_bytes(fx);
    store_close(&fx->store);
    for (size_t left = used - 1; left > 0; left = left * 2 / 3) {
        assert_int_equal(truncate(path, (off_t)left), 0);
        assert_int_equal(store_open_lmdb(&fx->store, &fx->options, fx->why, sizeof(fx->why)),
                         MUSTER_EDAMAGED);
        assert_non_null(strstr(fx->why, "damaged"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(flipped_bits_are_found_or_harmless, fixture_lmdb,
                                        fixture_down),
        cmocka_unit_test_setup_teardown(a_cut_file_is_damaged, fixture_lmdb, fixture_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
