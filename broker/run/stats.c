/* stats.c: the broker's figures as one map. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "run/pairs.h"
#include "run/reply.h"

/* Figures of the core that are told as they are. */
static const struct {
    const char *name;
    size_t offset;
} core_figures[] = {
#define FIGURE(name, field)                                                                        \
    {                                                                                              \
        name, offsetof(struct core_stats, field)                                                   \
    }
    FIGURE("workers", workers),
    FIGURE("clients", clients),
    FIGURE("running", out),
    FIGURE("in_doubt", doubt),
    FIGURE("resident_jobs", resident_jobs),
    FIGURE("resident_bytes", resident_bytes),
    FIGURE("uncommitted_bytes", uncommitted_bytes),
    FIGURE("lanes", lanes),
    FIGURE("submits", submits),
    FIGURE("jobs_submitted", jobs_submitted),
    FIGURE("jobs_granted", jobs_granted),
    FIGURE("results", results),
    FIGURE("stale_results", stale_results),
    FIGURE("duplicate_submits", duplicate_submits),
    FIGURE("lapses", lapses),
    FIGURE("commits", batches),
    FIGURE("trimmed_parked", trimmed_parked),
    FIGURE("disk_used_bytes", disk_used),
    FIGURE("disk_free_bytes", disk_free),
    FIGURE("clock_shifts", clock_shifts),
    FIGURE("schedules", schedules),
    FIGURE("schedule_fired", verdicts[VERDICT_FIRED]),
    FIGURE("schedule_skipped", verdicts[VERDICT_SKIPPED]),
    FIGURE("schedule_missed", verdicts[VERDICT_MISSED]),
#undef FIGURE
};
#define CORE_FIGURES (sizeof core_figures / sizeof core_figures[0])

/* Sums over all queues. */
struct totals {
    uint64_t ready, scheduled, parked, completed, failed, lost, cancelled, expired;
    const struct queue_view *oldest; /* the queue whose first job has waited longest, or NULL */
};

static struct totals sum(const struct queue_view *queues, uint32_t count)
{
    struct totals t = {0};
    for (uint32_t i = 0; i < count; i++) {
        const struct queue_counters *c = &queues[i].info.counters;
        t.ready += c->ready;
        t.scheduled += c->scheduled;
        t.parked += c->parked;
        t.completed += c->completed;
        t.failed += c->failed;
        t.lost += c->lost;
        t.cancelled += c->cancelled;
        t.expired += c->expired;
        if (queues[i].oldest_ready_ms > (t.oldest ? t.oldest->oldest_ready_ms : 0))
            t.oldest = &queues[i];
    }
    return t;
}

#define TOTALS 11

static void put_totals(struct buf *out, const struct totals *t, uint32_t queues)
{
    put_number(out, "queues", queues);
    put_number(out, "ready", t->ready);
    put_number(out, "scheduled", t->scheduled);
    put_number(out, "parked", t->parked);
    put_number(out, "completed", t->completed);
    put_number(out, "failed", t->failed);
    put_number(out, "lost", t->lost);
    put_number(out, "cancelled", t->cancelled);
    put_number(out, "expired", t->expired);
    put_float(out, "oldest_ready_s", t->oldest ? (double)t->oldest->oldest_ready_ms / 1000 : 0);
    put_text(out, "oldest_ready_queue", t->oldest ? t->oldest->info.name : SLICE_EMPTY);
}

/* Anonymous memory of this process in bytes, from /proc; 0 when it cannot be read. */
static uint64_t rss_anon_bytes(void)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
            break;
    }
    fclose(file);
    return kib * 1024;
}

static uint64_t dropped(const struct broker *b)
{
    uint64_t total = 0;
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (int i = 0; i < ROUTER_COUNT_MAX; i++)
            total += router_counter(b->sides[side], (enum router_count)i);
    }
    return total;
}

static uint64_t refused(const struct broker *b)
{
    uint64_t total = 0;
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (int i = 0; i < REFUSAL_COUNT; i++)
            total += b->refused[side][i];
    }
    return total;
}

#define PROCESS_FIGURES 9

static void put_process(struct buf *out, const struct broker *b, const struct core_stats *stats)
{
    char time[TIME_TEXT_BYTES];
    time_format(b->wall_ms, time);
    put_text(out, "topic", slice_str("broker.stats"));
    put_text(out, "time", slice_str(time));
    put_text(out, "version", slice_str(MUSTER_VERSION));
    put_number(out, "epoch", b->epoch);
    put_float(out, "uptime_s", (double)(b->now_ms - b->started_ms) / 1000);
    put_number(out, "rss_anon_bytes", rss_anon_bytes());
    put_number(out, "frames_dropped", dropped(b));
    put_number(out, "frames_refused", refused(b));
    wire_cstr(out, "commit_ms");
    wire_map(out, 2);
    put_float(out, "p50", (double)stats->commit_us_p50 / 1000);
    put_float(out, "p99", (double)stats->commit_us_p99 / 1000);
}

void reply_stats(struct buf *out, const struct broker *b, const struct queue_view *queues,
                 uint32_t count)
{
    struct core_stats stats = {0};
    struct totals totals = sum(queues, count);
    struct figures figures;
    core_get_stats(b->core, &stats);
    core_get_figures(b->core, &figures);
    wire_map(out, PROCESS_FIGURES + TOTALS + REPLY_FIGURES + CORE_FIGURES);
    put_process(out, b, &stats);
    put_totals(out, &totals, count);
    reply_figures(out, &figures);
    for (size_t i = 0; i < CORE_FIGURES; i++) {
        uint64_t value;
        memcpy(&value, (const char *)&stats + core_figures[i].offset, sizeof value);
        put_number(out, core_figures[i].name, value);
    }
}
