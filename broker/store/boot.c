/* boot.c: what the core starts from: the epoch of this start, names, counters, marks, sessions, and
 * the jobs that may have been handed out before. */
#include "store/boot.h"
#include "store/meta.h"

/* An array that grows inside a page. */
struct list_in_page {
    uint8_t *items;
    uint32_t count, cap;
};

struct booting {
    struct store *s;
    struct page *page;
    struct boot *boot;
    struct list_in_page list;
    size_t size; /* of an item of the list */
};

static void *add(struct booting *x)
{
    struct list_in_page *l = &x->list;
    if (l->count == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 32;
        uint8_t *bigger = page_alloc(x->page, cap * x->size);
        if (!bigger) {
            store_nomem(x->s);
            return NULL;
        }
        if (l->count)
            memcpy(bigger, l->items, l->count * x->size);
        l->items = bigger;
        l->cap = cap;
    }
    return l->items + x->size * l->count++;
}

static int read_mark(struct booting *x, const struct cursor *c)
{
    struct dec d;
    if (c->key.len != 5 || c->key.data[4] >= PRIORITY_COUNT ||
        !frame_open(TABLE_MARK, c->key, c->value, &d))
        return store_damaged(x->s, TABLE_MARK, c->key);
    struct boot_mark *m = add(x);
    if (!m)
        return MUSTER_ENOMEM;
    m->lane = key_u32_at(c->key, 0);
    m->priority = c->key.data[4];
    m->seq = dec_var(&d);
    return d.bad ? store_damaged(x->s, TABLE_MARK, c->key) : 0;
}

static int read_worker(struct booting *x, const struct cursor *c)
{
    struct dec d;
    if (c->key.len != SESSION_ID_BYTES || !frame_open(TABLE_WORKER, c->key, c->value, &d))
        return store_damaged(x->s, TABLE_WORKER, c->key);
    struct boot_worker *w = add(x);
    if (!w)
        return MUSTER_ENOMEM;
    if (!worker_decode(&d, w))
        return store_damaged(x->s, TABLE_WORKER, c->key);
    memcpy(w->session, c->key.data, sizeof(w->session));
    w->name = page_copy(x->page, w->name);
    return 0;
}

static int read_table(struct booting *x, enum table table, size_t size,
                      int (*row)(struct booting *, const struct cursor *))
{
    struct cursor c;
    x->list = (struct list_in_page){0};
    x->size = size;
    int error = cursor_open(&c, x->s->engine, table);
    if (!error)
        error = cursor_seek(&c, SLICE_EMPTY);
    while (!error) {
        error = row(x, &c);
        if (!error)
            error = cursor_next(&c);
    }
    cursor_close(&c);
    return error == MUSTER_ENOTFOUND ? 0 : store_failed(x->s, error);
}

/* One row at or below a mark: in doubt unless it was granted, lost, and is plainly ready again. */
static int read_doubt(struct booting *x, const struct cursor *c)
{
    struct record r;
    bool ref;
    int error = ready_decode(x->s, c->key, c->value, &r, &ref);
    if (!error && ref) {
        error = job_get(x->s, r.head.id, &r);
        if (error == MUSTER_ENOTFOUND)
            error = store_damaged(x->s, TABLE_READY, c->key);
    }
    if (error || r.head.flags & JOB_SPENT)
        return error;
    struct record *to = add(x);
    if (!to)
        return MUSTER_ENOMEM;
    *to = r;
    to->args = SLICE_EMPTY;
    return page_spec(x->page, &to->spec) ? 0 : store_nomem(x->s);
}

static int read_below_mark(struct booting *x, struct cursor *c, const struct boot_mark *m)
{
    struct key k;
    int error = cursor_seek(c, key_ready(&k, m->lane, m->priority, 0));
    while (!error && c->key.len == KEY_READY_BYTES && memcmp(c->key.data, k.bytes, 5) == 0 &&
           key_u64_at(c->key, 5) <= m->seq) {
        error = read_doubt(x, c);
        if (!error)
            error = cursor_next(c);
    }
    return !error || error == MUSTER_ENOTFOUND ? 0 : store_failed(x->s, error);
}

static int read_all_doubt(struct booting *x)
{
    struct cursor c;
    x->list = (struct list_in_page){0};
    x->size = sizeof(struct record);
    int error = cursor_open(&c, x->s->engine, TABLE_READY);
    if (error)
        return store_failed(x->s, error);
    for (uint32_t i = 0; i < x->boot->mark_count && !error; i++)
        error = read_below_mark(x, &c, &x->boot->marks[i]);
    cursor_close(&c);
    x->boot->doubt = (struct record *)(void *)x->list.items;
    x->boot->doubt_count = x->list.count;
    return error;
}

static int copy_lanes(struct booting *x)
{
    struct store *s = x->s;
    size_t at = 0;
    x->list = (struct list_in_page){0};
    x->size = sizeof(struct boot_lane);
    for (struct lane *lane; (lane = idmap_next(&s->lanes, &at, NULL)) != NULL;) {
        if (lane->dropped)
            continue;
        struct boot_lane *to = add(x);
        if (!to)
            return MUSTER_ENOMEM;
        to->lane = lane->number;
        to->priorities = lane->priorities;
        to->queue = page_copy(x->page, lane->queue_name);
        to->kind = page_copy(x->page, lane->kind);
        to->group = page_copy(x->page, lane->group);
    }
    x->boot->lanes = (struct boot_lane *)(void *)x->list.items;
    x->boot->lane_count = x->list.count;
    return 0;
}

int queues_copy(struct store *s, struct page *page, struct queue_info **ret, uint32_t *ret_count)
{
    size_t at = 0;
    uint32_t count = 0;
    struct queue_info *infos = page_alloc(page, (s->queues.count + 1) * sizeof(*infos));
    if (!infos)
        return store_nomem(s);
    for (struct queue *queue; (queue = strmap_next(&s->queues, &at)) != NULL;)
        infos[count++] = (struct queue_info){.name = page_copy(page, queue->name),
                                             .paused = queue->record.paused,
                                             .counters = queue->record.counters};
    *ret = infos;
    *ret_count = count;
    return 0;
}

int boot_read(struct store *s, struct boot *ret)
{
    struct booting x = {.s = s, .page = page_new(), .boot = ret};
    *ret = (struct boot){.epoch = s->epoch, .id_high = s->id_high};
    if (!x.page)
        return store_nomem(s);
    ret->memory = page_blob(x.page);
    int error = copy_lanes(&x);
    if (!error)
        error = queues_copy(s, x.page, &ret->queues, &ret->queue_count);
    if (!error)
        error = read_table(&x, TABLE_MARK, sizeof(struct boot_mark), read_mark);
    ret->marks = (struct boot_mark *)(void *)x.list.items;
    ret->mark_count = error ? 0 : x.list.count;
    if (!error)
        error = read_table(&x, TABLE_WORKER, sizeof(struct boot_worker), read_worker);
    ret->workers = (struct boot_worker *)(void *)x.list.items;
    ret->worker_count = error ? 0 : x.list.count;
    if (!error)
        error = read_all_doubt(&x);
    return error ? error : boot_schedules(s, x.page, ret);
}

void boot_free(struct boot *boot)
{
    blob_unref(boot->memory);
    *boot = (struct boot){0};
}
