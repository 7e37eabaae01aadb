/* backfill.c: takes times from a plan, keeps what is not judged. */
#include "cli/backfill.h"

#define SECOND_MS 1000

void backfill_init(struct backfill *b, const struct plan *plan, uint64_t from_ms, uint64_t to_ms)
{
    int64_t from = (int64_t)(from_ms / SECOND_MS) + (from_ms % SECOND_MS != 0);
    *b = (struct backfill){.plan = *plan, .at = from - 1, .to = (int64_t)(to_ms / SECOND_MS)};
}

uint32_t backfill_fill(struct backfill *b)
{
    struct occurrence next;
    while (!b->end && b->count < FIRE_MAX) {
        if (!plan_next(&b->plan, b->at, &next) || next.utc > b->to) {
            b->end = true;
            break;
        }
        b->again[b->count] = false;
        b->open[b->count++] = next;
        b->at = next.utc;
    }
    return b->count;
}

void backfill_settle(struct backfill *b, uint64_t nominal_ms, enum fire_verdict verdict)
{
    for (uint32_t i = 0; i < b->unsure_count; i++) {
        if (b->unsure_ms[i] != nominal_ms)
            continue;
        b->verdicts[verdict]++;
        b->unsure_count--;
        memmove(&b->unsure_ms[i], &b->unsure_ms[i + 1],
                (b->unsure_count - i) * sizeof b->unsure_ms[0]);
        return;
    }
}

void backfill_settle_rest(struct backfill *b)
{
    b->verdicts[VERDICT_KNOWN] += b->unsure_count;
    b->unsure_count = 0;
}

struct backfill_step backfill_take(struct backfill *b, struct slice verdicts)
{
    struct backfill_step step = {0};
    uint32_t left = 0;
    backfill_settle_rest(b);
    for (uint32_t i = 0; i < b->count; i++) {
        uint8_t verdict = i < verdicts.len ? verdicts.data[i] : VERDICT_LATER;
        if (verdict <= VERDICT_KNOWN || verdict == VERDICT_EARLY) {
            step.judged++;
            if (verdict == VERDICT_KNOWN && b->again[i])
                b->unsure_ms[b->unsure_count++] = (uint64_t)b->open[i].utc * SECOND_MS;
            else
                b->verdicts[verdict]++;
            continue;
        }
        step.stale = step.stale || verdict == VERDICT_STALE;
        step.full = step.full || verdict == VERDICT_FULL;
        b->again[left] = true;
        b->open[left++] = b->open[i];
    }
    b->count = left;
    return step;
}

void backfill_column(const struct backfill *b, uint8_t column[8 * FIRE_MAX])
{
    for (uint32_t i = 0; i < b->count; i++)
        column_put_u64(column, i, (uint64_t)b->open[i].utc * SECOND_MS);
}

uint32_t backfill_find(const struct backfill *b, uint64_t nominal_ms)
{
    uint32_t low = 0, high = b->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t ms = (uint64_t)b->open[middle].utc * SECOND_MS;
        if (ms == nominal_ms)
            return middle;
        if (ms < nominal_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return FIRE_MAX;
}
