/* jobs_frame.h: the columns of one JOBS message, filled job by job without a malloc. */
#ifndef RUN_JOBS_FRAME_H
#define RUN_JOBS_FRAME_H

#include "base/buf.h"
#include "base/err.h"
#include "core/core.h"
#include "msg.h"

struct jobs_frame {
    uint32_t count, lane_count;
    uint64_t first_id, last_id;
    bool consecutive; /* ids are first_id, first_id + 256, ... */
    bool has_runs, has_attempts, has_timeouts, has_metas;
    uint32_t schedule_count; /* 0: no job is a run of a schedule, and its columns are not filled */
    struct slice args_run;   /* args not yet copied: they lie side by side in memory */
    uint32_t lane_ids[BATCH_JOBS_MAX];
    struct slice queues[BATCH_JOBS_MAX], kinds[BATCH_JOBS_MAX];
    uint8_t ids[BATCH_JOBS_MAX * 8];
    uint8_t runs[BATCH_JOBS_MAX * 4], lanes[BATCH_JOBS_MAX * 4], attempts[BATCH_JOBS_MAX * 4];
    uint8_t timeouts[BATCH_JOBS_MAX * 4], arg_lengths[BATCH_JOBS_MAX * 4];
    uint8_t meta_lengths[BATCH_JOBS_MAX * 4];
    struct slice schedules[BATCH_JOBS_MAX];
    uint8_t schedule_of[BATCH_JOBS_MAX * 4], nominals[BATCH_JOBS_MAX * 8];
    struct buf args, metas;
};

void jobs_frame_init(struct jobs_frame *f, size_t max_bytes);
void jobs_frame_fini(struct jobs_frame *f);
/* Fills in `ret` from the jobs; it borrows from the frame and the jobs. 0, or the buffers' error.
 */
int jobs_frame_fill(struct jobs_frame *f, const struct core *core, struct job *const *jobs,
                    uint32_t count, struct msg_jobs *ret) MUSTER_MUSTCHECK;

#endif
