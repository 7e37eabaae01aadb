/* session.h: the scheduler's talk with its broker, in one thread of its own and with one client.
 *
 * A client handle has a thread that keeps the connection and may have any number of requests open,
 * so a SCHEDULES that the broker holds stands in nobody's way: it is left open all the time, and
 * FIREs and what else there is to ask go beside it. Answers are told by an eventfd, and one poll()
 * waits for that, for signals and for the next nominal time.
 *
 * Time is the broker's: each answer tells its clock, and the monotonic clock carries that on until
 * the next one. This process's own wall clock is used for nothing but the log. */
#ifndef SCHEDULER_SESSION_H
#define SCHEDULER_SESSION_H

#include "client.h"
#include "scheduler/agenda.h"

#define SESSION_FIRES       4 /* FIREs on their way at a time */
#define SESSION_NOTICES     16
#define SESSION_NOTICE_TEXT 1024

struct session {
    muster_client_t *client; /* borrowed, as the next three */
    const char *broker;      /* how people call it */
    const char *source;      /* for notices; NULL: each schedule's own */
    int signal_fd;           /* SIGTERM, SIGINT: stop; SIGHUP: reload */
    int answer_fd;
    struct agenda agenda;

    bool stop, reload; /* signals have come */
    int failed;        /* the broker refuses this client for good */

    bool clock_known;
    int64_t clock_ahead_us; /* the broker's clock minus ours (monotonic) */

    struct call *poll;
    bool poll_fresh;     /* it was sent after session_sync() */
    uint64_t poll_at_ms; /* not before (monotonic) */
    bool poll_held;      /* the broker was asked to answer later */
    uint64_t poll_sent_ms;
    bool read_again; /* the next one asks for all */
    uint64_t epoch, after;
    uint64_t since; /* of a reading that takes several answers: what its first one knew; 0: none */
    bool synced;    /* the agenda has all that the broker had at the last session_sync() */
    bool renewed;   /* the broker was started anew since; whoever looks clears it */

    bool firing; /* set by the caller: what is due is sent */
    struct flight {
        struct call *call; /* NULL: free */
        struct agenda_fire fire;
    } flights[SESSION_FIRES];

    struct call *notice;
    struct {
        char source[NAME_MAX_BYTES + 1];
        char text[SESSION_NOTICE_TEXT + 1];
    } notices[SESSION_NOTICES];
    size_t notice_count;

    uint64_t begun_ms;
    bool connected, away_told;
    char trouble[65]; /* what the broker said last instead of an answer; told once */
};

/* 0, or MUSTER_EIO, MUSTER_ENOMEM. */
int session_init(struct session *s, muster_client_t *client, int signal_fd, struct zones *zones);
void session_fini(struct session *s);

/* One turn: sends what is due, waits for what comes next, but not beyond that time (monotonic ms),
 * and takes it in. */
void session_turn(struct session *s, uint64_t until_ms);
/* Sends a request and takes turns until its answer is there, however long that takes: while the
 * broker is away, it waits. 0; MUSTER_ECLOSED: a signal said stop; or what the answer says, which
 * is *ret_reply then, if there is one: the caller frees it. */
int session_ask(struct session *s, struct msg *request,
                muster_reply_t **ret_reply) MUSTER_MUSTCHECK;
/* Reads on until the agenda has all that is at the broker now. 0; MUSTER_ECLOSED; s->failed. */
int session_sync(struct session *s) MUSTER_MUSTCHECK;
/* The next poll tells all schedules again, also those known. */
void session_read_again(struct session *s);
/* Something that people who watch the broker should hear of. Sent when that is possible; too many
 * at once are dropped. `source` NULL: the session's. */
void session_notice(struct session *s, const char *source, const char *text);
/* Waits a moment for what is on its way. */
void session_finish(struct session *s);

#endif
