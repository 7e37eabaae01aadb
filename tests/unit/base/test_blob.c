/* test_blob.c: blobs live as long as somebody holds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/blob.h"

static int released;

static void note_release(struct blob *b)
{
    (void)b;
    released++;
}

static void test_counts(void **state)
{
    (void)state;
    struct blob b = {.refs = 1, .release = note_release};
    released = 0;
    assert_ptr_equal(blob_ref(&b), &b);
    blob_unref(&b);
    assert_int_equal(released, 0);
    blob_unref(&b);
    assert_int_equal(released, 1);
    assert_null(blob_ref(NULL));
    blob_unref(NULL);
}

static void test_copy(void **state)
{
    (void)state;
    char text[] = "hello";
    struct blob *b = blob_copy(slice_str(text));
    assert_non_null(b);
    text[0] = 'j';
    assert_true(slice_is(b->bytes, "hello"));
    blob_bytes(b)[0] = 'c';
    assert_true(slice_is(b->bytes, "cello"));
    blob_unref(b);
    struct blob *empty = blob_copy(SLICE_EMPTY);
    assert_non_null(empty);
    assert_int_equal(empty->bytes.len, 0);
    blob_unref(empty);
    assert_null(blob_alloc(SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_copy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
