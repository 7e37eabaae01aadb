/* endpoint.h: what an endpoint to bind says about who can reach it. */
#ifndef RUN_ENDPOINT_H
#define RUN_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* 0 with *ret_local true for loopback addresses and ipc, which only this machine reaches.
 * MUSTER_EINVAL with `why` for what is no endpoint. Names and interfaces are not resolved: they
 * count as reachable from elsewhere. */
int endpoint_check(const char *endpoint, bool *ret_local, char *why,
                   size_t why_size) MUSTER_MUSTCHECK;

#endif
