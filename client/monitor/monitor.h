/* monitor.h: the loop of `muster monitor`: the feed's socket, rounds, and what is shown. */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "cli/cli.h"
#include "monitor/topics.h"

struct monitor_options {
    struct topics topics;
    const char *feed; /* NULL: as WELCOME says */
    uint64_t count;   /* ends after so many events; UINT64_MAX: never */
};

/* Runs until `count` events were shown. Returns the exit status. */
int monitor_run(struct cli *cli, const struct monitor_options *options);

/* The feed's endpoint as WELCOME tells it, but a host that means "any" is the one the broker was
 * reached at. */
void monitor_feed_endpoint(const char *broker, const char *feed, char *out, size_t out_size);

#endif
