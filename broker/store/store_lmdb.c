/* store_lmdb.c: the engine on LMDB: one environment, one data file, one transaction at a time.
 *
 * No MDB_WRITEMAP (a stray write could damage the file, and a full disk would be SIGBUS), and no
 * MDB_NORDAHEAD (a backlog is read in the order in which it was written). The file's tail is
 * allocated ahead: LMDB writes pages at their place and never truncates, so that blocks once
 * allocated stay. */
#include "store/lmdb_engine.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/files.h"
#include "store/guard.h"
#include "store/lmdb_check.h"
#include "store/lmdb_file.h"

#define SHARED_TREE "small" /* of the tables with a prefix */
/* A prefix that no key has: of a table that a copy of an older version lacks. */
#define NO_TABLE    '-'
#define GROW_STEP   (16ull << 20)  /* the file grows by this much at a time */
#define CHECK_BYTES (128ull << 20) /* of pages that are checked at opening: some 50 ms */

/* A table's cursors live as long as the transaction: LMDB searches the page that a cursor stands on
 * first, so that neighbours are put and deleted without a walk from the root. */
struct place {
    MDB_dbi dbi;
    char prefix; /* of its keys in the tree that small tables share; 0: it has a tree of its own */
    MDB_cursor *put, *pick;
    bool tail_known;
    size_t tail_len; /* the table's last key, once known: what is beyond it is appended */
    uint8_t tail[KEY_BYTES_MAX];
};

struct lmdb_engine {
    struct engine base;
    MDB_env *env;
    MDB_txn *txn;
    uint64_t map_bytes, reserve, page_bytes;
    int lock_fd, data_fd;
    unsigned txn_flags; /* MDB_RDONLY: it only reads */
    bool borrowed;      /* the environment is another engine's */
    struct place places[TABLE_COUNT];
};

static struct lmdb_engine *lmdb_of(struct engine *e)
{
    return (struct lmdb_engine *)(void *)e;
}

static int error_of(int rc)
{
    switch (rc) {
    case 0:
        return 0;
    case MDB_NOTFOUND:
        return MUSTER_ENOTFOUND;
    case MDB_KEYEXIST:
    case MDB_BAD_VALSIZE:
        return MUSTER_EINVAL;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return MUSTER_ENOSPACE;
    case ENOMEM:
        return MUSTER_ENOMEM;
    case MDB_VERSION_MISMATCH:
        return MUSTER_ENEWER;
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_INVALID:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_BAD_DBI:
    case MDB_INCOMPATIBLE:
        return MUSTER_EDAMAGED;
    default:
        return MUSTER_EIO;
    }
}

static int failure(struct engine *e, int rc, const char *what)
{
    int error = error_of(rc);
    if (error != MUSTER_ENOTFOUND)
        snprintf(e->error, sizeof(e->error), "%s: %s", what, mdb_strerror(rc));
    return error;
}

static inline int failed(struct engine *e, int rc, const char *what)
{
    return rc ? failure(e, rc, what) : 0;
}

static MDB_val val_of(struct slice s)
{
    return (MDB_val){.mv_size = s.len, .mv_data = (void *)(uintptr_t)s.data};
}

/* A key as it stands in the table's tree; `room` is where one with a prefix is put together. */
static MDB_val key_in_tree(const struct place *p, struct slice key, uint8_t room[KEY_BYTES_MAX + 1])
{
    if (!p->prefix || key.len > KEY_BYTES_MAX)
        return val_of(key);
    room[0] = (uint8_t)p->prefix;
    if (key.len)
        memcpy(room + 1, key.data, key.len);
    return (MDB_val){.mv_size = key.len + 1, .mv_data = room};
}

static struct slice slice_from(const MDB_val *v)
{
    return slice_of(v->mv_data, v->mv_size);
}

static int lmdb_begin(struct engine *e)
{
    struct lmdb_engine *l = lmdb_of(e);
    for (int t = 0; t < TABLE_COUNT; t++) {
        l->places[t].put = l->places[t].pick = NULL;
        l->places[t].tail_known = false;
    }
    int rc = mdb_txn_begin(l->env, NULL, l->txn_flags, &l->txn);
    if (rc)
        l->txn = NULL;
    return failed(e, rc, "beginning a transaction");
}

/* LMDB closes a write transaction's cursors with it. */
static int lmdb_commit(struct engine *e)
{
    struct lmdb_engine *l = lmdb_of(e);
    int rc = mdb_txn_commit(l->txn);
    l->txn = NULL;
    return failed(e, rc, "committing");
}

static void lmdb_abort(struct engine *e)
{
    struct lmdb_engine *l = lmdb_of(e);
    if (l->txn)
        mdb_txn_abort(l->txn);
    l->txn = NULL;
}

static int lmdb_get(struct engine *e, enum table table, struct slice key, struct slice *ret_value)
{
    struct lmdb_engine *l = lmdb_of(e);
    uint8_t room[KEY_BYTES_MAX + 1];
    MDB_val k = key_in_tree(&l->places[table], key, room), v = {0, NULL};
    int rc = mdb_get(l->txn, l->places[table].dbi, &k, &v);
    *ret_value = slice_from(&v);
    return failed(e, rc, "reading");
}

static int cursor_for(struct lmdb_engine *l, enum table table, MDB_cursor **cursor)
{
    return *cursor ? 0 : mdb_cursor_open(l->txn, l->places[table].dbi, cursor);
}

static void know_tail(struct place *p, struct slice key)
{
    memcpy(p->tail, key.data, key.len);
    p->tail_len = key.len;
    p->tail_known = true;
}

static int find_tail(struct place *p)
{
    MDB_val k = {0, NULL}, v;
    int rc = mdb_cursor_get(p->put, &k, &v, MDB_LAST);
    if (rc == MDB_NOTFOUND)
        k.mv_size = 0;
    else if (rc)
        return rc;
    if (k.mv_size > sizeof(p->tail))
        return MDB_CORRUPTED;
    p->tail_len = 0;
    p->tail_known = true;
    if (k.mv_size)
        know_tail(p, slice_from(&k));
    return 0;
}

static bool beyond_tail(const struct place *p, struct slice key)
{
    size_t shorter = key.len < p->tail_len ? key.len : p->tail_len;
    int order = memcmp(key.data, p->tail, shorter);
    return order > 0 || (order == 0 && key.len > p->tail_len);
}

static int lmdb_put(struct engine *e, enum table table, struct slice key, struct slice value,
                    enum put_mode mode)
{
    struct lmdb_engine *l = lmdb_of(e);
    struct place *p = &l->places[table];
    int rc = cursor_for(l, table, &p->put);
    if (!rc && !p->tail_known && !p->prefix)
        rc = find_tail(p);
    if (rc)
        return failed(e, rc, "writing");
    uint8_t room[KEY_BYTES_MAX + 1];
    MDB_val k = key_in_tree(p, key, room), v = val_of(value);
    bool append = !p->prefix && beyond_tail(p, key);
    if (append)
        know_tail(p, key);
    /* Appending fills pages to the brim instead of halving them. */
    rc = mdb_cursor_put(p->put, &k, &v,
                        append ? MDB_APPEND : (mode == PUT_NEW ? MDB_NOOVERWRITE : 0u));
    return failed(e, rc, "writing");
}

static int lmdb_pick(struct engine *e, enum table table, struct slice key, struct slice *ret_value)
{
    struct lmdb_engine *l = lmdb_of(e);
    struct place *p = &l->places[table];
    int rc = cursor_for(l, table, &p->pick);
    uint8_t room[KEY_BYTES_MAX + 1];
    MDB_val k = key_in_tree(p, key, room), v = {0, NULL};
    if (!rc)
        rc = mdb_cursor_get(p->pick, &k, &v, MDB_SET_KEY);
    *ret_value = slice_from(&v);
    return failed(e, rc, "reading");
}

static int lmdb_drop(struct engine *e, enum table table)
{
    return failed(e, mdb_cursor_del(lmdb_of(e)->places[table].pick, 0), "deleting");
}

static int lmdb_open_cursor(struct cursor *c)
{
    struct lmdb_engine *l = lmdb_of(c->engine);
    MDB_cursor *cursor = NULL;
    int rc = mdb_cursor_open(l->txn, l->places[c->table].dbi, &cursor);
    c->handle = cursor;
    return failed(c->engine, rc, "reading");
}

/* Where a move has ended: at (k, v), or nowhere. */
static int arrive(struct cursor *c, int rc, MDB_val k, MDB_val v)
{
    const struct place *p = &lmdb_of(c->engine)->places[c->table];
    struct slice key = rc ? SLICE_EMPTY : slice_from(&k);
    if (!rc && p->prefix) {
        if (key.len == 0 || key.data[0] != (uint8_t)p->prefix)
            rc = MDB_NOTFOUND; /* another table begins */
        else
            key = slice_of(key.data + 1, key.len - 1);
    }
    c->key = rc ? SLICE_EMPTY : key;
    c->value = rc ? SLICE_EMPTY : slice_from(&v);
    return failed(c->engine, rc, "reading");
}

static int move(struct cursor *c, MDB_val k, MDB_cursor_op op)
{
    MDB_val v = {0, NULL};
    int rc = mdb_cursor_get(c->handle, &k, &v, op);
    return arrive(c, rc, k, v);
}

static int lmdb_seek(struct cursor *c, struct slice key)
{
    uint8_t room[KEY_BYTES_MAX + 1];
    MDB_val k = key_in_tree(&lmdb_of(c->engine)->places[c->table], key, room);
    return move(c, k, k.mv_size ? MDB_SET_RANGE : MDB_FIRST);
}

static int lmdb_next(struct cursor *c)
{
    return move(c, (MDB_val){0, NULL}, MDB_NEXT);
}

static int lmdb_before(struct cursor *c, struct slice key)
{
    uint8_t room[KEY_BYTES_MAX + 1];
    MDB_val k = key_in_tree(&lmdb_of(c->engine)->places[c->table], key, room), v;
    int rc = mdb_cursor_get(c->handle, &k, &v, MDB_SET_RANGE);
    if (!rc || rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(c->handle, &k, &v, rc ? MDB_LAST : MDB_PREV);
    return arrive(c, rc, k, v);
}

static void lmdb_close_cursor(struct cursor *c)
{
    mdb_cursor_close(c->handle);
}

/* Pages inside the file that LMDB will use again. Read only when space is short. */
static uint64_t free_page_bytes(struct lmdb_engine *l)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    uint64_t pages = 0;
    if (mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn) != 0)
        return 0;
    if (mdb_cursor_open(txn, 0, &cursor) == 0) {
        MDB_val k, v;
        while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0) {
            size_t count = 0;
            if (v.mv_size >= sizeof(count))
                memcpy(&count, v.mv_data, sizeof(count));
            pages += count;
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return pages * l->page_bytes;
}

static int lmdb_room(struct engine *e, uint64_t need, struct room *ret)
{
    struct lmdb_engine *l = lmdb_of(e);
    MDB_envinfo info;
    int rc = mdb_env_info(l->env, &info);
    if (rc)
        return failed(e, rc, "looking at the environment");
    uint64_t used = (info.me_last_pgno + 1) * l->page_bytes;
    uint64_t wanted = used + need + l->reserve, ahead = wanted + GROW_STEP - wanted % GROW_STEP;
    uint64_t on_disk = 0, map_left = l->map_bytes > used ? l->map_bytes - used : 0;
    uint64_t size = lmdb_file_grow(l->data_fd, 0, &on_disk);
    if (size < wanted && wanted <= l->map_bytes)
        size = lmdb_file_grow(l->data_fd, ahead < l->map_bytes ? ahead : wanted, &on_disk);
    if (size < wanted && wanted <= l->map_bytes)
        size = lmdb_file_grow(l->data_fd, wanted, &on_disk);
    uint64_t room = (size > used ? size - used : 0) + on_disk;
    if (room > map_left)
        room = map_left;
    if (room < need + l->reserve)
        room += free_page_bytes(l);
    *ret = (struct room){.used = used, .free = room};
    return 0;
}

static void lmdb_destroy(struct engine *e)
{
    struct lmdb_engine *l = lmdb_of(e);
    lmdb_abort(e);
    if (l->env && !l->borrowed)
        mdb_env_close(l->env);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
    free(l);
}

static const struct engine_type lmdb_type = {
    .name = "lmdb",
    .begin = lmdb_begin,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .get = lmdb_get,
    .put = lmdb_put,
    .pick = lmdb_pick,
    .drop = lmdb_drop,
    .open = lmdb_open_cursor,
    .seek = lmdb_seek,
    .next = lmdb_next,
    .before = lmdb_before,
    .close = lmdb_close_cursor,
    .room = lmdb_room,
    .destroy = lmdb_destroy,
};

static void assert_failed(MDB_env *env, const char *text)
{
    (void)env;
    guard_trip(text);
}

static int open_tables(struct lmdb_engine *l)
{
    static const struct {
        const char *name;
        char prefix;
    } tables[TABLE_COUNT] = {
#define TABLE(symbol, name, prefix, about) [TABLE_##symbol] = {name, prefix},
#include "store/tables.def"
    };
    int error = lmdb_begin(&l->base);
    for (int t = 0; t < TABLE_COUNT && !error; t++) {
        const char *tree = tables[t].prefix ? SHARED_TREE : tables[t].name;
        unsigned make = l->txn_flags & MDB_RDONLY ? 0 : MDB_CREATE;
        l->places[t].prefix = tables[t].prefix;
        int rc = mdb_dbi_open(l->txn, tree, make, &l->places[t].dbi);
        if (rc == MDB_NOTFOUND && t > TABLE_HISTORY && !make) {
            l->places[t].dbi = l->places[TABLE_META].dbi;
            l->places[t].prefix = NO_TABLE;
            rc = 0;
        }
        error = failed(&l->base, rc, "opening a table");
    }
    if (error) {
        lmdb_abort(&l->base);
        return error;
    }
    return lmdb_commit(&l->base);
}

/* Where the address space is limited (ulimit -v; under valgrind, which says EINVAL), a smaller map
 * does. */
static int open_env(struct lmdb_engine *l, const char *path, unsigned flags)
{
    for (;;) {
        int rc = mdb_env_create(&l->env);
        if (!rc)
            rc = mdb_env_set_maxdbs(l->env, TABLE_COUNT);
        if (!rc)
            rc = mdb_env_set_mapsize(l->env, l->map_bytes);
        if (!rc)
            rc = mdb_env_set_assert(l->env, assert_failed);
        if (!rc)
            rc = mdb_env_open(l->env, path, MDB_NOTLS | flags, 0600);
        if ((rc != ENOMEM && rc != EINVAL) || l->map_bytes <= (1u << 30))
            return failed(&l->base, rc, "opening data.mdb");
        mdb_env_close(l->env);
        l->env = NULL;
        l->map_bytes /= 2;
    }
}

/* A new store in the middle of a copy would hide that the copy is there. */
static int check_copies(const char *directory, char *why, size_t why_size)
{
    static const struct {
        const char *file, *text;
    } rows[] = {
        {MANIFEST_FILE, "is a backup: restore it with --restore into another directory"},
        {BACKUP_FILE, "has a backup that was not finished: use another directory"},
        {BACKUP_UNREADY, "has a backup that was not finished: use another directory"},
        {RESTORE_UNREADY, "has a restore that was not finished: empty it and restore again"},
    };
    if (file_exists(directory, DATA_FILE))
        return 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!file_exists(directory, rows[i].file))
            continue;
        snprintf(why, why_size, "%s %s", directory, rows[i].text);
        return MUSTER_EINVAL;
    }
    return 0;
}

static int check_file(const char *directory, char *why, size_t why_size)
{
    char path[FILE_PATH_BYTES];
    int error = file_path(path, directory, DATA_FILE, why, why_size);
    return error ? error : lmdb_check(path, CHECK_BYTES, why, why_size);
}

static int open_engine(struct lmdb_engine *l, const struct store_options *options, char *why,
                       size_t why_size)
{
    int error = check_copies(options->directory, why, why_size);
    if (!error)
        error = lmdb_file_claim(options->directory, &l->lock_fd, why, why_size);
    if (!error)
        error = check_file(options->directory, why, why_size);
    if (error)
        return error;
    l->map_bytes =
        options->map_bytes ? options->map_bytes : lmdb_file_map_bytes(options->directory);
    l->reserve = options->disk_reserve;
    error = open_env(l, options->directory, 0);
    if (!error)
        error = failed(&l->base, mdb_env_get_fd(l->env, &l->data_fd), "opening data.mdb");
    MDB_stat stat;
    if (!error)
        error = failed(&l->base, mdb_env_stat(l->env, &stat), "opening data.mdb");
    if (!error) {
        l->page_bytes = stat.ms_psize;
        error = open_tables(l);
    }
    if (error) {
        snprintf(why, why_size, "%s: %s", options->directory, l->base.error);
        return error;
    }
    return lmdb_file_sync_directory(options->directory, why, why_size);
}

int engine_lmdb(struct engine **ret, const struct store_options *options, char *why,
                size_t why_size)
{
    struct lmdb_engine *l = calloc(1, sizeof(*l));
    if (!l) {
        snprintf(why, why_size, "out of memory");
        return MUSTER_ENOMEM;
    }
    l->base.type = &lmdb_type;
    l->lock_fd = -1;
    int error = open_engine(l, options, why, why_size);
    if (error) {
        lmdb_destroy(&l->base);
        return error;
    }
    *ret = &l->base;
    return 0;
}

/* ---- engines for copies: broker/store/backup.c, restore.c, inspect.c ---- */

static struct lmdb_engine *engine_new(char *why, size_t why_size)
{
    struct lmdb_engine *l = calloc(1, sizeof(*l));
    if (!l) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    l->base.type = &lmdb_type;
    l->lock_fd = l->data_fd = -1;
    return l;
}

int engine_lmdb_file(struct engine **ret, const char *path, enum file_mode mode, char *why,
                     size_t why_size)
{
    struct lmdb_engine *l = engine_new(why, why_size);
    if (!l)
        return MUSTER_ENOMEM;
    unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | (mode == FILE_READ ? MDB_RDONLY : MDB_NOSYNC);
    l->txn_flags = mode == FILE_READ ? MDB_RDONLY : 0;
    l->map_bytes = lmdb_file_map_bytes(path);
    int error = open_env(l, path, flags);
    if (!error)
        error = open_tables(l);
    if (error) {
        snprintf(why, why_size, "%s: %s", path, l->base.error);
        lmdb_destroy(&l->base);
        return error;
    }
    *ret = &l->base;
    return 0;
}

int engine_lmdb_sync(struct engine *e)
{
    return failed(e, mdb_env_sync(lmdb_of(e)->env, 1), "syncing");
}

int engine_lmdb_reader(struct engine **ret, struct engine *of, char *why, size_t why_size)
{
    const struct lmdb_engine *from = lmdb_of(of);
    struct lmdb_engine *l = engine_new(why, why_size);
    if (!l)
        return MUSTER_ENOMEM;
    l->env = from->env;
    l->borrowed = true;
    l->txn_flags = MDB_RDONLY;
    l->data_fd = from->data_fd;
    l->page_bytes = from->page_bytes;
    l->reserve = from->reserve;
    for (int t = 0; t < TABLE_COUNT; t++) {
        l->places[t].dbi = from->places[t].dbi;
        l->places[t].prefix = from->places[t].prefix;
    }
    *ret = &l->base;
    return 0;
}

int engine_lmdb_size(struct engine *e, uint64_t *ret_records, uint64_t *ret_bytes)
{
    struct lmdb_engine *l = lmdb_of(e);
    *ret_records = *ret_bytes = 0;
    for (int t = 0; t < TABLE_COUNT; t++) {
        MDB_stat stat;
        int first = 0;
        while (l->places[first].dbi != l->places[t].dbi)
            first++;
        if (first < t)
            continue; /* tables that share a tree are counted once */
        int rc = mdb_stat(l->txn, l->places[t].dbi, &stat);
        if (rc)
            return failed(e, rc, "reading");
        *ret_records += stat.ms_entries;
        *ret_bytes += (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) *
                      (uint64_t)stat.ms_psize;
    }
    return 0;
}

int engine_lmdb_spare(struct engine *e, uint64_t *ret_bytes, uint64_t *ret_reserve)
{
    struct lmdb_engine *l = lmdb_of(e);
    MDB_envinfo info;
    uint64_t on_disk = 0;
    int rc = mdb_env_info(l->env, &info);
    if (rc)
        return failed(e, rc, "looking at the environment");
    uint64_t used = (info.me_last_pgno + 1) * l->page_bytes;
    uint64_t size = lmdb_file_grow(l->data_fd, 0, &on_disk);
    *ret_bytes = (size > used ? size - used : 0) + on_disk;
    *ret_reserve = l->reserve;
    return 0;
}
