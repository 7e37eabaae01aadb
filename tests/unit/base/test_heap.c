/* test_heap.c: the heap against a plain search, under random pushes, removals and changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/rng.h"

#define ITEMS 500

struct item {
    struct heap_node node;
    uint64_t key;
};

static bool less(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, const struct item, node)->key <
           CONTAINER_OF(b, const struct item, node)->key;
}

static struct item items[ITEMS];

static uint64_t smallest(size_t *ret_count)
{
    uint64_t key = UINT64_MAX;
    size_t count = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        if (heap_has(&items[i].node)) {
            count++;
            key = items[i].key < key ? items[i].key : key;
        }
    }
    *ret_count = count;
    return key;
}

static void step(struct heap *h, struct rng *rng)
{
    struct item *item = &items[rng_below(rng, ITEMS)];
    if (!heap_has(&item->node)) {
        item->key = rng_below(rng, 1000);
        assert_int_equal(heap_push(h, &item->node), 0);
    } else if (rng_below(rng, 2)) {
        heap_remove(h, &item->node);
        assert_false(heap_has(&item->node));
    } else {
        item->key = rng_below(rng, 1000);
        heap_update(h, &item->node);
    }
}

static void test_random(void **state)
{
    (void)state;
    struct heap h;
    struct rng rng = {1};
    heap_init(&h, less);
    for (int i = 0; i < 20000; i++) {
        step(&h, &rng);
        size_t count;
        uint64_t key = smallest(&count);
        assert_int_equal(h.count, count);
        if (count)
            assert_true(CONTAINER_OF(heap_top(&h), struct item, node)->key == key);
        else
            assert_null(heap_top(&h));
    }
    heap_fini(&h);
    for (size_t i = 0; i < ITEMS; i++)
        assert_false(heap_has(&items[i].node));
}

static void test_sorts(void **state)
{
    (void)state;
    struct heap h;
    struct rng rng = {2};
    heap_init(&h, less);
    assert_null(heap_top(&h));
    for (size_t i = 0; i < ITEMS; i++) {
        items[i].key = rng_u64(&rng);
        assert_int_equal(heap_push(&h, &items[i].node), 0);
    }
    uint64_t last = 0;
    while (heap_top(&h)) {
        struct item *top = CONTAINER_OF(heap_top(&h), struct item, node);
        assert_true(top->key >= last);
        last = top->key;
        heap_remove(&h, &top->node);
        heap_remove(&h, &top->node); /* harmless */
    }
    heap_fini(&h);
}

static void test_reserve(void **state)
{
    (void)state;
    struct heap h;
    heap_init(&h, less);
    assert_int_equal(heap_reserve(&h, ITEMS), 0);
    struct heap_node **nodes = h.nodes;
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(heap_push(&h, &items[i].node), 0);
    assert_ptr_equal(h.nodes, nodes); /* nothing was allocated meanwhile */
    assert_int_equal(heap_reserve(&h, 1), 0);
    assert_int_equal(h.count, ITEMS);
    assert_int_equal(heap_reserve(&h, SIZE_MAX / 4), MUSTER_ENOMEM);
    assert_int_equal(h.count, ITEMS);
    heap_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_sorts),
                                       cmocka_unit_test(test_reserve)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
