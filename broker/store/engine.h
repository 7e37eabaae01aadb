/* engine.h: the small ordered key-value store under the store's operations: tables of byte strings,
 * one transaction at a time that also does all reading. store_lmdb.c and store_mem.c implement it.
 *
 * Functions return 0 or MUSTER_*: ENOTFOUND, EINVAL (a new key that is there already), ENOSPACE,
 * EIO, EDAMAGED, ENOMEM. After any but the first two the transaction can only be aborted. */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "base/err.h"
#include "base/slice.h"

enum table {
#define TABLE(symbol, name, prefix, about) TABLE_##symbol,
#include "store/tables.def"
    TABLE_COUNT
};

#define KEY_BYTES_MAX 511 /* of any table: LMDB's bound */

enum put_mode {
    PUT_SET, /* insert or replace */
    PUT_NEW, /* MUSTER_EINVAL when the key is there */
};

/* Tests make the engine fail: the `after`-th call (1 is the next) of a kind ends with `error`. */
enum fault_point { FAULT_PUT, FAULT_COMMIT, FAULT_ROOM, FAULT_POINT_COUNT };

struct fault {
    uint32_t after; /* 0: none set */
    uint32_t times; /* how often it then fails */
    int error;      /* MUSTER_* */
};

/* What there is to write into. */
struct room {
    uint64_t used; /* bytes of data, free pages within included */
    /* bytes that it can still grow by: allocated ahead, and free on the filesystem */
    uint64_t free;
};

/* A place in a table. Any write to the table but through engine_pick and engine_drop of the same
 * key that it stands on leaves it unspecified: seek again. */
struct cursor {
    struct engine *engine;
    enum table table;
    void *handle;
    struct slice key, value; /* where it stands, until the next write or move */
};

struct engine;

struct engine_type {
    const char *name;
    int (*begin)(struct engine *);
    int (*commit)(struct engine *);
    void (*abort)(struct engine *);
    int (*get)(struct engine *, enum table, struct slice key, struct slice *ret_value);
    int (*put)(struct engine *, enum table, struct slice key, struct slice value, enum put_mode);
    int (*pick)(struct engine *, enum table, struct slice key, struct slice *ret_value);
    int (*drop)(struct engine *, enum table);
    int (*open)(struct cursor *);
    int (*seek)(struct cursor *, struct slice key);
    int (*next)(struct cursor *);
    int (*before)(struct cursor *, struct slice key);
    void (*close)(struct cursor *);
    int (*room)(struct engine *, uint64_t need, struct room *ret);
    void (*destroy)(struct engine *);
};

struct engine {
    const struct engine_type *type;
    struct fault faults[FAULT_POINT_COUNT];
    char error[160]; /* what the last call that failed says, for people */
};

const char *table_name(enum table table);
/* Sets a fault point. */
void engine_fault(struct engine *e, enum fault_point point, uint32_t after, uint32_t times,
                  int error);
/* Whether this call shall fail: 0 or the error. */
int engine_fault_hit(struct engine *e, enum fault_point point);

static inline int engine_begin(struct engine *e)
{
    return e->type->begin(e);
}

/* Durable when it returns 0; otherwise nothing of the transaction happened. */
static inline int engine_commit(struct engine *e)
{
    int error = e->faults[FAULT_COMMIT].after ? engine_fault_hit(e, FAULT_COMMIT) : 0;
    if (error) {
        e->type->abort(e);
        return error;
    }
    return e->type->commit(e);
}

static inline void engine_abort(struct engine *e)
{
    e->type->abort(e);
}

/* The value is valid until the next write. */
static inline int engine_get(struct engine *e, enum table table, struct slice key,
                             struct slice *ret_value)
{
    return e->type->get(e, table, key, ret_value);
}

static inline int engine_put(struct engine *e, enum table table, struct slice key,
                             struct slice value, enum put_mode mode)
{
    int error = e->faults[FAULT_PUT].after ? engine_fault_hit(e, FAULT_PUT) : 0;
    return error ? error : e->type->put(e, table, key, value, mode);
}

/* As engine_get, and remembers the place for an engine_drop that follows at once. */
static inline int engine_pick(struct engine *e, enum table table, struct slice key,
                              struct slice *ret_value)
{
    return e->type->pick(e, table, key, ret_value);
}

static inline int engine_drop(struct engine *e, enum table table)
{
    return e->type->drop(e, table);
}

static inline int engine_del(struct engine *e, enum table table, struct slice key)
{
    struct slice value;
    int error = engine_pick(e, table, key, &value);
    return error ? error : engine_drop(e, table);
}

/* A cursor lives within the transaction and is closed in it. */
static inline int cursor_open(struct cursor *c, struct engine *e, enum table table)
{
    *c = (struct cursor){.engine = e, .table = table};
    return e->type->open(c);
}

/* To the first key >= `key`; an empty key: to the first. */
static inline int cursor_seek(struct cursor *c, struct slice key)
{
    return c->engine->type->seek(c, key);
}

static inline int cursor_next(struct cursor *c)
{
    return c->engine->type->next(c);
}

/* To the last key < `key`. */
static inline int cursor_before(struct cursor *c, struct slice key)
{
    return c->engine->type->before(c, key);
}

static inline void cursor_close(struct cursor *c)
{
    if (c->handle)
        c->engine->type->close(c);
    c->handle = NULL;
}

/* Prepares for `need` more bytes (outside of a transaction), and says what room there is. */
static inline int engine_room(struct engine *e, uint64_t need, struct room *ret)
{
    int error = e->faults[FAULT_ROOM].after ? engine_fault_hit(e, FAULT_ROOM) : 0;
    return error ? error : e->type->room(e, need, ret);
}

static inline void engine_destroy(struct engine *e)
{
    if (e)
        e->type->destroy(e);
}

/* An empty one in memory, that holds at most `capacity` bytes; 0: no bound. */
int engine_mem(struct engine **ret, uint64_t capacity) MUSTER_MUSTCHECK;

#endif
