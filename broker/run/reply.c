/* reply.c: jobs, queues and workers as people see them. */
#include "run/reply.h"

#include "run/pairs.h"
#include "utf8.h"

#define WORKER_JOBS_MAX 1000 /* ids of jobs shown of one worker */

static const char *const attempt_outcomes[ATTEMPT_OUTCOME_COUNT] = {
    [ATTEMPT_COMPLETED] = "completed", [ATTEMPT_FAILED] = "failed",
    [ATTEMPT_LOST] = "lost",           [ATTEMPT_TIMEOUT] = "timeout",
    [ATTEMPT_SNOOZED] = "snoozed",     [ATTEMPT_RELEASED] = "released",
    [ATTEMPT_CANCELLED] = "cancelled",
};

static const char *const session_states[SESSION_STATE_COUNT] = {
    [SESSION_ALIVE] = "alive",
    [SESSION_SUSPECT] = "suspect",
    [SESSION_DRAINING] = "draining",
    [SESSION_LAPSED] = "lapsed",
};

/* ---- values ---- */

/* Text of a handler: bytes that are no UTF-8 become U+FFFD. */
static void put_dirty(struct buf *out, const char *key, struct slice text)
{
    static const uint8_t replacement[] = {0xEF, 0xBF, 0xBD};
    if (utf8_is_text(text)) {
        put_text(out, key, text);
        return;
    }
    struct buf clean;
    buf_init(&clean, text.len * 3);
    while (text.len) {
        size_t size = text.data[0] ? utf8_sequence(text) : 0;
        (void)buf_append(&clean, size ? text.data : replacement, size ? size : 3);
        size += size == 0;
        text = slice_of(text.data + size, text.len - size);
    }
    put_text(out, key, buf_slice(&clean));
    buf_fini(&clean);
}

/* A msgpack value as it was given. */
static void put_value(struct buf *out, const char *key, struct slice value)
{
    wire_cstr(out, key);
    if (value.len)
        wire_raw(out, value);
    else
        wire_nil(out);
}

/* ---- jobs ---- */

static void put_attempt(struct buf *out, const struct attempt *a)
{
    wire_map(out, 10);
    put_number(out, "attempt", a->number);
    put_text(out, "worker", a->worker);
    put_time(out, "started_at", a->started_ms);
    put_time(out, "ended_at", a->ended_ms);
    wire_cstr(out, "outcome");
    wire_cstr(out, a->outcome < ATTEMPT_OUTCOME_COUNT ? attempt_outcomes[a->outcome] : NULL);
    put_text(out, "code", a->code);
    put_text(out, "message", a->message);
    wire_cstr(out, "exit_status");
    if (a->exit_status >= 0)
        wire_uint(out, (uint64_t)a->exit_status);
    else
        wire_nil(out);
    put_text(out, "signal", a->signal);
    put_dirty(out, "log", a->log);
}

static void put_error(struct buf *out, struct slice code, struct slice message)
{
    wire_cstr(out, "error");
    if (!code.len && !message.len) {
        wire_nil(out);
        return;
    }
    wire_map(out, 2);
    put_text(out, "code", code);
    put_text(out, "message", message);
}

static void put_waits(struct buf *out, uint8_t waits)
{
    wire_cstr(out, "waits");
    if (waits == WAITS_NONE || waits >= WAITS_COUNT) {
        wire_nil(out);
        return;
    }
    wire_map(out, 2);
    wire_cstr(out, "reason");
    wire_cstr(out, waits_name((enum waits_reason)waits));
    wire_cstr(out, "text");
    wire_cstr(out, waits_text((enum waits_reason)waits));
}

static const char *shown_state(const struct job_view *view)
{
    return job_state_name(view->running ? JOB_RUNNING : (enum job_state)view->head.state);
}

static void put_times(struct buf *out, const struct job_view *view)
{
    const struct job_head *head = &view->head;
    bool waits = head->state == JOB_SCHEDULED || head->state == JOB_READY;
    uint64_t finished_ms = view->finished_ms;
    if (!finished_ms && head->state == JOB_PARKED)
        finished_ms = head->due_ms; /* parked since */
    put_time(out, "created_at", head->created_ms);
    put_time(out, "run_at", waits ? head->due_ms : 0);
    put_time(out, "started_at", view->started_ms);
    put_time(out, "finished_at", finished_ms);
}

static void put_only_error(struct buf *out, const struct job_view *view)
{
    wire_map(out, 2);
    wire_cstr(out, "id");
    put_id(out, view->id);
    put_error(out, slice_str(err_code(view->error)), slice_str(err_text(view->error)));
}

void reply_job(struct buf *out, const struct job_view *view)
{
    const struct job_head *head = &view->head;
    if (view->error) {
        if (view->error == MUSTER_ENOTFOUND)
            wire_nil(out);
        else
            put_only_error(out, view);
        return;
    }
    wire_map(out, 21);
    wire_cstr(out, "id");
    put_id(out, view->id);
    put_text(out, "kind", view->kind);
    put_text(out, "queue", view->queue);
    wire_cstr(out, "state");
    wire_cstr(out, shown_state(view));
    put_number(out, "priority", head->priority);
    put_value(out, "args", view->args);
    put_times(out, view);
    put_text(out, "schedule", view->spec.schedule);
    put_time(out, "nominal_time", view->spec.nominal_ms);
    put_number(out, "max_attempts", view->spec.max_attempts);
    put_number(out, "failures", head->failures);
    put_number(out, "losses", head->losses);
    put_value(out, "result", view->result);
    put_error(out, view->code, view->message);
    put_waits(out, view->waits);
    put_bool(out, "stopping", view->stopping);
    put_text(out, "worker", view->worker);
    wire_cstr(out, "attempts");
    wire_array(out, view->attempt_count);
    for (uint32_t i = 0; i < view->attempt_count; i++)
        put_attempt(out, &view->attempts[i]);
}

void reply_jobs(struct buf *out, const struct job_view *views, uint32_t count)
{
    wire_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        reply_job(out, &views[i]);
}

void reply_cancelled(struct buf *out, uint64_t count, uint64_t running)
{
    wire_map(out, 2);
    put_number(out, "cancelled", count);
    put_number(out, "running", running);
}

/* ---- queues ---- */

static void put_quantiles(struct buf *out, const char *key, const struct quantiles *q)
{
    wire_cstr(out, key);
    if (q->count == 0) {
        wire_nil(out);
        return;
    }
    wire_map(out, 3);
    put_float(out, "p50", (double)q->us_p50 / 1000);
    put_float(out, "p95", (double)q->us_p95 / 1000);
    put_float(out, "p99", (double)q->us_p99 / 1000);
}

/* To a thousandth: more digits would say nothing. */
static void put_rate(struct buf *out, const char *key, double value)
{
    put_float(out, key, (double)(uint64_t)(value * 1000 + 0.5) / 1000);
}

void reply_figures(struct buf *out, const struct figures *f)
{
    put_rate(out, "submitted_per_s", f->per_s[RATE_SUBMITTED]);
    put_rate(out, "completed_per_s", f->per_s[RATE_COMPLETED]);
    put_rate(out, "failed_per_s", f->per_s[RATE_FAILED]);
    put_rate(out, "submitted_per_s_1m", f->per_s_1m[RATE_SUBMITTED]);
    put_rate(out, "completed_per_s_1m", f->per_s_1m[RATE_COMPLETED]);
    put_rate(out, "failed_per_s_1m", f->per_s_1m[RATE_FAILED]);
    put_quantiles(out, "wait_ms", &f->latency[LATENCY_WAIT]);
    put_quantiles(out, "run_ms", &f->latency[LATENCY_RUN]);
    put_quantiles(out, "total_ms", &f->latency[LATENCY_TOTAL]);
}

static void put_queue(struct buf *out, const struct queue_view *q)
{
    const struct queue_counters *c = &q->info.counters;
    wire_map(out, 12 + REPLY_FIGURES);
    put_text(out, "queue", q->info.name);
    put_bool(out, "paused", q->info.paused);
    put_number(out, "ready", c->ready);
    put_number(out, "running", q->running);
    put_number(out, "scheduled", c->scheduled);
    put_number(out, "parked", c->parked);
    put_number(out, "completed", c->completed);
    put_number(out, "failed", c->failed);
    put_number(out, "lost", c->lost);
    put_number(out, "cancelled", c->cancelled);
    put_number(out, "expired", c->expired);
    put_float(out, "oldest_ready_s", (double)q->oldest_ready_ms / 1000);
    reply_figures(out, &q->figures);
}

void reply_queues(struct buf *out, const struct queue_view *queues, uint32_t count)
{
    wire_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        put_queue(out, &queues[i]);
}

/* ---- workers ---- */

static void put_names(struct buf *out, const char *key, const struct slice *names, uint32_t count)
{
    wire_cstr(out, key);
    wire_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        wire_str(out, names[i]);
}

static void put_session(struct buf *out, struct slice session)
{
    char text[2 * SESSION_ID_BYTES];
    for (size_t i = 0; i < SESSION_ID_BYTES; i++) {
        text[2 * i] = "0123456789abcdef"[session.data[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[session.data[i] & 15];
    }
    put_text(out, "session", slice_of(text, sizeof text));
}

static void put_worker(struct buf *out, const struct core *core, const void *cursor,
                       const struct worker_view *view)
{
    uint64_t jobs[WORKER_JOBS_MAX];
    uint32_t count = core_worker_jobs(core, cursor, jobs, WORKER_JOBS_MAX);
    wire_map(out, 9);
    put_text(out, "name", view->name);
    put_session(out, view->session);
    put_text(out, "state", slice_str(session_states[view->state]));
    put_text(out, "host", view->host);
    put_number(out, "pid", view->pid);
    put_names(out, "queues", view->queues, view->queue_count);
    put_names(out, "kinds", view->kinds, view->kind_count);
    put_number(out, "slots", view->slots);
    wire_cstr(out, "jobs");
    wire_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        put_id(out, jobs[i]);
}

void reply_workers(struct buf *out, const struct core *core)
{
    const void *cursor = NULL;
    struct worker_view view;
    uint32_t count = 0;
    while (core_worker_next(core, &cursor, &view))
        count += view.state != SESSION_LAPSED;
    wire_array(out, count);
    cursor = NULL;
    while (core_worker_next(core, &cursor, &view)) {
        if (view.state != SESSION_LAPSED)
            put_worker(out, core, cursor, &view);
    }
}

void reply_snapshot(struct buf *out, const struct core *core, const struct queue_view *queues,
                    uint32_t count)
{
    wire_map(out, 2);
    wire_cstr(out, "queues");
    reply_queues(out, queues, count);
    wire_cstr(out, "workers");
    reply_workers(out, core);
}
