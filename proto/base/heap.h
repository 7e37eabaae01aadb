/* heap.h: an intrusive binary heap. Elements know their place, so that any can be removed in O(log
 * n) (as beanstalkd's heap.c does with its setpos callback). */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct heap_node {
    size_t place; /* index + 1; 0 while in no heap */
};

struct heap {
    struct heap_node **nodes;
    size_t count, cap;
    bool (*less)(const struct heap_node *, const struct heap_node *);
};

void heap_init(struct heap *h, bool (*less)(const struct heap_node *, const struct heap_node *));
void heap_fini(struct heap *h);
/* The smallest, or NULL. */
static inline struct heap_node *heap_top(const struct heap *h)
{
    return h->count ? h->nodes[0] : NULL;
}
/* Room for so many: up to there heap_push() does not fail. 0 or MUSTER_ENOMEM. */
int heap_reserve(struct heap *h, size_t count);
/* 0, or MUSTER_ENOMEM with nothing changed. */
int heap_push(struct heap *h, struct heap_node *node);
void heap_remove(struct heap *h, struct heap_node *node);
/* Restores the order after the node's key has changed. */
void heap_update(struct heap *h, struct heap_node *node);
static inline bool heap_has(const struct heap_node *node)
{
    return node->place != 0;
}

#endif
