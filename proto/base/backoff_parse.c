/* backoff_parse.c: "exponential:2s:1h" as people write it. */
#include "base/backoff.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/text.h"

/* Reads the duration from `text` up to `end`. */
static int part_parse(const char *text, const char *end, uint64_t *ret_ms)
{
    char part[DURATION_TEXT_BYTES];
    size_t len = (size_t)(end - text);
    if (len >= sizeof(part))
        return MUSTER_EINVAL;
    memcpy(part, text, len);
    part[len] = '\0';
    uint64_t ms;
    int error = duration_parse(part, &ms);
    if (error || ms > DELAY_MAX_MS)
        return MUSTER_EINVAL;
    *ret_ms = ms;
    return 0;
}

/* Without a cap it is the default one, or the base if that is longer; the jitter is the default
 * one. */
int backoff_parse(const char *text, struct backoff *ret)
{
    struct backoff b = BACKOFF_DEFAULT;
    const char *colon = strchr(text, ':');
    if (!colon)
        return MUSTER_EINVAL;
    for (b.kind = 0; b.kind < BACKOFF_KIND_COUNT; b.kind++) {
        if (slice_is(slice_of(text, (size_t)(colon - text)), backoff_kind_name(b.kind)))
            break;
    }
    if (b.kind == BACKOFF_KIND_COUNT)
        return MUSTER_EINVAL;
    const char *base = colon + 1;
    const char *second = strchr(base, ':');
    int error = part_parse(base, second ? second : base + strlen(base), &b.base_ms);
    if (error)
        return error;
    if (second) {
        error = part_parse(second + 1, second + strlen(second), &b.cap_ms);
        if (error || b.cap_ms < b.base_ms)
            return MUSTER_EINVAL;
    } else if (b.cap_ms < b.base_ms) {
        b.cap_ms = b.base_ms;
    }
    *ret = b;
    return 0;
}
