/* restore.c: from a backup to a data directory.
 *
 * The original went on after the backup was taken. What it may have given out since must not be
 * given out again with another meaning: epochs, ids and sequence numbers, and the numbers under
 * which client sessions are told the end of their jobs. How far it can have come follows from the
 * time that has passed: a start takes more than a millisecond, and an id counter is drawn from less
 * than 2^14 times in one. */
#include "store/restore.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/files.h"
#include "store/inner.h"
#include "store/lmdb_engine.h"
#include "store/lmdb_file.h"
#include "store/meta.h"

#define EPOCH_GAP    (1ull << 20)
#define ID_SKEW_MS   600000ull /* clocks of two hosts may be so far apart */
#define COUNTER_BITS 14        /* of the id counter below its milliseconds */
#define SHARD_BITS   8

struct restoring {
    struct restore *r;
    struct store s; /* nothing but an engine and room for records: for the functions of rows.c */
    char *why;
    size_t why_size;
};

static uint64_t passed_ms(const struct restore *r)
{
    uint64_t taken_ms = r->found.manifest.taken_ms;
    return r->now_ms > taken_ms ? r->now_ms - taken_ms : 0;
}

static uint64_t raised_id(const struct restore *r)
{
    uint64_t high = r->found.verify.id_high, counter = high >> SHARD_BITS;
    uint64_t clock = r->found.manifest.taken_ms << COUNTER_BITS;
    uint64_t since = (passed_ms(r) + ID_SKEW_MS) << COUNTER_BITS;
    counter = (counter > clock ? counter : clock) + since;
    return counter << SHARD_BITS | (high & ((1u << SHARD_BITS) - 1));
}

/* ---- raising ---- */

/* Ends are numbered in each client session, without holes; where the session stands now only it
 * knows. A number so high says that it is to be asked: op_client does that. */
static int loosen_client(struct store *s, const struct cursor *c, struct key *session)
{
    struct dec d;
    struct enc e;
    struct client_record r;
    session->len = 0;
    key_add_bytes(session, c->key);
    if (!frame_open(TABLE_CLIENT, c->key, c->value, &d) || !client_decode(&d, &r))
        return store_damaged(s, TABLE_CLIENT, c->key);
    if (r.done_last >= DONE_LOOSE)
        return 0;
    r.done_last += DONE_LOOSE;
    int error = row_begin(s, CLIENT_BOUND, &e);
    if (error)
        return error;
    client_encode(&e, &r);
    return row_put(s, &e, TABLE_CLIENT, key_slice(session), PUT_SET);
}

static int loosen_clients(struct store *s)
{
    struct cursor c;
    struct key at = {0};
    int error = cursor_open(&c, s->engine, TABLE_CLIENT);
    if (!error)
        error = cursor_seek(&c, SLICE_EMPTY);
    while (!error) {
        error = loosen_client(s, &c, &at);
        key_add_u8(&at, 0); /* the next key that can be */
        if (!error)
            error = cursor_seek(&c, key_slice(&at));
    }
    cursor_close(&c);
    return error == MUSTER_ENOTFOUND ? 0 : error;
}

static int raise_all(struct restoring *x)
{
    struct store *s = &x->s;
    int error = engine_begin(s->engine);
    if (error)
        return error;
    error = meta_put_number(s, META_EPOCH, x->r->epoch);
    if (!error)
        error = meta_put_number(s, META_ID_HIGH, raised_id(x->r));
    if (!error)
        error = loosen_clients(s);
    if (!error)
        return engine_commit(s->engine);
    engine_abort(s->engine);
    return error;
}

static int raise_in(struct restoring *x, const char *path)
{
    struct store *s = &x->s;
    x->r->epoch = x->r->found.verify.epoch + passed_ms(x->r) + EPOCH_GAP;
    int error = engine_lmdb_file(&s->engine, path, FILE_WRITE, x->why, x->why_size);
    if (error)
        return error;
    buf_init(&s->scratch, 1u << 20);
    error = raise_all(x);
    if (!error)
        error = engine_lmdb_sync(s->engine);
    if (error)
        snprintf(x->why, x->why_size, "writing %.120s: %s", path,
                 s->why[0] ? s->why : s->engine->error);
    buf_fini(&s->scratch);
    engine_destroy(s->engine);
    return error;
}

/* ---- files ---- */

static int copy_file(struct restoring *x, const char *to)
{
    char from[FILE_PATH_BYTES];
    uint64_t bytes;
    uint32_t sum;
    const struct manifest *m = &x->r->found.manifest;
    int error = file_path(from, x->r->backup, BACKUP_FILE, x->why, x->why_size);
    if (!error)
        error = file_copy(from, to, &bytes, &sum, NULL, NULL, x->why, x->why_size);
    if (!error && (bytes != m->bytes || sum != m->sum)) {
        snprintf(x->why, x->why_size, "%.150s changed while it was copied", from);
        error = MUSTER_EDAMAGED;
    }
    return error;
}

static int fill(struct restoring *x)
{
    char to[FILE_PATH_BYTES];
    int error = file_path(to, x->r->data, RESTORE_UNREADY, x->why, x->why_size);
    if (error)
        return error;
    error = copy_file(x, to);
    if (!error)
        error = raise_in(x, to);
    if (!error)
        error = file_sync(to, x->why, x->why_size);
    if (!error)
        error = file_rename(x->r->data, RESTORE_UNREADY, DATA_FILE, x->why, x->why_size);
    if (error) {
        (void)unlink(to);
        return error;
    }
    return lmdb_file_sync_directory(x->r->data, x->why, x->why_size);
}

static int check_backup(struct restoring *x)
{
    struct restore *r = x->r;
    int error = inspect(&r->found, r->backup, x->why, x->why_size);
    if (error)
        return error;
    if (!r->found.is_backup) {
        snprintf(x->why, x->why_size,
                 "%.120s is a data directory, and no backup: start musterd with it, or with a copy",
                 r->backup);
        return MUSTER_EINVAL;
    }
    if (!r->found.verify.problems)
        return 0;
    snprintf(x->why, x->why_size, "%s", r->found.verify.first);
    return MUSTER_EDAMAGED;
}

/* Empty, or not there yet. */
static int check_target(struct restoring *x)
{
    bool made;
    struct stat st;
    if (stat(x->r->data, &st) != 0)
        return 0; /* claiming makes it, and its parents */
    return folder_for_new(x->r->data, LOCK_FILE, &made, x->why, x->why_size);
}

int restore_run(struct restore *r, char *why, size_t why_size)
{
    struct restoring x = {.r = r, .why = why, .why_size = why_size};
    int lock = -1;
    int error = check_target(&x);
    if (!error)
        error = check_backup(&x);
    if (!error)
        error = lmdb_file_claim(r->data, &lock, why, why_size);
    if (!error)
        error = fill(&x);
    if (lock >= 0)
        close(lock);
    return error;
}
