/* cmd_backup.c: asks the broker for a backup, and waits until it is there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "json.h"

#define PATH_BYTES   4096
#define HOLD_MS      10000
#define HOLD_SHOW_MS 250 /* when somebody looks at the bar */

/* A path names the same folder for us and for a broker on this host. */
static bool on_this_host(const char *endpoint)
{
    static const char *const prefixes[] = {"ipc://", "tcp://127.",
                                           "tcp://localhost:", "tcp://[::1]:"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(endpoint, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static int make_absolute(struct cli *cli, const char *path, char ret[PATH_BYTES])
{
    char here[PATH_BYTES];
    int len = 0;
    if (*path == '\0')
        return cli_usage(cli, "backup", "the folder has no name");
    if (*path == '/')
        len = snprintf(ret, PATH_BYTES, "%s", path);
    else if (!on_this_host(cli->broker))
        return cli_usage(cli, "backup",
                         "\"%s\": the folder is one of the broker's host, which may be another: "
                         "name it by an absolute path",
                         path);
    else if (!getcwd(here, sizeof here))
        return cli_error(cli, MUSTER_EIO, "the present folder cannot be told");
    else
        len = snprintf(ret, PATH_BYTES, "%s/%s", here, path);
    if (len >= PATH_BYTES)
        return cli_usage(cli, "backup", "the path has more than %d bytes", PATH_BYTES - 1);
    return 0;
}

static uint64_t number_of(const json_t *tree, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(tree, key));
}

static void print_done(const struct cli *cli, const muster_reply_t *reply, const json_t *tree)
{
    if (cli->json) {
        cli_print_json(cli_body(reply));
        return;
    }
    printf("backup in %s: %" PRIu64 " ready, %" PRIu64 " scheduled and %" PRIu64
           " parked jobs; %" PRIu64 " bytes in %.1f s\n",
           json_string_value(json_object_get(tree, "directory")), number_of(tree, "ready"),
           number_of(tree, "scheduled"), number_of(tree, "parked"), number_of(tree, "bytes"),
           json_number_value(json_object_get(tree, "seconds")));
}

/* One answer: whether it is over, and how far it is when not. */
static int look(struct cli *cli, struct progress *bar, const muster_reply_t *reply, bool *ret_over)
{
    json_t *tree = msgpack_to_jansson(cli_body(reply));
    const char *state = json_string_value(json_object_get(tree, "state"));
    int status = 0;
    *ret_over = state && strcmp(state, "done") == 0;
    if (!state) {
        status = cli_error(cli, MUSTER_EPROTO, "the broker's answer cannot be read");
    } else if (*ret_over) {
        progress_clear(bar);
        print_done(cli, reply, tree);
    } else {
        uint64_t records = number_of(tree, "records");
        bar->total = number_of(tree, "records_total");
        progress_show(bar, records, records, "records", clock_ms());
    }
    json_decref(tree);
    return status;
}

/* Held answers expire: each request asks for what is left, under the same token. */
static int follow(struct cli *cli, const char *directory, uint64_t token)
{
    uint64_t wait_ms = cli_wait_ms(cli), begun_ms = clock_ms();
    struct progress bar;
    bool over = false;
    int status = 0;
    progress_begin(&bar, !cli->json, 0, begun_ms);
    while (!over && !status) {
        uint64_t passed_ms = clock_ms() - begun_ms, hold_ms = bar.shown ? HOLD_SHOW_MS : HOLD_MS;
        if (passed_ms >= wait_ms) {
            progress_clear(&bar);
            return cli_error(cli, MUSTER_ETIMEOUT, "not done yet; the broker goes on with it");
        }
        if (hold_ms > wait_ms - passed_ms)
            hold_ms = wait_ms - passed_ms;
        muster_reply_t *reply;
        int error =
            muster_backup(cli->client, directory, token, hold_ms, hold_ms + CLI_TIMEOUT_MS, &reply);
        if (error) {
            progress_clear(&bar);
            status = cli_reply_error(cli, error, reply, "");
        } else {
            status = look(cli, &bar, reply, &over);
        }
        muster_reply_destroy(&reply);
    }
    return status;
}

static int run_backup(struct cli *cli, const void *values, char **args, int count)
{
    (void)values;
    (void)count;
    char directory[PATH_BYTES];
    uint64_t token;
    int status = make_absolute(cli, args[0], directory);
    if (status)
        return status;
    if (getrandom(&token, sizeof token, 0) != (ssize_t)sizeof token)
        return cli_error(cli, MUSTER_EIO, "no random numbers are to be had");
    status = cli_open(cli);
    return status ? status : follow(cli, directory, token);
}

const struct cli_command cmd_backup = {
    .min_args = 1,
    .max_args = 1,
    .run = run_backup,
    .details =
        "DIR is a folder on the broker's host: an empty one, or one to be made in a folder that is "
        "there.\n"
        "The broker serves on meanwhile. What was acknowledged before is in the backup. It is "
        "broken off\n"
        "before the disk reserve is touched, and nothing is left of it then. Check it by\n"
        "musterd --verify --data DIR; bring it back by musterd --restore DIR --data NEW."};
