/* options.c: words of the command line matched with rows, and their values checked. */
#include "cli/options.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/help.h"
#include "base/nearest.h"
#include "base/text.h"

#define HELP_COLUMN 34

static bool looks_like_option(const char *word)
{
    /* "-" is standard input, "-5" a JSON number */
    return word[0] == '-' && (word[1] == '-' || isalpha((unsigned char)word[1]));
}

/* The row of that name, and the struct it fills. */
static const struct option_row *find(const struct option_set *sets, size_t set_count,
                                     const char *name, size_t len, void **ret_values)
{
    for (size_t s = 0; s < set_count; s++) {
        for (const struct option_row *row = sets[s].rows; row && row->name; row++) {
            if (strlen(row->name) == len && memcmp(row->name, name, len) == 0) {
                *ret_values = sets[s].values;
                return row;
            }
        }
    }
    return NULL;
}

/* What is often written for an option goes in its place. */
static void offer(struct nearest *best, const char *name)
{
    static const char *const others[][2] = {
        {"tz", "timezone"}, {"time-zone", "timezone"}, {"interval", "every"},
        {"since", "from"},  {"until", "to"},
    };
    nearest_offer(best, name);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(others[i][1], name) == 0 && slice_is(best->word, others[i][0]))
            *best = (struct nearest){.word = slice_str(others[i][0]), .best = name};
}

static int unknown(const struct option_set *sets, size_t set_count, const char *word, size_t len,
                   char *why, size_t why_size)
{
    struct nearest best;
    nearest_init(&best, slice_of(word, len));
    for (size_t s = 0; s < set_count; s++)
        for (const struct option_row *row = sets[s].rows; row && row->name; row++)
            offer(&best, row->name);
    const char *near = nearest_close(&best);
    (void)snprintf(why, why_size, "unknown option --%.*s%s%s%s", (int)len, word,
                   near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
    return -1;
}

static int bad_value(const struct option_row *row, const char *value, const char *wanted, char *why,
                     size_t why_size)
{
    (void)snprintf(why, why_size, "--%s: \"%s\" is not %s", row->name, value, wanted);
    return -1;
}

static int set_number(struct option_number *to, uint64_t value)
{
    to->value = value;
    to->given = true;
    return 0;
}

static int set_count(const struct option_row *row, struct option_number *to, const char *value,
                     char *why, size_t why_size)
{
    char wanted[80], *end;
    (void)snprintf(wanted, sizeof wanted, "a number from %" PRIu64 " to %" PRIu64, row->min,
                   row->max);
    if (!isdigit((unsigned char)value[0]) || strlen(value) > 18)
        return bad_value(row, value, wanted, why, why_size);
    uint64_t number = strtoull(value, &end, 10);
    if (*end || number < row->min || number > row->max)
        return bad_value(row, value, wanted, why, why_size);
    return set_number(to, number);
}

static int set_value(const struct option_row *row, void *to, const char *value, char *why,
                     size_t why_size)
{
    uint64_t number;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)to = true;
        return 0;
    case OPTION_NAME:
        if (!name_valid(slice_str(value)))
            return bad_value(row, value,
                             "a name: 1 to 128 of A-Z a-z 0-9 . _ : / -, first a letter or digit",
                             why, why_size);
        *(const char **)to = value;
        return 0;
    case OPTION_TEXT:
        *(const char **)to = value;
        return 0;
    case OPTION_DURATION:
        if (duration_parse(value, &number))
            return bad_value(row, value, "a duration such as 250ms, 10s, 1h30m or 2d", why,
                             why_size);
        if (row->max && number > row->max)
            return bad_value(row, value, "within ten years", why, why_size);
        return set_number(to, number);
    case OPTION_SIZE:
        if (size_parse(value, &number))
            return bad_value(row, value, "a size such as 100, 64KiB or 1GiB", why, why_size);
        return set_number(to, number);
    case OPTION_TIME:
        if (time_parse(value, &number))
            return bad_value(row, value, "a time such as 2030-01-31T09:00:00Z", why, why_size);
        return set_number(to, number);
    case OPTION_COUNT:
        return set_count(row, to, value, why, why_size);
    }
    return -1;
}

int options_take(const struct option_set *sets, size_t set_count, char **args, int count, char *why,
                 size_t why_size)
{
    if (!looks_like_option(args[0]))
        return 0;
    if (args[0][1] != '-') {
        if (strcmp(args[0], "-h") == 0)
            return options_take(sets, set_count, (char *[]){"--help"}, 1, why, why_size);
        (void)snprintf(why, why_size, "unknown option %s; options begin with two dashes", args[0]);
        return -1;
    }
    const char *name = args[0] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    void *values = NULL;
    const struct option_row *row = find(sets, set_count, name, len, &values);
    if (!row)
        return unknown(sets, set_count, name, len, why, why_size);
    const char *value = equals ? equals + 1 : NULL;
    int words = 1;
    if (row->kind == OPTION_FLAG && value) {
        (void)snprintf(why, why_size, "--%s takes no value", row->name);
        return -1;
    }
    if (row->kind != OPTION_FLAG && !value) {
        if (count < 2) {
            (void)snprintf(why, why_size, "--%s needs a value: %s", row->name, row->argument);
            return -1;
        }
        value = args[1];
        words = 2;
    }
    return set_value(row, (char *)values + row->offset, value, why, why_size) ? -1 : words;
}

void options_print(const struct option_row *rows)
{
    for (const struct option_row *row = rows; row && row->name; row++) {
        char left[HELP_COLUMN * 2];
        int used = snprintf(left, sizeof left, "  --%s%s%s", row->name, row->argument ? " " : "",
                            row->argument ? row->argument : "");
        if (used >= HELP_COLUMN)
            printf("%s\n%*s", left, HELP_COLUMN, "");
        else
            printf("%-*s", HELP_COLUMN, left);
        help_print(row->help, HELP_COLUMN);
    }
}
