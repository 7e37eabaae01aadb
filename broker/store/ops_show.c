/* ops_show.c: what people ask about: jobs by id, and the counters of queues. */
#include "store/boot.h"
#include "store/view.h"

/* The newest attempt says why a job was parked, or is tried again. */
static void tell_last_attempt(struct job_view *v)
{
    if (!v->attempt_count)
        return;
    const struct attempt *last = &v->attempts[v->attempt_count - 1];
    v->code = last->code;
    v->message = last->message;
    if (v->head.state != JOB_PARKED)
        return;
    v->worker = last->worker;
    v->started_ms = last->started_ms;
    v->finished_ms = last->ended_ms;
}

int view_of_record(struct store *s, const struct record *r, struct page *page, struct job_view *ret)
{
    struct key k;
    struct lane *lane;
    int error = lane_of_record(s, r->head.lane, TABLE_JOB, key_u64(&k, r->head.id), &lane);
    if (error)
        return error;
    *ret = (struct job_view){.id = r->head.id, .head = r->head, .spec = r->spec};
    ret->spec.meta = page_copy(page, r->spec.meta);
    ret->args = page_copy(page, r->args);
    ret->queue = page_copy(page, lane->queue_name);
    ret->kind = page_copy(page, lane->kind);
    if (ret->args.len != r->args.len)
        return store_nomem(s);
    if (r->head.flags & JOB_HAS_ROW)
        error = attempts_read(s, r->head.id, page, &ret->attempts, &ret->attempt_count);
    if (!error)
        tell_last_attempt(ret);
    return error;
}

/* Looks where a plain job would wait: its sequence number is its id. */
static int probe_lanes(struct store *s, uint64_t id, struct record *ret)
{
    struct key k;
    struct slice value;
    size_t at = 0;
    for (struct lane *lane; (lane = idmap_next(&s->lanes, &at, NULL)) != NULL;) {
        for (uint8_t p = 0; p < PRIORITY_COUNT; p++) {
            if (lane->dropped || !(lane->priorities & 1u << p))
                continue;
            struct slice key = key_ready(&k, lane->number, p, id);
            int error = engine_get(s->engine, TABLE_READY, key, &value);
            if (error == MUSTER_ENOTFOUND)
                continue;
            if (error)
                return store_failed(s, error);
            bool ref;
            error = ready_decode(s, key, value, ret, &ref);
            if (error || (!ref && ret->head.id == id))
                return error;
        }
    }
    return MUSTER_ENOTFOUND;
}

static int find_job(struct store *s, uint64_t id, bool probe, struct page *page,
                    struct job_view *ret)
{
    struct record r;
    struct history_entry entry;
    int error = job_get(s, id, &r);
    if (error == MUSTER_ENOTFOUND && history_find(s, id, &entry))
        return history_view(s, &entry, page, ret);
    if (error == MUSTER_ENOTFOUND && probe)
        error = probe_lanes(s, id, &r);
    if (error == MUSTER_ENOTFOUND) {
        *ret = (struct job_view){.id = id};
        ret->error = id <= s->id_high_new ? MUSTER_EGONE : MUSTER_ENOTFOUND;
        return 0;
    }
    return error ? error : view_of_record(s, &r, page, ret);
}

int op_jobs(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct page *page = page_new();
    struct job_view *views = page ? page_alloc(page, (op->jobs.count + 1) * sizeof(*views)) : NULL;
    int error = views ? history_flush(s) : store_nomem(s);
    for (uint32_t i = 0; i < op->jobs.count && !error; i++)
        error = find_job(s, op->jobs.ids[i], op->jobs.lane_probe, page, &views[i]);
    if (error) {
        page_free(page);
        return error;
    }
    op->jobs.views = views;
    op->jobs.page = page_blob(page);
    return 0;
}

int op_queues(struct store *s, struct batch *b, struct op *op)
{
    (void)b;
    struct page *page = page_new();
    int error = page ? queues_copy(s, page, &op->queues.infos, &op->queues.count) : store_nomem(s);
    if (error) {
        page_free(page);
        return error;
    }
    op->queues.page = page_blob(page);
    return 0;
}
