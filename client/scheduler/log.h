/* log.h: lines on stderr: time, level, text; as muster-worker's. */
#ifndef SCHEDULER_LOG_H
#define SCHEDULER_LOG_H

/* `level`: "info", "warn", "error". One line; control characters in the text come as "?". */
void scheduler_log(const char *level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
