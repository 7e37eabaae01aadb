/* store_mem.c: the engine in memory, for tests: a skip list a table, and a journal by which an
 * aborted transaction is undone. Its random heights come from a fixed seed: two runs are alike. */
#include <stdlib.h>

#include "base/rng.h"
#include "store/engine.h"
#include "store/keys.h"

#define LEVELS     20
#define NODE_BYTES 64 /* what a row counts beside its bytes */

struct node {
    struct slice key, value; /* behind the links */
    unsigned levels;
    struct node *next[];
};

struct change { /* for undoing: what came, what went */
    enum table table;
    struct node *added, *removed;
};

struct mem_engine {
    struct engine base;
    struct node *heads[TABLE_COUNT];
    struct key picked[TABLE_COUNT];
    struct change *journal;
    size_t journal_count, journal_cap;
    uint64_t used, capacity;
    struct rng rng;
};

static struct mem_engine *mem_of(struct engine *e)
{
    return (struct mem_engine *)(void *)e;
}

static int compare(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static uint64_t size_of(const struct node *n)
{
    return NODE_BYTES + n->key.len + n->value.len;
}

static struct node *node_new(struct slice key, struct slice value, unsigned levels)
{
    size_t links = levels * sizeof(struct node *);
    struct node *n = malloc(sizeof(*n) + links + key.len + value.len);
    if (!n)
        return NULL;
    uint8_t *bytes = (uint8_t *)n + sizeof(*n) + links;
    if (key.len)
        memcpy(bytes, key.data, key.len);
    if (value.len)
        memcpy(bytes + key.len, value.data, value.len);
    n->levels = levels;
    n->key = slice_of(bytes, key.len);
    n->value = slice_of(bytes + key.len, value.len);
    memset(n->next, 0, links);
    return n;
}

/* The first node with a key >= `key`; on each level in `before`, the last one below it. */
static struct node *find(struct node *head, struct slice key, struct node *before[LEVELS])
{
    struct node *at = head;
    for (unsigned level = LEVELS; level-- > 0;) {
        while (at->next[level] && compare(at->next[level]->key, key) < 0)
            at = at->next[level];
        if (before)
            before[level] = at;
    }
    return at->next[0];
}

static struct node *find_exact(struct node *head, struct slice key)
{
    struct node *n = find(head, key, NULL);
    return n && compare(n->key, key) == 0 ? n : NULL;
}

static void link_node(struct mem_engine *m, enum table table, struct node *n)
{
    struct node *before[LEVELS];
    find(m->heads[table], n->key, before);
    for (unsigned level = 0; level < n->levels; level++) {
        n->next[level] = before[level]->next[level];
        before[level]->next[level] = n;
    }
    m->used += size_of(n);
}

static void unlink_node(struct mem_engine *m, enum table table, struct node *n)
{
    struct node *before[LEVELS];
    find(m->heads[table], n->key, before);
    for (unsigned level = 0; level < n->levels; level++)
        before[level]->next[level] = n->next[level];
    m->used -= size_of(n);
}

/* Room in the journal for one more change. */
static int journal_ready(struct mem_engine *m)
{
    if (m->journal_count < m->journal_cap)
        return 0;
    size_t cap = m->journal_cap ? m->journal_cap * 2 : 256;
    struct change *bigger = realloc(m->journal, cap * sizeof(*bigger));
    if (!bigger)
        return MUSTER_ENOMEM;
    m->journal = bigger;
    m->journal_cap = cap;
    return 0;
}

static void journal_add(struct mem_engine *m, enum table table, struct node *added,
                        struct node *removed)
{
    m->journal[m->journal_count++] = (struct change){table, added, removed};
}

static int mem_begin(struct engine *e)
{
    mem_of(e)->journal_count = 0;
    return 0;
}

static int mem_commit(struct engine *e)
{
    struct mem_engine *m = mem_of(e);
    for (size_t i = 0; i < m->journal_count; i++)
        free(m->journal[i].removed);
    m->journal_count = 0;
    return 0;
}

static void mem_abort(struct engine *e)
{
    struct mem_engine *m = mem_of(e);
    while (m->journal_count) {
        struct change *c = &m->journal[--m->journal_count];
        if (c->added) {
            unlink_node(m, c->table, c->added);
            free(c->added);
        }
        if (c->removed)
            link_node(m, c->table, c->removed);
    }
}

static int mem_get(struct engine *e, enum table table, struct slice key, struct slice *ret_value)
{
    struct node *n = find_exact(mem_of(e)->heads[table], key);
    *ret_value = n ? n->value : SLICE_EMPTY;
    return n ? 0 : MUSTER_ENOTFOUND;
}

static unsigned random_levels(struct mem_engine *m)
{
    unsigned levels = 1;
    for (uint64_t bits = rng_u64(&m->rng); levels < LEVELS && (bits & 1); bits >>= 1)
        levels++;
    return levels;
}

static int mem_put(struct engine *e, enum table table, struct slice key, struct slice value,
                   enum put_mode mode)
{
    struct mem_engine *m = mem_of(e);
    if (!key.len || key.len > KEY_BYTES_MAX)
        return MUSTER_EINVAL;
    struct node *old = find_exact(m->heads[table], key);
    if (old && mode == PUT_NEW)
        return MUSTER_EINVAL;
    if (m->capacity && m->used + NODE_BYTES + key.len + value.len > m->capacity)
        return MUSTER_ENOSPACE;
    struct node *n = node_new(key, value, old ? old->levels : random_levels(m));
    if (!n || journal_ready(m) != 0) {
        free(n);
        return MUSTER_ENOMEM;
    }
    if (old)
        unlink_node(m, table, old);
    link_node(m, table, n);
    journal_add(m, table, n, old);
    return 0;
}

static int mem_pick(struct engine *e, enum table table, struct slice key, struct slice *ret_value)
{
    int error = mem_get(e, table, key, ret_value);
    struct key *picked = &mem_of(e)->picked[table];
    picked->len = 0;
    if (!error)
        key_add_bytes(picked, key);
    return error;
}

static int mem_drop(struct engine *e, enum table table)
{
    struct mem_engine *m = mem_of(e);
    struct node *n = find_exact(m->heads[table], key_slice(&m->picked[table]));
    if (!n)
        return MUSTER_ENOTFOUND;
    if (journal_ready(m) != 0)
        return MUSTER_ENOMEM;
    unlink_node(m, table, n);
    journal_add(m, table, NULL, n);
    return 0;
}

/* A cursor remembers the key on which it stands: the row itself may go. */
static int mem_open(struct cursor *c)
{
    c->handle = calloc(1, sizeof(struct key));
    return c->handle ? 0 : MUSTER_ENOMEM;
}

static int stand_on(struct cursor *c, const struct node *n)
{
    struct key *at = c->handle;
    c->key = n ? n->key : SLICE_EMPTY;
    c->value = n ? n->value : SLICE_EMPTY;
    if (!n)
        return MUSTER_ENOTFOUND;
    at->len = 0;
    key_add_bytes(at, n->key);
    return 0;
}

static int mem_seek(struct cursor *c, struct slice key)
{
    return stand_on(c, find(mem_of(c->engine)->heads[c->table], key, NULL));
}

static int mem_next(struct cursor *c)
{
    struct key *at = c->handle;
    struct node *n = find(mem_of(c->engine)->heads[c->table], key_slice(at), NULL);
    if (n && compare(n->key, key_slice(at)) == 0)
        n = n->next[0];
    return stand_on(c, n);
}

static int mem_before(struct cursor *c, struct slice key)
{
    struct node *head = mem_of(c->engine)->heads[c->table], *before[LEVELS];
    find(head, key, before);
    return stand_on(c, before[0] == head ? NULL : before[0]);
}

static void mem_close(struct cursor *c)
{
    free(c->handle);
}

static int mem_room(struct engine *e, uint64_t need, struct room *ret)
{
    const struct mem_engine *m = mem_of(e);
    (void)need;
    uint64_t capacity = m->capacity ? m->capacity : UINT64_MAX / 2;
    *ret = (struct room){.used = m->used, .free = capacity > m->used ? capacity - m->used : 0};
    return 0;
}

static void mem_destroy(struct engine *e)
{
    struct mem_engine *m = mem_of(e);
    mem_abort(e);
    for (int t = 0; t < TABLE_COUNT; t++) {
        for (struct node *n = m->heads[t], *next; n; n = next) {
            next = n->next[0];
            free(n);
        }
    }
    free(m->journal);
    free(m);
}

static const struct engine_type mem_type = {
    .name = "memory",
    .begin = mem_begin,
    .commit = mem_commit,
    .abort = mem_abort,
    .get = mem_get,
    .put = mem_put,
    .pick = mem_pick,
    .drop = mem_drop,
    .open = mem_open,
    .seek = mem_seek,
    .next = mem_next,
    .before = mem_before,
    .close = mem_close,
    .room = mem_room,
    .destroy = mem_destroy,
};

int engine_mem(struct engine **ret, uint64_t capacity)
{
    struct mem_engine *m = calloc(1, sizeof(*m));
    if (!m)
        return MUSTER_ENOMEM;
    m->base.type = &mem_type;
    m->capacity = capacity;
    m->rng.state = 1;
    for (int t = 0; t < TABLE_COUNT; t++) {
        m->heads[t] = node_new(SLICE_EMPTY, SLICE_EMPTY, LEVELS);
        if (!m->heads[t]) {
            mem_destroy(&m->base);
            return MUSTER_ENOMEM;
        }
    }
    *ret = &m->base;
    return 0;
}
