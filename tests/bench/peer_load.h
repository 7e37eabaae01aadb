/* peer_load.h: a peer as the load program sees it: how jobs are put, and how they are worked off.
 */
#ifndef BENCH_PEER_LOAD_H
#define BENCH_PEER_LOAD_H

#include "conn.h"
#include "tally.h"

#define PAYLOAD_MAX 65536

struct load {
    struct tally *tally;
    uint16_t port;
    uint32_t batch; /* submitted at a time */
    uint32_t take;  /* asked for by the worker at a time */
    uint32_t payload;
    bool transaction; /* Redis: each batch in MULTI and EXEC */
    uint8_t body[PAYLOAD_MAX];
};

struct peer {
    const char *name;
    /* Before anything is measured; may be NULL. */
    void (*prepare)(struct load *l, struct conn *c);
    /* Adds `count` jobs beginning with index `first` to what is to be sent. */
    void (*put)(struct load *l, struct conn *c, uint64_t first, uint32_t count);
    /* Takes the peer's answers from what has come, and counts those that take a job. */
    uint64_t (*answers)(struct conn *c);
    /* The worker: says when it is ready, and returns when the peer has acknowledged all ends. */
    void (*work)(struct load *l);
};

extern const struct peer peer_gearmand, peer_beanstalkd, peer_redis;

/* The job's payload, valid until the next call. */
const void *load_body(struct load *l, uint64_t index);

#endif
