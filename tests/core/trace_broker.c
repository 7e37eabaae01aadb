/* trace_broker.c: what happens to the broker itself, as commands: time, the store, crashes; and
 * what it says, as lines. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "core/jobs.h"
#include "say.h"
#include "trace.h"

#define REFUSED 0x80 /* in a SUBMIT's priority, or a verdict: the store finds it impossible */

/* ---- what it says ---- */

static void say_line(struct trace *t, const struct action *a, const struct batch *b)
{
    struct buf line;
    struct namer n = trace_namer(t);
    buf_init(&line, 1 << 20);
    if (a)
        say_action(&line, &n, a);
    else
        say_batch(&line, &n, b);
    if (line.len)
        buf_printf(&t->out, "> %.*s\n", SLICE_FMT(buf_slice(&line)));
    buf_fini(&line);
}

static bool on_jobs(void *ctx, const struct action *a)
{
    struct trace *t = ctx;
    const struct peer *p = trace_peer_on(t, a->route);
    return p && !p->full;
}

static void learn_runs(struct trace *t, const struct action *a)
{
    for (uint32_t i = 0; i < a->jobs.count; i++)
        for (uint32_t n = 0; n < t->job_count; n++)
            if (t->jobs[n].id == a->jobs.jobs[i]->head.id)
                t->jobs[n].run = a->jobs.jobs[i]->head.run;
}

static void on_action(void *ctx, const struct action *a)
{
    struct trace *t = ctx;
    if (a->type == ACT_JOBS)
        learn_runs(t, a);
    say_line(t, a, NULL);
    trace_schedules_said(t, a);
}

static void on_sealed(void *ctx, struct batch *b)
{
    struct trace *t = ctx;
    trace_learn(t, b);
    say_line(t, NULL, b);
}

static uint8_t *refusable(struct op *op)
{
    if (op->type == OP_SUBMIT)
        return &op->submit.priority;
    return op->type == OP_VERDICT ? (uint8_t *)&op->verdict.verdict->row.verdict : NULL;
}

static void on_committing(void *ctx, struct batch *b)
{
    struct trace *t = ctx;
    for (uint32_t i = 0; t->refuse > 0 && i < b->op_count; i++) {
        uint8_t *flag = refusable(&b->ops[i]);
        if (flag) {
            *flag |= REFUSED;
            t->refuse--;
        }
    }
}

static void on_committed(void *ctx, struct batch *b)
{
    for (uint32_t i = 0; i < b->op_count; i++) {
        struct op *op = &b->ops[i];
        uint8_t *flag = refusable(op);
        if (!flag || !(*flag & REFUSED))
            continue;
        *flag &= (uint8_t)~REFUSED;
        op->result = MUSTER_ENOSPACE;
    }
    const struct trace *t = ctx;
    b->refuse = t->refusing ? MUSTER_ENOSPACE : 0;
    trace_learn_stored(ctx, b);
}

static void on_stepped(void *ctx, const struct event *e)
{
    struct trace *t = ctx;
    char why[256];
    if (!core_check(t->h.core, why))
        trace_wrong(t, "after event %d the core's inside does not agree: %s", (int)e->type, why);
}

const struct harness_hooks trace_hooks = {.jobs = on_jobs,
                                          .action = on_action,
                                          .sealed = on_sealed,
                                          .committing = on_committing,
                                          .committed = on_committed,
                                          .stepped = on_stepped};

void trace_boot(struct trace *t, const struct core_options *options)
{
    harness_start(&t->h, options, &trace_hooks, t);
}

/* ---- what happens ---- */

/* Before anything else: the core starts anew with other options. */
static void options(struct trace *t, const struct command *c)
{
    struct core_options o = CORE_OPTIONS_DEFAULT;
    o.heartbeat_ms = command_time(t, c, "heartbeat", o.heartbeat_ms);
    o.lease_ms = command_time(t, c, "lease", o.lease_ms);
    o.restart_grace_ms = command_time(t, c, "grace", o.restart_grace_ms);
    o.window_bytes = command_number(t, c, "window", o.window_bytes);
    o.out_max = (uint32_t)command_number(t, c, "out", o.out_max);
    o.uncommitted_max = command_number(t, c, "uncommitted", o.uncommitted_max);
    harness_stop(&t->h);
    buf_reset(&t->out);
    t->job_count = t->peer_count = t->told_count = 0;
    trace_boot(t, &o);
}

static void store(struct trace *t, const struct command *c)
{
    (void)c;
    harness_turn(&t->h);
    harness_commit(&t->h, UINT32_MAX);
    while (harness_deliver(&t->h))
        ;
}

static void commit(struct trace *t, const struct command *c)
{
    uint32_t most =
        command_plain(c) ? (uint32_t)trace_number(t, command_word(t, c, 0)) : UINT32_MAX;
    harness_turn(&t->h);
    harness_commit(&t->h, most);
}

static void deliver(struct trace *t, const struct command *c)
{
    (void)c;
    if (!harness_deliver(&t->h))
        trace_wrong(t, "nothing is durable and not delivered");
}

static void settle(struct trace *t, const struct command *c)
{
    (void)c;
    harness_settle(&t->h);
}

static void settles(struct trace *t, const struct command *c)
{
    t->settles = strcmp(command_word(t, c, 0), "on") == 0;
}

static void beat_all(struct trace *t, char *text)
{
    char *names[TRACE_PEERS];
    uint32_t count = trace_list(text, names, TRACE_PEERS);
    for (uint32_t i = 0; i < count; i++) {
        const struct peer *p = trace_peer(t, names[i]);
        struct event e = {.type = p->name[0] == 'w' ? EV_WORKER_HEARTBEAT : EV_CLIENT_HEARTBEAT,
                          .route = p->route};
        harness_step(&t->h, &e);
    }
}

/* advance 10s [beat=w1,c1]: those named say something each second. */
static void advance(struct trace *t, const struct command *c)
{
    uint64_t ms = trace_time(t, command_word(t, c, 0));
    const char *who = command_option(c, "beat");
    while (ms > 0) {
        uint64_t slice = ms < 1000 ? ms : 1000;
        harness_advance(&t->h, slice, t->settles);
        ms -= slice;
        char names[256];
        snprintf(names, sizeof names, "%s", who ? who : "");
        beat_all(t, names);
    }
}

/* The broker does not serve for a while. */
static void stall(struct trace *t, const struct command *c)
{
    t->h.now_ms += trace_time(t, command_word(t, c, 0));
}

static void wall(struct trace *t, const struct command *c)
{
    const char *by = command_word(t, c, 0);
    int64_t ms = (int64_t)trace_time(t, by + 1);
    t->h.wall_offset += by[0] == '-' ? -ms : ms;
}

static void crash(struct trace *t, const struct command *c)
{
    (void)c;
    for (uint32_t i = 0; i < t->peer_count; i++)
        t->peers[i].route = 0;
    t->told_count = 0; /* schedulers ask anew */
    trace_unlearn(t);
    harness_crash(&t->h);
}

static void full(struct trace *t, const struct command *c)
{
    trace_peer(t, command_word(t, c, 0))->full = c->words[0][0] == 'f';
}

static void refuse(struct trace *t, const struct command *c)
{
    t->refusing = command_has(c, "always");
    t->refuse = t->refusing ? UINT32_MAX : (uint32_t)trace_number(t, command_word(t, c, 0));
}

static void watch(struct trace *t, const struct command *c)
{
    struct event e = {.type = EV_WATCH};
    for (uint32_t i = 0; i < TOPIC_COUNT; i++)
        if (command_has(c, "all") || command_has(c, topic_name((enum topic)i)))
            e.watch.topics |= 1u << i;
    harness_step(&t->h, &e);
}

static void tick(struct trace *t, const struct command *c)
{
    (void)c;
    harness_plain(&t->h, EV_TICK);
}

static void nothing(struct trace *t, const struct command *c)
{
    (void)t;
    (void)c;
}

/* What the core counts: out, in doubt, in memory. */
static void counts(struct trace *t, const struct command *c)
{
    struct core_stats s;
    (void)c;
    core_get_stats(t->h.core, &s);
    buf_printf(&t->out,
               "> out=%llu doubt=%llu resident=%llu stale=%llu duplicates=%llu lapses=%llu\n",
               (unsigned long long)s.out, (unsigned long long)s.doubt,
               (unsigned long long)s.resident_jobs, (unsigned long long)s.stale_results,
               (unsigned long long)s.duplicate_submits, (unsigned long long)s.lapses);
}

static void empty(struct trace *t, const struct command *c)
{
    char why[256];
    (void)c;
    if (!core_check_empty(t->h.core, why))
        trace_wrong(t, "the core is not empty: %s", why);
}

bool trace_broker_command(struct trace *t, const struct command *c)
{
    static const struct {
        const char *name;
        void (*run)(struct trace *, const struct command *);
    } table[] = {
        {"options", options}, {"store", store},  {"commit", commit},   {"deliver", deliver},
        {"settle", settle},   {"auto", settles}, {"advance", advance}, {"stall", stall},
        {"wall", wall},       {"crash", crash},  {"full", full},       {"room", full},
        {"refuse", refuse},   {"watch", watch},  {"tick", tick},       {"turn", nothing},
        {"counts", counts},   {"empty", empty},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(c->words[0], table[i].name) == 0) {
            table[i].run(t, c);
            return true;
        }
    return false;
}
