/* cmd_monitor.c: monitor. */
#include "cli/commands.h"
#include "monitor/monitor.h"

struct monitor_values {
    const char *feed;
    struct option_number count;
};

static const struct option_row rows[] = {
    {"feed", OPTION_TEXT, "ENDPOINT", "the broker's feed (as the broker tells)",
     offsetof(struct monitor_values, feed), 0, 0},
    {"count", OPTION_COUNT, "N", "end after so many events", offsetof(struct monitor_values, count),
     1, 1000000000000},
    {0},
};

static int run_monitor(struct cli *cli, const void *values, char **args, int count)
{
    const struct monitor_values *v = values;
    struct monitor_options options = {.feed = v->feed,
                                      .count = v->count.given ? v->count.value : UINT64_MAX};
    const char *near = NULL;
    for (int i = 0; i < count; i++)
        if (!topics_add(&options.topics, args[i], &near))
            return cli_usage(cli, "monitor", "no topic begins with \"%s\"%s%s%s", args[i],
                             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    if (count == 0)
        topics_default(&options.topics);
    int status = cli_open(cli);
    return status ? status : monitor_run(cli, &options);
}

const struct cli_command cmd_monitor = {
    .rows = rows,
    .values_size = sizeof(struct monitor_values),
    .max_args = TOPICS_WORDS_MAX,
    .run = run_monitor,
    .details =
        "Shows the state, then every event; all of job, worker, queue and schedule unless topics "
        "are named.\n"
        "A topic is a prefix, or exact when it names a queue:\n"
        "  job.{submitted,started,completed,failed,lost,parked,cancelled,expired}.QUEUE\n"
        "  worker.{joined,suspect,lost,left}  queue.{paused,resumed}.QUEUE\n"
        "  schedule.{fired,skipped,missed,changed,error}  broker.stats  broker.beat\n"
        "Events that were missed are told, and the state is shown again.",
};
