/* cmd_schedule_trigger.c: schedule trigger: a run now, by hand. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/schedule.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/ledger_page.h"
#include "cli/schedules.h"

#define PAUSE_MS  50
#define SECOND_MS 1000

struct trigger {
    struct cli *cli;
    const char *name;
    uint64_t until_ms;              /* monotonic: then it gives up */
    uint64_t nominal_ms;            /* of the run, however often it is asked for; 0: not chosen */
    uint64_t after_ms;              /* that of the run before */
    char job[MUSTER_ID_TEXT_BYTES]; /* "" until there is one */
};

/* By the broker's clock, with milliseconds that say that it is by hand. */
static uint64_t choose(const struct trigger *t, uint64_t now_ms)
{
    uint64_t ms = now_ms > t->after_ms ? now_ms : t->after_ms + 1;
    uint64_t rest = ms % SECOND_MS;
    if (rest < NOMINAL_TRIGGER_MIN)
        return ms + NOMINAL_TRIGGER_MIN - rest;
    if (rest > NOMINAL_TRIGGER_MAX)
        return ms + SECOND_MS - rest + NOMINAL_TRIGGER_MIN;
    return ms;
}

/* It was fired before, and the answer was lost: the ledger has the job, or will have it soon. */
static int look(struct trigger *t)
{
    struct ledger_question q = {
        .name = t->name, .from_ms = t->nominal_ms, .before_ms = t->nominal_ms + 1, .limit = 1};
    json_t *page;
    bool more;
    int status = ledger_page_read(t->cli, &q, &page, &more);
    const char *job = json_string_value(json_object_get(json_array_get(page, 0), "job"));
    if (job)
        (void)snprintf(t->job, sizeof t->job, "%s", job);
    json_decref(page);
    return status;
}

static int full(const struct trigger *t)
{
    return cli_error(
        t->cli, MUSTER_EFULL,
        "%s: the broker has no room for the job; muster stats tells of disk and memory", t->name);
}

static int take(struct trigger *t, const muster_reply_t *reply)
{
    struct fire_answer answer;
    if (fire_answer_read(cli_body(reply), 1, &answer))
        return cli_error(t->cli, MUSTER_EPROTO, "the broker's answer cannot be read");
    uint8_t verdict = answer.verdicts.data[0];
    if (verdict == VERDICT_FULL)
        return full(t);
    if (verdict == VERDICT_FIRED)
        muster_id_format(slice_u64_at(answer.jobs, 0), t->job);
    else if (verdict == VERDICT_EARLY)
        t->nominal_ms = 0; /* the broker's clock was set back */
    return verdict == VERDICT_KNOWN ? look(t) : 0;
}

static int fire(struct trigger *t, const struct schedule_seen *seen)
{
    uint8_t revision[8], nominal[8];
    muster_reply_t *reply;
    struct msg m = {.type = MSG_FIRE};
    column_put_u64(revision, 0, seen->told.revision);
    column_put_u64(nominal, 0, t->nominal_ms);
    m.fire.epoch = seen->epoch;
    m.fire.count = 1;
    m.fire.revisions = slice_of(revision, sizeof revision);
    m.fire.nominals_ms = slice_of(nominal, sizeof nominal);
    m.fire.mode = FIRE_TRIGGER;
    int error = schedules_ask(t->cli, &m, &reply);
    int status = error ? cli_reply_error(t->cli, error, reply, t->name) : take(t, reply);
    muster_reply_destroy(&reply);
    return status;
}

/* Reads the schedule and asks for a run; 0 without a job: again. */
static int try(struct trigger *t)
{
    struct schedule_seen seen;
    muster_reply_t *reply;
    int status = schedules_find(t->cli, NULL, t->name, &seen, &reply);
    if (!status) {
        t->nominal_ms = t->nominal_ms ? t->nominal_ms : choose(t, seen.now_ms);
        status = fire(t, &seen);
    }
    muster_reply_destroy(&reply);
    return status;
}

static int trigger_one(struct trigger *t)
{
    int status = try(t);
    while (!status && !t->job[0]) {
        if (clock_ms() >= t->until_ms)
            return cli_error(t->cli, MUSTER_ETIMEOUT, "%s: the broker puts it off again and again",
                             t->name);
        struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
        status = try(t);
    }
    return status;
}

/* Each name; the worst that happened is the status, and the others are done. */
static int trigger_all(struct cli *cli, char **names, int count)
{
    int worst = EXIT_DONE, told = 0;
    uint64_t last_ms = 0;
    for (int i = 0; i < count; i++) {
        struct trigger t = {.cli = cli, .name = names[i], .after_ms = last_ms};
        t.until_ms = clock_ms() + cli_timeout_ms(cli);
        int status = trigger_one(&t);
        last_ms = t.nominal_ms > last_ms ? t.nominal_ms : last_ms;
        if (!status && cli->json)
            printf("%s{\"name\":\"%s\",\"job\":\"%s\"}", told ? "," : "[", t.name, t.job);
        else if (!status)
            printf("%s\n", t.job);
        told += !status;
        if (status == EXIT_NOT_FOUND) {
            worst = EXIT_JOBS;
        } else if (status) {
            worst = status;
            break;
        }
    }
    if (cli->json && (told || worst <= EXIT_JOBS))
        printf("%s]\n", told ? "" : "[");
    return worst == EXIT_JOBS && !told ? EXIT_NOT_FOUND : worst;
}

static int run(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    int status = schedules_check_names(cli, "schedule trigger", args, count);
    status = status ? status : cli_open(cli);
    return status ? status : trigger_all(cli, args, count);
}

const struct cli_command cmd_schedule_trigger = {
    .min_args = 1,
    .max_args = -1,
    .run = run,
    .details = "A run now, whatever overlap says and though it is paused; its job's id is printed. "
               "It counts as a\n"
               "run that has not ended for what is due after it. Exit status 1: there is no "
               "schedule of some name,\n"
               "and the others are triggered; 3: there is none of any name.",
};
