/* nearest.h: the known word nearest to a mistyped one, by mistakes of typing. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/slice.h"

struct nearest {
    struct slice word; /* borrowed */
    const char *best;  /* of the offers, borrowed; NULL before the first one */
    unsigned distance; /* letters to insert, remove, replace, or swap with their neighbour */
};

void nearest_init(struct nearest *n, struct slice word);
/* Upper and lower case are the same; of equally near ones the first stays. A candidate that the
 * word (three letters or more) is the beginning of counts as one mistake. */
void nearest_offer(struct nearest *n, const char *candidate);
/* The same for a candidate that may be written in this other way. */
void nearest_offer_as(struct nearest *n, const char *written, const char *candidate);
/* The best offer if it is near enough to be meant, else NULL. (n->best is the best in any case.) */
const char *nearest_close(const struct nearest *n);

#endif
