/* options.c: flags, environment and file, in this order of strength. */
#include "options.h"

#include <argp.h>
#include <stdlib.h>

#define STATUS_USAGE 2

/* libc looks for it by its name. */
__attribute__((visibility("default"))) const char *argp_program_version =
    "muster-worker " MUSTER_VERSION;

enum { KEY_BROKER = 'b', KEY_QUEUE = 'q', KEY_SLOTS = 's', KEY_EXEC = 'e', KEY_CONFIG = 'c' };
enum { KEY_STRICT = 256, KEY_NAME, KEY_SERVE, KEY_SHORT_HELP = 'h' };

static const char about[] =
    "Runs jobs of a muster broker by commands of this machine.\v"
    "COMMAND is run by /bin/sh, once a job: args as JSON on standard input, MUSTER_JOB_ID, "
    "MUSTER_KIND, "
    "MUSTER_QUEUE, MUSTER_ATTEMPT and MUSTER_TOKEN (of a run of a schedule also MUSTER_SCHEDULE "
    "and "
    "MUSTER_NOMINAL_TIME) in the environment; standard output is the "
    "result. Exit status 0 "
    "completes the job, 75 puts it off, 65 and 78 park it, any other counts as a failure and it is "
    "tried again.\n"
    "With --serve a command is started once for each slot and stays: it reads a job a line, "
    "{\"id\", \"kind\", \"queue\", \"attempt\", \"token\", \"args\"}, and writes an answer a line, "
    "such as "
    "{\"id\": ID, \"ok\": RESULT}. muster-exec(7) has the rest.\n\n"
    "Example: muster-worker --queue mail:3 --queue default --exec email.send=./send-mail\n\n"
    "SIGTERM lets running commands finish for 25 s and gives the rest back; a second one stops at "
    "once. "
    "Exit status: 0 drained, 1 error, 2 usage.";

static const struct argp_option option_table[] = {
    {"broker", KEY_BROKER, "ENDPOINT", 0,
     "a broker's backend, tcp://host:port or ipc://path; may be repeated (default: "
     "$MUSTER_BACKEND, else "
     "tcp://127.0.0.1:7671)",
     0},
    {"queue", KEY_QUEUE, "NAME[:WEIGHT]", 0,
     "a queue to serve, and its share while several have jobs; may be repeated (default: default)",
     0},
    {"strict", KEY_STRICT, NULL, 0, "take the queues in the order given instead of by weight", 0},
    {"slots", KEY_SLOTS, "N", 0, "jobs to run at once (default: the number of cores)", 0},
    {"name", KEY_NAME, "NAME", 0, "label for people (default: host name and process id)", 0},
    {"exec", KEY_EXEC, "KIND=COMMAND", 0,
     "the command for a kind of job; * is every kind that has none; may be repeated", 0},
    {"serve", KEY_SERVE, "KIND=COMMAND", 0,
     "a command that stays and serves the jobs of a kind: one child for each slot, jobs and "
     "answers "
     "as lines of JSON; * and repeated as with --exec",
     0},
    {"config", KEY_CONFIG, "FILE", 0, "YAML file with the same names as keys; flags win over it",
     0},
    {NULL, KEY_SHORT_HELP, NULL, OPTION_HIDDEN, NULL, 0}, /* as the other programs have it */
    {0},
};

struct reading {
    struct settings *settings;
    uint32_t given; /* rows of setting_rows that a flag has set */
    const char *file;
};

static const char *key_name(int key)
{
    for (const struct argp_option *o = option_table; o->name; o++)
        if (o->key == key)
            return o->name;
    return NULL;
}

static error_t take(int key, char *value, struct argp_state *state)
{
    struct reading *r = state->input;
    const char *name = key_name(key);
    char why[320] = "";
    int err;

    if (key == ARGP_KEY_ARG)
        argp_error(state, "unexpected word \"%s\"", value);
    if (key == KEY_SHORT_HELP)
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    if (!name)
        return ARGP_ERR_UNKNOWN;
    if (key == KEY_CONFIG) {
        r->file = value;
        return 0;
    }
    r->given |= (uint32_t)1 << (settings_find(name) - setting_rows);
    err = settings_take(r->settings, name, value ? value : "true", why, sizeof why);
    if (err == MUSTER_EINVAL)
        argp_error(state, "--%s: %s", name, why);
    if (err)
        argp_failure(state, EXIT_FAILURE, 0, "out of memory");
    return 0;
}

_Noreturn static void complain(const char *why)
{
    fprintf(stderr, "muster-worker: %s\n", why);
    exit(STATUS_USAGE);
}

void options_read(int argc, char **argv, struct settings *ret)
{
    struct reading r = {.settings = ret};
    struct argp parser = {option_table, take, NULL, about, NULL, NULL, NULL};
    const char *backend = getenv("MUSTER_BACKEND");
    char why[700] = "";

    argp_err_exit_status = STATUS_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &r);
    if (!ret->broker_count && backend && *backend) {
        if (settings_take(ret, "broker", backend, why, sizeof why)) {
            fprintf(stderr, "muster-worker: MUSTER_BACKEND: %s\n", why);
            exit(STATUS_USAGE);
        }
        r.given |= (uint32_t)1 << (settings_find("broker") - setting_rows);
    }
    if (r.file && config_read(r.file, ret, r.given, why, sizeof why))
        complain(why);
    if (!ret->exec_count)
        complain("nothing to run: name a command for at least one kind of job, for instance\n"
                 "  muster-worker --exec email.send=./send-mail\n"
                 "or --exec '*=COMMAND' for every kind, or --serve for one that stays; see "
                 "muster-worker --help");
}
