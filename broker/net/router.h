/* router.h: one bound ROUTER socket. It turns connections into routes, hands out received frames by
 * reference, sends frames without ever waiting, and counts what it drops and why.
 *
 * A message is the routing id and one frame; anything else is dropped whole. One thread uses a
 * router. */
#ifndef NET_ROUTER_H
#define NET_ROUTER_H

#include "base/blob.h"
#include "base/err.h"

struct router;

enum router_count {
#define COUNT(symbol, name, about) ROUTER_##symbol,
#include "net/router.def"
    ROUTER_COUNT_MAX
};

struct router_options {
    const char *endpoint; /* tcp:// (port may be *) or ipc:// */
    size_t max_frame;     /* a peer that sends a larger frame is cut off */
    size_t max_unsent;    /* bytes of large frames on their way to all peers; beyond it sends are
                             refused */
};

/* Binds. MUSTER_EIO with `why` (256 bytes or more) when that fails. `context` is a ZeroMQ context,
 * borrowed. */
int router_open(struct router **ret, void *context, const struct router_options *options, char *why,
                size_t why_size) MUSTER_MUSTCHECK;
/* linger_ms: how long frames already sent may still take to leave. All frames handed out must be
 * back. */
void router_close(struct router **router, int linger_ms);

/* The endpoint as bound, with the actual port. Lives as long as the router. */
const char *router_endpoint(const struct router *r);
/* The ZeroMQ socket, for polling alone. */
void *router_socket(struct router *r);

/* The next message, if one waits. The caller owns the one reference to the frame. A route is never
 * 0. */
bool router_receive(struct router *r, uint64_t *ret_route, struct blob **ret_frame);
/* Sends one frame, copied. False: the peer is gone or takes no more now; nothing of it was sent. */
bool router_send(struct router *r, uint64_t route, struct slice frame);

uint64_t router_counter(const struct router *r, enum router_count which);
const char *router_count_name(enum router_count which);
const char *router_count_about(enum router_count which);

#endif
