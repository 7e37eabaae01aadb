/* answers.c: maps of answers by their keys. Keys that are not known are passed over: a newer broker
 * may tell more. */
#include "scheduler/answers.h"

/* Where the value of a key goes; the kind must be the one asked for. */
struct wanted {
    const char *key;
    enum wire_kind kind;
    struct wire_token *value; /* as it was when the key is missing */
};

static int read_value(struct wire_reader *r, struct slice key, const struct wanted *wanted,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct wire_token token;
        struct wire_reader ahead = *r;
        if (!slice_is(key, wanted[i].key))
            continue;
        if (wire_read(&ahead, &token))
            return MUSTER_EPROTO;
        if (token.kind != wanted[i].kind)
            break; /* nil */
        *wanted[i].value = token;
        if (token.kind != WIRE_ARRAY) {
            *r = ahead;
            return 0;
        }
        break;
    }
    struct slice ignored;
    return wire_skip(r, &ignored);
}

/* Reads a map. An array wanted is passed over: `ret_array` is then a reader of its entries. */
static int read_map(struct wire_reader *r, const struct wanted *wanted, size_t count,
                    const char *array, struct wire_reader *ret_array)
{
    struct wire_token map, key;
    if (wire_read(r, &map) || map.kind != WIRE_MAP)
        return MUSTER_EPROTO;
    for (uint32_t i = 0; i < map.count; i++) {
        if (wire_read(r, &key) || key.kind != WIRE_STR)
            return MUSTER_EPROTO;
        if (array && slice_is(key.bytes, array)) {
            struct wire_token head;
            *ret_array = *r;
            if (wire_read(ret_array, &head) || head.kind != WIRE_ARRAY)
                return MUSTER_EPROTO;
        }
        if (read_value(r, key.bytes, wanted, count))
            return MUSTER_EPROTO;
    }
    return 0;
}

#define NUMBER(name, to)                                                                           \
    {                                                                                              \
        (name), WIRE_UINT, (to)                                                                    \
    }

int schedules_answer_read(struct slice body, struct schedules_answer *ret)
{
    struct wire_token now = {0}, epoch = {0}, revision = {0}, newest = {0}, reset = {0},
                      items = {0};
    const struct wanted wanted[] = {
        NUMBER("now", &now),       NUMBER("epoch", &epoch),      NUMBER("revision", &revision),
        NUMBER("newest", &newest), {"reset", WIRE_BOOL, &reset}, {"schedules", WIRE_ARRAY, &items},
    };
    struct wire_reader r = {body};
    *ret = (struct schedules_answer){0};
    if (read_map(&r, wanted, sizeof wanted / sizeof wanted[0], "schedules", &ret->items))
        return MUSTER_EPROTO;
    if (now.uint == 0 || epoch.uint == 0)
        return MUSTER_EPROTO;
    ret->now_ms = now.uint;
    ret->epoch = epoch.uint;
    ret->revision = revision.uint;
    ret->newest = newest.uint;
    ret->reset = reset.boolean;
    ret->left = items.count;
    return 0;
}

int schedules_answer_next(struct schedules_answer *a, struct told_schedule *ret)
{
    struct wire_token name = {0}, source = {0}, definition = {0}, revision = {0}, through = {0},
                      deleted = {0}, paused = {0};
    const struct wanted wanted[] = {
        {"name", WIRE_STR, &name},
        {"source", WIRE_STR, &source},
        {"definition", WIRE_BIN, &definition},
        NUMBER("revision", &revision),
        NUMBER("through", &through),
        {"deleted", WIRE_BOOL, &deleted},
        {"paused", WIRE_BOOL, &paused},
    };
    if (a->left == 0)
        return 0;
    a->left--;
    if (read_map(&a->items, wanted, sizeof wanted / sizeof wanted[0], NULL, NULL) ||
        name.bytes.len == 0)
        return MUSTER_EPROTO;
    *ret = (struct told_schedule){.name = name.bytes,
                                  .source = source.bytes,
                                  .definition = definition.bytes,
                                  .revision = revision.uint,
                                  .through_ms = through.uint,
                                  .deleted = deleted.boolean,
                                  .paused = paused.boolean};
    return 1;
}

int fire_answer_read(struct slice body, uint32_t count, struct fire_answer *ret)
{
    struct wire_token now = {0}, verdicts = {0}, through = {0}, jobs = {0};
    const struct wanted wanted[] = {
        NUMBER("now", &now),
        {"verdicts", WIRE_BIN, &verdicts},
        {"through", WIRE_BIN, &through},
        {"jobs", WIRE_BIN, &jobs},
    };
    struct wire_reader r = {body};
    if (read_map(&r, wanted, sizeof wanted / sizeof wanted[0], NULL, NULL) || now.uint == 0 ||
        verdicts.bytes.len != count || through.bytes.len != (size_t)count * 8 ||
        jobs.bytes.len != (size_t)count * 8)
        return MUSTER_EPROTO;
    *ret = (struct fire_answer){.now_ms = now.uint,
                                .verdicts = verdicts.bytes,
                                .through_ms = through.bytes,
                                .jobs = jobs.bytes};
    return 0;
}

uint64_t answer_number(struct slice body, const char *key)
{
    struct wire_token value = {0};
    const struct wanted wanted[] = {NUMBER(key, &value)};
    struct wire_reader r = {body};
    return read_map(&r, wanted, 1, NULL, NULL) ? 0 : value.uint;
}
