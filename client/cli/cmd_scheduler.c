/* cmd_scheduler.c: scheduler. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "scheduler/scheduler.h"

struct scheduler_values {
    const char *source, *name;
};

static const struct option_row rows[] = {
    {"source", OPTION_NAME, "NAME", "who owns the file's entries at the broker (the file's name)",
     offsetof(struct scheduler_values, source), 0, 0},
    {"name", OPTION_NAME, "NAME", "how the broker's log calls this scheduler",
     offsetof(struct scheduler_values, name), 0, 0},
    {0},
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int check_source(struct cli *cli, const struct scheduler_options *o, bool given)
{
    if (o->file && !given && strcmp(o->source, "cli") == 0)
        return cli_usage(cli, "scheduler",
                         "a file of the name cli would own what was entered by muster schedule "
                         "put, and delete it; name the source by --source");
    if (!o->file || name_valid(slice_str(o->source)))
        return 0;
    return cli_usage(
        cli, "scheduler",
        "\"%s\" can be no source: 1 to 128 of A-Z a-z 0-9 . _ : / -, first a letter or "
        "digit; name one by --source",
        o->source);
}

static int open_client(struct cli *cli, const char *name)
{
    struct muster_client_options options = {
        .brokers = &cli->broker, .broker_count = 1, .name = name};
    return cli_open_with(cli, &options);
}

static int run_scheduler(struct cli *cli, const void *values, char **args, int count)
{
    const struct scheduler_values *v = values;
    struct scheduler_options options = {
        .broker = cli->broker, .file = count ? args[0] : NULL, .source = v->source};
    static const int statuses[] = {
        [SCHEDULER_STOPPED] = EXIT_DONE, [SCHEDULER_REFUSED] = EXIT_JOBS};
    if (options.file && !options.source)
        options.source = base_name(options.file);
    int status = check_source(cli, &options, v->source != NULL);
    if (status)
        return status;
    int signal_fd = scheduler_signals();
    if (signal_fd < 0)
        return cli_error(cli, signal_fd, "cannot take signals");
    status = open_client(cli, v->name);
    if (!status) {
        int error = 0;
        enum scheduler_end end = scheduler_run(cli->client, signal_fd, &options, &error);
        status = end == SCHEDULER_FAILED ? (int)cli_exit_of(error) : statuses[end];
    }
    (void)close(signal_fd);
    return status;
}

const struct cli_command cmd_scheduler = {
    .rows = rows,
    .values_size = sizeof(struct scheduler_values),
    .max_args = 1,
    .run = run_scheduler,
    .details =
        "Runs all schedules that the broker has, until SIGTERM. With FILE, its entries are put "
        "there "
        "first,\n"
        "and those that the same source had beside them are deleted; so again at SIGHUP, when the "
        "file has\n"
        "another content, and when the broker was started anew. Any number of schedulers may run: "
        "each\n"
        "nominal time is fired once. Exit status 1: the file is wrong, or a name is owned by "
        "another "
        "source."};
