/* cli.c: global options, errors and output, the same for all commands. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "json.h"

const struct option_row cli_global_rows[] = {
    {"broker", OPTION_TEXT, "ENDPOINT",
     "the broker's frontend ($MUSTER_BROKER, else " MUSTER_DEFAULT_BROKER ")",
     offsetof(struct cli, broker), 0, 0},
    {"json", OPTION_FLAG, NULL, "print JSON, also errors", offsetof(struct cli, json), 0, 0},
    {"timeout", OPTION_DURATION, "DURATION",
     "how long to wait for an answer (5s; waiting for jobs: no limit)",
     offsetof(struct cli, timeout), 0, DELAY_MAX_MS},
    {"no-color", OPTION_FLAG, NULL, "no colours on a terminal (also with $NO_COLOR)",
     offsetof(struct cli, no_color), 0, 0},
    {"version", OPTION_FLAG, NULL, "print the version", offsetof(struct cli, version), 0, 0},
    {"help", OPTION_FLAG, NULL, "explain the command", offsetof(struct cli, help), 0, 0},
    {0},
};

/* ---- errors ---- */

enum cli_exit cli_exit_of(int error)
{
    static const struct {
        int error;
        enum cli_exit status;
    } rows[] = {
        {0, EXIT_DONE},
        {MUSTER_EINVAL, EXIT_USAGE},
        {MUSTER_ENOTFOUND, EXIT_NOT_FOUND},
        {MUSTER_EGONE, EXIT_NOT_FOUND},
        {MUSTER_ENOBROKER, EXIT_NO_BROKER},
        {MUSTER_ETIMEOUT, EXIT_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].error == error)
            return rows[i].status;
    return EXIT_REFUSED;
}

void cli_put(FILE *out, const char *text, const char *kept)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text, next = (unsigned char)text[1];
        bool two = c == 0xc2 && next >= 0x80 && next < 0xa0; /* U+0080 to U+009F */
        bool control = c < 0x20 || c == 0x7f || two;
        (void)fputc(control && !strchr(kept, c) ? '?' : c, out);
        text += two;
    }
}

static void tell_error(const struct cli *cli, const char *code, const char *text)
{
    (void)fflush(stdout);
    if (!cli->json) {
        fputs("muster: ", stderr);
        cli_put(stderr, text, "\n");
        (void)fputc('\n', stderr);
        return;
    }
    json_t *object = json_pack("{s:s+, s:s}", "error", text, "", "code", code);
    if (!object)
        object = json_pack("{s:s, s:s}", "error", "?", "code", code);
    (void)json_dumpf(object, stderr, JSON_COMPACT);
    (void)fputc('\n', stderr);
    json_decref(object);
}

int cli_error_code(const struct cli *cli, int status, const char *code, const char *format, ...)
{
    char text[1200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tell_error(cli, code, text);
    return status;
}

int cli_error(const struct cli *cli, int error, const char *format, ...)
{
    char text[1200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tell_error(cli, err_code(error), text);
    return (int)cli_exit_of(error);
}

int cli_usage(const struct cli *cli, const char *command, const char *format, ...)
{
    char text[1200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tell_error(cli, "usage", text);
    if (!cli->json)
        fprintf(stderr, "Try: muster %s%s--help\n", command, *command ? " " : "");
    return EXIT_USAGE;
}

void cli_note(const struct cli *cli, const char *format, ...)
{
    va_list args;
    if (cli->json || !cli->terminal)
        return;
    (void)fflush(stdout);
    fputs("muster: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

int cli_reply_error(const struct cli *cli, int error, const muster_reply_t *reply,
                    const char *about)
{
    const char *code = reply ? muster_reply_code(reply) : "";
    const char *text = reply ? muster_reply_text(reply) : "";
    int status = (int)cli_exit_of(error);
    if (error == MUSTER_ENOBROKER)
        return cli_error(cli, error, "no broker answers at %s", cli->broker);
    if (error == MUSTER_EDENIED && !*text)
        text = "not allowed; is the endpoint that of the frontend?";
    if (status == EXIT_USAGE)
        status = EXIT_REFUSED; /* the broker said so, not the command line */
    return cli_error_code(cli, status, *code ? code : err_code(error), "%s%s%s", about,
                          *about ? ": " : "", *text ? text : err_text(error));
}

/* ---- the connection ---- */

int cli_open(struct cli *cli)
{
    struct muster_client_options options = {.brokers = &cli->broker, .broker_count = 1};
    return cli_open_with(cli, &options);
}

int cli_open_with(struct cli *cli, const struct muster_client_options *options)
{
    int error = muster_client_new(options, &cli->client, NULL, 0);
    if (error == MUSTER_EINVAL)
        return cli_usage(cli, "",
                         "--broker: \"%s\" is no endpoint: one is tcp://HOST:PORT or ipc://PATH",
                         cli->broker);
    if (error)
        return cli_error(cli, error, "cannot start the client: %s", err_text(error));
    return 0;
}

uint64_t cli_timeout_ms(const struct cli *cli)
{
    return cli->timeout.given ? cli->timeout.value : CLI_TIMEOUT_MS;
}

uint64_t cli_wait_ms(const struct cli *cli)
{
    return cli->timeout.given ? cli->timeout.value : MUSTER_FOREVER;
}

/* ---- output ---- */

struct slice cli_body(const muster_reply_t *reply)
{
    size_t bytes;
    const void *body = muster_reply_body(reply, &bytes);
    return slice_of(body, bytes);
}

void cli_print_json_raw(struct slice value)
{
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    if (msgpack_to_json(value, &text))
        fputs("null", stdout);
    else
        (void)fwrite(text.data, 1, text.len, stdout);
    buf_fini(&text);
}

void cli_print_json(struct slice value)
{
    cli_print_json_raw(value);
    (void)putchar('\n');
}

const char *cli_colour(const struct cli *cli, const char *name)
{
    static const struct {
        const char *name, *code;
    } rows[] = {
        {"reset", "\033[0m"},  {"bold", "\033[1m"},    {"dim", "\033[2m"},   {"red", "\033[31m"},
        {"green", "\033[32m"}, {"yellow", "\033[33m"}, {"blue", "\033[34m"}, {"cyan", "\033[36m"},
    };
    for (size_t i = 0; cli->colour && i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].code;
    return "";
}

int cli_ids(const struct cli *cli, const char *command, char **words, int count, uint64_t **ret_ids)
{
    uint64_t *ids = calloc((size_t)count, sizeof *ids);
    if (!ids)
        return cli_error(cli, MUSTER_ENOMEM, "out of memory");
    for (int i = 0; i < count; i++) {
        if (muster_id_parse(words[i], &ids[i])) {
            free(ids);
            return cli_usage(cli, command, "\"%s\" is no job id (13 letters and digits)", words[i]);
        }
    }
    *ret_ids = ids;
    return 0;
}
