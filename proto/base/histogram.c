/* histogram.c: reading what was counted. */
#include "base/histogram.h"

void histogram_add(struct histogram *to, const struct histogram *from)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->counts[i] += from->counts[i];
}

uint64_t histogram_total(const struct histogram *h)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        total += h->counts[i];
    return total;
}

/* The middle of a bucket's values. */
static uint64_t middle(uint32_t bucket)
{
    uint32_t shift = bucket >> HISTOGRAM_SUB_BITS;
    shift = shift > 0 ? shift - 1 : 0;
    uint64_t first = (uint64_t)(bucket - (shift << HISTOGRAM_SUB_BITS)) << shift;
    return first + (1ull << shift) / 2;
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t permille)
{
    uint64_t total = histogram_total(h), seen = 0;
    uint64_t rank = (total * permille + 999) / 1000;
    if (total == 0)
        return 0;
    rank += rank == 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= rank)
            return middle(i);
    }
    return 0;
}
