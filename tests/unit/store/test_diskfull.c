/* test_diskfull.c: a filesystem that is really full: a small tmpfs in a namespace of its own.
 * Submits are refused in time, somebody else takes what is left, and still every job can be ended.
 */
#include "fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_NAMESPACE 77
#define EACH         64

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return good;
}

/* Root may mount in a mount namespace; others are root in a user namespace of their own. */
static bool may_mount(void)
{
    char users[64], groups[64];
    if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0)
        return true;
    snprintf(users, sizeof(users), "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof(groups), "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/uid_map", users) &&
           write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/gid_map", groups);
}

static void enter_small_filesystem(const char *dir)
{
    if (!may_mount() || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", dir, "tmpfs", 0, "size=40m") != 0)
        _exit(NO_NAMESPACE);
}

/* Somebody else's file. */
static void take_the_rest(const char *dir)
{
    static const char block[65536];
    char path[96];
    snprintf(path, sizeof(path), "%s/somebody-elses", dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    size_t size = sizeof(block);
    while (size > 0)
        if (write(fd, block, size) <= 0)
            size /= 2;
    close(fd);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, fx->why);                   \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static uint32_t fill(struct fixture *fx, uint64_t *ids, uint32_t max)
{
    static char text[400];
    memset(text, 'x', sizeof(text) - 1);
    for (uint32_t n = 0; n < max; n++) {
        struct op *op = fx_submit(fx, 1, EACH, text);
        ids[n] = op->submit.first_id;
        CHECK(fx_try_commit(fx) == 0);
        if (op->result == MUSTER_EDISK_RESERVE)
            return n;
        CHECK(op->result == 0);
    }
    return 0;
}

static void scenario(struct fixture *fx)
{
    static uint64_t ids[4000];
    enter_small_filesystem(fx->dir);
    fx->options.map_bytes = 0;
    fx->options.disk_reserve = 8u << 20;
    CHECK(store_open_lmdb(&fx->store, &fx->options, fx->why, sizeof(fx->why)) == 0);
    fx_lane(fx, 1, "default", "mail");
    uint32_t count = fill(fx, ids, 4000);
    CHECK(count > 100);
    take_the_rest(fx->dir);
    for (uint32_t n = 0; n < count; n++) {
        for (uint64_t i = 0; i < EACH; i++)
            fx_end(fx, ids[n] + i * 256, 1, JOB_COMPLETED);
        CHECK(fx_try_commit(fx) == 0);
    }
    CHECK(fx_counters(fx, "default").completed == count * EACH);
    /* What was freed inside the file is room again. */
    struct op *op = fx_submit(fx, 1, EACH, "again");
    CHECK(fx_try_commit(fx) == 0);
    CHECK(op->result == 0);
    store_close(&fx->store);
    CHECK(store_open_lmdb(&fx->store, &fx->options, fx->why, sizeof(fx->why)) == 0);
    CHECK(fx_counters(fx, "default").ready == EACH);
    store_close(&fx->store);
    _exit(0);
}

static void every_job_ends_on_a_full_disk(void **state)
{
    struct fixture *fx = *state;
    store_close(&fx->store);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        scenario(fx);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_NAMESPACE) {
        print_message("no namespaces here: test_full.c has the same with fault points\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_job_ends_on_a_full_disk, fixture_lmdb, fixture_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
