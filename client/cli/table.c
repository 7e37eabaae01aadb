/* table.c: JSON values as cells, and their widths and colours. */
#include "cli/table.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MAX  16
#define SHORT_DIGITS 15 /* enough for a number that was written in decimal */

const char *table_state_colour(const struct cli *cli, const char *state)
{
    static const struct {
        const char *state, *colour;
    } rows[] = {
        {"completed", "green"}, {"alive", "green"},    {"running", "cyan"},
        {"started", "cyan"},    {"scheduled", "blue"}, {"cancelled", "yellow"},
        {"expired", "yellow"},  {"suspect", "yellow"}, {"draining", "yellow"},
        {"parked", "red"},      {"failed", "red"},     {"lost", "red"},
        {"timeout", "red"},     {"snoozed", "blue"},   {"released", "yellow"},
        {"paused", "yellow"},   {"fired", "green"},    {"skipped", "yellow"},
        {"missed", "red"},      {"error", "red"},      {"owed", "red"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].state, state) == 0)
            return cli_colour(cli, rows[i].colour);
    return "";
}

static char *list_cell(const json_t *value)
{
    char *text = NULL;
    size_t size = 0, index;
    json_t *item;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    json_array_foreach(value, index, item)
    {
        char *cell = table_cell(item);
        fprintf(out, "%s%s", index ? "," : "", cell ? cell : "?");
        free(cell);
    }
    if (json_array_size(value) == 0)
        (void)fputc('-', out);
    (void)fclose(out);
    return text;
}

char *table_json(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT |
                                       JSON_REAL_PRECISION((size_t)SHORT_DIGITS));
    json_t *again = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    bool same = again && json_equal(again, value);
    json_decref(again);
    if (same)
        return text;
    free(text);
    return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

char *table_cell(const json_t *value)
{
    char number[64];
    if (!value || json_is_null(value))
        return strdup("-");
    if (json_is_string(value))
        return strdup(*json_string_value(value) ? json_string_value(value) : "-");
    if (json_is_array(value))
        return list_cell(value);
    if (json_is_boolean(value))
        return strdup(json_is_true(value) ? "yes" : "no");
    if (json_is_real(value)) {
        (void)snprintf(number, sizeof number, "%.1f", json_real_value(value));
        return strdup(number);
    }
    return table_json(value);
}

void table_duration(char *text, size_t size, double ms)
{
    uint64_t s = (uint64_t)(ms / 1000);
    if (ms < 9.95)
        (void)snprintf(text, size, "%.1fms", ms);
    else if (ms < 999.5)
        (void)snprintf(text, size, "%.0fms", ms);
    else if (ms < 59950)
        (void)snprintf(text, size, "%.1fs", ms / 1000);
    else if (s < 3600)
        (void)snprintf(text, size, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(text, size, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
    else
        (void)snprintf(text, size, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
}

/* The value of a column in one object. */
static char *column_cell(const struct table_column *column, const json_t *object)
{
    char text[64];
    const char *dot = strchr(column->key, '.');
    if (dot) {
        (void)snprintf(text, sizeof text, "%.*s", (int)(dot - column->key), column->key);
        object = json_object_get(object, text);
    }
    const json_t *value = json_object_get(object, dot ? dot + 1 : column->key);
    double number = json_number_value(value);
    if (column->form <= TABLE_NUMBER || !json_is_number(value))
        return table_cell(value);
    if (column->form == TABLE_RATE)
        (void)snprintf(text, sizeof text, number < 9.95 ? "%.1f" : "%.0f", number);
    else if (column->form == TABLE_SECONDS && number <= 0)
        return strdup("-");
    else
        table_duration(text, sizeof text, column->form == TABLE_SECONDS ? number * 1000 : number);
    return strdup(text);
}

/* Columns on the terminal: characters, not bytes. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* Whether values of this name have the colour of the state that they tell. */
static bool tells_state(const char *key)
{
    static const char *const keys[] = {"state", "outcome", "verdict", "next", "next_in"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* One cell, padded but for the last. */
static void print_cell(const struct cli *cli, const char *text, const char *colour, int width,
                       bool right, bool last)
{
    int padding = width - width_of(text);
    printf("%*s%s", right && padding > 0 ? padding : 0, "", colour);
    cli_put(stdout, text, "");
    fputs(*colour ? cli_colour(cli, "reset") : "", stdout);
    if (last)
        (void)putchar('\n');
    else
        printf("%*s", 2 + (right || padding < 0 ? 0 : padding), "");
}

struct layout {
    const struct table_column *columns;
    size_t count;
    int widths[COLUMNS_MAX];
};

static void measure(struct layout *l, const json_t *array)
{
    size_t index;
    json_t *object;
    for (l->count = 0; l->columns[l->count].title && l->count < COLUMNS_MAX; l->count++)
        l->widths[l->count] = width_of(l->columns[l->count].title);
    json_array_foreach(array, index, object)
    {
        for (size_t c = 0; c < l->count; c++) {
            char *cell = column_cell(&l->columns[c], object);
            int width = cell ? width_of(cell) : 0;
            l->widths[c] = width > l->widths[c] ? width : l->widths[c];
            free(cell);
        }
    }
}

int table_width(const struct table_column *columns, const json_t *array)
{
    struct layout l = {.columns = columns};
    measure(&l, array);
    int width = l.count ? 2 * (int)(l.count - 1) : 0;
    for (size_t c = 0; c < l.count; c++)
        width += l.widths[c];
    return width;
}

/* Without a terminal there is no end to it. */
static int window_width(const struct cli *cli)
{
    struct winsize size;
    bool known = cli->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col;
    return known ? size.ws_col : INT_MAX;
}

const struct table_column *table_fit(const struct cli *cli,
                                     const struct table_column *const *layouts, size_t count,
                                     const json_t *array)
{
    size_t chosen = 0;
    while (chosen + 1 < count && table_width(layouts[chosen], array) > window_width(cli))
        chosen++;
    return layouts[chosen];
}

/* The byte where so many characters end. */
static size_t bytes_of(const char *text, int characters)
{
    size_t at = 0;
    for (; text[at]; at++)
        if (((unsigned char)text[at] & 0xc0) != 0x80 && characters-- == 0)
            break;
    return at;
}

/* "month…run": of one width. */
static json_t *cut(const char *text, int width)
{
    int tail = (width - 1) / 2, head = width - 1 - tail;
    size_t from = bytes_of(text, width_of(text) - tail);
    return json_sprintf("%.*s…%s", (int)bytes_of(text, head), text, text + from);
}

void table_squeeze(const struct cli *cli, const struct table_column *columns, const json_t *array,
                   const char *key, int least)
{
    int over = table_width(columns, array) - window_width(cli), widest = 0;
    size_t index;
    json_t *object;
    json_array_foreach(array, index, object)
    {
        const char *text = json_string_value(json_object_get(object, key));
        int width = text ? width_of(text) : 0;
        widest = width > widest ? width : widest;
    }
    int room = widest - over > least ? widest - over : least;
    json_array_foreach(array, index, object)
    {
        const char *text = json_string_value(json_object_get(object, key));
        if (over > 0 && text && width_of(text) > room)
            (void)json_object_set_new(object, key, cut(text, room));
    }
}

void table_print(const struct cli *cli, const struct table_column *columns, const json_t *array)
{
    struct layout l = {.columns = columns};
    size_t index;
    json_t *object;
    measure(&l, array);
    if (json_array_size(array) == 0)
        return;
    fputs(cli_colour(cli, "bold"), stdout);
    for (size_t c = 0; c < l.count; c++)
        print_cell(cli, columns[c].title, "", l.widths[c], columns[c].form != TABLE_TEXT,
                   c + 1 == l.count);
    fputs(cli_colour(cli, "reset"), stdout);
    json_array_foreach(array, index, object)
    {
        for (size_t c = 0; c < l.count; c++) {
            char *cell = column_cell(&columns[c], object);
            const char *colour =
                cell && tells_state(columns[c].key) ? table_state_colour(cli, cell) : "";
            print_cell(cli, cell ? cell : "?", colour, l.widths[c], columns[c].form != TABLE_TEXT,
                       c + 1 == l.count);
            free(cell);
        }
    }
}

void table_print_field(const struct cli *cli, int width, const char *title, const json_t *value)
{
    if (!value || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0))
        return;
    char *cell = table_cell(value);
    const char *colour = cell && tells_state(title) ? table_state_colour(cli, cell) : "";
    printf("%s%-*s%s %s", cli_colour(cli, "dim"), width, title, cli_colour(cli, "reset"), colour);
    cli_put(stdout, cell ? cell : "?", "");
    printf("%s\n", *colour ? cli_colour(cli, "reset") : "");
    free(cell);
}
