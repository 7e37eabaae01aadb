/* log.c: one write a line, so that lines of several processes do not mix. */
#include "scheduler/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define LINE_BYTES 2048

void scheduler_log(const char *level, const char *format, ...)
{
    char when[TIME_TEXT_BYTES], line[LINE_BYTES];
    va_list args;
    time_format(clock_wall_ms(), when);
    int head = snprintf(line, sizeof line, "%s %-5s ", when, level);
    va_start(args, format);
    int body = vsnprintf(line + head, sizeof line - (size_t)head - 1, format, args);
    va_end(args);
    size_t len = (size_t)head + (body > 0 ? (size_t)body : 0);
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    for (size_t i = (size_t)head; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[len] = '\n';
    (void)!write(STDERR_FILENO, line, len + 1);
}
