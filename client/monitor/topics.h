/* topics.h: which topics of the feed somebody wants. A word is a prefix ("job", "job.failed",
 * "worker"); one that names a queue too ("job.failed.default") is that topic alone. */
#ifndef MONITOR_TOPICS_H
#define MONITOR_TOPICS_H

#include "base/slice.h"

#define TOPICS_WORDS_MAX 64

struct topics {
    const char *words[TOPICS_WORDS_MAX]; /* borrowed */
    size_t count;
};

/* Everything that happens to jobs, workers and queues. */
void topics_default(struct topics *t);
/* Adds a word. False when no topic can begin so; *ret_near is then the likeliest, or NULL. */
bool topics_add(struct topics *t, const char *word, const char **ret_near);
bool topics_want(const struct topics *t, struct slice topic);

#endif
