/* reply_schedules.h: the bodies of answers about schedules. Times are Unix ms. Errors stay in the
 * buffer. */
#ifndef RUN_REPLY_SCHEDULES_H
#define RUN_REPLY_SCHEDULES_H

#include "base/buf.h"
#include "core/action.h"

/* {put, changed} */
void reply_put(struct buf *out, uint32_t count, uint32_t changed);

struct schedule_page {
    uint64_t now_ms, epoch, revision, newest;
    bool reset;
    const struct schedule_view *views; /* by rising revision */
    uint32_t count;
};
/* {now, epoch, revision, newest, reset, schedules} */
void reply_schedules(struct buf *out, const struct schedule_page *page);

/* [{name, code}], one a name; no error: nil. */
void reply_acts(struct buf *out, const struct slice *names, const int *errors, uint32_t count);

struct fire_answers {
    uint32_t count;
    const uint8_t *verdicts, *reasons;
    const uint64_t *through_ms, *jobs;
};
/* {now, verdicts, reasons, through, jobs}: columns */
void reply_fire(struct buf *out, uint64_t now_ms, const struct fire_answers *answers);

/* [{nominal, judged, verdict, reason, job, first, count}] */
void reply_ledger(struct buf *out, const struct ledger_row *rows, uint32_t count);

#endif
