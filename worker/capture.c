/* capture.c: bytes of a stream, kept from its beginning or its end, and what they are as a result.
 */
#include "capture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "clean.h"
#include "json.h"
#include "wire.h"

#define TEXT_HEADER    5u  /* of the longest msgpack string header */
#define REPLACED_BYTES 3u  /* most that one byte becomes */
#define MARK_BYTES     64u /* for the words that tell of a cut */

int capture_init(struct capture *c, size_t limit, bool keep_end)
{
    memset(c, 0, sizeof *c);
    c->limit = limit;
    c->keep_end = keep_end;
    c->bytes = malloc(keep_end ? limit * 2 : limit);
    return c->bytes ? 0 : MUSTER_ENOMEM;
}

void capture_fini(struct capture *c)
{
    free(c->bytes);
    c->bytes = NULL;
}

void capture_reset(struct capture *c)
{
    c->len = 0;
    c->total = 0;
}

static void add_to_end(struct capture *c, const uint8_t *data, size_t len)
{
    if (len > c->limit) {
        data += len - c->limit;
        len = c->limit;
    }
    if (c->len + len > c->limit * 2) {
        memmove(c->bytes, c->bytes + (c->len - c->limit), c->limit);
        c->len = c->limit;
    }
    memcpy(c->bytes + c->len, data, len);
    c->len += len;
}

void capture_add(struct capture *c, const void *data, size_t len)
{
    c->total += len;
    if (c->keep_end) {
        add_to_end(c, data, len);
        return;
    }
    if (len > c->limit - c->len)
        len = c->limit - c->len;
    if (len)
        memcpy(c->bytes + c->len, data, len);
    c->len += len;
}

struct slice capture_slice(const struct capture *c)
{
    size_t len = c->len < c->limit ? c->len : c->limit;

    return slice_of(c->bytes + (c->len - len), len);
}

/* ---- what it means ---- */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.len && is_space(s.data[s.len - 1]))
        s.len--;
    while (s.len && is_space(*s.data)) {
        s.data++;
        s.len--;
    }
    return s;
}

/* As text; `max` bounds the msgpack string. */
static int text_result(struct slice text, uint64_t total, bool cut, size_t max, struct buf *out)
{
    size_t most = text.len * REPLACED_BYTES + MARK_BYTES;
    size_t room = max > TEXT_HEADER + MARK_BYTES ? max - TEXT_HEADER : MARK_BYTES;
    char *copy;
    size_t len;

    while (!cut && text.len && text.data[text.len - 1] == '\n')
        text.len--;
    room = room < most ? room : most;
    cut = cut || text.len > room;
    copy = malloc(room + 1);
    if (!copy)
        return MUSTER_ENOMEM;
    len = clean_text(text, copy, cut ? room + 1 - MARK_BYTES : room + 1);
    if (cut)
        len += (size_t)snprintf(copy + len, MARK_BYTES, "\n[cut: the output had %llu bytes]",
                                (unsigned long long)total);
    wire_str(out, slice_of(copy, len));
    free(copy);
    return out->error;
}

int capture_result(const struct capture *c, size_t max, struct buf *out)
{
    struct slice all = capture_slice(c), value = trim(all);
    bool cut = c->total > c->limit;
    char why[160];

    if (!value.len && !cut)
        return 0;
    if (!cut && json_to_msgpack((const char *)value.data, value.len, out, why, sizeof why) == 0 &&
        out->len <= max)
        return 0;
    buf_reset(out);
    return text_result(all, c->total, cut, max, out);
}

void capture_last_line(const struct capture *c, char *out, size_t out_size)
{
    struct slice s = trim(capture_slice(c));
    size_t from = s.len;

    while (from && s.data[from - 1] != '\n')
        from--;
    clean_line(slice_of(s.data + from, s.len - from), out, out_size);
}
