/* outbox.c: jobs gathered into batches by what they have in common. */
#include "outbox.h"

#include <assert.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"

#define SPARE_MAX 256
/* A spare batch does not keep more than this in one buffer. */
#define SPARE_BUFFER_BYTES (4 * BATCH_BYTES_TARGET)
#define BATCH_BUFFER_MAX   (1u << 30) /* far above any broker's payload limit */
#define TEMPLATE_BYTES     2048       /* at most, of a SUBMIT without its columns */

static const uint8_t empty_map[] = {0x80};

static struct outbox_batch *batch_of(struct list *link)
{
    return CONTAINER_OF(link, struct outbox_batch, link);
}

void outbox_init(struct outbox *o)
{
    *o = (struct outbox){.batch_max = BATCH_JOBS_MAX};
    list_init(&o->open);
    list_init(&o->closed);
    list_init(&o->spare);
}

static void batch_free(struct outbox_batch *b)
{
    list_remove(&b->link);
    buf_fini(&b->arg_lengths);
    buf_fini(&b->args);
    buf_fini(&b->key_lengths);
    buf_fini(&b->keys);
    buf_fini(&b->frame);
    free(b->jobs);
    free(b);
}

void outbox_fini(struct outbox *o)
{
    struct list *lists[] = {&o->open, &o->closed, &o->spare};
    for (size_t i = 0; i < 3; i++)
        LIST_FOREACH_SAFE (it, lists[i])
            batch_free(batch_of(it));
}

/* ---- templates ---- */

static const char *queue_of(const struct muster_job *job)
{
    return job->queue ? job->queue : "default";
}

static bool template_fits(const struct outbox_template *t, const struct muster_job *job)
{
    return t->priority == job->priority && t->delay_ms == job->delay_ms && t->at_ms == job->at_ms &&
           t->max_attempts == job->max_attempts && t->run_timeout_ms == job->run_timeout_ms &&
           t->expires_in_ms == job->expires_in_ms && t->notify == (job->on_end != NULL) &&
           t->meta_bytes == job->meta_bytes && strcmp(t->kind, job->kind) == 0 &&
           strcmp(t->queue, queue_of(job)) == 0 &&
           strcmp(t->backoff_text, job->backoff ? job->backoff : "") == 0 &&
           (t->meta_bytes == 0 || memcmp(t->meta, job->meta, t->meta_bytes) == 0);
}

static int copy_text(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);
    if (len >= size)
        return MUSTER_EINVAL;
    memcpy(to, from, len + 1);
    return 0;
}

/* Checks what is common to the jobs of a batch, once a batch. */
static int template_set(struct outbox_template *t, const struct muster_job *job)
{
    const char *queue = queue_of(job);
    if (!name_valid(slice_str(job->kind)) || !name_valid(slice_str(queue)) || job->priority < 0 ||
        job->priority >= PRIORITY_COUNT || job->delay_ms > DELAY_MAX_MS ||
        job->expires_in_ms > DELAY_MAX_MS || job->run_timeout_ms > RUN_TIMEOUT_MAX_MS ||
        job->max_attempts > MAX_ATTEMPTS_MAX || (job->meta_bytes && !job->meta))
        return MUSTER_EINVAL;
    if (job->meta_bytes > META_MAX_BYTES)
        return MUSTER_ETOOBIG;
    t->backoff = BACKOFF_DEFAULT;
    if (job->backoff && backoff_parse(job->backoff, &t->backoff))
        return MUSTER_EINVAL;
    if (copy_text(t->backoff_text, sizeof t->backoff_text, job->backoff ? job->backoff : "") ||
        copy_text(t->kind, sizeof t->kind, job->kind) ||
        copy_text(t->queue, sizeof t->queue, queue))
        return MUSTER_EINVAL;
    t->priority = job->priority;
    t->max_attempts = job->max_attempts;
    t->delay_ms = job->delay_ms;
    t->at_ms = job->at_ms;
    t->run_timeout_ms = job->run_timeout_ms;
    t->expires_in_ms = job->expires_in_ms;
    t->notify = job->on_end != NULL;
    t->meta_bytes = job->meta_bytes;
    if (t->meta_bytes)
        memcpy(t->meta, job->meta, t->meta_bytes);
    return 0;
}

/* ---- batches ---- */

static struct outbox_batch *batch_new(struct outbox *o)
{
    if (!list_empty(&o->spare)) {
        struct outbox_batch *b = batch_of(o->spare.next);
        list_remove(&b->link);
        o->spare_count--;
        return b;
    }
    struct outbox_batch *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    list_init(&b->link);
    list_init(&b->submit.link);
    buf_init(&b->arg_lengths, BATCH_JOBS_MAX * sizeof(uint32_t));
    buf_init(&b->args, BATCH_BUFFER_MAX);
    buf_init(&b->key_lengths, BATCH_JOBS_MAX * sizeof(uint32_t));
    buf_init(&b->keys, BATCH_JOBS_MAX * KEY_MAX_BYTES);
    buf_init(&b->frame, BATCH_BUFFER_MAX + FRAME_OVERHEAD_BYTES);
    return b;
}

/* Takes it out of the open ones. */
static void unopen(struct outbox *o, struct outbox_batch *b)
{
    struct outbox_batch **at = &o->buckets[b->hash % OUTBOX_BUCKETS];
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    if (o->last == b)
        o->last = NULL;
    list_remove(&b->link);
    o->open_count--;
}

static void close_batch(struct outbox *o, struct outbox_batch *b)
{
    unopen(o, b);
    list_push_back(&o->closed, &b->link);
    o->closed_count++;
}

/* Empties one buffer, and gives its memory back when one big job had blown it up. */
static void buffer_clear(struct buf *b)
{
    size_t max = b->max;
    if (b->cap <= SPARE_BUFFER_BYTES) {
        buf_reset(b);
        return;
    }
    buf_fini(b);
    buf_init(b, max);
}

void outbox_give_back(struct outbox *o, struct outbox_batch *b)
{
    assert(list_empty(&b->link));
    if (o->spare_count == SPARE_MAX) {
        batch_free(b);
        return;
    }
    buffer_clear(&b->arg_lengths);
    buffer_clear(&b->args);
    buffer_clear(&b->key_lengths);
    buffer_clear(&b->keys);
    buffer_clear(&b->frame);
    b->count = 0;
    b->bytes = 0;
    b->listening = false;
    list_push_front(&o->spare, &b->link);
    o->spare_count++;
}

size_t outbox_batch_bytes(const struct outbox_batch *b)
{
    return TEMPLATE_BYTES + b->arg_lengths.len + b->args.len + b->key_lengths.len + b->keys.len;
}

/* Of what usually differs. */
static uint64_t hash_of(const struct muster_job *job)
{
    uint64_t hash = hash_bytes(slice_str(job->kind)) * 31 + hash_bytes(slice_str(queue_of(job)));
    hash = hash * 31 + (uint64_t)job->priority;
    hash = hash * 31 + job->delay_ms + job->at_ms;
    return hash ^ hash >> 32;
}

/* The open batch for the job's options, or NULL. The last used is the likeliest. */
static struct outbox_batch *find_open(struct outbox *o, const struct muster_job *job)
{
    if (o->last && template_fits(&o->last->template, job))
        return o->last;
    if (o->open_count == 0)
        return NULL;
    uint64_t hash = hash_of(job);
    struct outbox_batch *b = o->buckets[hash % OUTBOX_BUCKETS];
    while (b && (b->hash != hash || !template_fits(&b->template, job)))
        b = b->next;
    return b;
}

bool outbox_has_room(const struct outbox *o)
{
    bool small = o->batch_max < BATCH_JOBS_MAX;
    return o->bytes < OUTBOX_BYTES_MAX &&
           o->closed_count < (small ? OUTBOX_CLOSED_SMALL_MAX : OUTBOX_CLOSED_MAX);
}

static int open_batch(struct outbox *o, const struct muster_job *job, struct outbox_batch **ret)
{
    if (!outbox_has_room(o))
        return MUSTER_EFULL;
    struct outbox_batch *b = batch_new(o);
    if (!b)
        return MUSTER_ENOMEM;
    int error = template_set(&b->template, job);
    if (error) {
        outbox_give_back(o, b);
        return error;
    }
    if (o->open_count == OUTBOX_OPEN_MAX)
        close_batch(o, batch_of(o->open.next));
    b->opened_after = o->taken;
    b->hash = hash_of(job);
    b->next = o->buckets[b->hash % OUTBOX_BUCKETS];
    o->buckets[b->hash % OUTBOX_BUCKETS] = b;
    list_push_back(&o->open, &b->link);
    o->open_count++;
    *ret = b;
    return 0;
}

/* Keys came late: the jobs before have none. */
static int backfill_keys(struct outbox_batch *b)
{
    while (b->key_lengths.len < b->count * sizeof(uint32_t))
        if (buf_u32(&b->key_lengths, 0))
            return MUSTER_ENOMEM;
    return 0;
}

static bool reserve_job(struct outbox_batch *b)
{
    if (b->count < b->jobs_cap)
        return true;
    uint32_t cap = b->jobs_cap ? b->jobs_cap * 2 : 8;
    struct outbox_job *jobs = realloc(b->jobs, cap * sizeof *jobs);
    if (!jobs)
        return false;
    b->jobs = jobs;
    b->jobs_cap = cap;
    return true;
}

/* All room first, so that a job is in with all its parts or not at all. */
static int append(struct outbox_batch *b, const struct muster_job *job, struct slice args,
                  struct slice key)
{
    bool keyed = key.len > 0 || b->key_lengths.len > 0;
    if (!reserve_job(b) || !buf_reserve(&b->arg_lengths, 4) || !buf_reserve(&b->args, args.len) ||
        (keyed && (backfill_keys(b) || !buf_reserve(&b->key_lengths, 4) ||
                   (key.len && !buf_reserve(&b->keys, key.len)))))
        return MUSTER_ENOMEM;
    int error = buf_u32(&b->arg_lengths, (uint32_t)args.len);
    error = error ? error : buf_append(&b->args, args.data, args.len);
    if (keyed) {
        error = error ? error : buf_u32(&b->key_lengths, (uint32_t)key.len);
        error = error ? error : buf_append(&b->keys, key.data, key.len);
    }
    assert(!error);
    b->jobs[b->count++] = (struct outbox_job){job->on_ack, job->on_end, job->user};
    b->listening = b->listening || job->on_ack || job->on_end;
    return 0;
}

int outbox_add(struct outbox *o, const struct muster_job *job)
{
    struct slice args =
        job->args ? slice_of(job->args, job->args_bytes) : slice_of(empty_map, sizeof empty_map);
    struct slice key = slice_str(job->idempotency_key);
    if (!job->kind || args.len == 0)
        return MUSTER_EINVAL;
    if (key.len > KEY_MAX_BYTES || args.len > BATCH_BUFFER_MAX / 2)
        return MUSTER_ETOOBIG;

    if (o->bytes >= OUTBOX_BYTES_MAX)
        return MUSTER_EFULL;
    struct outbox_batch *b = find_open(o, job);
    size_t more = args.len + key.len + 8;
    if (b && outbox_batch_bytes(b) + more > OUTBOX_BATCH_BYTES) {
        if (!outbox_has_room(o))
            return MUSTER_EFULL;
        close_batch(o, b);
        b = NULL;
    }
    if (!b) {
        int error = open_batch(o, job, &b);
        if (error)
            return error;
    }
    int error = append(b, job, args, key);
    if (error && b->count == 0) {
        unopen(o, b);
        outbox_give_back(o, b);
    }
    if (error)
        return error;
    b->bytes += more;
    o->bytes += more;
    o->last = b;
    if (b->count >= o->batch_max)
        close_batch(o, b);
    return 0;
}

/* An open batch that is older than the closed ones goes first, or busy options would starve the
 * rest; that never brings a job before an earlier one of its own options, since those were closed
 * before this batch was opened. */
struct outbox_batch *outbox_peek(const struct outbox *o)
{
    struct outbox_batch *closed = o->closed_count ? batch_of(o->closed.next) : NULL;
    struct outbox_batch *open = o->open_count ? batch_of(o->open.next) : NULL;
    if (open &&
        (open->opened_after > o->gate || (closed && open->opened_after >= closed->opened_after)))
        open = NULL;
    return open ? open : closed;
}

bool outbox_is_closed(const struct outbox *o, const struct outbox_batch *b)
{
    return o->closed_count && o->closed.next == &b->link;
}

void outbox_take(struct outbox *o, struct outbox_batch *b)
{
    if (outbox_is_closed(o, b)) {
        o->closed_count--;
        list_remove(&b->link);
    } else {
        unopen(o, b);
    }
    o->bytes -= b->bytes;
    b->submit.bytes = outbox_batch_bytes(b);
    b->submit.count = b->count;
}

void outbox_close_all(struct outbox *o)
{
    while (!list_empty(&o->open))
        close_batch(o, batch_of(o->open.next));
}

void outbox_message(const struct outbox_batch *b, uint64_t confirmed, struct msg *ret)
{
    const struct outbox_template *t = &b->template;
    const struct backoff usual = BACKOFF_DEFAULT;
    *ret = (struct msg){.type = MSG_SUBMIT, .request = b->submit.request};
    struct msg_submit *m = &ret->submit;
    m->number = b->submit.number;
    m->confirmed = confirmed;
    m->queue = slice_str(t->queue);
    m->kind = slice_str(t->kind);
    m->count = b->count;
    if (t->priority != PRIORITY_DEFAULT) {
        m->priority = (uint64_t)t->priority;
        m->has |= MSG_BIT(submit, priority); /* 0 is not the default */
    }
    m->delay_ms = t->delay_ms;
    m->at_ms = t->at_ms;
    m->max_attempts = t->max_attempts;
    m->run_timeout_ms = t->run_timeout_ms;
    m->expires_in_ms = t->expires_in_ms;
    m->notify = t->notify;
    if (t->backoff_text[0]) {
        m->backoff_kind = t->backoff.kind;
        m->backoff_base_ms = t->backoff.base_ms;
        m->backoff_cap_ms = t->backoff.cap_ms;
        m->backoff_jitter_permille = t->backoff.jitter_permille;
        if (t->backoff.jitter_permille != usual.jitter_permille)
            m->has |= MSG_BIT(submit, backoff_jitter_permille);
    }
    m->meta = slice_of(t->meta, t->meta_bytes);
    m->arg_lengths = buf_slice(&b->arg_lengths);
    m->args = buf_slice(&b->args);
    m->key_lengths = buf_slice(&b->key_lengths);
    m->keys = buf_slice(&b->keys);
}
