/* client.h: the inside of a client handle: what its callers and its thread share (guarded by the
 * handle's lock), and what is the thread's own.
 *
 * A handle has a route for each broker: a session, a socket and its session machine; all of them
 * are driven by one thread. Jobs gather in one outbox; each batch goes to one route and stays
 * there. client.c makes and ends handles, submitting.c submits, calls.c asks, requests.c has the
 * questions; client_io.c is the thread, route.c one broker in its eyes, told.c what callbacks
 * hear. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <pthread.h>

#include "base/err.h"
#include "base/handle.h"
#include "client_core.h"
#include "ends.h"
#include "muster/client.h"
#include "outbox.h"

#define CLIENT_CALL_MAX_BYTES (128u << 20) /* of a request's frame */
#define CLIENT_ROUTES_MAX     256          /* shards are one byte */
/* Told and not processed, in a handle with a loop of the caller's: then nothing more is sent. */
#define CLIENT_UNPROCESSED_MAX 64

struct muster_reply {
    char code[65];
    char text[1025];
    struct buf body;
    bool more;
    uint64_t after, epoch, turn;
    uint8_t cursor[64];
    size_t cursor_bytes;
    size_t route; /* of muster_cancel_all(): where the next slice is to be asked for */
};

enum call_state {
    CALL_WAITING,
    CALL_DONE,     /* the caller's */
    CALL_ABANDONED /* the thread's: the caller went away */
};

enum call_to { TO_ANY, TO_SHARD, TO_ROUTE };

/* A request and the caller who waits for its REPLY. */
struct call {
    struct client_request request;
    struct list link; /* in client.calls until a route takes it; in `abandoned` after that, maybe */
    enum call_state state;
    enum call_to to;
    size_t where;        /* the shard, or the route's index */
    struct route *taken; /* the route whose core has it */
    int error;
    struct muster_reply *reply;
    struct buf frame; /* as it goes out, every time */
    int done_fd;      /* an eventfd to be written to when the answer is there; -1: none */
};

/* One broker. */
struct route {
    struct client *client;
    size_t index;
    char *endpoint;
    /* under the handle's lock */
    struct muster_broker_info broker;
    bool welcomed, connected;
    int failed; /* the broker refuses this client */
    /* the thread's own */
    struct client_core core;
    void *socket;
    int linger_ms; /* at the end: there is a GOODBYE to be sent */
    struct ends ends;
    uint64_t notify_open; /* taken submits that asked for DONE, not acknowledged */
};

struct client {
    struct handle *handle; /* its lock guards; its condition: whoever waits looks again */
    pthread_t thread;
    char *name;
    char host[256];
    bool own_loop; /* callbacks run in muster_client_process() */
    uint64_t made_ms;

    /* under the lock */
    struct outbox outbox;
    struct list calls, abandoned; /* struct call */
    uint64_t next_request;
    uint64_t added, settled; /* jobs */
    uint32_t max_payload;    /* the least of the brokers that have spoken */
    uint32_t inside;         /* callers that may wait: the handle stays until they have left */
    bool welcomed, stop;
    bool asleep;              /* the thread wants to be woken when there is something for it */
    bool window_full;         /* ... but not for submits: the next answer wakes it */
    int failed;               /* every broker refuses this client */
    int putting_off;          /* reason of the last BUSY, until an acknowledgement comes */
    struct list told_batches; /* struct outbox_batch: answered, callbacks not run */
    struct list told_ends;    /* struct end_copy */
    size_t told_count;        /* of both */
    bool processing, wants_room;
    pthread_t processor;

    /* the thread's own: ends that an acknowledgement lets loose go behind it */
    struct list loose_ends;
    bool settling;

    /* the thread's own, but for the descriptors, which anyone writes */
    int wake_fd;
    int loop_fd; /* own_loop: readable when there is something to process; else -1 */
    void *context;
    struct route *routes;
    size_t route_count;
    size_t next_route;            /* who is looked at first for the next batch */
    struct zmq_pollitem_t *items; /* one more than routes */
    struct buf scratch;
};

static inline void client_lock(struct client *c)
{
    (void)pthread_mutex_lock(&c->handle->lock);
}

static inline void client_unlock(struct client *c)
{
    (void)pthread_mutex_unlock(&c->handle->lock);
}

/* Whoever waits looks again. Locked. */
static inline void client_changed(struct client *c)
{
    (void)pthread_cond_broadcast(&c->handle->changed);
}

/* ---- callers ---- */

/* Finds the handle's inside and locks it: 0, or why not. */
int client_enter(muster_client_t *handle, struct client **ret) MUSTER_MUSTCHECK;
/* As above, for a call that waits: not in the handle's own thread (MUSTER_ESTATE). The inside stays
 * until client_leave(). */
int client_enter_to_wait(muster_client_t *handle, struct client **ret) MUSTER_MUSTCHECK;
/* Ends client_enter_to_wait(). Locked; unlocks. */
void client_leave(struct client *c);
/* Makes the thread look at what is new. Locked. */
void client_wake(struct client *c);
/* Waits until something has changed or until that time (UINT64_MAX: for ever). Locked. False when
 * the time is over. */
bool client_wait_until(struct client *c, uint64_t until_ms);
/* now + timeout, or UINT64_MAX for MUSTER_FOREVER. */
uint64_t client_until(uint64_t timeout_ms);
/* Whether some broker answers. Locked. */
bool client_connected(const struct client *c);
/* The caller is a callback, or the thread that calls muster_client_process(). Locked. */
bool client_is_own_thread(const struct client *c);

/* Leaves a request for a route. 0 or MUSTER_ENOMEM. client_enter_to_wait() before; unlocked. */
int call_post(struct client *c, struct msg *request, enum call_to to, size_t where,
              uint64_t patience_ms, struct call **ret) MUSTER_MUSTCHECK;
/* Waits for the REPLY and ends the call: 0, MUSTER_ETIMEOUT, MUSTER_ENOBROKER, MUSTER_ECLOSED,
 * MUSTER_ENOMEM, or what the REPLY says; *ret_reply is NULL when there is none. Unlocked. */
int call_collect(struct client *c, struct call *call, uint64_t until_ms,
                 muster_reply_t **ret_reply) MUSTER_MUSTCHECK;
void call_free(struct call *call);

/* For muster's own programs: any request, without waiting for its REPLY, to the broker named first
 * (who has the schedules). `done_fd` is an eventfd that is written to when client_take() has it, or
 * -1. Each call is taken, with or without an answer. */
int client_ask(muster_client_t *handle, struct msg *request, uint64_t patience_ms, int done_fd,
               struct call **ret) MUSTER_MUSTCHECK;
/* Whether client_take() would return at once. */
bool client_answered(muster_client_t *handle, const struct call *call);
/* Whether that broker answers at present. */
bool client_first_connected(muster_client_t *handle);
/* As call_collect(). */
int client_take(muster_client_t *handle, struct call *call, uint64_t timeout_ms,
                muster_reply_t **ret_reply) MUSTER_MUSTCHECK;

/* ---- the thread ---- */

/* Its argument is the inside. */
void *client_io_main(void *client);

/* Gives the route its session. 0 or MUSTER_EIO. */
int route_init(struct route *r, struct client *c, size_t index) MUSTER_MUSTCHECK;
void route_fini(struct route *r);
/* Does what the session machine wants done. */
void route_carry_out(struct route *r, uint64_t now_ms);
/* Takes what has arrived, up to a bound. */
void route_receive(struct route *r);
void route_drop_socket(struct route *r, int linger_ms);

/* What a broker says of a batch; columns and text borrow from its message. */
struct verdict {
    int error; /* of all its jobs; 0: the columns tell */
    struct slice text;
    uint64_t first_id;
    struct slice ids, outcomes; /* empty: first_id and on; all new */
};
/* Tells the batch's jobs, or keeps it for muster_client_process(); and gives it back. */
void told_batch(struct route *r, struct outbox_batch *b, const struct verdict *v);
/* Runs what is kept, in the caller's thread; the number of callbacks. Unlocked. */
int told_process(struct client *c);
/* Whoever's muster_submit() found no room may try again: wakes the caller's loop. Locked. */
void told_room(struct client *c);
/* How muster_submit_wait() learns: told in the handle's own thread in any case. */
void client_waited_ack(void *user, const struct muster_ack *ack);
/* For ends.deliver. */
void told_end(void *client, muster_end_fn *on_end, void *user, const struct muster_end *end);

#endif
