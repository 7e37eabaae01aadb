/* endpoint.h: addresses of brokers, as people write them. */
#ifndef WORKER_ENDPOINT_H
#define WORKER_ENDPOINT_H

#include <stddef.h>

/* "tcp://host:port", "tcp://[v6]:port" or "ipc://path". 0, or MUSTER_EINVAL with what is wrong in
 * `why`. */
int endpoint_check(const char *text, char *why, size_t why_size);

#endif
