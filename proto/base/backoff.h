/* backoff.h: how long to wait before try n: min(cap, base * growth(n)) * (1 - jitter * rand). */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include "base/rng.h"
#include "base/slice.h"

enum backoff_kind { BACKOFF_EXPONENTIAL, BACKOFF_LINEAR, BACKOFF_FIXED, BACKOFF_KIND_COUNT };

struct backoff {
    uint8_t kind;             /* enum backoff_kind */
    uint16_t jitter_permille; /* 0..1000 */
    uint64_t base_ms;
    uint64_t cap_ms;
};

#define BACKOFF_DEFAULT ((struct backoff){BACKOFF_EXPONENTIAL, 250, 15000, 21600000})

/* Milliseconds before the try after failure number `failures` (1 is the first failure). Never
 * overflows. */
uint64_t backoff_delay_ms(const struct backoff *b, uint32_t failures, struct rng *rng);
/* Reads "exponential:2s:1h", "linear:5s:10m", "fixed:30s" (cap optional). 0 or MUSTER_EINVAL; *ret
 * untouched then. */
int backoff_parse(const char *text, struct backoff *ret);
const char *backoff_kind_name(uint8_t kind);

#endif
