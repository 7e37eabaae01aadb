/* look.c: what the caller may see of the core: workers, statistics, grants, a digest. */
#include <stdlib.h>

#include "core/state.h"

void core_job_grant(const struct core *core, const struct job *job, struct job_grant *ret)
{
    const struct lane *lane = lane_at(core, job->head.lane);
    ret->id = job->head.id;
    ret->run = job->head.run;
    ret->attempt = job->head.failures + 1;
    ret->run_timeout_ms = job->spec->run_timeout_ms;
    ret->lane = job->head.lane;
    ret->queue = lane->queue->name;
    ret->kind = lane->kind;
    ret->args = job->args;
    ret->meta = job->spec->meta;
    ret->schedule = job->spec->schedule;
    ret->nominal_ms = job->spec->nominal_ms;
}

bool core_worker_next(const struct core *core, const void **cursor, struct worker_view *ret)
{
    const struct session *s = *cursor;
    const struct list *at = s ? s->link.next : core->sessions.next;
    if (at == &core->sessions)
        return false;
    s = CONTAINER_OF(at, const struct session, link);
    *ret = (struct worker_view){
        .session = slice_of(s->id, SESSION_ID_BYTES),
        .name = s->name,
        .host = s->host,
        .state = s->state,
        .pid = s->pid,
        .slots = s->slots,
        .credit = s->credit,
        .out = s->out,
        .queues = s->queue_names,
        .kinds = s->kinds,
        .queue_count = s->queue_count,
        .kind_count = s->kind_count,
    };
    *cursor = s;
    return true;
}

uint32_t core_worker_jobs(const struct core *core, const void *cursor, uint64_t *ids, uint32_t max)
{
    (void)core;
    const struct session *s = cursor;
    uint32_t count = 0;
    LIST_FOREACH (it, &s->jobs) {
        if (count == max)
            break;
        ids[count++] = CONTAINER_OF(it, const struct job, link)->head.id;
    }
    return count;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void core_get_stats(const struct core *core, struct core_stats *ret)
{
    uint32_t sorted[COMMIT_SAMPLES];
    uint32_t n = core->commit_count < COMMIT_SAMPLES ? core->commit_count : COMMIT_SAMPLES;
    memcpy(sorted, core->commit_us, n * sizeof sorted[0]);
    qsort(sorted, n, sizeof sorted[0], by_value);
    *ret = core->stats;
    ret->commit_us_p50 = n ? sorted[n / 2] : 0;
    ret->commit_us_p99 = n ? sorted[n * 99 / 100] : 0;
    ret->clients = core->client_count;
    ret->schedules = core->schedules.by_name.count;
    ret->out = core->out;
    ret->doubt = core->doubt_count;
    ret->resident_jobs = core->jobs.count;
    ret->resident_bytes = core->window_bytes;
    ret->uncommitted_bytes = core->uncommitted;
    ret->lanes = core->lane_count;
    ret->workers = 0;
    LIST_FOREACH (it, &core->sessions) {
        (void)it;
        ret->workers++;
    }
}

const char *topic_name(enum topic topic)
{
    static const char *const names[TOPIC_COUNT] = {
#define TOPIC(symbol, name, has_queue) [TOPIC_##symbol] = name,
#include "base/topic.def"
    };
    return topic < TOPIC_COUNT ? names[topic] : "";
}

bool topic_has_queue(enum topic topic)
{
    static const bool has[TOPIC_COUNT] = {
#define TOPIC(symbol, name, has_queue) [TOPIC_##symbol] = has_queue,
#include "base/topic.def"
    };
    return topic < TOPIC_COUNT && has[topic];
}

static uint64_t mix(uint64_t h, uint64_t value)
{
    h ^= value + 0x9E3779B97F4A7C15u + (h << 6) + (h >> 2);
    return h * 0xBF58476D1CE4E5B9u;
}

uint64_t core_digest(const struct core *core)
{
    uint64_t h = mix(core->id_counter, core->rng.state), sum = 0;
    size_t cursor = 0;
    for (const struct job *job; (job = idmap_next(&core->jobs, &cursor, NULL));) {
        const struct job_head *d = &job->head;
        /* A sum, since the order of a hash table says nothing. */
        sum += mix(mix(mix(mix(d->id, d->run), d->state), d->flags),
                   (uint64_t)job->place << 32 | d->failures);
    }
    h = mix(mix(h, sum), core->jobs.count);
    h = mix(mix(h, core->out), core->window_bytes);
    return mix(mix(h, core->batch_last), core->session_count);
}
