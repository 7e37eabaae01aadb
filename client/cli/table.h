/* table.h: rows of JSON objects as aligned columns for people. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <jansson.h>

#include "cli/cli.h"

/* How the values of a column look; `false` and `true` say no more than the first two do. */
enum table_form {
    TABLE_TEXT = false,
    TABLE_NUMBER = true, /* this and all further: to the right */
    TABLE_RATE,          /* without digits that nobody reads */
    TABLE_SECONDS,       /* "1.5s", "3m20s", "2h05m"; "-" for 0 */
    TABLE_MS             /* the same, from milliseconds: "0.4ms" */
};

struct table_column {
    const char *title; /* NULL ends the columns */
    const char *key;   /* of the objects; "a.b": of an object in them */
    enum table_form form;
};

/* Prints a line per object of the array (titles first, unless it is empty). */
void table_print(const struct cli *cli, const struct table_column *columns, const json_t *array);
/* How many columns of a terminal the table takes. */
int table_width(const struct table_column *columns, const json_t *array);
/* The first of the layouts that fits the terminal, or the last; without a terminal the first. */
const struct table_column *table_fit(const struct cli *cli,
                                     const struct table_column *const *layouts, size_t count,
                                     const json_t *array);
/* If the table is too wide for the terminal: cuts the texts of this key in their middle, down to
 * `least` characters. */
void table_squeeze(const struct cli *cli, const struct table_column *columns, const json_t *array,
                   const char *key, int least);
/* "0.4ms", "1.5s", "3m20s", "2h05m", "4d01h". */
void table_duration(char *text, size_t size, double ms);
/* A value as a cell: text bare, lists with commas, null as "-". The caller frees it; NULL when out
 * of memory. */
char *table_cell(const json_t *value);
/* Any value as JSON in one line; numbers with as many digits as they need. The caller frees it;
 * NULL when out of memory. */
char *table_json(const json_t *value);
#define TABLE_FIELD_WIDTH 14 /* of the titles of a job's fields */
/* A line "title value", the title padded to `width`; none without a value. */
void table_print_field(const struct cli *cli, int width, const char *title, const json_t *value);
/* The colour that a state or outcome has everywhere, or "". */
const char *table_state_colour(const struct cli *cli, const char *state);

#endif
