/* progress.c: a line that is drawn over again. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH  30
#define REDRAW_MS  100
#define CLEAR_LINE "\r\033[K"

void progress_begin(struct progress *p, bool wanted, uint64_t total, uint64_t now_ms)
{
    *p = (struct progress){
        .shown = wanted && isatty(STDERR_FILENO), .total = total, .begun_ms = now_ms};
}

void progress_show(struct progress *p, uint64_t done, uint64_t count, const char *what,
                   uint64_t now_ms)
{
    if (!p->shown || now_ms - p->drawn_ms < REDRAW_MS)
        return;
    p->drawn_ms = now_ms;
    double seconds = (double)(now_ms - p->begun_ms) / 1000;
    double rate = seconds > 0 ? (double)count / seconds : 0;
    if (p->total == 0) {
        fprintf(stderr, CLEAR_LINE "%" PRIu64 " %s, %.0f/s", count, what, rate);
    } else {
        char bar[BAR_WIDTH + 1];
        double part = done < p->total ? (double)done / (double)p->total : 1;
        size_t full = (size_t)(part * BAR_WIDTH);
        memset(bar, '.', BAR_WIDTH);
        memset(bar, '#', full);
        bar[BAR_WIDTH] = '\0';
        fprintf(stderr, CLEAR_LINE "[%s] %3.0f %%  %" PRIu64 " %s, %.0f/s", bar, part * 100, count,
                what, rate);
    }
    (void)fflush(stderr);
}

void progress_clear(struct progress *p)
{
    if (p->shown && p->drawn_ms)
        fputs(CLEAR_LINE, stderr);
}
