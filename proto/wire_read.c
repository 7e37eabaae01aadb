/* wire_read.c: the pull reader over msgpack from strangers. It allocates nothing and believes no
 * length before it has compared it with what is left. */
#include "wire.h"

#define DEPTH_MAX 32 /* containers inside each other in one value */

/* Takes `len` bytes; false when there are fewer. */
static bool take(struct wire_reader *r, size_t len, const uint8_t **ret)
{
    if (len > r->left.len)
        return false;
    *ret = r->left.data;
    r->left.data += len;
    r->left.len -= len;
    return true;
}

/* Reads a big-endian number of 1, 2, 4 or 8 bytes. */
static bool big_endian(struct wire_reader *r, size_t width, uint64_t *ret)
{
    const uint8_t *p;
    if (!take(r, width, &p))
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | p[i];
    *ret = value;
    return true;
}

static int token_bytes(struct wire_reader *r, enum wire_kind kind, uint64_t len,
                       struct wire_token *ret)
{
    const uint8_t *p;
    if (len > r->left.len || !take(r, (size_t)len, &p))
        return MUSTER_EPROTO;
    ret->kind = kind;
    ret->bytes = slice_of(p, (size_t)len);
    return 0;
}

/* Each entry has at least a byte: a header that promises more than there is ends here. */
static int token_container(struct wire_reader *r, enum wire_kind kind, uint64_t count,
                           struct wire_token *ret)
{
    if ((kind == WIRE_MAP ? 2 * count : count) > r->left.len)
        return MUSTER_EPROTO;
    ret->kind = kind;
    ret->count = (uint32_t)count;
    return 0;
}

static int token_uint(uint64_t value, struct wire_token *ret)
{
    ret->kind = WIRE_UINT;
    ret->uint = value;
    return 0;
}

static int token_int(int64_t value, struct wire_token *ret)
{
    if (value >= 0)
        return token_uint((uint64_t)value, ret);
    ret->kind = WIRE_INT;
    ret->sint = value;
    return 0;
}

static int token_float(size_t width, uint64_t bits, struct wire_token *ret)
{
    ret->kind = WIRE_FLOAT;
    if (width == 4) {
        uint32_t half = (uint32_t)bits;
        float value;
        memcpy(&value, &half, sizeof(value));
        ret->real = value;
    } else {
        memcpy(&ret->real, &bits, sizeof(ret->real));
    }
    return 0;
}

static int64_t sign_extend(uint64_t bits, size_t width)
{
    uint64_t sign = 1ull << (8 * width - 1);
    return (int64_t)((bits ^ sign) - sign);
}

/* First bytes 0xc0 to 0xdf: what follows them, by the msgpack specification. */
static const struct head {
    enum { BAD, NIL, BOOL, BIN, FLOAT, UINT, INT, STR, ARRAY, MAP } kind;
    uint8_t width; /* bytes of the number that follows: value or length */
} heads[32] = {
    [0x00] = {NIL, 0},   [0x02] = {BOOL, 0}, [0x03] = {BOOL, 0},  [0x04] = {BIN, 1},
    [0x05] = {BIN, 2},   [0x06] = {BIN, 4},  [0x0a] = {FLOAT, 4}, [0x0b] = {FLOAT, 8},
    [0x0c] = {UINT, 1},  [0x0d] = {UINT, 2}, [0x0e] = {UINT, 4},  [0x0f] = {UINT, 8},
    [0x10] = {INT, 1},   [0x11] = {INT, 2},  [0x12] = {INT, 4},   [0x13] = {INT, 8},
    [0x19] = {STR, 1},   [0x1a] = {STR, 2},  [0x1b] = {STR, 4},   [0x1c] = {ARRAY, 2},
    [0x1d] = {ARRAY, 4}, [0x1e] = {MAP, 2},  [0x1f] = {MAP, 4},
};

static int read_headed(struct wire_reader *r, uint8_t byte, struct wire_token *ret)
{
    const struct head *head = &heads[byte & 31];
    uint64_t number = 0;
    if (!big_endian(r, head->width, &number))
        return MUSTER_EPROTO;
    switch (head->kind) {
    case NIL:
        ret->kind = WIRE_NIL;
        return 0;
    case BOOL:
        ret->kind = WIRE_BOOL;
        ret->boolean = byte == 0xc3;
        return 0;
    case BIN:
        return token_bytes(r, WIRE_BIN, number, ret);
    case STR:
        return token_bytes(r, WIRE_STR, number, ret);
    case FLOAT:
        return token_float(head->width, number, ret);
    case UINT:
        return token_uint(number, ret);
    case INT:
        return token_int(sign_extend(number, head->width), ret);
    case ARRAY:
        return token_container(r, WIRE_ARRAY, number, ret);
    case MAP:
        return token_container(r, WIRE_MAP, number, ret);
    default: /* 0xc1 and the ext types */
        return MUSTER_EPROTO;
    }
}

int wire_read(struct wire_reader *r, struct wire_token *ret)
{
    const uint8_t *p;
    if (!take(r, 1, &p))
        return MUSTER_EPROTO;
    uint8_t byte = *p;
    if (byte < 0x80)
        return token_uint(byte, ret);
    if (byte < 0x90)
        return token_container(r, WIRE_MAP, byte & 0x0f, ret);
    if (byte < 0xa0)
        return token_container(r, WIRE_ARRAY, byte & 0x0f, ret);
    if (byte < 0xc0)
        return token_bytes(r, WIRE_STR, byte & 0x1f, ret);
    if (byte >= 0xe0)
        return token_int(sign_extend(byte, 1), ret);
    return read_headed(r, byte, ret);
}

/* `ret_bytes` may be NULL. Also refused: containers more than 32 deep. */
int wire_skip(struct wire_reader *r, struct slice *ret_bytes)
{
    const uint8_t *start = r->left.data;
    uint64_t open[DEPTH_MAX]; /* entries still to come at each depth */
    size_t depth = 0;
    do {
        struct wire_token token;
        int error = wire_read(r, &token);
        if (error)
            return error;
        if (depth > 0)
            open[depth - 1]--;
        if (token.kind == WIRE_ARRAY || token.kind == WIRE_MAP) {
            if (depth == DEPTH_MAX)
                return MUSTER_EPROTO;
            open[depth++] = token.kind == WIRE_MAP ? 2ull * token.count : token.count;
        }
        while (depth > 0 && open[depth - 1] == 0)
            depth--;
    } while (depth > 0);
    if (ret_bytes)
        *ret_bytes = slice_of(start, (size_t)(r->left.data - start));
    return 0;
}

int wire_value_check(struct slice bytes)
{
    struct wire_reader r = {bytes};
    int error = wire_skip(&r, NULL);
    if (error)
        return error;
    return r.left.len ? MUSTER_EPROTO : 0;
}

struct slice strs_at(const struct strs *strs, uint32_t index)
{
    if (index >= strs->count)
        return SLICE_EMPTY;
    if (strs->items)
        return strs->items[index];
    size_t cursor = 0;
    struct slice entry = SLICE_EMPTY;
    for (uint32_t i = 0; i <= index; i++) {
        if (!strs_next(strs, &cursor, &entry))
            return SLICE_EMPTY;
    }
    return entry;
}

/* On one that is to be encoded, the cursor counts entries. */
bool strs_next(const struct strs *strs, size_t *cursor, struct slice *ret)
{
    if (strs->items) {
        if (*cursor >= strs->count)
            return false;
        *ret = strs->items[(*cursor)++];
        return true;
    }
    if (*cursor >= strs->raw.len)
        return false;
    struct wire_reader r = {slice_of(strs->raw.data + *cursor, strs->raw.len - *cursor)};
    struct wire_token token;
    if (wire_read(&r, &token) || token.kind != WIRE_STR)
        return false;
    *cursor = strs->raw.len - r.left.len;
    *ret = token.bytes;
    return true;
}
