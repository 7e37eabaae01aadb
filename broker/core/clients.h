/* clients.h: client processes as the broker knows them, and the SUBMIT numbers whose fate they have
 * not confirmed. */
#ifndef CORE_CLIENTS_H
#define CORE_CLIENTS_H

#include "base/list.h"
#include "base/map.h"
#include "core/core.h"

struct submit_entry { /* a SUBMIT above `confirmed` */
    uint64_t number;
    bool stored; /* else on its way */
    uint64_t first_id;
    uint32_t count;
    uint8_t *outcomes;         /* own memory; NULL: all new */
    uint64_t *ids;             /* own memory, with outcomes */
    struct submit_entry *next; /* in core->spare_entries */
};

struct client {
    uint8_t id[SESSION_ID_BYTES];
    struct list link; /* core->clients, by `heard` */
    route_t route;    /* 0: none */
    bool known;       /* its stored row has been read */
    uint64_t hello;
    uint64_t heard; /* monotonic */
    uint64_t batch; /* the last batch that changed it */
    uint64_t confirmed;
    struct idmap entries; /* by number */
    uint64_t done_taken, done_sent, done_last;
    bool done_loading;
    bool done_full;       /* its socket took no more: nothing is told until it speaks */
    bool acks_unsent;     /* nor all SUBMIT_ACKs: they are sent again when it speaks */
    uint32_t done_frames; /* sent since its last DONE_ACK */
};

struct client *client_find(const struct core *core, const uint8_t id[SESSION_ID_BYTES]);
struct client *client_on(const struct core *core, route_t route);
struct client *client_new(struct core *core, const uint8_t id[SESSION_ID_BYTES]);
void client_free(struct core *core, struct client *c);
void client_touch(struct core *core, struct client *c);
/* NULL: the number is not known, or no more. */
struct submit_entry *client_entry(const struct client *c, uint64_t number);
/* Of a number that is not known yet, within the window; NULL: the core has failed. */
struct submit_entry *client_entry_add(struct core *core, struct client *c, uint64_t number);
void client_entry_drop(struct core *core, struct client *c, struct submit_entry *e);
/* The client has all acknowledgements up to `number`. */
void client_confirm(struct core *core, struct client *c, uint64_t number);
void client_entries_fini(struct core *core);
/* Drops from memory those not heard of for long; their rows stay with the store. */
void clients_tick(struct core *core);

#endif
