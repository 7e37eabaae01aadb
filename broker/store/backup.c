/* backup.c: the hot backup. A read transaction shows one instant of the store; its records go, each
 * with its checksum looked at, table by table into a new data file, in the order of their keys, so
 * that this one is as small as it can be.
 *
 * While the read transaction lives, LMDB uses no page again that was in use then: the data file may
 * grow with all that the store does meanwhile. So the space is watched, and the copy is broken off
 * before the disk reserve is touched. */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/files.h"
#include "store/guard.h"
#include "store/inner.h"
#include "store/lmdb_engine.h"
#include "store/lmdb_file.h"
#include "store/meta.h"

/* Space beside the disk reserve below which a copy is broken off. */
#define MARGIN_BYTES (16ull << 20)
#define COMMIT_BYTES (4ull << 20)  /* between two looks at the space */
#define SYNC_BYTES   (32ull << 20) /* so that the store's own syncs never wait for much of ours */

struct copying {
    struct backup *b;
    struct engine *from, *to;
    char *why;
    size_t why_size;
    uint64_t pending, unsynced; /* bytes since the last commit, since the last sync */
    bool made;                  /* the folder is ours */
    bool begun;                 /* so are the files in it */
};

static unsigned long long mib(uint64_t bytes)
{
    return (unsigned long long)(bytes >> 20);
}

/* ---- space ---- */

/* Whether what the store can still grow by is enough for it to go on beside a copy. */
static int check_spare(struct copying *c)
{
    uint64_t spare, reserve;
    int error = engine_lmdb_spare(c->from, &spare, &reserve);
    if (error) {
        snprintf(c->why, c->why_size, "%s", c->from->error);
        return error;
    }
    if (spare >= reserve + MARGIN_BYTES)
        return 0;
    snprintf(
        c->why, c->why_size,
        "%.80s has %llu MiB left, of which %llu MiB are the disk reserve: a backup keeps space "
        "from being used again, and the jobs need it; free some, or add some",
        c->b->data, mib(spare), mib(reserve));
    return MUSTER_EDISK_RESERVE;
}

static bool same_filesystem(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev;
}

/* Whether the copy will fit, as far as can be told before. */
static int check_target(struct copying *c, uint64_t bytes)
{
    struct statvfs fs;
    uint64_t spare, reserve;
    int error = engine_lmdb_spare(c->from, &spare, &reserve);
    if (error || statvfs(c->b->directory, &fs) != 0)
        return error;
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    bool same = same_filesystem(c->b->data, c->b->directory);
    uint64_t beside = same ? reserve + MARGIN_BYTES : 0;
    if (room >= bytes && (!same || spare >= bytes + beside))
        return 0;
    snprintf(c->why, c->why_size, "%.100s has %llu MiB left, and the backup needs %llu MiB%s",
             c->b->directory, mib(room), mib(bytes) + 1,
             same ? " beside the disk reserve, on the filesystem of the data itself" : "");
    return MUSTER_ENOSPACE;
}

/* ---- records ---- */

static int source_failed(struct copying *c, int error)
{
    if (!error || error == MUSTER_ENOTFOUND)
        return 0;
    c->b->fatal = error == MUSTER_EDAMAGED || error == MUSTER_EIO;
    snprintf(c->why, c->why_size, "reading the store: %s", c->from->error);
    return error;
}

static int target_failed(struct copying *c, int error)
{
    if (error)
        snprintf(c->why, c->why_size, "writing %.150s: %s", c->b->directory, c->to->error);
    return error == MUSTER_EDAMAGED ? MUSTER_EIO : error;
}

static int commit(struct copying *c, bool more)
{
    int error = target_failed(c, engine_commit(c->to));
    c->unsynced += c->pending;
    c->pending = 0;
    if (!error && c->unsynced >= SYNC_BYTES) {
        c->unsynced = 0;
        error = target_failed(c, engine_lmdb_sync(c->to));
    }
    if (!error && atomic_load(&c->b->stop)) {
        snprintf(c->why, c->why_size, "the broker is stopping");
        error = MUSTER_ESHUTDOWN;
    }
    if (!error)
        error = check_spare(c);
    if (!error && more)
        error = target_failed(c, engine_begin(c->to));
    return error;
}

/* What the manifest tells. */
static void note(struct manifest *m, enum table table, struct slice key, struct dec d)
{
    struct queue_record q;
    if (table == TABLE_QUEUE && queue_decode(&d, &q)) {
        m->ready += q.counters.ready;
        m->scheduled += q.counters.scheduled;
        m->parked += q.counters.parked;
    } else if (table == TABLE_META && slice_is(key, META_ID)) {
        struct slice id = dec_raw(&d, sizeof(m->store_id));
        if (id.len)
            memcpy(m->store_id, id.data, id.len);
    } else if (table == TABLE_META && slice_is(key, META_EPOCH)) {
        m->epoch = dec_u64(&d);
    } else if (table == TABLE_META && slice_is(key, META_ID_HIGH)) {
        m->id_high = dec_u64(&d);
    }
}

static int copy_record(struct copying *c, const struct cursor *at)
{
    struct dec d;
    if (!frame_open(at->table, at->key, at->value, &d)) {
        c->b->fatal = true;
        snprintf(c->why, c->why_size,
                 "a record of table %s is damaged: stop the broker and run musterd --verify",
                 table_name(at->table));
        return MUSTER_EDAMAGED;
    }
    note(&c->b->manifest, at->table, at->key, d);
    int error = target_failed(c, engine_put(c->to, at->table, at->key, at->value, PUT_NEW));
    if (error)
        return error;
    size_t bytes = at->key.len + at->value.len;
    c->pending += bytes;
    c->b->manifest.records++;
    atomic_fetch_add_explicit(&c->b->records, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->b->bytes, bytes, memory_order_relaxed);
    return c->pending >= COMMIT_BYTES ? commit(c, true) : 0;
}

static int copy_table(struct copying *c, enum table table)
{
    struct cursor at;
    int error = source_failed(c, cursor_open(&at, c->from, table));
    if (error)
        return error;
    int moved = cursor_seek(&at, SLICE_EMPTY);
    while (!moved && !error) {
        error = copy_record(c, &at);
        if (!error)
            moved = cursor_next(&at);
    }
    cursor_close(&at);
    return error ? error : source_failed(c, moved);
}

static int copy_tables(struct copying *c)
{
    int error = target_failed(c, engine_begin(c->to));
    for (int t = 0; t < TABLE_COUNT && !error; t++)
        error = copy_table(c, (enum table)t);
    if (!error)
        error = commit(c, false);
    else
        engine_abort(c->to);
    return error ? error : target_failed(c, engine_lmdb_sync(c->to));
}

/* ---- files ---- */

/* A file that was not there: its place on the disk tells how large a map it may need. */
static int make_target(struct copying *c)
{
    char path[FILE_PATH_BYTES];
    int error = file_path(path, c->b->directory, BACKUP_UNREADY, c->why, c->why_size);
    if (!error)
        error = file_write(path, "", 0, c->why, c->why_size);
    c->begun = !error || error == MUSTER_ENOSPACE;
    return error ? error : engine_lmdb_file(&c->to, path, FILE_WRITE, c->why, c->why_size);
}

static int copy_from_reader(struct copying *c)
{
    uint64_t records, bytes;
    c->b->manifest = (struct manifest){.taken_ms = clock_wall_ms()};
    int error = source_failed(c, engine_begin(c->from));
    if (error)
        return error;
    error = source_failed(c, engine_lmdb_size(c->from, &records, &bytes));
    if (!error)
        error = check_spare(c);
    if (!error)
        error = check_target(c, bytes);
    if (!error) {
        atomic_store(&c->b->records_total, records);
        error = make_target(c);
    }
    if (!error)
        error = copy_tables(c);
    engine_destroy(c->to);
    c->to = NULL;
    engine_abort(c->from); /* from here on pages are free again */
    return error;
}

static int still_wanted(void *user, uint64_t bytes)
{
    const struct copying *c = user;
    (void)bytes;
    if (!atomic_load(&c->b->stop))
        return 0;
    snprintf(c->why, c->why_size, "the broker is stopping");
    return MUSTER_ESHUTDOWN;
}

/* The manifest comes last: without one it is no backup. */
static int finish(struct copying *c)
{
    struct manifest *m = &c->b->manifest;
    const char *directory = c->b->directory;
    char path[FILE_PATH_BYTES], text[MANIFEST_BYTES];
    int error = file_path(path, directory, BACKUP_UNREADY, c->why, c->why_size);
    if (!error)
        error = file_sync(path, c->why, c->why_size);
    if (!error)
        error = file_sum(path, &m->bytes, &m->sum, still_wanted, c, c->why, c->why_size);
    if (!error)
        error = file_rename(directory, BACKUP_UNREADY, BACKUP_FILE, c->why, c->why_size);
    if (!error)
        error = lmdb_file_sync_directory(directory, c->why, c->why_size);
    if (!error)
        error = file_path(path, directory, MANIFEST_UNREADY, c->why, c->why_size);
    if (!error)
        error = file_write(path, text, manifest_format(m, text), c->why, c->why_size);
    if (!error)
        error = file_rename(directory, MANIFEST_UNREADY, MANIFEST_FILE, c->why, c->why_size);
    return error ? error : lmdb_file_sync_directory(directory, c->why, c->why_size);
}

/* Another broker may be making its copy in the same folder: what is not ours stays. */
static void take_back(const struct copying *c)
{
    static const char *const names[] = {MANIFEST_FILE, MANIFEST_UNREADY, BACKUP_FILE,
                                        BACKUP_UNREADY};
    char path[FILE_PATH_BYTES], why[STORE_WHY_BYTES];
    for (size_t i = 0; c->begun && i < sizeof(names) / sizeof(names[0]); i++)
        if (file_path(path, c->b->directory, names[i], why, sizeof(why)) == 0)
            (void)unlink(path);
    if (c->made)
        (void)rmdir(c->b->directory);
}

static int copy(struct copying *c)
{
    int error = folder_for_new(c->b->directory, NULL, &c->made, c->why, c->why_size);
    if (error)
        return error;
    error = engine_lmdb_reader(&c->from, c->b->engine, c->why, c->why_size);
    if (!error)
        error = copy_from_reader(c);
    engine_destroy(c->from);
    if (!error)
        error = finish(c);
    if (error)
        take_back(c);
    return error;
}

int backup_run(struct backup *b, char *why, size_t why_size)
{
    struct copying c = {.b = b, .why = why, .why_size = why_size};
    struct guard g;
    guard_arm(&g);
    if (sigsetjmp(g.back, 0) != 0) {
        snprintf(why, why_size, "the data file is damaged: %s", guard_text());
        b->fatal = true;
        return MUSTER_EDAMAGED;
    }
    int error = copy(&c);
    guard_leave(&g);
    return error;
}
