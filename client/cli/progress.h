/* progress.h: a progress bar on stderr, when that is a terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;
    uint64_t total; /* 0: not known */
    uint64_t begun_ms, drawn_ms;
};

void progress_begin(struct progress *p, bool wanted, uint64_t total, uint64_t now_ms);
/* Draws it, at most ten times a second: done of total, and a count of things with the rate. */
void progress_show(struct progress *p, uint64_t done, uint64_t count, const char *what,
                   uint64_t now_ms);
/* Takes it off the screen. */
void progress_clear(struct progress *p);

#endif
