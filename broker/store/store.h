/* store.h: durable memory behind one interface: memory (tests), LMDB (default), PostgreSQL (several
 * brokers, later).
 *
 * Not thread-safe: one thread calls it. Everything it says is durable when store_commit returns 0.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "core/batch.h"

struct engine;
struct store;

struct store_options {
    const char *directory;  /* LMDB: made if missing (0700) */
    uint64_t now_ms;        /* Unix ms, for retention at opening */
    uint64_t retain_age_ms; /* history */
    uint64_t retain_jobs;
    uint64_t retain_bytes;
    uint64_t parked_age_ms;
    uint64_t parked_bytes; /* 0: a quarter of the filesystem */
    uint64_t disk_reserve; /* bytes kept free for completions */
    uint64_t key_age_ms;   /* idempotency keys and client sessions: 24 h */
    uint64_t map_bytes;    /* address space; 0: the filesystem's size (tests set it small) */
};

#define STORE_OPTIONS_DEFAULT                                                                      \
    ((struct store_options){.retain_age_ms = 3600000,                                              \
                            .retain_jobs = 100000,                                                 \
                            .retain_bytes = 256u << 20,                                            \
                            .parked_age_ms = 180ull * 86400000,                                    \
                            .disk_reserve = 64u << 20,                                             \
                            .key_age_ms = 86400000})

/* Opens, checks and recovers. MUSTER_EINUSE (another process), MUSTER_EDAMAGED, MUSTER_ENEWER,
 * MUSTER_EIO, MUSTER_ENOSPACE; `why` (256 bytes or more) says which file and what to do. */
int store_open_lmdb(struct store **ret, const struct store_options *options, char *why,
                    size_t why_size) MUSTER_MUSTCHECK;
int store_open_mem(struct store **ret, const struct store_options *options) MUSTER_MUSTCHECK;
void store_close(struct store **store);
/* What a backup reads from (backup.h); valid until the store is closed. */
struct engine *store_engine(struct store *s);

/* Raises the epoch durably and reads what the core starts from. ret->memory is released by
 * boot_free. */
int store_boot(struct store *s, struct boot *ret, char *why, size_t why_size) MUSTER_MUSTCHECK;
void boot_free(struct boot *boot);

/* Carries out the batches, in order, as one transaction. 0: all durable, answers filled in; an
 * OP_SUBMIT that found no room has result MUSTER_ENOSPACE, MUSTER_EDISK_RESERVE or
 * MUSTER_EPARKED_FULL and nothing of it happened. Any other return is fatal: nothing happened, the
 * store takes no more (MUSTER_EIO, MUSTER_EDAMAGED, MUSTER_ENOSPACE). */
int store_commit(struct store *s, struct batch **batches, size_t count, char *why,
                 size_t why_size) MUSTER_MUSTCHECK;

#endif
