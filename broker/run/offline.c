/* offline.c: musterd --verify and --restore. */
#include "run/offline.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "run/broker.h"
#include "store/restore.h"

#define REASON_BYTES  512
#define PROBLEMS_TOLD 20
#define REDRAW_MS     100
#define CLEAR_LINE    "\r\033[K"

/* What is on the screen while it works. */
struct screen {
    bool terminal, drawn;
    uint64_t begun_ms, drawn_ms, told;
};

static void screen_begin(struct screen *s)
{
    *s = (struct screen){.terminal = isatty(STDERR_FILENO) == 1, .begun_ms = clock_ms()};
}

static void screen_clear(struct screen *s)
{
    if (s->drawn)
        fputs(CLEAR_LINE, stderr);
    s->drawn = false;
}

static void on_progress(void *user, uint64_t records)
{
    struct screen *s = user;
    uint64_t now_ms = clock_ms();
    if (!s->terminal || now_ms - s->drawn_ms < REDRAW_MS)
        return;
    s->drawn_ms = now_ms;
    s->drawn = true;
    uint64_t passed_ms = now_ms - s->begun_ms;
    fprintf(stderr, CLEAR_LINE "%" PRIu64 " records checked, %" PRIu64 "/s", records,
            records * 1000 / (passed_ms ? passed_ms : 1));
}

static void on_problem(void *user, const char *text)
{
    struct screen *s = user;
    if (s->told++ >= PROBLEMS_TOLD)
        return;
    screen_clear(s);
    printf("problem: %s\n", text);
}

static int fail(struct screen *s, int error, const char *why)
{
    screen_clear(s);
    fflush(stdout);
    fprintf(stderr, "musterd: %s\n", why);
    switch (error) {
    case MUSTER_EINVAL:
    case MUSTER_ENOTFOUND:
    case MUSTER_EDENIED:
        return EXIT_USAGE;
    case MUSTER_EINUSE:
    case MUSTER_EDAMAGED:
    case MUSTER_ENEWER:
        return EXIT_DATA;
    default:
        return EXIT_STORE;
    }
}

static void print_time(const char *label, uint64_t ms)
{
    char time[TIME_TEXT_BYTES];
    time_format(ms, time);
    printf("%s%s", label, time);
}

static void print_jobs(const struct verify *v)
{
    printf("%" PRIu64 " ready, %" PRIu64 " scheduled, %" PRIu64 " parked, %" PRIu64 " finished",
           v->ready, v->scheduled, v->parked, v->finished);
}

static void print_summary(const struct inspection *x, const char *data, const struct screen *s)
{
    const struct verify *v = &x->verify;
    double seconds = (double)(clock_ms() - s->begun_ms) / 1000;
    printf("%s: %s", data, x->is_backup ? "backup" : "data directory");
    if (x->is_backup)
        print_time(" of ", x->manifest.taken_ms);
    printf(", epoch %" PRIu64 "\n", v->epoch);
    for (int t = 0; t < TABLE_COUNT; t++)
        if (v->rows[t])
            printf("%-14s %12" PRIu64 "\n", table_name((enum table)t), v->rows[t]);
    printf("jobs: ");
    print_jobs(v);
    printf("\n%" PRIu64 " records in %.2f s: ", v->records, seconds);
    if (v->problems)
        printf("%" PRIu64 " problem%s\n", v->problems, v->problems == 1 ? "" : "s");
    else
        printf("no problems\n");
}

int offline_verify(const char *data)
{
    struct screen s;
    struct inspection x = {
        .verify = {.on_problem = on_problem, .on_progress = on_progress, .user = &s}};
    char why[REASON_BYTES] = "";
    screen_begin(&s);
    int error = inspect(&x, data, why, sizeof why);
    if (error)
        return fail(&s, error, why);
    screen_clear(&s);
    if (s.told > PROBLEMS_TOLD)
        printf("... and %" PRIu64 " more\n", s.told - PROBLEMS_TOLD);
    print_summary(&x, data, &s);
    return x.verify.problems ? EXIT_DATA : EXIT_STOPPED;
}

int offline_restore(const char *backup, const char *data)
{
    struct screen s;
    char why[REASON_BYTES] = "", age[DURATION_TEXT_BYTES];
    struct restore r = {.backup = backup, .data = data, .now_ms = clock_wall_ms()};
    r.found.verify.on_progress = on_progress;
    r.found.verify.on_problem = on_problem;
    r.found.verify.user = &s;
    screen_begin(&s);
    int error = restore_run(&r, why, sizeof why);
    if (error)
        return fail(&s, error, why);
    screen_clear(&s);
    uint64_t taken_ms = r.found.manifest.taken_ms;
    uint64_t passed_s = r.now_ms > taken_ms ? (r.now_ms - taken_ms) / 1000 : 0;
    duration_format((passed_s ? passed_s : 1) * 1000, age);
    printf("restored %s into %s: ", backup, data);
    print_jobs(&r.found.verify);
    print_time(",\nas of ", taken_ms);
    printf(" (%s ago)\n", age);
    return EXIT_STOPPED;
}
