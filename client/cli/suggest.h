/* suggest.h: the known word nearest to a mistyped one. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

struct suggest {
    const char *word; /* borrowed */
    size_t len;
    const char *best; /* borrowed from the offers */
    unsigned distance;
};

void suggest_init(struct suggest *s, const char *word, size_t len);
void suggest_offer(struct suggest *s, const char *candidate);
/* NULL when nothing is near enough to be meant. */
const char *suggest_best(const struct suggest *s);

#endif
