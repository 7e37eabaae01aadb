/* harness.c: the core's world in virtual time. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "schedule_text.h"

#define START_MS   1000
#define IDLE_TURNS 10000 /* so often the core may ask for time that has come already */

static void check(int error, const char *what, const char *why)
{
    if (!error)
        return;
    fprintf(stderr, "harness: %s: %s: %s\n", what, err_code(error), why);
    abort();
}

/* Definitions are kept as this test library writes them. */
static void read_defs(struct harness *h)
{
    h->defs = calloc(h->boot.schedule_count + 1, sizeof *h->defs);
    check(h->defs ? 0 : MUSTER_ENOMEM, "calloc", "");
    for (uint32_t i = 0; i < h->boot.schedule_count; i++) {
        struct boot_schedule *from = &h->boot.schedules[i];
        check(schedule_text_read(from->definition, &h->defs[i]) ? 0 : MUSTER_EINVAL, "a definition",
              "it is not as it was put");
        from->def = &h->defs[i];
    }
}

static void boot(struct harness *h)
{
    char why[256] = "";
    check(store_boot(h->store, &h->boot, why, sizeof why), "store_boot", why);
    read_defs(h);
    h->core = core_new(&h->options);
    if (!h->core)
        check(MUSTER_ENOMEM, "core_new", "");
    struct event e = {.type = EV_BOOT, .boot = {.boot = &h->boot}};
    harness_step(h, &e);
}

void harness_start(struct harness *h, const struct core_options *options,
                   const struct harness_hooks *hooks, void *ctx)
{
    struct store_options store = STORE_OPTIONS_DEFAULT;
    *h = (struct harness){.options = *options, .hooks = hooks, .ctx = ctx};
    h->now_ms = START_MS;
    h->wall_offset = (int64_t)HARNESS_START_WALL_MS - START_MS;
    store.now_ms = harness_wall_ms(h);
    check(store_open_mem(&h->store, &store), "store_open_mem", "");
    boot(h);
}

static void kill_core(struct harness *h)
{
    core_destroy(&h->core);
    boot_free(&h->boot);
    free(h->defs);
    h->defs = NULL;
    h->queued_count = h->durable_count = 0;
}

void harness_stop(struct harness *h)
{
    kill_core(h);
    store_close(&h->store);
}

void harness_crash(struct harness *h)
{
    kill_core(h);
    boot(h);
}

static void carry_out(struct harness *h, const struct action *a)
{
    if (a->type == ACT_STORE) {
        if (h->queued_count == HARNESS_BATCHES)
            check(MUSTER_EFULL, "the core has too many batches on their way", "");
        h->queued[h->queued_count++] = a->batch;
        if (h->hooks->sealed)
            h->hooks->sealed(h->ctx, a->batch);
        return;
    }
    if (a->type == ACT_FATAL)
        check(a->failure.error, "the core has failed", a->failure.text);
    if (h->hooks->action)
        h->hooks->action(h->ctx, a);
    if (a->type == ACT_JOBS)
        core_sent(h->core, a, h->hooks->jobs ? h->hooks->jobs(h->ctx, a) : true);
}

void harness_step(struct harness *h, struct event *event)
{
    event->now_ms = h->now_ms;
    event->wall_ms = harness_wall_ms(h);
    core_step(h->core, event);
    uint32_t count;
    core_actions(h->core, &count);
    for (uint32_t i = 0; i < count; i++) {
        struct action a = core_actions(h->core, &count)[i];
        carry_out(h, &a);
    }
    if (h->hooks->stepped)
        h->hooks->stepped(h->ctx, event);
}

void harness_plain(struct harness *h, enum event_type type)
{
    struct event e = {.type = type};
    harness_step(h, &e);
}

void harness_turn(struct harness *h)
{
    if (h->now_ms >= core_next_deadline(h->core))
        harness_plain(h, EV_TICK);
    if (core_wants_turn(h->core))
        harness_plain(h, EV_TURN);
}

void harness_commit(struct harness *h, uint32_t count)
{
    char why[256] = "";
    if (count > h->queued_count)
        count = h->queued_count;
    if (count == 0)
        return;
    if (h->hooks->committing)
        for (uint32_t i = 0; i < count; i++)
            h->hooks->committing(h->ctx, h->queued[i]);
    check(store_commit(h->store, h->queued, count, why, sizeof why), "store_commit", why);
    for (uint32_t i = 0; i < count; i++) {
        h->durable[h->durable_count++] = h->queued[i];
        if (h->hooks->committed)
            h->hooks->committed(h->ctx, h->queued[i]);
    }
    h->queued_count -= count;
    memmove(h->queued, h->queued + count, h->queued_count * sizeof h->queued[0]);
}

bool harness_deliver(struct harness *h)
{
    if (h->durable_count == 0)
        return false;
    struct event e = {.type = EV_STORED, .stored = {.batch = h->durable[0]}};
    h->durable_count--;
    memmove(h->durable, h->durable + 1, h->durable_count * sizeof h->durable[0]);
    harness_step(h, &e);
    return true;
}

void harness_settle(struct harness *h)
{
    harness_turn(h);
    while (h->queued_count > 0 || h->durable_count > 0) {
        harness_commit(h, h->queued_count);
        while (harness_deliver(h))
            ;
        harness_turn(h);
    }
}

void harness_advance(struct harness *h, uint64_t ms, bool settle)
{
    uint64_t until = h->now_ms + ms;
    for (uint32_t idle = 0;;) {
        uint64_t next = core_next_deadline(h->core);
        idle = next > h->now_ms ? 0 : idle + 1;
        if (idle == IDLE_TURNS)
            check(MUSTER_ETIMEOUT, "the core asks again and again for a time that is over", "");
        bool last = next > until;
        if (last)
            h->now_ms = until;
        else if (next > h->now_ms)
            h->now_ms = next;
        harness_turn(h);
        if (settle)
            harness_settle(h);
        if (last)
            return;
    }
}
