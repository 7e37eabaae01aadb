/* schedule.c: the names. */
#include "base/schedule.h"

#include "base/err.h"

static const char *const overlaps[OVERLAP_COUNT] = {
    [OVERLAP_SKIP] = "skip",
    [OVERLAP_QUEUE_ONE] = "queue_one",
    [OVERLAP_ALLOW] = "allow",
    [OVERLAP_CANCEL_OLD] = "cancel_old",
};
static const char *const catch_ups[CATCH_UP_COUNT] = {
    [CATCH_UP_LATEST] = "latest", [CATCH_UP_NONE] = "none", [CATCH_UP_ALL] = "all"};
static const char *const verdicts[VERDICT_COUNT] = {
    [VERDICT_FIRED] = "fired",     [VERDICT_SKIPPED] = "skipped", [VERDICT_MISSED] = "missed",
    [VERDICT_WAITING] = "waiting", [VERDICT_KNOWN] = "known",     [VERDICT_LATER] = "later",
    [VERDICT_EARLY] = "early",     [VERDICT_BEHIND] = "behind",   [VERDICT_STALE] = "stale",
    [VERDICT_FULL] = "full",
};
static const char *const reasons[REASON_COUNT] = {
    [REASON_DUE] = "due",
    [REASON_OVERLAP] = "overlap",
    [REASON_GAP] = "gap",
    [REASON_WINDOW] = "window",
    [REASON_SUPERSEDED] = "superseded",
    [REASON_BACKFILL] = "backfill",
    [REASON_TRIGGER] = "trigger",
};

static const char *name_of(const char *const *names, unsigned count, unsigned value)
{
    return value < count ? names[value] : "?";
}

static int find(const char *const *names, unsigned count, struct slice name, unsigned *ret)
{
    for (unsigned i = 0; i < count; i++) {
        if (slice_is(name, names[i])) {
            *ret = i;
            return 0;
        }
    }
    return MUSTER_EINVAL;
}

const char *overlap_name(enum overlap overlap)
{
    return name_of(overlaps, OVERLAP_COUNT, overlap);
}

const char *catch_up_name(enum catch_up catch_up)
{
    return name_of(catch_ups, CATCH_UP_COUNT, catch_up);
}

const char *fire_verdict_name(enum fire_verdict verdict)
{
    return name_of(verdicts, VERDICT_COUNT, verdict);
}

const char *fire_reason_name(enum fire_reason reason)
{
    return name_of(reasons, REASON_COUNT, reason);
}

int overlap_parse(struct slice name, enum overlap *ret)
{
    unsigned found = 0;
    int error = find(overlaps, OVERLAP_COUNT, name, &found);
    *ret = (enum overlap)found;
    return error;
}

int catch_up_parse(struct slice name, enum catch_up *ret)
{
    unsigned found = 0;
    int error = find(catch_ups, CATCH_UP_COUNT, name, &found);
    *ret = (enum catch_up)found;
    return error;
}
