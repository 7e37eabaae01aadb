/* manifest.h: the small text file that makes a backup one: written last, it says what the data file
 * beside it must be. */
#ifndef STORE_MANIFEST_H
#define STORE_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MANIFEST_BYTES 1024

struct manifest {
    uint64_t taken_ms; /* Unix ms: what was acknowledged before is in it */
    uint64_t epoch, id_high;
    uint8_t store_id[16];
    uint64_t bytes, records; /* of the data file */
    uint32_t sum;            /* its CRC-32C */
    uint64_t ready, scheduled, parked;
};

/* As text that ends with a checksum of itself; returns its length. */
size_t manifest_format(const struct manifest *m, char ret[MANIFEST_BYTES]);
/* MUSTER_EDAMAGED when it is not exactly what manifest_format writes, MUSTER_ENEWER, or why it
 * cannot be read. */
int manifest_read(struct manifest *ret, const char *directory, char *why,
                  size_t why_size) MUSTER_MUSTCHECK;

#endif
