/* clock.h: the two clocks. Only who drives a pure machine reads them; time reaches the machines in
 * their events. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic microseconds. */
static inline uint64_t clock_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Monotonic milliseconds. */
static inline uint64_t clock_ms(void)
{
    return clock_us() / 1000;
}

/* Unix milliseconds. */
static inline uint64_t clock_wall_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

#endif
