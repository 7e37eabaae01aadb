/* heap.c: the binary heap. It owns the array of pointers, never the nodes. */
#include "base/heap.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"

void heap_init(struct heap *h, bool (*less)(const struct heap_node *, const struct heap_node *))
{
    *h = (struct heap){.less = less};
}

/* Frees the array; nodes still inside are marked as being in no heap. */
void heap_fini(struct heap *h)
{
    for (size_t i = 0; i < h->count; i++)
        h->nodes[i]->place = 0;
    free(h->nodes);
    heap_init(h, h->less);
}

static void set(struct heap *h, size_t index, struct heap_node *node)
{
    h->nodes[index] = node;
    node->place = index + 1;
}

static void sift_up(struct heap *h, size_t index, struct heap_node *node)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!h->less(node, h->nodes[parent]))
            break;
        set(h, index, h->nodes[parent]);
        index = parent;
    }
    set(h, index, node);
}

static void sift_down(struct heap *h, size_t index, struct heap_node *node)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->less(h->nodes[child + 1], h->nodes[child]))
            child++;
        if (!h->less(h->nodes[child], node))
            break;
        set(h, index, h->nodes[child]);
        index = child;
    }
    set(h, index, node);
}

static void settle(struct heap *h, size_t index, struct heap_node *node)
{
    if (index > 0 && h->less(node, h->nodes[(index - 1) / 2]))
        sift_up(h, index, node);
    else
        sift_down(h, index, node);
}

int heap_reserve(struct heap *h, size_t count)
{
    if (count <= h->cap)
        return 0;
    size_t cap = h->cap ? h->cap * 2 : 16;
    if (cap < count)
        cap = count;
    if (cap > SIZE_MAX / sizeof(struct heap_node *))
        return MUSTER_ENOMEM;
    struct heap_node **nodes = realloc(h->nodes, cap * sizeof(struct heap_node *));
    if (!nodes)
        return MUSTER_ENOMEM;
    h->nodes = nodes;
    h->cap = cap;
    return 0;
}

/* Takes the node in; it must be in no heap. */
int heap_push(struct heap *h, struct heap_node *node)
{
    assert(!heap_has(node));
    if (heap_reserve(h, h->count + 1))
        return MUSTER_ENOMEM;
    sift_up(h, h->count++, node);
    return 0;
}

/* Takes the node out; harmless for a node in no heap. */
void heap_remove(struct heap *h, struct heap_node *node)
{
    if (!heap_has(node))
        return;
    size_t index = node->place - 1;
    assert(index < h->count && h->nodes[index] == node);
    struct heap_node *last = h->nodes[--h->count];
    node->place = 0;
    if (last != node)
        settle(h, index, last);
}

void heap_update(struct heap *h, struct heap_node *node)
{
    assert(heap_has(node));
    settle(h, node->place - 1, node);
}
