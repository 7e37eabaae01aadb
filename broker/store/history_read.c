/* history_read.c: finding finished jobs and reading them back. */
#include <stdlib.h>

#include "store/history_row.h"
#include "store/inner.h"

struct packed_row {
    uint32_t count;
    uint64_t base_ms, newest_ms;
    struct slice ids, offsets, names, jobs;
};

struct packed_job { /* as it lies in its row */
    uint32_t mask, queue, kind, worker;
    struct history_job job; /* without lane, last and worker */
    struct attempt last;
};

static bool row_parse(struct dec *d, struct packed_row *ret)
{
    ret->count = dec_u32(d);
    uint32_t names = dec_u32(d);
    ret->base_ms = dec_u64(d);
    ret->newest_ms = dec_u64(d);
    ret->ids = dec_raw(d, (uint64_t)ret->count * 8);
    ret->offsets = dec_raw(d, (uint64_t)ret->count * 4);
    ret->names = dec_raw(d, names);
    ret->jobs = dec_rest(d);
    return !d->bad;
}

/* Going through a list opens the same rows again and again: their checksums are looked at once. */
static int row_open(struct store *s, uint64_t number, struct packed_row *ret)
{
    struct history *h = &s->history;
    uint64_t *checked = &h->checked[number % HISTORY_CHECKED];
    struct key k;
    struct slice key = key_u64(&k, number), value;
    int error = engine_get(s->engine, TABLE_HISTORY, key, &value);
    if (error == MUSTER_ENOTFOUND)
        return store_damaged(s, TABLE_HISTORY, key);
    if (error)
        return store_failed(s, error);
    struct dec d;
    if (*checked == number && value.len >= FRAME_OVERHEAD)
        d = dec_of(slice_of(value.data + FRAME_OVERHEAD, value.len - FRAME_OVERHEAD));
    else if (!frame_open(TABLE_HISTORY, key, value, &d))
        return store_damaged(s, TABLE_HISTORY, key);
    if (!row_parse(&d, ret))
        return store_damaged(s, TABLE_HISTORY, key);
    *checked = number;
    return 0;
}

static struct slice name_at(const struct packed_row *row, uint32_t index)
{
    struct dec d = dec_of(row->names);
    struct slice name = SLICE_EMPTY;
    for (uint32_t i = 0; i <= index && !d.bad; i++)
        name = dec_bytes(&d);
    return d.bad ? SLICE_EMPTY : name;
}

static void job_parse_rest(struct dec *d, struct packed_job *ret)
{
    struct history_job *j = &ret->job;
    uint32_t mask = ret->mask;
    j->run = mask & HISTORY_RUN ? (uint32_t)dec_upto(d, UINT32_MAX) : 1;
    j->failures = mask & HISTORY_FAILURES ? (uint32_t)dec_upto(d, UINT32_MAX) : 0;
    j->losses = mask & HISTORY_LOSSES ? (uint32_t)dec_upto(d, UINT32_MAX) : 0;
    j->attempts = mask & HISTORY_ATTEMPTS ? (uint32_t)dec_upto(d, UINT32_MAX) : 0;
    ret->worker = mask & HISTORY_WORKER ? (uint32_t)dec_upto(d, UINT32_MAX) : UINT32_MAX;
    j->code = mask & HISTORY_REASON ? dec_bytes(d) : SLICE_EMPTY;
    j->message = mask & HISTORY_REASON ? dec_bytes(d) : SLICE_EMPTY;
    j->result = mask & HISTORY_RESULT ? dec_bytes(d) : SLICE_EMPTY;
    j->spec = mask & HISTORY_SPEC ? dec_bytes(d) : SLICE_EMPTY;
    if (mask & HISTORY_LAST && !attempt_decode(d, &ret->last))
        d->bad = true;
    j->earlier = mask & HISTORY_EARLIER ? dec_bytes(d) : SLICE_EMPTY;
}

static bool job_parse(const struct packed_row *row, uint32_t place, struct packed_job *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct history_job *j = &ret->job;
    uint32_t offset = slice_u32_at(row->offsets, place);
    if (offset > row->jobs.len)
        return false;
    struct dec d = dec_of(slice_of(row->jobs.data + offset, row->jobs.len - offset));
    j->id = slice_u64_at(row->ids, place);
    ret->mask = (uint32_t)dec_upto(&d, HISTORY_MASK_MAX);
    uint8_t packed = dec_u8(&d);
    j->state = packed >> 4;
    j->priority = packed & 15;
    ret->queue = (uint32_t)dec_upto(&d, UINT32_MAX);
    ret->kind = (uint32_t)dec_upto(&d, UINT32_MAX);
    j->finished_ms = row->base_ms - (uint64_t)dec_zigzag(&d);
    j->created_ms = j->finished_ms - (uint64_t)dec_zigzag(&d);
    j->started_ms = ret->mask & HISTORY_STARTED ? j->finished_ms - (uint64_t)dec_zigzag(&d) : 0;
    job_parse_rest(&d, ret);
    return !d.bad && j->state < JOB_STATE_COUNT && j->priority < PRIORITY_COUNT;
}

static int job_open(struct store *s, const struct history_entry *entry, struct packed_row *ret_row,
                    struct packed_job *ret)
{
    uint64_t first = s->history.first;
    uint64_t number = first + (uint32_t)(entry->row - (uint32_t)first);
    int error = row_open(s, number, ret_row);
    if (error)
        return error;
    struct key k;
    if (entry->place >= ret_row->count || !job_parse(ret_row, entry->place, ret))
        return store_damaged(s, TABLE_HISTORY, key_u64(&k, number));
    return 0;
}

static void sort_pending(struct history *h)
{
    if (!h->pending_sorted)
        history_sort(h->pending, h->pending_count);
    h->pending_sorted = true;
}

/* Both in what is committed and in what this transaction has written so far. */
static bool seek(struct store *s, uint64_t id, struct history_entry *ret)
{
    struct history *h = &s->history;
    bool found = history_index_seek(&h->index, id, (uint32_t)h->first_new, ret);
    sort_pending(h);
    for (size_t low = 0, high = h->pending_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (h->pending[middle].id < id) {
            low = middle + 1;
            continue;
        }
        if (!found || h->pending[middle].id < ret->id) {
            *ret = h->pending[middle];
            found = true;
        }
        high = middle;
    }
    return found;
}

bool history_find(struct store *s, uint64_t id, struct history_entry *ret)
{
    return seek(s, id, ret) && ret->id == id;
}

bool history_after(struct store *s, uint64_t after, struct history_entry *ret)
{
    return after != UINT64_MAX && seek(s, after + 1, ret);
}

int history_peek(struct store *s, const struct history_entry *entry, uint8_t *ret_state,
                 struct slice *ret_queue, struct slice *ret_kind)
{
    struct packed_row row;
    struct packed_job job;
    int error = job_open(s, entry, &row, &job);
    if (error)
        return error;
    *ret_state = job.job.state;
    *ret_queue = name_at(&row, job.queue);
    *ret_kind = name_at(&row, job.kind);
    return 0;
}

static void copy_attempt(struct page *page, const struct attempt *from, struct attempt *to)
{
    *to = *from;
    to->worker = page_copy(page, from->worker);
    to->code = page_copy(page, from->code);
    to->message = page_copy(page, from->message);
    to->signal = page_copy(page, from->signal);
    to->log = page_copy(page, from->log);
}

/* The run that ended the job, where nothing more was recorded than who ran it and when. */
static void plain_attempt(const struct packed_job *p, const struct job_view *view,
                          struct attempt *ret)
{
    const struct history_job *j = &p->job;
    *ret = (struct attempt){.number = j->attempts + 1,
                            .run = j->run,
                            .exit_status = -1,
                            .started_ms = j->started_ms,
                            .ended_ms = j->finished_ms,
                            .worker = view->worker};
    ret->outcome = j->state == JOB_COMPLETED ? ATTEMPT_COMPLETED : ATTEMPT_CANCELLED;
}

static bool has_last(const struct packed_job *p)
{
    return p->mask & HISTORY_LAST || (p->mask & HISTORY_STARTED && p->job.state != JOB_EXPIRED);
}

static int view_attempts(struct store *s, struct page *page, const struct packed_job *p,
                         struct job_view *ret)
{
    uint32_t count = has_last(p) ? 1 : 0;
    struct attempt a;
    struct dec d = dec_of(p->job.earlier);
    while (d.at < d.end && attempt_decode(&d, &a))
        count++;
    struct attempt *all = count ? page_alloc(page, count * sizeof(*all)) : NULL;
    if (count && !all)
        return store_nomem(s);
    ret->attempts = all;
    d = dec_of(p->job.earlier);
    while (d.at < d.end && attempt_decode(&d, &a))
        copy_attempt(page, &a, &all[ret->attempt_count++]);
    if (p->mask & HISTORY_LAST)
        copy_attempt(page, &p->last, &all[ret->attempt_count++]);
    else if (has_last(p))
        plain_attempt(p, ret, &all[ret->attempt_count++]);
    return 0;
}

int history_view(struct store *s, const struct history_entry *entry, struct page *page,
                 struct job_view *ret)
{
    struct packed_row row;
    struct packed_job p;
    int error = job_open(s, entry, &row, &p);
    if (error)
        return error;
    const struct history_job *j = &p.job;
    *ret = (struct job_view){.id = j->id,
                             .started_ms = j->started_ms,
                             .finished_ms = j->finished_ms,
                             .spec = JOB_SPEC_DEFAULT};
    ret->head = (struct job_head){.id = j->id,
                                  .seq = j->id,
                                  .created_ms = j->created_ms,
                                  .run = j->run,
                                  .failures = j->failures,
                                  .losses = j->losses,
                                  .attempts = j->attempts,
                                  .priority = j->priority,
                                  .state = j->state};
    struct dec d = dec_of(j->spec);
    if (j->spec.len)
        spec_decode(&d, &ret->spec);
    if (!page_spec(page, &ret->spec))
        return store_nomem(s);
    ret->queue = page_copy(page, name_at(&row, p.queue));
    ret->kind = page_copy(page, name_at(&row, p.kind));
    if (p.worker != UINT32_MAX)
        ret->worker = page_copy(page, name_at(&row, p.worker));
    ret->code = page_copy(page, j->code);
    ret->message = page_copy(page, j->message);
    ret->result = page_copy(page, j->result);
    return view_attempts(s, page, &p, ret);
}

bool history_row_good(struct dec content, struct slice *ret_ids)
{
    struct packed_row row;
    struct packed_job p;
    uint32_t names = 0;
    if (!row_parse(&content, &row))
        return false;
    for (struct dec d = dec_of(row.names); d.at < d.end; names++)
        if (dec_bytes(&d), d.bad)
            return false;
    for (uint32_t i = 0; i < row.count; i++)
        if (!job_parse(&row, i, &p) || p.queue >= names || p.kind >= names ||
            (p.worker != UINT32_MAX && p.worker >= names))
            return false;
    *ret_ids = row.ids;
    return true;
}

/* Adds the ids of a row to `entries`, which has room for them. */
static void take_ids(const struct packed_row *row, uint64_t number, struct history_entry *entries)
{
    for (uint32_t i = 0; i < row->count; i++)
        entries[i] = (struct history_entry){
            .id = slice_u64_at(row->ids, i), .row = (uint32_t)number, .place = i};
}

static int load_row(struct store *s, const struct cursor *c, struct history_entry **entries,
                    size_t *count)
{
    struct history *h = &s->history;
    struct packed_row row;
    struct dec d;
    uint64_t number = c->key.len == 8 ? key_u64_at(c->key, 0) : 0;
    bool good =
        number >= h->next && frame_open(TABLE_HISTORY, c->key, c->value, &d) && row_parse(&d, &row);
    if (!good)
        return store_damaged(s, TABLE_HISTORY, c->key);
    struct history_entry *bigger = realloc(*entries, (*count + row.count + 1) * sizeof(*bigger));
    if (!bigger)
        return store_nomem(s);
    *entries = bigger;
    take_ids(&row, number, bigger + *count);
    *count += row.count;
    return history_know_row(s, number, row.newest_ms, row.count, (uint32_t)c->value.len);
}

int history_load(struct store *s)
{
    struct history *h = &s->history;
    struct history_entry *entries = NULL;
    size_t count = 0;
    struct cursor c;
    int error = cursor_open(&c, s->engine, TABLE_HISTORY);
    if (error)
        return store_failed(s, error);
    error = cursor_seek(&c, SLICE_EMPTY);
    while (!error) {
        error = load_row(s, &c, &entries, &count);
        if (!error)
            error = cursor_next(&c);
    }
    cursor_close(&c);
    if (error == MUSTER_ENOTFOUND)
        error = 0;
    else if (error)
        error = store_failed(s, error);
    if (!error) {
        history_sort(entries, count);
        if (history_index_add(&h->index, entries, count, (uint32_t)h->first) != 0)
            error = store_nomem(s);
    }
    free(entries);
    return error;
}
