/* clients.c: client sessions in memory. */
#include "core/clients.h"

#include <stdlib.h>

#include "core/state.h"

/* Then it leaves memory; its row is read again when it says HELLO. */
#define CLIENT_IDLE_MS 3600000u
/* Beyond so many, those not heard of for longest leave sooner. */
#define CLIENTS_KEPT_MAX 100000u

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
    idmap_init(&c->entries);
    if (strmap_put(&core->clients_by_id, slice_of(c->id, SESSION_ID_BYTES), c) != 0) {
        free(c);
        return NULL;
    }
    list_push_back(&core->clients, &c->link);
    core->client_count++;
    return c;
}

struct submit_entry *client_entry(const struct client *c, uint64_t number)
{
    return idmap_get(&c->entries, number);
}

struct submit_entry *client_entry_add(struct core *core, struct client *c, uint64_t number)
{
    struct submit_entry *e = core->spare_entries;
    if (e)
        core->spare_entries = e->next;
    else
        e = malloc(sizeof *e);
    if (!e || idmap_put(&c->entries, number, e) != 0) {
        free(e);
        core_fail(core, "out of memory for a client session");
        return NULL;
    }
    *e = (struct submit_entry){.number = number};
    return e;
}

static void entry_free(struct core *core, struct submit_entry *e)
{
    free(e->outcomes);
    free(e->ids);
    e->next = core->spare_entries;
    core->spare_entries = e;
}

void client_entry_drop(struct core *core, struct client *c, struct submit_entry *e)
{
    idmap_remove(&c->entries, e->number);
    entry_free(core, e);
}

void client_entries_fini(struct core *core)
{
    while (core->spare_entries) {
        struct submit_entry *e = core->spare_entries;
        core->spare_entries = e->next;
        free(e);
    }
}

void client_free(struct core *core, struct client *c)
{
    if (c->route)
        idmap_remove(&core->clients_by_route, c->route);
    size_t cursor = 0;
    uint64_t number;
    for (struct submit_entry *e; (e = idmap_next(&c->entries, &cursor, &number));)
        entry_free(core, e);
    idmap_fini(&c->entries);
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
    if (c->acks_unsent) {
        c->acks_unsent = false;
        acknowledge_again(core, c);
    }
    if (c->done_full) {
        c->done_full = false;
        done_resume(core, c);
    }
}

/* What is on its way, and confirmed all the same, goes when it is stored. */
void client_confirm(struct core *core, struct client *c, uint64_t number)
{
    if (number <= c->confirmed)
        return;
    uint64_t known = number - c->confirmed;
    if (known > CLIENT_WINDOW_SUBMITS)
        known = CLIENT_WINDOW_SUBMITS;
    for (uint64_t n = 1; n <= known; n++) { /* the last number may be 2^64-1 */
        struct submit_entry *e = client_entry(c, c->confirmed + n);
        if (e && e->stored)
            client_entry_drop(core, c, e);
    }
    c->confirmed = number;
}

void clients_tick(struct core *core)
{
    LIST_FOREACH_SAFE (it, &core->clients) {
        struct client *c = CONTAINER_OF(it, struct client, link);
        bool idle = core->now_ms - c->heard >= CLIENT_IDLE_MS;
        if (!idle && core->client_count <= CLIENTS_KEPT_MAX)
            break;
        if (c->batch <= core->batch_stored)
            client_free(core, c);
    }
}
