/* core_rig.c: callbacks that write the trace. */
#include "core_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const outcome_names[OUTCOME_COUNT] = {
    "completed", "failed", "parked", "discarded", "snoozed", "released", "cancelled", "timeout"};

__attribute__((format(printf, 2, 3))) static void say(struct rig *r, const char *format, ...)
{
    size_t room = sizeof r->trace - r->trace_len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(r->trace + r->trace_len, room, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < room);
    r->trace_len += (size_t)n;
}

static void say_hello(struct rig *r, const struct msg_hello *h)
{
    size_t held = h->held_ids.len / 8;

    r->last_hello = h->number;
    say(r, "HELLO %lu next=%lu", h->number, h->results_next);
    if (h->parts)
        say(r, " part %lu/%lu", h->part, h->parts);
    if (h->draining)
        say(r, " draining");
    if (held > 8)
        say(r, " held=%zu jobs", held);
    for (size_t i = 0; held <= 8 && i < held; i++) {
        uint32_t ms = slice_u32_at(h->held_ms, i);
        say(r, " %lu:%u:", slice_u64_at(h->held_ids, i) >> 8, slice_u32_at(h->held_runs, i));
        if (ms == UINT32_MAX)
            say(r, "waits");
        else
            say(r, "%u", ms);
    }
    say(r, "\n");
}

static void say_results(struct rig *r, const struct msg_results *m)
{
    say(r, "RESULTS %lu hello=%lu", m->number, m->hello);
    if (m->count > 8)
        say(r, " %lu jobs", m->count);
    for (uint32_t i = 0; m->count <= 8 && i < m->count; i++)
        say(r, " %lu:%s", job_ref_id(m->ids, m->first_id, i) >> 8,
            outcome_names[m->outcomes.len ? m->outcomes.data[i] : 0]);
    say(r, "\n");
}

static void on_send(void *ctx, const struct msg *m)
{
    struct rig *r = ctx;

    if (m->type == MSG_HELLO)
        say_hello(r, &m->hello);
    else if (m->type == MSG_RESULTS)
        say_results(r, &m->results);
    else if (m->type == MSG_CREDIT)
        say(r, "CREDIT %lu\n", m->credit.credit);
    else
        say(r, "%s\n", msg_type_name(m->type));
}

static void on_open(void *ctx)
{
    say(ctx, "open\n");
}

static void on_close(void *ctx, bool linger)
{
    say(ctx, linger ? "close, linger\n" : "close\n");
}

static void on_start(void *ctx, struct job_batch *b)
{
    struct rig *r = ctx;

    say(r, "start %u\n", b->count);
    for (uint32_t i = 0; i < b->count; i++) {
        assert_true(r->job_count < RIG_JOBS);
        r->jobs[r->job_count++] = &b->jobs[i];
    }
}

static void on_stop(void *ctx, struct job *job)
{
    static const char *const names[] = {"none", "drain", "timeout", "cancel", "abandon", "now"};

    say(ctx, "stop %lu: %s\n", job->id >> 8, names[atomic_load(&job->stop)]);
}

static void on_ready(void *ctx)
{
    say(ctx, "ready\n");
}

static void on_note(void *ctx, bool trouble, const char *text)
{
    say(ctx, "%s: %s\n", trouble ? "trouble" : "fine", text);
}

static const struct worker_core_ops ops = {on_open, on_close, on_send, on_start,
                                           on_stop, on_ready, on_note};

void rig_init(struct rig *r)
{
    static const struct slice queue = {(const uint8_t *)"default", 7};
    static const struct slice kind = {(const uint8_t *)"k", 1};

    memset(r, 0, sizeof *r);
    r->now = 1000000;
    r->who.slots = RIG_SLOTS;
    r->who.queues = &queue;
    r->who.queue_count = 1;
    r->who.kinds = &kind;
    r->who.kind_count = 1;
    worker_core_init(&r->core, &r->who, &ops, r, 42);
}

void rig_fini(struct rig *r)
{
    worker_core_fini(&r->core);
}

void rig_forget_trace(struct rig *r)
{
    r->trace_len = 0;
    r->trace[0] = 0;
}

void rig_expect(struct rig *r, const char *trace)
{
    assert_string_equal(r->trace, trace);
    rig_forget_trace(r);
}

void rig_tick(struct rig *r)
{
    worker_core_tick(&r->core, r->now);
}

void rig_wait(struct rig *r, uint64_t ms)
{
    r->now += ms;
    rig_tick(r);
}

void rig_serve(struct rig *r)
{
    rig_tick(r);
    worker_core_connected(&r->core, r->now);
    rig_welcome(r, 7, 0);
    rig_tick(r);
    rig_forget_trace(r);
}

static void receive(struct rig *r, const struct msg *m)
{
    worker_core_message(&r->core, m, r->now);
}

void rig_welcome(struct rig *r, uint64_t epoch, uint64_t results_next)
{
    struct msg m = {.type = MSG_WELCOME};

    m.welcome.version = 1;
    m.welcome.epoch = epoch;
    m.welcome.hello = r->last_hello;
    m.welcome.heartbeat_ms = 1000;
    m.welcome.lease_ms = 10000;
    m.welcome.max_payload = MAX_PAYLOAD_DEFAULT;
    m.welcome.reconnect_spread_ms = 100;
    m.welcome.results_window = 1 << 20;
    m.welcome.results_next = results_next;
    receive(r, &m);
}

void rig_send(struct rig *r, enum msg_type type)
{
    struct msg m = {.type = type};

    receive(r, &m);
}

void rig_jobs_of(struct rig *r, uint64_t epoch, uint64_t hello, uint64_t first, uint32_t count)
{
    static const struct slice queue = {(const uint8_t *)"default", 7};
    static const struct slice kind = {(const uint8_t *)"k", 1};
    static const uint8_t args[BATCH_JOBS_MAX] = {0x80};
    static uint32_t lengths[BATCH_JOBS_MAX];
    struct msg m = {.type = MSG_JOBS};

    for (uint32_t i = 0; i < count; i++)
        lengths[i] = 1;
    m.jobs.epoch = epoch;
    m.jobs.hello = hello;
    m.jobs.count = count;
    m.jobs.first_id = ID(first);
    m.jobs.queues = (struct strs){.items = &queue, .count = 1};
    m.jobs.kinds = (struct strs){.items = &kind, .count = 1};
    m.jobs.arg_lengths = slice_of(lengths, count * 4u);
    m.jobs.args = slice_of(args, count);
    receive(r, &m);
}

void rig_jobs(struct rig *r, uint64_t first, uint32_t count)
{
    rig_jobs_of(r, r->core.epoch, r->core.hello, first, count);
}

void rig_ack(struct rig *r, uint64_t number)
{
    struct msg m = {.type = MSG_RESULTS_ACK};

    m.results_ack.number = number;
    receive(r, &m);
}

void rig_name(struct rig *r, enum msg_type type, uint64_t id_number, uint32_t run)
{
    struct msg m = {.type = type};
    uint64_t id = ID(id_number);

    if (type == MSG_CANCEL) {
        m.cancel.ids = slice_of(&id, sizeof id);
        m.cancel.runs = slice_of(&run, sizeof run);
    } else {
        m.abandon.ids = slice_of(&id, sizeof id);
        m.abandon.runs = slice_of(&run, sizeof run);
    }
    receive(r, &m);
}

/* ---- handlers ---- */

static size_t find(const struct rig *r, uint64_t number)
{
    for (size_t i = 0; i < r->job_count; i++)
        if (r->jobs[i]->id == ID(number))
            return i;
    fail_msg("job %lu is not out", number);
    return 0;
}

static struct job *take(struct rig *r, size_t at)
{
    struct job *job = r->jobs[at];

    memmove(&r->jobs[at], &r->jobs[at + 1], (r->job_count - at - 1) * sizeof *r->jobs);
    r->job_count--;
    return job;
}

bool rig_begin(struct rig *r, uint64_t number)
{
    struct job *job = r->jobs[find(r, number)];

    if (!job_claim(job, STAGE_RUNNING))
        return false;
    atomic_store(&job->started_us, r->now * 1000);
    return true;
}

void rig_end(struct rig *r, uint64_t number, enum outcome outcome, uint32_t run_us)
{
    struct job *job = take(r, find(r, number));

    job->outcome = (uint8_t)outcome;
    job->decided = true;
    job->run_us = run_us;
    worker_core_finished(&r->core, job);
}

void rig_do(struct rig *r, uint64_t first, uint32_t count, uint32_t run_us)
{
    for (uint64_t i = first; i < first + count; i++) {
        assert_true(rig_begin(r, i));
        rig_end(r, i, OUTCOME_COMPLETED, run_us);
    }
}

void rig_return_revoked(struct rig *r)
{
    for (size_t i = r->job_count; i > 0; i--)
        if (atomic_load(&r->jobs[i - 1]->stage) == STAGE_REVOKED)
            worker_core_finished(&r->core, take(r, i - 1));
}
