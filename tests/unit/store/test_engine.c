/* test_engine.c: both engines do the same, also after aborted transactions. */
#include "fixture.h"

#include "base/rng.h"

#define KEYS 300

struct twin {
    struct fixture *mem, *lmdb;
    struct rng rng;
};

static int twins_up(void **state)
{
    static struct twin t;
    t = (struct twin){.rng = {42}};
    void *fx;
    fixture_memory(&fx);
    t.mem = fx;
    fixture_lmdb(&fx);
    t.lmdb = fx;
    *state = &t;
    return 0;
}

static int twins_down(void **state)
{
    struct twin *t = *state;
    void *fx = t->mem;
    fixture_down(&fx);
    fx = t->lmdb;
    return fixture_down(&fx);
}

static struct slice random_key(struct twin *t, struct key *k)
{
    k->len = 0;
    uint64_t n = rng_below(&t->rng, KEYS);
    if (n % 3)
        key_add_u32(k, (uint32_t)n);
    else
        key_add_u64(k, n << 32);
    return key_slice(k);
}

static void same_content(struct twin *t, enum table table)
{
    struct cursor a, b;
    assert_int_equal(cursor_open(&a, t->mem->engine, table), 0);
    assert_int_equal(cursor_open(&b, t->lmdb->engine, table), 0);
    struct key k;
    struct slice from = rng_below(&t->rng, 2) ? SLICE_EMPTY : random_key(t, &k);
    int ea = cursor_seek(&a, from), eb = cursor_seek(&b, from);
    while (!ea && !eb) {
        assert_true(slice_eq(a.key, b.key));
        assert_true(slice_eq(a.value, b.value));
        ea = cursor_next(&a);
        eb = cursor_next(&b);
    }
    assert_int_equal(ea, MUSTER_ENOTFOUND);
    assert_int_equal(eb, MUSTER_ENOTFOUND);
    cursor_close(&a);
    cursor_close(&b);
}

/* Backwards, from anywhere. */
static void same_before(struct twin *t, enum table table)
{
    struct cursor a, b;
    struct key k;
    assert_int_equal(cursor_open(&a, t->mem->engine, table), 0);
    assert_int_equal(cursor_open(&b, t->lmdb->engine, table), 0);
    struct slice from = random_key(t, &k);
    for (;;) {
        int ea = cursor_before(&a, from), eb = cursor_before(&b, from);
        assert_int_equal(ea, eb);
        if (ea)
            break;
        assert_true(slice_eq(a.key, b.key));
        assert_true(slice_eq(a.value, b.value));
        k.len = 0;
        key_add_bytes(&k, a.key);
        from = key_slice(&k);
    }
    cursor_close(&a);
    cursor_close(&b);
}

static void one_change(struct twin *t)
{
    static uint8_t bytes[9000];
    struct key k;
    struct slice key = random_key(t, &k), value, other;
    static const enum table tables[] = {TABLE_JOB, TABLE_READY, TABLE_DONE};
    enum table table = tables[rng_below(&t->rng, 3)];
    size_t len = (size_t)(rng_below(&t->rng, 20) ? rng_below(&t->rng, 300)
                                                 : rng_below(&t->rng, sizeof(bytes)));
    memset(bytes, (int)rng_below(&t->rng, 256), len);
    int a, b;
    switch (rng_below(&t->rng, 5)) {
    case 0:
        a = engine_get(t->mem->engine, table, key, &value);
        b = engine_get(t->lmdb->engine, table, key, &other);
        assert_true(a || slice_eq(value, other));
        break;
    case 1:
        a = engine_del(t->mem->engine, table, key);
        b = engine_del(t->lmdb->engine, table, key);
        break;
    case 2:
        a = engine_put(t->mem->engine, table, key, slice_of(bytes, len), PUT_NEW);
        b = engine_put(t->lmdb->engine, table, key, slice_of(bytes, len), PUT_NEW);
        break;
    default:
        a = engine_put(t->mem->engine, table, key, slice_of(bytes, len), PUT_SET);
        b = engine_put(t->lmdb->engine, table, key, slice_of(bytes, len), PUT_SET);
        break;
    }
    assert_int_equal(a, b);
}

static void engines_are_alike(void **state)
{
    struct twin *t = *state;
    for (int round = 0; round < 200; round++) {
        assert_int_equal(engine_begin(t->mem->engine), 0);
        assert_int_equal(engine_begin(t->lmdb->engine), 0);
        for (uint64_t n = rng_below(&t->rng, 200); n > 0; n--)
            one_change(t);
        same_content(t, TABLE_JOB);
        same_content(t, TABLE_READY);
        same_before(t, TABLE_JOB);
        same_before(t, TABLE_DONE); /* one of several in a tree */
        if (rng_below(&t->rng, 3)) {
            assert_int_equal(engine_commit(t->mem->engine), 0);
            assert_int_equal(engine_commit(t->lmdb->engine), 0);
        } else {
            engine_abort(t->mem->engine);
            engine_abort(t->lmdb->engine);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(engines_are_alike, twins_up, twins_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
