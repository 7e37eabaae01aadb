/* client.h: the inside of a client handle: what its callers and its thread share (guarded by
 * `lock`), and what is the thread's own. client.c is the callers' side, client_io.c the thread's.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <pthread.h>

#include "base/err.h"
#include "client_core.h"
#include "ends.h"
#include "muster/client.h"
#include "outbox.h"

#define CLIENT_CALL_MAX_BYTES 65536 /* of a request's frame */

struct muster_reply {
    char code[65];
    char text[1025];
    struct buf body;
    bool more;
    uint64_t after, epoch, turn;
    uint8_t cursor[64];
    size_t cursor_bytes;
};

enum call_state {
    CALL_WAITING,
    CALL_DONE,     /* the caller's */
    CALL_ABANDONED /* the thread's: the caller went away */
};

/* A request and the caller who waits for its REPLY. */
struct call {
    struct client_request request;
    struct list link; /* in muster_client.calls until the thread takes it; in `abandoned` after
                         that, maybe */
    enum call_state state;
    bool taken; /* the core has it */
    int error;
    struct muster_reply *reply;
    struct buf frame; /* as it goes out, every time */
};

struct muster_client {
    pthread_mutex_t lock;
    /* room, answers, acknowledgements, welcome: whoever waits looks again */
    pthread_cond_t changed;
    pthread_t thread;
    char *endpoint, *name;

    /* under the lock */
    struct outbox outbox;
    struct list calls, abandoned; /* struct call */
    uint64_t next_request;
    uint64_t added, settled; /* jobs */
    struct muster_broker_info broker;
    bool welcomed, connected, stop;
    bool asleep;      /* the thread wants to be woken when there is something for it */
    bool window_full; /* ... but not for submits: the next answer wakes it */
    int failed;       /* the broker refuses this client */
    int putting_off;  /* reason of the last BUSY, until an acknowledgement comes */

    /* the thread's own, but for wake_fd, which anyone writes */
    int wake_fd;
    void *context, *socket;
    int linger_ms; /* at the end: there is a GOODBYE to be sent */
    struct client_core core;
    struct ends ends;
    uint64_t notify_open; /* taken submits that asked for DONE, not acknowledged */
    char host[256];
    struct buf scratch;
};

/* Makes the thread look at what is new. Locked. */
void client_wake(muster_client_t *client);
/* Waits on `changed` until that time (UINT64_MAX: for ever). Locked. False when the time is over.
 */
bool client_wait_until(muster_client_t *client, uint64_t until_ms);
/* now + timeout, or UINT64_MAX for MUSTER_FOREVER. */
uint64_t client_until(uint64_t timeout_ms);

/* The thread; its argument is the handle. */
void *client_io_main(void *handle);
void client_call_free(struct call *call);

/* Sends a request and waits for its REPLY: 0, MUSTER_ETIMEOUT, MUSTER_ENOBROKER, MUSTER_ENOMEM, or
 * what the REPLY says; *ret_reply is NULL when there is none. `patience_ms` is how long the broker
 * may think before the connection is doubted. */
int client_ask(muster_client_t *client, struct msg *request, uint64_t timeout_ms,
               uint64_t patience_ms, muster_reply_t **ret_reply) MUSTER_MUSTCHECK;

#endif
