/* nearest.c: the distance of two words by mistakes of typing. */
#include "base/nearest.h"

#include <limits.h>

#define WORD_MAX 48 /* bytes that are compared; longer words are no typing mistakes */

void nearest_init(struct nearest *n, struct slice word)
{
    *n = (struct nearest){.word = word, .distance = UINT_MAX};
}

/* Without the C library's locale. */
static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool same(struct slice a, size_t i, struct slice b, size_t j)
{
    return lower(a.data[i]) == lower(b.data[j]);
}

static bool begins_with(struct slice text, struct slice word)
{
    size_t i = 0;
    while (i < word.len && i < text.len && same(text, i, word, i))
        i++;
    return i == word.len;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* Damerau and Levenshtein, without a second edit of what was swapped; d[i][j] is the distance of
 * the first i letters of one to the first j of the other. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned d[WORD_MAX + 1][WORD_MAX + 1];
    for (unsigned i = 0; i <= a.len; i++)
        d[i][0] = i;
    for (unsigned j = 0; j <= b.len; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        for (size_t j = 1; j <= b.len; j++) {
            unsigned replaced = d[i - 1][j - 1] + !same(a, i - 1, b, j - 1);
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, replaced);
            if (i > 1 && j > 1 && same(a, i - 1, b, j - 2) && same(a, i - 2, b, j - 1) &&
                d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    }
    return d[a.len][b.len];
}

static struct slice cut(struct slice s)
{
    return slice_of(s.data, s.len < WORD_MAX ? s.len : WORD_MAX);
}

void nearest_offer_as(struct nearest *n, const char *written, const char *candidate)
{
    struct slice text = slice_str(written);
    unsigned d = distance(cut(n->word), cut(text));
    if (n->word.len >= 3 && text.len > n->word.len && begins_with(text, n->word))
        d = 1;
    if (d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}

void nearest_offer(struct nearest *n, const char *candidate)
{
    nearest_offer_as(n, candidate, candidate);
}

const char *nearest_close(const struct nearest *n)
{
    size_t len = n->word.len;
    bool close =
        n->best && len <= WORD_MAX && n->distance <= (len < 6 ? 1 : len / 3) && n->distance < len;
    return close ? n->best : NULL;
}
