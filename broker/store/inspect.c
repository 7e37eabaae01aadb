/* inspect.c: looks into a data directory or a backup without being its store: nothing is written
 * but the lock of a data directory. From the outside to the inside, so that what lies deeper is
 * read only when what holds it together is good: the whole file's checksum (a backup has one), the
 * pages, the records, and what they say of each other. */
#include "store/inspect.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/files.h"
#include "store/guard.h"
#include "store/inner.h"
#include "store/lmdb_check.h"
#include "store/lmdb_engine.h"
#include "store/lmdb_file.h"
#include "store/meta.h"

static void found(struct verify *v, const char *text)
{
    if (v->problems++ == 0)
        snprintf(v->first, sizeof(v->first), "%s", text);
    if (v->on_problem)
        v->on_problem(v->user, text);
}

/* Which file it is about. */
static int find_file(struct inspection *x, const char *directory, char path[FILE_PATH_BYTES],
                     char *why, size_t why_size)
{
    bool manifest = file_exists(directory, MANIFEST_FILE);
    bool data = file_exists(directory, DATA_FILE);
    x->is_backup = manifest;
    if (manifest || data)
        return file_path(path, directory, manifest ? BACKUP_FILE : DATA_FILE, why, why_size);
    bool unready = file_exists(directory, BACKUP_UNREADY) || file_exists(directory, BACKUP_FILE);
    snprintf(why, why_size, "%.150s %s", directory,
             unready ? "has a backup that was not finished: it is worth nothing"
             : file_exists(directory, "") ? "is no data directory (it has no " DATA_FILE
                                            ") and no backup (no " MANIFEST_FILE ")"
                                          : "is not there");
    return MUSTER_ENOTFOUND;
}

static int check_sum(struct inspection *x, const char *directory, const char *path, char *why,
                     size_t why_size)
{
    uint64_t bytes;
    uint32_t sum;
    int error = manifest_read(&x->manifest, directory, why, why_size);
    if (error == MUSTER_EDAMAGED) {
        found(&x->verify, why);
        return 0;
    }
    if (!error)
        error = file_sum(path, &bytes, &sum, NULL, NULL, why, why_size);
    if (error == MUSTER_ENOTFOUND) {
        found(&x->verify, why);
        return error;
    }
    if (error || (bytes == x->manifest.bytes && sum == x->manifest.sum))
        return error;
    char text[VERIFY_TEXT_BYTES];
    snprintf(text, sizeof(text), "%.150s is not as its manifest says: %s", path,
             bytes != x->manifest.bytes ? "it has another size" : "its checksum is wrong");
    found(&x->verify, text);
    return 0;
}

static int read_format(struct engine *e, uint64_t *ret)
{
    struct dec d;
    struct slice key = slice_str(META_FORMAT), value;
    int error = engine_get(e, TABLE_META, key, &value);
    bool good = !error && frame_open(TABLE_META, key, value, &d);
    *ret = good ? dec_u64(&d) : 0;
    return error && error != MUSTER_ENOTFOUND ? error : 0;
}

static int verify(struct verify *v, char *why, size_t why_size)
{
    uint64_t format;
    int error = engine_begin(v->engine);
    if (!error)
        error = read_format(v->engine, &format);
    if (!error && format > STORE_FORMAT) {
        snprintf(why, why_size, "it was written by a newer version (format %llu): use that version",
                 (unsigned long long)format);
        error = MUSTER_ENEWER;
    } else if (!error) {
        error = verify_records(v);
        if (error)
            snprintf(why, why_size, "%s", v->engine->error[0] ? v->engine->error : err_text(error));
    }
    engine_abort(v->engine);
    return error;
}

/* What LMDB itself stumbles over is a problem like others, but the last one that can be found. */
static int verify_guarded(struct verify *v, const char *path, char *why, size_t why_size)
{
    struct guard g;
    guard_arm(&g);
    if (sigsetjmp(g.back, 0) != 0) {
        v->engine = NULL; /* given up as it is */
        snprintf(why, why_size, "the data file is damaged: %s", guard_text());
        found(v, why);
        return 0;
    }
    int error = engine_lmdb_file(&v->engine, path, FILE_READ, why, why_size);
    if (!error)
        error = verify(v, why, why_size);
    engine_destroy(v->engine);
    v->engine = NULL;
    guard_leave(&g);
    if (error != MUSTER_EDAMAGED)
        return error;
    found(v, why);
    return 0;
}

static int check_file(struct inspection *x, const char *directory, const char *path, char *why,
                      size_t why_size)
{
    struct verify *v = &x->verify;
    struct stat st;
    int error = x->is_backup ? check_sum(x, directory, path, why, why_size) : 0;
    if (error)
        return error == MUSTER_ENOTFOUND ? 0 : error;
    if (stat(path, &st) != 0)
        return file_failed(why, why_size, "open", path);
    if (st.st_size == 0) {
        snprintf(why, why_size, "%.180s is empty", path);
        found(v, why);
        return 0;
    }
    error = lmdb_check(path, UINT64_MAX, why, why_size);
    if (error == MUSTER_EDAMAGED) {
        found(v, why);
        return 0;
    }
    return error ? error : verify_guarded(v, path, why, why_size);
}

/* A backup says how many records it has. */
static void compare(struct inspection *x)
{
    struct verify *v = &x->verify;
    if (!x->is_backup || v->problems || v->records == x->manifest.records)
        return;
    char text[VERIFY_TEXT_BYTES];
    snprintf(text, sizeof(text), "the manifest speaks of %llu records, and there are %llu",
             (unsigned long long)x->manifest.records, (unsigned long long)v->records);
    found(v, text);
}

int inspect(struct inspection *x, const char *directory, char *why, size_t why_size)
{
    char path[FILE_PATH_BYTES];
    int lock = -1;
    int error = find_file(x, directory, path, why, why_size);
    if (!error && !x->is_backup)
        error = lmdb_file_claim(directory, &lock, why, why_size);
    if (!error)
        error = check_file(x, directory, path, why, why_size);
    if (!error)
        compare(x);
    if (lock >= 0)
        close(lock);
    return error;
}
