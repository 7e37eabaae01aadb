/* results.h: the RESULTS of a session: numbered from 1, coalesced into frames, kept until
 * acknowledged, sent again in order after a new WELCOME. Pure: it is told when it may send, and
 * says what. */
#ifndef WORKER_RESULTS_H
#define WORKER_RESULTS_H

#include "base/buf.h"
#include "base/err.h"
#include "job.h"

/* What is told of one job. */
struct result_entry {
    uint64_t id;
    uint32_t run, run_us;
    uint8_t outcome;
    struct slice result;
    const struct job_note *note; /* or NULL */
};

struct results {
    struct list frames;        /* closed frames by rising number; those sent come first */
    struct result_frame *open; /* being filled; NULL or not empty */
    struct list spare;         /* emptied frames for the next use */
    uint32_t spare_count;
    uint32_t jobs;        /* in all frames */
    uint64_t next_number; /* of the next frame to be closed */
    size_t bytes;         /* of all frames */
    size_t unacked_bytes; /* of those sent */
    uint32_t unacked_frames;
    size_t window;      /* bytes that may be unacknowledged; one frame always may */
    size_t payload_max; /* bytes of one job's result; what a frame may hold follows from it */
};

void results_init(struct results *o);
void results_fini(struct results *o);

/* Adds a job to the open frame, closing it first when it is full. Copies what it needs. 0 or
 * MUSTER_ENOMEM with nothing added. A log too long for a frame loses its beginning. */
int results_add(struct results *o, const struct result_entry *entry) MUSTER_MUSTCHECK;

/* The next frame that may go now, marked as sent, or false: frames that are full go as far as the
 * window allows, one that is not full goes when nothing is unacknowledged, or, when the sender is
 * `eager`, while few frames are. `ret` borrows until the frame is acknowledged. */
bool results_next(struct results *o, bool eager, struct msg_results *ret);

/* All frames up to `number` that were sent are durable. */
void results_ack(struct results *o, uint64_t number);
/* A new WELCOME: the broker has everything below `expected`; the rest is to be sent again. */
void results_rewind(struct results *o, uint64_t expected);
/* The connection is gone: nothing counts as sent. */
void results_unsend(struct results *o);

/* Number of the first unacknowledged frame, or of the next one. */
uint64_t results_first(const struct results *o);
static inline bool results_empty(const struct results *o)
{
    return o->jobs == 0;
}

/* Copies id, run and running time (ms) of every job that is not acknowledged; the arrays have room
 * for o->jobs. */
void results_list(const struct results *o, uint64_t *ids, uint32_t *runs, uint32_t *ms);

#endif
