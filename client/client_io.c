/* client_io.c: the thread of a client handle: takes what callers have left, gives it to the routes,
 * and waits for all of them. */
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "client.h"

#define POLL_MAX_MS 60000

/* ---- requests ---- */

static struct route *serving_route(struct client *c)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (c->routes[i].core.phase == CLIENT_SERVING)
            return &c->routes[i];
    return NULL;
}

/* A route to the shard; of two the one that serves. Who has never spoken may have it: NULL then,
 * unless all have: then any of them may say that it does not know the job. */
static struct route *shard_route(struct client *c, size_t shard)
{
    struct route *found = NULL;
    bool all_known = true;
    for (size_t i = 0; i < c->route_count; i++) {
        struct route *r = &c->routes[i];
        all_known = all_known && (r->welcomed || r->failed);
        if (!r->welcomed || r->broker.shard != shard)
            continue;
        if (!found || (found->core.phase != CLIENT_SERVING && r->core.phase == CLIENT_SERVING))
            found = r;
    }
    return found ? found : all_known ? serving_route(c) : NULL;
}

/* Who is to be asked; NULL: nobody yet. */
static struct route *route_for(struct client *c, const struct call *call)
{
    if (c->route_count == 1 || c->stop || c->failed)
        return &c->routes[0];
    if (call->to == TO_ROUTE)
        return &c->routes[call->where];
    return call->to == TO_SHARD ? shard_route(c, call->where) : serving_route(c);
}

/* Takes the requests that callers have left, and forgets those whose callers went away. Locked. */
static void take_calls(struct client *c, uint64_t now_ms)
{
    LIST_FOREACH_SAFE (it, &c->calls) {
        struct call *call = CONTAINER_OF(it, struct call, link);
        struct route *r = route_for(c, call);
        if (!r)
            continue;
        list_remove(it);
        call->taken = r;
        client_core_request(&r->core, &call->request, now_ms);
    }
    LIST_FOREACH_SAFE (gone, &c->abandoned) {
        struct call *call = CONTAINER_OF(gone, struct call, link);
        list_remove(gone);
        client_core_cancel(&call->taken->core, &call->request);
        call_free(call);
    }
}

/* ---- batches ---- */

/* Who is away gets nothing new, unless there is nobody else. */
static bool may_take(const struct client *c, const struct route *r)
{
    return c->route_count == 1 || c->stop || c->failed || r->core.phase == CLIENT_SERVING;
}

/* The route for a batch: of those with room the one with the least on its way. Locked. */
static struct route *pick_route(struct client *c, const struct outbox_batch *b)
{
    bool closed = outbox_is_closed(&c->outbox, b);
    size_t bytes = outbox_batch_bytes(b);
    struct route *best = NULL;
    for (size_t i = 0; i < c->route_count; i++) {
        struct route *r = &c->routes[(c->next_route + i) % c->route_count];
        if (!may_take(c, r) || !client_core_has_room(&r->core, bytes) ||
            (!closed && b->opened_after > client_core_gate(&r->core, c->outbox.taken)))
            continue;
        if (!best || r->core.unsettled_bytes < best->core.unsettled_bytes)
            best = r;
    }
    if (best)
        c->next_route = best->index + 1;
    return best;
}

/* What open batches may follow: all that some route has answered. */
static void set_gate(struct client *c)
{
    c->outbox.gate = 0;
    for (size_t i = 0; i < c->route_count; i++) {
        uint64_t gate = client_core_gate(&c->routes[i].core, c->outbox.taken);
        if (may_take(c, &c->routes[i]) && gate > c->outbox.gate)
            c->outbox.gate = gate;
    }
}

static void give_to(struct route *r, struct outbox_batch *b, uint64_t now_ms)
{
    struct client *c = r->client;
    outbox_take(&c->outbox, b);
    b->submit.request = c->next_request++;
    b->submit.order = ++c->outbox.taken;
    r->notify_open += b->template.notify;
    client_core_submit(&r->core, &b->submit, now_ms);
}

/* Locked. */
static void take_batches(struct client *c, uint64_t now_ms)
{
    bool took = false, held = !c->stop && c->told_count >= CLIENT_UNPROCESSED_MAX;
    set_gate(c);
    c->window_full = held;
    while (!held) {
        struct outbox_batch *b = outbox_peek(&c->outbox);
        struct route *r = b ? pick_route(c, b) : NULL;
        c->window_full = b && !r;
        if (!r)
            break;
        give_to(r, b, now_ms);
        set_gate(c);
        took = true;
    }
    if (!took)
        return;
    client_changed(c);
    told_room(c);
}

/* ---- turns ---- */

/* What the callers see of the routes. Locked. */
static void show_routes(struct client *c)
{
    int failed = c->routes[0].core.error;
    for (size_t i = 0; i < c->route_count; i++) {
        struct route *r = &c->routes[i];
        if (c->stop && r->core.phase != CLIENT_CLOSED)
            client_core_close(&r->core);
        r->connected = r->core.phase == CLIENT_SERVING;
        if (r->core.phase == CLIENT_FAILED)
            r->failed = r->core.error;
        else
            failed = 0;
        r->core.done_ack_held = c->told_count >= CLIENT_UNPROCESSED_MAX;
    }
    if (failed && !c->failed) {
        c->failed = failed;
        client_changed(c);
        told_room(c);
    }
}

static void take_work(struct client *c, uint64_t now_ms)
{
    client_lock(c);
    show_routes(c);
    if (c->stop || c->failed)
        outbox_close_all(&c->outbox);
    take_calls(c, now_ms);
    take_batches(c, now_ms);
    c->asleep = true;
    client_unlock(c);
}

static uint64_t deadline_of(const struct client *c)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < c->route_count; i++) {
        uint64_t at = client_core_deadline(&c->routes[i].core);
        first = at < first ? at : first;
    }
    return first;
}

static void pause_until(struct client *c, uint64_t deadline_ms)
{
    zmq_pollitem_t *items = c->items;
    uint64_t now_ms = clock_ms();
    uint64_t left = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    long timeout = deadline_ms == UINT64_MAX ? -1 : (long)(left < POLL_MAX_MS ? left : POLL_MAX_MS);
    int count = 1;
    items[0] = (zmq_pollitem_t){.fd = c->wake_fd, .events = ZMQ_POLLIN};
    for (size_t i = 0; i < c->route_count; i++)
        if (c->routes[i].socket)
            items[count++] = (zmq_pollitem_t){.socket = c->routes[i].socket, .events = ZMQ_POLLIN};
    (void)zmq_poll(items, count, timeout);
    if (items[0].revents & ZMQ_POLLIN) {
        uint64_t wakes;
        (void)!read(c->wake_fd, &wakes, sizeof wakes);
    }
}

void *client_io_main(void *arg)
{
    struct client *c = arg;
    for (;;) {
        uint64_t now_ms = clock_ms();
        for (size_t i = 0; i < c->route_count; i++)
            client_core_tick(&c->routes[i].core, now_ms);
        take_work(c, now_ms);
        for (size_t i = 0; i < c->route_count; i++)
            route_carry_out(&c->routes[i], now_ms);
        if (c->routes[0].core.phase == CLIENT_CLOSED) /* then all are */
            break;
        pause_until(c, deadline_of(c));
        for (size_t i = 0; i < c->route_count; i++)
            route_receive(&c->routes[i]);
    }
    for (size_t i = 0; i < c->route_count; i++)
        route_drop_socket(&c->routes[i], c->routes[i].linger_ms);
    return NULL;
}
