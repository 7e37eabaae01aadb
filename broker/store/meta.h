/* meta.h: table meta: what the store knows of itself. */
#ifndef STORE_META_H
#define STORE_META_H

#include "store/inner.h"

#define META_FORMAT        "format"   /* number: STORE_FORMAT of the program that wrote it */
#define META_ID            "store_id" /* 16 random bytes, drawn when it was made */
#define META_EPOCH         "epoch"    /* number: starts so far */
#define META_ID_HIGH       "id_high"  /* number: no id or sequence number above it was ever drawn */
#define META_SCHEDULE_HIGH "schedule_high" /* number: the highest that a schedule ever had */

/* 0 when there is no such row. */
int meta_get_number(struct store *s, const char *name, uint64_t *ret) MUSTER_MUSTCHECK;
int meta_put_number(struct store *s, const char *name, uint64_t value) MUSTER_MUSTCHECK;
/* Checks the format of an existing store, which is ours from then on, or makes a new one. Needs a
 * transaction. */
int meta_check(struct store *s) MUSTER_MUSTCHECK;

/* Calls `row` for each row of a table until one fails. */
int table_walk(struct store *s, enum table table,
               int (*row)(struct store *, const struct cursor *)) MUSTER_MUSTCHECK;

#endif
