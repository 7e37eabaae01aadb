/* events.c: columns and blobs of the events that tests make. What only the step reads lies in
 * static memory; what the core may keep lies in the event's blob. */
#include "events.h"

#include <assert.h>

#include "base/buf.h"
#include "base/limits.h"

#define COLUMNS_MAX (64u << 20)

/* Columns that are written one after the other and become slices of one blob. */
struct columns {
    struct buf bytes;
    struct slice *targets[8];
    size_t ends[8];
    uint32_t count;
};

static void columns_init(struct columns *c)
{
    buf_init(&c->bytes, COLUMNS_MAX);
    c->count = 0;
}

static void column_end(struct columns *c, struct slice *target)
{
    c->targets[c->count] = target;
    c->ends[c->count++] = c->bytes.len;
}

static struct blob *columns_blob(struct columns *c)
{
    assert(!c->bytes.error);
    struct blob *blob = blob_copy(buf_slice(&c->bytes));
    assert(blob);
    size_t at = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        *c->targets[i] = slice_of(blob->bytes.data + at, c->ends[i] - at);
        at = c->ends[i];
    }
    buf_fini(&c->bytes);
    return blob;
}

static void add_text(struct columns *c, const char *text)
{
    buf_append(&c->bytes, text, text ? strlen(text) : 0);
}

struct event event_submit(route_t route, const struct submit_text *t)
{
    struct event e = {.type = EV_SUBMIT, .route = route};
    struct columns c;
    bool keyed = false;
    columns_init(&c);
    e.submit.number = t->number;
    e.submit.confirmed = t->confirmed;
    e.submit.queue = slice_str(t->queue);
    e.submit.kind = slice_str(t->kind);
    e.submit.priority = t->priority;
    e.submit.delay_ms = t->delay_ms;
    e.submit.at_ms = t->at_ms;
    e.submit.expires_in_ms = t->expires_in_ms;
    e.submit.notify = t->notify;
    e.submit.spec = t->spec;
    e.submit.count = t->count;
    for (uint32_t i = 0; i < t->count; i++) {
        buf_u32(&c.bytes, (uint32_t)strlen(t->jobs[i].args));
        keyed = keyed || (t->jobs[i].key && t->jobs[i].key[0]);
    }
    struct slice *lengths = &e.submit.arg_lengths, *args = &e.submit.args;
    struct slice *key_lengths = &e.submit.key_lengths, *keys = &e.submit.keys;
    column_end(&c, lengths);
    for (uint32_t i = 0; i < t->count; i++)
        add_text(&c, t->jobs[i].args);
    column_end(&c, args);
    for (uint32_t i = 0; keyed && i < t->count; i++)
        buf_u32(&c.bytes, t->jobs[i].key ? (uint32_t)strlen(t->jobs[i].key) : 0);
    column_end(&c, key_lengths);
    for (uint32_t i = 0; keyed && i < t->count; i++)
        add_text(&c, t->jobs[i].key);
    column_end(&c, keys);
    e.submit.frame = columns_blob(&c);
    return e;
}

static void add_details(struct columns *c, struct detail *details, const struct result_text *texts,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        details[i] = (struct detail){
            .exit_status = -1, .has_delay = texts[i].has_delay, .delay_ms = texts[i].delay_ms};
        details[i].code = slice_of(NULL, texts[i].code ? strlen(texts[i].code) : 0);
        add_text(c, texts[i].code);
    }
}

struct event event_results(route_t route, uint64_t hello, uint64_t number,
                           const struct result_text *texts, uint32_t count)
{
    static struct detail details[BATCH_JOBS_MAX];
    struct event e = {.type = EV_RESULTS, .route = route};
    struct columns c;
    struct slice codes;
    assert(count <= BATCH_JOBS_MAX);
    columns_init(&c);
    e.results.hello = hello;
    e.results.number = number;
    e.results.jobs.count = count;
    for (uint32_t i = 0; i < count; i++)
        buf_u64(&c.bytes, texts[i].id);
    column_end(&c, &e.results.jobs.ids);
    for (uint32_t i = 0; i < count; i++)
        buf_u32(&c.bytes, texts[i].run);
    column_end(&c, &e.results.jobs.runs);
    for (uint32_t i = 0; i < count; i++)
        buf_append(&c.bytes, &texts[i].outcome, 1);
    column_end(&c, &e.results.outcomes);
    for (uint32_t i = 0; i < count; i++)
        buf_u32(&c.bytes, texts[i].result ? (uint32_t)strlen(texts[i].result) : 0);
    column_end(&c, &e.results.result_lengths);
    for (uint32_t i = 0; i < count; i++)
        add_text(&c, texts[i].result);
    column_end(&c, &e.results.results);
    add_details(&c, details, texts, count);
    column_end(&c, &codes);
    e.results.frame = columns_blob(&c);
    for (uint32_t i = 0; i < count; i++) {
        details[i].code.data = codes.data;
        codes.data += details[i].code.len;
    }
    e.results.details = details;
    return e;
}

struct event event_hello(route_t route, const struct hello_text *t)
{
    static uint8_t room[HELLO_HELD_MAX * 16 + 1024];
    struct event e = {.type = EV_WORKER_HELLO, .route = route, .request = t->number};
    struct buf bytes = {.data = room, .cap = sizeof room, .max = sizeof room};
    uint32_t n = t->held_count;
    assert(n <= HELLO_HELD_MAX && t->queue_count <= QUEUES_PER_WORKER);
    e.worker_hello.session = t->session;
    e.worker_hello.number = t->number;
    e.worker_hello.results_next = t->results_next;
    e.worker_hello.part = t->part;
    e.worker_hello.parts = t->parts;
    e.worker_hello.name = slice_str(t->name);
    e.worker_hello.slots = t->slots;
    e.worker_hello.strict = t->strict;
    e.worker_hello.draining = t->draining;
    e.worker_hello.queues = t->queues;
    e.worker_hello.kinds = t->kinds;
    e.worker_hello.queue_count = t->queue_count;
    e.worker_hello.kind_count = t->kind_count;
    for (uint32_t i = 0; i < n; i++)
        buf_u64(&bytes, t->held[i].id);
    for (uint32_t i = 0; i < n; i++)
        buf_u32(&bytes, t->held[i].run);
    for (uint32_t i = 0; i < n; i++)
        buf_u32(&bytes, t->held[i].ms);
    for (uint32_t i = 0; t->weights && i < t->queue_count; i++)
        buf_u32(&bytes, t->weights[i]);
    e.worker_hello.held.count = n;
    e.worker_hello.held.ids = slice_of(room, n * 8);
    e.worker_hello.held.runs = slice_of(room + n * 8, n * 4);
    e.worker_hello.held_ms = slice_of(room + n * 12, n * 4);
    if (t->weights)
        e.worker_hello.weights = slice_of(room + n * 16, t->queue_count * 4);
    return e;
}

static struct slice ids_column(const uint64_t *ids, uint32_t count)
{
    static uint8_t room[IDS_PER_REQUEST * 8];
    struct buf bytes = {.data = room, .cap = sizeof room, .max = sizeof room};
    assert(count <= IDS_PER_REQUEST);
    for (uint32_t i = 0; i < count; i++)
        buf_u64(&bytes, ids[i]);
    return slice_of(room, count * 8);
}

struct event event_ids(enum event_type type, route_t route, const uint64_t *ids, uint32_t count)
{
    struct event e = {.type = type, .route = route};
    e.ids.ids = ids_column(ids, count);
    return e;
}

struct event event_parked(route_t route, bool remove, const uint64_t *ids, uint32_t count)
{
    struct event e = {.type = EV_PARKED, .route = route};
    e.parked.remove = remove;
    e.parked.ids = ids_column(ids, count);
    return e;
}

void event_release(struct event *e)
{
    if (e->type == EV_SUBMIT)
        blob_unref(e->submit.frame);
    else if (e->type == EV_RESULTS)
        blob_unref(e->results.frame);
}
