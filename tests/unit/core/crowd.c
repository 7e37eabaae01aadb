/* crowd.c: one client, one worker, many jobs. */
#include "crowd.h"

#include <assert.h>

#include "core/jobs.h"

#define CLIENT_ROUTE 1
#define WORKER_ROUTE 2

const uint8_t crowd_client[SESSION_ID_BYTES] = "crowd's client";
const uint8_t crowd_worker[SESSION_ID_BYTES] = "crowd's worker";

static bool on_jobs(void *ctx, const struct action *a)
{
    struct crowd *c = ctx;
    for (uint32_t i = 0; i < a->jobs.count; i++) {
        assert(c->held_count < CROWD_HELD_MOST);
        c->held[c->held_count] = a->jobs.jobs[i]->head.id;
        c->runs[c->held_count++] = a->jobs.jobs[i]->head.run;
        c->given++;
    }
    return true;
}

static void on_action(void *ctx, const struct action *a)
{
    struct crowd *c = ctx;
    if (a->type == ACT_BUSY) {
        c->busy++;
        c->busy_reason = a->busy.reason;
    }
    if (c->on_action)
        c->on_action(a);
}

static void on_sealed(void *ctx, struct batch *b)
{
    struct crowd *c = ctx;
    for (uint32_t i = 0; i < b->op_count; i++)
        c->marks += b->ops[i].type == OP_MARK;
}

static void on_committed(void *ctx, struct batch *b)
{
    struct crowd *c = ctx;
    if (c->on_committed)
        c->on_committed(b);
}

static void on_stepped(void *ctx, const struct event *e)
{
    struct crowd *c = ctx;
    (void)e;
    if (c->after_step)
        c->after_step(c);
}

static const struct harness_hooks hooks = {.jobs = on_jobs,
                                           .action = on_action,
                                           .sealed = on_sealed,
                                           .committed = on_committed,
                                           .stepped = on_stepped};

void crowd_greet(struct crowd *c)
{
    struct event e = {.type = EV_CLIENT_HELLO, .route = CLIENT_ROUTE};
    e.client_hello.session = crowd_client;
    e.client_hello.number = 1;
    harness_step(&c->h, &e);
    harness_settle(&c->h);
}

void crowd_start(struct crowd *c, const struct core_options *options)
{
    memset(c, 0, sizeof *c);
    harness_start(&c->h, options, &hooks, c);
    crowd_greet(c);
}

void crowd_stop(struct crowd *c)
{
    harness_stop(&c->h);
}

void crowd_submit(struct crowd *c, const char *kind, uint32_t count, uint32_t bytes,
                  uint64_t delay_ms)
{
    static char args[4096];
    static struct job_text jobs[BATCH_JOBS_MAX];
    assert(bytes < sizeof args && count <= BATCH_JOBS_MAX);
    memset(args, 'x', bytes);
    args[bytes] = '\0';
    for (uint32_t i = 0; i < count; i++)
        jobs[i].args = args;
    struct submit_text text = {.number = c->submitted + 1,
                               .confirmed = c->submitted,
                               .queue = "q",
                               .kind = kind,
                               .priority = PRIORITY_DEFAULT,
                               .delay_ms = delay_ms,
                               .notify = c->notify,
                               .spec = JOB_SPEC_DEFAULT,
                               .jobs = jobs,
                               .count = count};
    c->submitted++;
    struct event e = event_submit(CLIENT_ROUTE, &text);
    harness_step(&c->h, &e);
    event_release(&e);
    harness_settle(&c->h);
}

void crowd_credit(struct crowd *c, uint32_t credit)
{
    struct event e = {.type = EV_CREDIT, .route = WORKER_ROUTE};
    e.credit.hello = c->hello;
    e.credit.credit = credit;
    harness_step(&c->h, &e);
    harness_settle(&c->h);
}

static void hello(struct crowd *c, uint32_t slots, uint32_t from, uint32_t part, uint32_t parts)
{
    static struct held_text held[HELLO_HELD_MAX];
    struct slice queue = slice_str("q"), kind = slice_str("*");
    struct hello_text text = {.session = crowd_worker,
                              .number = c->hello,
                              .results_next = c->results + 1,
                              .part = part,
                              .parts = parts,
                              .slots = slots,
                              .name = "w",
                              .queues = &queue,
                              .kinds = &kind,
                              .queue_count = 1,
                              .kind_count = 1,
                              .held = held};
    for (uint32_t i = from; i < c->held_count && text.held_count < HELLO_HELD_MAX; i++)
        held[text.held_count++] = (struct held_text){c->held[i], c->runs[i], 1000};
    struct event e = event_hello(WORKER_ROUTE, &text);
    harness_step(&c->h, &e);
}

void crowd_return(struct crowd *c, uint32_t slots, uint32_t credit)
{
    uint32_t parts = c->held_count / HELLO_HELD_MAX + 1;
    c->hello++;
    for (uint32_t part = 0; part < parts; part++)
        hello(c, slots, part * HELLO_HELD_MAX, part, parts);
    harness_settle(&c->h);
    crowd_credit(c, credit);
}

void crowd_hello(struct crowd *c, uint32_t slots, uint32_t credit)
{
    c->held_count = 0;
    crowd_return(c, slots, credit);
}

void crowd_complete(struct crowd *c, uint32_t count)
{
    static struct result_text texts[BATCH_JOBS_MAX];
    if (count > c->held_count)
        count = c->held_count;
    if (count > BATCH_JOBS_MAX)
        count = BATCH_JOBS_MAX;
    for (uint32_t i = 0; i < count; i++)
        texts[i] = (struct result_text){.id = c->held[i], .run = c->runs[i]};
    c->held_count -= count;
    memmove(c->held, c->held + count, c->held_count * sizeof c->held[0]);
    memmove(c->runs, c->runs + count, c->held_count * sizeof c->runs[0]);
    struct event e = event_results(WORKER_ROUTE, c->hello, ++c->results, texts, count);
    harness_step(&c->h, &e);
    event_release(&e);
    harness_settle(&c->h);
}
