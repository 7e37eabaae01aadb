/* record.c: the encodings of all records. Reading checks every number against its type and limit,
 * so that what comes out can be trusted as a value, whatever lay on the disk. */
#include "store/record.h"

/* FIELD(bit, member, default, greatest): numbers that are written when they differ from the
 * default. */
#define HEAD_FIELDS(FIELD)                                                                         \
    FIELD(0, seq, h->id, UINT64_MAX)                                                               \
    FIELD(1, run, 1, UINT32_MAX)                                                                   \
    FIELD(2, failures, 0, UINT32_MAX)                                                              \
    FIELD(3, losses, 0, UINT32_MAX)                                                                \
    FIELD(4, attempts, 0, UINT32_MAX)                                                              \
    FIELD(5, due_ms, h->created_ms, UINT64_MAX)                                                    \
    FIELD(6, delay_ms, 0, UINT64_MAX)
#define HEAD_BITS  7
#define HEAD_BOUND 128

#define SPEC_FIELDS(FIELD)                                                                         \
    FIELD(0, max_attempts, MAX_ATTEMPTS_DEFAULT, UINT32_MAX)                                       \
    FIELD(1, run_timeout_ms, RUN_TIMEOUT_DEFAULT_MS, UINT32_MAX)                                   \
    FIELD(2, expires_ms, 0, UINT64_MAX)                                                            \
    FIELD(6, nominal_ms, 0, UINT64_MAX)
#define SPEC_BACKOFF  (1u << 3)
#define SPEC_NOTIFY   (1u << 4)
#define SPEC_META     (1u << 5)
#define SPEC_SCHEDULE (1u << 7)
#define SPEC_BITS     8
#define SPEC_BOUND    128

static bool notify_set(const struct job_spec *spec)
{
    static const uint8_t none[SESSION_ID_BYTES];
    return memcmp(spec->notify, none, sizeof(none)) != 0;
}

static bool backoff_default(const struct backoff *b)
{
    const struct backoff usual = BACKOFF_DEFAULT;
    return b->kind == usual.kind && b->jitter_permille == usual.jitter_permille &&
           b->base_ms == usual.base_ms && b->cap_ms == usual.cap_ms;
}

static uint32_t spec_mask(const struct job_spec *spec)
{
    uint32_t mask = 0;
#define FIELD(bit, member, usual, greatest) mask |= (spec->member != (usual)) ? 1u << (bit) : 0;
    SPEC_FIELDS(FIELD)
#undef FIELD
    mask |= backoff_default(&spec->backoff) ? 0 : SPEC_BACKOFF;
    mask |= notify_set(spec) ? SPEC_NOTIFY : 0;
    mask |= spec->meta.len ? SPEC_META : 0;
    mask |= spec->schedule.len ? SPEC_SCHEDULE : 0;
    return mask;
}

bool spec_is_default(const struct job_spec *spec)
{
    return spec_mask(spec) == 0;
}

size_t spec_bound(const struct job_spec *spec)
{
    return SPEC_BOUND + spec->meta.len + spec->schedule.len;
}

void spec_encode(struct enc *e, const struct job_spec *spec)
{
    uint32_t mask = spec_mask(spec);
    enc_var(e, mask);
#define FIELD(bit, member, usual, greatest)                                                        \
    if (mask & 1u << (bit))                                                                        \
        enc_var(e, spec->member);
    SPEC_FIELDS(FIELD)
#undef FIELD
    if (mask & SPEC_BACKOFF) {
        enc_u8(e, spec->backoff.kind);
        enc_var(e, spec->backoff.jitter_permille);
        enc_var(e, spec->backoff.base_ms);
        enc_var(e, spec->backoff.cap_ms);
    }
    if (mask & SPEC_NOTIFY)
        enc_raw(e, slice_of(spec->notify, sizeof(spec->notify)));
    if (mask & SPEC_META)
        enc_bytes(e, spec->meta);
    if (mask & SPEC_SCHEDULE)
        enc_bytes(e, spec->schedule);
}

static void spec_decode_rest(struct dec *d, uint64_t mask, struct job_spec *ret)
{
    if (mask & SPEC_BACKOFF) {
        ret->backoff.kind = dec_u8(d);
        ret->backoff.jitter_permille = (uint16_t)dec_upto(d, 1000);
        ret->backoff.base_ms = dec_var(d);
        ret->backoff.cap_ms = dec_var(d);
        if (ret->backoff.kind >= BACKOFF_KIND_COUNT)
            d->bad = true;
    }
    if (mask & SPEC_NOTIFY) {
        struct slice notify = dec_raw(d, sizeof(ret->notify));
        if (notify.len)
            memcpy(ret->notify, notify.data, sizeof(ret->notify));
    }
    if (mask & SPEC_META)
        ret->meta = dec_bytes(d);
    if (mask & SPEC_SCHEDULE)
        ret->schedule = dec_bytes(d);
}

void spec_decode(struct dec *d, struct job_spec *ret)
{
    *ret = JOB_SPEC_DEFAULT;
    uint64_t mask = dec_upto(d, (1u << SPEC_BITS) - 1);
    if (!mask)
        return;
#define FIELD(bit, member, usual, greatest)                                                        \
    if (mask & 1u << (bit))                                                                        \
        ret->member = (__typeof__(ret->member))dec_upto(d, greatest);
    SPEC_FIELDS(FIELD)
#undef FIELD
    spec_decode_rest(d, mask, ret);
}

size_t job_bound(const struct job_spec *spec)
{
    return HEAD_BOUND + spec_bound(spec);
}

void job_encode(struct enc *e, const struct job_head *h, const struct job_spec *spec)
{
    uint32_t mask = 0;
#define FIELD(bit, member, usual, greatest) mask |= (h->member != (usual)) ? 1u << (bit) : 0;
    HEAD_FIELDS(FIELD)
#undef FIELD
    enc_u8(e, spec_is_default(spec) ? ROW_JOB : ROW_JOB_SPEC);
    enc_u64(e, h->id);
    enc_var(e, h->lane);
    enc_u8(e, (unsigned)h->state << 4 | h->priority);
    enc_var(e, h->flags);
    enc_var(e, h->created_ms);
    enc_var(e, mask);
#define FIELD(bit, member, usual, greatest)                                                        \
    if (mask & 1u << (bit))                                                                        \
        enc_var(e, h->member);
    HEAD_FIELDS(FIELD)
#undef FIELD
    spec_encode(e, spec);
}

bool job_decode(struct dec *d, struct record *ret)
{
    struct job_head *h = &ret->head;
    *h = (struct job_head){0};
    uint8_t kind = dec_u8(d);
    h->id = dec_u64(d);
    h->lane = (uint32_t)dec_upto(d, UINT32_MAX);
    uint8_t packed = dec_u8(d);
    h->state = packed >> 4;
    h->priority = packed & 15;
    h->flags = (uint16_t)dec_upto(d, UINT16_MAX);
    h->created_ms = dec_var(d);
    uint64_t mask = dec_upto(d, (1u << HEAD_BITS) - 1);
#define FIELD(bit, member, usual, greatest)                                                        \
    h->member = (mask & 1u << (bit)) ? (__typeof__(h->member))dec_upto(d, greatest)                \
                                     : (__typeof__(h->member))(usual);
    HEAD_FIELDS(FIELD)
#undef FIELD
    spec_decode(d, &ret->spec);
    ret->args = dec_rest(d);
    return !d->bad && (kind == ROW_JOB || kind == ROW_JOB_SPEC) && h->priority < PRIORITY_COUNT &&
           h->state < JOB_STATE_COUNT;
}

void ref_encode(struct enc *e, uint64_t id)
{
    enc_u8(e, ROW_REF);
    enc_u64(e, id);
}

uint8_t row_kind(struct slice value)
{
    return value.len > FRAME_OVERHEAD ? value.data[FRAME_OVERHEAD] : 0;
}

size_t attempt_bound(const struct attempt *a)
{
    return 128 + a->worker.len + a->code.len + a->message.len + a->signal.len + a->log.len;
}

void attempt_encode(struct enc *e, const struct attempt *a)
{
    enc_var(e, a->number);
    enc_var(e, a->run);
    enc_u8(e, a->outcome);
    enc_zigzag(e, a->exit_status);
    enc_var(e, a->started_ms);
    enc_var(e, a->ended_ms);
    enc_bytes(e, a->worker);
    enc_bytes(e, a->code);
    enc_bytes(e, a->message);
    enc_bytes(e, a->signal);
    enc_bytes(e, a->log);
}

bool attempt_decode(struct dec *d, struct attempt *ret)
{
    ret->number = (uint32_t)dec_upto(d, UINT32_MAX);
    ret->run = (uint32_t)dec_upto(d, UINT32_MAX);
    ret->outcome = dec_u8(d);
    int64_t status = dec_zigzag(d);
    ret->exit_status = (int16_t)status;
    ret->started_ms = dec_var(d);
    ret->ended_ms = dec_var(d);
    ret->worker = dec_bytes(d);
    ret->code = dec_bytes(d);
    ret->message = dec_bytes(d);
    ret->signal = dec_bytes(d);
    ret->log = dec_bytes(d);
    return !d->bad && ret->outcome < ATTEMPT_OUTCOME_COUNT && status == ret->exit_status;
}

size_t lane_bound(const struct lane_record *r)
{
    return 64 + r->queue.len + r->kind.len + r->group.len;
}

void lane_encode(struct enc *e, const struct lane_record *r)
{
    enc_bytes(e, r->queue);
    enc_bytes(e, r->kind);
    enc_bytes(e, r->group);
    enc_var(e, r->priorities);
    enc_var(e, r->rows);
}

bool lane_decode(struct dec *d, struct lane_record *ret)
{
    ret->queue = dec_bytes(d);
    ret->kind = dec_bytes(d);
    ret->group = dec_bytes(d);
    ret->priorities = (uint16_t)dec_upto(d, (1u << PRIORITY_COUNT) - 1);
    ret->rows = dec_var(d);
    return !d->bad;
}

/* In the order in which they are written. */
#define QUEUE_FIELDS(FIELD)                                                                        \
    FIELD(counters.submitted)                                                                      \
    FIELD(counters.completed)                                                                      \
    FIELD(counters.cancelled)                                                                      \
    FIELD(counters.expired)                                                                        \
    FIELD(counters.failed)                                                                         \
    FIELD(counters.lost)                                                                           \
    FIELD(counters.parked_total)                                                                   \
    FIELD(counters.trimmed)                                                                        \
    FIELD(counters.ready)                                                                          \
    FIELD(counters.scheduled)                                                                      \
    FIELD(counters.parked)                                                                         \
    FIELD(parked_bytes)

void queue_encode(struct enc *e, const struct queue_record *r)
{
    enc_u8(e, r->paused);
#define FIELD(member) enc_var(e, r->member);
    QUEUE_FIELDS(FIELD)
#undef FIELD
}

bool queue_decode(struct dec *d, struct queue_record *ret)
{
    uint8_t paused = dec_u8(d);
    ret->paused = paused == 1;
#define FIELD(member) ret->member = dec_var(d);
    QUEUE_FIELDS(FIELD)
#undef FIELD
    return !d->bad && paused <= 1;
}

void client_encode(struct enc *e, const struct client_record *r)
{
    enc_var(e, r->confirmed);
    enc_var(e, r->used_ms);
    enc_var(e, r->done_taken);
    enc_var(e, r->done_last);
}

bool client_decode(struct dec *d, struct client_record *ret)
{
    ret->confirmed = dec_var(d);
    ret->used_ms = dec_var(d);
    ret->done_taken = dec_var(d);
    ret->done_last = dec_var(d);
    return !d->bad;
}

void key_encode(struct enc *e, const struct key_record *r)
{
    enc_u64(e, r->id);
    enc_u64(e, r->hash);
    enc_var(e, r->created_ms);
}

bool key_decode(struct dec *d, struct key_record *ret)
{
    ret->id = dec_u64(d);
    ret->hash = dec_u64(d);
    ret->created_ms = dec_var(d);
    return !d->bad;
}

void parked_encode(struct enc *e, const struct parked_record *r)
{
    enc_var(e, r->at_ms);
    enc_var(e, r->bytes);
    enc_var(e, r->lane);
}

bool parked_decode(struct dec *d, struct parked_record *ret)
{
    ret->at_ms = dec_var(d);
    ret->bytes = dec_var(d);
    ret->lane = (uint32_t)dec_upto(d, UINT32_MAX);
    return !d->bad;
}

size_t submitted_bound(const struct client_number *r)
{
    return 64 + (size_t)r->count * 9;
}

void submitted_encode(struct enc *e, const struct client_number *r)
{
    enc_u64(e, r->first_id);
    enc_var(e, r->count);
    enc_u8(e, r->outcomes != NULL);
    if (!r->outcomes)
        return;
    enc_raw(e, slice_of(r->outcomes, r->count));
    for (uint32_t i = 0; i < r->count; i++)
        enc_u64(e, r->ids[i]);
}

bool submitted_decode(struct dec *d, struct client_number *ret, struct slice *ret_outcomes,
                      struct slice *ret_ids)
{
    ret->first_id = dec_u64(d);
    ret->count = (uint32_t)dec_upto(d, UINT32_MAX);
    bool mixed = dec_u8(d) != 0;
    *ret_outcomes = dec_raw(d, mixed ? ret->count : 0);
    *ret_ids = dec_raw(d, mixed ? (uint64_t)ret->count * 8 : 0);
    return !d->bad;
}

size_t done_bound(const struct done_row *r)
{
    return 64 + r->result.len + r->code.len + r->message.len;
}

void done_encode(struct enc *e, const struct done_row *r)
{
    enc_u64(e, r->id);
    enc_u8(e, r->state);
    enc_bytes(e, r->code);
    enc_bytes(e, r->message);
    enc_bytes(e, r->result);
}

bool done_decode(struct dec *d, struct done_row *ret)
{
    ret->id = dec_u64(d);
    ret->state = dec_u8(d);
    ret->code = dec_bytes(d);
    ret->message = dec_bytes(d);
    ret->result = dec_bytes(d);
    return !d->bad && ret->state < JOB_STATE_COUNT;
}

size_t worker_bound(struct slice name)
{
    return 32 + name.len;
}

void worker_encode(struct enc *e, bool lapsed, uint64_t results_next, struct slice name)
{
    enc_u8(e, lapsed);
    enc_var(e, results_next);
    enc_bytes(e, name);
}

bool worker_decode(struct dec *d, struct boot_worker *ret)
{
    uint8_t lapsed = dec_u8(d);
    ret->lapsed = lapsed == 1;
    ret->results_next = dec_var(d);
    ret->name = dec_bytes(d);
    return !d->bad && lapsed <= 1;
}

size_t schedule_bound(const struct schedule_record *r)
{
    return 64 + r->name.len + r->source.len + r->definition.len;
}

void schedule_encode(struct enc *e, const struct schedule_record *r)
{
    enc_bytes(e, r->name);
    enc_bytes(e, r->source);
    enc_bytes(e, r->definition);
}

bool schedule_decode(struct dec *d, struct schedule_record *ret)
{
    ret->name = dec_bytes(d);
    ret->source = dec_bytes(d);
    ret->definition = dec_bytes(d);
    return !d->bad && ret->name.len > 0;
}

/* Bits of a ledger row: what is there when it says something. */
enum { LEDGER_JOB = 1, LEDGER_FIRST = 2, LEDGER_COUNT = 4, LEDGER_MASK_MAX = 7 };

void ledger_encode(struct enc *e, const struct ledger_row *r)
{
    unsigned mask = (r->job ? LEDGER_JOB : 0u) | (r->first_ms ? LEDGER_FIRST : 0u) |
                    (r->count ? LEDGER_COUNT : 0u);
    enc_u8(e, mask);
    enc_u8(e, r->verdict);
    enc_u8(e, r->reason);
    enc_var(e, r->judged_ms);
    if (mask & LEDGER_JOB)
        enc_u64(e, r->job);
    if (mask & LEDGER_FIRST)
        enc_var(e, r->first_ms);
    if (mask & LEDGER_COUNT)
        enc_var(e, r->count);
}

bool ledger_decode(struct dec *d, uint64_t nominal_ms, struct ledger_row *ret)
{
    uint8_t mask = dec_u8(d);
    *ret = (struct ledger_row){.nominal_ms = nominal_ms};
    ret->verdict = dec_u8(d);
    ret->reason = dec_u8(d);
    ret->judged_ms = dec_var(d);
    ret->job = mask & LEDGER_JOB ? dec_u64(d) : 0;
    ret->first_ms = mask & LEDGER_FIRST ? dec_var(d) : 0;
    ret->count = mask & LEDGER_COUNT ? (uint32_t)dec_upto(d, UINT32_MAX) : 0;
    return !d->bad && mask <= LEDGER_MASK_MAX && ret->verdict < VERDICT_STORED_COUNT &&
           ret->reason < REASON_COUNT;
}

size_t schedule_state_bound(const struct schedule_state *r)
{
    return 64 + LEDGER_BOUND + r->runs.len;
}

void schedule_state_encode(struct enc *e, const struct schedule_state *r)
{
    enc_u8(e, r->paused);
    enc_var(e, r->through_ms);
    enc_var(e, r->waiting_ms);
    enc_bytes(e, r->runs);
    enc_u8(e, r->last.judged_ms != 0);
    if (!r->last.judged_ms)
        return;
    enc_var(e, r->last.nominal_ms);
    ledger_encode(e, &r->last);
}

bool schedule_state_decode(struct dec *d, struct schedule_state *ret)
{
    uint8_t paused = dec_u8(d);
    *ret = (struct schedule_state){.paused = paused == 1};
    ret->through_ms = dec_var(d);
    ret->waiting_ms = dec_var(d);
    ret->runs = dec_bytes(d);
    uint8_t has_last = dec_u8(d);
    bool good = !d->bad && paused <= 1 && has_last <= 1 && ret->runs.len % 8 == 0;
    if (!good || !has_last)
        return good;
    uint64_t nominal_ms = dec_var(d);
    return ledger_decode(d, nominal_ms, &ret->last) && ret->last.judged_ms != 0;
}
