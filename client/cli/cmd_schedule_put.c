/* cmd_schedule_put.c: schedule put: one entry from the command line. */
#include <inttypes.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/entry_options.h"
#include "cli/occurrence.h"
#include "cli/schedule_view.h"
#include "cli/table.h"

#define COMMAND     "schedule put"
#define ENTRY_BYTES ((size_t)64 << 20) /* above any payload limit */

struct put_values {
    const char *source;
    struct entry_options entry;
};

static const struct option_row rows[] = {
#define ENTRY_FIELD(key, option, kind, member, least, most, argument, about)                       \
    ENTRY_OPTION_ROW(struct put_values, entry, key, option, kind, argument, about),
#include "scheduler/entry.def"
    {"source", OPTION_NAME, "NAME", "who owns it (cli)", offsetof(struct put_values, source), 0, 0},
    {0},
};

/* A frame that is too large would cost the connection: the broker's limit is asked first. */
static int check_size(struct cli *cli, struct slice entry)
{
    struct muster_broker_info info;
    struct msg_schedule s;
    int error = muster_client_ready(cli->client, cli_timeout_ms(cli), &info);
    if (error)
        return cli_reply_error(cli, error, NULL, "");
    error = wire_decode_schedule(entry, &s, NULL, 0);
    if (!error && s.args.len > info.max_payload)
        error = MUSTER_ETOOBIG;
    if (error)
        return cli_error(cli, error,
                         "--args: %zu bytes; the broker takes %" PRIu32 " (its max-payload)",
                         s.args.len, info.max_payload);
    return 0;
}

/* With the advice that a scheduler gives for the names of its file. */
static int owned(const struct cli *cli, const char *name, const muster_reply_t *reply)
{
    return cli_error_code(cli, EXIT_JOBS, muster_reply_code(reply),
                          "%s: give it another name, or delete that one (muster schedule delete "
                          "%s)",
                          muster_reply_text(reply), name);
}

static int put(struct cli *cli, const char *name, const char *source, struct slice entry,
               bool *ret_changed)
{
    uint8_t length[4];
    muster_reply_t *reply;
    struct msg m = {.type = MSG_SCHEDULE_PUT};
    column_put_u32(length, 0, (uint32_t)entry.len);
    m.schedule_put.source = slice_str(source);
    m.schedule_put.count = 1;
    m.schedule_put.lengths = slice_of(length, sizeof length);
    m.schedule_put.schedules = entry;
    int error = schedules_ask(cli, &m, &reply);
    int status = error == MUSTER_EOWNED ? owned(cli, name, reply)
                 : error                ? cli_reply_error(cli, error, reply, "")
                                        : 0;
    *ret_changed = !error && answer_number(cli_body(reply), "changed") != 0;
    muster_reply_destroy(&reply);
    return status;
}

/* ---- what it is now ---- */

static int print_json(const struct cli *cli, const struct schedule_seen *seen, bool changed)
{
    json_t *told = schedule_json(seen, 1);
    if (!told)
        return cli_error(cli, MUSTER_EPROTO, "the broker's answer cannot be read");
    (void)json_object_set_new(told, "changed", json_boolean(changed));
    (void)json_dumpf(told, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(told);
    return EXIT_DONE;
}

static int tell(struct cli *cli, struct zones *zones, const char *name, bool changed)
{
    struct schedule_seen seen;
    struct occurrence next;
    muster_reply_t *reply;
    char utc[OCCURRENCE_TEXT_BYTES], local[OCCURRENCE_TEXT_BYTES];
    int status = schedules_find(cli, zones, name, &seen, &reply);
    if (!status && cli->json) {
        status = print_json(cli, &seen, changed);
    } else if (!status) {
        printf("%s %s", changed ? "put" : "unchanged:", name);
        if (seen.told.paused) {
            printf(", paused\n");
        } else if (schedule_next(&seen, &next)) {
            occurrence_utc(&next, utc);
            occurrence_local(&next, local);
            printf(", next: %s", utc);
            if (next.offset)
                printf(" (%s)", local);
            (void)putchar('\n');
        } else {
            printf(", which has ended\n");
        }
        uint64_t overdue_ms = schedule_overdue(&seen);
        schedule_tell_overdue(cli, overdue_ms != 0, overdue_ms);
    }
    muster_reply_destroy(&reply);
    return status;
}

static int put_entry(struct cli *cli, const struct put_values *v, struct zones *zones,
                     const char *name)
{
    char why[ENTRY_WHY_SIZE];
    struct buf entry;
    bool changed;
    buf_init(&entry, ENTRY_BYTES);
    int error =
        entry_options_read(&v->entry, name, zones, (int64_t)(clock_wall_ms() / 1000), &entry, why);
    int status = error == MUSTER_EINVAL ? cli_usage(cli, COMMAND, "%s", why)
                 : error                ? cli_error(cli, error, "%s", why)
                                        : cli_open(cli);
    status = status ? status : check_size(cli, buf_slice(&entry));
    if (!status)
        status = put(cli, name, v->source ? v->source : "cli", buf_slice(&entry), &changed);
    if (!status)
        status = tell(cli, zones, name, changed);
    buf_fini(&entry);
    return status;
}

static int run(struct cli *cli, const void *values, char **args, int count)
{
    struct zones *zones;
    int status = schedules_check_names(cli, COMMAND, args, count);
    status = status ? status : schedules_zones(cli, &zones);
    if (status)
        return status;
    status = put_entry(cli, values, zones, args[0]);
    zones_free(zones);
    return status;
}

const struct cli_command cmd_schedule_put = {
    .rows = rows,
    .values_size = sizeof(struct put_values),
    .min_args = 1,
    .max_args = 1,
    .run = run,
    .details = "It takes the place of a schedule of the same name and source, and needs --kind and "
               "one of --cron\n"
               "and --every. A scheduler runs it: muster scheduler. It owes no time before now, "
               "and a pause stays.\n"
               "Exit status 1: the name belongs to another source.",
};
