/* cli.h: one run of the program: the global options, the connection, and how results and errors are
 * told. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/options.h"
#include "muster/client.h"

/* Exit status, as in the manual. */
enum cli_exit {
    EXIT_DONE = 0,
    EXIT_JOBS = 1, /* a job is parked, cancelled or expired, or lines were refused */
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_NO_BROKER = 4,
    EXIT_REFUSED = 5,
    EXIT_TIMEOUT = 6
};

#define CLI_TIMEOUT_MS 5000

struct cli {
    const char *broker;
    bool json, no_color, version, help;
    struct option_number timeout;
    bool terminal; /* stdout is one */
    bool colour;
    muster_client_t *client; /* opened by cli_open() */
};

/* A command: what the table of commands.def points to. */
struct cli_command {
    const struct option_row *rows; /* NULL: none */
    size_t values_size;            /* of the struct that rows fill */
    int min_args, max_args;        /* words beside options; max -1: any number */
    const char *details;           /* further text of --help, or NULL */
    int (*run)(struct cli *cli, const void *values, char **args, int count);
};

extern const struct option_row cli_global_rows[];

/* What others have said, for people: control characters (which a terminal may obey) but those of
 * `kept` come as "?". */
void cli_put(FILE *out, const char *text, const char *kept);
/* Says what is wrong, as text or JSON on stderr, and returns the exit status that belongs to the
 * error. */
int cli_error(const struct cli *cli, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a code that is a text already. */
int cli_error_code(const struct cli *cli, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A remark on stderr for who looks at a terminal; nothing in pipes, and with --json. */
void cli_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A mistake on the command line: also names the command's help. */
int cli_usage(const struct cli *cli, const char *command, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum cli_exit cli_exit_of(int error);

/* Opens cli->client. 0, or the exit status after it has said why not. */
int cli_open(struct cli *cli);
/* The same with options of the command's own, whose brokers are cli->broker. */
int cli_open_with(struct cli *cli, const struct muster_client_options *options);
/* How long an answer may take: --timeout, else 5 s. */
uint64_t cli_timeout_ms(const struct cli *cli);
/* --timeout, else for ever: for commands that wait for jobs. */
uint64_t cli_wait_ms(const struct cli *cli);
/* Tells an error of a request: the broker's own words if there are any. */
int cli_reply_error(const struct cli *cli, int error, const muster_reply_t *reply,
                    const char *about);

struct slice cli_body(const muster_reply_t *reply);
/* One msgpack value as a line of JSON on stdout. */
void cli_print_json(struct slice value);
/* The same without the end of the line. */
void cli_print_json_raw(struct slice value);

/* The words as ids; the caller frees *ret_ids. 0 or the exit status. */
int cli_ids(const struct cli *cli, const char *command, char **words, int count,
            uint64_t **ret_ids);

/* ANSI colours when they are wanted, else "". */
const char *cli_colour(const struct cli *cli, const char *name);

#endif
