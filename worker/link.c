/* link.c: what the session machine asks for, done with the socket and the pool. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "wire.h"
#include "worker.h"

#define READ_MAX   64u  /* messages a turn */
#define GOODBYE_MS 1000 /* for the last messages to leave */

/* ---- what the session machine asks for ---- */

static void on_open(void *ctx)
{
    struct link *l = ctx;

    (void)conn_open(&l->conn); /* a failure shows as no connection, and is tried again */
}

static void on_close(void *ctx, bool linger)
{
    struct link *l = ctx;

    conn_close(&l->conn, linger ? GOODBYE_MS : 0);
}

static void on_send(void *ctx, const struct msg *m)
{
    struct link *l = ctx;

    (void)conn_send(&l->conn, m); /* what is lost is said again after the next HELLO */
}

static void frame_free(void *frame)
{
    zmq_msg_close(frame);
    free(frame);
}

static void on_start(void *ctx, struct job_batch *batch)
{
    struct link *l = ctx;

    batch->owner = l;
    batch->result_max = l->core.max_payload;
    batch->frame = l->frame;
    batch->release = frame_free;
    l->frame = NULL;
    for (uint32_t i = 0; i < batch->lane_count; i++)
        batch->lanes[i].handler = worker_handler(l->worker, batch->lanes[i].kind);
    pool_submit(l->worker->pool, batch);
}

static void on_stop(void *ctx, struct job *job)
{
    struct link *l = ctx;

    pool_stop(l->worker->pool, job);
}

static void on_ready(void *ctx)
{
    struct link *l = ctx;
    struct worker *w = l->worker;

    l->served = true;
    if (w->on_ready)
        w->on_ready(w->user, w->name, w->session_text, w->who.slots);
}

static void on_note(void *ctx, bool trouble, const char *text)
{
    struct link *l = ctx;
    struct worker *w = l->worker;
    char line[512];

    if (!w->on_log)
        return;
    if (!trouble)
        snprintf(line, sizeof line, "connected to %s", l->conn.endpoint);
    else if (l->served)
        snprintf(line, sizeof line, "lost %s: %s; trying again until it is back", l->conn.endpoint,
                 text);
    else
        snprintf(line, sizeof line, "no broker at %s yet: %s; waiting for it", l->conn.endpoint,
                 text);
    w->on_log(w->user, trouble, line);
}

static const struct worker_core_ops ops = {
    .open = on_open,
    .close = on_close,
    .send = on_send,
    .start = on_start,
    .stop = on_stop,
    .ready = on_ready,
    .note = on_note,
};

/* ---- the link ---- */

void link_init(struct link *l, struct worker *w, void *zmq, const char *endpoint, uint64_t seed)
{
    memset(l, 0, sizeof *l);
    l->worker = w;
    worker_core_init(&l->core, &w->who, &ops, l, seed);
    conn_init(&l->conn, zmq, endpoint);
}

void link_fini(struct link *l)
{
    worker_core_fini(&l->core);
    conn_fini(&l->conn);
    if (l->frame)
        frame_free(l->frame);
}

static bool next_frame(struct link *l)
{
    if (!l->frame) {
        l->frame = malloc(sizeof *l->frame);
        if (!l->frame)
            return false;
        zmq_msg_init(l->frame);
    }
    return conn_receive(&l->conn, l->frame);
}

static void take_frame(struct link *l, uint64_t now)
{
    char why[160], text[256];
    struct msg m;
    int err =
        wire_decode(slice_of(zmq_msg_data(l->frame), zmq_msg_size(l->frame)), &m, why, sizeof why);

    if (err == 0) {
        worker_core_message(&l->core, &m, now);
    } else if (err != MUSTER_EUNKNOWN_TYPE) { /* a newer broker may say more than we know */
        snprintf(text, sizeof text, "it sent what cannot be read: %s", why);
        worker_core_lost(&l->core, text, now);
    }
}

bool link_read(struct link *l, uint64_t now)
{
    enum conn_event event;

    for (uint32_t i = 0; i < READ_MAX; i++) {
        if (!next_frame(l)) {
            /* Only now: what arrived before the connection broke still counts. */
            while ((event = conn_event(&l->conn)) != CONN_NOTHING) {
                if (event == CONN_CONNECTED)
                    worker_core_connected(&l->core, now);
                else
                    worker_core_lost(&l->core, l->conn.socket ? "the connection failed" : "", now);
            }
            return false;
        }
        take_frame(l, now);
    }
    return true;
}
