/* hash.c: the one hash of byte strings. It is stored on disk, so its results never change: 8 bytes
 * at a time, read little-endian, folded in by multiply and rotate (as MurmurHash3 does with its
 * blocks), the rest padded with zeros, the length last, and splitmix64's finisher. Not keyed: not
 * for strangers who want collisions. */
#include "base/map.h"

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t fold(uint64_t hash, uint64_t word)
{
    word = rotate(word * 0x87C37B91114253D5u, 31) * 0x4CF5AD432745937Fu;
    return rotate(hash ^ word, 27) * 5 + 0x52DCE729;
}

/* 64 bits from any bytes, the same on every machine and in every version. */
uint64_t hash_bytes(struct slice bytes)
{
    uint64_t hash = 0x9E3779B97F4A7C15u;
    size_t whole = bytes.len / 8;
    for (size_t i = 0; i < whole; i++)
        hash = fold(hash, slice_u64_at(bytes, i));
    uint64_t rest = 0;
    for (size_t i = whole * 8; i < bytes.len; i++)
        rest |= (uint64_t)bytes.data[i] << (8 * (i & 7));
    hash = fold(hash, rest) ^ bytes.len;
    hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9u;
    hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBu;
    return hash ^ (hash >> 31);
}
