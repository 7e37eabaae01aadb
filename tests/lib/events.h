/* events.h: events as peers would cause them. The bytes lie in a blob whose one reference the
 * event has: event_release after the step. */
#ifndef LIB_EVENTS_H
#define LIB_EVENTS_H

#include "core/event.h"

struct job_text {
    const char *args, *key; /* key NULL or empty: none */
};

struct submit_text {
    uint64_t number, confirmed;
    const char *queue, *kind;
    uint8_t priority;
    uint64_t delay_ms, at_ms, expires_in_ms;
    bool notify;
    struct job_spec spec;
    const struct job_text *jobs;
    uint32_t count;
};
struct event event_submit(route_t route, const struct submit_text *text);

struct result_text {
    uint64_t id;
    uint32_t run;
    uint8_t outcome;           /* enum outcome */
    const char *result, *code; /* NULL: none */
    bool has_delay;
    uint64_t delay_ms;
};
struct event event_results(route_t route, uint64_t hello, uint64_t number,
                           const struct result_text *texts, uint32_t count);

struct held_text {
    uint64_t id;
    uint32_t run, ms;
};

struct hello_text {
    const uint8_t *session;
    uint64_t number, results_next;
    uint32_t part, parts, slots;
    bool strict, draining;
    const char *name;
    const struct slice *queues, *kinds;
    uint32_t queue_count, kind_count;
    const uint32_t *weights; /* one a queue, or NULL */
    const struct held_text *held;
    uint32_t held_count;
};
struct event event_hello(route_t route, const struct hello_text *text);

/* GET, WAIT, CANCEL. */
struct event event_ids(enum event_type type, route_t route, const uint64_t *ids, uint32_t count);
/* PARKED by ids. */
struct event event_parked(route_t route, bool remove, const uint64_t *ids, uint32_t count);

/* Gives back what the event holds. */
void event_release(struct event *e);

#endif
