/* commands.c: finding a command by its words, and what --help prints. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

#define NAME_COLUMN 19

static const struct command commands[] = {
#define COMMAND(symbol, name, usage, about) {name, usage, about, &cmd_##symbol},
#include "cli/commands.def"
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* How many words of the name stand at the beginning of the words; 0 unless all do. */
static int match(const char *name, char **words, int count)
{
    const char *space = strchr(name, ' ');
    size_t first = space ? (size_t)(space - name) : strlen(name);
    if (count < 1 || strlen(words[0]) != first || memcmp(words[0], name, first) != 0)
        return 0;
    if (!space)
        return 1;
    return count > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

const struct command *command_find(char **words, int count, int *ret_words)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        int used = match(commands[i].name, words, count);
        if (used) {
            *ret_words = used;
            return &commands[i];
        }
    }
    return NULL;
}

/* What other programs call it; each counts where there is such a command. */
static const struct synonym {
    const char *word, *ours;
} synonyms[] = {
    {"rm", "delete"},     {"remove", "delete"}, {"del", "delete"},    {"drop", "delete"},
    {"ls", "list"},       {"add", "put"},       {"create", "put"},    {"new", "put"},
    {"set", "put"},       {"run", "trigger"},   {"fire", "trigger"},  {"run", "retry"},
    {"rerun", "retry"},   {"requeue", "retry"}, {"get", "show"},      {"info", "show"},
    {"describe", "show"}, {"log", "history"},   {"runs", "history"},  {"stop", "pause"},
    {"disable", "pause"}, {"start", "resume"},  {"enable", "resume"}, {"validate", "check"},
};

/* The second word of a name that has this first one, else NULL. */
static const char *second_word(const char *name, const char *first)
{
    size_t len = strlen(first);
    return strncmp(name, first, len) == 0 && name[len] == ' ' ? name + len + 1 : NULL;
}

static bool means(const char *word, const char *ours)
{
    for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++)
        if (strcmp(synonyms[i].word, word) == 0 && strcmp(synonyms[i].ours, ours) == 0)
            return true;
    return false;
}

/* Among the commands of a group. */
static const char *nearest_second(const char *first, const char *word)
{
    struct nearest n;
    nearest_init(&n, slice_str(word));
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *second = second_word(commands[i].name, first);
        if (second && means(word, second))
            return commands[i].name;
        if (second)
            nearest_offer_as(&n, second, commands[i].name);
    }
    const char *best = nearest_close(&n);
    bool begun_alike = n.best && strlen(word) > 3 && *second_word(n.best, first) == *word;
    return best || n.distance > 2 || !begun_alike ? best : n.best;
}

const char *command_nearest(char **words, int count)
{
    char two[80];
    if (count > 1 && command_is_group(words[0]))
        return nearest_second(words[0], words[1]);
    (void)snprintf(two, sizeof two, "%s %s", words[0], count > 1 ? words[1] : "");
    struct nearest one, both;
    nearest_init(&one, slice_str(words[0]));
    nearest_init(&both, slice_str(two));
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        nearest_offer(strchr(commands[i].name, ' ') ? &both : &one, commands[i].name);
    const char *best = nearest_close(&both);
    return best && both.distance <= one.distance ? best : nearest_close(&one);
}

bool command_is_group(const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strncmp(commands[i].name, word, len) == 0 && commands[i].name[len] == ' ')
            return true;
    return false;
}

static void print_line(const struct command *c)
{
    printf("  %-*s%s\n", NAME_COLUMN, c->name, c->about);
}

void command_print_all(void)
{
    printf("muster submits jobs to a musterd broker, follows them, and operates its queues.\n\n"
           "Usage: muster [options] COMMAND ...\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        print_line(&commands[i]);
    printf("\nOptions, before or after the command:\n");
    options_print(cli_global_rows);
    printf("\nExit status: 0 done; 1 a job is parked, cancelled or expired, or lines or schedules "
           "were refused;\n"
           "2 usage; 3 not found; 4 no broker; 5 refused; 6 waiting time over.\n"
           "muster COMMAND --help explains one command.\n");
}

void command_print_group(const char *word)
{
    size_t len = strlen(word);
    printf("Commands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strncmp(commands[i].name, word, len) == 0)
            print_line(&commands[i]);
    printf("\nmuster %s COMMAND --help explains one.\n", word);
}

void command_print_help(const struct command *c)
{
    printf("Usage: muster %s%s%s\n\n%c%s.\n", c->name, *c->usage ? " " : "", c->usage,
           c->about[0] - 'a' + 'A', c->about + 1);
    if (c->body->details)
        printf("\n%s\n", c->body->details);
    if (c->body->rows) {
        printf("\nOptions:\n");
        options_print(c->body->rows);
    }
    printf("\nGlobal options:\n");
    options_print(cli_global_rows);
}
