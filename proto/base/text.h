/* text.h: what people write and read: names, durations, sizes, times, job ids. Nothing here
 * allocates. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/slice.h"

#define NAME_MAX_BYTES      128
#define JOB_ID_TEXT_BYTES   14 /* 13 characters and NUL */
#define TIME_TEXT_BYTES     28
#define DURATION_TEXT_BYTES 32

/* Queue, kind, worker and schedule names: 1 to 128 bytes of [A-Za-z0-9._:/-], first a letter or
 * digit. */
bool name_valid(struct slice name);

/* "250ms 10s 5m 1h30m 2d": units d h m s ms in falling order, each once, never a bare number. 0 or
 * MUSTER_EINVAL. */
int duration_parse(const char *text, uint64_t *ret_ms);
void duration_format(uint64_t ms, char out[DURATION_TEXT_BYTES]);
/* "1024", "256KiB", "1GiB", "64MB": 0 or MUSTER_EINVAL. */
int size_parse(const char *text, uint64_t *ret_bytes);
void size_format(uint64_t bytes, char *out, size_t out_size);

/* RFC 3339, UTC, milliseconds: 2026-11-22T09:15:00.123Z, from Unix milliseconds. */
void time_format(uint64_t unix_ms, char out[TIME_TEXT_BYTES]);
/* RFC 3339 with Z or an offset; fraction optional. 0 or MUSTER_EINVAL. */
int time_parse(const char *text, uint64_t *ret_unix_ms);

/* 13 characters of lower-case Crockford base32; parsing takes upper case and i l o as Crockford
 * does. */
void job_id_format(uint64_t id, char out[JOB_ID_TEXT_BYTES]);
int job_id_parse(const char *text, uint64_t *ret_id);

#endif
