/* crowd.c: the sessions, and the thread that serves them. */
#include "crowd.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire.h"
#include "worker_core.h"
#include "zmtp.h"

#define EVENTS_PER_TURN 256
#define PAUSE_MAX_MS    200
#define NAME_BYTES      32
#define FRAME_MAX       (16u << 20)

struct crowd_seat {
    struct crowd *crowd;
    struct worker_core core;
    struct worker_identity who;
    struct slice queue, kind;
    char name[NAME_BYTES];
    struct zmtp link;
    bool writing; /* epoll tells when there is room */
    uint64_t due_ms;
    struct job_batch *arrived; /* by the message that is being handled */
};

/* ---- what the session machine asks for ---- */

static void on_open(void *ctx)
{
    struct crowd_seat *s = ctx;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = s};
    s->writing = true;
    if (zmtp_open(&s->link, &s->crowd->broker) == 0)
        (void)epoll_ctl(s->crowd->epoll, EPOLL_CTL_ADD, s->link.fd, &event);
}

static void on_close(void *ctx, bool linger)
{
    struct crowd_seat *s = ctx;
    if (linger)
        (void)zmtp_flush(&s->link);
    zmtp_close(&s->link);
}

static void on_send(void *ctx, const struct msg *m)
{
    struct crowd_seat *s = ctx;
    struct buf *frame = &s->crowd->frame;
    buf_reset(frame);
    if (!wire_encode(frame, m))
        (void)zmtp_put(&s->link, buf_slice(frame));
}

static void on_start(void *ctx, struct job_batch *batch)
{
    struct crowd_seat *s = ctx;
    s->arrived = batch;
}

static void on_stop(void *ctx, struct job *job)
{
    (void)ctx;
    (void)job; /* each has ended by then */
}

static void on_ready(void *ctx)
{
    (void)ctx;
}

static void on_note(void *ctx, bool trouble, const char *text)
{
    struct crowd_seat *s = ctx;
    (void)text;
    if (trouble)
        s->crowd->lost++;
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

/* ---- a session ---- */

static void do_jobs(struct crowd_seat *s)
{
    struct job_batch *batch = s->arrived;
    s->arrived = NULL;
    uint32_t count = batch ? batch->count : 0; /* the batch goes with its last job */
    for (uint32_t i = 0; i < count; i++) {
        struct job *job = &batch->jobs[i];
        if (job_claim(job, STAGE_RUNNING)) {
            job->started_us = clock_us();
            job->outcome = OUTCOME_COMPLETED;
            job->decided = true;
        }
        worker_core_finished(&s->core, job);
    }
    s->crowd->jobs += count;
}

static void take_message(struct crowd_seat *s, struct slice frame, uint64_t now_ms)
{
    struct msg m;
    char why[128];
    s->crowd->messages++;
    int error = wire_decode(frame, &m, why, sizeof why);
    if (error == 0)
        worker_core_message(&s->core, &m, now_ms);
    else if (error != MUSTER_EUNKNOWN_TYPE)
        worker_core_lost(&s->core, why, now_ms);
    do_jobs(s);
}

static void receive(struct crowd_seat *s, uint64_t now_ms)
{
    struct slice frame;
    bool alive = zmtp_read(&s->link);
    while (s->link.fd >= 0) {
        switch (zmtp_next(&s->link, &frame)) {
        case ZMTP_OPEN:
            worker_core_connected(&s->core, now_ms);
            continue;
        case ZMTP_MESSAGE:
            take_message(s, frame, now_ms);
            continue;
        case ZMTP_BROKEN:
            alive = false;
            break;
        case ZMTP_NOTHING:
            break;
        }
        break;
    }
    if (!alive && s->link.fd >= 0)
        worker_core_lost(&s->core, "the connection is gone", now_ms);
}

/* Sends what is due, and asks for room only while something waits for it. */
static void settle(struct crowd_seat *s, uint64_t now_ms)
{
    worker_core_tick(&s->core, now_ms);
    if (s->link.fd >= 0 && !zmtp_flush(&s->link))
        worker_core_lost(&s->core, "the connection is gone", now_ms);
    bool waits = s->link.fd >= 0 && zmtp_waits(&s->link);
    if (s->link.fd >= 0 && waits != s->writing) {
        struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0u), .data.ptr = s};
        (void)epoll_ctl(s->crowd->epoll, EPOLL_CTL_MOD, s->link.fd, &event);
        s->writing = waits;
    }
    s->due_ms = worker_core_deadline(&s->core);
}

static int seat_init(struct crowd *c, uint32_t number, const char *kind)
{
    struct crowd_seat *s = &c->seats[number];
    uint64_t seed;
    s->crowd = c;
    s->queue = slice_str("default");
    s->kind = slice_str(kind);
    (void)snprintf(s->name, sizeof s->name, "crowd-%u", number);
    s->who = (struct worker_identity){.name = slice_str(s->name),
                                      .host = slice_str("crowd"),
                                      .pid = (uint32_t)getpid(),
                                      .slots = c->slots,
                                      .queues = &s->queue,
                                      .queue_count = 1,
                                      .kinds = &s->kind,
                                      .kind_count = 1};
    zmtp_init(&s->link);
    if (getrandom(s->who.session, SESSION_ID_BYTES, 0) != SESSION_ID_BYTES ||
        getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return MUSTER_EIO;
    worker_core_init(&s->core, &s->who, &ops, s, seed);
    return 0;
}

/* ---- the thread ---- */

/* Those whose time has come; returns when the next one's will. */
static uint64_t tick_all(struct crowd *c, uint64_t now_ms)
{
    uint64_t next_ms = UINT64_MAX, epoch = c->epoch;
    uint32_t serving = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        struct crowd_seat *s = &c->seats[i];
        if (s->due_ms <= now_ms)
            settle(s, now_ms);
        next_ms = s->due_ms < next_ms ? s->due_ms : next_ms;
        serving += s->core.state == LINK_SERVING && s->core.epoch >= epoch;
    }
    c->serving = serving;
    return next_ms;
}

static int pause_ms(uint64_t next_ms, uint64_t now_ms)
{
    uint64_t left = next_ms > now_ms ? next_ms - now_ms : 0;
    return left < PAUSE_MAX_MS ? (int)left : PAUSE_MAX_MS;
}

static void *crowd_main(void *arg)
{
    struct crowd *c = arg;
    struct epoll_event events[EVENTS_PER_TURN];
    uint64_t ticked_ms = 0, next_ms = 0;
    while (!c->stop) {
        uint64_t now_ms = clock_ms();
        if (now_ms != ticked_ms)
            next_ms = tick_all(c, now_ms);
        ticked_ms = now_ms;
        int count = epoll_wait(c->epoll, events, EVENTS_PER_TURN, pause_ms(next_ms, now_ms));
        now_ms = clock_ms();
        for (int i = 0; i < count; i++) {
            struct crowd_seat *s = events[i].data.ptr;
            if (s->link.fd >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                receive(s, now_ms);
            settle(s, now_ms);
        }
    }
    return NULL;
}

static void free_seats(struct crowd *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        worker_core_fini(&c->seats[i].core);
        zmtp_fini(&c->seats[i].link);
    }
    free(c->seats);
    buf_fini(&c->frame);
    (void)close(c->epoll);
}

int crowd_start(struct crowd *c, const char *endpoint, const char *kind, uint32_t count,
                uint32_t slots)
{
    uint16_t port;
    memset(c, 0, sizeof *c);
    c->slots = slots;
    buf_init(&c->frame, FRAME_MAX);
    if (sscanf(endpoint, "tcp://127.0.0.1:%hu", &port) != 1)
        return MUSTER_EINVAL;
    c->broker = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->seats = calloc(count, sizeof *c->seats);
    int error = c->epoll < 0 || !c->seats ? MUSTER_ENOMEM : 0;
    for (; c->count < count && !error; c->count++)
        error = seat_init(c, c->count, kind);
    if (!error && pthread_create(&c->thread, NULL, crowd_main, c))
        error = MUSTER_ENOMEM;
    if (error)
        free_seats(c);
    return error;
}

void crowd_stop(struct crowd *c)
{
    c->stop = true;
    (void)pthread_join(c->thread, NULL);
    free_seats(c);
}

double crowd_cpu_s(const struct crowd *c)
{
    clockid_t clock;
    struct timespec t;
    if (pthread_getcpuclockid(c->thread, &clock) || clock_gettime(clock, &t))
        return 0;
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
