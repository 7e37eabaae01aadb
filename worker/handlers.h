/* handlers.h: the commands of the settings as handlers of a worker. */
#ifndef WORKER_HANDLERS_H
#define WORKER_HANDLERS_H

#include "serve.h"
#include "settings.h"

struct handlers {
    struct exec_handler *execs;
    struct serve_pool *pool; /* NULL: nothing is served */
};

/* Has the worker handle each kind of the settings; starts the children that serve, `slots` of each
 * command, without waiting for them. `host` says who runs commands (number i of the settings is the
 * supervisor's number i) and who listens. On an error, too, handlers_fini() is due. */
int handlers_init(struct handlers *h, const struct settings *s, const struct serve_host *host,
                  uint32_t slots, muster_worker_t *worker);
/* When no handler runs any more; children that serve get grace_ms to end by themselves. */
void handlers_fini(struct handlers *h, uint32_t grace_ms);

#endif
