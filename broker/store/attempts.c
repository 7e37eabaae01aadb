/* attempts.c: the recorded runs of jobs with a row by id: (id, number) -> attempt. */
#include "store/inner.h"

struct slice log_tail(struct slice log, size_t max)
{
    return log.len <= max ? log : slice_of(log.data + (log.len - max), max);
}

static int write(struct store *s, uint64_t id, const struct attempt *a)
{
    struct enc e;
    struct key k;
    int error = row_begin(s, attempt_bound(a), &e);
    if (error)
        return error;
    attempt_encode(&e, a);
    return row_put(s, &e, TABLE_ATTEMPT, key_pair(&k, id, a->number), PUT_SET);
}

/* The attempt before the newest keeps only the end of its log. */
static int cut_log(struct store *s, uint64_t id, uint32_t number)
{
    struct key k;
    struct dec d;
    struct attempt a;
    struct slice key = key_pair(&k, id, number);
    int error = row_get(s, TABLE_ATTEMPT, key, &d);
    if (error)
        return error == MUSTER_ENOTFOUND ? 0 : error;
    if (!attempt_decode(&d, &a))
        return store_damaged(s, TABLE_ATTEMPT, key);
    if (a.log.len <= LOG_EARLIER_BYTES)
        return 0;
    a.log = log_tail(a.log, LOG_EARLIER_BYTES);
    return write(s, id, &a);
}

int attempt_put(struct store *s, uint64_t id, const struct attempt *a)
{
    struct key k;
    struct attempt cut = *a;
    cut.log = log_tail(a->log, LOG_LAST_BYTES);
    int error = write(s, id, &cut);
    if (!error && a->number > 1)
        error = cut_log(s, id, a->number - 1);
    if (!error && a->number > ATTEMPTS_KEPT)
        error = row_drop(s, TABLE_ATTEMPT, key_pair(&k, id, a->number - ATTEMPTS_KEPT));
    return error;
}

/* Stands on the first attempt of a job with a number >= `from`: MUSTER_ENOTFOUND when there is
 * none. */
static int at_attempt(struct cursor *c, int error, uint64_t id)
{
    if (error)
        return error;
    return c->key.len == 16 && key_u64_at(c->key, 0) == id ? 0 : MUSTER_ENOTFOUND;
}

static int first_attempt(struct cursor *c, uint64_t id)
{
    struct key k;
    return at_attempt(c, cursor_seek(c, key_pair(&k, id, 0)), id);
}

static int next_attempt(struct cursor *c, uint64_t id)
{
    return at_attempt(c, cursor_next(c), id);
}

static int copy(struct store *s, struct page *page, const struct cursor *c, struct attempt *to)
{
    struct dec d;
    struct attempt a;
    if (!frame_open(TABLE_ATTEMPT, c->key, c->value, &d) || !attempt_decode(&d, &a))
        return store_damaged(s, TABLE_ATTEMPT, c->key);
    *to = a;
    to->worker = page_copy(page, a.worker);
    to->code = page_copy(page, a.code);
    to->message = page_copy(page, a.message);
    to->signal = page_copy(page, a.signal);
    to->log = page_copy(page, a.log);
    return 0;
}

int attempts_read(struct store *s, uint64_t id, struct page *page, struct attempt **ret,
                  uint32_t *ret_count)
{
    struct cursor c;
    struct attempt *all = NULL;
    uint32_t count = 0;
    int error = cursor_open(&c, s->engine, TABLE_ATTEMPT);
    if (!error)
        error = first_attempt(&c, id);
    if (!error && !(all = page_alloc(page, ATTEMPTS_KEPT * sizeof(*all))))
        error = store_nomem(s);
    while (!error && count < ATTEMPTS_KEPT) {
        error = copy(s, page, &c, &all[count]);
        if (!error) {
            count++;
            error = next_attempt(&c, id);
        }
    }
    cursor_close(&c);
    *ret = all;
    *ret_count = count;
    return !error || error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}

int attempts_drop(struct store *s, uint64_t id)
{
    uint64_t numbers[ATTEMPTS_KEPT];
    uint32_t count;
    do {
        struct cursor c;
        struct key k;
        count = 0;
        int error = cursor_open(&c, s->engine, TABLE_ATTEMPT);
        if (!error)
            error = first_attempt(&c, id);
        while (!error && count < ATTEMPTS_KEPT) {
            numbers[count++] = key_u64_at(c.key, 8);
            error = next_attempt(&c, id);
        }
        cursor_close(&c);
        if (error && error != MUSTER_ENOTFOUND)
            return store_failed(s, error);
        for (uint32_t i = 0; i < count; i++) {
            error = row_drop(s, TABLE_ATTEMPT, key_pair(&k, id, numbers[i]));
            if (error)
                return error;
        }
    } while (count == ATTEMPTS_KEPT);
    return 0;
}

int attempts_bytes(struct store *s, uint64_t id, uint64_t *ret)
{
    struct cursor c;
    *ret = 0;
    int error = cursor_open(&c, s->engine, TABLE_ATTEMPT);
    if (!error)
        error = first_attempt(&c, id);
    while (!error) {
        *ret += c.key.len + c.value.len;
        error = next_attempt(&c, id);
    }
    cursor_close(&c);
    return error == MUSTER_ENOTFOUND ? 0 : store_failed(s, error);
}
