/* ndjson.h: one line of `submit --file` to a job. */
#ifndef CLI_NDJSON_H
#define CLI_NDJSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/text.h"
#include "muster/client.h"

struct ndjson_line {
    struct muster_job job; /* borrows from below, and from the defaults */
    char kind[NAME_MAX_BYTES + 1];
    char queue[NAME_MAX_BYTES + 1];
    char backoff[64];
    char key[KEY_MAX_BYTES + 1];
    struct buf packed; /* the line as msgpack */
    struct buf meta;   /* JSON text of a meta that is no string */
};

/* `max_bytes` bounds the memory of one line. */
void ndjson_init(struct ndjson_line *l, size_t max_bytes);
void ndjson_fini(struct ndjson_line *l);
/* Reads an object with the keys of the manual; what it does not say is as in `defaults`. 0,
 * MUSTER_EINVAL, MUSTER_ETOOBIG, MUSTER_ENOMEM, with what is wrong in `why`. */
int ndjson_parse(struct ndjson_line *l, const char *text, size_t len,
                 const struct muster_job *defaults, char *why, size_t why_size) MUSTER_MUSTCHECK;

#endif
