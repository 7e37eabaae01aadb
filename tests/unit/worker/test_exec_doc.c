/* The handlers printed in docs/exec.md, run as they stand there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec_rig.h"
#include "json.h"

#define PAGE SOURCE_DIR "/docs/exec.md"

static const char *const languages[] = {"sh", "python3", "ruby"};

enum { LANGUAGES = sizeof languages / sizeof *languages };

static struct exec_rig rig;
static char dir[] = "/tmp/muster-exec-doc-XXXXXX";
static char paths[LANGUAGES][64];

/* The text between the fences after the mark of a language. */
static char *snippet(const char *language)
{
    char *page = calloc(1, 1 << 16), mark[64], *from, *to;
    FILE *f = fopen(PAGE, "r");

    assert_true(page && f);
    assert_true(fread(page, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    snprintf(mark, sizeof mark, "<!-- tested: %s -->\n```", language);
    from = strstr(page, mark);
    assert_non_null(from);
    from = strchr(from + strlen(mark), '\n') + 1;
    to = strstr(from, "\n```\n");
    assert_non_null(to);
    memmove(page, from, (size_t)(to - from) + 1);
    page[to - from + 1] = 0;
    return page;
}

static int setup(void **state)
{
    static const char *commands[LANGUAGES];

    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < LANGUAGES; i++) {
        char *text = snippet(languages[i]);
        snprintf(paths[i], sizeof paths[i], "%s/%s", dir, languages[i]);
        FILE *f = fopen(paths[i], "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
        chmod(paths[i], 0700);
        commands[i] = paths[i];
        free(text);
    }
    exec_rig_init(&rig, commands, LANGUAGES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    exec_rig_fini(&rig);
    for (size_t i = 0; i < LANGUAGES; i++)
        unlink(paths[i]);
    return rmdir(dir);
}

static struct job *run_with(size_t language, const char *json)
{
    struct buf args;
    char why[160];
    struct job *job;

    buf_init(&args, 1 << 16);
    assert_int_equal(json_to_msgpack(json, strlen(json), &args, why, sizeof why), 0);
    job = exec_rig_start(&rig, language, buf_slice(&args), 60000);
    exec_rig_wait(&rig, job);
    buf_fini(&args);
    return job;
}

static void run_language(size_t i)
{
    struct job *job = run_with(i, "{\"to\":\"Ada\"}");
    struct buf text;

    if (job->outcome == OUTCOME_FAILED && !strcmp(job->note->code, "not_executable"))
        skip(); /* this machine has no such interpreter */
    assert_int_equal(job->outcome, OUTCOME_COMPLETED);
    buf_init(&text, 1 << 16);
    assert_int_equal(msgpack_to_json(slice_of(job->result, job->result_len), &text), 0);
    assert_true(slice_is(buf_slice(&text), "{\"greeting\":\"Hello, Ada\"}"));
    buf_fini(&text);
    assert_memory_equal(job->note->log, "attempt 3 for Ada\n", job->note->log_len);
    job = run_with(i, "{}");
    assert_int_equal(job->outcome, OUTCOME_PARKED);
    assert_string_equal(job->note->message, "args need \"to\"");
}

static void in_sh(void **state)
{
    (void)state;
    run_language(0);
}

static void in_python(void **state)
{
    (void)state;
    run_language(1);
}

static void in_ruby(void **state)
{
    (void)state;
    run_language(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_sh),
        cmocka_unit_test(in_python),
        cmocka_unit_test(in_ruby),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
