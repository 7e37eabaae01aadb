/* done_frame.h: the columns of one DONE message. */
#ifndef RUN_DONE_FRAME_H
#define RUN_DONE_FRAME_H

#include "base/buf.h"
#include "core/batch.h"
#include "msg.h"

/* Fills in `ret` with as many of the rows as one message takes (at least one), and returns how
 * many. The message borrows from `scratch` until it is used again. */
uint32_t done_frame_fill(struct buf *scratch, const struct done_row *rows, uint32_t count,
                         struct msg_done *ret);

#endif
