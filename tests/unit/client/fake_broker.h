/* fake_broker.h: a broker of a few lines for the client's tests: a ROUTER in a thread of its own
 * that answers HELLO, SUBMIT, WAIT, GET, LIST and HEARTBEAT, and can be told to misbehave. */
#ifndef TEST_FAKE_BROKER_H
#define TEST_FAKE_BROKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct fake_broker {
    char endpoint[64];
    /* what it does: set at any time */
    atomic_int unknown; /* answer this many messages with UNKNOWN, and forget the route */
    atomic_int lose;    /* take this many SUBMITs, and forget the route before they are answered */
    atomic_int busy;    /* answer this many SUBMITs with BUSY, to be tried again at once */
    atomic_int waits;   /* answer this many WAITs before their job has ended */
    atomic_bool end_jobs; /* tell the end of jobs that ask for it, before the acknowledgement */
    atomic_bool one_id;   /* acknowledge all jobs under the id 256 */
    atomic_bool mute;     /* answer nothing */
    /* what it saw */
    atomic_int hellos, goodbyes, submits, jobs, resent, done_acks;
    atomic_ullong confirmed;
    /* its own */
    void *context, *socket;
    pthread_t thread;
    atomic_bool stop;
    uint64_t taken[4096];       /* by number of SUBMIT: first id + 1 */
    uint64_t next_id, next_end; /* the last id that was given out */
    uint8_t shard;
    bool known;
};

void fake_broker_start(struct fake_broker *b);
void fake_broker_start_shard(struct fake_broker *b, uint8_t shard);
void fake_broker_stop(struct fake_broker *b);

#endif
