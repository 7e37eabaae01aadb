/* limit.h: the bare limit: what ZeroMQ and LMDB give with nothing between them that a job system
 * is for. A frame is one message part: a header, then the payloads one after the other. */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

#include "tally.h"

#define ENDPOINT_BYTES 64

enum frame_type { FRAME_READY, FRAME_SUBMIT, FRAME_JOBS, FRAME_RESULTS, FRAME_ACK };

struct frame {
    uint32_t type;
    uint32_t count; /* jobs */
    uint64_t first; /* SUBMIT, ACK: number of the frame, from 1; JOBS, RESULTS: first job's id */
};

struct limit {
    struct tally *tally;
    uint32_t per_frame, payload;
    const char *folder;
    int port_pipe; /* the server writes its two endpoints here, ENDPOINT_BYTES each */
    char frontend[ENDPOINT_BYTES], backend[ENDPOINT_BYTES];
};

/* The header of a received message; dies when it is none. */
struct frame limit_header(zmq_msg_t *m);
/* Receives without waiting; false when there is nothing. */
static inline int limit_receive(void *socket, zmq_msg_t *m)
{
    return zmq_msg_recv(m, socket, ZMQ_DONTWAIT) >= 0;
}
/* Waits for input; dies of impatience. `fd` may be -1. */
void limit_wait(void *const *sockets, size_t count, int fd);
void *limit_socket(void *context, int type);

/* The roles; each is a process. */
int limit_server(void *limit);
int limit_worker(void *limit);
void limit_submit(struct limit *l);

#endif
