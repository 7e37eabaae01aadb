/* say.h: actions and operations as lines of text, as golden traces show them. */
#ifndef LIB_SAY_H
#define LIB_SAY_H

#include "base/buf.h"
#include "core/core.h"

/* How things are called. Each function returns text that is valid until it has been asked 16 times
 * more. */
struct namer {
    void *ctx;
    const struct core *core;
    const char *(*job)(void *ctx, uint64_t id);
    const char *(*route)(void *ctx, route_t route);
    const char *(*session)(void *ctx, const uint8_t *id);
};

/* "w1 JOBS A.1 B.1"; nothing for actions that say nothing of interest (heartbeats). */
void say_action(struct buf *out, const struct namer *n, const struct action *a);
/* "SUBMIT A B", "END A.1 completed". */
void say_op(struct buf *out, const struct namer *n, const struct op *op);
/* "store 3: MARK q/a/5 B; SUBMIT A B". */
void say_batch(struct buf *out, const struct namer *n, const struct batch *b);

#endif
