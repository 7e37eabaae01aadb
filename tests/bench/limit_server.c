/* limit_server.c: two ROUTERs before the store thread: submits are acknowledged and handed out when
 * they are committed, results acknowledged likewise. An acknowledgement is cumulative, one for all
 * frames of a commit. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limit.h"
#include "limit_store.h"

#define ROUTE_BYTES 16
#define TURN_FRAMES 1024 /* received before anything else happens */

struct route {
    uint8_t id[ROUTE_BYTES];
    size_t len; /* 0: not known yet */
};

struct server {
    void *frontend, *backend;
    struct limit_store store;
    struct route submitter, worker;
    struct work_list in, out;
    uint64_t next_id, results; /* results: frames acknowledged */
};

static void take_route(zmq_msg_t *m, struct route *ret)
{
    ret->len = zmq_msg_size(m);
    if (ret->len > sizeof ret->id)
        tally_die("a routing id of %zu bytes", ret->len);
    memcpy(ret->id, zmq_msg_data(m), ret->len);
}

static void send_to(void *socket, const struct route *to, zmq_msg_t *m)
{
    if (zmq_send(socket, to->id, to->len, ZMQ_SNDMORE) < 0 || zmq_msg_send(m, socket, 0) < 0)
        tally_die("sending: %s", zmq_strerror(errno));
}

static void send_ack(void *socket, const struct route *to, uint64_t number)
{
    struct frame ack = {.type = FRAME_ACK, .first = number};
    zmq_msg_t m;
    if (zmq_msg_init_size(&m, sizeof ack))
        tally_die("out of memory");
    memcpy(zmq_msg_data(&m), &ack, sizeof ack);
    send_to(socket, to, &m);
}

/* Whatever waits at the socket, up to a turn's worth. The frames go to the store as they came. */
static size_t receive(struct server *s, void *socket, struct route *route)
{
    size_t count = 0;
    zmq_msg_t id;
    (void)zmq_msg_init(&id);
    while (count < TURN_FRAMES && limit_receive(socket, &id)) {
        struct work w;
        take_route(&id, route);
        (void)zmq_msg_init(&w.message);
        if (!zmq_msg_more(&id) || !limit_receive(socket, &w.message))
            tally_die("half a message came");
        w.header = limit_header(&w.message);
        w.number = w.header.first;
        count++;
        if (w.header.type == FRAME_READY) {
            (void)zmq_msg_close(&w.message);
            send_ack(socket, route, 0);
            continue;
        }
        if (w.header.type == FRAME_SUBMIT) {
            w.header.first = s->next_id;
            s->next_id += w.header.count;
        }
        work_add(&s->in, &w);
    }
    (void)zmq_msg_close(&id);
    return count;
}

/* The received payloads are handed out without a copy, under another header. */
static void hand_out(struct server *s, struct work *w)
{
    struct frame jobs = {.type = FRAME_JOBS, .count = w->header.count, .first = w->header.first};
    memcpy(zmq_msg_data(&w->message), &jobs, sizeof jobs);
    send_to(s->backend, &s->worker, &w->message);
}

static size_t tell_committed(struct server *s)
{
    uint64_t submits = 0, results = s->results;
    limit_store_take(&s->store, &s->out);
    size_t count = s->out.count;
    for (size_t i = 0; i < count; i++) {
        struct work *w = &s->out.items[i];
        if (w->header.type == FRAME_SUBMIT) {
            submits = w->number;
            hand_out(s, w);
        } else {
            s->results++;
            (void)zmq_msg_close(&w->message);
        }
    }
    s->out.count = 0;
    if (submits)
        send_ack(s->frontend, &s->submitter, submits);
    if (s->results > results)
        send_ack(s->backend, &s->worker, s->results);
    return count;
}

static void *bind_any(void *context, char endpoint[ENDPOINT_BYTES])
{
    size_t size = ENDPOINT_BYTES;
    void *socket = limit_socket(context, ZMQ_ROUTER);
    memset(endpoint, 0, ENDPOINT_BYTES);
    if (zmq_bind(socket, "tcp://127.0.0.1:*") ||
        zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size))
        tally_die("binding: %s", zmq_strerror(errno));
    return socket;
}

/* Until it is killed: the one that started it knows when all is acknowledged. */
int limit_server(void *limit)
{
    struct limit *l = limit;
    struct server s = {.next_id = 1};
    void *context = zmq_ctx_new();
    char endpoints[2][ENDPOINT_BYTES];
    s.frontend = bind_any(context, endpoints[0]);
    s.backend = bind_any(context, endpoints[1]);
    limit_store_start(&s.store, l->folder);
    if (write(l->port_pipe, endpoints, sizeof endpoints) != (ssize_t)sizeof endpoints)
        tally_die("writing the endpoints: %s", strerror(errno));
    void *sockets[] = {s.frontend, s.backend};
    for (;;) {
        size_t moved = receive(&s, s.frontend, &s.submitter);
        moved += receive(&s, s.backend, &s.worker);
        limit_store_give(&s.store, &s.in);
        moved += tell_committed(&s);
        if (!moved)
            limit_wait(sockets, 2, s.store.done_fd);
    }
}
