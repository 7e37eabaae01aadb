/* handlers.c: each kind gets a command of its own, or a place at the children that serve. */
#include "handlers.h"

#include <stdlib.h>

/* The first that serves by the same command: kinds with one command share its children. */
static size_t first_alike(const struct settings *s, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (s->execs[i].serve && !strcmp(s->execs[i].command, s->execs[index].command))
            return i;
    return index;
}

/* Makes the pool of what serves; places[i] is the number there of the settings' number i. */
static int make_pool(struct handlers *h, const struct settings *s, const struct serve_host *host,
                     uint32_t slots, size_t *places)
{
    struct serve_command *commands = calloc(s->exec_count, sizeof *commands);
    size_t count = 0;
    int err = 0;

    if (!commands)
        return MUSTER_ENOMEM;
    for (size_t i = 0; i < s->exec_count; i++) {
        size_t first = first_alike(s, i);
        if (!s->execs[i].serve)
            continue;
        places[i] = first < i ? places[first] : count;
        if (first == i)
            commands[count++] = (struct serve_command){s->execs[i].command, i};
    }
    if (count)
        err = serve_pool_new(host, commands, count, slots, &h->pool);
    free(commands);
    return err;
}

static int attach(struct handlers *h, const struct settings *s, const struct serve_host *host,
                  const size_t *places, muster_worker_t *worker)
{
    int err = 0;

    for (size_t i = 0; !err && i < s->exec_count; i++) {
        const struct exec_setting *one = &s->execs[i];
        h->execs[i] = (struct exec_handler){.supervisor = host->supervisor,
                                            .command = i,
                                            .grace = host->grace,
                                            .on_orphaned = host->on_orphaned,
                                            .user = host->user};
        err = one->serve ? muster_worker_handle(worker, one->kind, serve_run,
                                                serve_pool_program(h->pool, places[i]))
                         : muster_worker_handle(worker, one->kind, exec_run, &h->execs[i]);
    }
    return err;
}

int handlers_init(struct handlers *h, const struct settings *s, const struct serve_host *host,
                  uint32_t slots, muster_worker_t *worker)
{
    size_t *places = calloc(s->exec_count, sizeof *places);
    int err = MUSTER_ENOMEM;

    memset(h, 0, sizeof *h);
    h->execs = calloc(s->exec_count, sizeof *h->execs);
    if (places && h->execs)
        err = make_pool(h, s, host, slots, places);
    if (!err)
        err = attach(h, s, host, places, worker);
    free(places);
    return err;
}

void handlers_fini(struct handlers *h, uint32_t grace_ms)
{
    serve_pool_free(h->pool, grace_ms);
    free(h->execs);
    memset(h, 0, sizeof *h);
}
