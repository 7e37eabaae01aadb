/* wire_check.c: the rules of a message that no single field shows, as one table. */
#include "wire_table.h"

/* A field as the rules name it. */
struct operand {
    const char *name;
    uint16_t offset;
    uint8_t key;
};

struct rule {
    int (*check)(const struct rule *rule, const uint8_t *message, const struct wire_why *why);
    struct operand a, b;
    uint64_t value;
};

static bool has(const uint8_t *message, struct operand field)
{
    uint64_t bits;
    memcpy(&bits, message, sizeof(bits));
    return bits >> field.key & 1;
}

static uint64_t num_of(const uint8_t *message, struct operand field)
{
    return *(const msg_NUM *)(const void *)(message + field.offset);
}

static struct slice bytes_of(const uint8_t *message, struct operand field)
{
    return *(const struct slice *)(const void *)(message + field.offset);
}

static uint32_t entries_of(const uint8_t *message, struct operand field)
{
    return ((const struct strs *)(const void *)(message + field.offset))->count;
}

/* Sum of a column of u32: at most 65,535 entries, so it cannot overflow. Two entries are added at a
 * time. */
static uint64_t sum_u32(struct slice column)
{
    uint64_t low = 0, high = 0;
    size_t pairs = column.len / 8;
    for (size_t i = 0; i < pairs; i++) {
        uint64_t word = slice_u64_at(column, i);
        low += word & UINT32_MAX;
        high += word >> 32;
    }
    return low + high + (column.len & 4 ? slice_u32_at(column, column.len / 4 - 1) : 0);
}

/* a (NUM) is at least `value`. */
static int at_least(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    uint64_t number = num_of(message, rule->a);
    if (number >= rule->value)
        return 0;
    return wire_refuse(why, MUSTER_EPROTO, rule->a.name, "%llu is below %llu",
                       (unsigned long long)number, (unsigned long long)rule->value);
}

/* a (NUM) is not above b (NUM). */
static int ordered(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    if (num_of(message, rule->a) <= num_of(message, rule->b))
        return 0;
    return wire_refuse(why, MUSTER_EPROTO, rule->a.name, "above %s", rule->b.name);
}

/* a (NUM, absent: 0) is below b (NUM, absent: 1). */
static int part_of(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    uint64_t parts = has(message, rule->b) ? num_of(message, rule->b) : 1;
    if (num_of(message, rule->a) < parts)
        return 0;
    return wire_refuse(why, MUSTER_EPROTO, rule->a.name, "not below %s", rule->b.name);
}

/* a (BIN) has exactly `value` bytes. */
static int exact(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    struct slice bytes = bytes_of(message, rule->a);
    if (bytes.len == rule->value)
        return 0;
    return wire_refuse(why, MUSTER_EPROTO, rule->a.name, "%zu bytes, not %llu", bytes.len,
                       (unsigned long long)rule->value);
}

static int magic(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    if (slice_is(bytes_of(message, rule->a), PROTOCOL_MAGIC))
        return 0;
    return wire_refuse(why, MUSTER_EPROTO, rule->a.name, "not " PROTOCOL_MAGIC);
}

/* Every column of the message (its type is `value`) has as many entries as a (NUM) says. */
static int columns(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    const struct wire_desc *desc = &wire_descs[rule->value];
    uint64_t count = num_of(message, rule->a);
    for (size_t i = 0; i < desc->field_count; i++) {
        const struct wire_field *field = &desc->fields[i];
        size_t width = wire_column_width(field->kind);
        struct operand column = {field->name, field->offset, field->key};
        if (!width || !has(message, column))
            continue;
        size_t entries = bytes_of(message, column).len / width;
        if (entries != count)
            return wire_refuse(why, MUSTER_EPROTO, field->name, "%zu entries for %llu jobs",
                               entries, (unsigned long long)count);
    }
    return 0;
}

/* Either a (NUM: the first id) or b (COL64) is there, for `count` (at offset `value`) jobs; the ids
 * do not run over. */
static int ids(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    struct operand count_field = {"count", (uint16_t)rule->value, 0};
    uint64_t count = num_of(message, count_field);
    bool first = has(message, rule->a);
    if (first == has(message, rule->b) && (first || count > 0))
        return wire_refuse(why, MUSTER_EPROTO, rule->a.name, "one of it and %s must be there",
                           rule->b.name);
    if (first && count > 0 && num_of(message, rule->a) > UINT64_MAX - 256 * (count - 1))
        return wire_refuse(why, MUSTER_EPROTO, rule->a.name, "the last id is beyond 64 bits");
    return 0;
}

/* The entries of a (COL32) add up to the length of b (BIN); absent ones are empty. */
static int lengths(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    uint64_t sum = sum_u32(bytes_of(message, rule->a));
    size_t len = bytes_of(message, rule->b).len;
    if (sum == len)
        return 0;
    return wire_refuse(why, MUSTER_EPROTO, rule->a.name, "the sum is %llu, and %s has %zu bytes",
                       (unsigned long long)sum, rule->b.name, len);
}

/* b (a column whose entries are `value` bytes), where it is there, has as many entries as a
 * (COL64). */
static int beside(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    size_t a = bytes_of(message, rule->a).len / 8;
    size_t b = bytes_of(message, rule->b).len / rule->value;
    if (!has(message, rule->b) || a == b)
        return 0;
    return wire_refuse(why, MUSTER_EPROTO, rule->b.name, "%zu entries beside %zu of %s", b, a,
                       rule->a.name);
}

/* b (a column whose entries are `value` bytes), where it is there, has as many entries as a (STRS).
 */
static int beside_strs(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    uint32_t a = entries_of(message, rule->a);
    size_t b = bytes_of(message, rule->b).len / rule->value;
    if (!has(message, rule->b) || a == b)
        return 0;
    return wire_refuse(why, MUSTER_EPROTO, rule->b.name, "%zu entries beside %lu of %s", b,
                       (unsigned long)a, rule->a.name);
}

/* a and b (STRS) have as many entries, at least `value`. */
static int pairs(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    uint32_t a = entries_of(message, rule->a), b = entries_of(message, rule->b);
    if (a == b && a >= rule->value)
        return 0;
    return wire_refuse(why, MUSTER_EPROTO, rule->b.name, "%lu entries beside %lu of %s",
                       (unsigned long)b, (unsigned long)a, rule->a.name);
}

/* The entries of a (COL8: codes) are from the low to the high byte of `value`. */
static int codes(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    struct slice column = bytes_of(message, rule->a);
    uint8_t low = (uint8_t)rule->value, high = (uint8_t)(rule->value >> 8);
    for (size_t i = 0; i < column.len; i++) {
        if (column.data[i] < low || column.data[i] > high)
            return wire_refuse(why, MUSTER_EPROTO, rule->a.name, "entry %zu is %u, not %u to %u", i,
                               column.data[i], low, high);
    }
    return 0;
}

static int cells_u32(const struct rule *rule, const uint8_t *message, uint64_t limit, int error,
                     const struct wire_why *why)
{
    struct slice column = bytes_of(message, rule->a);
    for (size_t i = 0; i < column.len / 4; i++) {
        if (slice_u32_at(column, i) > limit)
            return wire_refuse(why, error, rule->a.name, "entry %zu is %lu, over the limit of %llu",
                               i, (unsigned long)slice_u32_at(column, i),
                               (unsigned long long)limit);
    }
    return 0;
}

/* The entries of a (COL32: sizes) are at most `value`. */
static int sizes(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    return cells_u32(rule, message, rule->value, MUSTER_ETOOBIG, why);
}

/* The entries of a (COL32) are places in b (STRS, not empty). */
static int places(const struct rule *rule, const uint8_t *message, const struct wire_why *why)
{
    return cells_u32(rule, message, entries_of(message, rule->b) - 1u, MUSTER_EPROTO, why);
}

/* The same plus 1, and 0 is none. */
static int places_or_none(const struct rule *rule, const uint8_t *message,
                          const struct wire_why *why)
{
    return cells_u32(rule, message, entries_of(message, rule->b), MUSTER_EPROTO, why);
}

#define F(name, field)                                                                             \
    {                                                                                              \
#field, offsetof(struct msg_##name, field), KEY_##name##_##field                           \
    }
#define COLUMNS(name, symbol)                                                                      \
    {                                                                                              \
        columns, F(name, count), F(name, count), MSG_##symbol                                      \
    }
#define IDS(name)                                                                                  \
    {                                                                                              \
        ids, F(name, first_id), F(name, ids), offsetof(struct msg_##name, count)                   \
    }
#define RULE(check, name, a, b, value)                                                             \
    {                                                                                              \
        check, F(name, a), F(name, b), value                                                       \
    }
#define CODES(low, high) ((uint64_t)(high) << 8 | (low))
#define END                                                                                        \
    {                                                                                              \
        NULL, {0}, {0}, 0                                                                          \
    }

static const struct rule hello_rules[] = {
    RULE(magic, hello, magic, magic, 0),
    RULE(at_least, hello, version_min, version_min, 1),
    RULE(ordered, hello, version_min, version_max, 0),
    RULE(at_least, hello, role, role, 1),
    RULE(exact, hello, session, session, SESSION_ID_BYTES),
    RULE(beside_strs, hello, queues, weights, 4),
    RULE(part_of, hello, part, parts, 0),
    RULE(beside, hello, held_ids, held_runs, 4),
    RULE(beside, hello, held_ids, held_ms, 4),
    END,
};
static const struct rule cancel_rules[] = {RULE(beside, cancel, ids, runs, 4), END};
static const struct rule jobs_rules[] = {
    RULE(at_least, jobs, count, count, 1),
    COLUMNS(jobs, JOBS),
    IDS(jobs),
    RULE(pairs, jobs, queues, kinds, 1),
    RULE(places, jobs, lanes, queues, 0),
    RULE(lengths, jobs, arg_lengths, args, 0),
    RULE(sizes, jobs, meta_lengths, meta_lengths, META_MAX_BYTES),
    RULE(lengths, jobs, meta_lengths, metas, 0),
    RULE(places_or_none, jobs, schedule_of, schedules, 0),
    END,
};
static const struct rule results_rules[] = {
    RULE(at_least, results, count, count, 1),
    COLUMNS(results, RESULTS),
    IDS(results),
    RULE(codes, results, outcomes, outcomes, CODES(0, OUTCOME_COUNT - 1)),
    RULE(lengths, results, result_lengths, results, 0),
    RULE(lengths, results, detail_lengths, details, 0),
    END,
};
static const struct rule abandon_rules[] = {RULE(beside, abandon, ids, runs, 4), END};
static const struct rule submit_rules[] = {
    RULE(at_least, submit, count, count, 1),
    COLUMNS(submit, SUBMIT),
    RULE(lengths, submit, arg_lengths, args, 0),
    RULE(sizes, submit, key_lengths, key_lengths, KEY_MAX_BYTES),
    RULE(lengths, submit, key_lengths, keys, 0),
    END,
};
static const struct rule submit_ack_rules[] = {
    COLUMNS(submit_ack, SUBMIT_ACK),
    IDS(submit_ack),
    RULE(codes, submit_ack, outcomes, outcomes, CODES(0, SUBMIT_OUTCOME_COUNT - 1)),
    END,
};
static const struct rule done_rules[] = {
    RULE(at_least, done, count, count, 1),
    COLUMNS(done, DONE),
    RULE(codes, done, states, states, CODES(JOB_COMPLETED, JOB_PARKED)),
    RULE(lengths, done, result_lengths, results, 0),
    RULE(lengths, done, detail_lengths, details, 0),
    END,
};
static const struct rule parked_rules[] = {RULE(at_least, parked, action, action, 1), END};
static const struct rule schedule_put_rules[] = {
    RULE(at_least, schedule_put, count, count, 1),
    COLUMNS(schedule_put, SCHEDULE_PUT),
    RULE(lengths, schedule_put, lengths, schedules, 0),
    END,
};
static const struct rule schedule_act_rules[] = {RULE(at_least, schedule_act, action, action, 1),
                                                 END};
static const struct rule fire_rules[] = {
    RULE(at_least, fire, count, count, 1),
    COLUMNS(fire, FIRE),
    RULE(codes, fire, asks, asks, CODES(0, FIRE_ASK_COUNT - 1)),
    END,
};
static const struct rule beat_rules[] = {RULE(beside_strs, beat, topics, turns, 8), END};

static const struct rule *const rules[MSG_TYPE_MAX] = {
    [MSG_HELLO] = hello_rules,
    [MSG_CANCEL] = cancel_rules,
    [MSG_JOBS] = jobs_rules,
    [MSG_RESULTS] = results_rules,
    [MSG_ABANDON] = abandon_rules,
    [MSG_SUBMIT] = submit_rules,
    [MSG_SUBMIT_ACK] = submit_ack_rules,
    [MSG_DONE] = done_rules,
    [MSG_PARKED] = parked_rules,
    [MSG_BEAT] = beat_rules,
    [MSG_SCHEDULE_PUT] = schedule_put_rules,
    [MSG_SCHEDULE_ACT] = schedule_act_rules,
    [MSG_FIRE] = fire_rules,
};

int wire_check(enum msg_type type, const void *message, const struct wire_why *why)
{
    for (const struct rule *rule = rules[type]; rule && rule->check; rule++) {
        int error = rule->check(rule, message, why);
        if (error)
            return error;
    }
    return 0;
}
