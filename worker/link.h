/* link.h: one broker of a worker: the session machine, its socket, and what goes between them. */
#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include "conn.h"
#include "worker_core.h"

struct worker;

struct link {
    struct worker *worker;
    struct worker_core core;
    struct conn conn;
    zmq_msg_t *frame; /* being read; a batch may keep it */
    bool served;      /* has been welcomed once */
};

void link_init(struct link *l, struct worker *w, void *zmq, const char *endpoint, uint64_t seed);
void link_fini(struct link *l);
/* Takes what has arrived, up to a bound; true when there may be more. */
bool link_read(struct link *l, uint64_t now);

#endif
