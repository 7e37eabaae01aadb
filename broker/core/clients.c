/* clients.c: client sessions in memory. */
#include "core/clients.h"

#include <stdlib.h>

#include "core/state.h"

/* Then it leaves memory; its row is read again when it says HELLO. */
#define CLIENT_IDLE_MS 3600000u

struct client *client_find(const struct core *core, const uint8_t id[SESSION_ID_BYTES])
{
    return strmap_get(&core->clients_by_id, slice_of(id, SESSION_ID_BYTES));
}

struct client *client_on(const struct core *core, route_t route)
{
    return idmap_get(&core->clients_by_route, route);
}

struct client *client_new(struct core *core, const uint8_t id[SESSION_ID_BYTES])
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    memcpy(c->id, id, SESSION_ID_BYTES);
    list_init(&c->link);
    if (strmap_put(&core->clients_by_id, slice_of(c->id, SESSION_ID_BYTES), c) != 0) {
        free(c);
        return NULL;
    }
    list_push_back(&core->clients, &c->link);
    core->client_count++;
    return c;
}

void entry_clear(struct submit_entry *e)
{
    free(e->outcomes);
    free(e->ids);
    *e = (struct submit_entry){0};
}

void client_free(struct core *core, struct client *c)
{
    if (c->route)
        idmap_remove(&core->clients_by_route, c->route);
    for (size_t i = 0; i < CLIENT_WINDOW_SUBMITS; i++)
        entry_clear(&c->entries[i]);
    list_remove(&c->link);
    strmap_remove(&core->clients_by_id, slice_of(c->id, SESSION_ID_BYTES));
    core->client_count--;
    free(c);
}

void client_touch(struct core *core, struct client *c)
{
    c->heard = core->now_ms;
    list_remove(&c->link);
    list_push_back(&core->clients, &c->link);
    if (c->done_full) {
        c->done_full = false;
        done_resume(core, c);
    }
}

struct submit_entry *client_entry(struct client *c, uint64_t number)
{
    return &c->entries[number % CLIENT_WINDOW_SUBMITS];
}

void client_confirm(struct client *c, uint64_t number)
{
    if (number <= c->confirmed)
        return;
    for (size_t i = 0; i < CLIENT_WINDOW_SUBMITS; i++)
        if (c->entries[i].number && c->entries[i].number <= number && c->entries[i].stored)
            entry_clear(&c->entries[i]);
    c->confirmed = number;
}

void clients_tick(struct core *core)
{
    LIST_FOREACH_SAFE (it, &core->clients) {
        struct client *c = CONTAINER_OF(it, struct client, link);
        if (core->now_ms - c->heard < CLIENT_IDLE_MS)
            break;
        if (c->batch <= core->batch_stored)
            client_free(core, c);
    }
}
