/* options.h: command line options as tables of rows; one parser for all commands. A command's
 * values live in a struct of its own, zeroed before parsing; rows say where. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_NAME,     /* const char *: a queue, kind or worker name */
    OPTION_DURATION, /* struct option_number, milliseconds */
    OPTION_COUNT,    /* struct option_number, min to max of the row */
    OPTION_SIZE,     /* struct option_number, bytes */
    OPTION_TIME      /* struct option_number, Unix milliseconds */
};

struct option_number {
    uint64_t value;
    bool given;
};

struct option_row {
    const char *name; /* without dashes; NULL ends a table */
    enum option_kind kind;
    const char *argument; /* how help calls the value; NULL for flags */
    const char *help;
    size_t offset; /* of the value in the struct */
    uint64_t min, max;
};

/* One table and the struct that it fills. */
struct option_set {
    const struct option_row *rows;
    void *values;
};

/* Takes args[0]: an option of one of the sets (global before command), with its value from the same
 * or the next word. Returns the words taken, 0 when args[0] is no option, or -1 with what is wrong
 * in `why`. */
int options_take(const struct option_set *sets, size_t set_count, char **args, int count, char *why,
                 size_t why_size);

/* Prints the rows of a table for --help. */
void options_print(const struct option_row *rows);

#endif
