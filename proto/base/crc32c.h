/* crc32c.h: CRC-32C (Castagnoli), hardware-assisted where the CPU has it. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* `crc` is 0 for the first piece, or the result for the pieces before. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
