/* test_batch.c: the container of operations (core/batch.c). */
#include "fixture.h"

static void operations_and_memory_are_zeroed_and_kept(void **state)
{
    (void)state;
    struct batch *b = batch_new();
    for (int round = 0; round < 3; round++) {
        uint8_t *pieces[300];
        for (uint32_t i = 0; i < 300; i++) {
            struct op *op = batch_op(b, OP_MARK);
            op->mark.seq = i;
            size_t size = i % 50 == 49 ? 100000 : i + 1;
            pieces[i] = batch_alloc(b, size);
            for (size_t n = 0; n < size; n++)
                assert_int_equal(pieces[i][n], 0);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            memset(pieces[i], (int)i, size);
        }
        for (uint32_t i = 0; i < 300; i++) {
            assert_int_equal(b->ops[i].mark.seq, i);
            assert_int_equal(pieces[i][i], (uint8_t)i);
        }
        assert_int_equal(b->op_count, 300);
        batch_reset(b);
        assert_int_equal(b->op_count, 0);
    }
    struct slice copy = batch_copy(b, slice_str("text"));
    assert_true(text_is(copy, "text"));
    assert_int_equal(batch_copy(b, SLICE_EMPTY).len, 0);
    batch_free(b);
    batch_free(NULL);
}

static void blobs_are_held(void **state)
{
    (void)state;
    struct batch *b = batch_new();
    struct blob *blobs[40];
    for (int i = 0; i < 40; i++) {
        blobs[i] = blob_copy(slice_str("bytes"));
        assert_int_equal(batch_hold(b, blobs[i]), 0);
        assert_int_equal(batch_hold(b, blobs[i]), 0); /* twice in a row counts once */
        assert_int_equal(blobs[i]->refs, 2);
    }
    batch_reset(b);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(blobs[i]->refs, 1);
        assert_int_equal(batch_hold(b, blobs[i]), 0);
        blob_unref(blobs[i]);
    }
    batch_free(b); /* lets go of the last references */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_and_memory_are_zeroed_and_kept),
        cmocka_unit_test(blobs_are_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
