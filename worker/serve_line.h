/* serve_line.h: the lines between the worker and a child of --serve: a job out, an answer in, by
 * the table of docs/exec.md. Knows no processes. */
#ifndef WORKER_SERVE_LINE_H
#define WORKER_SERVE_LINE_H

#include <muster/worker.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#define SERVE_CODE_BYTES    (CODE_MAX_BYTES + 1)
#define SERVE_MESSAGE_BYTES (MESSAGE_MAX_BYTES + 1)

enum serve_verdict {
    SERVE_OK,
    SERVE_ERROR,
    SERVE_SNOOZE,
    SERVE_PARK,
    SERVE_DISCARD,
    SERVE_RELEASE,
    SERVE_VERDICTS
};

/* One answer. */
struct serve_answer {
    struct slice id; /* borrows from the scratch buffer, as `result` does */
    enum serve_verdict verdict;
    struct slice result;                                       /* SERVE_OK: one msgpack value */
    char code[SERVE_CODE_BYTES], message[SERVE_MESSAGE_BYTES]; /* ERROR and PARK, as lines */
    uint64_t delay_ms; /* ERROR: retry_after; SNOOZE; 0: the job's own */
};

/* Appends the job as one line with its newline. 0, MUSTER_EPROTO when the args are not one msgpack
 * value, or the buffer's error. */
int serve_line_job(muster_run_t *run, struct buf *out) MUSTER_MUSTCHECK;

/* Reads an answer, without its newline; `scratch` is emptied first and holds what *ret borrows. 0;
 * MUSTER_EINVAL with the reason in `why`; MUSTER_ETOOBIG when it is larger than `scratch` may be;
 * MUSTER_ENOMEM. */
int serve_line_answer(struct slice line, struct buf *scratch, struct serve_answer *ret, char *why,
                      size_t why_size) MUSTER_MUSTCHECK;

/* True when nothing but white space is in the line. */
bool serve_line_blank(struct slice line);
/* The most bytes of a line that may be an answer, for results of up to `result_max` bytes. */
size_t serve_line_max(size_t result_max);

#endif
