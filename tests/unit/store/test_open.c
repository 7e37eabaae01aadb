/* test_open.c: who may open a directory, and what it says when it may not. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/inspect.h"
#include "store/meta.h"

static void a_second_process_is_refused(void **state)
{
    struct fixture *fx = *state;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *other = NULL;
        char why[256], holder[64];
        int error = store_open_lmdb(&other, &fx->options, why, sizeof(why));
        snprintf(holder, sizeof(holder), "process %ld", (long)getppid());
        _exit(error == MUSTER_EINUSE && strstr(why, holder) && strstr(why, fx->dir) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    /* The same process too, and again once it is closed. */
    struct store *other = NULL;
    assert_int_equal(store_open_lmdb(&other, &fx->options, fx->why, sizeof(fx->why)),
                     MUSTER_EINUSE);
    store_close(&fx->store);
    assert_int_equal(store_open_lmdb(&fx->store, &fx->options, fx->why, sizeof(fx->why)), 0);
}

static void set_format(struct store *s, uint64_t format)
{
    assert_int_equal(engine_begin(s->engine), 0);
    assert_int_equal(meta_put_number(s, META_FORMAT, format), 0);
    assert_int_equal(engine_commit(s->engine), 0);
}

static void a_newer_format_is_refused(void **state)
{
    struct fixture *fx = *state;
    set_format(fx->store, STORE_FORMAT + 1);
    store_close(&fx->store);
    assert_int_equal(store_open_lmdb(&fx->store, &fx->options, fx->why, sizeof(fx->why)),
                     MUSTER_ENEWER);
    assert_non_null(strstr(fx->why, "newer version"));
    assert_non_null(strstr(fx->why, fx->dir));
    assert_null(fx->store);
}

static void a_store_keeps_its_id(void **state)
{
    struct fixture *fx = *state;
    uint8_t id[16];
    memcpy(id, fx->store->store_id, sizeof(id));
    fx_reopen(fx);
    assert_memory_equal(id, fx->store->store_id, sizeof(id));
}

static void directories_are_made(void **state)
{
    struct fixture *fx = *state;
    char deep[128], below[144];
    struct stat st;
    struct store *s = NULL;
    snprintf(deep, sizeof(deep), "%s-x", fx->dir);
    snprintf(below, sizeof(below), "%s/a", deep);
    struct store_options options = fx->options;
    options.directory = below;
    assert_int_equal(store_open_lmdb(&s, &options, fx->why, sizeof(fx->why)), 0);
    store_close(&s);
    assert_int_equal(stat(below, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"data.mdb", "lock.mdb", "lock"};
        char path[160];
        snprintf(path, sizeof(path), "%s/%s", below, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        unlink(path);
    }
    rmdir(below);
    rmdir(deep);
    options.directory = "/proc/nothing/here";
    assert_int_equal(store_open_lmdb(&s, &options, fx->why, sizeof(fx->why)), MUSTER_EIO);
    assert_non_null(strstr(fx->why, "/proc/nothing"));
}

static void a_file_of_something_else_is_damage(void **state)
{
    struct fixture *fx = *state;
    char path[96];
    store_close(&fx->store);
    snprintf(path, sizeof(path), "%s/data.mdb", fx->dir);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 2000; i++)
        fputs("this is no data file\n", f);
    fclose(f);
    assert_int_equal(store_open_lmdb(&fx->store, &fx->options, fx->why, sizeof(fx->why)),
                     MUSTER_EDAMAGED);
}

/* Its checksum is right, but nobody has made such a number: it would make a table of that size. */
static void a_lane_beyond_all_numbers_is_damage(void **state)
{
    const uint32_t numbers[] = {LANE_NUMBER_MAX + 1, UINT32_MAX};
    struct fixture *fx = *state;
    for (int i = 0; i < 2; i++) {
        fixture_down(state);
        fixture_lmdb(state);
        fx = *state;
        fx_lane(fx, numbers[i], "default", "mail");
        fx_commit(fx);
        assert_int_equal(fx_try_verify(fx), MUSTER_EDAMAGED);
        store_close(&fx->store);
        assert_int_equal(store_open_lmdb(&fx->store, &fx->options, fx->why, sizeof(fx->why)),
                         MUSTER_EDAMAGED);
    }
}

static void a_mark_beyond_all_priorities_is_damage(void **state)
{
    struct fixture *fx = *state;
    struct boot boot;
    fx_lane(fx, 1, "default", "mail");
    struct op *op = fx_op(fx, OP_MARK);
    op->mark.lane = 1;
    op->mark.priority = 200;
    op->mark.seq = 5;
    fx_commit(fx);
    assert_int_equal(store_boot(fx->store, &boot, fx->why, sizeof(fx->why)), MUSTER_EDAMAGED);
}

/* The file is larger than what is in use: blocks are there before they are needed. */
static void space_is_allocated_ahead(void **state)
{
    struct fixture *fx = *state;
    struct room room;
    struct stat st;
    char path[96];
    fx_lane(fx, 1, "default", "mail");
    snprintf(path, sizeof(path), "%s/data.mdb", fx->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(engine_room(fx->engine, 0, &room), 0);
    assert_true((uint64_t)st.st_size >= room.used + fx->options.disk_reserve);
    assert_true((uint64_t)st.st_blocks * 512 >= room.used + fx->options.disk_reserve);
    fx_reopen(fx);
    assert_int_equal(fx_counters(fx, "default").ready, 0);
}

/* The tables of schedules get other names, of the same length and order: this is what a version
 * that did not know them has left. */
static void forget_schedules(const char *path)
{
    static const char *const names[][2] = {{"schedule", "scheduld"}, {"ledger", "ledgeq"}};
    size_t size;
    uint8_t *bytes = fx_read_file(path, &size);
    for (int n = 0; n < 2; n++) {
        size_t len = strlen(names[n][0]), found = 0;
        for (size_t i = 0; i + len <= size; i++) {
            if (memcmp(bytes + i, names[n][0], len) != 0)
                continue;
            memcpy(bytes + i, names[n][1], len);
            found++;
        }
        assert_true(found > 0);
    }
    fx_write_file(path, bytes, size);
    free(bytes);
}

static void a_store_of_format_1_is_taken_over(void **state)
{
    struct fixture *fx = *state;
    char path[96];
    struct inspection x = {0};
    uint64_t format;
    fx_lane(fx, 1, "default", "mail");
    fx_submit(fx, 1, 10, "job");
    fx_commit(fx);
    set_format(fx->store, 1);
    store_close(&fx->store);
    snprintf(path, sizeof(path), "%s/data.mdb", fx->dir);
    forget_schedules(path);
    assert_int_equal(inspect(&x, fx->dir, fx->why, sizeof(fx->why)), 0);
    assert_int_equal(x.verify.problems, 0);
    assert_int_equal(x.verify.ready, 10);
    assert_int_equal(store_open_lmdb(&fx->store, &fx->options, fx->why, sizeof(fx->why)), 0);
    fx->engine = store_engine(fx->store);
    assert_int_equal(engine_begin(fx->engine), 0);
    assert_int_equal(meta_get_number(fx->store, META_FORMAT, &format), 0);
    engine_abort(fx->engine);
    assert_int_equal(format, STORE_FORMAT);
    fx_schedules(fx);
    fx_reopen(fx);
    fx_verify(fx);
    assert_int_equal(fx_counters(fx, "default").ready, 10);
    assert_int_equal(fx_rows(fx, TABLE_SCHEDULE), 1);
}

#define LMDB(test) cmocka_unit_test_setup_teardown(test, fixture_lmdb, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LMDB(a_second_process_is_refused),
        LMDB(a_newer_format_is_refused),
        LMDB(a_store_of_format_1_is_taken_over),
        LMDB(a_store_keeps_its_id),
        LMDB(directories_are_made),
        LMDB(a_lane_beyond_all_numbers_is_damage),
        LMDB(a_mark_beyond_all_priorities_is_damage),
        LMDB(space_is_allocated_ahead),
        LMDB(a_file_of_something_else_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
