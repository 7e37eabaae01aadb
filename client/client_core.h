/* client_core.h: a client's session with one broker, as a pure machine: events go in by the
 * functions below, what is to be done comes out of client_core_next(). Time stands in the events;
 * nothing here knows sockets, threads or clocks.
 *
 * Whoever drives it calls client_core_next() until it returns false after every event, and before
 * the frame that a message borrows from is freed. */
#ifndef CLIENT_CLIENT_CORE_H
#define CLIENT_CLIENT_CORE_H

#include "base/list.h"
#include "base/rng.h"
#include "msg.h"

/* No sign of life for so long, with something outstanding: reconnect. */
#define CLIENT_SILENCE_MS   5000
#define CLIENT_GREET_MS     2000  /* first wait for WELCOME; doubles up to the next */
#define CLIENT_GREET_MAX_MS 16000 /* a slow disk may delay WELCOME: do not hurry it for ever */
/* An answer that is missing for so long was lost: say HELLO, send again. */
#define CLIENT_PATIENCE_MS  30000
#define CLIENT_RECONNECT_MS 1000 /* spread of reconnects until WELCOME tells another */
#define CLIENT_HEARTBEAT_MS 1000 /* unless WELCOME tells a shorter one */

enum client_phase {
    CLIENT_OFFLINE,  /* waits for connect_at_ms */
    CLIENT_GREETING, /* HELLO is on its way */
    CLIENT_SERVING,  /* WELCOME came */
    CLIENT_FAILED,   /* the broker refuses this client for good: `error` */
    CLIENT_CLOSED
};

/* Who says HELLO. Slices are borrowed for the life of the core. */
struct client_identity {
    uint8_t session[SESSION_ID_BYTES];
    struct slice name, host;
    uint64_t pid;
    uint64_t seed; /* of the jitter */
};

enum client_submit_state { CLIENT_SUBMIT_QUEUED, CLIENT_SUBMIT_SENT, CLIENT_SUBMIT_DEFERRED };

/* One SUBMIT; embedded in what the caller keeps about it, and owned by the caller. */
struct client_submit {
    struct list link;     /* in client_core.submits, by number */
    uint64_t number;      /* given by client_core_submit() */
    uint64_t request;     /* set by the caller: the header's request number */
    uint64_t order;       /* set by the caller: its place among those of all its sessions */
    size_t bytes;         /* set by the caller: what it counts against the window */
    uint32_t count;       /* set by the caller: jobs in it */
    uint8_t state;        /* enum client_submit_state */
    uint64_t sent_ms;     /* SENT: since when */
    uint64_t retry_at_ms; /* DEFERRED: when it goes out again */
};

/* One request that REPLY answers; embedded and owned as above. */
struct client_request {
    struct list link;
    uint64_t number; /* set by the caller: the header's request number, unique in the session */
    /* set by the caller: how long the broker may take; 0: CLIENT_PATIENCE_MS */
    uint64_t patience_ms;
    uint64_t sent_ms;
    bool sent;
};

enum client_action_kind {
    CLIENT_DO_CONNECT,  /* drop the socket and its frames, connect a new one */
    CLIENT_DO_SEND,     /* message */
    CLIENT_DO_SUBMIT,   /* submit: send it (encode it when it goes out first, with `confirmed`) */
    CLIENT_DO_REQUEST,  /* request: send it */
    CLIENT_DO_WELCOMED, /* received: the limits are new */
    CLIENT_DO_ACKED,    /* submit and received (SUBMIT_ACK): the submit is the caller's again */
    CLIENT_DO_REFUSED,  /* submit, error, text: nothing of it happened; it is the caller's again */
    CLIENT_DO_DEFERRED, /* submit, error: the broker puts it off; it goes out again by itself */
    CLIENT_DO_ENDED,    /* received (DONE); its first `skip` ends were told before */
    CLIENT_DO_REPLIED,  /* request and received (REPLY, or ERROR); the request is the caller's again
                         */
    CLIENT_DO_DROPPED   /* request, error: it will not be answered; it is the caller's again */
};

struct client_action {
    enum client_action_kind kind;
    struct msg message;
    struct client_submit *submit;
    struct client_request *request;
    const struct msg *received; /* the message given to client_core_receive() */
    uint64_t confirmed;
    uint32_t skip;
    int error;
    struct slice text;
};

struct client_core {
    struct client_identity who;
    enum client_phase phase;
    int error; /* FAILED: why */
    struct rng rng;

    bool connect_due, hello_due, done_ack_due, goodbye_due;
    uint64_t hello_number;  /* of the last HELLO */
    uint64_t connect_at_ms; /* OFFLINE: when to try */
    uint64_t greet_ms;      /* GREETING: how long to wait this time */
    uint64_t greeted_ms;    /* GREETING: since when */
    uint64_t heard_ms;      /* last sign of life, or when something became outstanding */
    uint64_t beat_at_ms;    /* when the next HEARTBEAT is due while something is outstanding */

    uint32_t heartbeat_ms, spread_ms, window;
    uint64_t window_bytes;

    struct list submits;      /* struct client_submit, not settled, by number */
    uint64_t next_number;     /* of the next SUBMIT */
    size_t unsettled_bytes;   /* of `submits` */
    uint32_t unsettled_count; /* of `submits` */
    uint32_t queued_count;    /* of those, CLIENT_SUBMIT_QUEUED */
    uint32_t deferred_count;  /* of those, CLIENT_SUBMIT_DEFERRED */
    struct list *queued;      /* in `submits`: none before it is queued; NULL: ask the first */
    struct list requests;     /* struct client_request, unanswered */
    uint32_t unsent_requests; /* of those, not sent on this route */
    uint64_t done_seen;       /* number of the last end taken */
    bool ends_awaited;        /* set by the caller: it waits for DONE */
    bool done_ack_held;       /* set by the caller: it cannot take more ends now */

    struct client_action inbound; /* what the last message caused */
    bool inbound_due;
};

void client_core_init(struct client_core *c, const struct client_identity *who, uint64_t now_ms);

/* Whether the window takes another SUBMIT of so many bytes. */
bool client_core_has_room(const struct client_core *c, size_t bytes);
/* Takes a SUBMIT (there is room) and numbers it; it stays linked until ACKED or REFUSED gives it
 * back. */
void client_core_submit(struct client_core *c, struct client_submit *s, uint64_t now_ms);
/* Takes a request; it stays linked until REPLIED or DROPPED gives it back. */
void client_core_request(struct client_core *c, struct client_request *r, uint64_t now_ms);
/* Forgets a request; a late answer is ignored. */
void client_core_cancel(struct client_core *c, struct client_request *r);

void client_core_receive(struct client_core *c, const struct msg *received, uint64_t now_ms);
/* Time has passed. Read what has arrived first: it may be the sign of life. */
void client_core_tick(struct client_core *c, uint64_t now_ms);
/* Says GOODBYE if a broker listens. What is not settled is DROPPED and REFUSED with MUSTER_ECLOSED.
 */
void client_core_close(struct client_core *c);

/* The next thing to do; false when there is none. */
bool client_core_next(struct client_core *c, uint64_t now_ms, struct client_action *ret);
/* When to call client_core_tick() at the latest; UINT64_MAX for never. */
uint64_t client_core_deadline(const struct client_core *c);

/* All SUBMITs up to this number are settled. */
uint64_t client_core_confirmed(const struct client_core *c);
/* All of its SUBMITs up to this place in their caller's order are answered, be it by "later": what
 * was gathered since they went out may follow. `last` is the last place that was given out. */
uint64_t client_core_gate(const struct client_core *c, uint64_t last);

/* The error number of a code of err.def as it stands in ERROR, BUSY and REPLY; MUSTER_EINVAL for
 * one that this program does not know. */
int client_error_of(struct slice code);

#endif
