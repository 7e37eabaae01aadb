/* log.h: lines on stderr, as text or as JSON: time, level, message and fields. Used by the loop's
 * thread and main. */
#ifndef RUN_LOG_H
#define RUN_LOG_H

#include <stdint.h>

#include "base/slice.h"

enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG, LEVEL_COUNT };
enum log_format { LOG_AS_TEXT, LOG_AS_JSON, LOG_FORMAT_COUNT };

/* One field of a line. */
struct log_field {
    const char *key; /* NULL ends a list */
    bool is_number;
    uint64_t number;
    struct slice text;
};

static inline struct log_field log_number(const char *key, uint64_t value)
{
    return (struct log_field){.key = key, .is_number = true, .number = value};
}

static inline struct log_field log_text(const char *key, const char *value)
{
    return (struct log_field){.key = key, .text = slice_str(value)};
}

/* Lines above `level` are left out. Until called: text, info. */
void log_setup(enum log_level level, enum log_format format);
bool log_wants(enum log_level level);
/* `fields` ends with one whose key is NULL. A line of more than 2 KiB loses its fields. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {0}})
#define LOG_NO_FIELDS   ((const struct log_field[]){{0}})

#endif
