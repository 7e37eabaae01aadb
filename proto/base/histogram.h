/* histogram.h: how often which size came, in buckets that grow with the size: 8 to each doubling. A
 * quantile read from it is at most 1/16 (6.25 %) off. Fixed memory; one increment a value. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 3
#define HISTOGRAM_MAX_BITS 42 /* larger values count as the largest bucket; in us: 50 days */
#define HISTOGRAM_BUCKETS  ((HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
    uint32_t counts[HISTOGRAM_BUCKETS];
};

/* Values below 8 have a bucket each; after that, the highest bit and the three after it. */
static inline uint32_t histogram_bucket(uint64_t value)
{
    if (value >> HISTOGRAM_MAX_BITS)
        return HISTOGRAM_BUCKETS - 1;
    uint32_t shift = (uint32_t)(64 - __builtin_clzll(value | 1));
    shift = shift > HISTOGRAM_SUB_BITS + 1 ? shift - HISTOGRAM_SUB_BITS - 1 : 0;
    return (shift << HISTOGRAM_SUB_BITS) + (uint32_t)(value >> shift);
}

void histogram_add(struct histogram *to, const struct histogram *from);
uint64_t histogram_total(const struct histogram *h);
/* The middle of the bucket in which the value lies that `permille` of a thousand are not above; 0
 * when there are none. */
uint64_t histogram_quantile(const struct histogram *h, uint32_t permille);

#endif
