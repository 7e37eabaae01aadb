/* clock.h: the two clocks. Read once a turn, by the loop. */
#ifndef RUN_CLOCK_H
#define RUN_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline uint64_t clock_mono_ms(void)
{
    return clock_read_ms(CLOCK_MONOTONIC);
}

/* Unix milliseconds. */
static inline uint64_t clock_wall_ms(void)
{
    return clock_read_ms(CLOCK_REALTIME);
}

static inline uint64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

#endif
