/* show.c: what the core says, as lines, for those who look at a seed. */
#include <stdio.h>

#include "peers.h"
#include "say.h"

static const char *job_name(void *ctx, uint64_t id)
{
    static char names[16][32];
    static unsigned at;
    const struct world *w = ctx;
    const struct known_job *j = model_job(&w->model, id);
    char *name = names[at++ % 16];
    snprintf(name, sizeof names[0], "%llu", (unsigned long long)id);
    return j ? j->args : name;
}

static const char *route_name(void *ctx, route_t route)
{
    static char names[16][32];
    static unsigned at;
    const struct world *w = ctx;
    for (int i = 0; i < WORKERS; i++)
        if (w->workers[i].route == route)
            return w->workers[i].name;
    char *name = names[at++ % 16];
    snprintf(name, sizeof names[0], "route%llu", (unsigned long long)route);
    for (int i = 0; i < CLIENTS; i++)
        if (w->clients[i].route == route)
            snprintf(name, sizeof names[0], "c%llu", (unsigned long long)w->clients[i].key);
    return name;
}

static const char *session_name(void *ctx, const uint8_t *id)
{
    static char names[16][32];
    static unsigned at;
    uint64_t key;
    (void)ctx;
    memcpy(&key, id, sizeof key);
    char *name = names[at++ % 16];
    snprintf(name, sizeof names[0], "s%llu", (unsigned long long)key);
    return name;
}

static struct namer namer_of(struct world *w)
{
    return (struct namer){w, w->h.core, job_name, route_name, session_name};
}

void world_show(struct world *w, const struct action *a, const struct batch *b)
{
    struct buf line;
    struct namer n = namer_of(w);
    if (!w->verbose)
        return;
    buf_init(&line, 1 << 20);
    if (a)
        say_action(&line, &n, a);
    else
        say_batch(&line, &n, b);
    if (line.len)
        printf("%8llu %.*s\n", (unsigned long long)w->h.now_ms, SLICE_FMT(buf_slice(&line)));
    buf_fini(&line);
}
