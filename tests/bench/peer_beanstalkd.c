/* peer_beanstalkd.c: put, reserve and delete, each pipelined. */
#include <stdio.h>
#include <stdlib.h>

#include "peer_load.h"

#define TTR_S 3600

/* The next whole line without its end, or false; nothing is taken. */
static bool peek_line(const struct conn *c, struct slice *ret_line)
{
    struct slice in = conn_input(c);
    const uint8_t *end = in.len ? memchr(in.data, '\n', in.len) : NULL;
    if (!end || end == in.data)
        return false;
    *ret_line = slice_of(in.data, (size_t)(end - in.data) - 1);
    return true;
}

static bool begins(struct slice line, const char *word)
{
    size_t len = strlen(word);
    return line.len >= len && memcmp(line.data, word, len) == 0;
}

static void put(struct load *l, struct conn *c, uint64_t first, uint32_t count)
{
    char line[64];
    int len = snprintf(line, sizeof line, "put 0 0 %d %u\r\n", TTR_S, l->payload);
    for (uint32_t i = 0; i < count; i++) {
        conn_put(c, line, (size_t)len);
        conn_put(c, load_body(l, first + i), l->payload);
        conn_put(c, "\r\n", 2);
    }
}

static uint64_t answers(struct conn *c)
{
    struct slice line;
    uint64_t count = 0;
    while (peek_line(c, &line)) {
        if (!begins(line, "INSERTED "))
            tally_die("beanstalkd answered a put: %.*s", SLICE_FMT(line));
        conn_take(c, line.len + 2);
        count++;
    }
    return count;
}

struct worker {
    struct load *l;
    struct conn c;
    uint64_t reserves, done;
};

/* Never more reserves than there are jobs: what stands behind one that waits has to wait, too. */
static void reserve(struct worker *w, uint32_t count)
{
    for (; count > 0 && w->reserves < w->l->tally->jobs; count--, w->reserves++)
        conn_text(&w->c, "reserve\r\n");
}

/* "RESERVED id bytes", then the payload; false while a part of it is missing. */
static bool take_job(struct worker *w, struct slice line)
{
    const uint8_t *id = line.data + sizeof "RESERVED " - 1;
    const uint8_t *end = memchr(id, ' ', (size_t)(line.data + line.len - id));
    size_t bytes = end ? strtoul((const char *)end + 1, NULL, 10) : 0; /* up to the line's end */
    if (bytes != w->l->payload)
        tally_die("beanstalkd gave out a job of %zu bytes", bytes);
    if (conn_input(&w->c).len < line.len + 2 + bytes + 2)
        return false;
    tally_mark(w->l->tally, line.data + line.len + 2);
    conn_text(&w->c, "delete ");
    conn_put(&w->c, id, (size_t)(end - id));
    conn_text(&w->c, "\r\n");
    reserve(w, 1);
    conn_take(&w->c, line.len + 2 + bytes + 2);
    return true;
}

static void take_answers(struct worker *w)
{
    struct slice line;
    while (peek_line(&w->c, &line)) {
        if (begins(line, "DELETED")) {
            w->done++;
            conn_take(&w->c, line.len + 2);
        } else if (!begins(line, "RESERVED ")) {
            tally_die("beanstalkd answered the worker: %.*s", SLICE_FMT(line));
        } else if (!take_job(w, line)) {
            return;
        }
    }
}

static void work(struct load *l)
{
    struct worker w = {.l = l};
    struct slice line;
    conn_open(&w.c, l->port);
    conn_text(&w.c, "watch default\r\n"); /* its answer shows that the server serves us */
    do {
        conn_wait(&w.c, 1);
    } while (!peek_line(&w.c, &line));
    conn_take(&w.c, line.len + 2);
    reserve(&w, l->take);
    l->tally->ready = true;
    while (w.done < l->tally->jobs) {
        conn_wait(&w.c, 1);
        take_answers(&w);
    }
    conn_close(&w.c);
}

const struct peer peer_beanstalkd = {
    .name = "beanstalkd", .put = put, .answers = answers, .work = work};
