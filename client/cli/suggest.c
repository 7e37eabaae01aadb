/* suggest.c: the distance of two words by mistakes of typing. */
#include "cli/suggest.h"

#include <limits.h>
#include <string.h>

#define WORD_MAX 40 /* longer words are no typing mistakes */

void suggest_init(struct suggest *s, const char *word, size_t len)
{
    *s = (struct suggest){.word = word, .len = len, .distance = UINT_MAX};
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* Letters to insert, remove, replace, or swap with their neighbour. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned d[WORD_MAX + 1][WORD_MAX + 1];
    for (unsigned i = 0; i <= a_len; i++)
        d[i][0] = i;
    for (unsigned j = 0; j <= b_len; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        for (size_t j = 1; j <= b_len; j++) {
            unsigned other = a[i - 1] != b[j - 1];
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + other);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    }
    return d[a_len][b_len];
}

void suggest_offer(struct suggest *s, const char *candidate)
{
    size_t len = strlen(candidate);
    if (s->len > WORD_MAX || len > WORD_MAX)
        return;
    unsigned d = distance(s->word, s->len, candidate, len);
    if (s->len >= 3 && len > s->len && strncmp(candidate, s->word, s->len) == 0)
        d = 1; /* the beginning of it was typed */
    if (d < s->distance) {
        s->distance = d;
        s->best = candidate;
    }
}

const char *suggest_best(const struct suggest *s)
{
    return s->best && s->distance <= (s->len < 6 ? 2 : s->len / 3) && s->distance < s->len ? s->best
                                                                                           : NULL;
}
