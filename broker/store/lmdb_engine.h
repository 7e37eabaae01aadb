/* lmdb_engine.h: opens the engine on LMDB. */
#ifndef STORE_LMDB_ENGINE_H
#define STORE_LMDB_ENGINE_H

#include "store/engine.h"
#include "store/store.h"

/* Claims options->directory and opens the data file in it. Errors as store_open_lmdb. */
int engine_lmdb(struct engine **ret, const struct store_options *options, char *why,
                size_t why_size) MUSTER_MUSTCHECK;

#endif
