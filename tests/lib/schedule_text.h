/* schedule_text.h: definitions of schedules as tests write them. To the core and the store they are
 * bytes that somebody else reads; here they are a struct, byte for byte. */
#ifndef LIB_SCHEDULE_TEXT_H
#define LIB_SCHEDULE_TEXT_H

#include "core/schedule_def.h"

struct schedule_text {
    char name[32], cron[32], queue[16], kind[16], args[32];
    uint64_t every_s, delay_ms, expires_in_ms, window_ms, jitter_ms;
    uint8_t priority, overlap, catch_up;
    bool paused;
    uint32_t salt; /* makes another definition of it that is due at the same times */
};

/* Queue q, kind a, skip, a window of an hour. */
void schedule_text_default(struct schedule_text *ret, const char *name);
/* Slices lie in `bytes`, which may be longer than the struct. False: they are no definition. */
bool schedule_text_read(struct slice bytes, struct schedule_def *ret);

#endif
