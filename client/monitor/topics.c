/* topics.c: words of the command line as prefixes of topics. */
#include "monitor/topics.h"

#include "base/nearest.h"

/* With a dot at the end: a queue's name follows. */
#define DOT_0 ""
#define DOT_1 "."
static const char *const known[] = {
#define TOPIC(symbol, name, has_queue) name DOT_##has_queue,
#include "base/topic.def"
    "broker.stats",
    "broker.beat",
};
#define KNOWN_COUNT (sizeof known / sizeof known[0])

void topics_default(struct topics *t)
{
    *t = (struct topics){.words = {"job.", "worker.", "queue.", "schedule."}, .count = 4};
}

/* The word goes on behind the known topic: it names a queue. */
static bool names_queue(const char *word, const char *topic)
{
    size_t len = strlen(topic);
    return topic[len - 1] == '.' && strncmp(word, topic, len) == 0 && word[len];
}

bool topics_add(struct topics *t, const char *word, const char **ret_near)
{
    struct nearest best;
    nearest_init(&best, slice_str(word));
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        bool fits = strncmp(known[i], word, strlen(word)) == 0 || names_queue(word, known[i]);
        if (fits && t->count < TOPICS_WORDS_MAX) {
            t->words[t->count++] = word;
            return true;
        }
        nearest_offer(&best, known[i]);
    }
    *ret_near = nearest_close(&best);
    return false;
}

static bool word_wants(const char *word, struct slice topic)
{
    size_t len = strlen(word);
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if (names_queue(word, known[i]))
            return slice_is(topic, word);
    return topic.len >= len && memcmp(topic.data, word, len) == 0;
}

bool topics_want(const struct topics *t, struct slice topic)
{
    for (size_t i = 0; i < t->count; i++)
        if (word_wants(t->words[i], topic))
            return true;
    return false;
}
