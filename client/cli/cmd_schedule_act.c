/* cmd_schedule_act.c: schedule pause, resume and delete. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/schedule.h"
#include "cli/commands.h"
#include "cli/schedules.h"
#include "json.h"

#define SOURCE_OF_PEOPLE "cli" /* what schedule put says without --source */

static const struct act {
    enum schedule_action action;
    const char *command, *done;
} acts[] = {
    {SCHEDULE_PAUSE, "schedule pause", "paused"},
    {SCHEDULE_RESUME, "schedule resume", "resumed"},
    {SCHEDULE_DELETE, "schedule delete", "deleted"},
};

struct acting {
    struct cli *cli;
    const struct act *act;
    char **names;
    char **sources; /* before they are deleted; else all NULL */
    uint32_t told;
    bool missed, single; /* single: one name was given */
};

/* ---- whose they are ---- */

/* Who is not there is told when it is to be deleted. */
static void ask_source(struct acting *a, uint32_t at)
{
    struct schedules_answer answer;
    struct told_schedule told;
    muster_reply_t *reply;
    struct msg m = {.type = MSG_SCHEDULES};
    m.schedules.name = slice_str(a->names[at]);
    if (!schedules_ask(a->cli, &m, &reply) && !schedules_answer_read(cli_body(reply), &answer) &&
        schedules_answer_next(&answer, &told) == 1)
        a->sources[at] = strndup((const char *)told.source.data, told.source.len);
    muster_reply_destroy(&reply);
}

/* ---- what became of them ---- */

static void tell_done(struct acting *a, const char *name, const char *source)
{
    bool of_file = source && *source && strcmp(source, SOURCE_OF_PEOPLE) != 0;
    if (a->cli->json) {
        json_t *object =
            json_pack("{s:s, s:s, s:s*}", "name", name, "done", a->act->done, "source", source);
        (void)putchar(a->told++ ? ',' : '[');
        (void)json_dumpf(object, stdout, JSON_COMPACT);
        json_decref(object);
        return;
    }
    a->told++;
    printf("%s %s", name, a->act->done);
    if (of_file) {
        printf("; if it is still in the file of ");
        cli_put(stdout, source, "");
        printf(", a scheduler puts it again when it reads that");
    }
    (void)putchar('\n');
}

static int tell(struct acting *a, const muster_reply_t *reply, uint32_t at, uint32_t count)
{
    json_t *list = msgpack_to_jansson(cli_body(reply));
    bool good = json_array_size(list) == count;
    int status = 0;
    for (uint32_t i = 0; good && i < count; i++) {
        const char *name = a->names[at + i];
        const char *code = json_string_value(json_object_get(json_array_get(list, i), "code"));
        if (!code) {
            tell_done(a, name, a->sources[at + i]);
            continue;
        }
        a->missed = true;
        if (strcmp(code, err_code(MUSTER_ENOTFOUND)) == 0)
            status = a->single ? schedules_not_found(a->cli, name)
                               : cli_error(a->cli, MUSTER_ENOTFOUND,
                                           "%s: there is no such schedule", name);
        else
            status = cli_error_code(a->cli, EXIT_REFUSED, code, "%s: %s", name, code);
    }
    json_decref(list);
    if (status && status != EXIT_NOT_FOUND)
        return status;
    return good ? 0 : cli_error(a->cli, MUSTER_EPROTO, "the broker's answer cannot be read");
}

static int act_on(struct acting *a, uint32_t at, uint32_t count)
{
    struct slice names[SCHEDULES_PER_PUT];
    muster_reply_t *reply;
    struct msg m = {.type = MSG_SCHEDULE_ACT};
    for (uint32_t i = 0; i < count; i++)
        names[i] = slice_str(a->names[at + i]);
    m.schedule_act.action = a->act->action;
    m.schedule_act.names = (struct strs){.items = names, .count = count};
    int error = schedules_ask(a->cli, &m, &reply);
    int status = error ? cli_reply_error(a->cli, error, reply, "") : tell(a, reply, at, count);
    muster_reply_destroy(&reply);
    return status;
}

static int run_act(struct cli *cli, const struct act *act, char **names, int count)
{
    struct acting a = {.cli = cli, .act = act, .names = names, .single = count == 1};
    int status = schedules_check_names(cli, act->command, names, count);
    status = status ? status : cli_open(cli);
    if (status)
        return status;
    a.sources = calloc((size_t)count, sizeof *a.sources);
    if (!a.sources)
        return cli_error(cli, MUSTER_ENOMEM, "out of memory");
    for (uint32_t at = 0, some; at < (uint32_t)count && !status; at += some) {
        some = (uint32_t)count - at < SCHEDULES_PER_PUT ? (uint32_t)count - at : SCHEDULES_PER_PUT;
        for (uint32_t i = 0; act->action == SCHEDULE_DELETE && i < some; i++)
            ask_source(&a, at + i);
        status = act_on(&a, at, some);
    }
    if (cli->json && (a.told || !status))
        printf("%s]\n", a.told ? "" : "[");
    for (int i = 0; i < count; i++)
        free(a.sources[i]);
    free(a.sources);
    if (status || !a.missed)
        return status;
    return a.told ? EXIT_JOBS : EXIT_NOT_FOUND;
}

static int run_pause(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    return run_act(cli, &acts[0], args, count);
}

static int run_resume(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    return run_act(cli, &acts[1], args, count);
}

static int run_delete(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    return run_act(cli, &acts[2], args, count);
}

const struct cli_command cmd_schedule_pause = {
    .min_args = 1,
    .max_args = -1,
    .run = run_pause,
    .details = "No nominal time is fired until it is resumed; jobs that are there go on. Kept over "
               "restarts, and\n"
               "when a scheduler puts its file again. Exit status 1: there is no schedule of some "
               "name, and the\n"
               "others are paused; 3: there is none of any name.",
};
const struct cli_command cmd_schedule_resume = {
    .min_args = 1,
    .max_args = -1,
    .run = run_resume,
    .details = "What was due meanwhile is not fired: muster schedule backfill does that. Exit "
               "status 1: there is\n"
               "no schedule of some name, and the others are resumed; 3: there is none of any "
               "name.",
};
const struct cli_command cmd_schedule_delete = {
    .min_args = 1,
    .max_args = -1,
    .run = run_delete,
    .details = "Its history goes with it; its jobs stay. A schedule of a file comes back when a "
               "scheduler reads\n"
               "that file again: take it out there. Exit status 1: there is no schedule of some "
               "name, and the\n"
               "others are deleted; 3: there is none of any name.",
};
