/* log_out.h: the worker's own standard error, for which nothing waits for ever. */
#ifndef WORKER_LOG_OUT_H
#define WORKER_LOG_OUT_H

#include <stddef.h>

/* Writes it there. When nobody takes anything for a second the rest is dropped, and then without
 * waiting until somebody takes something again. Any thread. */
void log_out(const void *data, size_t len);

#endif
