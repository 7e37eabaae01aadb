/* cancel_cursor.h: where a slice of a cancel by filter ended, as bytes that clients give back. They
 * hold for as long as the data folder does, over restarts of the broker. */
#ifndef RUN_CANCEL_CURSOR_H
#define RUN_CANCEL_CURSOR_H

#include "core/batch.h"

#define CANCEL_CURSOR_BYTES 23

void cancel_cursor_encode(const struct match_at *at, uint64_t upto,
                          uint8_t ret[CANCEL_CURSOR_BYTES]);
/* 0 or MUSTER_EINVAL: these are not bytes that the above has made. */
int cancel_cursor_decode(struct slice bytes, struct match_at *ret_at, uint64_t *ret_upto);

#endif
