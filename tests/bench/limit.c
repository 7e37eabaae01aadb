/* limit.c: the bare limit as a program: submitter, worker, and a server between them.
 *
 * limit FOLDER JOBS PER_FRAME PAYLOAD. The folder must be empty. Prints a line of JSON (tally.h).
 * What it lacks on purpose: queues, kinds, options, sessions, leases, resends, history, checks,
 * limits; its figure is what a job system over the same two libraries could reach at most. */
#include "limit.h"

#include <errno.h>
#include <inttypes.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "limit_store.h"

#define WINDOW_JOBS  65536 /* submitted and not acknowledged */
#define PAYLOAD_MAX  65536
#define WAIT_SOCKETS 4

struct frame limit_header(zmq_msg_t *m)
{
    struct frame h;
    if (zmq_msg_size(m) < sizeof h)
        tally_die("a frame of %zu bytes", zmq_msg_size(m));
    memcpy(&h, zmq_msg_data(m), sizeof h);
    return h;
}

void limit_wait(void *const *sockets, size_t count, int fd)
{
    zmq_pollitem_t items[WAIT_SOCKETS + 1];
    for (size_t i = 0; i < count; i++)
        items[i] = (zmq_pollitem_t){.socket = sockets[i], .events = ZMQ_POLLIN};
    items[count] = (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLIN};
    if (zmq_poll(items, (int)count + (fd >= 0), PATIENCE_MS) == 0)
        tally_die("nothing has moved for %d s", PATIENCE_MS / 1000);
}

void *limit_socket(void *context, int type)
{
    int none = 0;
    void *socket = zmq_socket(context, type);
    if (!socket || zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none) ||
        zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none) ||
        zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none))
        tally_die("making a socket: %s", zmq_strerror(errno));
    return socket;
}

static void *connect_to(void *context, const char *endpoint)
{
    void *socket = limit_socket(context, ZMQ_DEALER);
    if (zmq_connect(socket, endpoint))
        tally_die("%s: %s", endpoint, zmq_strerror(errno));
    return socket;
}

static void send_header(void *socket, struct frame h)
{
    if (zmq_send(socket, &h, sizeof h, 0) < 0)
        tally_die("sending: %s", zmq_strerror(errno));
}

/* ---- submitter ---- */

static void send_jobs(void *socket, const struct limit *l, struct frame h, uint64_t index)
{
    zmq_msg_t m;
    if (zmq_msg_init_size(&m, sizeof h + (size_t)h.count * l->payload))
        tally_die("out of memory");
    uint8_t *at = zmq_msg_data(&m);
    memcpy(at, &h, sizeof h);
    at += sizeof h;
    for (uint32_t i = 0; i < h.count; i++, index++, at += l->payload) {
        memset(at, 'x', l->payload);
        memcpy(at, &index, sizeof index);
    }
    if (zmq_msg_send(&m, socket, 0) < 0)
        tally_die("sending: %s", zmq_strerror(errno));
}

/* The number of the last frame that is acknowledged, or `known`. */
static uint64_t read_acks(void *socket, uint64_t known)
{
    zmq_msg_t m;
    (void)zmq_msg_init(&m);
    while (limit_receive(socket, &m))
        known = limit_header(&m).first;
    (void)zmq_msg_close(&m);
    return known;
}

void limit_submit(struct limit *l)
{
    void *context = zmq_ctx_new(), *socket = connect_to(context, l->frontend);
    uint64_t jobs = l->tally->jobs, sent = 0, number = 0, acked = 0, known;
    uint64_t frames = (jobs + l->per_frame - 1) / l->per_frame;
    send_header(socket, (struct frame){.type = FRAME_READY});
    limit_wait(&socket, 1, -1); /* connected; the answer is an ack of nothing */
    l->tally->first_submit_us = clock_us();
    while (acked < frames) {
        known = acked;
        while (sent < jobs && (number - acked) * l->per_frame < WINDOW_JOBS) {
            uint64_t left = jobs - sent;
            struct frame h = {.type = FRAME_SUBMIT, .first = ++number};
            h.count = left < l->per_frame ? (uint32_t)left : l->per_frame;
            send_jobs(socket, l, h, sent);
            sent += h.count;
        }
        acked = read_acks(socket, acked);
        if (acked == known && acked < frames)
            limit_wait(&socket, 1, -1);
    }
    (void)zmq_close(socket);
    (void)zmq_ctx_term(context);
}

/* ---- worker ---- */

static uint64_t do_jobs(void *socket, const struct limit *l, zmq_msg_t *m)
{
    struct frame h = limit_header(m);
    const uint8_t *at = (const uint8_t *)zmq_msg_data(m) + sizeof h;
    if (zmq_msg_size(m) != sizeof h + (size_t)h.count * l->payload)
        tally_die("a frame of jobs has %zu bytes", zmq_msg_size(m));
    for (uint32_t i = 0; i < h.count; i++)
        tally_mark(l->tally, at + (size_t)i * l->payload);
    h.type = FRAME_RESULTS;
    send_header(socket, h);
    return h.count;
}

int limit_worker(void *limit)
{
    struct limit *l = limit;
    void *context = zmq_ctx_new(), *socket = connect_to(context, l->backend);
    uint64_t done = 0, frames = 0, acked = 0;
    zmq_msg_t m;
    (void)zmq_msg_init(&m);
    send_header(socket, (struct frame){.type = FRAME_READY});
    while (done < l->tally->jobs || acked < frames) {
        limit_wait(&socket, 1, -1);
        while (limit_receive(socket, &m)) {
            struct frame h = limit_header(&m);
            if (h.type == FRAME_JOBS) {
                done += do_jobs(socket, l, &m);
                frames++;
            } else {
                acked = h.first;
                l->tally->ready = true;
            }
        }
    }
    l->tally->last_done_us = clock_us();
    (void)zmq_msg_close(&m);
    (void)zmq_close(socket);
    (void)zmq_ctx_term(context);
    return 0;
}

/* ---- the run ---- */

static pid_t start_server(struct limit *l)
{
    int pipes[2];
    if (pipe(pipes))
        tally_die("pipe: %s", strerror(errno));
    l->port_pipe = pipes[1];
    pid_t server = tally_fork(limit_server, l);
    (void)close(pipes[1]);
    char endpoints[2][ENDPOINT_BYTES];
    if (read(pipes[0], endpoints, sizeof endpoints) != (ssize_t)sizeof endpoints)
        tally_die("the server has failed");
    (void)close(pipes[0]);
    memcpy(l->frontend, endpoints[0], ENDPOINT_BYTES);
    memcpy(l->backend, endpoints[1], ENDPOINT_BYTES);
    return server;
}

int main(int argc, char **argv)
{
    static struct limit l;
    if (argc != 5)
        tally_die("usage: limit FOLDER JOBS PER_FRAME PAYLOAD");
    l.folder = argv[1];
    l.tally = tally_new(tally_number(argv[2], "JOBS", 1, 1000000000));
    l.per_frame = (uint32_t)tally_number(argv[3], "PER_FRAME", 1, 10000);
    l.payload = (uint32_t)tally_number(argv[4], "PAYLOAD", INDEX_BYTES, PAYLOAD_MAX);
    pid_t server = start_server(&l);
    pid_t worker = tally_fork(limit_worker, &l);
    tally_await_ready(l.tally, worker);
    limit_submit(&l);
    int status = tally_finish(l.tally, worker);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    uint64_t left = limit_store_count(l.folder);
    if (left)
        tally_die("%" PRIu64 " of the jobs are still stored", left);
    return status;
}
