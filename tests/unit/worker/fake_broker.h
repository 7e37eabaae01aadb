/* fake_broker.h: the broker's side of the protocol by hand: a ROUTER on a free port, one worker,
 * messages one at a time. */
#ifndef TESTS_FAKE_BROKER_H
#define TESTS_FAKE_BROKER_H

#include <zmq.h>

#include "wire.h"

struct fake_broker {
    void *zmq, *router;
    char endpoint[64];
    uint8_t route[32]; /* of the newest message */
    size_t route_len;
    uint64_t epoch, hello;
    struct buf out;
    zmq_msg_t frame; /* the newest message lies in it */
    struct msg msg;
};

void fake_broker_init(struct fake_broker *b);
void fake_broker_fini(struct fake_broker *b);
/* Closes the socket: connections break. */
void fake_broker_down(struct fake_broker *b);
/* Binds the same port again, under a new epoch. */
void fake_broker_up(struct fake_broker *b);

/* The next message of this type, into b->msg; heartbeats and CREDIT on the way are answered or
 * passed over, anything else fails the test. */
const struct msg *fake_broker_expect(struct fake_broker *b, enum msg_type type);
void fake_broker_send(struct fake_broker *b, const struct msg *m);
void fake_broker_send_raw(struct fake_broker *b, const void *bytes, size_t len, bool more);

/* HELLO in, WELCOME out. */
void fake_broker_welcome(struct fake_broker *b, uint64_t results_next);
/* JOBS of `count` jobs of a kind from number `first` on, each with these args. */
void fake_broker_jobs(struct fake_broker *b, const char *kind, uint64_t first, uint32_t count,
                      struct slice args, uint32_t timeout_ms);
void fake_broker_ack(struct fake_broker *b, uint64_t number);

#endif
