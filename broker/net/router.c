/* router.c: routes, frames and counters of one ROUTER socket. */
#include "net/router.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "base/limits.h"
#include "net/socket.h"

/* libzmq's own routing ids: a zero byte and a 32-bit number. Anything else was chosen by the peer.
 */
#define ROUTING_ID_BYTES 5
/* Set in every route, so that none is 0. */
#define ROUTE_MARK (UINT64_C(1) << 32)

/* libzmq keeps a frame of up to its receive buffer's size inside that buffer: a reference to 100
 * bytes would hold 8 KiB. Such frames are copied; larger ones have memory of their own and are kept
 * by reference. */
#define COPY_BELOW_BYTES 8192

/* Frames above this count against max_unsent. */
#define LARGE_BYTES 8192

/* Few messages may wait for each peer here: memory is this many frames a peer. A peer that sends
 * faster meets TCP's own back-pressure. Towards a peer, jobs are bounded by credit, and
 * acknowledgements are small: there is room for those of a client's whole window, beside others. */
#define RECEIVE_MAX 64
#define SEND_MAX    (2 * CLIENT_WINDOW_SUBMITS)

/* Shared with libzmq's threads, which free large frames; lives until the last one is freed. */
struct unsent {
    atomic_size_t bytes;
    atomic_uint refs;
};

struct router {
    void *socket;
    size_t max_unsent;
    struct unsent *unsent;
    zmq_msg_t id, frame; /* reused for each message */
    uint64_t counters[ROUTER_COUNT_MAX];
    char endpoint[SOCKET_ENDPOINT_BYTES];
};

/* A received frame kept by reference. */
struct held_frame {
    struct blob blob;
    zmq_msg_t message;
};

/* A large frame on its way out, in front of its bytes. */
struct large_frame {
    struct unsent *unsent;
    size_t size;
    /* hands it to the thread of libzmq that frees it: nothing but libzmq is between them else */
    atomic_bool filled;
};

static const char *const count_names[] = {
#define COUNT(symbol, name, about) [ROUTER_##symbol] = name,
#include "net/router.def"
};

static const char *const count_abouts[] = {
#define COUNT(symbol, name, about) [ROUTER_##symbol] = about,
#include "net/router.def"
};

static void unsent_unref(struct unsent *u)
{
    if (u && atomic_fetch_sub(&u->refs, 1) == 1)
        free(u);
}

static int prepare(struct router *r, void *context, const struct router_options *options, char *why,
                   size_t why_size)
{
    int mandatory = 1;
    r->max_unsent = options->max_unsent;
    r->unsent = calloc(1, sizeof *r->unsent);
    r->socket = r->unsent ? zmq_socket(context, ZMQ_ROUTER) : NULL;
    if (r->unsent)
        atomic_store(&r->unsent->refs, 1);
    if (!r->socket ||
        zmq_setsockopt(r->socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory)) {
        snprintf(why, why_size, "cannot make a socket: %s", zmq_strerror(errno));
        return MUSTER_EIO;
    }
    const struct socket_options tuning = {.endpoint = options->endpoint,
                                          .max_frame = (int64_t)options->max_frame,
                                          .receive_max = RECEIVE_MAX,
                                          .send_max = SEND_MAX};
    return socket_bind(r->socket, &tuning, r->endpoint, why, why_size);
}

int router_open(struct router **ret, void *context, const struct router_options *options, char *why,
                size_t why_size)
{
    struct router *r = calloc(1, sizeof *r);
    if (!r) {
        snprintf(why, why_size, "out of memory");
        return MUSTER_ENOMEM;
    }
    zmq_msg_init(&r->id);
    zmq_msg_init(&r->frame);
    int error = prepare(r, context, options, why, why_size);
    if (error)
        router_close(&r, 0);
    else
        *ret = r;
    return error;
}

void router_close(struct router **router, int linger_ms)
{
    struct router *r = *router;
    if (!r)
        return;
    zmq_msg_close(&r->id);
    zmq_msg_close(&r->frame);
    if (r->socket) {
        zmq_setsockopt(r->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close(r->socket);
    }
    unsent_unref(r->unsent);
    free(r);
    *router = NULL;
}

const char *router_endpoint(const struct router *r)
{
    return r->endpoint;
}

void *router_socket(struct router *r)
{
    return r->socket;
}

uint64_t router_counter(const struct router *r, enum router_count which)
{
    return r->counters[which];
}

const char *router_count_name(enum router_count which)
{
    return count_names[which];
}

const char *router_count_about(enum router_count which)
{
    return count_abouts[which];
}

/* ---- receiving ---- */

static void release_held(struct blob *blob)
{
    struct held_frame *held = (struct held_frame *)blob;
    zmq_msg_close(&held->message);
    free(held);
}

/* Takes the content of `message`, which is empty after. NULL when out of memory. */
static struct blob *frame_blob(zmq_msg_t *message)
{
    size_t size = zmq_msg_size(message);
    if (size <= COPY_BELOW_BYTES)
        return blob_copy(slice_of(zmq_msg_data(message), size));
    struct held_frame *held = malloc(sizeof *held);
    if (!held)
        return NULL;
    zmq_msg_init(&held->message);
    zmq_msg_move(&held->message, message);
    held->blob = (struct blob){
        .refs = 1, .bytes = slice_of(zmq_msg_data(&held->message), size), .release = release_held};
    return &held->blob;
}

/* 0 when the routing id is not libzmq's own. */
static uint64_t route_of(zmq_msg_t *id)
{
    const uint8_t *b = zmq_msg_data(id);
    if (zmq_msg_size(id) != ROUTING_ID_BYTES || b[0] != 0)
        return 0;
    return ROUTE_MARK | slice_u32_at(slice_of(b + 1, 4), 0);
}

static void skip_rest(struct router *r)
{
    while (zmq_msg_more(&r->frame) && zmq_msg_recv(&r->frame, r->socket, ZMQ_DONTWAIT) >= 0)
        ;
}

bool router_receive(struct router *r, uint64_t *ret_route, struct blob **ret_frame)
{
    while (zmq_msg_recv(&r->id, r->socket, ZMQ_DONTWAIT) >= 0) {
        if (!zmq_msg_more(&r->id)) {
            r->counters[ROUTER_MULTIPART]++; /* a routing id alone: no frame at all */
            continue;
        }
        if (zmq_msg_recv(&r->frame, r->socket, ZMQ_DONTWAIT) < 0)
            return false;
        uint64_t route = route_of(&r->id);
        if (zmq_msg_more(&r->frame) || !route) {
            r->counters[route ? ROUTER_MULTIPART : ROUTER_ROUTING_ID]++;
            skip_rest(r);
            continue;
        }
        *ret_frame = frame_blob(&r->frame);
        *ret_route = route;
        if (*ret_frame)
            return true;
        r->counters[ROUTER_NO_MEMORY]++;
    }
    return false;
}

/* ---- sending ---- */

static void free_large(void *data, void *hint)
{
    struct large_frame *large = hint;
    (void)data;
    (void)atomic_load_explicit(&large->filled, memory_order_acquire);
    atomic_fetch_sub(&large->unsent->bytes, large->size);
    unsent_unref(large->unsent);
    free(large);
}

static bool make_large(struct router *r, zmq_msg_t *message, struct slice frame)
{
    struct large_frame *large = NULL;
    if (atomic_load(&r->unsent->bytes) + frame.len > r->max_unsent ||
        !(large = malloc(sizeof *large + frame.len))) {
        r->counters[ROUTER_UNSENT_FULL]++;
        return false;
    }
    large->unsent = r->unsent;
    large->size = frame.len;
    memcpy(large + 1, frame.data, frame.len);
    atomic_store_explicit(&large->filled, true, memory_order_release);
    if (zmq_msg_init_data(message, large + 1, frame.len, free_large, large)) {
        free(large);
        return false;
    }
    atomic_fetch_add(&r->unsent->bytes, frame.len);
    atomic_fetch_add(&r->unsent->refs, 1);
    return true;
}

static bool make_message(struct router *r, zmq_msg_t *message, struct slice frame)
{
    if (frame.len > LARGE_BYTES)
        return make_large(r, message, frame);
    if (zmq_msg_init_size(message, frame.len))
        return false;
    memcpy(zmq_msg_data(message), frame.data, frame.len);
    return true;
}

bool router_send(struct router *r, uint64_t route, struct slice frame)
{
    zmq_msg_t message;
    uint8_t id[ROUTING_ID_BYTES] = {0, (uint8_t)route, (uint8_t)(route >> 8),
                                    (uint8_t)(route >> 16), (uint8_t)(route >> 24)};
    if (!make_message(r, &message, frame))
        return false;
    if (zmq_send(r->socket, id, sizeof id, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_msg_send(&message, r->socket, ZMQ_DONTWAIT) < 0) {
        r->counters[errno == EAGAIN ? ROUTER_SLOW_PEER : ROUTER_UNREACHABLE]++;
        zmq_msg_close(&message);
        return false;
    }
    return true;
}
