/* on_worker.c: what workers say about themselves: HELLO, CREDIT, HEARTBEAT, GOODBYE. */
#include <stdlib.h>

#include "core/state.h"

#define HELD_MAX 1000000 /* jobs that one session may list */
#define HELD_ALL_MAX                                                                               \
    8000000 /* room for what HELLOs list whose last part is not in yet, of all sessions */

static void unknown(struct core *core, route_t route)
{
    core_emit(core, ACT_WORKER_UNKNOWN, route, 0);
}

static bool serves(const struct session *s, const struct queue *q)
{
    for (uint32_t i = 0; i < s->queue_count; i++)
        if (s->queues[i].queue == q)
            return true;
    return false;
}

static bool label_queues(struct core *core, struct session *s, const struct event *e)
{
    uint32_t count = e->worker_hello.queue_count;
    s->queues = calloc(count ? count : 1, sizeof *s->queues);
    s->queue_names = calloc(count ? count : 1, sizeof *s->queue_names);
    if (!s->queues || !s->queue_names)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct slice weights = e->worker_hello.weights;
        struct queue *q = queue_get(core, e->worker_hello.queues[i]);
        if (serves(s, q))
            continue; /* named twice */
        struct slice name = text_own(e->worker_hello.queues[i]);
        if (!q || !name.data)
            return false;
        struct session_queue *sq = &s->queues[s->queue_count];
        s->queue_names[s->queue_count++] = name;
        *sq = (struct session_queue){.queue = q, .weight = 1};
        queue_name(q);
        if (weights.len >= (size_t)(i + 1) * 4 && slice_u32_at(weights, i) > 0)
            sq->weight = slice_u32_at(weights, i);
    }
    return true;
}

static bool label_kinds(struct session *s, const struct event *e)
{
    uint32_t count = e->worker_hello.kind_count;
    s->all_kinds = false;
    s->kinds = calloc(count ? count : 1, sizeof *s->kinds);
    if (!s->kinds)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct slice kind = text_own(e->worker_hello.kinds[i]);
        if (!kind.data)
            return false;
        s->kinds[s->kind_count++] = kind;
        if (slice_is(kind, "*"))
            s->all_kinds = true;
        if (strmap_put(&s->kind_set, kind, s) != 0)
            return false;
    }
    return true;
}

static bool label(struct core *core, struct session *s, const struct event *e)
{
    session_labels_free(core, s);
    s->name = text_own(e->worker_hello.name);
    s->host = text_own(e->worker_hello.host);
    s->pid = e->worker_hello.pid;
    s->slots = e->worker_hello.slots;
    s->strict = e->worker_hello.strict;
    return label_queues(core, s, e) && label_kinds(s, e);
}

static bool held_room(struct core *core, struct held *h, uint32_t more)
{
    if (h->count + more <= h->cap)
        return true;
    uint32_t cap = (h->count + more) * 2;
    if (h->count + more > HELD_MAX || core->held_ids + cap - h->cap > HELD_ALL_MAX)
        return false;
    uint64_t *ids = realloc(h->ids, cap * sizeof *ids);
    if (ids)
        h->ids = ids;
    uint32_t *runs = realloc(h->runs, cap * sizeof *runs);
    if (runs)
        h->runs = runs;
    uint32_t *ms = realloc(h->ms, cap * sizeof *ms);
    if (ms)
        h->ms = ms;
    if (!ids || !runs || !ms)
        return false;
    core->held_ids += cap - h->cap;
    h->cap = cap;
    return true;
}

static bool gather_part(struct core *core, struct session *s, const struct event *e)
{
    const struct job_refs *refs = &e->worker_hello.held;
    if (!held_room(core, &s->held, refs->count))
        return false;
    for (uint32_t i = 0; i < refs->count; i++) {
        uint32_t at = s->held.count++;
        s->held.ids[at] = slice_u64_at(refs->ids, i);
        s->held.runs[at] = job_refs_run(refs, i);
        s->held.ms[at] = e->worker_hello.held_ms.len ? slice_u32_at(e->worker_hello.held_ms, i) : 0;
    }
    return true;
}

void held_adopt(struct core *core, struct session *s, struct job *job, uint32_t ms)
{
    change_adopt(core, job);
    grant(core, job, s);
    job_drop_args(job); /* the worker has them */
    job->prefetched = false;
    if (ms != UINT32_MAX) {
        job->granted_ms = core_serving_ms(core) > ms ? core_serving_ms(core) - ms : 0;
        job->started_wall_ms = core->wall_ms - ms;
        list_remove(&job->clock);
        run_clock_add(core, job);
    }
}

void tell_abandon(struct core *core, const struct session *s, uint64_t id, uint32_t run,
                  uint64_t after)
{
    if (s->route)
        core_emit_ref(core, after, ACT_ABANDON, s->route, &(struct job_ref){id, run});
}

bool held_adoptable(const struct job *job, uint32_t run)
{
    if (job->head.run != run)
        return false;
    return job->place == PLACE_DOUBT ||
           (job->head.flags & JOB_SPENT && (job->head.state == JOB_READY));
}

struct held_out {
    uint64_t *abandon_ids, *ask_ids;
    uint32_t *abandon_runs, *ask_runs, *ask_ms;
    uint32_t abandon_count, ask_count;
};

static void judge_held(struct core *core, struct session *s, uint32_t at, struct held_out *out)
{
    uint64_t id = s->held.ids[at];
    uint32_t run = s->held.runs[at];
    struct job *job = job_find(core, id);
    if (!job) {
        out->ask_ids[out->ask_count] = id;
        out->ask_ms[out->ask_count] = s->held.ms[at];
        out->ask_runs[out->ask_count++] = run;
    } else if (job->session == s && job->head.run == run) {
        job->listed = s->hello;
        if (job->place == PLACE_STOPPING) /* it has not heard of the cancel, perhaps */
            tell_stop(core, job);
    } else if (held_adoptable(job, run)) {
        held_adopt(core, s, job, s->held.ms[at]);
        job->listed = s->hello;
    } else {
        session_after(s, job);
        out->abandon_ids[out->abandon_count] = id;
        out->abandon_runs[out->abandon_count++] = run;
    }
}

/* What was granted and is not listed was lost with the route. */
static void release_unlisted(struct core *core, struct session *s)
{
    LIST_FOREACH_SAFE (it, &s->jobs) {
        struct job *job = CONTAINER_OF(it, struct job, link);
        if (job->listed == s->hello || job->unsent)
            continue;
        if (job->place == PLACE_OUT)
            change_release(core, job, false);
        else
            job_stopped(core, job);
    }
}

static void tell_abandoned(struct core *core, struct session *s, const struct held_out *out)
{
    for (uint32_t i = 0; i < out->abandon_count; i++)
        tell_abandon(core, s, out->abandon_ids[i], out->abandon_runs[i], s->batch);
}

static void reconcile(struct core *core, struct session *s, struct held_out *out)
{
    size_t n = s->held.count;
    if (n > 0) {
        out->abandon_ids = batch_alloc(core_batch(core), n * sizeof *out->abandon_ids);
        out->abandon_runs = batch_alloc(core_batch(core), n * sizeof *out->abandon_runs);
        out->ask_ids = batch_alloc(core_batch(core), n * sizeof *out->ask_ids);
        out->ask_runs = batch_alloc(core_batch(core), n * sizeof *out->ask_runs);
        out->ask_ms = batch_alloc(core_batch(core), n * sizeof *out->ask_ms);
        if (!out->abandon_ids || !out->abandon_runs || !out->ask_ids || !out->ask_runs ||
            !out->ask_ms) {
            core_fail(core, "out of memory for a HELLO");
            return;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        judge_held(core, s, i, out);
    release_unlisted(core, s);
    if (out->ask_count > 0)
        late_held(core, s, out->ask_ids, out->ask_runs, out->ask_ms, out->ask_count);
}

void hello_welcome(struct core *core, struct session *s)
{
    if (!s->welcome_owed || s->lookups > 0)
        return;
    s->welcome_owed = false;
    struct action *a =
        core_emit_after(core, s->batch, ACT_WORKER_WELCOME, s->route, s->welcome_request);
    a->welcome.hello = s->hello;
    a->welcome.results_next = s->results_next;
    if (s->batch <= core->batch_stored)
        hello_welcomed(core, a);
}

void hello_welcomed(struct core *core, const struct action *a)
{
    struct session *s = session_on(core, a->route);
    if (!s || s->hello != a->welcome.hello)
        return;
    s->welcomed = true;
    session_refresh(core, s);
}

/* The last part is in: the session is on this route now. */
static void hello_done(struct core *core, struct session *s, const struct event *e)
{
    bool joined = s->state == SESSION_LAPSED;
    struct session *other = session_on(core, e->route);
    session_unroute(core, s);
    if (other && other != s) { /* the connection is the newer session's now */
        session_unroute(core, other);
        session_refresh(core, other);
    }
    session_set_lapsed(core, s); /* out of its lanes, before its queues and kinds change */
    if (!label(core, s, e) || idmap_put(&core->sessions_by_route, e->route, s) != 0) {
        core_fail(core, "out of memory for a session");
        return;
    }
    s->route = e->route;
    s->hello = e->worker_hello.number;
    s->hello_pending = 0;
    s->full = false;
    s->credit = 0;
    s->state = e->worker_hello.draining ? SESSION_DRAINING : SESSION_ALIVE;
    session_touch(core, s);
    if (s->results_next < e->worker_hello.results_next)
        s->results_next = e->worker_hello.results_next;
    if (joined && !s->awaited)
        session_write(core, s, false);
    doubt_heard(core, s);
    struct held_out out = {0};
    reconcile(core, s, &out);
    session_drop_held(core, s);
    s->welcome_owed = true;
    s->welcome_request = e->request;
    hello_welcome(core, s);
    tell_abandoned(core, s, &out);
    if (joined)
        publish_worker(core, TOPIC_WORKER_JOINED, s->batch, s->name);
}

static struct session *hello_session(struct core *core, const struct event *e)
{
    struct session *s = session_find(core, e->worker_hello.session);
    if (s)
        return s;
    s = session_new(core, e->worker_hello.session);
    if (!s) {
        core_fail(core, "out of memory for a session");
        return NULL;
    }
    return s;
}

void core_on_worker_hello(struct core *core, const struct event *e)
{
    struct session *s = hello_session(core, e);
    if (!s || e->worker_hello.number <= s->hello || e->worker_hello.number < s->hello_pending)
        return; /* of an older connection, read late */
    bool first = e->worker_hello.part == 0 && e->worker_hello.held.count > 0;
    if (first && late_full(core))
        s->hello_ignored = e->worker_hello.number;
    if (e->worker_hello.number == s->hello_ignored)
        return; /* with all its parts; the worker will try again */
    uint32_t parts = e->worker_hello.parts ? e->worker_hello.parts : 1;
    if (s->hello_pending != e->worker_hello.number) {
        s->hello_pending = e->worker_hello.number;
        s->parts_seen = 0;
        s->held.count = 0;
    }
    if (e->worker_hello.part != s->parts_seen || !gather_part(core, s, e)) {
        struct action *a = core_emit(core, ACT_WORKER_ERROR, e->route, e->request);
        a->failure.error = MUSTER_EPROTO;
        a->failure.text = "a part of HELLO is missing, out of order, or lists too many jobs";
        s->hello_pending = 0;
        return;
    }
    session_touch(core, s); /* parts renew the lease too */
    if (++s->parts_seen == parts)
        hello_done(core, s, e);
}

void core_on_credit(struct core *core, const struct event *e)
{
    struct session *s = session_on(core, e->route);
    if (!s || e->credit.hello != s->hello) {
        if (!s)
            unknown(core, e->route);
        return;
    }
    session_touch(core, s);
    s->credit = e->credit.credit;
    /* No credit at all is how a worker drains. */
    if (s->state == SESSION_ALIVE && s->credit == 0)
        s->state = SESSION_DRAINING;
    else if (s->state == SESSION_DRAINING && s->credit > 0)
        s->state = SESSION_ALIVE;
    core->dispatch_wanted = true;
    session_refresh(core, s);
}

void core_on_worker_heartbeat(struct core *core, const struct event *e)
{
    struct session *s = session_on(core, e->route);
    if (!s) {
        unknown(core, e->route);
        return;
    }
    session_touch(core, s);
    core_emit(core, ACT_WORKER_HEARTBEAT, e->route, e->request);
}

void core_on_worker_goodbye(struct core *core, const struct event *e)
{
    struct session *s = session_on(core, e->route);
    if (!s)
        return;
    while (!list_empty(&s->jobs)) {
        struct job *job = CONTAINER_OF(s->jobs.next, struct job, link);
        if (job->place == PLACE_OUT)
            change_release(core, job, false);
        else
            job_stopped(core, job);
    }
    publish_worker(core, TOPIC_WORKER_LEFT, 0, s->name);
    session_drop(core, s);
}
