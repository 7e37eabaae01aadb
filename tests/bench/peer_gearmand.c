/* peer_gearmand.c: background jobs over gearmand's binary protocol, both sides pipelined. */
#include <arpa/inet.h>

#include "peer_load.h"

#define FUNCTION "bench"

enum packet {
    CAN_DO = 1,
    PRE_SLEEP = 4,
    NOOP = 6,
    JOB_CREATED = 8,
    GRAB_JOB = 9,
    NO_JOB = 10,
    JOB_ASSIGN = 11,
    WORK_COMPLETE = 13,
    ECHO_REQ = 16,
    ECHO_RES = 17,
    SUBMIT_JOB_BG = 18,
    ERROR_PACKET = 19
};

struct header {
    char magic[4];
    uint32_t type, len; /* big-endian */
};

static void put_header(struct conn *c, enum packet type, size_t len)
{
    struct header h = {{0, 'R', 'E', 'Q'}, htonl((uint32_t)type), htonl((uint32_t)len)};
    conn_put(c, &h, sizeof h);
}

/* The next whole packet, or false. */
static bool next_packet(struct conn *c, enum packet *ret_type, struct slice *ret_body)
{
    struct slice in = conn_input(c);
    struct header h;
    if (in.len < sizeof h)
        return false;
    memcpy(&h, in.data, sizeof h);
    if (memcmp(h.magic, "\0RES", 4) != 0)
        tally_die("gearmand sent something that is no packet");
    size_t len = ntohl(h.len);
    if (in.len < sizeof h + len)
        return false;
    *ret_type = (enum packet)ntohl(h.type);
    *ret_body = slice_of(in.data + sizeof h, len);
    if (*ret_type == ERROR_PACKET)
        tally_die("gearmand says: %.*s", SLICE_FMT(*ret_body));
    conn_take(c, sizeof h + len);
    return true;
}

static void put(struct load *l, struct conn *c, uint64_t first, uint32_t count)
{
    static const char names[] = FUNCTION "\0"; /* the function, and no unique id */
    for (uint32_t i = 0; i < count; i++) {
        put_header(c, SUBMIT_JOB_BG, sizeof names + l->payload);
        conn_put(c, names, sizeof names);
        conn_put(c, load_body(l, first + i), l->payload);
    }
}

static uint64_t answers(struct conn *c)
{
    enum packet type;
    struct slice body;
    uint64_t count = 0;
    while (next_packet(c, &type, &body)) {
        if (type != JOB_CREATED)
            tally_die("gearmand answered a submit with packet %d", type);
        count++;
    }
    return count;
}

struct worker {
    struct load *l;
    struct conn c;
    uint64_t done;
    uint32_t grabs; /* not answered */
    bool finished;
};

static void grab(struct worker *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        put_header(&w->c, GRAB_JOB, 0);
    w->grabs += count;
}

/* "handle\0function\0payload" */
static void finish_job(struct worker *w, struct slice body)
{
    const uint8_t *end = memchr(body.data, 0, body.len);
    size_t handle = end ? (size_t)(end - body.data) + 1 : 0, names = handle + sizeof FUNCTION;
    if (!end || body.len != names + w->l->payload)
        tally_die("gearmand gave out a job of %zu bytes", body.len);
    tally_mark(w->l->tally, body.data + names);
    put_header(&w->c, WORK_COMPLETE, handle);
    conn_put(&w->c, body.data, handle);
    w->done++;
}

static void take_packet(struct worker *w, enum packet type, struct slice body)
{
    switch (type) {
    case JOB_ASSIGN:
        w->grabs--;
        finish_job(w, body);
        if (w->done < w->l->tally->jobs)
            grab(w, 1);
        else /* completions have no answer; this one comes after all of them */
            put_header(&w->c, ECHO_REQ, 0);
        break;
    case NO_JOB:
        if (--w->grabs == 0 && w->done < w->l->tally->jobs)
            put_header(&w->c, PRE_SLEEP, 0);
        break;
    case NOOP:
        if (w->grabs == 0)
            grab(w, w->l->take);
        break;
    case ECHO_RES:
        w->finished = true;
        break;
    default:
        tally_die("gearmand sent the worker packet %d", type);
    }
}

static void work(struct load *l)
{
    struct worker w = {.l = l};
    enum packet type;
    struct slice body;
    conn_open(&w.c, l->port);
    put_header(&w.c, CAN_DO, sizeof FUNCTION - 1);
    conn_put(&w.c, FUNCTION, sizeof FUNCTION - 1);
    grab(&w, l->take); /* answered NO_JOB: then gearmand knows the worker */
    while (!w.finished) {
        conn_wait(&w.c, 1);
        while (next_packet(&w.c, &type, &body)) {
            take_packet(&w, type, body);
            l->tally->ready = true;
        }
    }
    conn_close(&w.c);
}

const struct peer peer_gearmand = {
    .name = "gearmand", .put = put, .answers = answers, .work = work};
