/* main.c: the `muster` program: finds the command and its options, and runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/commands.h"

/* The words of the command line, sorted: options read, the rest left. */
struct line {
    char **words; /* neither options nor the command's name */
    int count;
    const struct command *command;
    void *values;
    bool help_word; /* `muster help ...` */
};

static void parse_environment(struct cli *cli, int argc, char **argv)
{
    /* Before all else, so that an error in what stands before it is JSON as well. */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        cli->json = cli->json || strcmp(argv[i], "--json") == 0;
    const char *broker = getenv("MUSTER_BROKER");
    cli->broker = broker && *broker ? broker : MUSTER_DEFAULT_BROKER;
    cli->terminal = isatty(STDOUT_FILENO);
}

/* Reads the global options up to the command. */
static int parse_before(struct cli *cli, struct line *l, int *at, int argc, char **argv)
{
    const struct option_set sets[] = {{cli_global_rows, cli}};
    char why[256];
    while (*at < argc) {
        int taken = options_take(sets, 1, argv + *at, argc - *at, why, sizeof why);
        if (taken < 0)
            return cli_usage(cli, "", "%s", why);
        if (taken == 0)
            break;
        *at += taken;
    }
    if (*at < argc && strcmp(argv[*at], "help") == 0) {
        l->help_word = true;
        ++*at;
    }
    return 0;
}

/* Finds the command in what is left. */
static int parse_command(struct cli *cli, struct line *l, int *at, int argc, char **argv)
{
    int used;
    l->command = command_find(argv + *at, argc - *at, &used);
    if (!l->command) {
        const char *near = command_nearest(argv + *at, argc - *at);
        if (command_is_group(argv[*at]) &&
            (argc - *at < 2 || strcmp(argv[*at + 1], "--help") == 0 || l->help_word)) {
            command_print_group(argv[*at]);
            return argc - *at < 2 && !l->help_word ? EXIT_USAGE : -1;
        }
        bool two = command_is_group(argv[*at]) && argc - *at > 1;
        return cli_usage(cli, "", "unknown command %s%s%s%s%s%s", argv[*at], two ? " " : "",
                         two ? argv[*at + 1] : "", near ? "; did you mean \"" : "",
                         near ? near : "", near ? "\"?" : "");
    }
    *at += used;
    l->values = calloc(1, l->command->body->values_size + 1);
    return l->values ? 0 : cli_error(cli, MUSTER_ENOMEM, "out of memory");
}

static int parse_after(struct cli *cli, struct line *l, int at, int argc, char **argv)
{
    const struct option_set sets[] = {{cli_global_rows, cli}, {l->command->body->rows, l->values}};
    char why[256];
    bool only_words = false;
    while (at < argc) {
        if (!only_words && strcmp(argv[at], "--") == 0) {
            only_words = true;
            at++;
            continue;
        }
        int taken = only_words ? 0 : options_take(sets, 2, argv + at, argc - at, why, sizeof why);
        if (taken < 0)
            return cli_usage(cli, l->command->name, "%s", why);
        if (taken == 0)
            l->words[l->count++] = argv[at++];
        else
            at += taken;
    }
    return 0;
}

static int check_words(const struct cli *cli, const struct line *l)
{
    const struct cli_command *body = l->command->body;
    if (l->count < body->min_args)
        return cli_usage(cli, l->command->name, "%s needs %s", l->command->name, l->command->usage);
    if (body->max_args >= 0 && l->count > body->max_args)
        return cli_usage(cli, l->command->name, "%s: unexpected \"%s\"", l->command->name,
                         l->words[body->max_args]);
    return 0;
}

static int run(struct cli *cli, struct line *l, int argc, char **argv)
{
    int at = 1;
    int status = parse_before(cli, l, &at, argc, argv);
    if (status)
        return status;
    if (cli->version) {
        printf("muster %s\n", MUSTER_VERSION);
        return EXIT_DONE;
    }
    if (at == argc) {
        if (l->help_word || cli->help) {
            command_print_all();
            return EXIT_DONE;
        }
        return cli_usage(cli, "", "no command");
    }
    status = parse_command(cli, l, &at, argc, argv);
    if (status)
        return status < 0 ? EXIT_DONE : status;
    status = parse_after(cli, l, at, argc, argv);
    if (status)
        return status;
    if (cli->version) {
        printf("muster %s\n", MUSTER_VERSION);
        return EXIT_DONE;
    }
    if (cli->help || l->help_word) {
        command_print_help(l->command);
        return EXIT_DONE;
    }
    status = check_words(cli, l);
    if (status)
        return status;
    const char *no_color = getenv("NO_COLOR");
    cli->colour = cli->terminal && !cli->json && !cli->no_color && !(no_color && *no_color);
    return l->command->body->run(cli, l->values, l->words, l->count);
}

int main(int argc, char **argv)
{
    int status;
    if (bench_child(argc, argv, &status))
        return status;
    struct cli cli = {0};
    struct line line = {.words = calloc((size_t)argc + 1, sizeof *line.words)};
    parse_environment(&cli, argc, argv);
    status =
        line.words ? run(&cli, &line, argc, argv) : cli_error(&cli, MUSTER_ENOMEM, "out of memory");
    muster_client_destroy(&cli.client);
    free(line.words);
    free(line.values);
    if (fflush(stdout) && status == EXIT_DONE)
        status = cli_error(&cli, MUSTER_EIO, "cannot write the output");
    return status;
}
