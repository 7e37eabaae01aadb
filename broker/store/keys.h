/* keys.h: the keys of all tables. Numbers are big-endian, so that bytes sort as numbers do. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "base/limits.h"
#include "store/engine.h"

struct key {
    size_t len;
    uint8_t bytes[KEY_BYTES_MAX];
};

static inline struct slice key_slice(const struct key *k)
{
    return slice_of(k->bytes, k->len);
}

static inline void key_add_u8(struct key *k, uint8_t value)
{
    k->bytes[k->len++] = value;
}

static inline void key_add_u32(struct key *k, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        key_add_u8(k, (uint8_t)(value >> shift));
}

static inline void key_add_u64(struct key *k, uint64_t value)
{
    key_add_u32(k, (uint32_t)(value >> 32));
    key_add_u32(k, (uint32_t)value);
}

static inline void key_add_bytes(struct key *k, struct slice bytes)
{
    if (bytes.len)
        memcpy(k->bytes + k->len, bytes.data, bytes.len);
    k->len += bytes.len;
}

/* LANE, SCHEDULE, SCHEDULE_STATE, SCHEDULE_GONE */
static inline struct slice key_u32(struct key *k, uint32_t value)
{
    k->len = 0;
    key_add_u32(k, value);
    return key_slice(k);
}

/* JOB, PARKED, HISTORY */
static inline struct slice key_u64(struct key *k, uint64_t value)
{
    k->len = 0;
    key_add_u64(k, value);
    return key_slice(k);
}

/* DUE and PARKED_AT (time, id), ATTEMPT (id, number) */
static inline struct slice key_pair(struct key *k, uint64_t first, uint64_t second)
{
    k->len = 0;
    key_add_u64(k, first);
    key_add_u64(k, second);
    return key_slice(k);
}

/* MARK */
static inline struct slice key_mark(struct key *k, uint32_t lane, uint8_t priority)
{
    k->len = 0;
    key_add_u32(k, lane);
    key_add_u8(k, priority);
    return key_slice(k);
}

#define KEY_LEDGER_BYTES 12

/* LEDGER */
static inline struct slice key_ledger(struct key *k, uint32_t schedule, uint64_t nominal_ms)
{
    key_u32(k, schedule);
    key_add_u64(k, nominal_ms);
    return key_slice(k);
}

#define KEY_READY_BYTES 13

/* READY */
static inline struct slice key_ready(struct key *k, uint32_t lane, uint8_t priority, uint64_t seq)
{
    key_mark(k, lane, priority);
    key_add_u64(k, seq);
    return key_slice(k);
}

/* WORKER, CLIENT */
static inline struct slice key_session(struct key *k, const uint8_t session[SESSION_ID_BYTES])
{
    k->len = 0;
    key_add_bytes(k, slice_of(session, SESSION_ID_BYTES));
    return key_slice(k);
}

/* SUBMITTED, DONE */
static inline struct slice key_numbered(struct key *k, const uint8_t session[SESSION_ID_BYTES],
                                        uint64_t number)
{
    key_session(k, session);
    key_add_u64(k, number);
    return key_slice(k);
}

/* CLIENT_USE */
static inline struct slice key_use(struct key *k, uint64_t hour,
                                   const uint8_t session[SESSION_ID_BYTES])
{
    key_u64(k, hour);
    key_add_bytes(k, slice_of(session, SESSION_ID_BYTES));
    return key_slice(k);
}

static inline uint32_t key_u32_at(struct slice key, size_t offset)
{
    const uint8_t *p = key.data + offset;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline uint64_t key_u64_at(struct slice key, size_t offset)
{
    return (uint64_t)key_u32_at(key, offset) << 32 | key_u32_at(key, offset + 4);
}

static inline bool key_starts(struct slice key, const void *prefix, size_t len)
{
    return key.len >= len && memcmp(key.data, prefix, len) == 0;
}

#endif
