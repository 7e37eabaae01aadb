/* peer_redis.c: a stream with a consumer group: XADD; XREADGROUP COUNT n; XACK and XDEL of all that
 * came, each one command. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "peer_load.h"

enum { READER, ACKER, CONNS };

struct token {
    char type;         /* of RESP: + - : $ * */
    int64_t number;    /* of : $ * */
    struct slice text; /* of + - $ */
};

/* The token at *at, which moves behind it; false when it is not all there. */
static bool next_token(struct slice in, size_t *at, struct token *ret)
{
    const uint8_t *begin = in.data + *at;
    const uint8_t *end = *at < in.len ? memchr(begin, '\n', in.len - *at) : NULL;
    if (!end)
        return false;
    size_t next = (size_t)(end - in.data) + 1;
    *ret = (struct token){.type = (char)*begin};
    ret->text = slice_of(begin + 1, (size_t)(end - begin) - 2);
    if (ret->type == '-')
        tally_die("redis says: %.*s", SLICE_FMT(ret->text));
    if (ret->type != '+')
        ret->number = strtoll((const char *)begin + 1, NULL, 10); /* up to the line's end */
    if (ret->type == '$' && ret->number >= 0) {
        ret->text = slice_of(in.data + next, (size_t)ret->number);
        next += (size_t)ret->number + 2;
        if (next > in.len)
            return false;
    }
    *at = next;
    return true;
}

static void prepare(struct load *l, struct conn *c)
{
    struct token t;
    size_t at = 0;
    (void)l;
    conn_text(c, "XGROUP CREATE s g $ MKSTREAM\r\n");
    do {
        conn_wait(c, 1);
    } while (!next_token(conn_input(c), &at, &t));
}

static void put(struct load *l, struct conn *c, uint64_t first, uint32_t count)
{
    char head[128];
    int len = snprintf(head, sizeof head,
                       "*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n$1\r\nd\r\n$%u\r\n", l->payload);
    if (l->transaction)
        conn_text(c, "*1\r\n$5\r\nMULTI\r\n");
    for (uint32_t i = 0; i < count; i++) {
        conn_put(c, head, (size_t)len);
        conn_put(c, load_body(l, first + i), l->payload);
        conn_put(c, "\r\n", 2);
    }
    if (l->transaction)
        conn_text(c, "*1\r\n$4\r\nEXEC\r\n");
}

/* Each job's answer is the id of its entry, in a transaction also. */
static uint64_t answers(struct conn *c)
{
    struct token t;
    size_t at = 0;
    uint64_t count = 0;
    while (next_token(conn_input(c), &at, &t))
        count += t.type == '$';
    conn_take(c, at);
    return count;
}

struct worker {
    struct load *l;
    struct conn conns[CONNS];
    struct buf ids; /* as arguments of a command */
    uint64_t given, done;
    bool ends; /* the next answer of the acker is XDEL's */
};

static void read_more(struct worker *w)
{
    char text[128];
    (void)snprintf(text, sizeof text, "XREADGROUP GROUP g w COUNT %u BLOCK 0 STREAMS s >\r\n",
                   w->l->take);
    conn_text(&w->conns[READER], text);
}

static void send_ends(struct worker *w, int64_t count)
{
    struct conn *c = &w->conns[ACKER];
    char head[96];
    int len = snprintf(head, sizeof head, "*%" PRId64 "\r\n$4\r\nXACK\r\n$1\r\ns\r\n$1\r\ng\r\n",
                       count + 3);
    conn_put(c, head, (size_t)len);
    conn_put(c, w->ids.data, w->ids.len);
    len = snprintf(head, sizeof head, "*%" PRId64 "\r\n$4\r\nXDEL\r\n$1\r\ns\r\n", count + 2);
    conn_put(c, head, (size_t)len);
    conn_put(c, w->ids.data, w->ids.len);
}

/* One answer to XREADGROUP: [[s, [[id, [d, payload]], ...]]]. False while a part is missing. */
static bool take_entries(struct worker *w)
{
    struct slice in = conn_input(&w->conns[READER]);
    struct token t, id, entries;
    size_t at = 0, first;
    bool whole = next_token(in, &at, &t) && next_token(in, &at, &t) && next_token(in, &at, &t) &&
                 next_token(in, &at, &entries);
    first = at;
    for (int64_t i = 0; whole && i < entries.number * 5; i++)
        whole = next_token(in, &at, &t);
    if (!whole)
        return false;
    at = first;
    buf_reset(&w->ids);
    for (int64_t i = 0; i < entries.number; i++) {
        if (!next_token(in, &at, &t) || !next_token(in, &at, &id) || !next_token(in, &at, &t) ||
            !next_token(in, &at, &t) || !next_token(in, &at, &t) || t.text.len != w->l->payload)
            tally_die("redis gave out an entry that is none of ours");
        tally_mark(w->l->tally, t.text.data);
        (void)buf_printf(&w->ids, "$%zu\r\n%.*s\r\n", id.text.len, SLICE_FMT(id.text));
    }
    conn_take(&w->conns[READER], at);
    w->given += (uint64_t)entries.number;
    if (w->given < w->l->tally->jobs)
        read_more(w);
    send_ends(w, entries.number);
    return true;
}

static void take_ends(struct worker *w)
{
    struct slice in = conn_input(&w->conns[ACKER]);
    struct token t;
    size_t at = 0;
    while (next_token(in, &at, &t)) {
        if (t.type != ':')
            tally_die("redis answered XACK or XDEL with %c", t.type);
        if (w->ends)
            w->done += (uint64_t)t.number;
        w->ends = !w->ends;
    }
    conn_take(&w->conns[ACKER], at);
}

static void work(struct load *l)
{
    struct worker w = {.l = l};
    buf_init(&w.ids, 16u << 20);
    for (int i = 0; i < CONNS; i++)
        conn_open(&w.conns[i], l->port);
    read_more(&w);
    l->tally->ready = true;
    while (w.done < l->tally->jobs) {
        conn_wait(w.conns, CONNS);
        while (take_entries(&w))
            ;
        take_ends(&w);
    }
    for (int i = 0; i < CONNS; i++)
        conn_close(&w.conns[i]);
    buf_fini(&w.ids);
}

const struct peer peer_redis = {
    .name = "redis", .prepare = prepare, .put = put, .answers = answers, .work = work};
