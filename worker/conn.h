/* conn.h: the ZeroMQ socket of one broker connection: a DEALER without a routing id, and the
 * monitor that tells when it is connected and when it breaks. libzmq does not reconnect by itself:
 * a new connection is a new socket, so that nothing that was queued for the old one arrives late.
 */
#ifndef WORKER_CONN_H
#define WORKER_CONN_H

#include <zmq.h>

#include "base/buf.h"
#include "msg.h"

struct conn {
    void *zmq;              /* the context; borrowed */
    const char *endpoint;   /* borrowed */
    void *socket, *monitor; /* NULL while closed */
    struct buf out;
};

enum conn_event { CONN_NOTHING, CONN_CONNECTED, CONN_LOST };

void conn_init(struct conn *c, void *zmq, const char *endpoint);
/* Closes at once, if it is open. */
void conn_fini(struct conn *c);

/* Makes the socket and begins to connect. 0, or MUSTER_EIO with errno as libzmq left it. */
int conn_open(struct conn *c);
/* `linger_ms`: how long what was sent may still leave. */
void conn_close(struct conn *c, int linger_ms);
/* One frame. MUSTER_EIO when the socket does not take it: it is as good as lost. */
int conn_send(struct conn *c, const struct msg *m);
/* One message into `frame` (initialised by the caller); false when there is none. A message of
 * several frames comes as a frame of 0 bytes, which no decoder takes. */
bool conn_receive(struct conn *c, zmq_msg_t *frame);
/* The next thing that the monitor has to tell. */
enum conn_event conn_event(struct conn *c);

#endif
