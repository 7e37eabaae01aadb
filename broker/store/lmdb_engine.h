/* lmdb_engine.h: opens the engine on LMDB: a data directory, a file alone, or a second reader of an
 * open one. */
#ifndef STORE_LMDB_ENGINE_H
#define STORE_LMDB_ENGINE_H

#include "store/engine.h"
#include "store/store.h"

/* Claims options->directory and opens the data file in it. Errors as store_open_lmdb. */
int engine_lmdb(struct engine **ret, const struct store_options *options, char *why,
                size_t why_size) MUSTER_MUSTCHECK;

enum file_mode {
    FILE_READ,  /* nothing is written, not even a lock: nobody else may write */
    FILE_WRITE, /* made if missing; commits are durable only after engine_lmdb_sync */
};

/* Opens a data file by its path, without a directory, a lock or a check of its pages. */
int engine_lmdb_file(struct engine **ret, const char *path, enum file_mode mode, char *why,
                     size_t why_size) MUSTER_MUSTCHECK;
int engine_lmdb_sync(struct engine *e) MUSTER_MUSTCHECK;

/* An engine that reads what `of` has committed, for another thread: its transaction sees one
 * instant and blocks nobody. While that lives, no page that was in use then is used again. Destroy
 * it before `of`. */
int engine_lmdb_reader(struct engine **ret, struct engine *of, char *why,
                       size_t why_size) MUSTER_MUSTCHECK;
/* Within a transaction: how many records there are, and the bytes of their pages. */
int engine_lmdb_size(struct engine *e, uint64_t *ret_records, uint64_t *ret_bytes) MUSTER_MUSTCHECK;
/* Bytes that the data file can still grow by, and how many of them are kept for completions. From
 * any thread. */
int engine_lmdb_spare(struct engine *e, uint64_t *ret_bytes,
                      uint64_t *ret_reserve) MUSTER_MUSTCHECK;

#endif
