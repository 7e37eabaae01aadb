/* history_row.h: what writer and reader of packed history rows share. */
#ifndef STORE_HISTORY_ROW_H
#define STORE_HISTORY_ROW_H

#define HISTORY_ROW_HEAD 24 /* u32 jobs, u32 bytes of names, u64 base time, u64 newest time */

/* Fields of a job that are there when they say something. */
enum history_mask {
    HISTORY_STARTED = 1,
    HISTORY_RUN = 2,
    HISTORY_FAILURES = 4,
    HISTORY_LOSSES = 8,
    HISTORY_ATTEMPTS = 16,
    HISTORY_WORKER = 32,
    HISTORY_REASON = 64,
    HISTORY_RESULT = 128,
    HISTORY_SPEC = 256,
    HISTORY_LAST = 512,
    HISTORY_EARLIER = 1024,
    HISTORY_MASK_MAX = 2047,
};

#endif
