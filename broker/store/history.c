/* history.c: packing finished jobs into rows, and trimming rows.
 *
 * Row content: u32 jobs, u32 bytes of names, u64 base time, u64 newest time; then a u64 id a job, a
 * u32 offset a job, the names, the jobs. A job: mask, state and priority, names of queue and kind,
 * times relative to the base, and the fields of its mask. Plain completions take some 25 bytes. */
#include "store/history.h"

#include <stdlib.h>

#include "store/history_row.h"
#include "store/inner.h"

/* Rows stay below the bound from which LMDB needs pages in sequence for a value: those are hard to
 * find in a file that has been in use for long. */
#define ROW_TARGET 1900
#define BUF_MAX    (256u << 20)
#define TRIM_ROWS  64 /* more than are written between two trims, so that trimming catches up */

void history_init(struct history *h)
{
    *h = (struct history){.first = 1, .next = 1, .next_committed = 1, .first_new = 1};
    history_index_init(&h->index);
    buf_init(&h->ids, BUF_MAX);
    buf_init(&h->offsets, BUF_MAX);
    buf_init(&h->names, BUF_MAX);
    buf_init(&h->jobs_packed, BUF_MAX);
}

void history_fini(struct history *h)
{
    history_index_fini(&h->index);
    buf_fini(&h->ids);
    buf_fini(&h->offsets);
    buf_fini(&h->names);
    buf_fini(&h->jobs_packed);
    free(h->infos);
    free(h->pending);
    history_init(h);
}

static struct history_row *info_of(struct history *h, uint64_t row)
{
    return &h->infos[row & (h->info_cap - 1)];
}

/* Makes room in the ring for rows up to before `end`. */
static int reserve_infos(struct store *s, uint64_t end)
{
    struct history *h = &s->history;
    if (end - h->first <= h->info_cap)
        return 0;
    size_t cap = h->info_cap ? h->info_cap : 256;
    while (cap < end - h->first)
        cap *= 2;
    struct history_row *infos = calloc(cap, sizeof(*infos));
    if (!infos)
        return store_nomem(s);
    for (uint64_t row = h->first; row < h->next; row++)
        infos[row & (cap - 1)] = *info_of(h, row);
    free(h->infos);
    h->infos = infos;
    h->info_cap = cap;
    return 0;
}

int history_know_row(struct store *s, uint64_t number, uint64_t newest_ms, uint32_t jobs,
                     uint32_t bytes)
{
    struct history *h = &s->history;
    if (!h->jobs && !h->bytes)
        h->first = h->first_new = h->next = number;
    int error = reserve_infos(s, number + 1);
    if (error)
        return error;
    *info_of(h, number) =
        (struct history_row){.newest_ms = newest_ms, .jobs = jobs, .bytes = bytes};
    h->next = h->next_committed = number + 1;
    h->jobs = h->jobs_new = h->jobs + jobs;
    h->bytes = h->bytes_new = h->bytes + bytes;
    return 0;
}

static uint32_t add_name(struct history *h, struct slice name)
{
    uint8_t length[VAR_BYTES_MAX];
    struct enc e = {length};
    enc_var(&e, name.len);
    buf_append(&h->names, length, (size_t)(e.at - length));
    buf_append(&h->names, name.data, name.len);
    return h->name_count++;
}

/* The index of a lane's name in the row being packed. */
static uint32_t name_of(struct history *h, struct history_name *known, struct slice name)
{
    if (known->row != h->next)
        *known = (struct history_name){.row = h->next, .index = add_name(h, name)};
    return known->index;
}

static uint32_t worker_of(struct history *h, struct slice name)
{
    uint64_t hash = hash_bytes(name);
    struct history_worker *w = &h->workers[hash % HISTORY_WORKERS];
    if (w->name.row == h->next && w->hash == hash &&
        slice_eq(name, slice_of(h->names.data + w->offset, w->len)))
        return w->name.index;
    *w = (struct history_worker){.hash = hash, .len = (uint32_t)name.len};
    w->name = (struct history_name){.row = h->next, .index = add_name(h, name)};
    w->offset = (uint32_t)(h->names.len - name.len);
    return w->name.index;
}

static uint32_t mask_of(const struct history_job *j)
{
    return (j->started_ms ? HISTORY_STARTED : 0) | (j->run != 1 ? HISTORY_RUN : 0) |
           (j->failures ? HISTORY_FAILURES : 0) | (j->losses ? HISTORY_LOSSES : 0) |
           (j->attempts ? HISTORY_ATTEMPTS : 0) | (j->worker.len ? HISTORY_WORKER : 0) |
           (j->code.len || j->message.len ? HISTORY_REASON : 0) |
           (j->result.len ? HISTORY_RESULT : 0) | (j->spec.len ? HISTORY_SPEC : 0) |
           (j->last ? HISTORY_LAST : 0) | (j->earlier.len ? HISTORY_EARLIER : 0);
}

static void encode(struct history *h, struct enc *e, const struct history_job *j)
{
    uint32_t mask = mask_of(j);
    enc_var(e, mask);
    enc_u8(e, (unsigned)j->state << 4 | j->priority);
    enc_var(e, name_of(h, &j->lane->queue_in_history, j->lane->queue_name));
    enc_var(e, name_of(h, &j->lane->kind_in_history, j->lane->kind));
    enc_zigzag(e, (int64_t)(h->base_ms - j->finished_ms));
    enc_zigzag(e, (int64_t)(j->finished_ms - j->created_ms));
    if (mask & HISTORY_STARTED)
        enc_zigzag(e, (int64_t)(j->finished_ms - j->started_ms));
    if (mask & HISTORY_RUN)
        enc_var(e, j->run);
    if (mask & HISTORY_FAILURES)
        enc_var(e, j->failures);
    if (mask & HISTORY_LOSSES)
        enc_var(e, j->losses);
    if (mask & HISTORY_ATTEMPTS)
        enc_var(e, j->attempts);
    if (mask & HISTORY_WORKER)
        enc_var(e, worker_of(h, j->worker));
    if (mask & HISTORY_REASON) {
        enc_bytes(e, j->code);
        enc_bytes(e, j->message);
    }
    if (mask & HISTORY_RESULT)
        enc_bytes(e, j->result);
    if (mask & HISTORY_SPEC)
        enc_bytes(e, j->spec);
    if (mask & HISTORY_LAST)
        attempt_encode(e, j->last);
    if (mask & HISTORY_EARLIER)
        enc_bytes(e, j->earlier);
}

static size_t job_size_bound(const struct history_job *j)
{
    return 192 + j->code.len + j->message.len + j->result.len + j->spec.len + j->earlier.len +
           (j->last ? attempt_bound(j->last) : 0);
}

static size_t row_size(const struct history *h)
{
    return h->ids.len + h->offsets.len + h->names.len + h->jobs_packed.len;
}

static int remember(struct store *s, uint64_t id)
{
    struct history *h = &s->history;
    if (h->pending_count == h->pending_cap) {
        size_t cap = h->pending_cap ? h->pending_cap * 2 : 1024;
        struct history_entry *bigger = realloc(h->pending, cap * sizeof(*bigger));
        if (!bigger)
            return store_nomem(s);
        h->pending = bigger;
        h->pending_cap = cap;
    }
    uint32_t place = (uint32_t)(h->ids.len / 8);
    h->pending[h->pending_count++] =
        (struct history_entry){.id = id, .row = (uint32_t)h->next, .place = place};
    h->pending_sorted = false;
    return 0;
}

int history_add(struct store *s, const struct history_job *job)
{
    struct history *h = &s->history;
    size_t bound = job_size_bound(job);
    int error = 0;
    if (h->ids.len && row_size(h) + bound - 192 + 64 > ROW_TARGET)
        error = history_flush(s);
    if (!error)
        error = remember(s, job->id);
    if (error)
        return error;
    if (!h->ids.len)
        h->base_ms = s->now_ms;
    uint8_t *place = buf_reserve(&h->jobs_packed, bound);
    if (!place)
        return store_nomem(s);
    buf_u64(&h->ids, job->id);
    buf_u32(&h->offsets, (uint32_t)h->jobs_packed.len);
    struct enc e = {place};
    encode(h, &e, job);
    h->jobs_packed.len += (size_t)(e.at - place);
    return h->ids.error || h->offsets.error || h->names.error ? store_nomem(s) : 0;
}

int history_flush(struct store *s)
{
    struct history *h = &s->history;
    if (!h->ids.len)
        return 0;
    struct enc e;
    struct key k;
    int error = reserve_infos(s, h->next + 1);
    if (!error)
        error = row_begin(s, HISTORY_ROW_HEAD + row_size(h), &e);
    if (error)
        return error;
    uint32_t jobs = (uint32_t)(h->ids.len / 8);
    enc_u32(&e, jobs);
    enc_u32(&e, (uint32_t)h->names.len);
    enc_u64(&e, h->base_ms);
    enc_u64(&e, h->base_ms);
    enc_raw(&e, buf_slice(&h->ids));
    enc_raw(&e, buf_slice(&h->offsets));
    enc_raw(&e, buf_slice(&h->names));
    enc_raw(&e, buf_slice(&h->jobs_packed));
    error = row_put(s, &e, TABLE_HISTORY, key_u64(&k, h->next), PUT_NEW);
    if (error)
        return error;
    *info_of(h, h->next) = (struct history_row){
        .newest_ms = h->base_ms, .jobs = jobs, .bytes = (uint32_t)s->scratch.len};
    h->jobs_new += jobs;
    h->bytes_new += s->scratch.len;
    h->next++;
    h->name_count = 0;
    buf_reset(&h->ids);
    buf_reset(&h->offsets);
    buf_reset(&h->names);
    buf_reset(&h->jobs_packed);
    return 0;
}

int history_trim(struct store *s)
{
    struct history *h = &s->history;
    const struct store_options *o = &s->options;
    uint64_t oldest_ms = s->now_ms > o->retain_age_ms ? s->now_ms - o->retain_age_ms : 0;
    for (uint32_t n = 0; n < TRIM_ROWS && h->first_new < h->next; n++) {
        const struct history_row *info = info_of(h, h->first_new);
        bool too_many = h->jobs_new > o->retain_jobs || h->bytes_new > o->retain_bytes;
        if (!too_many && info->newest_ms >= oldest_ms)
            break;
        struct key k;
        int error = row_drop(s, TABLE_HISTORY, key_u64(&k, h->first_new));
        if (error)
            return error;
        h->jobs_new -= info->jobs;
        h->bytes_new -= info->bytes;
        h->first_new++;
    }
    return 0;
}

static void forget_packed(struct history *h)
{
    h->pending_count = 0;
    h->pending_sorted = false;
    h->name_count = 0;
    buf_reset(&h->ids);
    buf_reset(&h->offsets);
    buf_reset(&h->names);
    buf_reset(&h->jobs_packed);
    memset(h->checked, 0, sizeof(h->checked));
}

/* An index entry that finds no memory makes its job "gone", which history may always do. */
void history_committed(struct store *s)
{
    struct history *h = &s->history;
    uint64_t before = h->jobs + h->pending_count;
    history_sort(h->pending, h->pending_count);
    if (history_index_add(&h->index, h->pending, h->pending_count, (uint32_t)h->first_new) != 0)
        before -= h->pending_count;
    h->first = h->first_new;
    h->next_committed = h->next;
    h->jobs = h->jobs_new;
    h->bytes = h->bytes_new;
    if (before > h->jobs)
        history_index_trimmed(&h->index, before - h->jobs, (uint32_t)h->first);
    forget_packed(h);
}

/* Rows of the aborted transaction take their numbers back; names remembered under them are no more.
 */
void history_aborted(struct store *s)
{
    struct history *h = &s->history;
    for (size_t i = 0; i < HISTORY_WORKERS; i++)
        h->workers[i].name.row = 0;
    forget_packed(h);
    h->first_new = h->first;
    h->jobs_new = h->jobs;
    h->bytes_new = h->bytes;
    h->next = h->next_committed;
}
