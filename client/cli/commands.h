/* commands.h: the table of commands.def, with what each needs. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

struct command {
    const char *name; /* one word or two */
    const char *usage;
    const char *about;
    const struct cli_command *body;
};

#define COMMAND(symbol, name, usage, about) extern const struct cli_command cmd_##symbol;
#include "cli/commands.def"

/* The command that the words name, and how many words that took; NULL when they name none. */
const struct command *command_find(char **words, int count, int *ret_words);
/* The nearest name to the words, or NULL. */
const char *command_nearest(char **words, int count);
/* Whether some command's first word is this. */
bool command_is_group(const char *word);

void command_print_all(void);
/* Those whose first word is this. */
void command_print_group(const char *word);
void command_print_help(const struct command *command);

#endif
