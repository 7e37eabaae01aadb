/* reply.h: jobs, queues, workers and figures as msgpack maps with the names that people see in
 * JSON. Errors stay in the buffer. */
#ifndef RUN_REPLY_H
#define RUN_REPLY_H

#include "run/broker.h"

/* nil for a job that is not found; {id, error} for one of which only an error is known. */
void reply_job(struct buf *out, const struct job_view *view);
void reply_jobs(struct buf *out, const struct job_view *views, uint32_t count);
/* {cancelled, running} */
void reply_cancelled(struct buf *out, uint64_t count, uint64_t running);
void reply_queues(struct buf *out, const struct queue_view *queues, uint32_t count);
void reply_workers(struct buf *out, const struct core *core);
void reply_stats(struct buf *out, const struct broker *b, const struct queue_view *queues,
                 uint32_t count);
/* Pairs of a map: rates and latencies. */
#define REPLY_FIGURES 9
void reply_figures(struct buf *out, const struct figures *figures);
/* {queues, workers} */
void reply_snapshot(struct buf *out, const struct core *core, const struct queue_view *queues,
                    uint32_t count);

#endif
