/* claim.c: idempotency keys: (queue, key) -> the job that holds it. */
#include "store/inner.h"

int key_claim(struct store *s, struct slice queue, struct slice key, uint64_t hash, uint64_t id,
              uint8_t *ret_outcome, uint64_t *ret_id)
{
    struct key k = {0};
    struct dec d;
    struct enc e;
    struct key_record r;
    key_add_bytes(&k, queue);
    key_add_u8(&k, 0);
    key_add_bytes(&k, key);
    int error = row_get(s, TABLE_KEY, key_slice(&k), &d);
    if (!error) {
        if (!key_decode(&d, &r))
            return store_damaged(s, TABLE_KEY, key_slice(&k));
        *ret_outcome = r.hash == hash ? SUBMIT_DUPLICATE : SUBMIT_CONFLICT;
        *ret_id = r.id;
        return 0;
    }
    if (error != MUSTER_ENOTFOUND)
        return error;
    r = (struct key_record){.id = id, .hash = hash, .created_ms = s->now_ms};
    error = row_begin(s, KEY_BOUND, &e);
    if (error)
        return error;
    key_encode(&e, &r);
    *ret_outcome = SUBMIT_NEW;
    *ret_id = id;
    s->keys_added++;
    return row_put(s, &e, TABLE_KEY, key_slice(&k), PUT_NEW);
}
