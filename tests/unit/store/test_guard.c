/* test_guard.c: a fault in the data file comes back as an answer; any other ends the process as
 * ever. */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/guard.h"

static volatile int sink;

static void raise_at_null(void)
{
    volatile int *volatile nowhere = NULL;
    sink = *nowhere;
}

static void faults_come_back(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    volatile uint8_t *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
    struct guard g;
    guard_arm(&g);
    if (sigsetjmp(g.back, 0) == 0) {
        sink = map[0]; /* beyond the end of the file */
        fail();
    }
    assert_string_equal(guard_text(), "SIGBUS while reading the data file");
    guard_arm(&g);
    if (sigsetjmp(g.back, 0) == 0) {
        guard_trip("a check inside failed");
        fail();
    }
    assert_string_equal(guard_text(), "a check inside failed");
    munmap((void *)(uintptr_t)map, 4096);
    fclose(file);
}

static void guards_nest_and_leave(void **state)
{
    (void)state;
    struct guard outer, inner;
    volatile int step = 0;
    guard_arm(&outer);
    if (sigsetjmp(outer.back, 0) == 0) {
        guard_arm(&inner);
        if (sigsetjmp(inner.back, 0) == 0)
            guard_trip("inner");
        step = 1;
        guard_trip("outer");
    }
    assert_int_equal(step, 1);
    assert_string_equal(guard_text(), "outer");
}

static void without_a_guard_a_fault_is_deadly(void **state)
{
    (void)state;
    struct guard g;
    guard_arm(&g);
    guard_leave(&g);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        fclose(stderr);
        guard_trip("nobody is there");
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void a_null_pointer_is_no_damage(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct guard g;
        fclose(stderr);
        guard_arm(&g);
        if (sigsetjmp(g.back, 0) == 0)
            raise_at_null();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_not_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_come_back),
        cmocka_unit_test(guards_nest_and_leave),
        cmocka_unit_test(without_a_guard_a_fault_is_deadly),
        cmocka_unit_test(a_null_pointer_is_no_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
