/* backoff.c: delays between tries. The random part comes from the caller's generator alone, so a
 * run can be repeated. */
#include "base/backoff.h"

static uint64_t grown(const struct backoff *b, uint32_t failures)
{
    uint64_t steps = failures ? failures - 1u : 0;
    switch (b->kind) {
    case BACKOFF_LINEAR:
        if (b->base_ms && steps + 1 > b->cap_ms / b->base_ms)
            return b->cap_ms;
        return b->base_ms * (steps + 1);
    case BACKOFF_FIXED:
        return b->base_ms < b->cap_ms ? b->base_ms : b->cap_ms;
    default:
        if (b->base_ms && (steps > 63 || b->base_ms > b->cap_ms >> steps))
            return b->cap_ms;
        return b->base_ms ? b->base_ms << steps : 0;
    }
}

uint64_t backoff_delay_ms(const struct backoff *b, uint32_t failures, struct rng *rng)
{
    uint64_t delay = grown(b, failures);
    unsigned jitter = b->jitter_permille > 1000 ? 1000 : b->jitter_permille;
    uint64_t cut = (uint64_t)((double)delay * jitter / 1000.0 * rng_unit(rng));
    return cut < delay ? delay - cut : 0;
}

/* "exponential", "linear" or "fixed"; "?" for none. */
const char *backoff_kind_name(uint8_t kind)
{
    static const char *const names[BACKOFF_KIND_COUNT] = {
        [BACKOFF_EXPONENTIAL] = "exponential",
        [BACKOFF_LINEAR] = "linear",
        [BACKOFF_FIXED] = "fixed",
    };
    return kind < BACKOFF_KIND_COUNT ? names[kind] : "?";
}
