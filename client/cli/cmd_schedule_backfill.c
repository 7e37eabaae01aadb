/* cmd_schedule_backfill.c: schedule backfill: fires what the ledger lacks in a span of time. */
#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/backfill.h"
#include "cli/commands.h"
#include "cli/ledger_page.h"
#include "cli/occurrence.h"
#include "cli/progress.h"
#include "cli/schedule_view.h"
#include "scheduler/zones.h"

#define COMMAND      "schedule backfill"
#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 1000

struct backfill_values {
    struct option_number from, to;
    const char *overlap;
    bool dry_run;
};

static const struct option_row rows[] = {
    {"from", OPTION_TIME, "TIME", "the first time", offsetof(struct backfill_values, from), 0, 0},
    {"to", OPTION_TIME, "TIME", "the last time (now)", offsetof(struct backfill_values, to), 0, 0},
    {"overlap", OPTION_TEXT, "POLICY",
     "while a run before it has not ended: skip, queue_one or allow (allow)",
     offsetof(struct backfill_values, overlap), 0, 0},
    {"dry-run", OPTION_FLAG, NULL, "say what would be fired, and fire nothing",
     offsetof(struct backfill_values, dry_run), 0, 0},
    {0},
};

struct filling {
    struct cli *cli;
    struct zones *zones;
    const char *name;
    uint64_t from_ms, to_ms; /* to_ms: not beyond the broker's now */
    uint64_t begun_ms;       /* by the broker's clock */
    uint64_t remembered_ms;  /* the ledger may lack what was judged of times before this */
    enum overlap overlap;
    uint64_t revision, epoch; /* of the schedule, as it was read last */
    struct buf definition;
    struct backfill work;
    struct progress progress;
    uint64_t would_fire, judged; /* dry run */
    uint64_t stuck_ms;           /* since when nothing has moved (monotonic); 0: it does */
    uint64_t pause_ms;
};

/* ---- the schedule ---- */

static int too_new(const struct filling *f, const struct schedule_seen *seen)
{
    return cli_error(f->cli, MUSTER_EINVAL, "%s: %s", f->name, seen->why);
}

/* Its definition for the first time; later only its revision may have changed. */
static int keep(struct filling *f, const struct schedule_seen *seen)
{
    struct slice definition = seen->told.definition;
    f->revision = seen->told.revision;
    f->epoch = seen->epoch;
    if (f->definition.len == 0) {
        uint64_t window = seen->definition.has & MSG_BIT(schedule, catch_up_window_ms)
                              ? seen->definition.catch_up_window_ms
                              : CATCH_UP_WINDOW_DEFAULT_MS;
        f->begun_ms = seen->now_ms;
        window += LEDGER_BEYOND_WINDOW_MS;
        f->remembered_ms = seen->now_ms > window ? seen->now_ms - window : 0;
        if (f->to_ms > seen->now_ms)
            f->to_ms = seen->now_ms;
        backfill_init(&f->work, &seen->plan, f->from_ms, f->to_ms);
        return buf_append(&f->definition, definition.data, definition.len)
                   ? cli_error(f->cli, MUSTER_ENOMEM, "out of memory")
                   : 0;
    }
    if (slice_eq(definition, buf_slice(&f->definition)))
        return 0;
    return cli_error(f->cli, MUSTER_ESTATE,
                     "%s was changed meanwhile: the same command again goes on with it as it is "
                     "now",
                     f->name);
}

static int read_schedule(struct filling *f)
{
    struct schedule_seen seen;
    muster_reply_t *reply;
    int status = schedules_find(f->cli, f->zones, f->name, &seen, &reply);
    if (!status)
        status = seen.planned ? keep(f, &seen) : too_new(f, &seen);
    muster_reply_destroy(&reply);
    return status;
}

/* ---- the ledger ---- */

/* What the ledger says of each open time; "" for nothing. */
static int read_verdicts(struct filling *f, char said[][16])
{
    struct ledger_question q = {.name = f->name, .limit = LEDGER_PAGE_ROWS};
    q.from_ms = (uint64_t)f->work.open[0].utc * 1000;
    q.before_ms = (uint64_t)f->work.open[f->work.count - 1].utc * 1000 + 1;
    bool more = true;
    int status = 0;
    while (more && !status) {
        json_t *page, *row;
        size_t index;
        status = ledger_page_read(f->cli, &q, &page, &more);
        json_array_foreach(page, index, row)
        {
            uint32_t at = backfill_find(&f->work, ledger_number(row, "nominal"));
            const char *verdict = json_string_value(json_object_get(row, "verdict"));
            if (at < FIRE_MAX && verdict)
                (void)snprintf(said[at], sizeof said[at], "%s", verdict);
        }
        json_decref(page);
    }
    return status;
}

/* Of what this command asks for, verdicts may come without an answer: when the broker was started
 * anew. */
static void settle(struct filling *f, const json_t *row)
{
    const char *verdict = json_string_value(json_object_get(row, "verdict"));
    const char *reason = json_string_value(json_object_get(row, "reason"));
    if (!verdict || !reason || strcmp(reason, fire_reason_name(REASON_BACKFILL)) != 0 ||
        ledger_number(row, "judged") < f->begun_ms)
        return;
    if (strcmp(verdict, fire_verdict_name(VERDICT_FIRED)) == 0)
        backfill_settle(&f->work, ledger_number(row, "nominal"), VERDICT_FIRED);
    else if (strcmp(verdict, fire_verdict_name(VERDICT_WAITING)) == 0)
        backfill_settle(&f->work, ledger_number(row, "nominal"), VERDICT_WAITING);
}

static int settle_all(struct filling *f)
{
    struct backfill *b = &f->work;
    struct ledger_question q = {.name = f->name, .limit = LEDGER_PAGE_ROWS};
    bool more = b->unsure_count > 0;
    int status = 0;
    if (more) {
        q.from_ms = b->unsure_ms[0];
        q.before_ms = b->unsure_ms[b->unsure_count - 1] + 1;
    }
    while (more && !status) {
        json_t *page, *row;
        size_t index;
        status = ledger_page_read(f->cli, &q, &page, &more);
        json_array_foreach(page, index, row)
        {
            settle(f, row);
        }
        json_decref(page);
    }
    backfill_settle_rest(b);
    return status;
}

/* ---- firing ---- */

static int ask_fire(struct filling *f, muster_reply_t **ret_reply)
{
    uint8_t revisions[8 * FIRE_MAX], nominals[8 * FIRE_MAX];
    struct msg m = {.type = MSG_FIRE};
    for (uint32_t i = 0; i < f->work.count; i++)
        column_put_u64(revisions, i, f->revision);
    backfill_column(&f->work, nominals);
    m.fire.epoch = f->epoch;
    m.fire.count = f->work.count;
    m.fire.revisions = slice_of(revisions, (size_t)8 * f->work.count);
    m.fire.nominals_ms = slice_of(nominals, (size_t)8 * f->work.count);
    m.fire.mode = FIRE_BACKFILL;
    m.fire.overlap = f->overlap;
    m.fire.has = MSG_BIT(fire, overlap); /* 0 is not the default */
    return schedules_ask(f->cli, &m, ret_reply);
}

static void show_progress(struct filling *f, const char *what)
{
    uint64_t first = f->from_ms / 1000, at = (uint64_t)(f->work.at > 0 ? f->work.at : 0);
    progress_show(&f->progress, at > first ? at - first : 0, f->work.verdicts[VERDICT_FIRED], what,
                  clock_ms());
}

/* Nothing has moved: waits a little, each time longer. */
static int wait_for_room(struct filling *f, bool full)
{
    uint64_t now_ms = clock_ms();
    f->pause_ms = f->stuck_ms ? 2 * f->pause_ms : PAUSE_MIN_MS;
    if (f->pause_ms > PAUSE_MAX_MS)
        f->pause_ms = PAUSE_MAX_MS;
    f->stuck_ms = f->stuck_ms ? f->stuck_ms : now_ms;
    if (f->cli->timeout.given && now_ms - f->stuck_ms >= f->cli->timeout.value) {
        progress_clear(&f->progress);
        return cli_error(f->cli, MUSTER_ETIMEOUT, "%s: %s", f->name,
                         full ? "the broker has no room" : "the broker puts it off");
    }
    show_progress(f, full ? "fired; the broker has no room, waiting" : "fired; waiting");
    struct timespec pause = {.tv_sec = (time_t)(f->pause_ms / 1000),
                             .tv_nsec = (long)(f->pause_ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
    return 0;
}

static int take_answer(struct filling *f, const muster_reply_t *reply)
{
    struct fire_answer answer;
    if (fire_answer_read(cli_body(reply), f->work.count, &answer))
        return cli_error(f->cli, MUSTER_EPROTO, "the broker's answer cannot be read");
    struct backfill_step step = backfill_take(&f->work, answer.verdicts);
    int status = settle_all(f);
    if (!status && step.stale)
        status = read_schedule(f);
    if (status || step.judged) {
        f->stuck_ms = 0;
        show_progress(f, "fired");
        return status;
    }
    return wait_for_room(f, step.full);
}

static int fire_all(struct filling *f)
{
    int status = 0;
    progress_begin(&f->progress, !f->cli->json,
                   f->to_ms > f->from_ms ? (f->to_ms - f->from_ms) / 1000 : 0, clock_ms());
    while (!status && backfill_fill(&f->work) > 0) {
        muster_reply_t *reply;
        int error = ask_fire(f, &reply);
        if (error)
            progress_clear(&f->progress);
        status = error ? cli_reply_error(f->cli, error, reply, f->name) : take_answer(f, reply);
        muster_reply_destroy(&reply);
    }
    progress_clear(&f->progress);
    return status;
}

static void tell_fired(const struct filling *f)
{
    const uint64_t *n = f->work.verdicts;
    char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
    time_format(f->from_ms, from);
    time_format(f->to_ms, to);
    if (f->cli->json) {
        printf("{\"name\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"fired\":%" PRIu64
               ",\"known\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"waiting\":%" PRIu64
               ",\"early\":%" PRIu64 "}\n",
               f->name, from, to, n[VERDICT_FIRED], n[VERDICT_KNOWN], n[VERDICT_SKIPPED],
               n[VERDICT_WAITING], n[VERDICT_EARLY]);
        return;
    }
    printf("%s: %" PRIu64 " fired, %" PRIu64 " had been judged, %" PRIu64 " skipped", f->name,
           n[VERDICT_FIRED], n[VERDICT_KNOWN], n[VERDICT_SKIPPED]);
    if (n[VERDICT_WAITING])
        printf(", %" PRIu64 " waiting", n[VERDICT_WAITING]);
    if (n[VERDICT_EARLY])
        printf(", %" PRIu64 " to come by the broker's clock", n[VERDICT_EARLY]);
    (void)putchar('\n');
}

/* ---- what would be fired ---- */

static void tell_time(struct filling *f, const struct occurrence *o, const char *was)
{
    if (f->cli->json) {
        json_t *one = occurrence_json(o);
        (void)json_object_set_new(one, "was", *was ? json_string(was) : json_null());
        (void)putchar(f->would_fire ? ',' : '[');
        (void)json_dumpf(one, stdout, JSON_COMPACT);
        json_decref(one);
        return;
    }
    char utc[OCCURRENCE_TEXT_BYTES], local[OCCURRENCE_TEXT_BYTES];
    occurrence_utc(o, utc);
    occurrence_local(o, local);
    if (!f->would_fire)
        printf("%s%-25s  %-20s  %s%s\n", cli_colour(f->cli, "bold"), "LOCAL", "UTC", "WAS",
               cli_colour(f->cli, "reset"));
    printf("%-25s  %-20s  %s\n", local, utc, *was ? was : "-");
}

static int dry_run(struct filling *f)
{
    char said[FIRE_MAX][16];
    const char *missed = fire_verdict_name(VERDICT_MISSED);
    int status = 0;
    if (f->cli->json)
        printf("{\"name\":\"%s\",\"times\":", f->name);
    while (!status && backfill_fill(&f->work) > 0) {
        memset(said, 0, sizeof said);
        status = read_verdicts(f, said);
        for (uint32_t i = 0; i < f->work.count && !status; i++) {
            if (said[i][0] && strcmp(said[i], missed) != 0) {
                f->judged++;
                continue;
            }
            tell_time(f, &f->work.open[i], said[i]);
            f->would_fire++;
        }
        f->work.count = 0;
    }
    if (f->cli->json)
        printf("%s],\"would_fire\":%" PRIu64 ",\"judged\":%" PRIu64 "}\n", f->would_fire ? "" : "[",
               f->would_fire, f->judged);
    else if (!status)
        printf("%s: %" PRIu64 " would be fired, %" PRIu64 " have been judged\n", f->name,
               f->would_fire, f->judged);
    return status;
}

/* ---- the command ---- */

static void tell_bounds(const struct filling *f, uint64_t to_ms)
{
    char text[TIME_TEXT_BYTES];
    time_format(f->to_ms, text);
    if (f->from_ms > f->begun_ms && !f->cli->json)
        (void)fprintf(stderr, "muster: --from is in the future: the broker's now is %.19sZ\n",
                      text);
    else if (to_ms > f->to_ms && to_ms != UINT64_MAX)
        cli_note(f->cli, "only up to the broker's now, %s", text);
    time_format(f->remembered_ms, text);
    if (f->from_ms < f->remembered_ms && !f->cli->json)
        (void)fprintf(stderr,
                      "muster: the ledger forgets what was judged before %.19sZ: runs from before "
                      "that may be fired again\n",
                      text);
}

static int run_with(struct filling *f, const struct backfill_values *v)
{
    int status = cli_open(f->cli);
    status = status ? status : read_schedule(f);
    if (status)
        return status;
    tell_bounds(f, v->to.given ? v->to.value : UINT64_MAX);
    if (v->dry_run)
        return dry_run(f);
    status = fire_all(f);
    tell_fired(f);
    if (status)
        cli_note(f->cli, "the same command again does the rest");
    return status;
}

static int run(struct cli *cli, const void *values, char **args, int count)
{
    const struct backfill_values *v = values;
    struct filling f = {.cli = cli,
                        .name = args[0],
                        .from_ms = v->from.value,
                        .to_ms = v->to.given ? v->to.value : UINT64_MAX,
                        .overlap = OVERLAP_ALLOW};
    int status = schedules_check_names(cli, COMMAND, args, count);
    if (status)
        return status;
    if (!v->from.given)
        return cli_usage(cli, COMMAND, "%s needs --from: the first time to be fired", COMMAND);
    if (f.from_ms > f.to_ms)
        return cli_usage(cli, COMMAND, "--from is after --to");
    bool known = !v->overlap || overlap_parse(slice_str(v->overlap), &f.overlap) == 0;
    if (!known || f.overlap == OVERLAP_CANCEL_OLD) /* each would cancel the one before */
        return cli_usage(cli, COMMAND, "--overlap is skip, queue_one or allow here, not \"%s\"",
                         v->overlap);
    status = schedules_zones(cli, &f.zones);
    if (status)
        return status;
    buf_init(&f.definition, SIZE_MAX / 2);
    status = run_with(&f, v);
    buf_fini(&f.definition);
    zones_free(f.zones);
    return status;
}

const struct cli_command cmd_schedule_backfill = {
    .rows = rows,
    .values_size = sizeof(struct backfill_values),
    .min_args = 1,
    .max_args = 1,
    .run = run,
    .details = "Fires those nominal times of the span, its ends included, that were missed or "
               "never judged; what\n"
               "was fired or skipped is not fired again, so the same command twice does nothing "
               "more. It is done\n"
               "also while the schedule is paused. The ledger goes back for the schedule's "
               "catch_up_window and a\n"
               "day: --dry-run shows what it lacks.",
};
