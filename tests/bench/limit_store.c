/* limit_store.c: puts and deletes by integer id, one synced commit for all that has gathered. The
 * file is made large before, as musterd grows its own ahead. */
#include "limit_store.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAP_BYTES   (16ull << 30)
#define AHEAD_BYTES (256 << 20)

struct database {
    MDB_env *env;
    MDB_dbi jobs;
};

static void check(int rc, const char *what)
{
    if (rc)
        tally_die("%s: %s", what, mdb_strerror(rc));
}

void work_add(struct work_list *list, const struct work *item)
{
    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 1024;
        list->items = realloc(list->items, list->cap * sizeof *list->items);
        if (!list->items)
            tally_die("out of memory");
    }
    list->items[list->count++] = *item;
}

static void open_database(struct database *d, const char *folder)
{
    MDB_txn *txn;
    check(mdb_env_create(&d->env), "mdb_env_create");
    check(mdb_env_set_mapsize(d->env, MAP_BYTES), "mdb_env_set_mapsize");
    check(mdb_env_open(d->env, folder, MDB_NOTLS, 0600), folder);
    check(mdb_txn_begin(d->env, NULL, 0, &txn), "mdb_txn_begin");
    check(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &d->jobs), "mdb_dbi_open");
    check(mdb_txn_commit(txn), "mdb_txn_commit");
}

static void grow_ahead(const struct database *d)
{
    int fd;
    check(mdb_env_get_fd(d->env, &fd), "mdb_env_get_fd");
    /* A filesystem that cannot do it grows the file as it goes. */
    if (posix_fallocate(fd, 0, AHEAD_BYTES) == 0 && fsync(fd))
        tally_die("fsync: %s", strerror(errno));
}

/* Ids only grow, so that appending fills pages to the brim. */
static void put_jobs(MDB_cursor *cursor, struct work *w)
{
    const uint8_t *payload = (const uint8_t *)zmq_msg_data(&w->message) + sizeof(struct frame);
    size_t bytes = (zmq_msg_size(&w->message) - sizeof(struct frame)) / w->header.count;
    for (uint32_t i = 0; i < w->header.count; i++) {
        uint64_t id = w->header.first + i;
        MDB_val k = {sizeof id, &id}, v = {bytes, (void *)(uintptr_t)(payload + i * bytes)};
        check(mdb_cursor_put(cursor, &k, &v, MDB_APPEND), "putting a job");
    }
}

static void delete_jobs(MDB_cursor *cursor, const struct work *w)
{
    for (uint32_t i = 0; i < w->header.count; i++) {
        uint64_t id = w->header.first + i;
        MDB_val k = {sizeof id, &id}, v;
        check(mdb_cursor_get(cursor, &k, &v, MDB_SET), "finding a job");
        check(mdb_cursor_del(cursor, 0), "deleting a job");
    }
}

static void commit(const struct database *d, struct work_list *list)
{
    MDB_txn *txn;
    MDB_cursor *puts, *deletes;
    check(mdb_txn_begin(d->env, NULL, 0, &txn), "mdb_txn_begin");
    check(mdb_cursor_open(txn, d->jobs, &puts), "mdb_cursor_open");
    check(mdb_cursor_open(txn, d->jobs, &deletes), "mdb_cursor_open");
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].header.type == FRAME_SUBMIT)
            put_jobs(puts, &list->items[i]);
        else
            delete_jobs(deletes, &list->items[i]);
    }
    check(mdb_txn_commit(txn), "committing");
}

static void append_list(struct work_list *to, struct work_list *from)
{
    if (to->count == 0) {
        struct work_list empty = *to;
        *to = *from;
        *from = empty;
        return;
    }
    for (size_t i = 0; i < from->count; i++)
        work_add(to, &from->items[i]);
    from->count = 0;
}

/* As long as the process lives. */
static void *run_store(void *arg)
{
    struct limit_store *s = arg;
    struct work_list mine = {0};
    struct database d;
    uint64_t one = 1;
    open_database(&d, s->folder);
    grow_ahead(&d);
    (void)pthread_mutex_lock(&s->lock);
    s->open = true;
    (void)pthread_cond_signal(&s->some);
    for (;;) {
        while (!s->todo.count)
            (void)pthread_cond_wait(&s->some, &s->lock);
        append_list(&mine, &s->todo);
        (void)pthread_mutex_unlock(&s->lock);
        commit(&d, &mine);
        (void)pthread_mutex_lock(&s->lock);
        append_list(&s->done, &mine);
        if (write(s->done_fd, &one, sizeof one) != (ssize_t)sizeof one)
            tally_die("eventfd: %s", strerror(errno));
    }
}

void limit_store_start(struct limit_store *s, const char *folder)
{
    *s = (struct limit_store){.folder = folder, .done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->some, NULL);
    if (s->done_fd < 0 || pthread_create(&s->thread, NULL, run_store, s))
        tally_die("cannot start the store's thread");
    (void)pthread_mutex_lock(&s->lock);
    while (!s->open)
        (void)pthread_cond_wait(&s->some, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
}

void limit_store_give(struct limit_store *s, struct work_list *list)
{
    if (!list->count)
        return;
    (void)pthread_mutex_lock(&s->lock);
    append_list(&s->todo, list);
    (void)pthread_cond_signal(&s->some);
    (void)pthread_mutex_unlock(&s->lock);
}

void limit_store_take(struct limit_store *s, struct work_list *list)
{
    uint64_t count;
    if (read(s->done_fd, &count, sizeof count) < 0)
        return; /* nothing new */
    (void)pthread_mutex_lock(&s->lock);
    append_list(list, &s->done);
    (void)pthread_mutex_unlock(&s->lock);
}

uint64_t limit_store_count(const char *folder)
{
    struct database d;
    MDB_stat about;
    open_database(&d, folder);
    check(mdb_env_stat(d.env, &about), "mdb_env_stat");
    mdb_env_close(d.env);
    return about.ms_entries;
}
