/* log.c: one write a line, so that lines of several programs do not mix. */
#include "run/log.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "utf8.h"

#define LINE_MAX_BYTES 2048

static enum log_level log_level = LEVEL_INFO;
static enum log_format log_format = LOG_AS_TEXT;
static const char *const level_names[LEVEL_COUNT] = {"error", "warn", "info", "debug"};

void log_setup(enum log_level level, enum log_format format)
{
    log_level = level;
    log_format = format;
}

bool log_wants(enum log_level level)
{
    return level <= log_level;
}

/* Quoted as JSON; what is no UTF-8 becomes U+FFFD. */
static void put_quoted(struct buf *line, struct slice text)
{
    (void)buf_append(line, "\"", 1);
    while (text.len) {
        size_t size = utf8_sequence(text);
        uint8_t c = text.data[0];
        if (size == 0)
            (void)buf_append(line, "\xEF\xBF\xBD", 3);
        else if (c == '"' || c == '\\')
            (void)buf_printf(line, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            (void)buf_printf(line, "\\u%04x", c);
        else
            (void)buf_append(line, text.data, size);
        size += size == 0;
        text = slice_of(text.data + size, text.len - size);
    }
    (void)buf_append(line, "\"", 1);
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7F || text.data[i] == '"')
            return false;
    }
    return text.len > 0;
}

static void put_text_line(struct buf *line, const char *time, enum log_level level,
                          const char *message, const struct log_field *field)
{
    (void)buf_printf(line, "%s %-5s %s", time, level_names[level], message);
    for (; field->key; field++) {
        (void)buf_printf(line, " %s=", field->key);
        if (field->is_number)
            (void)buf_printf(line, "%" PRIu64, field->number);
        else if (is_plain(field->text))
            (void)buf_append(line, field->text.data, field->text.len);
        else
            put_quoted(line, field->text);
    }
}

static void put_json_line(struct buf *line, const char *time, enum log_level level,
                          const char *message, const struct log_field *field)
{
    (void)buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time,
                     level_names[level]);
    put_quoted(line, slice_str(message));
    for (; field->key; field++) {
        (void)buf_printf(line, ",\"%s\":", field->key);
        if (field->is_number)
            (void)buf_printf(line, "%" PRIu64, field->number);
        else
            put_quoted(line, field->text);
    }
    (void)buf_append(line, "}", 1);
}

static void put_line(struct buf *line, const char *time, enum log_level level, const char *message,
                     const struct log_field *fields)
{
    if (log_format == LOG_AS_JSON)
        put_json_line(line, time, level, message, fields);
    else
        put_text_line(line, time, level, message, fields);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    if (!log_wants(level))
        return;
    char time[TIME_TEXT_BYTES];
    time_format(clock_wall_ms(), time);
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    put_line(&line, time, level, message, fields);
    if (line.error) { /* too long: the message alone */
        buf_reset(&line);
        put_line(&line, time, level, message, LOG_NO_FIELDS);
    }
    line.max = LINE_MAX_BYTES + 1;
    (void)buf_append(&line, "\n", 1);
    ssize_t written = write(STDERR_FILENO, line.data, line.len);
    (void)written; /* nowhere to tell it */
    buf_fini(&line);
}
