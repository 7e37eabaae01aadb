/* fire_message.c: rows become columns; those that say nothing but the default are left out. */
#include "scheduler/fire_message.h"

#define COLUMN_BYTES ((size_t)8 * FIRE_MAX)

struct columns {
    struct buf revisions, previous, nominals, asks, firsts, counts;
    bool all_run, all_one;
};

static void init(struct columns *c)
{
    *c = (struct columns){.all_run = true, .all_one = true};
    buf_init(&c->revisions, COLUMN_BYTES);
    buf_init(&c->previous, COLUMN_BYTES);
    buf_init(&c->nominals, COLUMN_BYTES);
    buf_init(&c->asks, COLUMN_BYTES);
    buf_init(&c->firsts, COLUMN_BYTES);
    buf_init(&c->counts, COLUMN_BYTES);
}

static void fini(struct columns *c)
{
    buf_fini(&c->revisions);
    buf_fini(&c->previous);
    buf_fini(&c->nominals);
    buf_fini(&c->asks);
    buf_fini(&c->firsts);
    buf_fini(&c->counts);
}

static int fill(struct columns *c, const struct agenda_fire *fire)
{
    int error = 0;
    for (uint32_t i = 0; i < fire->count && !error; i++) {
        const struct due_item *item = &fire->items[i];
        c->all_run = c->all_run && item->ask == FIRE_RUN;
        c->all_one = c->all_one && item->first_ms == 0 && item->count == 0;
        error = buf_u64(&c->revisions, fire->revisions[i]);
        error = error ? error : buf_u64(&c->previous, item->previous_ms);
        error = error ? error : buf_u64(&c->nominals, item->nominal_ms);
        error = error ? error : buf_append(&c->asks, &item->ask, 1);
        error = error ? error : buf_u64(&c->firsts, item->first_ms);
        error = error ? error : buf_u32(&c->counts, item->count);
    }
    return error;
}

int fire_message_send(muster_client_t *client, uint64_t epoch, const struct agenda_fire *fire,
                      int done_fd, struct call **ret)
{
    struct columns c;
    struct msg m = {.type = MSG_FIRE};
    init(&c);
    int error = fill(&c, fire);
    m.fire.epoch = epoch;
    m.fire.count = fire->count;
    m.fire.revisions = buf_slice(&c.revisions);
    m.fire.previous_ms = buf_slice(&c.previous);
    m.fire.nominals_ms = buf_slice(&c.nominals);
    if (!c.all_run)
        m.fire.asks = buf_slice(&c.asks);
    if (!c.all_one) {
        m.fire.firsts_ms = buf_slice(&c.firsts);
        m.fire.counts = buf_slice(&c.counts);
    }
    error = error ? error : client_ask(client, &m, 0, done_fd, ret);
    fini(&c);
    return error;
}
